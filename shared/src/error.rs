//! The one error of the crate: a sentence for a person, without the function's name, which the
//! adapter puts in front (`lumos_l2: ...`).

use std::fmt;

/// What went wrong, with the offending value and the way out; lower case, no final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The most characters of a message that are shown.
const LONGEST: usize = 2_000;

/// A message as an engine can show it: without NUL, where it would end, and if it quotes very much, without the
/// middle.
pub fn shown(message: &str) -> String {
    let message = message.replace('\0', "\\0");
    let len = message.chars().count();
    if len <= LONGEST {
        return message;
    }
    let start: String = message.chars().take(LONGEST / 2).collect();
    let end: String = message.chars().skip(len - LONGEST / 2).collect();
    format!("{start} ... {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_lose_their_middle() {
        let text = shown(&format!(
            "name: \"{}\" is no table; give one",
            "\u{4e2d}".repeat(10_000_000)
        ));
        assert_eq!(text.chars().count(), LONGEST + 5);
        assert!(
            text.starts_with("name: \"\u{4e2d}")
                && text.ends_with("\u{4e2d}\" is no table; give one")
        );
        assert_eq!(shown("a\0b"), "a\\0b");
    }
}
