//! A question as tokens: words with their stems, numbers, quoted texts; and the forms by which texts are compared.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word, a number or a quoted text of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// As it was written.
    pub text: String,
    /// In lower case, without accents.
    pub lower: String,
    /// Its English stem.
    pub stem: String,
    /// The number that it is.
    pub number: Option<f64>,
    /// It stood in quotes.
    pub quoted: bool,
    /// It begins with a capital letter.
    pub capital: bool,
    /// Where it stands, in bytes of the question.
    pub range: std::ops::Range<usize>,
}

/// Forms of verbs that no ending shows.
const IRREGULAR: &[(&str, &str)] = &[
    ("bought", "buy"),
    ("sold", "sell"),
    ("taught", "teach"),
    ("taken", "take"),
    ("took", "take"),
    ("wrote", "write"),
    ("written", "write"),
    ("paid", "pay"),
    ("sent", "send"),
];

/// The stem of an English word in lower case.
pub fn stem(word: &str) -> String {
    let regular = IRREGULAR.iter().find(|(form, _)| *form == word);
    let word = regular.map_or(word, |(_, verb)| verb);
    if word.is_ascii() && word.len() < 40 {
        Stemmer::create(Algorithm::English).stem(word).into_owned()
    } else {
        word.to_owned()
    }
}

/// One form for texts that differ in case, accents, punctuation or spaces only.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut space = false;
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        if c.is_alphanumeric() {
            if space && !folded.is_empty() {
                folded.push(' ');
            }
            space = false;
            folded.extend(c.to_lowercase());
        } else if c != '\'' && c != '\u{2019}' {
            space = true;
        }
    }
    folded
}

/// FNV-1a.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How many characters of a question are read.
pub const LONGEST: usize = 2_000;

/// The tokens of a question; contractions are written out, `'s` is left away.
pub fn tokens(question: &str) -> Vec<Token> {
    let question: String = question.chars().take(LONGEST).collect();
    let letters: Vec<(usize, char)> = question.char_indices().collect();
    let mut all = Vec::new();
    let mut i = 0;
    while i < letters.len() {
        let (start, c) = letters[i];
        if let Some(end) = closing(&letters, i) {
            let (from, to) = (letters[i + 1].0, letters[end].0);
            if !question[from..to].trim().is_empty() {
                all.push(token(question[from..to].trim(), start..to + 1, true));
            }
            i = end + 1;
        } else if is_han(c) {
            all.push(token(&c.to_string(), start..start + c.len_utf8(), false));
            i += 1;
        } else if c.is_alphanumeric() {
            let mut end = i + 1;
            let number = c.is_ascii_digit();
            while end < letters.len() {
                let d = letters[end].1;
                let next = letters.get(end + 1).map(|l| l.1);
                let inside = next.is_some_and(|n| n.is_ascii_digit()) && number;
                let goes_on = d.is_alphanumeric() && !is_han(d)
                    || d == '_'
                    || d == '@' && next.is_some_and(char::is_alphanumeric)
                    || d == '.'
                        && next.is_some_and(char::is_alphanumeric)
                        && letters[i..end].iter().any(|l| l.1 == '@')
                    || inside && matches!(d, '.' | '-' | '/' | ':')
                    || inside && d == ',' && thousands(&letters, end)
                    || matches!(d, '\'' | '\u{2019}') && next.is_some_and(char::is_alphabetic);
                if !goes_on {
                    break;
                }
                end += 1;
            }
            let to = letters.get(end).map_or(question.len(), |l| l.0);
            words_of(&question[start..to], start..to, &mut all);
            i = end;
        } else {
            if matches!(c, ',' | ';' | '，' | '、' | '?' | '.' | '。' | '？' | '%') {
                let mark = match c {
                    '，' | '、' => ",",
                    '？' => "?",
                    '。' => ".",
                    _ => &question[start..start + c.len_utf8()],
                };
                all.push(token(mark, start..start + c.len_utf8(), false));
            }
            i += 1;
        }
    }
    all
}

fn thousands(letters: &[(usize, char)], comma: usize) -> bool {
    let digits = letters[comma + 1..].iter();
    digits.take_while(|l| l.1.is_ascii_digit()).count() == 3
}

/// Han characters, which have no spaces between words.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The place of the quote that ends the text that a quote at `i` begins.
fn closing(letters: &[(usize, char)], i: usize) -> Option<usize> {
    let c = letters[i].1;
    let ends: &[char] = match c {
        '"' => &['"'],
        '\u{201c}' | '\u{201d}' => &['\u{201d}', '\u{201c}', '"'],
        '\u{2018}' => &['\u{2019}', '\''],
        '\'' | '`' => &['\'', '\u{2019}'],
        '「' => &['」'],
        '『' => &['』'],
        '《' => &['》'],
        _ => return None,
    };
    let before = i.checked_sub(1).map(|j| letters[j].1);
    let single = matches!(c, '\'' | '\u{2018}' | '`');
    if single && before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    (i + 1..letters.len().min(i + 200)).find(|&j| {
        let after = letters.get(j + 1).map(|l| l.1);
        ends.contains(&letters[j].1)
            && j > i + 1
            && (!single || !after.is_some_and(char::is_alphanumeric))
    })
}

fn words_of(text: &str, range: std::ops::Range<usize>, all: &mut Vec<Token>) {
    let plain = text.replace('\u{2019}', "'");
    let lower = plain.to_lowercase();
    if let Some(stripped) = lower.strip_suffix("n't") {
        let full = match stripped {
            "ca" => "can",
            "wo" => "will",
            other => other,
        };
        all.push(token(full, range.clone(), false));
        all.push(token("not", range, false));
        return;
    }
    let cut = ["'s", "'re", "'ve", "'d", "'ll"]
        .iter()
        .find(|end| lower.ends_with(**end) && plain.is_ascii());
    let bare = cut.map_or(plain.as_str(), |end| &plain[..plain.len() - end.len()]);
    for part in bare.split('_') {
        if !part.is_empty() {
            all.push(token(part, range.clone(), false));
        }
    }
}

fn token(text: &str, range: std::ops::Range<usize>, quoted: bool) -> Token {
    let lower = if quoted {
        text.to_lowercase()
    } else {
        fold_mark(text)
    };
    Token {
        stem: stem(&lower),
        number: if quoted { None } else { number(&lower) },
        capital: text.chars().next().is_some_and(char::is_uppercase),
        text: text.to_owned(),
        lower,
        quoted,
        range,
    }
}

fn fold_mark(text: &str) -> String {
    if text.chars().all(|c| !c.is_alphanumeric()) {
        return text.to_owned();
    }
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The number that a word is.
fn number(word: &str) -> Option<f64> {
    const WORDS: &[(&str, f64)] = &[
        ("one", 1.0),
        ("two", 2.0),
        ("three", 3.0),
        ("four", 4.0),
        ("five", 5.0),
        ("six", 6.0),
        ("seven", 7.0),
        ("eight", 8.0),
        ("nine", 9.0),
        ("ten", 10.0),
        ("eleven", 11.0),
        ("twelve", 12.0),
        ("twenty", 20.0),
        ("thirty", 30.0),
        ("fifty", 50.0),
        ("hundred", 100.0),
        ("thousand", 1000.0),
        ("million", 1e6),
        ("zero", 0.0),
        ("once", 1.0),
        ("twice", 2.0),
    ];
    if let Some((_, n)) = WORDS.iter().find(|(w, _)| *w == word) {
        return Some(*n);
    }
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = word.replace(',', "");
    if let Ok(n) = plain.parse::<f64>() {
        return n.is_finite().then_some(n);
    }
    let (digits, scale) = [("k", 1e3), ("m", 1e6), ("bn", 1e9)]
        .iter()
        .find_map(|(end, scale)| Some((plain.strip_suffix(end)?, *scale)))?;
    digits.parse::<f64>().ok().map(|n| n * scale)
}
