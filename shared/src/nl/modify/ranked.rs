//! Things by what groups of rows have: "the top 5 ... by number of ...", "with the highest ...", "with ... over 100".

use super::super::catalog::Catalog;
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right, is_aggregate};
use super::super::lexicon::{LIGHT, Op};
use super::super::link::{EXACT, Meaning, Mention};
use super::super::place::ColumnRef;
use super::super::reader::shown_names;
use super::Modifiers;
use super::scan::Scan;

/// Things by a measure of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// What is measured.
    pub by: Measure,
    /// Which of them.
    pub which: Which,
}

impl Ranked {
    /// The column of which the words leave open how each thing has one value of many.
    pub fn open(&self) -> Option<ColumnRef> {
        match self.by {
            Measure::Column(None, column) => Some(column),
            _ => None,
        }
    }
}

/// What is measured of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How many rows of a table it has.
    Rows(usize),
    /// A column: this aggregate of it, or what the words leave open.
    Column(Option<Aggregate>, ColumnRef),
    /// What people defined.
    Metric(usize),
}

/// Which things are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Which {
    /// So many with the most, or with the least.
    First(u64, bool),
    /// Those whose measure compares so.
    Bound(Compare, f64),
}

/// What stands between a thing and its measure.
const HAS: &[&str] = &[
    "with",
    "whose",
    "has",
    "have",
    "had",
    "having",
    "generated",
    "generates",
    "generate",
    "made",
    "makes",
    "make",
    "earned",
    "earns",
    "earn",
    "brought in",
    "brings in",
    "that have",
    "that had",
    "that has",
    "who have",
    "who had",
    "who has",
];

const MOST: &[&str] = &["highest", "most", "largest", "biggest", "greatest", "best"];

const LEAST: &[&str] = &["lowest", "least", "smallest", "fewest", "worst"];

impl Scan<'_> {
    /// Finds things by a measure.
    pub fn ranked(&self, found: &mut Modifiers, used: &mut [bool]) {
        let mentions = self
            .reader
            .vocabulary
            .link(self.reader.catalog, self.tokens);
        let before = (used.to_vec(), found.period.clone());
        if self.free("year") {
            self.year(found, used);
        }
        found.ranked = self.top(&mentions, used);
        // "Which month had the highest ..." is no thing.
        if found.ranked.is_none() && !found.asked {
            found.ranked = self.had(&mentions, used);
        }
        // A year alone may be a number of any kind, but what is measured is measured in time.
        let measured = |m: &Mention| matches!(m.kind, Meaning::Metric(_)) && m.score >= EXACT;
        if found.ranked.is_none() && !mentions.iter().any(measured) {
            (found.period, _) = (before.1, used.copy_from_slice(&before.0));
        }
    }

    /// "... in 2023".
    pub fn year(&self, found: &mut Modifiers, used: &mut [bool]) {
        if found.period.is_some() || !self.reader.has_times() {
            return;
        }
        let place = (0..self.tokens.len()).find_map(|at| {
            let of = ["in", "for", "during", "of"].iter().any(|w| self.is(at, w));
            let year = self.whole(at + 1).filter(|n| (1000..2200).contains(n))?;
            (of && !used[at + 1]).then_some((at, year))
        });
        if let Some((at, year)) = place {
            used[at..at + 2].fill(true);
            found.period = Some(format!("from {year} to {year}"));
        }
    }

    /// A word that says the most (true) or the least.
    fn is_most(&self, at: usize) -> Option<bool> {
        let any = |words: &[&str]| words.iter().any(|w| self.is(at, w));
        any(MOST).then_some(true).or(any(LEAST).then_some(false))
    }

    fn whole(&self, at: usize) -> Option<u64> {
        let n = self.tokens.get(at)?.number?;
        (n.fract() == 0.0 && (1.0..1e9).contains(&n)).then_some(n as u64)
    }

    /// Whether what is said from here on only says of which things: "in France", "from Berlin or Paris".
    fn restricts(&self, mentions: &[Mention], at: usize, used: &[bool]) -> bool {
        let rest = (at..self.tokens.len()).filter(|&i| {
            let word = self.tokens[i].lower.contains(char::is_alphanumeric);
            !used[i] && word && !LIGHT.contains(&&*self.tokens[i].stem)
        });
        let rest: Vec<usize> = rest.collect();
        let Some((&first, rest)) = rest.split_first() else {
            return true;
        };
        let is_value = |i: usize| {
            let mut here = mentions.iter().filter(|m| m.start <= i && i < m.end);
            here.any(|m| matches!(m.kind, Meaning::Value(_)))
        };
        let is_between = |i: usize| ["the", "or", "of"].iter().any(|w| self.is(i, w));
        ["in", "from", "of", "for"]
            .iter()
            .any(|w| self.is(first, w))
            && rest.iter().any(|&i| is_value(i))
            && rest.iter().all(|&i| is_value(i) || is_between(i))
    }

    /// "The top 5 ... by ...".
    fn top(&self, mentions: &[Mention], used: &mut [bool]) -> Option<Ranked> {
        let count = self.tokens.len();
        let (at, most, limit) = (0..count).find_map(|i| {
            let most = self.is(i, "top");
            let number = self.whole(i + 1)?;
            (most || self.is(i, "bottom")).then_some((i, most, number))
        })?;
        let by = (at + 3..count).find(|i| self.is(*i, "by"))?;
        let (measure, end) = self.measure(mentions, by + 1)?;
        if !self.restricts(mentions, end, used) {
            return None;
        }
        used[at..at + 2].fill(true);
        used[by..end].fill(true);
        Some(Ranked {
            by: measure,
            which: Which::First(limit, most),
        })
    }

    /// "... with the highest ...", "... with ... over 100".
    fn had(&self, mentions: &[Mention], used: &mut [bool]) -> Option<Ranked> {
        for at in 1..self.tokens.len() {
            let Some(has) = HAS.iter().find_map(|phrase| self.phrase(at, phrase)) else {
                continue;
            };
            let mut next = at + has;
            while ["a", "an", "the"].iter().any(|w| self.is(next, w)) {
                next += 1;
            }
            let most = self.is_most(next);
            let Some((measure, end)) = self.measure(mentions, next + usize::from(most.is_some()))
            else {
                continue;
            };
            // What a column of each has, is read with it.
            if matches!(measure, Measure::Rows(_)) || !self.is_of_group(&measure, mentions, next) {
                continue;
            }
            if let Some(most) = most.filter(|_| self.restricts(mentions, end, used)) {
                let number = (0..at).find_map(|i| Some((i, self.whole(i)?)));
                if let Some((i, _)) = number {
                    used[i] = true;
                    if i > 0 && self.is(i - 1, "top") {
                        used[i - 1] = true;
                    }
                }
                used[at..end].fill(true);
                return Some(Ranked {
                    by: measure,
                    which: Which::First(number.map_or(1, |n| n.1), most),
                });
            }
            let bound = mentions.iter().find_map(|m| match m.kind {
                Meaning::Op(Op::Cmp(cmp))
                    if m.start == end || m.start == end + 1 && self.is(end, "of") =>
                {
                    Some((m.end, cmp, self.tokens.get(m.end)?.number?))
                }
                _ => None,
            });
            let Some((number, cmp, value)) = bound.filter(|_| most.is_none()) else {
                continue;
            };
            let money = ["dollar", "dollars", "usd", "euro", "euros", "eur", "$"];
            let end = number + 1 + usize::from(money.iter().any(|word| self.is(number + 1, word)));
            if self.restricts(mentions, end, used) {
                used[at..end].fill(true);
                return Some(Ranked {
                    by: measure,
                    which: Which::Bound(cmp, value),
                });
            }
        }
        None
    }

    /// Whether a measure is of many rows by its words: "total ...", or what people defined.
    fn is_of_group(&self, measure: &Measure, mentions: &[Mention], at: usize) -> bool {
        let says = |m: &Mention| {
            (at..at + 3).contains(&m.start)
                && matches!(
                    m.kind,
                    Meaning::Op(Op::Agg(Aggregate::Sum | Aggregate::Avg))
                )
        };
        matches!(measure, Measure::Metric(_)) || mentions.iter().any(says)
    }

    /// What the words from here on measure, and where they end.
    fn measure(&self, mentions: &[Mention], at: usize) -> Option<(Measure, usize)> {
        let small = |mut at: usize| {
            while ["the", "their", "its", "his", "her", "overall"]
                .iter()
                .any(|w| self.is(at, w))
            {
                at += 1;
            }
            at
        };
        let mut at = small(at);
        let rows = ["number of", "count of"]
            .iter()
            .find_map(|p| self.phrase(at, p));
        if let Some(words) = rows {
            let at = small(at + words);
            let tables = mentions.iter().filter(|m| m.start == at && m.score > 0.75);
            let tables = tables.filter_map(|m| match m.kind {
                Meaning::Table(table) => Some((m, table)),
                _ => None,
            });
            let (mention, table) =
                tables.max_by(|a, b| a.0.score.total_cmp(&b.0.score).then(b.1.cmp(&a.1)))?;
            return Some((Measure::Rows(table), mention.end));
        }
        let mut aggregate = None;
        for mention in mentions.iter().filter(|m| m.start == at) {
            if let Meaning::Op(Op::Agg(agg @ (Aggregate::Sum | Aggregate::Avg))) = mention.kind {
                aggregate = Some((agg, mention.end));
            }
        }
        if let Some((_, end)) = aggregate {
            at = small(end);
        }
        let here = mentions.iter().filter(|m| m.start == at);
        let best = here.filter_map(|m| {
            let measure = match m.kind {
                Meaning::Metric(metric) if m.score >= EXACT => Measure::Metric(metric),
                Meaning::Column(column) if m.score > 0.6 => {
                    let catalog = self.reader.catalog;
                    if !catalog.at(column).kind.is_number() || catalog.is_key(column) {
                        return None;
                    }
                    Measure::Column(aggregate.map(|a| a.0), column)
                }
                _ => return None,
            };
            Some((m, measure))
        });
        let best = best.max_by(|a, b| {
            let metric = |m: &Measure| matches!(m, Measure::Metric(_));
            metric(&a.1)
                .cmp(&metric(&b.1))
                .then(a.0.score.total_cmp(&b.0.score))
        });
        // "By orders": by their number, if no column is called so.
        let things = || {
            let here = mentions.iter().filter(|m| m.start == at && m.score > 0.75);
            let tables = here.filter_map(|m| match m.kind {
                Meaning::Table(table) => Some((m, Measure::Rows(table))),
                _ => None,
            });
            let best = tables.max_by(|a, b| a.0.score.total_cmp(&b.0.score));
            best.filter(|_| aggregate.is_none())
        };
        let (mention, measure) = best.or_else(things)?;
        // A metric is summed by itself; the mean of one is another thing.
        let mean = matches!(
            (measure, aggregate),
            (Measure::Metric(_), Some((Aggregate::Avg, _)))
        );
        (!mean).then_some((measure, mention.end))
    }
}

/// The things by their measure. `None` if the query shows none, or is of groups already.
pub fn rank(catalog: &Catalog, ranked: Ranked, query: &mut Query) -> Option<()> {
    let main = query.select.iter().find_map(|e| match e {
        Expr::Column(c) => Some(c.table),
        _ => None,
    })?;
    let plain = query.group.is_empty() && query.having.is_empty() && query.order.is_empty();
    if !plain || query.limit.is_some() || query.select.iter().any(is_aggregate) {
        return None;
    }
    let key = |table: usize| catalog.key(table);
    // A thing is shown by its name or its key; anything else is shared by several.
    let names = shown_names(catalog, main);
    let is_thing =
        |e: &Expr| matches!(e, Expr::Column(c) if names.contains(c) || key(main) == Some(*c));
    let is_grouped_by_key = query.select.iter().all(is_thing) && key(main).is_some();
    if is_grouped_by_key {
        query.group.extend(key(main).map(Expr::Column));
    }
    for e in &query.select {
        if !query.group.contains(e) {
            query.group.push(e.clone());
        }
    }
    let measure = match ranked.by {
        Measure::Rows(table) if table == main => return None,
        Measure::Rows(table) => {
            // Rows that refer to the thing itself come once each.
            let direct = catalog.keys.iter().any(|key| {
                let mut columns = key.columns.iter();
                columns.any(|(from, to)| from.table == table && to.table == main)
            });
            let counted = key(table).filter(|_| !direct);
            query.tables.push(table);
            Expr::Aggregate(Aggregate::Count, counted.is_some(), counted)
        }
        // A thing has one value of its own.
        Measure::Column(None, column) if column.table == main && is_grouped_by_key => {
            query.group.clear();
            Expr::Column(column)
        }
        Measure::Column(_, column) if column.table == main && is_grouped_by_key => return None,
        Measure::Column(agg, column) => {
            Expr::Aggregate(agg.unwrap_or(Aggregate::Sum), false, Some(column))
        }
        Measure::Metric(metric) => {
            query.tables.push(catalog.metrics.get(metric)?.table);
            Expr::Metric(metric)
        }
    };
    match ranked.which {
        Which::First(limit, most) => {
            query.order = vec![(measure, most)];
            query.limit = Some(limit);
        }
        Which::Bound(op, value) => query.having.push(Filter {
            left: measure,
            op,
            right: Right::One(Literal::Number(value)),
            or: false,
        }),
    }
    query.distinct = false;
    Some(())
}
