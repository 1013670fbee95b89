//! The sentences of results, in English and Chinese.

use crate::options::{OptionDef, OptionType, Options};

/// The language of sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// The option that says which.
pub const LANG: OptionDef = OptionDef {
    name: "lang",
    ty: OptionType::OneOf(&["en", "zh"]),
    default: "\"en\"",
    doc: "the language of notes and explanations: English or Chinese",
};

impl Language {
    /// As the options say.
    pub fn of(options: &Options) -> Language {
        match options.text("lang") {
            Some("zh") => Language::Chinese,
            _ => Language::English,
        }
    }

    /// The sentence in this language.
    pub fn say(self, english: impl Into<String>, chinese: impl Into<String>) -> String {
        match self {
            Language::English => english.into(),
            Language::Chinese => chinese.into(),
        }
    }

    /// Several sentences as one text; `None` of none.
    pub fn join(self, sentences: &[String]) -> Option<String> {
        let between = self.say("; ", "；");
        (!sentences.is_empty()).then(|| sentences.join(&between))
    }

    /// Rows, as a phrase.
    pub fn rows(self, count: usize) -> String {
        let plural = if count == 1 { "" } else { "s" };
        self.say(format!("{count} row{plural}"), format!("{count} 行"))
    }
}

/// A number with three significant digits, and no digit of whole numbers lost.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}", if value == 0.0 { 0.0 } else { value });
    }
    let digits = 2 - libm::log10(value.abs()).floor() as i32;
    let shown = format!("{value:.*}", digits.clamp(0, 12) as usize);
    let trimmed = if shown.contains('.') {
        shown.trim_end_matches('0').trim_end_matches('.')
    } else {
        &shown
    };
    // What is too small to be shown has no sign.
    grouped(if trimmed == "-0" { "0" } else { trimmed })
}

/// With a comma between thousands.
pub fn grouped(shown: &str) -> String {
    let (sign, digits) = match shown.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", shown),
    };
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) => (whole, format!(".{part}")),
        None => (digits, String::new()),
    };
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1240.4, "1,240"),
            (-1234567.0, "-1,234,567"),
            (0.012345, "0.0123"),
            (9.999, "10"),
            (100.0, "100"),
            (-1e-14, "0"),
            (99.96, "100"),
            (2.5, "2.5"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn sentences_are_of_one_language() {
        let of = |text| Language::of(&Options::parse(&[LANG], text).unwrap());
        assert_eq!(of(None).rows(1), "1 row");
        assert_eq!(of(Some(r#"{"lang": "zh"}"#)).rows(2), "2 行");
        assert_eq!(of(None).join(&[]), None);
    }
}
