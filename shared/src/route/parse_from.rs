//! Reads FROM: tables, subqueries and joins, with their aliases.

use super::ast::{Join, JoinKind, Source};
use super::parse::{Parser, reserved};
use super::tokens::Token;
use super::{Refusal, refuse};

impl Parser<'_> {
    pub(super) fn from(&mut self) -> Result<Vec<Join>, Refusal> {
        let mut joins = vec![self.table(JoinKind::Inner)?];
        loop {
            let kind = if self.op(",") {
                JoinKind::Inner
            } else if let Some(kind) = self.join_operator()? {
                kind
            } else {
                return Ok(joins);
            };
            let mut join = self.table(kind)?;
            if self.word("ON") {
                join.on = Some(self.expr()?);
            } else if self.word("USING") {
                join.using = self.names_in_parentheses()?;
            }
            joins.push(join);
        }
    }

    fn join_operator(&mut self) -> Result<Option<JoinKind>, Refusal> {
        if self.peek().is_some_and(|t| t.is("NATURAL")) {
            return refuse("NATURAL JOIN is not known to mean the same in DuckDB");
        }
        let mut kind = None;
        for (word, of) in [
            ("LEFT", JoinKind::Left),
            ("RIGHT", JoinKind::Right),
            ("FULL", JoinKind::Full),
            ("INNER", JoinKind::Inner),
            ("CROSS", JoinKind::Inner),
        ] {
            if self.word(word) {
                kind = Some(of);
                break;
            }
        }
        if kind.is_some_and(|k| k != JoinKind::Inner) {
            self.word("OUTER");
        }
        match (self.word("JOIN"), kind) {
            (true, kind) => Ok(Some(kind.unwrap_or(JoinKind::Inner))),
            (false, None) => Ok(None),
            (false, Some(_)) => Err(self.unknown()),
        }
    }

    fn table(&mut self, kind: JoinKind) -> Result<Join, Refusal> {
        let source = if self.op("(") {
            let begins = |t: &Token| t.is("SELECT") || t.is("WITH") || t.is("VALUES");
            if !self.peek().is_some_and(begins) {
                return refuse("parentheses around joins are not known to mean the same in DuckDB");
            }
            let query = self.query()?;
            self.expect_op(")")?;
            Source::Query(Box::new(query))
        } else {
            let name = self.name()?;
            if self.op(".") {
                if !name.eq_ignore_ascii_case("main") {
                    return refuse(format!("the mirror has no tables of \"{name}\""));
                }
                Source::Table(self.name()?, true)
            } else {
                Source::Table(name, false)
            }
        };
        if self.peek() == Some(&Token::Op("(")) {
            return refuse("a table-valued function reads something else than a table");
        }
        let alias = self.alias()?;
        let indexed = |t: &Token| t.is("INDEXED") || t.is("NOT");
        if self.peek().is_some_and(indexed) {
            return refuse("the statement asks for an index of SQLite");
        }
        Ok(Join {
            kind,
            source,
            alias,
            on: None,
            using: Vec::new(),
        })
    }

    pub(super) fn alias(&mut self) -> Result<Option<String>, Refusal> {
        if self.word("AS") {
            if let Some(Token::Text(_)) = self.peek() {
                return refuse("an alias is written as a text");
            }
            return self.name().map(Some);
        }
        match self.peek() {
            Some(Token::Word(word)) if !reserved(word) && !word.eq_ignore_ascii_case("WINDOW") => {
                self.name().map(Some)
            }
            Some(Token::Quoted(_) | Token::DoubleQuoted(_)) => self.name().map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn names_in_parentheses(&mut self) -> Result<Vec<String>, Refusal> {
        self.expect_op("(")?;
        let mut names = vec![self.name()?];
        while self.op(",") {
            names.push(self.name()?);
        }
        self.expect_op(")")?;
        Ok(names)
    }
}
