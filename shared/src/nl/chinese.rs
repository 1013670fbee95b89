//! Chinese questions as tokens: words of the language become those of English that the reader knows, names are found
//! as they stand in the data, or by their sound.

mod order;

use std::ops::Range;

use super::chinese_names::NAMES;
use super::chinese_words::{SOUNDS, WORDS};
use super::tokens::{Token, fold, is_han, stem, tokens};
use order::in_order;

/// Longest word, in characters.
const LONGEST: usize = 12;

/// True if a question is to be read here.
pub fn is_chinese(question: &str) -> bool {
    question.chars().any(is_han)
}

/// The tokens of a question, and where it has characters that mean nothing here. `known` says whether a text is a name or a value of the database, `sounds` finds the value
/// that a name sounds like; `thing` and `measure` say whether a word is one of a table, or of a column of numbers.
pub fn chinese_tokens(
    question: &str,
    known: &dyn Fn(&str) -> bool,
    sounds: &dyn Fn(&str) -> Option<String>,
    thing: &dyn Fn(&str) -> bool,
    measure: &dyn Fn(&str) -> bool,
) -> (Vec<Token>, Vec<Range<usize>>) {
    let mut all: Vec<Vec<Token>> = Vec::new();
    let mut strange: Vec<Range<usize>> = Vec::new();
    let plain = tokens(question);
    let mut i = 0;
    while i < plain.len() {
        let token = &plain[i];
        let han = !token.quoted && token.text.chars().all(is_han);
        if !han {
            all.push(vec![token.clone()]);
            i += 1;
            continue;
        }
        let run = plain[i..]
            .iter()
            .take_while(|t| !t.quoted && t.text.chars().all(is_han))
            .count();
        let most = run.min(LONGEST);
        let joined = |n: usize| {
            plain[i..i + n]
                .iter()
                .map(|t| t.text.as_str())
                .collect::<String>()
        };
        let word = (1..=most).rev().find_map(|n| {
            let text = joined(n);
            if known(&text) {
                return Some((n, vec![made(&plain[i], &text, &text)]));
            }
            if let Some(name) = english(&text).find(|name| known(name)) {
                return Some((n, vec![named(&plain[i], name)]));
            }
            let found = WORDS
                .binary_search_by(|(w, _)| (*w).cmp(text.as_str()))
                .ok()?;
            // 平均成绩 is a word, and so is 平均分 in 平均分数, but 平均 is of what is called 成绩 or 分数.
            let name_follows = |m: &usize| {
                let ends = (i + n).max(i + m + 2)..=i + run;
                ends.into_iter().any(|end| {
                    let name: String = plain[i + m..end].iter().map(|t| t.text.as_str()).collect();
                    known(&name)
                })
            };
            if (1..n).any(|m| is_word(&plain[i..i + m]) && name_follows(&m)) {
                return None;
            }
            // 老师 is who stands in the table 教师.
            let meant = WORDS[found].1;
            let same = WORDS
                .iter()
                .find(|(w, e)| *e == meant && known(w) && thing(w));
            if let Some((name, _)) = same.filter(|_| !meant.is_empty() && !known(meant)) {
                return Some((n, vec![made(&plain[i], &text, name)]));
            }
            let english = meant.split(' ').filter(|w| !w.is_empty());
            Some((n, english.map(|w| made(&plain[i], &text, w)).collect()))
        });
        // A name by its sound: the longest run of characters that names are written with.
        let spoken = plain[i..]
            .iter()
            .take(most)
            .take_while(|t| sound(&t.text).is_some())
            .count();
        // It does not go into a word of the language: 比平均 is no name.
        let goes_into_word = |n: usize| {
            let starts = i + 1..i + n;
            starts.clone().any(|at| {
                let ends = at + 2..=(i + run).min(at + 4);
                ends.into_iter().any(|end| is_word(&plain[at..end]))
            })
        };
        let name = (2..=spoken)
            .rev()
            .filter(|n| word.as_ref().is_none_or(|(m, _)| n > m) && !goes_into_word(*n))
            .find_map(|n| {
                let value = sounds(&joined(n))?;
                Some((n, vec![named(&plain[i], &value)]))
            });
        let (used, mut made) = match (name, word) {
            (Some(name), _) => name,
            (None, Some(word)) => word,
            (None, None) => match digit(&plain[i]) {
                Some(digit) => (1, vec![digit]),
                None => {
                    let range = &plain[i].range;
                    // Those beside each other are one word.
                    match strange.last_mut().filter(|last| last.end == range.start) {
                        Some(last) => last.end = range.end,
                        None => strange.push(range.clone()),
                    }
                    (1, Vec::new())
                }
            },
        };
        for token in &mut made {
            token.range = plain[i].range.start..plain[i + used - 1].range.end;
        }
        if !made.is_empty() {
            all.push(made);
        }
        i += used;
    }
    (in_order(all, thing, measure), strange)
}

/// Whether characters are a word of the language.
fn is_word(characters: &[Token]) -> bool {
    let text: String = characters.iter().map(|t| t.text.as_str()).collect();
    WORDS.binary_search_by(|(w, _)| (*w).cmp(&text)).is_ok()
}

/// What a name is called in English.
fn english(name: &str) -> impl Iterator<Item = &'static str> {
    let found = NAMES.binary_search_by(|(n, _)| (*n).cmp(name)).ok();
    found.into_iter().flat_map(|i| NAMES[i].1.split('|'))
}

fn made(from: &Token, text: &str, word: &str) -> Token {
    Token {
        text: text.to_owned(),
        lower: word.to_owned(),
        stem: stem(word),
        number: None,
        quoted: false,
        capital: false,
        range: from.range.clone(),
    }
}

fn named(from: &Token, value: &str) -> Token {
    Token {
        text: value.to_owned(),
        lower: fold(value),
        stem: fold(value),
        number: None,
        quoted: false,
        capital: true,
        range: from.range.clone(),
    }
}

fn digit(from: &Token) -> Option<Token> {
    let place = "零一二三四五六七八九十"
        .chars()
        .position(|c| from.text.starts_with(c));
    let number = place.or(from.text.starts_with('两').then_some(2))?;
    Some(Token {
        lower: number.to_string(),
        stem: number.to_string(),
        number: Some(number as f64),
        ..made(from, &from.text, "")
    })
}

/// The sound of a character that foreign names are written with, in pinyin.
fn sound(character: &str) -> Option<&'static str> {
    SOUNDS
        .iter()
        .find(|(_, all)| all.contains(character))
        .map(|(sound, _)| *sound)
}

/// The consonants of a name in Chinese.
pub fn chinese_consonants(name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let letters: Vec<char> = name.chars().collect();
    for (i, c) in letters.iter().enumerate() {
        // "New", "North", "South" are translated.
        let meaning = match c {
            '新' if i == 0 => Some("nw"),
            '北' if i == 0 => Some("nld"),
            '南' if i == 0 => Some("sd"),
            _ => None,
        };
        if let Some(meaning) = meaning {
            all.extend(meaning.bytes());
            continue;
        }
        let Some(pinyin) = sound(c.encode_utf8(&mut [0; 4])) else {
            continue;
        };
        let first = match pinyin.as_bytes() {
            b"er" => Some(b'l'),
            [b'b' | b'p', ..] => Some(b'b'),
            [b'd' | b't', ..] => Some(b'd'),
            [b'g' | b'k', ..] => Some(b'g'),
            [b'j' | b'q', ..] => Some(b'j'),
            [b'x' | b'z' | b'c' | b's', ..] => Some(b's'),
            [b'h', ..] => Some(b'h'),
            [b'f', ..] => Some(b'f'),
            [b'l' | b'r', ..] => Some(b'l'),
            [b'm', ..] => Some(b'm'),
            [b'n', ..] => Some(b'n'),
            [b'w', ..] => Some(b'w'),
            _ => None,
        };
        all.extend(first);
        if pinyin.ends_with('n') || pinyin.ends_with("ng") {
            all.push(b'n');
        }
    }
    all
}

/// The consonants of a name in Latin letters, as Chinese can say them.
pub fn latin_consonants(name: &str) -> Vec<u8> {
    let letters: Vec<u8> = fold(name).into_bytes();
    let mut all: Vec<u8> = Vec::new();
    let mut i = 0;
    while i < letters.len() {
        let c = letters[i];
        let next = letters.get(i + 1).copied().unwrap_or(b' ');
        let soft = matches!(next, b'e' | b'i' | b'y');
        let (class, used) = match (c, next) {
            (b't', b'h') => (Some(b's'), 2),
            (b's' | b'c', b'h') => (Some(b's'), 2),
            (b'p', b'h') => (Some(b'f'), 2),
            (b'g', b'h') => (None, 2),
            (b'c', b'k') => (Some(b'g'), 2),
            (b'b' | b'p', _) => (Some(b'b'), 1),
            (b'd' | b't', _) => (Some(b'd'), 1),
            (b'c', _) if soft => (Some(b's'), 1),
            (b'g', _) if soft => (Some(b'j'), 1),
            (b'x', _) => {
                all.push(b'g');
                (Some(b's'), 1)
            }
            (b'g' | b'k' | b'c' | b'q', _) => (Some(b'g'), 1),
            (b'j', _) => (Some(b'j'), 1),
            (b's' | b'z', _) => (Some(b's'), 1),
            (b'f', _) => (Some(b'f'), 1),
            (b'h', b'a' | b'e' | b'i' | b'o' | b'u') => (Some(b'h'), 1),
            (b'l' | b'r', _) => (Some(b'l'), 1),
            (b'm', _) => (Some(b'm'), 1),
            (b'n', _) => (Some(b'n'), 1),
            (b'v' | b'w', _) => (Some(b'w'), 1),
            _ => (None, 1),
        };
        if let Some(class) = class {
            // A doubled letter is one sound.
            let double = i > 0 && letters[i - 1] == c && c.is_ascii_alphabetic();
            if !double {
                all.push(class);
            }
        }
        i += used;
    }
    all
}

/// How far two names are from sounding alike, from 0.
pub fn distance(a: &[u8], b: &[u8]) -> f32 {
    let drop = |c: u8| match c {
        b'l' | b'h' | b'w' => 0.4,
        b'd' | b'n' => 0.6,
        _ => 1.0,
    };
    let change = |a: u8, b: u8| match (a.min(b), a.max(b)) {
        (x, y) if x == y => 0.0,
        (b'g', b'j') | (b'j', b's') => 0.2,
        (b'f', b'w') | (b'b', b'f') | (b'm', b'n') | (b'f', b'h') | (b'b', b'w') => 0.4,
        (b'd', b's') | (b'h', b'w') | (b'g', b'h') => 0.6,
        _ => 1.2,
    };
    let mut row: Vec<f32> = vec![0.0; b.len() + 1];
    for j in 0..b.len() {
        row[j + 1] = row[j] + drop(b[j]);
    }
    for &x in a {
        let mut diagonal = row[0];
        row[0] += drop(x);
        for j in 0..b.len() {
            let best = (diagonal + change(x, b[j]))
                .min(row[j + 1] + drop(x))
                .min(row[j] + drop(b[j]));
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_by_its_sound_goes_into_no_word_of_the_language() {
        let letters = ["比", "布", "克", "马", "特"];
        assert!(letters.iter().all(|c| sound(c).is_some()));
        let mut tried = 0;
        for (word, _) in WORDS
            .iter()
            .filter(|(w, _)| w.chars().count() > 1 && w.chars().all(is_han))
        {
            for letter in letters {
                let any = |text: &str| Some(format!("<{text}>"));
                let question = format!("{letter}{word}");
                let (found, _) =
                    chinese_tokens(&question, &|_| false, &any, &|_| false, &|_| false);
                let into = |t: &&Token| t.range.start == 0 && t.range.end > letter.len();
                for token in found.iter().filter(into) {
                    tried += 1;
                    assert!(!token.capital, "{question}: {token:?}");
                }
            }
        }
        assert!(tried > 0, "no word begins with these");
    }
}
