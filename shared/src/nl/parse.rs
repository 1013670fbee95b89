//! From mentions to readings: a beam over the question, each mention taken in each role that it may play.

use super::catalog::{Catalog, ColumnKind, ColumnRef, ForeignKey, iso};
use super::finish::finish;
use super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right};
use super::joins::Trees;
use super::lexicon::{CUES, Op, QUALITIES};
use super::link::{Meaning, Mention, literal};
use super::model::Features;
use super::modify::{Modifiers, apply, modifiers, moment};
use super::print::Printer;
use super::reader::{Reader, name_of, question_tokens, shown_names};
use super::state::State;
use super::tokens::Token;
use crate::calendar;

/// Readings that are followed at once.
const BEAM: usize = 100;

/// A reading of a question.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What is asked.
    pub query: Query,
    /// As SQL.
    pub sql: String,
    /// The higher the likelier.
    pub score: f32,
    /// What the score is of.
    pub features: Features,
    /// What it takes for granted beside what its SQL shows.
    pub notes: Vec<String>,
}

/// The likeliest readings, the best first.
pub fn candidates(reader: &Reader<'_>, question: &str, most: usize) -> Vec<Candidate> {
    let tokens = question_tokens(reader.catalog, reader.vocabulary, question);
    let (modifiers, rest) = modifiers(reader, question, tokens.clone(), false);
    if !modifiers.is_empty() {
        let found = read(reader, &rest, &tokens, &modifiers, most);
        if !found.is_empty() {
            return found;
        }
    }
    read(reader, &tokens, &tokens, &Modifiers::default(), most)
}

/// The readings of tokens, with what was said beside them. `whole` are all tokens of the question.
fn read(
    reader: &Reader<'_>,
    tokens: &[Token],
    whole: &[Token],
    modifiers: &Modifiers,
    most: usize,
) -> Vec<Candidate> {
    let mentions = reader.vocabulary.link(reader.catalog, tokens);
    let walk = Walk {
        reader,
        tokens,
        mentions: &mentions,
    };
    let ends = walk.run();
    let mut all: Vec<Candidate> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    let trees = trees(reader.catalog, tokens);
    let printer = Printer {
        catalog: reader.catalog,
        dialect: reader.dialect,
        trees: &trees,
    };
    for state in ends {
        for (query, state) in finish(reader, &trees, tokens, state) {
            let Some((query, notes)) =
                apply(reader, whole, modifiers, !state.named.is_empty(), query)
            else {
                continue;
            };
            let Some(sql) = printer.query(&query) else {
                continue;
            };
            let candidate = Candidate {
                query,
                score: state.score,
                features: state.features(),
                sql,
                notes,
            };
            match seen.get(&candidate.sql) {
                None => {
                    seen.insert(candidate.sql.clone(), all.len());
                    all.push(candidate);
                }
                Some(&i) => {
                    let known: &mut Candidate = &mut all[i];
                    if candidate.score > known.score {
                        *known = candidate;
                    }
                }
            }
        }
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all.truncate(most);
    all
}

/// The joins of a question, by keys that it names where tables have several.
pub fn trees<'a>(catalog: &'a Catalog, tokens: &[Token]) -> Trees<'a> {
    Trees::new(catalog, &|key: &ForeignKey| {
        key.columns.iter().any(|(from, _)| {
            let words = super::catalog::words(&catalog.at(*from).name);
            words
                .iter()
                .any(|w| w != "id" && tokens.iter().any(|t| t.lower == *w))
        })
    })
}

struct Walk<'a> {
    reader: &'a Reader<'a>,
    tokens: &'a [Token],
    mentions: &'a [Mention],
}

impl Walk<'_> {
    fn run(&self) -> Vec<State> {
        let count = self.tokens.len();
        let mut beams: Vec<Vec<State>> = vec![Vec::new(); count + 1];
        let mut first = State::default();
        first.last = "start";
        beams[0].push(first);
        for at in 0..count {
            let mut states = std::mem::take(&mut beams[at]);
            states.sort_by(|a, b| b.score.total_cmp(&a.score));
            states.truncate(BEAM);
            states.iter_mut().for_each(State::settle);
            let here: Vec<&Mention> = self.mentions.iter().filter(|m| m.start == at).collect();
            for state in &states {
                let mut next = Vec::new();
                self.skip(state, &here, &mut next);
                for mention in &here {
                    self.take(state, mention, &mut next);
                }
                for state in next {
                    beams[state.at].push(state);
                }
            }
        }
        let mut ends = std::mem::take(&mut beams[count]);
        ends.sort_by(|a, b| b.score.total_cmp(&a.score));
        ends.truncate(BEAM);
        ends.iter_mut().for_each(State::settle);
        ends
    }

    fn catalog(&self) -> &Catalog {
        self.reader.catalog
    }

    /// A word as context: itself if it is one of the language's small words, else what it is.
    fn cue(&self, at: Option<usize>) -> &str {
        let Some(token) = at.and_then(|at| self.tokens.get(at)) else {
            return "^";
        };
        if token.quoted {
            "'"
        } else if token.number.is_some() {
            "#"
        } else if CUES.contains(&token.lower.as_str()) {
            &token.lower
        } else {
            "_"
        }
    }

    fn skip(&self, state: &State, here: &[&Mention], next: &mut Vec<State>) {
        let model = self.reader.model;
        let token = &self.tokens[state.at];
        let mut s = state.clone();
        s.at += 1;
        let kind = if token.quoted {
            "quoted"
        } else if token.number.is_some() {
            "number"
        } else if here
            .iter()
            .any(|m| matches!(m.kind, Meaning::Value(_)) && m.score > 1.0)
        {
            "value"
        } else if here
            .iter()
            .any(|m| matches!(m.kind, Meaning::Column(_) | Meaning::Table(_)) && m.score > 0.8)
        {
            "name"
        } else if here.iter().any(|m| matches!(m.kind, Meaning::Op(_))) {
            "op"
        } else if CUES.contains(&token.lower.as_str())
            || !token.lower.contains(char::is_alphanumeric)
        {
            ""
        } else if token.capital && state.at > 0 {
            "capital"
        } else if here
            .iter()
            .any(|m| matches!(m.kind, Meaning::Column(_) | Meaning::Table(_)))
        {
            "weak"
        } else {
            "word"
        };
        if !kind.is_empty() {
            s.add(model, &["skip", kind], 1.0);
        }
        if kind == "op" {
            s.add(model, &["skipop", &token.lower], 1.0);
        }
        if kind == "name" {
            s.add(
                model,
                &[
                    "skipname",
                    self.cue(state.at.checked_sub(1)),
                    self.cue(Some(state.at + 1)),
                ],
                1.0,
            );
        }
        next.push(s);
    }

    /// A copy that has taken a mention in a role, with the features that all roles have.
    fn with(&self, state: &State, mention: &Mention, role: &'static str) -> State {
        let model = self.reader.model;
        let mut s = state.clone();
        s.at = mention.end;
        let before = mention.start.checked_sub(1);
        let (b1, b2) = (
            self.cue(before),
            self.cue(before.and_then(|b| b.checked_sub(1))),
        );
        let (a1, a2) = (self.cue_after(mention.end), self.cue_after(mention.end + 1));
        let condition = if state.condition { "cond" } else { "show" };
        let waiting = state.waiting();
        s.add(model, &["r", role], 1.0);
        s.add(model, &["rb", role, b1], 1.0);
        s.add(model, &["rbb", role, b2, b1], 1.0);
        s.add(model, &["ra", role, a1], 1.0);
        s.add(model, &["raa", role, a1, a2], 1.0);
        s.add(model, &["rl", role, state.last], 1.0);
        s.add(model, &["rlb", role, state.last, b1], 1.0);
        s.add(model, &["rc", role, condition], 1.0);
        s.add(model, &["rcb", role, condition, b1], 1.0);
        s.add(model, &["rw", role, waiting], 1.0);
        let first = self.tokens.first().map_or("", |_| self.cue(Some(0)));
        s.add(model, &["rf", role, first], 1.0);
        s.last = role;
        s.mentions += 1;
        s
    }

    fn cue_after(&self, at: usize) -> &str {
        if at >= self.tokens.len() {
            "$"
        } else {
            self.cue(Some(at))
        }
    }

    fn take(&self, state: &State, mention: &Mention, next: &mut Vec<State>) {
        match &mention.kind {
            Meaning::Op(op) => self.op(state, mention, *op, next),
            Meaning::Table(table) => self.table(state, mention, *table, next),
            Meaning::Column(column) => self.column(state, mention, *column, next),
            Meaning::Metric(metric) => {
                let mut s = self.with(state, mention, "metric");
                s.select.push(Expr::Metric(*metric));
                if let Some(m) = self.catalog().metrics.get(*metric) {
                    s.forced.push(m.table);
                }
                next.push(s);
            }
            Meaning::Value(found) => self.value(state, mention, found, next),
            Meaning::Text(text) => self.text(state, mention, text, next),
            Meaning::Number(number) => self.number(state, mention, *number, next),
            Meaning::Date(date) => self.date(state, mention, date, next),
        }
    }

    fn op(&self, state: &State, mention: &Mention, op: Op, next: &mut Vec<State>) {
        let model = self.reader.model;
        let mut s = state.clone();
        s.at = mention.end;
        s.add(
            model,
            &["op", (mention.end - mention.start).to_string().as_str()],
            1.0,
        );
        let w = &mut s.wait;
        match op {
            Op::Count => {
                // "the average number of": the number is of the column.
                if !w.aggregates.is_empty() {
                    let mut plain = s.clone();
                    plain.add(model, &["op", "countnot"], 1.0);
                    next.push(plain);
                }
                s.wait.aggregates.push(Aggregate::Count);
            }
            Op::Agg(agg) => w.aggregates.push(agg),
            Op::Super(desc) => {
                w.most = Some(desc);
                if let Some(n) = w.number.take() {
                    w.limit = Some(n as u64);
                }
            }
            Op::Frequent(desc) => w.frequent = Some(desc),
            Op::Cmp(cmp) => {
                // "3 or more", "not more than": the number or the negation came first.
                if mention.start > 0
                    && matches!(cmp, Compare::Ge | Compare::Le)
                    && self.revise(&mut s, cmp)
                {
                    next.push(s);
                    return;
                }
                let not = std::mem::take(&mut s.wait.not);
                s.wait.cmp = Some(if not { cmp.negated() } else { cmp });
            }
            Op::Between => w.between = true,
            Op::Each => {
                w.each = true;
                s.last = "each";
            }
            Op::Distinct => w.distinct = true,
            Op::Not => w.not = true,
            Op::Order => w.order = true,
            Op::Dir(desc) => {
                if let (false, Some(last)) = (w.order, s.order.last_mut()) {
                    last.1 = desc;
                } else {
                    w.dir = Some(desc);
                    w.order = true;
                }
            }
            Op::Alphabetical => {
                w.alphabetical = true;
            }
            Op::Top => w.top = true,
            Op::Both => w.both = true,
            Op::Or => w.or = true,
            Op::Where => {
                let word = self.tokens[mention.start].lower.as_str();
                if mention.start > 0
                    && [
                        "whose", "where", "with", "that", "having", "have", "has", "had", "who",
                        "when",
                    ]
                    .contains(&word)
                {
                    s.condition = true;
                }
            }
            Op::Like(place) => w.like = Some(place),
            Op::Full => {
                s.add(model, &["op", "full"], 1.0);
                s.full = true;
            }
            Op::Missing | Op::Present => {
                let Some(focus) = s.focus.clone() else { return };
                let op = if op == Op::Missing {
                    Compare::IsNull
                } else {
                    Compare::NotNull
                };
                s.focus_used = true;
                s.filters.push(Filter {
                    left: focus,
                    op,
                    right: Right::None,
                    or: false,
                });
            }
            Op::Quality(quality, most) => {
                self.quality(state, mention, quality, most, next);
                return;
            }
        }
        next.push(s);
    }

    /// Changes the comparison of a condition that was just made with a number.
    fn revise(&self, s: &mut State, cmp: Compare) -> bool {
        if s.wait.number.is_some() && s.wait.cmp.is_none_or(|c| c == Compare::Eq) {
            s.wait.cmp = Some(cmp);
            return true;
        }
        if matches!(s.last, "numeq" | "year")
            && let Some(last) = s.filters.last_mut().filter(|f| f.op == Compare::Eq)
        {
            last.op = cmp;
            return true;
        }
        if s.last == "year"
            && let Some(last) = s.filters.last_mut().filter(|f| f.op == Compare::Within)
            && let Right::Two(from, to) = last.right.clone()
        {
            (last.op, last.right) = if cmp == Compare::Ge {
                (Compare::Ge, Right::One(from))
            } else {
                (Compare::Lt, Right::One(to))
            };
            return true;
        }
        if s.last == "t-having"
            && let Some(last) = s.having.last_mut().filter(|f| f.op == Compare::Eq)
        {
            last.op = cmp;
            return true;
        }
        false
    }

    /// Columns that a quality may be about, those of named tables first.
    fn quality(
        &self,
        state: &State,
        mention: &Mention,
        quality: usize,
        most: bool,
        next: &mut Vec<State>,
    ) {
        let q = &QUALITIES[quality];
        let mut all: Vec<(ColumnRef, usize, bool)> = Vec::new();
        for (words, up) in [(q.up, true), (q.down, false)] {
            let named = self.reader.vocabulary.columns_named(words);
            all.extend(named.into_iter().map(|(c, place)| (c, place, up)));
        }
        let after: Option<usize> = self.mentions.iter().find_map(|m| match m.kind {
            Meaning::Table(t) if m.start == mention.end => Some(t),
            _ => None,
        });
        let near = |c: &ColumnRef| {
            if after == Some(c.table) {
                0
            } else {
                let named = state.named.iter().rev().position(|(t, _)| *t == c.table);
                named.map_or(9, |p| p + 1)
            }
        };
        all.sort_by_key(|(c, place, up)| (near(c), *place, !*up));
        let model = self.reader.model;
        for (i, (column, place, up)) in all.into_iter().take(5).enumerate() {
            let role = if most { "q-most" } else { "q-more" };
            let mut s = self.with(state, mention, role);
            s.add(model, &["qrank", role], i as f32);
            s.add(model, &["qplace", role], place as f32);
            self.affinity(&mut s, mention, column, "q");
            if most {
                let limit = s
                    .wait
                    .limit
                    .take()
                    .or(s.wait.number.take().map(|n| n as u64));
                s.order.push((Expr::Column(column), up));
                s.limit = Some(limit.unwrap_or(1));
                next.push(s);
            } else {
                s.focus = Some(Expr::Column(column));
                s.focus_used = false;
                let cmp = if up { Compare::Gt } else { Compare::Lt };
                let not = std::mem::take(&mut s.wait.not);
                s.wait.cmp = Some(if not { cmp.negated() } else { cmp });
                next.push(s);
            }
        }
    }

    /// How a column fits the tables that the question names.
    fn affinity(&self, s: &mut State, mention: &Mention, column: ColumnRef, what: &str) {
        let model = self.reader.model;
        let before = s.named.iter().rev().position(|(t, _)| *t == column.table);
        let after = self
            .mentions
            .iter()
            .filter(|m| m.start >= mention.end && m.start <= mention.end + 4)
            .find(|m| matches!(m.kind, Meaning::Table(t) if t == column.table) && m.score > 0.6);
        let anywhere = self
            .mentions
            .iter()
            .any(|m| matches!(m.kind, Meaning::Table(t) if t == column.table) && m.score > 0.6);
        let first_after = self
            .mentions
            .iter()
            .filter(|m| {
                m.start >= mention.end && matches!(m.kind, Meaning::Table(_)) && m.score > 0.6
            })
            .map(|m| m.start)
            .min();
        let place = match (before, after) {
            (_, Some(m)) if Some(m.start) == first_after && m.start <= mention.end + 2 => "next",
            (Some(0), _) => "last",
            (_, Some(_)) => "near",
            (Some(_), _) => "named",
            _ if anywhere => "later",
            _ => "none",
        };
        s.add(model, &["aff", what, place], 1.0);
        let in_select = s
            .select
            .iter()
            .any(|e| matches!(e, Expr::Column(c) if c.table == column.table));
        if in_select {
            s.add(model, &["aff", what, "withselect"], 1.0);
        } else if !s.select.is_empty() {
            s.add(model, &["aff", what, "otherselect"], 1.0);
        }
        let key = self.catalog().is_key(column);
        let foreign = self.catalog().refers(column).is_some();
        let kind = match (key, foreign) {
            (_, true) => "foreign",
            (true, _) => "key",
            _ => match self.catalog().at(column).kind {
                ColumnKind::Text => "text",
                ColumnKind::Integer | ColumnKind::Real => "number",
                ColumnKind::Date => "date",
                _ => "other",
            },
        };
        let role = s.last;
        s.add(model, &["kind", role, kind], 1.0);
    }

    fn table(&self, state: &State, mention: &Mention, table: usize, next: &mut Vec<State>) {
        let model = self.reader.model;
        let take = |role: &'static str, then: &dyn Fn(&mut State)| {
            let mut s = self.with(state, mention, role);
            s.add(model, &["link", "table"], mention.score - 1.0);
            s.named.push((table, mention.start));
            then(&mut s);
            s
        };
        let w = &state.wait;
        next.push(take("t-note", &|_| {}));
        next.push(take("t-join", &|s| s.forced.push(table)));
        if w.aggregates.contains(&Aggregate::Count) && w.most.is_none() && !w.order {
            next.push(take("t-count", &|s| {
                s.forced.push(table);
                s.wait.aggregates.clear();
                s.count_rows = true;
                s.select
                    .push(Expr::Aggregate(Aggregate::Count, false, None));
            }));
            if let [key] = self.catalog().tables[table].primary_key[..]
                && w.distinct
            {
                next.push(take("t-countkey", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    let column = ColumnRef { table, column: key };
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, true, Some(column)));
                }));
            }
        }
        if w.each {
            next.push(take("t-group", &|s| {
                s.group_table = Some(table);
                s.wait.each = false;
            }));
            next.push(take("t-groupsel", &|s| {
                s.group_table = Some(table);
                s.wait.each = false;
                let names = shown_names(self.catalog(), table);
                s.select.extend(names.into_iter().map(Expr::Column));
            }));
        }
        let order_count = w.order && w.aggregates.contains(&Aggregate::Count);
        if let Some(desc) = w
            .most
            .or(w.frequent)
            .or(order_count.then_some(w.dir.unwrap_or(false)))
        {
            next.push(take("t-most", &|s| {
                s.forced.push(table);
                let limit = s.wait.limit.take();
                s.order
                    .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                if !order_count {
                    s.limit = Some(limit.unwrap_or(1));
                }
                s.wait.aggregates.clear();
                s.wait.most = None;
                s.wait.frequent = None;
                s.wait.order = false;
            }));
        }
        if let Some(number) = w.number {
            next.push(take("t-having", &|s| {
                s.forced.push(table);
                let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
                s.wait.number = None;
                s.wait.distinct = false;
                s.having.push(Filter {
                    left: Expr::Aggregate(Aggregate::Count, false, None),
                    op,
                    right: Right::One(Literal::Number(number)),
                    or: false,
                });
            }));
        }
        if w.not {
            next.push(take("t-without", &|s| {
                s.wait.not = false;
                s.without.push((table, Vec::new()));
            }));
        }
        if w.aggregates.is_empty() && !w.each && w.most.is_none() {
            let names = shown_names(self.catalog(), table);
            if !names.is_empty() {
                next.push(take("t-select", &|s| {
                    if std::mem::take(&mut s.wait.distinct) {
                        s.distinct = true;
                    }
                    s.select.extend(names.iter().copied().map(Expr::Column));
                }));
            }
        }
    }

    fn column(&self, state: &State, mention: &Mention, column: ColumnRef, next: &mut Vec<State>) {
        let model = self.reader.model;
        let kind = self.catalog().at(column).kind;
        let w = &state.wait;
        // A key whose name says "id", where the question does not.
        let is_id = |word: &str| matches!(word, "id" | "code" | "key" | "number");
        let last = super::catalog::words(&self.catalog().at(column).name)
            .pop()
            .unwrap_or_default();
        let said = self.tokens[mention.start..mention.end]
            .iter()
            .any(|t| is_id(&t.stem) || is_id(&t.lower));
        let idless = is_id(&last) && !said;
        let take = |role: &'static str, then: &dyn Fn(&mut State)| {
            let mut s = self.with(state, mention, role);
            s.add(model, &["link", "column"], mention.score - 1.0);
            if idless {
                s.add(model, &["idless"], 1.0);
                s.add(model, &["idless", role], 1.0);
            }
            self.affinity(&mut s, mention, column, role);
            then(&mut s);
            s
        };
        let count = w.aggregates.contains(&Aggregate::Count);
        let summed = w
            .aggregates
            .iter()
            .any(|a| matches!(a, Aggregate::Sum | Aggregate::Avg));
        if summed && !kind.is_number() {
            return;
        }
        next.push(take("c-skip", &|_| {}));
        if w.aggregates.is_empty() {
            next.push(take("select", &|s| {
                if std::mem::take(&mut s.wait.distinct) {
                    s.distinct = true;
                }
                s.select.push(Expr::Column(column));
            }));
            if state.last == "agg" {
                next.push(take("agg", &|s| {
                    for agg in s.wait.last_aggregates.clone() {
                        s.select.push(Expr::Aggregate(agg, false, Some(column)));
                    }
                }));
            }
        } else if w.most.is_none() && !w.order && w.cmp.is_none() {
            if count {
                next.push(take("countdistinct", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, true, Some(column)));
                }));
                next.push(take("count", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, false, Some(column)));
                }));
                if kind.is_number() {
                    next.push(take("countsum", &|s| {
                        s.wait.aggregates.clear();
                        s.select
                            .push(Expr::Aggregate(Aggregate::Sum, false, Some(column)));
                    }));
                }
            } else {
                next.push(take("agg", &|s| {
                    let aggregates = std::mem::take(&mut s.wait.aggregates);
                    for agg in &aggregates {
                        s.select.push(Expr::Aggregate(*agg, false, Some(column)));
                    }
                    s.wait.last_aggregates = aggregates;
                }));
            }
            next.push(take("aggselect", &|s| {
                s.wait.aggregates.clear();
                s.select.push(Expr::Column(column));
            }));
        }
        let total = ["total", "sum", "amount", "totals"]
            .contains(&self.tokens[mention.start].lower.as_str());
        if total && kind.is_number() && w.aggregates.is_empty() {
            next.push(take("sumof", &|s| {
                s.select
                    .push(Expr::Aggregate(Aggregate::Sum, false, Some(column)));
            }));
        }
        if w.each {
            next.push(take("group", &|s| {
                s.wait.each = false;
                s.group.push(column);
            }));
            next.push(take("groupsel", &|s| {
                s.wait.each = false;
                s.group.push(column);
                s.select.push(Expr::Column(column));
            }));
        } else if matches!(state.last, "group" | "groupsel") {
            next.push(take("groupsel", &|s| {
                s.group.push(column);
                s.select.push(Expr::Column(column));
            }));
        }
        let of = |s: &mut State| match s.wait.aggregates.pop() {
            Some(agg) => {
                let distinct = agg == Aggregate::Count && std::mem::take(&mut s.wait.distinct);
                Expr::Aggregate(agg, distinct, Some(column))
            }
            None => Expr::Column(column),
        };
        if w.order {
            next.push(take("order", &|s| {
                let expr = of(s);
                let desc = s.wait.dir.unwrap_or(false);
                s.order.push((expr, desc));
                s.wait.order = false;
                s.wait.dir = None;
            }));
        }
        if let Some(desc) = w.most {
            next.push(take("most", &|s| {
                let expr = of(s);
                let limit = s.wait.limit.take();
                s.order.push((expr, desc));
                s.limit = Some(limit.unwrap_or(1));
                s.wait.most = None;
            }));
            if w.aggregates.is_empty() {
                next.push(take("selectmax", &|s| {
                    let agg = if desc { Aggregate::Max } else { Aggregate::Min };
                    s.select.push(Expr::Aggregate(agg, false, Some(column)));
                    s.wait.most = None;
                    s.wait.last_aggregates = vec![agg];
                }));
                if kind.is_number() && !self.catalog().is_key(column) {
                    next.push(take("mostsum", &|s| {
                        let limit = s.wait.limit.take();
                        s.order
                            .push((Expr::Aggregate(Aggregate::Sum, false, Some(column)), desc));
                        s.limit = Some(limit.unwrap_or(1));
                        s.wait.most = None;
                    }));
                }
                next.push(take("mostcount", &|s| {
                    let limit = s.wait.limit.take();
                    s.forced.push(column.table);
                    s.order
                        .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                    s.limit = Some(limit.unwrap_or(1));
                    s.wait.most = None;
                }));
            }
        }
        if let Some(desc) = w.frequent {
            next.push(take("frequent", &|s| {
                let limit = s.wait.limit.take();
                s.select.push(Expr::Column(column));
                s.order
                    .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                s.limit = Some(limit.unwrap_or(1));
                s.wait.frequent = None;
            }));
        }
        let cmp = w.cmp;
        if let Some(number) = w.number {
            if kind.is_number() || kind == ColumnKind::Text {
                next.push(take("cmpnum", &|s| {
                    let left = of(s);
                    let filter = Filter {
                        left,
                        op: s.wait.cmp.take().unwrap_or(Compare::Eq),
                        right: Right::One(Literal::Number(number)),
                        or: std::mem::take(&mut s.wait.or),
                    };
                    s.wait.number = None;
                    push_filter(s, filter);
                }));
            }
            next.push(take("havingdistinct", &|s| {
                let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
                s.wait.number = None;
                s.wait.distinct = false;
                s.having.push(Filter {
                    left: Expr::Aggregate(Aggregate::Count, true, Some(column)),
                    op,
                    right: Right::One(Literal::Number(number)),
                    or: false,
                });
            }));
        }
        if let (Some(cmp), Some(agg), None) = (cmp, w.aggregates.last().copied(), w.number)
            && agg != Aggregate::Count
        {
            next.push(take("nested", &|s| {
                s.wait.aggregates.clear();
                s.wait.cmp = None;
                let left = s.focus.take().unwrap_or(Expr::Column(column));
                let query = Query {
                    select: vec![Expr::Aggregate(agg, false, Some(column))],
                    ..Query::default()
                };
                s.filters.push(Filter {
                    left,
                    op: cmp,
                    right: Right::Query(Box::new(query)),
                    or: false,
                });
            }));
        }
        // "above average": the aggregate ends the comparison with the column in focus.
        if !w.each && !w.order && w.most.is_none() {
            next.push(take("focus", &|s| {
                let expr = of(s);
                if s.focus.is_some() && !s.focus_used {
                    s.add(model, &["focus", "lost"], 1.0);
                }
                s.focus = Some(expr);
                s.focus_used = false;
                s.condition = true;
            }));
        }
        if w.not {
            next.push(take("isnull", &|s| {
                s.wait.not = false;
                s.filters.push(Filter {
                    left: Expr::Column(column),
                    op: Compare::IsNull,
                    right: Right::None,
                    or: false,
                });
            }));
        }
    }

    fn value(
        &self,
        state: &State,
        mention: &Mention,
        found: &[(ColumnRef, String)],
        next: &mut Vec<State>,
    ) {
        let model = self.reader.model;
        let focused = |c: &ColumnRef| matches!(&state.focus, Some(Expr::Column(f)) if f == c);
        let named = |c: &ColumnRef| {
            self.mentions
                .iter()
                .any(|m| matches!(m.kind, Meaning::Table(t) if t == c.table) && m.score > 0.6)
        };
        let mut order: Vec<&(ColumnRef, String)> = found.iter().collect();
        order.sort_by_key(|(c, _)| (!focused(c), !named(c), self.catalog().refers(*c).is_some()));
        let words = match mention.end - mention.start {
            1 if self.tokens[mention.start].quoted => "quoted",
            1 if self.tokens[mention.start].capital && mention.start > 0 => "capital",
            1 if self.tokens[mention.start].number.is_some() => "number",
            1 => "1",
            2 => "2",
            _ => "3",
        };
        for (i, (column, text)) in order.into_iter().take(6).enumerate() {
            let take = |role: &'static str| {
                let mut s = self.with(state, mention, role);
                s.add(model, &["value", role, words], 1.0);
                let exact = self.tokens[mention.start..mention.end]
                    .iter()
                    .map(|t| t.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
                    == *text;
                s.add(
                    model,
                    &["valuecase", if exact { "exact" } else { "other" }, words],
                    1.0,
                );
                self.affinity(&mut s, mention, *column, "value");
                s.add(model, &["valuerank"], i as f32);
                if focused(column) {
                    s.add(model, &["valuefocus"], 1.0);
                    s.focus_used = true;
                } else if state.focus.is_some() && !state.focus_used {
                    s.add(model, &["valueother"], 1.0);
                }
                s
            };
            let like = state.wait.like;
            let right = match like {
                None => Right::One(literal(self.catalog(), *column, text)),
                Some(place) => Right::One(Literal::Text(pattern(text, place))),
            };
            let op = if like.is_some() {
                Compare::Like
            } else {
                Compare::Eq
            };
            let filter = |s: &mut State, not: bool| {
                let cmp = s.wait.cmp.take().filter(|_| like.is_none());
                s.wait.like = None;
                let op = cmp.unwrap_or(op);
                Filter {
                    left: Expr::Column(*column),
                    op: if not { op.negated() } else { op },
                    right: right.clone(),
                    or: std::mem::take(&mut s.wait.or),
                }
            };
            let mut s = take("value");
            let not = std::mem::take(&mut s.wait.not);
            let f = filter(&mut s, not);
            let same = s
                .filters
                .iter()
                .any(|g| g.left == f.left && g.op == f.op && !f.or);
            if same {
                s.add(model, &["samecolumn"], 1.0);
            }
            push_filter(&mut s, f);
            next.push(s);
            if let Some(last) = state.filters.last()
                && last.left == Expr::Column(*column)
                && state.also.is_none()
            {
                let mut s = take("both");
                s.wait.both = false;
                let f = filter(&mut s, false);
                s.also = Some(f);
                next.push(s);
                if !state.wait.or {
                    let mut s = take("either");
                    let mut f = filter(&mut s, false);
                    f.or = true;
                    s.filters.push(f);
                    next.push(s);
                }
            }
            if state.wait.not {
                let mut s = take("valuewithout");
                s.wait.not = false;
                let f = filter(&mut s, false);
                s.without
                    .push((column.table, vec![Filter { or: false, ..f }]));
                next.push(s);
            }
        }
    }

    fn text(&self, state: &State, mention: &Mention, text: &str, next: &mut Vec<State>) {
        let model = self.reader.model;
        let mut columns: Vec<(ColumnRef, &str)> = Vec::new();
        if let Some(Expr::Column(c)) = &state.focus
            && self.catalog().at(*c).kind == ColumnKind::Text
        {
            columns.push((*c, "focus"));
        }
        for (table, _) in state.named.iter().rev().take(2) {
            for c in name_of(self.catalog(), *table) {
                columns.push((c, "name"));
            }
        }
        for (column, how) in columns.into_iter().take(3) {
            let mut s = self.with(state, mention, "text");
            s.add(
                model,
                &[
                    "text",
                    how,
                    if self.tokens[mention.start].quoted {
                        "quoted"
                    } else {
                        "plain"
                    },
                ],
                1.0,
            );
            self.affinity(&mut s, mention, column, "text");
            if how == "focus" {
                s.focus_used = true;
            }
            let not = std::mem::take(&mut s.wait.not);
            let (op, right) = match s.wait.like.take() {
                Some(place) => {
                    s.add(model, &["text", "like"], 1.0);
                    (Compare::Like, pattern(text, place))
                }
                None => (Compare::Eq, text.to_owned()),
            };
            let or = std::mem::take(&mut s.wait.or);
            let filter = Filter {
                left: Expr::Column(column),
                op: if not { op.negated() } else { op },
                right: Right::One(Literal::Text(right)),
                or,
            };
            push_filter(&mut s, filter);
            next.push(s);
        }
    }

    fn number(&self, state: &State, mention: &Mention, number: f64, next: &mut Vec<State>) {
        let model = self.reader.model;
        let w = &state.wait;
        if w.between {
            let mut s = self.with(state, mention, "between");
            match s.wait.low.take() {
                None => s.wait.low = Some(number),
                Some(low) => {
                    s.wait.between = false;
                    let left = match s.focus.clone() {
                        Some(focus) => Some(focus),
                        None => self.year_columns(state).first().map(|c| Expr::Column(*c)),
                    };
                    let Some(left) = left else { return };
                    s.focus_used = true;
                    let right = Right::Two(Literal::Number(low), Literal::Number(number));
                    push_filter(
                        &mut s,
                        Filter {
                            left,
                            op: Compare::Between,
                            right,
                            or: false,
                        },
                    );
                }
            }
            next.push(s);
        }
        if let Some(focus) = &state.focus {
            let role = if w.cmp.is_some() { "numcmp" } else { "numeq" };
            let mut s = self.with(state, mention, role);
            let numeric = match focus {
                Expr::Column(c) => self.catalog().at(*c).kind.is_number(),
                _ => true,
            };
            s.add(model, &["numeric", if numeric { "yes" } else { "no" }], 1.0);
            s.add(
                model,
                &["numfocus", if state.focus_used { "again" } else { "new" }],
                1.0,
            );
            let not = std::mem::take(&mut s.wait.not);
            let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
            s.focus_used = true;
            let or = std::mem::take(&mut s.wait.or);
            push_filter(
                &mut s,
                Filter {
                    left: focus.clone(),
                    op: if not { op.negated() } else { op },
                    right: Right::One(Literal::Number(number)),
                    or,
                },
            );
            next.push(s);
        }
        let whole = number.fract() == 0.0 && number >= 0.0;
        if whole {
            let mut s = self.with(state, mention, "limit");
            s.wait.top = false;
            s.wait.limit = Some(number as u64);
            if let Some(last) = s.limit.as_mut().filter(|_| state.last == "most") {
                *last = number as u64;
            }
            next.push(s);
        }
        let mut s = self.with(state, mention, "number");
        s.wait.number = Some(number);
        next.push(s);
        if (1000.0..2200.0).contains(&number) && whole {
            for (i, column) in self.year_columns(state).into_iter().take(3).enumerate() {
                let mut s = self.with(state, mention, "year");
                s.add(model, &["yearrank"], i as f32);
                self.affinity(&mut s, mention, column, "year");
                let op = s.wait.cmp.take();
                let number_kind = self.catalog().at(column).kind.is_number();
                let text = super::print::number(number);
                let year = calendar::year(number as i64)
                    .filter(|_| self.catalog().at(column).times().is_some())
                    .map(|(from, to)| (Literal::Text(moment(from)), Literal::Text(moment(to))));
                if let Some((from, to)) = year {
                    let (op, right) = match op {
                        Some(Compare::Lt) => (Compare::Lt, Right::One(from)),
                        Some(Compare::Ge) => (Compare::Ge, Right::One(from)),
                        Some(Compare::Gt) => (Compare::Ge, Right::One(to)),
                        Some(Compare::Le) => (Compare::Lt, Right::One(to)),
                        Some(Compare::Ne) => (Compare::Outside, Right::Two(from, to)),
                        _ => (Compare::Within, Right::Two(from, to)),
                    };
                    let left = Expr::Column(column);
                    let or = std::mem::take(&mut s.wait.or);
                    push_filter(
                        &mut s,
                        Filter {
                            left,
                            op,
                            right,
                            or,
                        },
                    );
                    next.push(s);
                    continue;
                }
                let (op, right) = match op {
                    _ if number_kind => (op.unwrap_or(Compare::Eq), Literal::Number(number)),
                    None | Some(Compare::Eq) => (Compare::Like, Literal::Text(format!("%{text}%"))),
                    Some(op) => (op, Literal::Text(text)),
                };
                let or = std::mem::take(&mut s.wait.or);
                push_filter(
                    &mut s,
                    Filter {
                        left: Expr::Column(column),
                        op,
                        right: Right::One(right),
                        or,
                    },
                );
                next.push(s);
            }
        }
        // "course 301": the key of the table that was just named.
        if let Some((table, at)) = state.named.last()
            && at + 2 >= mention.start
            && let [key] = self.catalog().tables[*table].primary_key[..]
        {
            let column = ColumnRef {
                table: *table,
                column: key,
            };
            let mut s = self.with(state, mention, "numkey");
            let right = literal(self.catalog(), column, &self.tokens[mention.start].text);
            push_filter(
                &mut s,
                Filter {
                    left: Expr::Column(column),
                    op: Compare::Eq,
                    right: Right::One(right),
                    or: false,
                },
            );
            next.push(s);
        }
    }

    /// Columns of years and days, of named tables first.
    fn year_columns(&self, state: &State) -> Vec<ColumnRef> {
        let mut all: Vec<ColumnRef> = self
            .reader
            .vocabulary
            .columns_named("year|date|founded|built|opened|season|time|birth")
            .into_iter()
            .map(|c| c.0)
            .collect();
        let near = |c: &ColumnRef| {
            state
                .named
                .iter()
                .rev()
                .position(|(t, _)| *t == c.table)
                .unwrap_or(9)
        };
        all.sort_by_key(near);
        all
    }

    fn date(&self, state: &State, mention: &Mention, date: &str, next: &mut Vec<State>) {
        let mut columns: Vec<ColumnRef> = Vec::new();
        if let Some(Expr::Column(c)) = &state.focus {
            columns.push(*c);
        }
        columns.extend(self.year_columns(state));
        for column in columns.into_iter().take(3) {
            let mut s = self.with(state, mention, "date");
            self.affinity(&mut s, mention, column, "date");
            s.focus_used |= matches!(&s.focus, Some(Expr::Column(c)) if *c == column);
            let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
            let day = Literal::Text(date.to_owned());
            let next_day = iso(date).map(|day| Literal::Text(moment(day + calendar::DAY)));
            let times = self.catalog().at(column).times().is_some();
            let (op, right) = match (op, next_day.filter(|_| times)) {
                (Compare::Eq, Some(next)) => (Compare::Within, Right::Two(day, next)),
                (Compare::Gt, Some(next)) => (Compare::Ge, Right::One(next)),
                (Compare::Le, Some(next)) => (Compare::Lt, Right::One(next)),
                (op, _) => (op, Right::One(day)),
            };
            let left = Expr::Column(column);
            push_filter(
                &mut s,
                Filter {
                    left,
                    op,
                    right,
                    or: false,
                },
            );
            next.push(s);
        }
    }
}

/// A condition on an aggregate is one on groups.
fn push_filter(s: &mut State, filter: Filter) {
    if matches!(filter.left, Expr::Aggregate(..)) {
        s.having.push(filter);
    } else {
        s.filters.push(filter);
    }
}

fn pattern(text: &str, place: &str) -> String {
    match place {
        "start" => format!("{text}%"),
        "end" => format!("%{text}"),
        _ => format!("%{text}%"),
    }
}
