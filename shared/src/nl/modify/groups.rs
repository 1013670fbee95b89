//! Groups by times, and what is made of all groups: shares, growth, running totals.

use super::super::catalog::{Catalog, ColumnRef, iso};
use super::super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, Unit, Window, is_aggregate, tables,
};
use super::Asked;
use super::times::moment;
use crate::calendar::{self, DAY};

/// Aggregates of a group for each unit of a time.
pub fn by_unit(
    catalog: &Catalog,
    unit: Unit,
    column: ColumnRef,
    asked: bool,
    named: bool,
    query: &mut Query,
) -> Option<()> {
    let unit = Expr::Unit(unit, column);
    if !query.group.is_empty() && asked {
        return None;
    }
    summed(catalog, &mut query.select);
    if !query.select.iter().any(is_aggregate) {
        // Things by their times are counted, if the question names any.
        if !named {
            return None;
        }
        let table = tables(query).first().copied();
        let by_aggregate = query.order.iter().any(|(e, _)| is_aggregate(e));
        if query.group.is_empty() {
            query.tables.extend(table);
            query.select = Vec::new();
            if !asked || !by_aggregate && query.order.is_empty() {
                query
                    .select
                    .push(Expr::Aggregate(Aggregate::Count, false, None));
            }
        }
    }
    // The time itself is shown by its unit, and what happened at times is counted.
    let time = Expr::Column(column);
    query.select.retain(|e| *e != time);
    query.group.retain(|e| *e != time);
    for expr in &mut query.select {
        if matches!(expr, Expr::Aggregate(Aggregate::Count, _, Some(c)) if *c == column) {
            *expr = Expr::Aggregate(Aggregate::Count, false, None);
            query.tables.push(column.table);
        }
    }
    if asked {
        // "Which month had the highest sales": the measure is the order.
        let mut order: Vec<Expr> = query.order.iter().map(|(e, _)| e.clone()).collect();
        summed(catalog, &mut order);
        for ((e, _), summed) in query.order.iter_mut().zip(order) {
            *e = summed;
        }
        if query.order.is_empty() {
            let measure = query.select.iter().find(|e| is_aggregate(e)).cloned()?;
            query.order = vec![(measure, true)];
            query.limit = Some(query.limit.unwrap_or(1));
        }
        query.order.retain(|(e, _)| is_aggregate(e));
        if query.order.is_empty() {
            return None;
        }
        query.select = vec![unit.clone()];
    } else {
        query.select.insert(0, unit.clone());
        if query.order.is_empty() {
            query.order = vec![(unit.clone(), false)];
        }
    }
    query.distinct = false;
    query.group.push(unit);
    let order_plain = query
        .order
        .iter()
        .any(|(e, _)| matches!(e, Expr::Column(c) if !query.group.contains(&Expr::Column(*c))));
    (!order_plain).then_some(())
}

/// Numbers that are no keys are summed.
pub fn summed(catalog: &Catalog, all: &mut [Expr]) {
    if all.iter().any(is_aggregate) {
        return;
    }
    for expr in all {
        if let Expr::Column(c) = expr
            && catalog.at(*c).kind.is_number()
            && !catalog.is_key(*c)
        {
            *expr = Expr::Aggregate(Aggregate::Sum, false, Some(*c));
        }
    }
}

/// What is asked of all groups, made of the last aggregate that is shown.
pub fn window(
    catalog: &Catalog,
    asked: Asked,
    time: Option<(Unit, ColumnRef)>,
    query: &mut Query,
) -> Option<()> {
    if asked == Asked::Share {
        return share(catalog, query);
    }
    let (unit, _) = time?;
    let window = match asked {
        Asked::Share => Window::Share,
        Asked::Running => Window::Running,
        Asked::Moving(count) => Window::Moving(count),
        Asked::Growth(since) => Window::Growth(units(since.unwrap_or(unit), unit)?),
    };
    let measure = query.select.iter().rposition(is_aggregate)?;
    let of = query.select[measure].clone();
    let made = Expr::Window(window, Box::new(of), time);
    match asked {
        Asked::Running | Asked::Moving(_) => query.select[measure] = made,
        // Growth is shown beside what grows.
        _ => query.select.insert(measure + 1, made),
    }
    if let (Window::Growth(before), Some((unit, column))) = (window, time) {
        since_before(query, unit, column, before);
    }
    Some(())
}

/// Growth in a time is reckoned from what was before it, which is not shown.
fn since_before(query: &mut Query, unit: Unit, column: ColumnRef, before: u32) {
    let bounded = |f: &Filter| {
        f.left == Expr::Column(column) && matches!(f.op, Compare::Within | Compare::Ge)
    };
    let Some(Right::Two(Literal::Text(from), _) | Right::One(Literal::Text(from))) = query
        .filters
        .iter_mut()
        .find(|f| bounded(f))
        .map(|f| &mut f.right)
    else {
        return;
    };
    let place = query
        .select
        .iter()
        .position(|e| *e == Expr::Unit(unit, column));
    let earlier = iso(from).and_then(|time| calendar::before(time, unit, before.into()));
    let (Some(place), Some((earlier, _)), Some(first)) = (place, earlier, unit_text(unit, from))
    else {
        return;
    };
    *from = moment(earlier);
    let inner = std::mem::take(query);
    *query = Query {
        select: (0..inner.select.len()).map(Expr::Result).collect(),
        filters: vec![Filter {
            left: Expr::Result(place),
            op: Compare::Ge,
            right: Right::One(Literal::Text(first)),
            or: false,
        }],
        order: vec![(Expr::Result(place), false)],
        of: Some(Box::new(Query {
            order: Vec::new(),
            ..inner
        })),
        ..Query::default()
    };
}

/// The text of the unit that a time is in, as the printer writes it.
fn unit_text(unit: Unit, time: &str) -> Option<String> {
    let day = iso(time)?.div_euclid(DAY);
    let (year, month, _) = calendar::civil(day);
    Some(match unit {
        Unit::Year => format!("{year:04}"),
        Unit::Quarter => format!("{year:04}-Q{}", (month + 2) / 3),
        Unit::Month => format!("{year:04}-{month:02}"),
        Unit::Week => moment(calendar::monday(day) * DAY),
        _ => moment(day * DAY),
    })
}

/// How many of the smaller unit the larger one has.
fn units(since: Unit, unit: Unit) -> Option<u32> {
    Some(match (since, unit) {
        (a, b) if a == b => 1,
        (Unit::Year, Unit::Quarter) => 4,
        (Unit::Year, Unit::Month) => 12,
        (Unit::Year, Unit::Week) => 52,
        (Unit::Year, Unit::Day) => 365,
        (Unit::Quarter, Unit::Month) => 3,
        (Unit::Week, Unit::Day) => 7,
        _ => return None,
    })
}

/// The share of each group; without groups, that of rows with conditions.
fn share(catalog: &Catalog, query: &mut Query) -> Option<()> {
    summed(catalog, &mut query.select);
    if !query.group.is_empty() {
        let measure = query.select.iter().rposition(is_aggregate)?;
        let of = Box::new(query.select[measure].clone());
        // "The percentage of delivered orders by country" is one of each country's orders.
        let is_time = |f: &Filter| f.op == Compare::Within;
        let (whole, part): (Vec<Filter>, Vec<Filter>) = query.filters.drain(..).partition(is_time);
        query.filters = whole;
        query.select[measure] = if part.is_empty() {
            Expr::Window(Window::Share, of, None)
        } else {
            Expr::Part(of, part)
        };
        return Some(());
    }
    let of = match query.select.iter().find(|e| is_aggregate(e)) {
        Some(of) => of.clone(),
        None => {
            query.tables = tables(query).first().copied().into_iter().collect();
            Expr::Aggregate(Aggregate::Count, false, None)
        }
    };
    if query.filters.is_empty() || !query.order.is_empty() {
        // "The share of total sales of each country": a group for each of what is shown.
        let plain: Vec<Expr> = query
            .select
            .iter()
            .filter(|e| matches!(e, Expr::Column(_)))
            .cloned()
            .collect();
        if plain.is_empty() || !query.filters.is_empty() {
            return None;
        }
        query.group = plain.clone();
        query.select = plain;
        query
            .select
            .push(Expr::Window(Window::Share, Box::new(of), None));
        return Some(());
    }
    if matches!(of, Expr::Aggregate(Aggregate::Count, _, None)) {
        query.select.clear();
        query.tables = tables(query).first().copied().into_iter().collect();
    }
    // A time bounds the whole; the rest is the part.
    let is_time = |f: &Filter| f.op == Compare::Within;
    let (whole, part): (Vec<Filter>, Vec<Filter>) = query.filters.drain(..).partition(is_time);
    if part.is_empty() {
        return None;
    }
    query.filters = whole;
    query.select = vec![Expr::Part(Box::new(of), part)];
    query.distinct = false;
    Some(())
}
