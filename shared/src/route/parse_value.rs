//! Reads what stands between operators: values, names, parameters, CASE, CAST and calls.

use super::ast::{Call, Expr, Literal, Window};
use super::parse::Parser;
use super::tokens::Token;
use super::{Refusal, refuse};

/// Words that are values which change.
const CLOCK: [&str; 3] = ["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"];

impl Parser<'_> {
    pub(super) fn begins_query(&self) -> bool {
        self.peek()
            .is_some_and(|t| t.is("SELECT") || t.is("WITH") || t.is("VALUES"))
    }

    pub(super) fn primary(&mut self) -> Result<Expr, Refusal> {
        match self.peek() {
            Some(Token::Integer(v)) => self.literal(Literal::Integer(*v)),
            Some(Token::Real(text)) => self.literal(Literal::Real(real(text)?)),
            Some(Token::Text(text)) => self.literal(Literal::Text(text.clone())),
            Some(Token::Blob(bytes)) => self.literal(Literal::Blob(bytes.clone())),
            Some(Token::Param(name)) => {
                self.advance();
                Ok(Expr::Param(self.param(name)?))
            }
            Some(Token::Op("(")) => {
                self.advance();
                if self.begins_query() {
                    let query = self.query()?;
                    self.expect_op(")")?;
                    return Ok(Expr::Scalar(Box::new(query)));
                }
                let expr = self.expr()?;
                if self.op(",") {
                    return refuse("row values are not known to mean the same in DuckDB");
                }
                self.expect_op(")")?;
                Ok(expr)
            }
            Some(Token::Word(word)) => self.word_or_name(word),
            Some(Token::DoubleQuoted(name)) if self.after(1) != Some(&Token::Op(".")) => {
                self.advance();
                Ok(Expr::Quoted(name.clone()))
            }
            Some(Token::Quoted(_) | Token::DoubleQuoted(_)) => self.column(),
            _ => Err(self.unknown()),
        }
    }

    fn literal(&mut self, literal: Literal) -> Result<Expr, Refusal> {
        self.advance();
        Ok(Expr::Literal(literal))
    }

    fn word_or_name(&mut self, word: &str) -> Result<Expr, Refusal> {
        let upper = word.to_ascii_uppercase();
        let call = self.after(1) == Some(&Token::Op("("));
        match upper.as_str() {
            "NULL" => self.literal(Literal::Null),
            "TRUE" => self.literal(Literal::Bool(true)),
            "FALSE" => self.literal(Literal::Bool(false)),
            "CASE" => self.case(),
            "CAST" if call => self.cast(),
            "EXISTS" | "NOT" => self.exists(),
            clock if CLOCK.contains(&clock) => refuse("the clock is read"),
            "RAISE" | "SELECT" => Err(self.unknown()),
            _ if call => self.call(),
            _ => self.column(),
        }
    }

    fn column(&mut self) -> Result<Expr, Refusal> {
        let first = self.name()?;
        if !self.op(".") {
            return Ok(Expr::Column(None, first));
        }
        let second = self.name()?;
        match self.peek() {
            Some(Token::Op(".")) => refuse("a column is named with its database"),
            _ => Ok(Expr::Column(Some(first), second)),
        }
    }

    fn case(&mut self) -> Result<Expr, Refusal> {
        self.advance();
        let operand = if self.peek().is_some_and(|t| t.is("WHEN")) {
            None
        } else {
            Some(Box::new(self.expr()?))
        };
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let when = self.expr()?;
            self.expect_word("THEN")?;
            whens.push((when, self.expr()?));
        }
        let otherwise = if self.word("ELSE") {
            Some(Box::new(self.expr()?))
        } else {
            None
        };
        self.expect_word("END")?;
        Ok(Expr::Case(operand, whens, otherwise))
    }

    fn cast(&mut self) -> Result<Expr, Refusal> {
        self.advance();
        self.advance();
        let value = self.expr()?;
        self.expect_word("AS")?;
        let Some(Token::Word(ty)) = self.advance() else {
            return refuse("CAST is to a type that is not known to mean the same in DuckDB");
        };
        if self.op(")") {
            Ok(Expr::Cast(Box::new(value), ty.to_ascii_uppercase()))
        } else {
            refuse("CAST is to a type that is not known to mean the same in DuckDB")
        }
    }

    fn exists(&mut self) -> Result<Expr, Refusal> {
        let negated = self.word("NOT");
        self.expect_word("EXISTS")?;
        self.expect_op("(")?;
        let query = self.query()?;
        self.expect_op(")")?;
        let exists = Expr::Exists(Box::new(query));
        Ok(if negated {
            Expr::Not(Box::new(exists))
        } else {
            exists
        })
    }

    fn call(&mut self) -> Result<Expr, Refusal> {
        let name = self.name()?.to_ascii_lowercase();
        self.expect_op("(")?;
        let star = self.op("*");
        let distinct = !star && self.word("DISTINCT");
        let args = if star || (!distinct && self.peek() == Some(&Token::Op(")"))) {
            self.expect_op(")")?;
            Vec::new()
        } else {
            let list = self.nested(|p| {
                let mut list = vec![p.expr()?];
                while p.op(",") {
                    list.push(p.expr()?);
                }
                Ok(list)
            })?;
            if self.peek().is_some_and(|t| t.is("ORDER")) {
                return refuse("an aggregate has an order of its own");
            }
            self.expect_op(")")?;
            list
        };
        let filtered =
            self.peek().is_some_and(|t| t.is("FILTER")) && self.after(1) == Some(&Token::Op("("));
        let mut filter = None;
        if filtered {
            self.advance();
            self.advance();
            self.expect_word("WHERE")?;
            filter = Some(self.expr()?);
            self.expect_op(")")?;
        }
        let mut over = None;
        if self.peek().is_some_and(|t| t.is("OVER")) {
            self.advance();
            over = Some(self.window()?);
        }
        Ok(Expr::Call(Box::new(Call {
            name,
            star,
            distinct,
            args,
            filter,
            over,
        })))
    }

    fn window(&mut self) -> Result<Window, Refusal> {
        if !self.op("(") {
            return refuse("a WINDOW clause is not known to mean the same in DuckDB");
        }
        let mut window = Window {
            partition: Vec::new(),
            order: Vec::new(),
        };
        if self.word("PARTITION") {
            self.expect_word("BY")?;
            window.partition.push(self.expr()?);
            while self.op(",") {
                window.partition.push(self.expr()?);
            }
        }
        if self.word("ORDER") {
            window.order = self.order_terms()?;
        }
        if self.op(")") {
            Ok(window)
        } else {
            refuse("a window has a frame of its own")
        }
    }

    fn param(&mut self, name: &str) -> Result<usize, Refusal> {
        let number = match name.strip_prefix('?') {
            Some("") => self.params + 1,
            Some(digits) => match digits.parse() {
                Ok(n @ 1..=32_766) => n,
                _ => return Err(self.unknown()),
            },
            None => match self.names.iter().find(|(n, _)| n == name) {
                Some((_, number)) => *number,
                None => {
                    self.names.push((name.to_owned(), self.params + 1));
                    self.params + 1
                }
            },
        };
        self.params = self.params.max(number);
        Ok(number)
    }
}

/// A real that every version of both engines reads as the same double: at most 15 digits, a small exponent.
pub(super) fn real(text: &str) -> Result<f64, Refusal> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    let plain = value == 0.0 || (1e-15..1e15).contains(&value);
    if digits <= 15 && plain {
        Ok(value)
    } else {
        refuse("a number has more digits than both engines read alike")
    }
}
