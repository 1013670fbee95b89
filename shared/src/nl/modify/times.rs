//! The times that a question is about, as conditions.

use super::super::catalog::{Catalog, ColumnKind, ColumnRef, iso, words};
use super::super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, is_aggregate, tables,
};
use super::super::joins::distances;
use super::super::link::related_words;
use super::super::period::{Period, period};
use super::super::reader::Reader;
use super::super::tokens::{Token, stem};
use crate::calendar::{self, DAY};

/// The time of a text as a condition on a column. The time now is given, or the latest of the column.
pub fn period_filter(
    reader: &Reader<'_>,
    column: ColumnRef,
    text: &str,
    notes: &mut Vec<String>,
) -> Option<Filter> {
    let now = now(reader, column);
    let period = period(text, now)?;
    if period.relative && reader.now.is_none() {
        notes.push(format!(
            "now is {}, the latest {}",
            day(now?.div_euclid(DAY) * DAY),
            reader.catalog.named(column)
        ));
    }
    Some(filter(column, &period))
}

fn now(reader: &Reader<'_>, column: ColumnRef) -> Option<i64> {
    let latest = || Some(reader.catalog.at(column).times()?.1 + DAY - 1);
    reader.now.or_else(latest)
}

fn filter(column: ColumnRef, period: &Period) -> Filter {
    let text = |time: i64| Literal::Text(moment(time));
    let (op, right) = match period.op {
        Compare::Ge => (Compare::Ge, Right::One(text(period.from))),
        Compare::Lt => (Compare::Lt, Right::One(text(period.to))),
        _ => (
            Compare::Within,
            Right::Two(text(period.from), text(period.to)),
        ),
    };
    Filter {
        left: Expr::Column(column),
        op,
        right,
        or: false,
    }
}

fn day(time: i64) -> String {
    let (year, month, of_month) = calendar::civil(time.div_euclid(DAY));
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// A time as ISO text, a day alone where it begins.
pub fn moment(time: i64) -> String {
    let second = time.rem_euclid(DAY);
    if second == 0 {
        day(time)
    } else {
        format!(
            "{} {:02}:{:02}:{:02}",
            day(time),
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// Adds a condition. Where each row has several of what it is about, a row is shown or counted once.
pub fn add_condition(catalog: &Catalog, query: &mut Query, filter: Filter) -> Option<()> {
    let Expr::Column(column) = filter.left else {
        return None;
    };
    let before = tables(query);
    if let Some(main) = before.first().copied()
        && !before.contains(&column.table)
        && fans_out(catalog, &before, column.table)
        && query.group.is_empty()
    {
        if query.select.iter().any(is_aggregate) {
            let key = catalog.tables[main].primary_key[..].first().copied();
            for expr in &mut query.select {
                match (&*expr, key) {
                    (Expr::Aggregate(Aggregate::Count, _, None), Some(column)) => {
                        *expr = Expr::Aggregate(
                            Aggregate::Count,
                            true,
                            Some(ColumnRef {
                                table: main,
                                column,
                            }),
                        );
                    }
                    _ => return None,
                }
            }
        } else {
            query.distinct = true;
        }
    }
    query.filters.push(filter);
    Some(())
}

/// Whether a row of these tables has several of another.
fn fans_out(catalog: &Catalog, from: &[usize], to: usize) -> bool {
    distances(catalog, from)[to].is_some_and(|(_, fans)| fans)
}

/// Words in the names of columns whose times are seldom those that are asked for.
const SELDOM: &[&str] = &[
    "birth", "updat", "modifi", "expir", "due", "end", "close", "delet", "chang",
];

/// The column with the times of what a query is about: one of its tables or near them, called as the question says.
pub fn date_column(reader: &Reader<'_>, tokens: &[Token], query: &Query) -> Option<ColumnRef> {
    let catalog = reader.catalog;
    let own = tables(query);
    let aggregated = query
        .select
        .iter()
        .chain(query.order.iter().map(|o| &o.0))
        .find_map(|e| match e {
            Expr::Aggregate(_, _, Some(c)) => Some(c.table),
            _ => None,
        });
    // "The revenue of Ada in 2023" came in 2023, whenever she did.
    let metric = query
        .select
        .iter()
        .chain(query.order.iter().map(|o| &o.0))
        .chain(query.having.iter().map(|f| &f.left))
        .find_map(|e| match e {
            Expr::Metric(metric) => Some(catalog.metrics.get(*metric)?.table),
            _ => None,
        });
    let from = metric.map_or_else(|| own.clone(), |table| vec![table]);
    let away = distances(catalog, &from);
    let mut best: Option<(f32, ColumnRef)> = None;
    for (table, t) in catalog.tables.iter().enumerate() {
        for (column, c) in t.columns.iter().enumerate() {
            if c.kind != ColumnKind::Date || c.times().is_none() {
                continue;
            }
            let mut cost = 0.0;
            if !from.contains(&table) {
                let Some((joins, fans)) = away[table] else {
                    continue;
                };
                cost += 0.5 + joins as f32 + if fans { 1.0 } else { 0.0 };
            } else if aggregated == Some(table)
                || aggregated.is_none() && from.first() == Some(&table)
            {
                cost -= 0.25;
            }
            let words: Vec<String> = words(&c.name).iter().map(|w| stem(w)).collect();
            let said = |word: &String| {
                tokens
                    .iter()
                    .any(|t| t.stem == *word || related_words(word).contains(&t.stem))
            };
            let plain = |w: &&String| {
                !["date", "time", "at", "on", "day", "timestamp"].contains(&w.as_str())
            };
            if words.iter().filter(plain).any(said) {
                cost -= 1.2;
            } else if words.iter().any(|w| SELDOM.contains(&w.as_str())) {
                cost += 0.6;
            }
            if best.is_none_or(|(b, _)| cost < b - 1e-6) {
                best = Some((cost, ColumnRef { table, column }));
            }
        }
    }
    best.map(|(_, c)| c)
}

/// Moves the time of a query by a year; without one, it is that of last year up to this day.
pub fn same_period_of(
    reader: &Reader<'_>,
    tokens: &[Token],
    query: &mut Query,
    notes: &mut Vec<String>,
) -> Option<()> {
    if a_year_before(reader.catalog, query) {
        return Some(());
    }
    let column = date_column(reader, tokens, query)?;
    let now = now(reader, column)?;
    if reader.now.is_none() {
        notes.push(format!(
            "now is {}, the latest {}",
            day(now),
            reader.catalog.named(column)
        ));
    }
    let (year, month, of_month) = calendar::civil(now.div_euclid(DAY));
    let from = calendar::day_of(year - 1, 1, 1)? * DAY;
    let to = calendar::day_of(year - 1, month, of_month)
        .or_else(|| calendar::day_of(year - 1, month, of_month - 1))?
        * DAY
        + DAY;
    let period = Period {
        span: 0..0,
        from,
        to,
        op: Compare::Within,
        relative: true,
    };
    add_condition(reader.catalog, query, filter(column, &period))
}

/// Moves the time of a query back by a year, if it has one.
pub fn a_year_before(catalog: &Catalog, query: &mut Query) -> bool {
    let back = |text: &str| -> Option<String> {
        let time = iso(text)?;
        let (year, month, of_month) = calendar::civil(time.div_euclid(DAY));
        let day = calendar::day_of(year - 1, month, of_month)
            .or_else(|| calendar::day_of(year - 1, month, of_month - 1))?;
        Some(moment(day * DAY) + text.get(10..)?)
    };
    let mut moved = false;
    for filter in &mut query.filters {
        let Expr::Column(c) = filter.left else {
            continue;
        };
        if catalog.at(c).kind != ColumnKind::Date {
            continue;
        }
        let texts: Vec<&mut Literal> = match &mut filter.right {
            Right::One(a) => vec![a],
            Right::Two(a, b) => vec![a, b],
            _ => continue,
        };
        for literal in texts {
            if let Literal::Text(text) = literal
                && let Some(before) = back(text)
            {
                *text = before;
                moved = true;
            }
        }
    }
    moved
}
