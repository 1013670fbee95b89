//! Names that signs mark: addresses, handles, quotation marks.

use super::{Entity, Sort};

/// The most characters between quotation marks.
const QUOTED: usize = 60;

const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\u{201c}', '\u{201d}'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
];

/// In the order of the text.
pub(super) fn entities(text: &str) -> Vec<Entity> {
    let mut found: Vec<Entity> = Vec::new();
    let mut end = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let last = std::mem::replace(&mut before, c);
        if at < end {
            continue;
        }
        let entity = match c {
            '@' => address(text, at, end),
            'h' if !last.is_alphanumeric() => url(text, at),
            _ => quoted(text, at, c, last),
        };
        if let Some(entity) = entity {
            end = entity.span.end;
            found.push(entity);
        }
    }
    found
}

/// The bytes from `at` on for which a test holds, at most `most`.
fn run(text: &str, at: usize, most: usize, test: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes().get(at..).unwrap_or_default();
    bytes.iter().take(most).take_while(|b| test(**b)).count()
}

/// Mail or a handle, around an `@`.
fn address(text: &str, at: usize, from: usize) -> Option<Entity> {
    let local = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
    let before = text.as_bytes().get(from..at)?;
    let left = before
        .iter()
        .rev()
        .take(65)
        .take_while(|b| local(**b))
        .count();
    let length = run(text, at + 1, 255, |b| {
        b.is_ascii_alphanumeric() || b"._-".contains(&b)
    });
    let right = text
        .get(at + 1..at + 1 + length)?
        .trim_end_matches(['.', '-']);
    let (start, sort) = match left {
        0 => (at, Sort::Handle),
        1..=64 => (at - left, Sort::Email),
        _ => return None,
    };
    let domain = right.split('.').count() > 1 && right.split('.').all(|part| !part.is_empty());
    let fits = match sort {
        Sort::Email => domain,
        _ => right.len() > 1 && right.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
    };
    fits.then_some(())?;
    let span = start..at + 1 + right.len();
    let name = text.get(span.clone())?.to_owned();
    Some(Entity { span, sort, name })
}

fn url(text: &str, at: usize) -> Option<Entity> {
    let rest = text.get(at..)?;
    let scheme = ["https://", "http://"]
        .iter()
        .find(|s| rest.starts_with(**s))?;
    let length = run(text, at, 2_048, |b| {
        b.is_ascii_graphic() && !b"\"'<>`".contains(&b)
    });
    let name = rest
        .get(..length)?
        .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']);
    (name.len() > scheme.len()).then(|| Entity {
        span: at..at + name.len(),
        sort: Sort::Url,
        name: name.into(),
    })
}

fn quoted(text: &str, at: usize, open: char, last: char) -> Option<Entity> {
    let (_, close) = QUOTES.iter().find(|(o, _)| *o == open)?;
    (open != '"' || last.is_whitespace() || "([:\u{ff1a}".contains(last)).then_some(())?;
    let inner = text.get(at + open.len_utf8()..)?;
    let mut chars = inner.char_indices().take(QUOTED + 1);
    let (length, _) = chars
        .find(|(_, c)| c == close || *c == '\n')
        .filter(|(_, c)| c == close)?;
    let name = inner.get(..length)?;
    let title = open == '《';
    let ends = |c| ".,!?;:。，！？；：…".contains(c);
    let named = name.starts_with(|c: char| c.is_uppercase() || super::super::tokens::is_han(c));
    let short = name.split_whitespace().count() <= 6 && name.trim() == name;
    (!name.trim().is_empty() && (title || (named && short && !name.contains(ends)))).then(|| {
        Entity {
            span: at..at + open.len_utf8() + length + close.len_utf8(),
            sort: if title { Sort::Title } else { Sort::Quoted },
            name: name.trim().into(),
        }
    })
}
