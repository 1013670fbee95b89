//! Reads the part of SELECT that both engines share; anything else is refused with a reason.

use super::ast::{Body, Core, Cte, Expr, OrderTerm, Query, ResultColumn, SetOp};
use super::tokens::Token;
use super::{Refusal, refuse};

/// Nesting beyond this is refused: the reader and the writers that follow recurse.
const DEPTH: usize = 100;

/// Longer statements are refused: a chain of operators is a deep tree too.
const TOKENS: usize = 1_500;

/// Words that end an expression or a table, and so are no alias without AS.
const RESERVED: [&str; 42] = [
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "COLLATE",
    "CROSS",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "FROM",
    "FULL",
    "GLOB",
    "GROUP",
    "HAVING",
    "IN",
    "INDEXED",
    "INNER",
    "INTERSECT",
    "IS",
    "ISNULL",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NOTNULL",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "RIGHT",
    "SELECT",
    "THEN",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
];

/// A statement that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The SELECT.
    pub query: Query,
    /// The number of its parameters.
    pub params: usize,
    /// The names that it gives to columns, wherever it does.
    pub aliases: Vec<String>,
}

/// Reads one statement.
pub fn parse(tokens: &[Token]) -> Result<Statement, Refusal> {
    if tokens.len() > TOKENS {
        return refuse("the statement is too long");
    }
    let mut parser = Parser {
        tokens,
        position: 0,
        depth: 0,
        names: Vec::new(),
        params: 0,
        aliases: Vec::new(),
    };
    let query = parser.query()?;
    while parser.op(";") {}
    match parser.peek() {
        None => Ok(Statement {
            query,
            params: parser.params,
            aliases: parser.aliases,
        }),
        Some(_) => Err(parser.unknown()),
    }
}

/// The reader; expressions are in `parse_expr`.
pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    position: usize,
    depth: usize,
    /// Named parameters with their numbers.
    pub(super) names: Vec<(String, usize)>,
    /// The highest number of a parameter.
    pub(super) params: usize,
    aliases: Vec<String>,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.position)
    }

    pub(super) fn after(&self, n: usize) -> Option<&'a Token> {
        self.tokens.get(self.position + n)
    }

    pub(super) fn advance(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.position += 1;
        token
    }

    /// Takes an operator if it is next.
    pub(super) fn op(&mut self, operator: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Op(o)) if *o == operator);
        self.position += usize::from(found);
        found
    }

    /// Takes a keyword if it is next.
    pub(super) fn word(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is(keyword));
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect_op(&mut self, operator: &str) -> Result<(), Refusal> {
        if self.op(operator) {
            Ok(())
        } else {
            Err(self.unknown())
        }
    }

    pub(super) fn expect_word(&mut self, keyword: &str) -> Result<(), Refusal> {
        if self.word(keyword) {
            Ok(())
        } else {
            Err(self.unknown())
        }
    }

    /// The refusal of whatever stands here.
    pub(super) fn unknown(&self) -> Refusal {
        let near = match self.peek() {
            None => "its end".into(),
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            Some(Token::Op(operator)) => (*operator).to_owned(),
            Some(Token::Quoted(name) | Token::DoubleQuoted(name)) => crate::sql::identifier(name),
            Some(Token::Param(name)) => name.clone(),
            Some(_) => "a value".into(),
        };
        Refusal(format!(
            "the statement has a form, near {near}, that is not known to mean the same in DuckDB"
        ))
    }

    pub(super) fn nested<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.depth == DEPTH {
            return refuse("the statement is nested too deeply");
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }

    /// A name: a bare word that is not reserved, or a quoted one.
    pub(super) fn name(&mut self) -> Result<String, Refusal> {
        match self.peek() {
            Some(Token::Word(word)) if !reserved(word) => {
                self.position += 1;
                Ok(word.clone())
            }
            Some(Token::Quoted(name) | Token::DoubleQuoted(name)) => {
                self.position += 1;
                Ok(name.clone())
            }
            _ => Err(self.unknown()),
        }
    }

    pub(super) fn query(&mut self) -> Result<Query, Refusal> {
        self.nested(Self::query_unguarded)
    }

    fn query_unguarded(&mut self) -> Result<Query, Refusal> {
        let mut ctes = Vec::new();
        if self.word("WITH") {
            if self.word("RECURSIVE") {
                return refuse("recursive queries visit rows in another order in DuckDB");
            }
            loop {
                let name = self.name()?;
                let columns = match self.peek() {
                    Some(Token::Op("(")) => self.names_in_parentheses()?,
                    _ => Vec::new(),
                };
                self.expect_word("AS")?;
                if self.word("NOT") {
                    self.expect_word("MATERIALIZED")?;
                } else {
                    self.word("MATERIALIZED");
                }
                self.expect_op("(")?;
                let query = self.query()?;
                self.expect_op(")")?;
                ctes.push(Cte {
                    name,
                    columns,
                    query,
                });
                if !self.op(",") {
                    break;
                }
            }
        }
        let mut body = Body::Core(Box::new(self.core()?));
        loop {
            let op = if self.word("UNION") {
                if self.word("ALL") {
                    SetOp::UnionAll
                } else {
                    SetOp::Union
                }
            } else if self.word("INTERSECT") {
                SetOp::Intersect
            } else if self.word("EXCEPT") {
                SetOp::Except
            } else {
                break;
            };
            body = Body::Compound(Box::new(body), op, Box::new(self.core()?));
        }
        let order = if self.word("ORDER") {
            self.order_terms()?
        } else {
            Vec::new()
        };
        let (limit, offset) = self.limit()?;
        Ok(Query {
            ctes,
            body,
            order,
            limit,
            offset,
        })
    }

    /// What follows ORDER.
    pub(super) fn order_terms(&mut self) -> Result<Vec<OrderTerm>, Refusal> {
        self.expect_word("BY")?;
        let mut terms = Vec::new();
        loop {
            let expr = self.expr()?;
            let descending = self.word("DESC");
            if !descending {
                self.word("ASC");
            }
            let mut nulls_first = !descending;
            if self.word("NULLS") {
                nulls_first = self.word("FIRST");
                if !nulls_first {
                    self.expect_word("LAST")?;
                }
            }
            terms.push(OrderTerm {
                expr,
                descending,
                nulls_first,
            });
            if !self.op(",") {
                return Ok(terms);
            }
        }
    }

    fn limit(&mut self) -> Result<(Option<u64>, u64), Refusal> {
        if !self.word("LIMIT") {
            return Ok((None, 0));
        }
        let first = self.count()?;
        if self.op(",") {
            // `LIMIT offset, count`.
            return Ok((Some(self.count()?), first));
        }
        let offset = if self.word("OFFSET") {
            self.count()?
        } else {
            0
        };
        Ok((Some(first), offset))
    }

    fn count(&mut self) -> Result<u64, Refusal> {
        match self.advance() {
            Some(Token::Integer(n)) if *n >= 0 => Ok(*n as u64),
            _ => refuse("LIMIT or OFFSET is no plain number"),
        }
    }

    fn core(&mut self) -> Result<Core, Refusal> {
        if self.peek().is_some_and(|t| t.is("VALUES")) {
            return refuse("VALUES reads no table");
        }
        self.expect_word("SELECT")?;
        let distinct = self.word("DISTINCT");
        if !distinct {
            self.word("ALL");
        }
        let mut columns = vec![self.result_column()?];
        while self.op(",") {
            columns.push(self.result_column()?);
        }
        let from = if self.word("FROM") {
            self.from()?
        } else {
            Vec::new()
        };
        let filter = if self.word("WHERE") {
            Some(self.expr()?)
        } else {
            None
        };
        let mut group_by = Vec::new();
        if self.word("GROUP") {
            self.expect_word("BY")?;
            group_by.push(self.expr()?);
            while self.op(",") {
                group_by.push(self.expr()?);
            }
        }
        let having = if self.word("HAVING") {
            Some(self.expr()?)
        } else {
            None
        };
        if self.peek().is_some_and(|t| t.is("WINDOW")) {
            return refuse("a WINDOW clause is not known to mean the same in DuckDB");
        }
        Ok(Core {
            distinct,
            columns,
            from,
            filter,
            group_by,
            having,
        })
    }

    fn result_column(&mut self) -> Result<ResultColumn, Refusal> {
        if self.op("*") {
            return Ok(ResultColumn::Star);
        }
        let table_star = matches!(
            (self.peek(), self.after(1), self.after(2)),
            (
                Some(Token::Word(_) | Token::Quoted(_) | Token::DoubleQuoted(_)),
                Some(Token::Op(".")),
                Some(Token::Op("*"))
            )
        );
        if table_star {
            let table = self.name()?;
            self.position += 2;
            return Ok(ResultColumn::TableStar(table));
        }
        let expr = self.expr()?;
        let alias = self.alias()?;
        self.aliases.extend(alias.clone());
        Ok(ResultColumn::Expr(expr, alias))
    }

    pub(super) fn exprs(&mut self, end: &str) -> Result<Vec<Expr>, Refusal> {
        let mut list = vec![self.expr()?];
        while self.op(",") {
            list.push(self.expr()?);
        }
        self.expect_op(end)?;
        Ok(list)
    }
}

pub(super) fn reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}
