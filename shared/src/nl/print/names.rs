//! What the columns of a query are called.

use super::super::ir::{Aggregate, Expr, Query, Window};
use super::Printer;

impl Printer<'_> {
    /// What an engine calls a column that has no other name.
    pub fn own_name(&self, expr: &Expr) -> Option<&String> {
        match expr {
            Expr::Column(c) => Some(&self.catalog.at(*c).name),
            _ => None,
        }
    }

    /// What the columns of a query are called, each another name, and what is computed no name of a column of its tables,
    /// which an engine might take it for.
    pub fn names(&self, query: &Query, tables: &[usize]) -> Vec<String> {
        let columns = tables.iter().flat_map(|t| &self.catalog.tables[*t].columns);
        let columns: Vec<&str> = columns.map(|c| c.name.as_str()).collect();
        let mut all: Vec<String> = Vec::new();
        for expr in &query.select {
            let own = self.own_name(expr);
            let name = self.name(expr, query);
            let taken = |name: &str| {
                name == "place"
                    || all.iter().any(|known| known.eq_ignore_ascii_case(name))
                    || own.is_none_or(|own| own != name)
                        && columns.iter().any(|c| c.eq_ignore_ascii_case(name))
            };
            let of_table = match expr {
                Expr::Column(c) => Some(format!("{}_{name}", self.catalog.tables[c.table].name)),
                _ => None,
            };
            let free = std::iter::once(name.clone())
                .chain(of_table)
                .chain((2..).map(|i| format!("{name}{i}")))
                .find(|name| !taken(name));
            all.extend(free);
        }
        all
    }

    /// What a value is called.
    fn name(&self, expr: &Expr, query: &Query) -> String {
        let of = |i: usize| {
            let of = query.of.as_deref();
            of.and_then(|of| Some(self.name(of.select.get(i)?, of)))
        };
        let name = match expr {
            Expr::Column(c) => return self.catalog.at(*c).name.clone(),
            Expr::Metric(i) => {
                let metric = self.catalog.metrics.get(*i);
                return metric.map_or_else(|| "value".to_owned(), |m| m.name.clone());
            }
            // Rows are counted by their key.
            Expr::Aggregate(Aggregate::Count, _, Some(c)) if self.catalog.is_key(*c) => "count",
            Expr::Aggregate(agg, _, Some(c)) => {
                return format!("{}_{}", agg.name(), self.catalog.at(*c).name);
            }
            Expr::Aggregate(agg, _, None) | Expr::Of(agg @ Aggregate::Count, _) => agg.name(),
            Expr::Of(agg, i) => {
                let first = format!("{}_", agg.name());
                let of = of(*i).unwrap_or_else(|| "value".to_owned());
                // The sum of sums is one of the same values.
                return if of.starts_with(&first) {
                    of
                } else {
                    first + &of
                };
            }
            Expr::Result(i) => return of(*i).unwrap_or_else(|| "value".to_owned()),
            Expr::Unit(unit, _) => unit.name(),
            Expr::Minus(..) => "difference",
            Expr::Part(..) | Expr::Window(Window::Share, ..) => "share",
            Expr::Window(Window::Running, ..) => "running_total",
            Expr::Window(Window::Moving(_), ..) => "moving_average",
            Expr::Window(Window::Growth(_), ..) => "growth",
            Expr::Query(_) => "value",
        };
        name.to_owned()
    }
}
