//! What words may mean that are no names: values of columns, texts, numbers, dates.

use super::super::catalog::{Catalog, ColumnKind, words};
use super::super::ir::Literal;
use super::super::place::ColumnRef;
use super::super::tokens::{Token, fold};
use super::{Meaning, Mention};

/// Adds what the words from here on may mean.
pub fn values(catalog: &Catalog, tokens: &[Token], start: usize, all: &mut Vec<Mention>) {
    let first = &tokens[start];
    if first.quoted {
        let found = found(catalog, &fold(&first.text));
        let kind = if found.is_empty() {
            Meaning::Text(first.text.clone())
        } else {
            Meaning::Value(found)
        };
        all.push(Mention {
            start,
            end: start + 1,
            kind,
            score: 1.0,
        });
        all.push(Mention {
            start,
            end: start + 1,
            kind: Meaning::Text(first.text.clone()),
            score: 0.5,
        });
        return;
    }
    if let Some(date) = date(&first.lower) {
        all.push(Mention {
            start,
            end: start + 1,
            kind: Meaning::Date(date),
            score: 1.0,
        });
    }
    if let Some(number) = first.number {
        all.push(Mention {
            start,
            end: start + 1,
            kind: Meaning::Number(number),
            score: 1.0,
        });
    }
    let mut text = String::new();
    for end in start + 1..=tokens.len().min(start + 8) {
        let token = &tokens[end - 1];
        if token.quoted || !token.lower.contains(char::is_alphanumeric) && token.lower != "," {
            break;
        }
        if token.lower == "," {
            if end == start + 1 {
                break;
            }
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&fold(&token.text));
        let single = end == start + 1;
        let plain =
            single && !first.capital && (text.len() < 2 || STOP.contains(&first.lower.as_str()));
        if plain {
            continue;
        }
        let mut found = found(catalog, &text);
        if found.is_empty() && single {
            found = gender(catalog, &first.lower);
        }
        // What a word of Chinese is in English.
        if found.is_empty() && single && !text.is_ascii() && first.lower.is_ascii() {
            found = self::found(catalog, &first.lower);
        }
        if found.is_empty() && text.len() > 3 && text.ends_with('s') {
            found = self::found(catalog, text.trim_end_matches('s'));
        }
        if found.is_empty() && single && first.stem != first.lower {
            found = self::found(catalog, &first.stem);
        }
        if !found.is_empty() {
            all.push(Mention {
                start,
                end,
                kind: Meaning::Value(found),
                score: (end - start) as f32,
            });
        }
    }
    // Names that stand in no column: words with capitals inside the question.
    if first.capital && start > 0 && first.number.is_none() {
        let mut end = start;
        while end < tokens.len()
            && end < start + 5
            && (tokens[end].capital || tokens[end].number.is_some() && end > start)
            && !tokens[end].quoted
        {
            end += 1;
        }
        let text: String = tokens[start..end]
            .iter()
            .map(|t| t.text.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        all.push(Mention {
            start,
            end,
            kind: Meaning::Text(text),
            score: 0.4,
        });
    }
}

const STOP: &[&str] = &[
    "a", "an", "the", "of", "in", "on", "at", "to", "for", "and", "or", "is", "are", "was", "were",
    "be", "do", "does", "did", "what", "which", "who", "how", "many", "much", "that", "with", "by",
    "from", "it", "its", "their", "there", "have", "has", "had", "all", "any", "each", "list",
    "show", "find", "give", "me", "name", "no", "not", "as", "than", "more", "most", "least",
    "less", "i", "we", "you", "they", "them",
];

/// Words for the sexes, which the data may write in another way.
const SEXES: &[&[&str]] = &[
    &["female", "woman", "women", "girl", "girls", "f"],
    &["male", "man", "men", "boy", "boys", "m"],
];

fn gender(catalog: &Catalog, word: &str) -> Vec<(ColumnRef, String)> {
    let words_of = SEXES
        .iter()
        .find(|all| all.contains(&word) && word.len() > 1);
    let others = words_of.into_iter().flat_map(|all| all.iter());
    let is_sex = |c: &ColumnRef| {
        let name = words(&catalog.at(*c).name);
        name.iter().any(|w| w == "gender" || w == "sex")
    };
    let values = others.flat_map(|other| found(catalog, other));
    values.filter(|(c, _)| is_sex(c)).collect()
}

/// The columns that have a text, each once.
pub fn found(catalog: &Catalog, folded: &str) -> Vec<(ColumnRef, String)> {
    let mut all: Vec<(ColumnRef, String)> = Vec::new();
    for (column, text) in catalog.values.find(folded).take(40) {
        if !all.iter().any(|(c, _)| *c == column) && all.len() < 12 {
            all.push((column, text.to_owned()));
        }
    }
    all
}

fn date(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split(['-', '/']).collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    (year.len() == 4 && parts.iter().all(|p| p.parse::<u32>().is_ok()))
        .then(|| format!("{year}-{month:0>2}-{day:0>2}"))
}

/// A literal for what stands in the data.
pub fn literal(catalog: &Catalog, column: ColumnRef, text: &str) -> Literal {
    match catalog.at(column).kind {
        ColumnKind::Integer | ColumnKind::Real => text
            .parse()
            .map_or_else(|_| Literal::Text(text.to_owned()), Literal::Number),
        _ => Literal::Text(text.to_owned()),
    }
}
