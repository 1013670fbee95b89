//! The typed form as SQL: identifiers quoted, literals escaped, joins derived.

use super::catalog::{Catalog, ColumnKind, ColumnRef, ForeignKey};
use super::ir::{Compare, Expr, Filter, Literal, Query, Right, SetOp};
use super::joins::tree;
use crate::sql::{identifier as quote, literal as sql_literal};

/// The engines whose SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// DuckDB.
    DuckDb,
}

/// Writes queries over a catalog.
pub struct Printer<'a> {
    /// The tables.
    pub catalog: &'a Catalog,
    /// For which engine.
    pub dialect: Dialect,
    /// Keys that a question names, where tables have several.
    pub prefer: &'a dyn Fn(&ForeignKey) -> bool,
}

/// The tables that a query needs, in the order in which it names them.
pub fn tables(query: &Query) -> Vec<usize> {
    let mut all = Vec::new();
    for expr in &query.select {
        expr_tables(expr, &mut all);
    }
    for filter in query.filters.iter().chain(&query.having) {
        expr_tables(&filter.left, &mut all);
    }
    all.extend(query.group.iter().map(|c| c.table));
    for (expr, _) in &query.order {
        expr_tables(expr, &mut all);
    }
    all.extend(&query.tables);
    let mut once = Vec::new();
    for table in all {
        if !once.contains(&table) {
            once.push(table);
        }
    }
    once
}

fn expr_tables(expr: &Expr, all: &mut Vec<usize>) {
    match expr {
        Expr::Column(c) | Expr::Aggregate(_, _, Some(c)) | Expr::Unit(_, c) => all.push(c.table),
        Expr::Minus(a, b) => {
            expr_tables(a, all);
            expr_tables(b, all);
        }
        Expr::Share(of) => expr_tables(of, all),
        Expr::Aggregate(_, _, None) | Expr::Metric(_) | Expr::Query(_) => {}
    }
}

/// A number as SQL.
pub fn number(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 1e15 {
        format!("{n:.0}")
    } else {
        format!("{n}")
    }
}

impl Printer<'_> {
    /// The SQL of a query; `None` if its tables are not connected.
    pub fn query(&self, query: &Query) -> Option<String> {
        let mut sql = self.core(query)?;
        if let Some((op, other)) = &query.set {
            let op = match op {
                SetOp::Intersect => "INTERSECT",
                SetOp::Except => "EXCEPT",
                SetOp::Union => "UNION",
            };
            sql = format!("{sql} {op} {}", self.core(other)?);
        }
        Some(sql)
    }

    fn core(&self, query: &Query) -> Option<String> {
        let tables = tables(query);
        let one = tables.len() <= 1;
        let (from, alone) = if tables.is_empty() {
            (None, true)
        } else {
            let tree = tree(self.catalog, &tables, self.prefer)?;
            let mut from = quote(&self.catalog.tables[tree.first].name);
            for (table, key) in &tree.rest {
                let on: Vec<String> = key
                    .columns
                    .iter()
                    .map(|(a, b)| {
                        format!("{} = {}", self.column(*a, false), self.column(*b, false))
                    })
                    .collect();
                from.push_str(&format!(
                    " JOIN {} ON {}",
                    quote(&self.catalog.tables[*table].name),
                    on.join(" AND ")
                ));
            }
            (Some(from), tree.rest.is_empty() && one)
        };
        let mut sql = String::from("SELECT ");
        if query.distinct {
            sql.push_str("DISTINCT ");
        }
        if query.select.is_empty() {
            match (alone, tables.first()) {
                (false, Some(t)) => {
                    sql.push_str(&format!("{}.*", quote(&self.catalog.tables[*t].name)))
                }
                _ => sql.push('*'),
            }
        }
        let mut items = Vec::new();
        for e in &query.select {
            items.push(self.expr(e, alone)?);
        }
        sql.push_str(&items.join(", "));
        if let Some(from) = from {
            sql.push_str(" FROM ");
            sql.push_str(&from);
        }
        self.conditions(" WHERE ", &query.filters, alone, &mut sql)?;
        if !query.group.is_empty() {
            let group: Vec<String> = query.group.iter().map(|c| self.column(*c, alone)).collect();
            sql.push_str(&format!(" GROUP BY {}", group.join(", ")));
        }
        self.conditions(" HAVING ", &query.having, alone, &mut sql)?;
        let mut order = Vec::new();
        for (expr, desc) in &query.order {
            order.push(format!(
                "{}{}",
                self.expr(expr, alone)?,
                if *desc { " DESC" } else { "" }
            ));
        }
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        if let Some(limit) = query.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        Some(sql)
    }

    fn conditions(
        &self,
        word: &str,
        filters: &[Filter],
        alone: bool,
        sql: &mut String,
    ) -> Option<()> {
        // OR binds its neighbours first: `a AND (b OR c)`.
        let mut groups: Vec<Vec<String>> = Vec::new();
        for filter in filters {
            let text = self.filter(filter, alone)?;
            match groups.last_mut() {
                Some(last) if filter.or => last.push(text),
                _ => groups.push(vec![text]),
            }
        }
        let all: Vec<String> = groups
            .iter()
            .map(|g| {
                if g.len() > 1 {
                    format!("({})", g.join(" OR "))
                } else {
                    g.concat()
                }
            })
            .collect();
        if !all.is_empty() {
            sql.push_str(word);
            sql.push_str(&all.join(" AND "));
        }
        Some(())
    }

    fn column(&self, column: ColumnRef, alone: bool) -> String {
        let table = &self.catalog.tables[column.table];
        let name = quote(&table.columns[column.column].name);
        if alone {
            name
        } else {
            format!("{}.{name}", quote(&table.name))
        }
    }

    fn expr(&self, expr: &Expr, alone: bool) -> Option<String> {
        Some(match expr {
            Expr::Column(c) => self.column(*c, alone),
            Expr::Aggregate(agg, _, None) => format!("{}(*)", agg.name()),
            Expr::Aggregate(agg, distinct, Some(c)) => {
                let distinct = if *distinct { "DISTINCT " } else { "" };
                format!("{}({distinct}{})", agg.name(), self.column(*c, alone))
            }
            Expr::Metric(i) => self.catalog.metrics.get(*i)?.sql.clone(),
            Expr::Minus(a, b) => format!("{} - {}", self.expr(a, alone)?, self.expr(b, alone)?),
            Expr::Unit(unit, c) => self.unit(unit, *c, alone),
            Expr::Query(q) => format!("({})", self.query(q)?),
            Expr::Share(of) => {
                let of = self.expr(of, alone)?;
                format!("100.0 * {of} / sum({of}) OVER ()")
            }
        })
    }

    fn unit(&self, unit: &str, column: ColumnRef, alone: bool) -> String {
        let column = self.column(column, alone);
        let format = match unit {
            "year" => "%Y",
            "month" => "%Y-%m",
            _ => "%Y-%m-%d",
        };
        match self.dialect {
            Dialect::Sqlite => format!("strftime('{format}', {column})"),
            Dialect::DuckDb => format!("strftime(TRY_CAST({column} AS TIMESTAMP), '{format}')"),
        }
    }

    fn filter(&self, filter: &Filter, alone: bool) -> Option<String> {
        let left = self.expr(&filter.left, alone)?;
        let kind = match &filter.left {
            Expr::Column(c) => Some(self.catalog.at(*c).kind),
            _ => None,
        };
        let op = match filter.op {
            Compare::Eq => "=",
            Compare::Ne => "!=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
            Compare::Like => "LIKE",
            Compare::NotLike => "NOT LIKE",
            Compare::Between => "BETWEEN",
            Compare::In => "IN",
            Compare::NotIn => "NOT IN",
            Compare::IsNull => return Some(format!("{left} IS NULL")),
            Compare::NotNull => return Some(format!("{left} IS NOT NULL")),
        };
        let right = match &filter.right {
            Right::None => return None,
            Right::One(l) => self.literal(l, kind),
            Right::Two(a, b) => format!("{} AND {}", self.literal(a, kind), self.literal(b, kind)),
            Right::Query(q) => format!("({})", self.query(q)?),
        };
        Some(format!("{left} {op} {right}"))
    }

    fn literal(&self, literal: &Literal, kind: Option<ColumnKind>) -> String {
        match literal {
            Literal::Text(text) => text_literal(text),
            Literal::Number(n) if matches!(kind, Some(ColumnKind::Text | ColumnKind::Date)) => {
                text_literal(&number(*n))
            }
            Literal::Number(n) => number(*n),
        }
    }
}

fn text_literal(text: &str) -> String {
    sql_literal(&text.replace('\0', ""))
}
