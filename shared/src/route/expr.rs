//! Writes expressions in DuckDB's SQL.

use super::affinity::Affinity;
use super::ast::{Expr, Literal, Operator, OrderTerm, Query};
use super::compare;
use super::emit::{Writer, is_no_limit};
use super::scope::{Phase, Scope};
use super::typed_expr::{Class, Typed, Whole, as_class, merged};
use super::{Refusal, refuse};

/// Expressions written for one statement. Those inside aggregates are tried twice, and so on inside them.
const EXPRESSIONS: usize = 50_000;

/// The names that a table's rowid has, if no column has them.
const ROWIDS: [&str; 3] = ["rowid", "oid", "_rowid_"];

impl Writer<'_> {
    /// Writes an expression that stands in `scope`.
    pub(super) fn expr(&mut self, e: &Expr, scope: &Scope<'_>) -> Result<Typed, Refusal> {
        self.written += 1;
        if self.written > EXPRESSIONS {
            return refuse("the statement is nested too deeply");
        }
        let is_name = matches!(e, Expr::Column(..) | Expr::Quoted(_));
        if let (Phase::Grouped(keys), false) = (scope.phase, is_name) {
            // An expression that is grouped by is one value a group, whatever is inside.
            if let Ok(row) = self.expr(e, &scope.at(Phase::Row)).map(Typed::value)
                && keys.iter().any(|k| k.sql == row.sql)
            {
                return Ok(row);
            }
        }
        match e {
            Expr::Literal(value) => Ok(Typed::from_literal(value)),
            Expr::Param(number) => self.param(*number),
            Expr::Column(table, name) => {
                let typed = scope.column(table.as_deref(), name)?;
                self.guarded |= is_guarded(&typed.sql);
                Ok(typed)
            }
            Expr::Quoted(name) => {
                if self.is_text(name, scope)? {
                    Ok(Typed::from_literal(&Literal::Text(name.clone())))
                } else {
                    self.expr(&Expr::Column(None, name.clone()), scope)
                }
            }
            Expr::Like(x, pattern, escape) => {
                let (x, pattern) = (self.expr(x, scope)?, self.expr(pattern, scope)?);
                self.like(&x.value(), &pattern.value(), *escape)
            }
            Expr::Negate(x) => {
                self.guarded = true;
                compare::negated(&self.expr(x, scope)?)
            }
            Expr::Not(x) => {
                let condition = self.expr(x, scope)?.condition()?;
                Ok(Typed::new(format!("(NOT {condition})"), Class::Bool))
            }
            Expr::Binary(operator, a, b) => self.binary(*operator, a, b, scope),
            Expr::IsNull(x, negated) => {
                let x = self.expr(x, scope)?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Typed::new(
                    format!("({} IS {not}NULL)", x.key()),
                    Class::Bool,
                ))
            }
            Expr::Between(x, low, high, negated) => {
                let (x, low, high) = (
                    self.expr(x, scope)?,
                    self.expr(low, scope)?,
                    self.expr(high, scope)?,
                );
                let from = self.comparison(Operator::GreaterEqual, &x, &low)?;
                let to = self.comparison(Operator::LessEqual, &x, &high)?;
                Ok(truth(format!("({} AND {})", from.sql, to.sql), *negated))
            }
            Expr::InList(x, list, negated) => {
                let x = self.expr(x, scope)?;
                let mut found = Vec::new();
                for value in list {
                    let value = Typed {
                        affinity: Some(Affinity::None),
                        ..self.expr(value, scope)?
                    };
                    found.push(self.comparison(Operator::Equal, &x, &value)?.sql);
                }
                Ok(truth(format!("({})", found.join(" OR ")), *negated))
            }
            Expr::InQuery(x, query, negated) => {
                let x = self.expr(x, scope)?.value();
                self.in_query(&x, query, *negated, scope)
            }
            Expr::Exists(query) => {
                let mut query = query.clone();
                if is_no_limit(&query) {
                    query.limit = None;
                }
                let query = self.subquery(&query, Some(scope))?;
                Ok(Typed::new(format!("EXISTS ({})", query.sql), Class::Bool))
            }
            Expr::Scalar(query) => self.scalar(query, scope),
            Expr::Case(operand, whens, otherwise) => {
                self.case(operand.as_deref(), whens, otherwise.as_deref(), scope)
            }
            Expr::Cast(x, ty) => {
                let x = self.expr(x, scope)?.value();
                match (ty.as_str(), x.class) {
                    ("REAL" | "DOUBLE" | "FLOAT", Class::Int | Class::Real | Class::Num) => {
                        Ok(Typed {
                            affinity: Some(Affinity::Real),
                            ..Typed::new(x.double(), Class::Real).inexact_if(x.inexact)
                        })
                    }
                    ("INTEGER" | "INT" | "BIGINT", Class::Int) | ("TEXT", Class::Text) => {
                        Ok(Typed {
                            affinity: Some(Affinity::declared(ty)),
                            ..Typed::new(x.sql, x.class)
                        })
                    }
                    _ => refuse("CAST converts in another way in DuckDB"),
                }
            }
            Expr::Call(call) => self.call(call, scope),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        a: &Expr,
        b: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Typed, Refusal> {
        let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
        match operator {
            Operator::And | Operator::Or => {
                let (a, b) = (a.condition()?, b.condition()?);
                Ok(Typed::new(
                    format!("({a} {} {b})", operator.sql()),
                    Class::Bool,
                ))
            }
            Operator::Concat => compare::concat(&a, &b),
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
                let typed = compare::arithmetic(operator, &a, &b)?;
                // Integers overflow in DuckDB and become REAL in SQLite.
                self.guarded |= matches!(typed.class, Class::Int | Class::Num);
                Ok(typed)
            }
            _ => self.comparison(operator, &a, &b),
        }
    }

    /// A comparison; notes whether it may raise an error.
    pub(super) fn comparison(
        &mut self,
        operator: Operator,
        a: &Typed,
        b: &Typed,
    ) -> Result<Typed, Refusal> {
        if !matches!(
            operator,
            Operator::Equal | Operator::NotEqual | Operator::Is | Operator::IsNot
        ) {
            self.check_order(a)?;
            self.check_order(b)?;
        }
        let typed = compare::comparison(operator, a, b)?;
        self.guarded |= is_guarded(&typed.sql);
        Ok(typed)
    }

    /// Refuses to order texts that SQLite orders by the bytes of UTF-16; those of dates have the same order.
    pub(super) fn check_order(&self, t: &Typed) -> Result<(), Refusal> {
        let ascii = matches!(&t.literal, Some(Literal::Text(text)) if text.is_ascii());
        if self.catalog.utf16 && t.class == Class::Text && t.raw.is_none() && !ascii {
            refuse("texts are put in order, which this database does by the bytes of UTF-16")
        } else {
            Ok(())
        }
    }

    /// True if a name in double quotes is a text to SQLite, since it names nothing.
    fn is_text(&self, name: &str, scope: &Scope<'_>) -> Result<bool, Refusal> {
        if scope.has_column(name) {
            return Ok(false);
        }
        let rowid = ROWIDS.iter().any(|n| n.eq_ignore_ascii_case(name));
        let alias = self.names.iter().any(|n| n.eq_ignore_ascii_case(name));
        // SQLite makes names for columns of a SELECT inside, from their text and with numbers behind a colon.
        if rowid || alias || name.contains(['\0', ':']) || scope.has_unnamed() {
            return refuse(format!("\"{name}\" may be a text or a name"));
        }
        Ok(true)
    }

    /// A parameter, written as its value: that decides how it may be compared.
    fn param(&mut self, number: usize) -> Result<Typed, Refusal> {
        match self.params.get(number - 1) {
            None => refuse(format!("parameter {number} has no value")),
            Some(Literal::Text(text)) if text.contains('\0') => {
                refuse(format!("parameter {number} contains a NUL"))
            }
            Some(value) => Ok(Typed::from_literal(value)),
        }
    }

    fn in_query(
        &mut self,
        x: &Typed,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Refusal> {
        let query = self.subquery(query, Some(scope))?;
        let [field] = query.fields.as_slice() else {
            return refuse("IN has a SELECT of several columns");
        };
        let y = field.typed.clone()?.value();
        x.check_groupable()?;
        y.check_groupable()?;
        let Some((x, y)) = compare::equal(x, &y)? else {
            return refuse("IN compares values of different classes");
        };
        self.guarded |= is_guarded(&x) || is_guarded(&y);
        let not = if negated { "NOT " } else { "" };
        Ok(Typed::new(
            format!(
                "({x} {not}IN (SELECT {y} FROM ({}) {}))",
                query.sql, query.alias
            ),
            Class::Bool,
        ))
    }

    fn scalar(&mut self, query: &Query, scope: &Scope<'_>) -> Result<Typed, Refusal> {
        let query = self.subquery(query, Some(scope))?;
        let [field] = query.fields.as_slice() else {
            return refuse("a SELECT of several columns is used as a value");
        };
        let value = field.typed.clone()?.value();
        if matches!(value.whole, Whole::Where(_)) {
            return refuse("a SELECT gives a number that is INTEGER or REAL by the row");
        }
        // More than one row is an error in DuckDB.
        self.guarded = true;
        let sql = format!(
            "(SELECT {} FROM ({}) {})",
            value.key(),
            query.sql,
            query.alias
        );
        Ok(match &value.raw {
            Some(raw) => Typed {
                affinity: value.affinity,
                ..Typed::from_raw(raw.of(sql))
            },
            None => Typed {
                sql,
                literal: None,
                operand: None,
                ..value
            },
        })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Typed, Refusal> {
        let operand = operand.map(|e| self.expr(e, scope)).transpose()?;
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (when, then) in whens {
            let when = self.expr(when, scope)?;
            conditions.push(match &operand {
                Some(operand) => self.comparison(Operator::Equal, operand, &when)?.sql,
                None => when.condition()?,
            });
            values.push(self.expr(then, scope)?);
        }
        if let Some(otherwise) = otherwise {
            values.push(self.expr(otherwise, scope)?);
        }
        self.choice(&values, |sqls| {
            let mut text = String::from("CASE");
            for (condition, sql) in conditions.iter().zip(sqls) {
                text.push_str(&format!(" WHEN {condition} THEN {sql}"));
            }
            if sqls.len() > conditions.len() {
                text.push_str(&format!(" ELSE {}", sqls[conditions.len()]));
            }
            text + " END"
        })
    }

    /// One of several values, chosen by what `write` makes of their texts.
    pub(super) fn choice(
        &mut self,
        values: &[Typed],
        write: impl Fn(&[String]) -> String,
    ) -> Result<Typed, Refusal> {
        let class = merged(values)?;
        let sqls: Vec<String> = values.iter().map(|v| as_class(v, class)).collect();
        self.guarded |= class == Class::Num;
        let mut chosen = Typed::new(format!("({})", write(&sqls)), class);
        chosen.inexact = values.iter().any(|v| v.inexact);
        if class == Class::Num {
            let wholes: Vec<String> = values.iter().map(Typed::whole_sql).collect();
            chosen.whole = Whole::Where(format!("({})", write(&wholes)));
        }
        Ok(chosen)
    }

    /// ORDER BY of a window: keys whose order is the same in both engines.
    pub(super) fn window_order(
        &mut self,
        terms: &[OrderTerm],
        scope: &Scope<'_>,
    ) -> Result<String, Refusal> {
        let mut keys = Vec::new();
        for term in terms {
            let key = self.expr(&term.expr, scope)?.value();
            key.check_groupable()?;
            self.check_order(&key)?;
            if matches!(term.expr, Expr::Literal(Literal::Integer(_))) {
                return refuse("a window is ordered by a number");
            }
            keys.push(format!("{}{}", key.key(), direction(term)));
        }
        Ok(keys.join(", "))
    }
}

/// ASC or DESC, and where NULLs go, both in words.
pub(super) fn direction(term: &OrderTerm) -> &'static str {
    match (term.descending, term.nulls_first) {
        (false, true) => " ASC NULLS FIRST",
        (false, false) => " ASC NULLS LAST",
        (true, true) => " DESC NULLS FIRST",
        (true, false) => " DESC NULLS LAST",
    }
}

/// True if the SQL may raise the error that sends the statement to SQLite.
pub(super) fn is_guarded(sql: &str) -> bool {
    sql.contains("error('lumos:")
}

fn truth(sql: String, negated: bool) -> Typed {
    if negated {
        Typed::new(format!("(NOT {sql})"), Class::Bool)
    } else {
        Typed::new(sql, Class::Bool)
    }
}
