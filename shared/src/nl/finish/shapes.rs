//! Queries that no one means as they stand: groups that are counted but not made, a row that is to have two values.

use super::super::catalog::{Catalog, Column, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Query, Right, is_aggregate, tables};
use super::super::joins::Trees;
use super::super::reader::{name_of, shown_names};
use super::super::state::State;
use super::super::tokens::{Token, stem};

/// Mends what a query lacks, once its groups are known.
pub fn mend(catalog: &Catalog, tokens: &[Token], state: &State, query: &mut Query) {
    things(catalog, tokens, query);
    counted_groups(catalog, state, query);
    most_of_groups(catalog, state, query);
    referred(catalog, query);
    named_groups(catalog, query);
    let order = std::mem::take(&mut query.order);
    for by in order {
        if !query.order.contains(&by) {
            query.order.push(by);
        }
    }
}

/// "Which doctors ...", where the rows of another table say by a key which they are: they are shown by their names.
fn things(catalog: &Catalog, tokens: &[Token], query: &mut Query) {
    let said = |word: &str| tokens.iter().any(|t| t.stem == stem(word));
    if ["id", "code", "key", "number"].iter().any(|w| said(w)) || query.set.is_some() {
        return;
    }
    let who = tokens.first().is_some_and(|t| t.lower == "who");
    let whose = tokens.iter().any(|t| t.text == "谁");
    for i in (0..query.select.len()).rev() {
        let Expr::Column(column) = query.select[i] else {
            continue;
        };
        let Some(to) = catalog.refers(column).filter(|to| to.table != column.table) else {
            continue;
        };
        let all = words(&catalog.tables[to.table].name);
        let is_said = all.iter().any(|w| said(w));
        let names = shown_names(catalog, to.table);
        let is_key = names.is_empty() || names.contains(&to) || names.contains(&column);
        // "With their support rep" asks for no number: `SupportRepId`.
        let own = words(&catalog.at(column).name);
        let called = matches!(&own[..], [all @ .., id] if id == "id" && !all.is_empty() && all.iter().all(|w| said(w)));
        let person = whose || who && is_person(catalog, to.table);
        if is_key || !(is_said || called || person) {
            continue;
        }
        let names: Vec<Expr> = names.into_iter().map(Expr::Column).collect();
        if query.group.contains(&Expr::Column(column)) {
            query.group.extend(names.iter().cloned());
        }
        query.select.splice(i..=i, names);
    }
}

/// "Patients who took aspirin": who took it twice is shown once.
pub fn once(catalog: &Catalog, trees: &Trees<'_>, query: &mut Query) {
    let plain = query.group.is_empty() && query.order.is_empty() && query.having.is_empty();
    if !plain || query.limit.is_some() || query.set.is_some() || query.of.is_some() {
        return;
    }
    let Some(Expr::Column(first)) = query.select.first() else {
        return;
    };
    let table = first.table;
    let own = |e: &Expr| matches!(e, Expr::Column(c) if c.table == table);
    let of_others = query
        .filters
        .iter()
        .any(|f| matches!(f.left, Expr::Column(c) if c.table != table));
    // Others of the same name stay, and so does what has no key but its name.
    let names = name_of(catalog, table);
    if catalog.key(table).is_none_or(|key| names.contains(&key)) {
        return;
    }
    let tells = catalog.tables[table].rows;
    let alone = names.len() > 1
        || catalog
            .at(*first)
            .distinct
            .is_some_and(|n| Some(n) == tells);
    let named = names
        .iter()
        .all(|c| query.select.contains(&Expr::Column(*c)))
        && alone;
    let repeats = || {
        trees
            .tree(&tables(query))
            .is_some_and(|t| t.repeats(table).is_some())
    };
    if query.select.iter().all(own) && of_others && named && repeats() {
        query.distinct = true;
    }
}

/// Whether the rows of a table are people, as far as its name and columns say.
pub fn is_person(catalog: &Catalog, table: usize) -> bool {
    let people = [
        "person",
        "people",
        "employee",
        "staff",
        "customer",
        "client",
        "user",
        "student",
        "pupil",
        "teacher",
        "professor",
        "doctor",
        "physician",
        "nurse",
        "patient",
        "driver",
        "artist",
        "author",
        "member",
        "player",
        "actor",
        "singer",
        "manager",
        "listener",
        "guest",
        "passenger",
        "pilot",
        "writer",
        "director",
        "coach",
        "owner",
        "candidate",
        "worker",
    ];
    let is_name = |c: &Column| {
        let name = words(&c.name);
        name.iter().any(|w| w == "first" || w == "last") && name.iter().any(|w| w == "name")
    };
    let t = &catalog.tables[table];
    let of_table = words(&t.name);
    let named = |w: &String| people.iter().any(|p| p == w || stem(p) == stem(w));
    let lives = |c: &Column| {
        let name = words(&c.name);
        ["age", "gender", "sex", "birth", "nationality"]
            .iter()
            .any(|w| name.iter().any(|n| n == w))
    };
    of_table.last().is_some_and(named) || t.columns.iter().any(|c| is_name(c) || lives(c))
}

/// "How many artists have more than 2 albums": the groups with a condition are counted.
fn counted_groups(catalog: &Catalog, state: &State, query: &mut Query) {
    let counts = matches!(
        query.select[..],
        [Expr::Aggregate(Aggregate::Count, _, None)]
    );
    let first = state.named.iter().min_by_key(|(_, at)| *at);
    if !counts || query.having.is_empty() || !query.group.is_empty() {
        return;
    }
    let Some(key) = first.and_then(|(table, _)| catalog.key(*table).map(Expr::Column)) else {
        return;
    };
    let groups = Query {
        select: vec![key.clone()],
        group: vec![key],
        order: Vec::new(),
        limit: None,
        ..std::mem::take(query)
    };
    *query = Query {
        select: vec![Expr::Of(Aggregate::Count, 0)],
        of: Some(Box::new(groups)),
        ..Query::default()
    };
}

/// "The department with the most employees", of which the number alone would be shown: it is the thing that is meant.
fn most_of_groups(catalog: &Catalog, state: &State, query: &mut Query) {
    let numbers = !query.select.is_empty() && query.select.iter().all(is_aggregate);
    let ordered = query.order.iter().any(|(e, _)| is_aggregate(e));
    if !numbers || !ordered || !query.group.is_empty() {
        return;
    }
    let Some((table, _)) = state.named.iter().min_by_key(|(_, at)| *at) else {
        return;
    };
    let names: Vec<Expr> = shown_names(catalog, *table)
        .into_iter()
        .map(Expr::Column)
        .collect();
    query.group.extend(catalog.key(*table).map(Expr::Column));
    query.group.extend(
        names
            .iter()
            .filter(|n| Some(*n) != query.group.first())
            .cloned()
            .collect::<Vec<_>>(),
    );
    query.select = names;
}

/// "The manager of Ada": the row that a column of hers refers to, which is of the same table.
fn referred(catalog: &Catalog, query: &mut Query) {
    let [Expr::Column(column)] = query.select[..] else {
        return;
    };
    let own = catalog.refers(column).filter(|to| to.table == column.table);
    let plain = query.group.is_empty() && query.order.is_empty() && query.set.is_none();
    let (Some(to), true) = (own, plain && !query.filters.is_empty()) else {
        return;
    };
    let names = name_of(catalog, to.table);
    if names.contains(&column) || names.is_empty() {
        return;
    }
    let of = std::mem::take(query);
    *query = Query {
        select: names.into_iter().map(Expr::Column).collect(),
        filters: vec![Filter {
            left: Expr::Column(to),
            op: Compare::In,
            right: Right::Query(Box::new(of)),
            or: false,
        }],
        ..Query::default()
    };
}

/// "The average cost per shipment" of shipments that have one cost each is the average of all.
pub fn flat_mean(catalog: &Catalog, query: &mut Query) {
    let mut means = query.select.iter().filter_map(|e| match e {
        Expr::Aggregate(Aggregate::Avg, false, Some(c)) => Some(c.table),
        _ => None,
    });
    let (Some(table), None) = (means.next(), means.next()) else {
        return;
    };
    let one_row = catalog
        .key(table)
        .is_some_and(|key| query.group.contains(&Expr::Column(key)));
    let of_one_table = query
        .group
        .iter()
        .all(|e| matches!(e, Expr::Column(c) if c.table == table));
    if one_row && of_one_table && query.having.is_empty() && query.order.is_empty() {
        query.group.clear();
        query.select.retain(is_aggregate);
    }
}

/// "The average rating of each product": which product it is, is shown too.
fn named_groups(catalog: &Catalog, query: &mut Query) {
    let [Expr::Column(by)] = query.group[..] else {
        return;
    };
    if query.select.is_empty() || !query.select.iter().all(is_aggregate) || !query.order.is_empty()
    {
        return;
    }
    let is_key = catalog.is_primary(by);
    let names = if is_key {
        shown_names(catalog, by.table)
    } else {
        vec![by]
    };
    let names: Vec<Expr> = names.into_iter().map(Expr::Column).collect();
    for name in names.iter().filter(|n| **n != Expr::Column(by)) {
        query.group.push(name.clone());
    }
    query.select.splice(0..0, names);
}

/// A row has one value in a column: "rock and jazz songs" are rock or jazz. Groups of rows may have both.
pub fn one_row(catalog: &Catalog, query: &mut Query) {
    let Some((_, other)) = &query.set else { return };
    let pair = query
        .filters
        .iter()
        .zip(&other.filters)
        .position(|(a, b)| a != b);
    let Some(at) = pair else { return };
    let Expr::Column(column) = query.filters[at].left else {
        return;
    };
    let names = name_of(catalog, column.table);
    let of_row = |e: &Expr| match e {
        Expr::Column(c) => names.contains(c) || catalog.key(column.table) == Some(*c),
        e => is_aggregate(e) && tables(query).len() == 1,
    };
    if !query.select.iter().all(of_row) || query.filters[at].op != Compare::Eq {
        return;
    }
    let or = Filter {
        or: true,
        ..other.filters[at].clone()
    };
    query.filters.insert(at + 1, or);
    query.set = None;
}
