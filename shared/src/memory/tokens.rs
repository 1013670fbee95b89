//! A text in words, numbers and signs, each with its place.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters but those of [`Kind::Han`], with apostrophes between them.
    Word,
    /// ASCII digits.
    Number,
    /// One Chinese character.
    Han,
    /// One character of all others but white space.
    Sign,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it is written.
    pub text: &'a str,
    /// Its first byte in the text.
    pub start: usize,
    /// White space or the text's start is before it.
    pub gap: bool,
    /// A letter, a digit or a sign as in `a-b/c.d_e:f#g@h+i` is right before it.
    pub joined: bool,
    /// A line ends before it.
    pub line: bool,
}

impl<'a> Token<'a> {
    /// The byte behind it.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Without `'s` at the end.
    pub fn base(&self) -> &'a str {
        let text = self.text;
        let cut = text
            .strip_suffix("'s")
            .or_else(|| text.strip_suffix("\u{2019}s"));
        cut.unwrap_or(text)
    }

    /// True if it is this word, whatever its case, also with `'s`.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.base().eq_ignore_ascii_case(word)
    }

    /// True if it begins with a capital letter.
    pub fn capital(&self) -> bool {
        self.kind == Kind::Word && self.text.starts_with(char::is_uppercase)
    }

    /// Its number, if it has at most nine digits.
    pub fn number(&self) -> Option<i64> {
        (self.kind == Kind::Number && self.text.len() <= 9).then_some(())?;
        self.text.parse().ok()
    }

    /// True if it is this sign.
    pub fn sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// True for Chinese characters.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇' | '々')
}

/// The tokens of a text, in its order.
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    before: Option<char>,
}

impl<'a> Tokens<'a> {
    /// Of a text.
    pub fn of(text: &'a str) -> Self {
        Tokens {
            text,
            at: 0,
            before: None,
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let mut gap = self.at == 0;
        let mut line = false;
        loop {
            let rest = self.text.get(self.at..)?;
            let mut chars = rest.char_indices().peekable();
            let (_, first) = chars.next()?;
            if first.is_whitespace() {
                gap = true;
                line |= first == '\n';
                self.at += first.len_utf8();
                self.before = Some(first);
                continue;
            }
            let letter = |c: char| c.is_alphabetic() && !is_han(c);
            let mut last = first;
            let mut end = first.len_utf8();
            let kind = if is_han(first) {
                Kind::Han
            } else if first.is_ascii_digit() {
                while let Some((i, c)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
                    (last, end) = (c, i + 1);
                }
                Kind::Number
            } else if letter(first) {
                while let Some((i, c)) = chars.next() {
                    let inner = matches!(c, '\'' | '\u{2019}')
                        && chars.peek().is_some_and(|(_, next)| letter(*next));
                    // A combining accent belongs to its letter.
                    if !(letter(c) || inner || ('\u{300}'..='\u{36f}').contains(&c)) {
                        break;
                    }
                    (last, end) = (c, i + c.len_utf8());
                }
                Kind::Word
            } else {
                Kind::Sign
            };
            let joined = self
                .before
                .is_some_and(|c| (c.is_alphanumeric() && !is_han(c)) || "-/._:#@+".contains(c));
            let token = Token {
                kind,
                text: rest.get(..end)?,
                start: self.at,
                gap,
                joined,
                line,
            };
            self.at += end;
            self.before = Some(last);
            return Some(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_in_words_numbers_and_signs() {
        let shown = |text| -> Vec<String> {
            Tokens::of(text)
                .map(|t| format!("{}{:?}:{}", if t.gap { " " } else { "" }, t.kind, t.text))
                .collect()
        };
        assert_eq!(
            shown("Ann's 1990s, 去年3月"),
            [
                " Word:Ann's",
                " Number:1990",
                "Word:s",
                "Sign:,",
                " Han:去",
                "Han:年",
                "Number:3",
                "Han:月"
            ]
        );
        assert!(shown(" \n ").is_empty() && shown("").is_empty());
        let tokens: Vec<Token<'_>> = Tokens::of("Ann\u{2019}s v2.3").collect();
        assert!(tokens[0].is("ann") && tokens[0].capital());
        assert!(tokens[2].joined && !tokens[1].joined && tokens[2].number() == Some(2));
    }
}
