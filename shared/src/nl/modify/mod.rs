//! Parts of a question that change a query as a whole: a time, "by month", a share, growth, "the top 3 of each".
//!
//! They are taken out of the question before it is read, and put into each of its readings.

mod groups;
mod mean;
mod ranked;
mod scan;
mod times;

use super::catalog::{Catalog, ColumnRef, Target, words};
use super::ir::{Aggregate, Expr, Query, Unit, is_aggregate, tables};
use super::joins::distances;
use super::lexicon::QUALITIES;
use super::reader::{Reader, name_of, shown_names};
use super::tokens::{Token, stem};
pub use groups::by_unit;
use groups::{summed, window};
use ranked::{Ranked, rank};
pub use scan::modifiers;
use times::same_period_of;
pub use times::{a_year_before, add_condition, date_column, moment, period_filter};

/// What a question asks for beside its rows and columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Modifiers {
    /// The text with the time that is asked about.
    pub period: Option<String>,
    /// The same time a year before.
    pub same_period: bool,
    /// A group for each such time.
    pub unit: Option<Unit>,
    /// That time is what is asked for.
    pub asked: bool,
    /// What is made of the groups.
    pub window: Option<Asked>,
    /// So many rows for each of these.
    pub per: Option<Target>,
    /// Things by a measure of each.
    pub ranked: Option<Ranked>,
    /// Things are counted for each group, though nothing says so.
    pub counted: bool,
    /// The mean of what is counted for each group.
    pub mean: bool,
    /// Groups in the order of the number that they have; true is descending.
    pub descending: Option<bool>,
    /// A group for each of these, of which one is meant, with how well its words fit.
    pub group: Vec<Vec<(f32, Target)>>,
}

/// What is made of groups, as far as a question says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked {
    /// A share of the whole.
    Share,
    /// A running total.
    Running,
    /// A moving average of so many.
    Moving(u32),
    /// Growth since the unit before, or since the year, quarter, ... before.
    Growth(Option<Unit>),
}

impl Modifiers {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        *self == Modifiers::default()
    }
}

/// A query with what was said beside it, and what that takes for granted; `named` says whether it is of a table that
/// the question names. `None` if it cannot be said of it.
pub fn apply(
    reader: &Reader<'_>,
    tokens: &[Token],
    modifiers: &Modifiers,
    named: bool,
    mut query: Query,
) -> Option<(Query, Vec<String>)> {
    let mut notes = Vec::new();
    if modifiers.is_empty() {
        return Some((query, notes));
    }
    if query.set.is_some() {
        return None;
    }
    if let Some(ranked) = modifiers.ranked {
        rank(reader.catalog, ranked, &mut query)?;
    }
    if let Some(target) = modifiers.per {
        per(reader.catalog, target, &mut query)?;
        by_the_link(reader.catalog, tokens, target, &mut query);
    }
    if let Some(text) = &modifiers.period {
        let column = date_column(reader, tokens, &query)?;
        let filter = period_filter(reader, column, text, &mut notes)?;
        // "The top 3 customers who signed up in 2023" are no days.
        if modifiers.ranked.is_some() && query.select.contains(&filter.left) {
            return None;
        }
        add_condition(reader.catalog, &mut query, filter)?;
    }
    if modifiers.same_period {
        same_period_of(reader, tokens, &mut query, &mut notes)?;
    }
    let unit = modifiers.unit.or(match modifiers.window {
        Some(Asked::Growth(unit)) => Some(unit.unwrap_or(Unit::Year)),
        Some(Asked::Running | Asked::Moving(_)) => Some(Unit::Month),
        _ => None,
    });
    let mut time = None;
    if let Some(unit) = unit {
        let column = date_column(reader, tokens, &query)?;
        by_unit(
            reader.catalog,
            unit,
            column,
            modifiers.asked,
            named,
            &mut query,
        )?;
        time = Some((unit, column));
    }
    if !modifiers.group.is_empty() {
        summed(reader.catalog, &mut query.select);
        if !query.select.iter().any(is_aggregate) {
            // "The percentage of tracks in each genre": of their number.
            let counts = modifiers.counted || modifiers.window == Some(Asked::Share);
            if !counts || !named {
                return None;
            }
            query.tables = tables(&query).first().copied().into_iter().collect();
            query.select = vec![Expr::Aggregate(Aggregate::Count, false, None)];
        }
        let own = tables(&query);
        let nearest = |alike: &Vec<(f32, Target)>| nearest(reader.catalog, &own, alike);
        let group: Option<Vec<Target>> = modifiers.group.iter().map(nearest).collect();
        group_by(reader.catalog, &mut query, &group?)?;
    }
    if let Some(asked) = modifiers.window {
        window(reader.catalog, asked, time, &mut query)?;
    }
    let measure = query.select.iter().rfind(|e| is_aggregate(e)).cloned();
    if let (Some(desc), Some(measure), true) =
        (modifiers.descending, measure, query.order.is_empty())
    {
        query.order.push((measure, desc));
    }
    if modifiers.mean {
        mean::of_counts(&mut query)?;
        notes.push("what has none is left out of the mean".into());
    }
    Some((query, notes))
}

/// Of things that are called alike, the one that is nearest to these tables.
pub fn nearest(catalog: &Catalog, own: &[usize], alike: &[(f32, Target)]) -> Option<Target> {
    let away = distances(catalog, own);
    let mut best: Option<(f32, Target)> = None;
    for (score, target) in alike {
        let table = match *target {
            Target::Table(table) => table,
            Target::Column(column) => column.table,
            Target::Metric(_) => continue,
        };
        let mut cost = 1.0 - score;
        if !own.contains(&table) && !own.is_empty() {
            let Some((joins, fans)) = away[table] else {
                continue;
            };
            cost += 0.15 * joins as f32 + if fans { 0.5 } else { 0.0 };
        }
        if best.is_none_or(|(b, _)| cost < b - 1e-6) {
            best = Some((cost, *target));
        }
    }
    best.map(|(_, target)| target)
}

/// More groups, and what they are called in front of what is shown.
pub fn group_by(catalog: &Catalog, query: &mut Query, targets: &[Target]) -> Option<()> {
    let mut shown = Vec::new();
    for target in targets {
        match *target {
            Target::Column(c) => {
                query.group.push(Expr::Column(c));
                shown.push(Expr::Column(c));
            }
            Target::Table(table) => {
                let names = shown_names(catalog, table);
                let key = catalog.key(table).or(names.first().copied());
                query.group.extend(key.map(Expr::Column));
                for name in names.into_iter().map(Expr::Column) {
                    if !query.group.contains(&name) {
                        query.group.push(name.clone());
                    }
                    shown.push(name);
                }
            }
            Target::Metric(_) => return None,
        }
    }
    shown.retain(|e| !query.select.contains(e));
    query.select.splice(0..0, shown);
    query.distinct = false;
    Some(())
}

/// So many rows for each of these.
fn per(catalog: &Catalog, target: Target, query: &mut Query) -> Option<()> {
    query.limit?;
    if query.order.is_empty() {
        return None;
    }
    let (by, shown) = match target {
        Target::Column(c) => (Expr::Column(c), vec![Expr::Column(c)]),
        Target::Table(table) => {
            let names: Vec<Expr> = name_of(catalog, table)
                .into_iter()
                .map(Expr::Column)
                .collect();
            let key = catalog.key(table).map(Expr::Column);
            let by = key.or_else(|| names.first().cloned())?;
            (by, names)
        }
        Target::Metric(_) => return None,
    };
    let grouped = !query.group.is_empty() || query.order.iter().any(|(e, _)| is_aggregate(e));
    if grouped {
        for expr in std::iter::once(&by).chain(&shown) {
            if !query.group.contains(expr) {
                query.group.push(expr.clone());
            }
        }
    }
    for expr in shown.into_iter().rev() {
        if !query.select.contains(&expr) {
            query.select.insert(0, expr);
        }
    }
    query.per = vec![by];
    Some(())
}

/// "The best student in each course": by what the rows between both have, which is of the one in the other; not by
/// what a student has, whichever the course is, unless the question names that.
fn by_the_link(catalog: &Catalog, tokens: &[Token], target: Target, query: &mut Query) {
    let Some((Expr::Column(by), desc)) = query.order.first().cloned() else {
        return;
    };
    let each = match target {
        Target::Table(table) => table,
        Target::Column(column) => column.table,
        Target::Metric(_) => return,
    };
    let named = words(&catalog.at(by).name);
    let said = |word: &String| tokens.iter().any(|t| t.stem == stem(word));
    if each == by.table || named.iter().any(said) {
        return;
    }
    let links = 0..catalog.tables.len();
    let links = links.filter(|link| catalog.links(*link, by.table, each));
    let columns = links.flat_map(|table| {
        let columns = 0..catalog.tables[table].columns.len();
        columns.map(move |column| ColumnRef { table, column })
    });
    let has = |list: &str, name: &[String]| list.split('|').any(|w| name.iter().any(|n| n == w));
    let of_link = columns
        .filter(|c| catalog.at(*c).kind.is_number() && !catalog.is_key(*c))
        .find_map(|c| {
            let name = words(&catalog.at(c).name);
            QUALITIES.iter().find_map(|q| {
                let up = has(q.up, &named);
                let known = up || has(q.down, &named);
                let more = has(q.up, &name);
                let same = known && (more || has(q.down, &name));
                // What is more of one may be less of the other.
                same.then_some((c, if up == more { desc } else { !desc }))
            })
        });
    if let Some((column, desc)) = of_link {
        query.order[0] = (Expr::Column(column), desc);
    }
}
