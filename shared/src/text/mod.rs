//! Text into terms: the one tokenizer of full-text search, embeddings, memory and language.
//!
//! A text is cut into runs of letters and digits. A run is brought to one form: compatibility decomposition
//! (NFKD), lower case, without the accents U+0300 to U+036F, composed again (NFC). Then
//! - a word, of any script with letters, is one term; one of ASCII letters is reduced to its English stem
//!   (Snowball), which is what finds "painting" by "painted";
//! - a run of Chinese, Japanese or Korean characters, which has no spaces between words, is a term for every
//!   two neighbours (measured: better than a dictionary's words), and one for each character alone.
//!
//! Stop words are terms like others, marked as such: they stand in an index, so that phrases are found, but
//! a search leaves them out.
//!
//! - [`bm25`]: what the words of a query say of a text
//! - [`fusion`]: brings the answers of several searches together

pub mod bm25;
pub mod fusion;
mod stop;

use std::convert::Infallible;
use std::ops::Range;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A longer run of letters is no word of a language; its stem would be no better than itself.
const LONGEST_STEMMED: usize = 64;

/// A term of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term<'a> {
    /// What is compared: the stem of a word, or one or two characters.
    pub text: &'a str,
    /// The word before it was stemmed; as `text` otherwise.
    pub form: &'a str,
    /// Which kind.
    pub kind: Kind,
    /// Too frequent to say what a text is about.
    pub stop: bool,
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
}

/// The kinds of terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of a script with spaces between words.
    Word,
    /// Two neighbouring characters of Chinese, Japanese or Korean.
    Pair,
    /// Such a character with no neighbour.
    Single,
    /// One character of a pair: stands where the pair does, and serves searches for the character alone.
    Part,
}

/// Calls `each` with every term in order. Errors with its first error, which ends the work.
pub fn try_terms<E>(text: &str, mut each: impl FnMut(Term<'_>) -> Result<(), E>) -> Result<(), E> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut start = 0;
    let mut current = None;
    for (i, c) in text.char_indices() {
        let class = class(c, current);
        if class != current {
            if let Some(run) = current {
                terms_of_run(run, text, start..i, &stemmer, &mut each)?;
            }
            (start, current) = (i, class);
        }
    }
    match current {
        Some(run) => terms_of_run(run, text, start..text.len(), &stemmer, &mut each),
        None => Ok(()),
    }
}

/// Calls `each` with every term in order.
pub fn terms(text: &str, mut each: impl FnMut(Term<'_>)) {
    let done: Result<(), Infallible> = try_terms(text, |term| {
        each(term);
        Ok(())
    });
    let Ok(()) = done;
}

/// The words and pairs to search for, before they are stemmed: see [`query_terms`].
pub fn query_forms(text: &str) -> Vec<String> {
    query(text).into_iter().map(|(_, form)| form).collect()
}

/// The terms to search for, as [`Term::text`] has them: each once, in the order of the text, without stop words unless
/// there is nothing else.
pub fn query_terms(text: &str) -> Vec<String> {
    query(text).into_iter().map(|(text, _)| text).collect()
}

/// Text and form of each term.
fn query(text: &str) -> Vec<(String, String)> {
    let (mut telling, mut stops) = (Vec::new(), Vec::new());
    terms(text, |term| {
        let list: &mut Vec<(String, String)> = if term.stop { &mut stops } else { &mut telling };
        if term.kind != Kind::Part && !list.iter().any(|(known, _)| known == term.text) {
            list.push((term.text.to_owned(), term.form.to_owned()));
        }
    });
    if telling.is_empty() { stops } else { telling }
}

/// The two kinds of runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Word,
    Characters,
}

/// The run that a character belongs to, if any; `before` is that of the character before it.
fn class(c: char, before: Option<Run>) -> Option<Run> {
    match c {
        c if c.is_ascii() => c.is_ascii_alphanumeric().then_some(Run::Word),
        c if c.is_alphanumeric() && has_no_spaces(c) => Some(Run::Characters),
        c if c.is_alphanumeric() => Some(Run::Word),
        c if is_combining_mark(c) => before,
        _ => None,
    }
}

/// True for the characters of Chinese, Japanese and Korean.
fn has_no_spaces(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF // Korean letters
        | 0x3005..=0x3007
        | 0x3040..=0x312F // Japanese syllables, Chinese letters
        | 0x31A0..=0x31BF | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF // Chinese characters
        | 0xA960..=0xA97F | 0xAC00..=0xD7FF // Korean syllables
        | 0xF900..=0xFAFF
        | 0xFF66..=0xFFDC // narrow forms
        | 0x2_0000..=0x3_FFFF)
}

fn terms_of_run<E>(
    run: Run,
    text: &str,
    range: Range<usize>,
    stemmer: &Stemmer,
    each: &mut impl FnMut(Term<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let form = normal_form(&text[range.clone()]);
    match run {
        Run::Word => word(&form, range, stemmer, each),
        Run::Characters => characters(&form, &text[range.clone()], range.start, each),
    }
}

/// See the head of this module.
fn normal_form(run: &str) -> String {
    if run.is_ascii() {
        return run.to_ascii_lowercase();
    }
    let lower = run.nfkd().flat_map(char::to_lowercase);
    lower
        .filter(|c| !('\u{300}'..='\u{36F}').contains(c))
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .nfc()
        .collect()
}

fn word<E>(
    form: &str,
    range: Range<usize>,
    stemmer: &Stemmer,
    each: &mut impl FnMut(Term<'_>) -> Result<(), E>,
) -> Result<(), E> {
    if form.is_empty() {
        return Ok(()); // accents alone
    }
    let english = form.len() <= LONGEST_STEMMED && form.bytes().all(|b| b.is_ascii_lowercase());
    let stem = if english {
        stemmer.stem(form)
    } else {
        form.into()
    };
    each(Term {
        text: &stem,
        form,
        kind: Kind::Word,
        stop: stop::is_word(form),
        range,
    })
}

fn characters<E>(
    form: &str,
    original: &str,
    offset: usize,
    each: &mut impl FnMut(Term<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let ends =
        |s: &str| -> Vec<usize> { s.char_indices().map(|(i, c)| i + c.len_utf8()).collect() };
    let (to, source) = (ends(form), ends(original));
    let count = to.len();
    // Where composing has changed the number of characters, each term stands for the whole run.
    let same = source.len() == count;
    let from = |ends: &[usize], i: usize| if i == 0 { 0 } else { ends[i - 1] };
    let mut term = |kind, first: usize, last: usize| {
        let text = &form[from(&to, first)..to[last]];
        let range = if same {
            from(&source, first)..source[last]
        } else {
            0..original.len()
        };
        each(Term {
            text,
            form: text,
            kind,
            stop: text.chars().any(stop::is_character),
            range: offset + range.start..offset + range.end,
        })
    };
    match count {
        0 => Ok(()),
        1 => term(Kind::Single, 0, 0),
        _ => {
            for i in 0..count - 1 {
                term(Kind::Pair, i, i + 1)?;
                term(Kind::Part, i, i)?;
            }
            term(Kind::Part, count - 1, count - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        terms(text, |t| {
            if t.kind != Kind::Part {
                all.push(t.text.to_owned());
            }
        });
        all
    }

    #[test]
    fn words_lose_case_accents_and_endings() {
        assert_eq!(
            all("The Painters painted; PAINTING!"),
            ["the", "painter", "paint", "paint"]
        );
        assert_eq!(all("Café cafe\u{301} ＣＡＦＥ"), ["cafe"; 3]);
        assert_eq!(all("Ελλάς ΕΛΛΑΣ"), ["ελλασ"; 2]);
        assert_eq!(all("İstanbul ﬁn 3½"), ["istanbul", "fin", "31⁄2"]);
        assert_eq!(all("user_id=42, x-ray"), ["user", "id", "42", "x", "ray"]);
        assert_eq!(all("Привет мир हिन्दी"), ["привет", "мир", "हिन्दी"]);
        assert_eq!(all("\u{301} ... 🙂"), Vec::<String>::new());
    }

    #[test]
    fn scripts_without_spaces_are_pairs() {
        assert_eq!(all("全文检索"), ["全文", "文检", "检索"]);
        assert_eq!(all("iPhone手机 猫"), ["iphon", "手机", "猫"]);
        assert_eq!(all("ｶﾞｽ"), ["ガス"]);
        assert_eq!(
            all("한국"),
            all("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}")
        );
    }

    #[test]
    fn each_character_of_a_run_is_a_term_where_its_pair_is() {
        let mut shown = Vec::new();
        terms("a全文检", |t| {
            shown.push((t.kind, t.text.to_owned(), t.range))
        });
        let expected = [
            (Kind::Word, "a", 0..1),
            (Kind::Pair, "全文", 1..7),
            (Kind::Part, "全", 1..4),
            (Kind::Pair, "文检", 4..10),
            (Kind::Part, "文", 4..7),
            (Kind::Part, "检", 7..10),
        ];
        assert_eq!(shown, expected.map(|(k, t, r)| (k, t.to_owned(), r)));
    }

    #[test]
    fn ranges_are_those_of_the_text() {
        let text = "Ünïcode ｶﾞ 한국어 ＡＢＣ x";
        terms(text, |t| {
            assert!(
                text.get(t.range.clone()).is_some_and(|s| !s.is_empty()),
                "{t:?}"
            )
        });
        let mut words = Vec::new();
        terms(text, |t| {
            if t.kind == Kind::Word {
                words.push(text[t.range].to_owned());
            }
        });
        assert_eq!(words, ["Ünïcode", "ＡＢＣ", "x"]);
    }

    #[test]
    fn a_query_leaves_out_what_is_everywhere() {
        assert_eq!(query_forms("What did the cats do to the cat?"), ["cats"]);
        assert_eq!(query_forms("To be or not to be"), ["to", "be", "or", "not"]);
        assert_eq!(query_forms("我喜欢的猫"), ["喜欢"]);
        assert_eq!(query_forms("的"), ["的"]);
        assert_eq!(query_terms("What did the cats do to the cat?"), ["cat"]);
    }
}
