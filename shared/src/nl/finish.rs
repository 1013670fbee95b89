//! A reading that has seen the whole question becomes a query: what was not said is filled in, groups are closed.

mod shapes;
mod without;

use super::catalog::{ColumnKind, ColumnRef};
use super::ir::{Aggregate, Compare, Expr, Filter, Query, Right, SetOp, is_aggregate, tables};
use super::joins::Trees;
use super::lexicon::CUES;
use super::reader::{Reader, name_of};
use super::state::{State, Waiting};
use super::tokens::Token;
pub use shapes::{flat_mean, is_person};

/// Words that say nothing of the form of an answer.
const PLAIN: &[&str] = &[
    "a", "an", "the", "of", "is", "are", "was", "were", "me", "us", ",", ".", "?", "do", "does",
    "did", "and", "to", "it", "be",
];

/// How much likelier a comparison with a mean is that ends a question.
const ABOVE_MEAN: f32 = 4.0;

/// The queries that a reading may be, each with its features.
pub fn finish(
    reader: &Reader<'_>,
    trees: &Trees<'_>,
    tokens: &[Token],
    mut state: State,
) -> Vec<(Query, State)> {
    lost(reader, tokens, &mut state);
    let mut asked: Vec<&str> = Vec::new();
    for token in tokens.iter().filter(|t| !t.quoted) {
        if CUES.contains(&token.lower.as_str())
            && !PLAIN.contains(&token.lower.as_str())
            && !asked.contains(&token.lower.as_str())
        {
            asked.push(&token.lower);
        }
    }
    let mut all = Vec::new();
    for (mut query, mut s) in shown(reader, tokens, &state) {
        close_groups(reader, &mut query, &mut s);
        shapes::mend(reader.catalog, tokens, &s, &mut query);
        without::without(reader, trees, &mut query, &s);
        shapes::once(reader.catalog, trees, &mut query);
        if s.distinct {
            query.distinct = true;
        }
        if query.having.is_empty() && query.order.is_empty() && query.limit.is_some() && s.wait.top
        {
            s.add(reader.model, &["limit", "plain"], 1.0);
        }
        if let Some(also) = s.also.clone() {
            let mut other = query.clone();
            if let Some(last) = other.filters.iter_mut().rev().find(|f| f.left == also.left) {
                last.op = also.op;
                last.right = also.right;
                query.order.clear();
                other.order.clear();
                query.set = Some((SetOp::Intersect, Box::new(other)));
                shapes::one_row(reader.catalog, &mut query);
            }
        }
        judge(reader, trees, &asked, &query, &mut s);
        all.push((query, s));
    }
    all
}

/// What waited for a word that did not come.
fn lost(reader: &Reader<'_>, tokens: &[Token], state: &mut State) {
    let w = state.wait.clone();
    let model = reader.model;
    let count = w.aggregates.contains(&Aggregate::Count);
    let say = |state: &mut State, what: &str, yes: bool| {
        if yes {
            state.add(model, &["lost", what], 1.0);
        }
    };
    let above = above_mean(&w, state.focus.as_ref());
    say(
        state,
        "aggregate",
        !w.aggregates.is_empty() && !count && above.is_none(),
    );
    say(state, "cmp", w.cmp.is_some() && above.is_none());
    say(state, "number", w.number.is_some());
    say(state, "not", w.not);
    say(state, "each", w.each);
    say(state, "most", w.most.is_some());
    say(state, "frequent", w.frequent.is_some());
    say(state, "distinct", w.distinct);
    say(state, "limit", w.limit.is_some());
    say(state, "or", w.or);
    say(state, "both", w.both);
    say(state, "like", w.like.is_some());
    say(state, "between", w.between);
    let focus = state.focus.is_some() && !state.focus_used;
    if let Some(filter) = above {
        state.score += ABOVE_MEAN;
        state.filters.push(filter);
    } else if focus {
        state.add(model, &["lost", "focus"], 1.0);
    }
    if count {
        let what = if state.select.is_empty() {
            "countalone"
        } else {
            "count"
        };
        state.add(model, &["lost", what], 1.0);
        if w.order {
            let desc = w.dir.unwrap_or(false);
            state
                .order
                .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
            state.wait.order = false;
        } else {
            state
                .select
                .push(Expr::Aggregate(Aggregate::Count, false, None));
        }
    }
    // "Who earns the most": what stands before is what is most.
    let measure = state.focus.clone().filter(|focus| {
        let number = matches!(focus, Expr::Column(c) if reader.catalog.at(*c).kind.is_number());
        let mut words = tokens.iter().rev();
        let last = words.find(|t| t.lower.contains(char::is_alphanumeric));
        let ends = last.is_some_and(|t| t.lower == "most" || t.lower == "least");
        number && ends && !state.focus_used && w.frequent.is_none()
    });
    if let (Some(desc), Some(measure), true) = (w.most, measure, state.order.is_empty()) {
        state.score += ABOVE_MEAN;
        state.order.push((measure, desc));
        state.limit = Some(w.limit.unwrap_or(1));
    }
    if let (Some(desc), true) = (w.frequent.or(w.most), state.order.is_empty()) {
        state
            .order
            .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
        state.limit = Some(w.limit.unwrap_or(1));
    }
    if w.top && w.limit.is_some() && state.limit.is_none() {
        state.limit = w.limit;
    }
    if state.wait.order || w.alphabetical {
        let by = state
            .select
            .iter()
            .rev()
            .find(|e| !w.alphabetical || matches!(e, Expr::Column(_)));
        // "Salary of each doctor, highest first": by what is a number, not by the doctor.
        let high = ["highest", "lowest", "largest", "smallest"];
        let number = |e: &&Expr| {
            is_aggregate(e)
                || matches!(e, Expr::Column(c) if reader.catalog.at(*c).kind.is_number() && !reader.catalog.is_key(*c))
        };
        let by = by
            .filter(|_| !tokens.iter().any(|t| high.contains(&t.lower.as_str())))
            .or_else(|| state.select.iter().rev().find(number))
            .or(by);
        let by = if w.alphabetical {
            state.select.iter().find(|e| matches!(e, Expr::Column(_)))
        } else {
            by
        };
        if let (Some(by), true) = (by.cloned(), state.order.is_empty()) {
            state.add(model, &["lost", "order"], 1.0);
            state.order.push((by, w.dir.unwrap_or(false)));
        }
    }
}

/// "Longer than the average": the column that is compared with its own mean.
fn above_mean(wait: &Waiting, focus: Option<&Expr>) -> Option<Filter> {
    let (Some(op), Some(Expr::Column(column)), [Aggregate::Avg]) =
        (wait.cmp, focus, &wait.aggregates[..])
    else {
        return None;
    };
    let mean = Query {
        select: vec![Expr::Aggregate(Aggregate::Avg, false, Some(*column))],
        ..Query::default()
    };
    (wait.number.is_none()).then(|| Filter {
        left: Expr::Column(*column),
        op,
        right: Right::Query(Box::new(mean)),
        or: false,
    })
}

/// What is shown, if the question did not say it by columns.
fn shown(reader: &Reader<'_>, _tokens: &[Token], state: &State) -> Vec<(Query, State)> {
    let model = reader.model;
    let mut query = Query {
        select: state.select.clone(),
        filters: state.filters.clone(),
        having: state.having.clone(),
        group: state.group.iter().copied().map(Expr::Column).collect(),
        order: state.order.clone(),
        limit: state.limit,
        tables: state.forced.clone(),
        ..Query::default()
    };
    dedup(&mut query.select);
    if let Some(table) = state.group_table {
        let names = name_of(reader.catalog, table);
        let key = reader.catalog.key(table).or(names.first().copied());
        query.group.extend(key.map(Expr::Column));
    }
    if !query.select.is_empty() && !state.full {
        // Tables are kept by name only for aggregates over them.
        if tables(&query).is_empty() {
            query.tables.extend(state.named.first().map(|n| n.0));
        }
        return vec![(query, state.clone())];
    }
    let mut all = Vec::new();
    let mut mains: Vec<usize> = Vec::new();
    for (table, _) in &state.named {
        if !mains.contains(table) {
            mains.push(*table);
        }
    }
    let of_filters = tables(&query);
    mains.extend(
        of_filters
            .iter()
            .filter(|t| !mains.contains(t))
            .copied()
            .collect::<Vec<_>>(),
    );
    if mains.is_empty() {
        mains.extend((0..reader.catalog.tables.len()).take(1));
    }
    let first_named = state.named.first().map(|n| n.0);
    for (rank, table) in mains.into_iter().take(3).enumerate() {
        let named = if Some(table) == first_named {
            "first"
        } else {
            "other"
        };
        let mut show = |what: &str, select: Vec<Expr>, distinct: bool| {
            let mut s = state.clone();
            s.add(model, &["show", what], 1.0);
            s.add(model, &["show", what, named], 1.0);
            s.add(model, &["showrank"], rank as f32);
            if state.full {
                s.add(model, &["show", "full", what], 1.0);
            }
            let mut q = query.clone();
            if select.is_empty() {
                q.tables.insert(0, table);
                q.select.clear();
                if tables(&q).first() != Some(&table) {
                    return;
                }
            } else {
                q.select = select;
            }
            s.distinct |= distinct;
            all.push((q, s));
        };
        if state.full {
            if query.group.is_empty() && query.select.is_empty() {
                show("all", Vec::new(), false);
            }
            let t = &reader.catalog.tables[table];
            let detail = t.columns.iter().position(|c| {
                super::catalog::words(&c.name).iter().any(|w| {
                    ["details", "detail", "information", "description"].contains(&w.as_str())
                })
            });
            if let Some(column) = detail {
                let mut select = query.select.clone();
                select.push(Expr::Column(ColumnRef { table, column }));
                show("detail", select, false);
            }
            if !query.select.is_empty() {
                show("select", query.select.clone(), false);
            }
            continue;
        }
        let names: Vec<Expr> = name_of(reader.catalog, table)
            .into_iter()
            .map(Expr::Column)
            .collect();
        if !names.is_empty() {
            show("name", names.clone(), false);
        }
        let key = reader.catalog.key(table).map(Expr::Column);
        if let Some(key) = key.filter(|key| !names.contains(key)) {
            show("key", vec![key], false);
        }
        show("all", Vec::new(), false);
        if rank == 0 {
            // "When", "where", "who": the column that answers.
            for (column, c) in reader.catalog.tables[table].columns.iter().enumerate() {
                let what = match c.kind {
                    ColumnKind::Date => "date",
                    _ if super::catalog::words(&c.name).iter().any(|w| {
                        ["location", "city", "address", "venue", "place", "country"]
                            .contains(&w.as_str())
                    }) =>
                    {
                        "place"
                    }
                    _ => continue,
                };
                let first = _tokens.first().map_or("", |t| t.lower.as_str());
                if (first == "when" && what == "date") || (first == "where" && what == "place") {
                    show(what, vec![Expr::Column(ColumnRef { table, column })], false);
                }
            }
        }
        if !query.group.is_empty() && rank == 0 {
            show("group", query.group.clone(), false);
        }
    }
    all
}

fn dedup(select: &mut Vec<Expr>) {
    let mut once: Vec<Expr> = Vec::new();
    for e in select.drain(..) {
        if !once.contains(&e) {
            once.push(e);
        }
    }
    *select = once;
}

/// Aggregates beside columns need groups.
fn close_groups(reader: &Reader<'_>, query: &mut Query, s: &mut State) {
    let catalog = reader.catalog;
    let aggregates = query.select.iter().any(is_aggregate);
    let by_aggregate = query.order.iter().any(|(e, _)| is_aggregate(e));
    let plain: Vec<ColumnRef> = query
        .select
        .iter()
        .filter_map(|e| match e {
            Expr::Column(c) => Some(*c),
            _ => None,
        })
        .collect();
    let needed = !query.having.is_empty()
        || by_aggregate
        || aggregates && !plain.is_empty()
        || !query.group.is_empty();
    if !needed {
        return;
    }
    // Without an aggregate, "for each" is every row.
    if !aggregates && !by_aggregate && query.having.is_empty() {
        query.group.clear();
        return;
    }
    if aggregates && plain.is_empty() && by_aggregate && query.group.is_empty() {
        return;
    }
    if query.group.is_empty() {
        // By the key of the thing that is shown, if other tables are counted for it.
        let all = tables(query);
        if let Some(first) = plain.first() {
            let others = all.iter().any(|t| *t != first.table);
            let key = catalog.key(first.table).filter(|_| others);
            query.group.extend(key.map(Expr::Column));
            let has_key = query.group.first().cloned();
            for c in &plain {
                if Some(Expr::Column(*c)) != has_key {
                    query.group.push(Expr::Column(*c));
                }
            }
        } else if query.select.is_empty()
            && let Some(table) = all.first()
            && let Some(key) = catalog.key(*table)
        {
            query.group.push(Expr::Column(key));
        }
    } else {
        for c in plain.into_iter().map(Expr::Column) {
            if !query.group.contains(&c) {
                query.group.push(c);
            }
        }
    }
    s.add(
        reader.model,
        &["group", if query.group.len() > 1 { "many" } else { "one" }],
        1.0,
    );
    for (e, _) in &query.order {
        if matches!(e, Expr::Column(_)) && !query.group.contains(e) {
            query.group.push(e.clone());
        }
    }
}

/// What a whole query looks like.
fn judge(reader: &Reader<'_>, trees: &Trees<'_>, asked: &[&str], query: &Query, s: &mut State) {
    let model = reader.model;
    let all = tables(query);
    let mut unnamed = 0;
    for table in &all {
        if !s.named.iter().any(|(t, _)| t == table) {
            unnamed += 1;
        }
    }
    s.add(
        model,
        &["tables", ["0", "1", "2", "3", "4"][all.len().min(4)]],
        1.0,
    );
    s.add(model, &["unnamed"], unnamed as f32);
    if all.len() > 1 {
        if let Some(join) = trees.tree(&all) {
            let extra = join.rest.len() + 1 - all.len();
            s.add(model, &["bridges"], extra as f32);
        } else {
            s.add(model, &["disconnected"], 1.0);
        }
    }
    s.add(
        model,
        &[
            "selects",
            ["0", "1", "2", "3", "4"][query.select.len().min(4)],
        ],
        1.0,
    );
    s.add(
        model,
        &[
            "filters",
            ["0", "1", "2", "3", "4"][query.filters.len().min(4)],
        ],
        1.0,
    );
    s.add(model, &["mentions"], s.mentions as f32);
    let shape = format!(
        "{}{}{}{}{}",
        if query.select.iter().any(is_aggregate) {
            "a"
        } else {
            "-"
        },
        if query.group.is_empty() { "-" } else { "g" },
        if query.having.is_empty() { "-" } else { "h" },
        if query.order.is_empty() { "-" } else { "o" },
        if query.limit.is_some() { "l" } else { "-" },
    );
    s.add(model, &["shape", &shape], 1.0);
    for word in asked {
        s.add(model, &["asked", word, &shape], 1.0);
        s.add(
            model,
            &[
                "askedn",
                word,
                ["0", "1", "2", "3", "4"][query.select.len().min(4)],
            ],
            1.0,
        );
    }
    for e in &query.select {
        if let Expr::Metric(_) = e {
            s.add(model, &["aggkind", "sum", "number"], 1.0);
        }
        if let Expr::Aggregate(agg, _, Some(c)) = e {
            let kind = if reader.catalog.at(*c).kind.is_number() {
                "number"
            } else {
                "text"
            };
            s.add(model, &["aggkind", agg.name(), kind], 1.0);
            if reader.catalog.is_key(*c) {
                s.add(model, &["aggkind", agg.name(), "key"], 1.0);
            }
        }
    }
    // The same thing shown and asked for by a condition of equality, or what it is joined by.
    let join = (all.len() > 1).then(|| trees.tree(&all)).flatten();
    let joined = |a: &Expr, b: &Expr| {
        let (Expr::Column(a), Expr::Column(b)) = (a, b) else {
            return false;
        };
        let keys = join.iter().flat_map(|join| &join.rest);
        let mut pairs = keys.flat_map(|(_, key)| &key.columns);
        pairs.any(|(from, to)| (from, to) == (a, b) || (to, from) == (a, b))
    };
    for f in &query.filters {
        let is_shown = query
            .select
            .iter()
            .any(|e| *e == f.left || joined(e, &f.left));
        if f.op == Compare::Eq && is_shown {
            s.add(model, &["showsfilter"], 1.0);
        }
        let mut same = query.filters.iter().filter(|g| {
            g.left == f.left && g.op == Compare::Eq && f.op == Compare::Eq && !g.or && !f.or
        });
        if same.nth(1).is_some() {
            s.add(model, &["contradiction"], 1.0);
        }
        if let (Expr::Column(c), Right::One(super::ir::Literal::Number(_))) = (&f.left, &f.right)
            && !reader.catalog.at(*c).kind.is_number()
            && f.op != Compare::Like
        {
            s.add(model, &["numbertext"], 1.0);
        }
    }
    if query.select.len() == 1
        && query.order.iter().any(|(e, _)| query.select.contains(e))
        && query.limit.is_some()
    {
        s.add(model, &["orderedbyshown"], 1.0);
    }
}
