//! The typed form as SQL: identifiers quoted, literals escaped, joins derived.

mod names;

use super::catalog::{Catalog, ColumnKind, ColumnRef, iso};
use super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, SetOp, Unit, Window, tables,
};
use super::joins::Trees;
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
    /// The joins.
    pub trees: &'a Trees<'a>,
}

/// Whether a value is one of all rows that are read.
fn is_of_rows(expr: &Expr) -> bool {
    match expr {
        Expr::Aggregate(..) | Expr::Metric(_) | Expr::Part(..) | Expr::Of(..) => true,
        Expr::Window(_, of, _) => is_of_rows(of),
        Expr::Minus(a, b) => is_of_rows(a) || is_of_rows(b),
        Expr::Column(_) | Expr::Unit(..) | Expr::Query(_) | Expr::Result(_) => false,
    }
}

/// Whether an engine can run a query: without groups, values of all rows are not mixed with those of each row.
fn can_run(catalog: &Catalog, query: &Query) -> bool {
    if query.of.is_none() && tables(query).is_empty() && query.select.is_empty()
        || query.filters.iter().any(|filter| is_of_rows(&filter.left))
    {
        return false;
    }
    let mut order = query.order.iter().map(|(expr, _)| expr);
    let of_row = |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::Unit(..));
    if !query.group.is_empty() {
        // The rows of a group have another value each, but where the group is one row of the table.
        let one_row = |table: usize| {
            let mut group = query.group.iter();
            group
                .any(|e| matches!(e, Expr::Column(c) if c.table == table && catalog.is_primary(*c)))
        };
        return order.all(|expr| match expr {
            Expr::Column(c) => query.group.contains(expr) || one_row(c.table),
            _ => true,
        });
    }
    if query.select.iter().any(is_of_rows) {
        !query.select.iter().any(of_row) && !order.any(of_row)
    } else {
        query.having.is_empty() && !order.any(is_of_rows)
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
    /// The SQL of a query, whose columns have names that people can read, the same in both engines; `None` if its tables
    /// are not connected, or no engine can run it.
    pub fn query(&self, query: &Query) -> Option<String> {
        self.combined(query, true)
    }

    /// A query within another, where nobody sees what its columns are called.
    fn inner(&self, query: &Query) -> Option<String> {
        self.combined(query, false)
    }

    fn combined(&self, query: &Query, named: bool) -> Option<String> {
        let mut sql = self.core(query, named)?;
        if let Some((op, other)) = &query.set {
            let op = match op {
                SetOp::Intersect => "INTERSECT",
                SetOp::Except => "EXCEPT",
                SetOp::Union => "UNION",
            };
            // ORDER BY and LIMIT of a part stand inside of it.
            let part = |query: &Query, sql: String| {
                if query.order.is_empty() && query.limit.is_none() {
                    sql
                } else {
                    format!("SELECT * FROM ({sql})")
                }
            };
            let other = part(other, self.core(other, false)?);
            sql = format!("{} {op} {other}", part(query, sql));
        }
        Some(sql)
    }

    fn core(&self, query: &Query, named: bool) -> Option<String> {
        if !can_run(self.catalog, query) {
            return None;
        }
        let tables = tables(query);
        // Engines count rows by a number with a sign.
        let limit = query.limit.map(|limit| limit.min(i64::MAX.unsigned_abs()));
        let mut with = String::new();
        let (from, alone) = match &query.of {
            Some(of) => {
                with = self.with(of)?;
                (Some("asked".to_owned()), true)
            }
            None if tables.is_empty() => (None, true),
            None => {
                let (from, joined) = self.from(&tables)?;
                (Some(from), !joined)
            }
        };
        let ranked = !query.per.is_empty() && limit.is_some() && !query.order.is_empty();
        let names = self.names(query, &tables);
        let mut items = Vec::new();
        for (expr, name) in query.select.iter().zip(&names) {
            let mut item = self.expr(expr, alone)?;
            if ranked || named && self.own_name(expr) != Some(name) {
                item.push_str(&format!(" AS {}", quote(name)));
            }
            items.push(item);
        }
        if items.is_empty() {
            items.push(match tables.first() {
                Some(t) if !alone => format!("{}.*", quote(&self.catalog.tables[*t].name)),
                _ => "*".to_owned(),
            });
        }
        let mut rest = String::new();
        if let Some(from) = from {
            rest.push_str(" FROM ");
            rest.push_str(&from);
        }
        self.conditions(" WHERE ", &query.filters, alone, &mut rest)?;
        let list = |all: &[Expr]| -> Option<String> {
            let all: Option<Vec<String>> = all.iter().map(|e| self.expr(e, alone)).collect();
            Some(all?.join(", "))
        };
        if !query.group.is_empty() {
            let mut group = query.group.clone();
            if let (Dialect::DuckDb, [], Some(table)) =
                (self.dialect, &query.select[..], tables.first().copied())
            {
                // All that is shown must be in it.
                let all = 0..self.catalog.tables[table].columns.len();
                let all = all.map(|column| Expr::Column(ColumnRef { table, column }));
                group.extend(all.filter(|e| !query.group.contains(e)));
            }
            rest.push_str(&format!(" GROUP BY {}", list(&group)?));
        }
        self.conditions(" HAVING ", &query.having, alone, &mut rest)?;
        let mut order = Vec::new();
        for (expr, desc) in &query.order {
            order.push(format!(
                "{}{}",
                self.expr(expr, alone)?,
                if *desc { " DESC" } else { "" }
            ));
        }
        let order = order.join(", ");
        let distinct = if query.distinct { "DISTINCT " } else { "" };
        if let (true, Some(limit)) = (ranked, limit) {
            let names: Vec<String> = names.iter().map(|n| quote(n)).collect();
            return Some(format!(
                "SELECT {} FROM (SELECT {distinct}{}, row_number() OVER (PARTITION BY {} ORDER BY {order}) AS place{rest}) AS ranked \
                 WHERE place <= {limit} ORDER BY {}, place",
                names.join(", "),
                items.join(", "),
                list(&query.per)?,
                names.first()?,
            ));
        }
        let mut sql = format!("{with}SELECT {distinct}{}{rest}", items.join(", "));
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {order}"));
        }
        if let Some(limit) = limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        Some(sql)
    }

    /// FROM of these tables, and whether it has several.
    fn from(&self, tables: &[usize]) -> Option<(String, bool)> {
        let tree = self.trees.tree(tables)?;
        let mut from = quote(&self.catalog.tables[tree.first].name);
        for (table, key) in &tree.rest {
            let on: Vec<String> = key
                .columns
                .iter()
                .map(|(a, b)| format!("{} = {}", self.column(*a, false), self.column(*b, false)))
                .collect();
            from.push_str(&format!(
                " JOIN {} ON {}",
                quote(&self.catalog.tables[*table].name),
                on.join(" AND ")
            ));
        }
        Some((from, !tree.rest.is_empty()))
    }

    /// A query as `asked`, its columns called `c1`, `c2`, ...
    fn with(&self, query: &Query) -> Option<String> {
        let sql = self.inner(query)?;
        let columns: Vec<String> = (1..=query.select.len()).map(|i| format!("c{i}")).collect();
        let columns = if columns.is_empty() {
            String::new()
        } else {
            format!("({})", columns.join(", "))
        };
        Some(format!("WITH asked{columns} AS ({sql}) "))
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
            Expr::Unit(unit, c) => self.unit(*unit, *c, alone),
            Expr::Query(q) => format!("({})", self.inner(q)?),
            Expr::Window(_, of, _) if !self.is_number(of) => return None,
            Expr::Window(window, of, time) => {
                let of = self.expr(of, alone)?;
                let time = time.map(|(unit, c)| self.place(unit, c, alone));
                window_of(*window, &of, time.as_deref())?
            }
            Expr::Part(of, filters) => {
                let of = self.expr(of, alone)?;
                let mut condition = String::new();
                self.conditions("", filters, alone, &mut condition)?;
                format!("100.0 * {of} FILTER (WHERE {condition}) / nullif({of}, 0)")
            }
            Expr::Result(i) => format!("c{}", i + 1),
            Expr::Of(Aggregate::Count, _) => "count(*)".to_owned(),
            Expr::Of(agg, i) => format!("{}(c{})", agg.name(), i + 1),
        })
    }

    /// Whether the value of a group is a number. In SQLite any column may have numbers.
    fn is_number(&self, expr: &Expr) -> bool {
        match expr {
            _ if self.dialect == Dialect::Sqlite => true,
            Expr::Aggregate(Aggregate::Min | Aggregate::Max, _, Some(c)) | Expr::Column(c) => {
                self.catalog.at(*c).kind.is_number()
            }
            _ => true,
        }
    }

    /// Whether a value can be compared with a literal: DuckDB makes that a value of the column's type, which is an error
    /// of the whole statement if it is none.
    fn comparable(&self, kind: Option<ColumnKind>, op: Compare, literal: &Literal) -> bool {
        if self.dialect == Dialect::Sqlite || matches!(op, Compare::Like | Compare::NotLike) {
            return true;
        }
        match (kind, literal) {
            (Some(ColumnKind::Date), Literal::Text(text)) => iso(text).is_some(),
            (Some(ColumnKind::Integer | ColumnKind::Real), Literal::Text(text)) => {
                text.trim().parse().is_ok_and(f64::is_finite)
            }
            (Some(ColumnKind::Boolean), Literal::Text(text)) => {
                matches!(text.as_str(), "true" | "false")
            }
            (Some(ColumnKind::Date | ColumnKind::Other), _) => false,
            _ => true,
        }
    }

    /// A column of times, for functions of times.
    fn time(&self, column: ColumnRef, alone: bool) -> String {
        let name = self.column(column, alone);
        match self.dialect {
            Dialect::Sqlite => name,
            Dialect::DuckDb => format!("TRY_CAST({name} AS TIMESTAMP)"),
        }
    }

    /// A time cut to a unit, as a text that sorts.
    fn unit(&self, unit: Unit, column: ColumnRef, alone: bool) -> String {
        let time = self.time(column, alone);
        match (self.dialect, unit) {
            (Dialect::Sqlite, Unit::Quarter) => {
                format!("strftime('%Y', {time}) || '-Q' || ((strftime('%m', {time}) + 2) / 3)")
            }
            (Dialect::DuckDb, Unit::Quarter) => {
                format!("strftime({time}, '%Y') || '-Q' || quarter({time})")
            }
            (Dialect::Sqlite, Unit::Week) => format!("date({time}, 'weekday 0', '-6 days')"),
            (Dialect::DuckDb, Unit::Week) => {
                format!("strftime(date_trunc('week', {time}), '%Y-%m-%d')")
            }
            _ => {
                let format = match unit {
                    Unit::Year | Unit::Decade => "%Y",
                    Unit::Month => "%Y-%m",
                    Unit::Hour => "%Y-%m-%d %H",
                    Unit::Minute => "%Y-%m-%d %H:%M",
                    _ => "%Y-%m-%d",
                };
                match self.dialect {
                    Dialect::Sqlite => format!("strftime('{format}', {time})"),
                    Dialect::DuckDb => format!("strftime({time}, '{format}')"),
                }
            }
        }
    }

    /// The number of a unit in time, the same of all times in it: consecutive units have consecutive numbers.
    fn place(&self, unit: Unit, column: ColumnRef, alone: bool) -> String {
        let time = self.time(column, alone);
        let (year, month, day) = match self.dialect {
            Dialect::Sqlite => (
                format!("strftime('%Y', {time})"),
                format!("strftime('%m', {time})"),
                format!("CAST(julianday(date({time})) + 0.5 AS INTEGER)"),
            ),
            Dialect::DuckDb => (
                format!("year({time})"),
                format!("month({time})"),
                format!("datediff('day', DATE '1970-01-05', CAST({time} AS DATE))"),
            ),
        };
        let place = match unit {
            Unit::Year | Unit::Decade => format!("{year} + 0"),
            Unit::Quarter => format!("{year} * 4 + ({month} + 2) / 3"),
            Unit::Month => format!("{year} * 12 + {month}"),
            // The days 0 of both are Mondays.
            Unit::Week => format!("{day} / 7"),
            _ => day,
        };
        match (self.dialect, unit) {
            (Dialect::DuckDb, Unit::Quarter | Unit::Week) => {
                format!("min({})", place.replace(" / ", " // "))
            }
            _ => format!("min({place})"),
        }
    }

    fn filter(&self, filter: &Filter, alone: bool) -> Option<String> {
        let left = self.expr(&filter.left, alone)?;
        let kind = match &filter.left {
            Expr::Column(c) => Some(self.catalog.at(*c).kind),
            _ => None,
        };
        let within = |a: &Literal, b: &Literal| {
            let (a, b) = (self.literal(a, kind), self.literal(b, kind));
            match filter.op {
                Compare::Within => format!("{left} >= {a} AND {left} < {b}"),
                _ => format!("({left} < {a} OR {left} >= {b})"),
            }
        };
        let op = match filter.op {
            Compare::Within | Compare::Outside => {
                return match &filter.right {
                    Right::Two(a, b) => Some(within(a, b)),
                    _ => None,
                };
            }
            Compare::Eq => "=",
            Compare::Ne => "!=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
            Compare::Like => "LIKE",
            Compare::NotLike => "NOT LIKE",
            Compare::Between => "BETWEEN",
            Compare::NotBetween => "NOT BETWEEN",
            Compare::In => "IN",
            Compare::NotIn => "NOT IN",
            Compare::IsNull => return Some(format!("{left} IS NULL")),
            Compare::NotNull => return Some(format!("{left} IS NOT NULL")),
        };
        let comparable = match &filter.right {
            Right::One(l) => self.comparable(kind, filter.op, l),
            Right::Two(a, b) => {
                self.comparable(kind, filter.op, a) && self.comparable(kind, filter.op, b)
            }
            // The mean of numbers is no text.
            Right::Query(q) => {
                self.dialect == Dialect::Sqlite
                    || kind.is_none_or(ColumnKind::is_number)
                    || !matches!(&q.select[..], [Expr::Aggregate(..)])
                    || !self.is_number(&q.select[0])
            }
            Right::None => true,
        };
        if !comparable {
            return None;
        }
        let right = match &filter.right {
            Right::None => return None,
            Right::One(l) => self.literal(l, kind),
            Right::Two(a, b) => format!("{} AND {}", self.literal(a, kind), self.literal(b, kind)),
            Right::Query(q) => format!("({})", self.inner(q)?),
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

/// What is made of an aggregate of all groups, with the number of their time.
fn window_of(window: Window, of: &str, time: Option<&str>) -> Option<String> {
    Some(match window {
        Window::Share => format!("100.0 * {of} / nullif(sum({of}) OVER (), 0)"),
        Window::Running => format!("sum({of}) OVER (ORDER BY {})", time?),
        Window::Moving(count) => format!(
            "avg({of}) OVER (ORDER BY {} ROWS BETWEEN {} PRECEDING AND CURRENT ROW)",
            time?,
            count.saturating_sub(1)
        ),
        // By the number of the time, since a unit without rows has no group.
        Window::Growth(before) => format!(
            "100.0 * {of} / nullif(max({of}) OVER (ORDER BY {} RANGE BETWEEN {before} PRECEDING AND {before} PRECEDING), 0) - 100",
            time?
        ),
    })
}

fn text_literal(text: &str) -> String {
    sql_literal(&text.replace('\0', ""))
}
