//! From mentions to readings: a beam over the question, each mention taken in each role that it may play.

mod columns;
mod doubt;
mod names;
mod units;
mod values;

use super::catalog::{Catalog, ForeignKey};
use super::finish::{finish, flat_mean};
use super::ir::{Aggregate, Compare, Filter, Query, Right, is_aggregate};
use super::joins::Trees;
use super::lexicon::{CUES, Op};
use super::link::{EXACT, Meaning, Mention};
use super::model::Features;
use super::modify::{Modifiers, apply, modifiers};
use super::print::Printer;
use super::reader::{Reader, question_tokens};
use super::state::State;
use super::tokens::Token;
use doubt::Said;
use doubt::counted_once;
pub use doubt::counted_twice;
pub use units::{unit_name, unit_of_name};

/// Readings that are followed at once.
const BEAM: usize = 100;

/// Words up to which so many are; of a longer question fewer are, so that its words cost the same together.
const WORDS: usize = 30;

/// How much less likely a reading is that leaves out a number, a comparison or what is to be shown.
const LOST: f32 = 4.5;

/// The fewest readings that are followed.
const NARROW: usize = 10;

/// States that are made of all words of a question, at most about so many.
const MADE: usize = 40_000;

/// Mentions after which a reading takes no more: nobody asks for so much.
const MENTIONS: usize = 40;

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
    /// Why it is hardly what was meant.
    pub doubt: Option<String>,
}

/// The likeliest readings, the best first.
pub fn candidates(reader: &Reader<'_>, question: &str, most: usize) -> Vec<Candidate> {
    let tokens = question_tokens(reader.catalog, reader.vocabulary, question);
    let tokens = income(reader, tokens);
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
    let tokens = &totals(reader, tokens)[..];
    let mut mentions = reader.vocabulary.link(reader.catalog, tokens);
    mentions.retain(|m| {
        let mut of = tokens[m.start..m.end].iter();
        matches!(m.kind, Meaning::Op(Op::Agg(_))) || !of.any(|t| t.range.is_empty())
    });
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
        if (reader.stopped)() {
            return Vec::new();
        }
        for (query, state) in finish(reader, &trees, tokens, state) {
            let Some((mut query, mut notes)) =
                apply(reader, whole, modifiers, !state.named.is_empty(), query)
            else {
                continue;
            };
            flat_mean(reader.catalog, &mut query);
            counted_once(reader.catalog, &trees, &mentions, &mut query);
            let Some(sql) = printer.query(&query) else {
                continue;
            };
            notes.extend(state.notes.iter().cloned());
            let said = Said {
                catalog: reader.catalog,
                tokens,
                mentions: &mentions,
            };
            // What leaves out something that was said is less likely, too.
            let lost = said.lost(&trees, &query, &sql, &notes);
            let less = if lost.is_some() { LOST } else { 0.0 };
            let doubt = lost.or_else(|| said.doubt(&trees, &query, &sql));
            let candidate = Candidate {
                doubt,
                query,
                score: state.score - less,
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
    all.sort_by(compare);
    all.truncate(most);
    all
}

/// The order of readings: the likelier comes first.
pub fn compare(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score)
}

/// Words for what comes in, which schemas seldom have.
const INCOME: &[&str] = &["revenue", "revenues", "turnover"];

/// The tokens with "total" before "revenue", where nothing is called so and one column alone may be meant.
fn income(reader: &Reader<'_>, mut tokens: Vec<Token>) -> Vec<Token> {
    let is_income = |t: &Token| !t.quoted && INCOME.contains(&t.lower.as_str());
    let vocabulary = reader.vocabulary;
    let place = tokens.iter().position(|t| {
        is_income(t) && !vocabulary.is_name(&t.stem) && !vocabulary.is_metric(&t.stem)
    });
    let Some(at) = place.filter(|_| reader.catalog.total_of_facts().is_some()) else {
        return tokens;
    };
    let mentions = vocabulary.link(reader.catalog, &tokens);
    let asks = |m: &Mention| {
        matches!(
            m.kind,
            Meaning::Op(Op::Agg(_) | Op::Super(_) | Op::Quality(..))
        )
    };
    if !mentions.iter().any(|m| m.end == at && asks(m)) {
        tokens.splice(at..at, total_before(&tokens[at]));
    }
    tokens
}

/// "Total", which nobody said, before a token.
fn total_before(token: &Token) -> Vec<Token> {
    let start = token.range.start;
    let total = super::tokens::tokens("total").into_iter();
    total
        .map(|t| Token {
            range: start..start,
            ..t
        })
        .collect()
}

/// The tokens with "total" before each quantity that people defined: "revenue by genre" is the total revenue by genre.
fn totals(reader: &Reader<'_>, all: &[Token]) -> Vec<Token> {
    if reader.catalog.metrics.is_empty() {
        return all.to_vec();
    }
    let mentions = reader.vocabulary.link(reader.catalog, all);
    let is_metric = |m: &Mention| matches!(m.kind, Meaning::Metric(_)) && m.score >= EXACT;
    let aggregates = |m: &Mention| matches!(m.kind, Meaning::Op(Op::Agg(_)));
    let mut with = Vec::new();
    for (i, token) in all.iter().enumerate() {
        let begins = mentions.iter().any(|m| m.start == i && is_metric(m));
        if begins && !mentions.iter().any(|m| m.end == i && aggregates(m)) {
            with.extend(total_before(token));
        }
        with.push(token.clone());
    }
    with
}

/// What tables are called from which something comes, and to which it goes, with the words of questions for either.
const WAYS: &[(&[&str], &[&str])] = &[
    (
        &[
            "origin",
            "source",
            "from",
            "departure",
            "sender",
            "start",
            "src",
        ],
        &["from", "leave", "left", "depart", "start"],
    ),
    (
        &[
            "destination",
            "dest",
            "to",
            "target",
            "arrival",
            "receiver",
            "end",
        ],
        &["to", "into", "arriv", "reach", "destin"],
    ),
];

/// The joins of a question, by keys that it names where tables have several.
pub fn trees<'a>(catalog: &'a Catalog, tokens: &[Token]) -> Trees<'a> {
    let said = |word: &str| tokens.iter().any(|t| t.lower == word || t.stem == word);
    Trees::new(catalog, &|key: &ForeignKey| {
        key.columns.iter().any(|(from, _)| {
            let words = super::catalog::words(&catalog.at(*from).name);
            let is_way = |(names, said_by): &(&[&str], &[&str])| {
                words.iter().any(|w| names.contains(&w.as_str())) && said_by.iter().any(|w| said(w))
            };
            words.iter().any(|w| w != "id" && said(w)) || WAYS.iter().any(is_way)
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
        let most = (BEAM * WORDS / count.max(1)).clamp(NARROW, BEAM);
        for at in 0..count {
            if (self.reader.stopped)() {
                return Vec::new();
            }
            let states = likeliest(&mut beams[at], most);
            let here: Vec<&Mention> = self.mentions.iter().filter(|m| m.start == at).collect();
            let mut made = 0;
            for state in &states {
                // The likeliest come first.
                if made > MADE / count {
                    break;
                }
                let mut next = Vec::new();
                self.skip(state, &here, &mut next);
                if state.mentions < MENTIONS {
                    for mention in &here {
                        self.take(state, mention, &mut next);
                    }
                }
                made += next.len();
                for state in next {
                    beams[state.at].push(state);
                }
            }
        }
        likeliest(&mut beams[count], most)
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
            Meaning::Metric(metric) => self.metric(state, mention, *metric, next),
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
            Op::Order => {
                // "Who have ordered" order nothing.
                let before = mention.start.checked_sub(1).map(|b| &*self.tokens[b].lower);
                let did = [
                    "have", "has", "had", "who", "that", "never", "not", "ever", "was", "were",
                ];
                let ordered = self.tokens[mention.start].lower == "ordered";
                let by = self.tokens[mention.start..mention.end]
                    .iter()
                    .any(|t| t.lower == "by");
                if ordered && !by && before.is_some_and(|b| did.contains(&b)) {
                    return;
                }
                w.order = true;
            }
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
        if matches!(s.last, "numeq" | "year" | "cmpnum")
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
}

/// Takes the likeliest of these, the best first.
fn likeliest(all: &mut Vec<State>, most: usize) -> Vec<State> {
    let mut states = std::mem::take(all);
    states.sort_by(|a, b| b.score.total_cmp(&a.score));
    states.truncate(most);
    states.iter_mut().for_each(State::settle);
    states
}

/// A condition on an aggregate is one on groups.
fn push_filter(s: &mut State, filter: Filter) {
    if is_aggregate(&filter.left) {
        s.having.push(filter);
    } else {
        s.filters.push(filter);
    }
}
