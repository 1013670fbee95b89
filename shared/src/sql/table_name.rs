//! The name of a table, alone or with columns, as an argument of a function: `docs`, `shop.main.docs(id, e)`.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::identifier;
use super::lexer::{self, Dialect, Kind, Token};

/// A table with its columns.
#[derive(Debug, PartialEq, Eq)]
pub struct TableName {
    /// Database, schema and table, as far as they are given.
    pub table: Vec<String>,
    /// The columns in their order; empty if none are given.
    pub columns: Vec<String>,
}

impl TableName {
    /// Reads one; nothing else may stand there.
    pub fn parse(text: &str) -> Option<TableName> {
        if text.contains('\0') {
            return None;
        }
        let mut names = Names(
            lexer::tokens(text, Dialect::DuckDb).into_iter().peekable(),
            text,
        );
        let mut table = vec![names.name()?];
        while names.takes('.') {
            table.push(names.name()?);
        }
        let mut columns = Vec::new();
        if names.takes('(') {
            loop {
                columns.push(names.name()?);
                if !names.takes(',') {
                    break;
                }
            }
            names.takes(')').then_some(())?;
        }
        (table.len() <= 3 && names.0.peek().is_none()).then_some(TableName { table, columns })
    }

    /// The table as SQL writes it.
    pub fn sql(&self) -> String {
        sql(&self.table)
    }
}

/// The parts of a name as SQL writes it.
pub fn sql(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|p| identifier(p)).collect();
    parts.join(".")
}

/// The tokens that are left to read, and their text.
struct Names<'a>(Peekable<IntoIter<Token>>, &'a str);

impl Names<'_> {
    /// Takes this character, if it comes next.
    fn takes(&mut self, c: char) -> bool {
        self.0.next_if(|t| t.kind == Kind::Sign(c)).is_some()
    }

    /// Takes a name, quoted or not.
    fn name(&mut self) -> Option<String> {
        let token = self.0.next()?;
        let is_name = matches!(token.kind, Kind::Word | Kind::DoubleQuoted);
        let name = token.unquoted(self.1);
        (is_name && token.is_closed(self.1) && !name.is_empty()).then_some(name)
    }
}
