//! LIKE, which takes ASCII letters in either case.

use super::ast::Literal;
use super::emit::Writer;
use super::typed_expr::{Class, Typed};
use super::{Refusal, refuse};

/// ASCII letters.
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A longer pattern may be beyond the limit that the host sets.
pub const PATTERN: usize = 1_000;

impl Writer<'_> {
    /// `x LIKE pattern`: ASCII letters match in either case, and a text ends at its first NUL.
    pub(super) fn like(
        &mut self,
        x: &Typed,
        pattern: &Typed,
        escape: Option<char>,
    ) -> Result<Typed, Refusal> {
        if !self.functions.iter().any(|f| f == "like") {
            self.functions.push("like".into());
        }
        let text = match x.class {
            Class::Text => x.sql.clone(),
            Class::Int => format!("CAST({} AS VARCHAR)", x.sql),
            _ => {
                return refuse("LIKE is used with numbers or blobs, which SQLite turns into texts");
            }
        };
        let Some(Literal::Text(pattern)) = &pattern.literal else {
            return refuse("LIKE has no plain text as its pattern");
        };
        let plain = |c: char| c.is_ascii() && !c.is_ascii_alphabetic() && !"%_\0".contains(c);
        if pattern.len() > PATTERN || pattern.contains('\0') || !escape.is_none_or(plain) {
            return refuse(
                "LIKE has a pattern or ESCAPE that is not known to mean the same in DuckDB",
            );
        }
        let mut text = match x.class {
            Class::Text if x.raw.is_none() => {
                format!(
                    "CASE WHEN contains({text}, chr(0)) THEN split_part({text}, chr(0), 1) ELSE {text} END"
                )
            }
            _ => text,
        };
        if pattern.contains(|c: char| c.is_ascii_alphabetic()) {
            text = format!(
                "translate({text}, '{UPPER}', '{}')",
                UPPER.to_ascii_lowercase()
            );
        }
        let pattern = crate::sql::literal(&pattern.to_ascii_lowercase());
        let escape = escape.map_or(String::new(), |c| {
            format!(" ESCAPE {}", crate::sql::literal(&c.to_string()))
        });
        Ok(Typed::new(
            format!("(({text}) LIKE {pattern}{escape})"),
            Class::Bool,
        ))
    }
}
