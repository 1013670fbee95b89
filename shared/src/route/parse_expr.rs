//! Reads expressions, with SQLite's precedence of operators.

use super::ast::{Call, Expr, Literal, Operator, Window};
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
const DIFFERENT_WORDS: [(&str, &str); 5] = [
    (
        "LIKE",
        "LIKE ignores the case of ASCII letters in SQLite and not in DuckDB",
    ),
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

/// Words that are values which change.
const CLOCK: [&str; 3] = ["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"];

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
        match !exists && self.word("NOT") {
            true => Ok(Expr::Not(Box::new(self.nested(Self::not)?))),
            false => self.equality(),
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
                    _ => {
                        self.advance();
                        self.check_different()?;
                        return Err(self.unknown());
                    }
                };
            } else if self.peek().is_some_and(|t| t.is("BETWEEN") || t.is("IN")) {
                left = self.between_or_in(left, false)?;
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

    fn begins_query(&self) -> bool {
        self.peek()
            .is_some_and(|t| t.is("SELECT") || t.is("WITH") || t.is("VALUES"))
    }

    fn primary(&mut self) -> Result<Expr, Refusal> {
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
            Some(Token::Quoted(_)) => self.column(),
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
        let operand = match self.peek().is_some_and(|t| t.is("WHEN")) {
            true => None,
            false => Some(Box::new(self.expr()?)),
        };
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let when = self.expr()?;
            self.expect_word("THEN")?;
            whens.push((when, self.expr()?));
        }
        let otherwise = match self.word("ELSE") {
            true => Some(Box::new(self.expr()?)),
            false => None,
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
        match self.op(")") {
            true => Ok(Expr::Cast(Box::new(value), ty.to_ascii_uppercase())),
            false => refuse("CAST is to a type that is not known to mean the same in DuckDB"),
        }
    }

    fn exists(&mut self) -> Result<Expr, Refusal> {
        let negated = self.word("NOT");
        self.expect_word("EXISTS")?;
        self.expect_op("(")?;
        let query = self.query()?;
        self.expect_op(")")?;
        let exists = Expr::Exists(Box::new(query));
        Ok(match negated {
            true => Expr::Not(Box::new(exists)),
            false => exists,
        })
    }

    fn call(&mut self) -> Result<Expr, Refusal> {
        let name = self.name()?.to_ascii_lowercase();
        self.expect_op("(")?;
        let star = self.op("*");
        let distinct = !star && self.word("DISTINCT");
        let args = match star || (!distinct && self.peek() == Some(&Token::Op(")"))) {
            true => {
                self.expect_op(")")?;
                Vec::new()
            }
            false => {
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
            }
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
        match self.op(")") {
            true => Ok(window),
            false => refuse("a window has a frame of its own"),
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

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

/// A real that every version of both engines reads as the same double: at most 15 digits, a small exponent.
fn real(text: &str) -> Result<f64, Refusal> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    let plain = value == 0.0 || (1e-15..1e15).contains(&value);
    match digits <= 15 && plain {
        true => Ok(value),
        false => refuse("a number has more digits than both engines read alike"),
    }
}
