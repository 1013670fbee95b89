//! Other times.

use super::super::super::catalog::{ColumnKind, words};
use super::super::super::ir::{
    Compare, Expr, Filter, Literal, Query, Right, Unit, is_aggregate, tables,
};
use super::super::super::modify::{
    Asked, Modifiers, a_year_before, add_condition, apply, by_unit, date_column, moment,
    period_filter,
};
use super::Change;
use crate::calendar;

impl Change<'_> {
    pub fn is_time(&self, filter: &Filter) -> bool {
        let Expr::Column(c) = filter.left else {
            return false;
        };
        let column = self.catalog().at(c);
        let year = || {
            let words = words(&column.name);
            let number = matches!(&filter.right, Right::One(Literal::Number(n)) if (1000.0..2200.0).contains(n));
            words.iter().any(|w| w == "year")
                || number && !self.catalog().is_key(c) && column.kind == ColumnKind::Date
        };
        column.kind == ColumnKind::Date || year()
    }

    /// A time, a unit, the same time a year before.
    pub fn times(&self, query: &mut Query, notes: &mut Vec<String>) -> Option<()> {
        let m = &self.edits.modifiers;
        if m.same_period && !a_year_before(self.catalog(), query) {
            return None;
        }
        if let Some(text) = &m.period {
            let before = query
                .filters
                .iter()
                .find(|f| self.is_time(f))
                .map(|f| f.left.clone());
            let column = match before {
                Some(Expr::Column(c)) if self.catalog().at(c).times().is_some() => c,
                _ => date_column(self.reader, self.tokens, query)?,
            };
            let filter = period_filter(self.reader, column, text, notes)?;
            self.set_time(query, filter)?;
        }
        if let Some(unit) = m.unit.filter(|_| m.window.is_none()) {
            self.unit(query, unit)?;
        }
        Some(())
    }

    /// A condition of time in place of the one that is there.
    pub fn set_time(&self, query: &mut Query, filter: Filter) -> Option<()> {
        let at = query.filters.iter().position(|f| self.is_time(f));
        let times = query.filters.iter().filter(|f| self.is_time(f)).count();
        match at {
            Some(at) => {
                if times > 1 {
                    query.filters.retain(|f| !self.is_time(f));
                    query.filters.push(filter);
                } else {
                    query.filters[at] = filter;
                }
                Some(())
            }
            None => add_condition(self.catalog(), query, filter),
        }
    }

    pub fn unit(&self, query: &mut Query, unit: Unit) -> Option<()> {
        let column = query
            .group
            .iter()
            .find_map(|g| match g {
                Expr::Unit(_, c) => Some(*c),
                _ => None,
            })
            .or_else(|| date_column(self.reader, self.tokens, query))?;
        if self.edits.adds {
            let expr = Expr::Unit(unit, column);
            query.group.push(expr.clone());
            query.select.insert(0, expr);
            return query.select.iter().any(is_aggregate).then_some(());
        }
        self.ungroup(query);
        // "By week", after which month was best: what was measured.
        if let (false, Some((measure, _))) = (
            query.select.iter().any(is_aggregate),
            query
                .order
                .first()
                .filter(|(e, _)| is_aggregate(e))
                .cloned(),
        ) {
            query.select.push(measure);
            query.order.clear();
            query.limit = None;
        }
        by_unit(
            self.catalog(),
            unit,
            column,
            self.edits.modifiers.asked,
            true,
            query,
        )
    }

    /// A year in place of one, or as another condition.
    pub fn year(&self, query: &mut Query, year: f64) -> Option<()> {
        if let Some(f) = query.filters.iter_mut().find(|f| {
            matches!(f.right, Right::One(Literal::Number(n)) if (1000.0..2200.0).contains(&n))
                && matches!(f.left, Expr::Column(_))
        }) {
            f.right = Right::One(Literal::Number(year));
            return Some(());
        }
        let like = format!("%{year:.0}%");
        if let Some(f) = query.filters.iter_mut().find(|f| matches!((&f.op, &f.right), (Compare::Like, Right::One(Literal::Text(t))) if t.len() == 6 && t[1..5].bytes().all(|b| b.is_ascii_digit()))) {
            f.right = Right::One(Literal::Text(like));
            return Some(());
        }
        let (from, to) = calendar::year(year as i64)?;
        let before = query
            .filters
            .iter()
            .find(|f| self.is_time(f))
            .and_then(|f| match f.left {
                Expr::Column(c) => Some((c, f.op)),
                _ => None,
            });
        let column = match before {
            Some((c, _)) if self.catalog().at(c).times().is_some() => c,
            _ => match date_column(self.reader, self.tokens, query) {
                Some(c) => c,
                None => return self.year_number(query, year),
            },
        };
        let (from, to) = (Literal::Text(moment(from)), Literal::Text(moment(to)));
        let pending = self.edits.compares.iter().find_map(|c| c.1);
        let (op, right) = match pending {
            Some(Compare::Gt) => (Compare::Ge, Right::One(to)),
            Some(Compare::Ge) => (Compare::Ge, Right::One(from)),
            Some(Compare::Lt) => (Compare::Lt, Right::One(from)),
            Some(Compare::Le) => (Compare::Lt, Right::One(to)),
            _ => (Compare::Within, Right::Two(from, to)),
        };
        self.set_time(
            query,
            Filter {
                left: Expr::Column(column),
                op,
                right,
                or: false,
            },
        )
    }

    /// A year where it is a number of its own.
    pub fn year_number(&self, query: &mut Query, year: f64) -> Option<()> {
        let own = tables(query);
        let all = self.reader.vocabulary.columns_named("year");
        let (column, _) = all
            .into_iter()
            .find(|(c, _)| own.contains(&c.table) && self.catalog().at(*c).kind.is_number())?;
        query.filters.push(Filter {
            left: Expr::Column(column),
            op: Compare::Eq,
            right: Right::One(Literal::Number(year)),
            or: false,
        });
        Some(())
    }

    /// A share, growth, a running total of what is shown.
    pub fn windows(
        &self,
        query: &mut Query,
        mut left: Modifiers,
        notes: &mut Vec<String>,
    ) -> Option<()> {
        let time = query.group.iter().find_map(|g| match g {
            Expr::Unit(unit, c) => Some((*unit, *c)),
            _ => None,
        });
        if left.window.is_some() && !query.order.is_empty() && query.limit.is_none() {
            let units = |e: &Expr| matches!(e, Expr::Unit(..));
            query.order.retain(|(e, _)| units(e));
        }
        left.unit = self.edits.modifiers.unit;
        if let (Some((unit, _)), None) = (time, left.unit) {
            left.unit = Some(unit);
        }
        if left.unit.is_some() && left.window != Some(Asked::Share) {
            self.ungroup(query);
        } else {
            left.unit = None;
        }
        let (made, more) = apply(self.reader, self.tokens, &left, true, std::mem::take(query))?;
        *query = made;
        notes.extend(more);
        Some(())
    }
}
