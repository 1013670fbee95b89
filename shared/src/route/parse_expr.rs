//! Reads expressions, with SQLite's precedence of operators.

use super::ast::{Expr, Literal, Operator};
use super::parse::Parser;
use super::tokens::Token;
use super::{Refusal, refuse};

/// Operators of one strength.
type Level = &'static [(&'static str, Operator)];

const EQUALITY: Level = &[
    ("=", Operator::Equal),
    ("==", Operator::Equal),
    ("<>", Operator::NotEqual),
    ("!=", Operator::NotEqual),
];
const COMPARISON: Level = &[
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const SUM: Level = &[("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCT: Level = &[("*", Operator::Multiply), ("/", Operator::Divide)];

/// Words that take the place of an operator and differ, with the reason.
const DIFFERENT_WORDS: [(&str, &str); 4] = [
    ("GLOB", "GLOB matches in another way in DuckDB"),
    (
        "REGEXP",
        "REGEXP is a function of the application in SQLite",
    ),
    ("MATCH", "MATCH is a search of SQLite's"),
    ("COLLATE", "the statement names a collation of SQLite"),
];

const DIFFERENT_OPERATORS: [(&str, &str); 7] = [
    (
        "%",
        "% works on integers in SQLite, whatever its operands are",
    ),
    (
        "&",
        "bit operators turn their operands into integers in SQLite",
    ),
    (
        "|",
        "bit operators turn their operands into integers in SQLite",
    ),
    (
        "<<",
        "bit operators turn their operands into integers in SQLite",
    ),
    (
        ">>",
        "bit operators turn their operands into integers in SQLite",
    ),
    ("->", "JSON operators give other types in DuckDB"),
    ("->>", "JSON operators give other types in DuckDB"),
];

/// More values in IN than this are refused: each becomes a comparison.
const IN_LIST: usize = 200;

impl Parser<'_> {
    /// Reads an expression.
    pub(super) fn expr(&mut self) -> Result<Expr, Refusal> {
        self.nested(Self::or)
    }

    fn or(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.and()?;
        while self.word("OR") {
            left = binary(Operator::Or, left, self.and()?);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.not()?;
        while self.word("AND") {
            left = binary(Operator::And, left, self.not()?);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Refusal> {
        let exists = self.after(1).is_some_and(|t| t.is("EXISTS"));
        if !exists && self.word("NOT") {
            Ok(Expr::Not(Box::new(self.nested(Self::not)?)))
        } else {
            self.equality()
        }
    }

    fn equality(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.level(COMPARISON, Self::sum)?;
        loop {
            if let Some(operator) = self.one_of(EQUALITY) {
                left = binary(operator, left, self.level(COMPARISON, Self::sum)?);
            } else if self.word("ISNULL") {
                left = Expr::IsNull(Box::new(left), false);
            } else if self.word("NOTNULL") {
                left = Expr::IsNull(Box::new(left), true);
            } else if self.word("IS") {
                left = self.is(left)?;
            } else if self.peek().is_some_and(|t| t.is("NOT")) {
                left = match self.after(1) {
                    Some(t) if t.is("NULL") => {
                        self.advance();
                        self.advance();
                        Expr::IsNull(Box::new(left), true)
                    }
                    Some(t) if t.is("BETWEEN") || t.is("IN") => {
                        self.advance();
                        self.between_or_in(left, true)?
                    }
                    Some(t) if t.is("LIKE") => {
                        self.advance();
                        Expr::Not(Box::new(self.like(left)?))
                    }
                    _ => {
                        self.advance();
                        self.check_different()?;
                        return Err(self.unknown());
                    }
                };
            } else if self.peek().is_some_and(|t| t.is("BETWEEN") || t.is("IN")) {
                left = self.between_or_in(left, false)?;
            } else if self.peek().is_some_and(|t| t.is("LIKE")) {
                left = self.like(left)?;
            } else {
                self.check_different()?;
                return Ok(left);
            }
        }
    }

    /// What follows IS.
    fn is(&mut self, left: Expr) -> Result<Expr, Refusal> {
        let mut negated = self.word("NOT");
        if self.word("DISTINCT") {
            self.expect_word("FROM")?;
            negated = !negated;
        }
        let right = self.level(COMPARISON, Self::sum)?;
        Ok(match right {
            Expr::Literal(Literal::Null) => Expr::IsNull(Box::new(left), negated),
            Expr::Literal(Literal::Bool(_)) => {
                return refuse("IS TRUE and IS FALSE are not known to mean the same in DuckDB");
            }
            right => binary(
                if negated {
                    Operator::IsNot
                } else {
                    Operator::Is
                },
                left,
                right,
            ),
        })
    }

    fn between_or_in(&mut self, left: Expr, negated: bool) -> Result<Expr, Refusal> {
        if self.word("BETWEEN") {
            let low = self.level(COMPARISON, Self::sum)?;
            self.expect_word("AND")?;
            let high = self.level(COMPARISON, Self::sum)?;
            return Ok(Expr::Between(
                Box::new(left),
                Box::new(low),
                Box::new(high),
                negated,
            ));
        }
        self.expect_word("IN")?;
        if !self.op("(") {
            return refuse("IN with a table is not known to mean the same in DuckDB");
        }
        if self.begins_query() {
            let query = self.query()?;
            self.expect_op(")")?;
            return Ok(Expr::InQuery(Box::new(left), Box::new(query), negated));
        }
        let list = self.exprs(")")?;
        if list.len() > IN_LIST {
            return refuse("IN has too many values");
        }
        Ok(Expr::InList(Box::new(left), list, negated))
    }

    /// What follows the left side of LIKE.
    fn like(&mut self, left: Expr) -> Result<Expr, Refusal> {
        self.expect_word("LIKE")?;
        let pattern = self.level(COMPARISON, Self::sum)?;
        let mut escape = None;
        if self.word("ESCAPE") {
            let Some(Token::Text(text)) = self.advance() else {
                return refuse("ESCAPE is no plain text");
            };
            let mut characters = text.chars();
            escape = characters.next();
            if escape.is_none() || characters.next().is_some() {
                return refuse("ESCAPE is no single character");
            }
        }
        Ok(Expr::Like(Box::new(left), Box::new(pattern), escape))
    }

    fn sum(&mut self) -> Result<Expr, Refusal> {
        self.level(SUM, Self::product)
    }

    fn product(&mut self) -> Result<Expr, Refusal> {
        self.level(PRODUCT, Self::concat)
    }

    fn concat(&mut self) -> Result<Expr, Refusal> {
        self.level(&[("||", Operator::Concat)], Self::unary)
    }

    /// Operators of one strength, which group to the left.
    fn level(
        &mut self,
        operators: Level,
        operand: fn(&mut Self) -> Result<Expr, Refusal>,
    ) -> Result<Expr, Refusal> {
        let mut left = operand(self)?;
        while let Some(operator) = self.one_of(operators) {
            left = binary(operator, left, operand(self)?);
        }
        Ok(left)
    }

    fn one_of(&mut self, operators: Level) -> Option<Operator> {
        let found = operators.iter().find(|(text, _)| self.op(text))?;
        Some(found.1)
    }

    /// Refuses operators that differ, which would else only end the expression.
    fn check_different(&self) -> Result<(), Refusal> {
        let reason = match self.peek() {
            Some(Token::Word(word)) => DIFFERENT_WORDS
                .iter()
                .find(|(w, _)| w.eq_ignore_ascii_case(word)),
            Some(Token::Op(operator)) => DIFFERENT_OPERATORS.iter().find(|(o, _)| o == operator),
            _ => None,
        };
        reason.map_or(Ok(()), |(_, reason)| refuse(*reason))
    }

    fn unary(&mut self) -> Result<Expr, Refusal> {
        if self.op("-") {
            return Ok(match self.nested(Self::unary)? {
                Expr::Literal(Literal::Integer(v)) => match v.checked_neg() {
                    Some(v) => Expr::Literal(Literal::Integer(v)),
                    None => return Err(self.unknown()),
                },
                Expr::Literal(Literal::Real(v)) => Expr::Literal(Literal::Real(-v)),
                e => Expr::Negate(Box::new(e)),
            });
        }
        if self.op("+") {
            return refuse("a unary + takes the affinity away in SQLite");
        }
        if self.op("~") {
            return refuse("bit operators turn their operands into integers in SQLite");
        }
        let value = self.primary()?;
        self.check_different()?;
        Ok(value)
    }
}

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}
