//! The words of a question that goes on, as edits.

use super::super::catalog::{ColumnRef, Target};
use super::super::ir::{Aggregate, Compare, Query};
use super::super::lexicon::{CUES, Op, QUALITIES};
use super::super::link::{Meaning, Mention};
use super::super::modify::{Modifiers, modifiers, nearest};
use super::super::print::tables;
use super::super::reader::Reader;
use super::super::tokens::Token;

/// What a question changes of the one before.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// A time, a unit, a share, growth.
    pub modifiers: Modifiers,
    /// Values with the columns that have them, and whether they are excluded.
    pub values: Vec<(Vec<(ColumnRef, String)>, bool)>,
    /// Years.
    pub years: Vec<f64>,
    /// Numbers that are compared with something, or with what the question before compared.
    pub compares: Vec<(Option<Target>, Option<Compare>, f64)>,
    /// What has a group each.
    pub group: Vec<Target>,
    /// What rows are ordered by.
    pub order: Option<Target>,
    /// In which direction.
    pub descending: Option<bool>,
    /// How many rows.
    pub limit: Option<u64>,
    /// One row, unless a number says otherwise.
    pub extreme: bool,
    /// Another aggregate, and of which column.
    pub aggregate: Option<Aggregate>,
    /// Things that are named without a word that says what for.
    pub named: Vec<Target>,
    /// Conditions on these are dropped.
    pub dropped: Vec<Target>,
    /// All conditions, or those of time.
    pub drop_all: bool,
    /// Conditions of time are dropped.
    pub drop_time: bool,
    /// Equal rows once.
    pub distinct: bool,
    /// It speaks of the rows of the answer: "of those".
    pub refers: bool,
    /// It adds to what is there, and replaces nothing.
    pub adds: bool,
    /// It shows something: "show their names".
    pub shows: bool,
    /// What it says takes the place of what was said.
    pub replaces: bool,
    /// Words that mean nothing here.
    pub lost: Vec<String>,
    /// The question may as well stand by itself.
    pub unsure: bool,
}

/// Words that ask again for the same.
const PLAIN: &[&str] = &[
    "the", "a", "an", "and", "but", "now", "then", "ok", "okay", "so", "what", "how", "about",
    "is", "are", "was", "were", "for", "in", "of", "to", "at", "on", "it", "that", "me", "please",
    "same", "with", "be", "do", "does", "did", "again", "?", ",", ".", ";", "instead", "only",
    "just", "make", "use", "change", "switch", "filter", "restrict", "limit", "result", "results",
    "answer", "from", "we", "you", "can", "could", "there", "have", "has", "had", "down", "broken",
    "break", "split", "out", "as", "well", "too", "also", "de", "which", "who", "where", "when",
    "much", "thing", "query", "question", "if", "s", "up", "by", "this", "one", "keep", "any",
    "all", "list", "show", "give", "display", "look", "see", "i", "want", "let", "us", "within",
];

const SHOW: &[&str] = &["show", "list", "give", "display", "add", "include", "with"];

const REFER: &[&str] = &["those", "these", "them", "they", "their", "ones", "theirs"];

const REFER_CHINESE: &[&str] = &[
    "其中", "这些", "那些", "他们", "它们", "她们", "上述", "这几", "那几",
];

const ADD: &[&str] = &[
    "also",
    "too",
    "additionally",
    "further",
    "plus",
    "including",
    "include",
    "add",
];

const ADD_CHINESE: &[&str] = &["也", "再加", "还有", "加上", "以及", "并且", "同时"];

/// Words with which a question begins that goes on.
const LEADS: &[&str] = &[
    "what about",
    "how about",
    "and",
    "only",
    "just",
    "but",
    "now",
    "then",
    "instead",
    "also",
    "same",
    "make it",
    "change",
    "switch",
    "remove",
    "drop",
    "without",
    "except",
    "excluding",
    "exclude",
    "not",
    "sort",
    "sorted",
    "order",
    "ordered",
    "by",
    "for",
    "in",
    "top",
    "bottom",
    "first",
    "per",
    "group",
    "grouped",
    "break",
    "broken",
    "filter",
    "restrict",
    "limit",
    "keep",
    "as",
    "with",
    "add",
    "include",
    "ok",
    "okay",
    "no",
    "all",
    "from",
    "since",
    "before",
    "after",
    "between",
    "over",
    "under",
    "more",
    "less",
    "at",
    "the",
];

const LEADS_CHINESE: &[&str] = &[
    "那", "那么", "换成", "换为", "改成", "改为", "改按", "只", "仅", "再", "按", "其中", "然后",
    "也", "还有", "去掉", "不要", "排除", "除了", "如果", "前", "加上", "倒序", "升序", "降序",
    "这些", "他们", "它们", "不限",
];

const QUESTION: &[&str] = &[
    "how", "which", "what", "who", "whose", "where", "when", "list", "show", "find", "give",
    "display", "count", "return", "tell", "get", "is", "are", "do", "does", "did",
];

/// The edits of a question; `None` if it stands by itself.
pub fn edits(
    reader: &Reader<'_>,
    previous: &Query,
    question: &str,
    tokens: &[Token],
) -> Option<Edits> {
    let words: Vec<&str> = tokens.iter().map(|t| t.lower.as_str()).collect();
    let raw = question.trim().to_lowercase();
    let chinese = super::super::chinese::is_chinese(question);
    let starts = |phrases: &[&str]| {
        phrases.iter().any(|p| {
            let count = p.split(' ').count();
            words.len() >= count && words[..count].join(" ") == **p
        })
    };
    let has = |all: &[&str]| words.iter().any(|w| all.contains(w));
    let mut edits = Edits {
        refers: has(REFER) || chinese && REFER_CHINESE.iter().any(|w| raw.contains(w)),
        adds: has(ADD)
            || raw.contains("as well")
            || chinese && ADD_CHINESE.iter().any(|w| raw.contains(w)),
        replaces: has(&["instead"]),
        ..Edits::default()
    };
    let lead = if chinese {
        LEADS_CHINESE.iter().any(|w| raw.starts_with(w))
            || raw.trim_end_matches(['?', '？', '。']).ends_with('呢')
    } else {
        starts(LEADS) || has(&["instead", "only"]) || edits.adds
    };
    let (found, rest) = modifiers(reader, question, tokens.to_vec(), true);
    edits.modifiers = found;
    let walk = Walk {
        reader,
        tokens: &rest,
        mentions: reader.vocabulary.link(reader.catalog, &rest),
        own: tables(previous),
    };
    walk.run(&mut edits);
    let groups = std::mem::take(&mut edits.modifiers.group);
    let own = tables(previous);
    edits.group.extend(
        groups
            .iter()
            .filter_map(|alike| nearest(reader.catalog, &own, alike)),
    );
    // "Only cancelled orders", of orders: the value says more than the name.
    if !edits.values.is_empty() {
        let own = tables(previous);
        edits
            .named
            .retain(|t| !matches!(t, Target::Table(t) if own.contains(t)));
        let values = edits
            .values
            .iter()
            .flat_map(|(found, _)| found)
            .map(|(c, _)| *c);
        let columns: Vec<ColumnRef> = values.collect();
        edits
            .named
            .retain(|t| !matches!(t, Target::Column(c) if columns.contains(c)));
    }
    if words.windows(2).any(|w| w[1] == "first" && w[0] != "the") && edits.limit.is_none() {
        edits.extreme = false;
    }
    // A question that names what it is about stands by itself.
    let asks = words
        .iter()
        .find(|w| !["and", "but", "now", "then", "so", "ok", "okay", ","].contains(w))
        .is_some_and(|w| QUESTION.contains(w));
    let about = raw.contains("what about") || raw.contains("how about");
    let full = asks && !edits.named.is_empty() && !about && !edits.shows_only(&words);
    if !edits.refers && full && !has(&["instead", "only", "same"]) && !edits.adds {
        return None;
    }
    let content = rest.iter().filter(|t| content(t)).count();
    if !lead && !edits.refers && (content > 6 || full || chinese && asks && content > 3) {
        return None;
    }
    if !lead
        && !edits.refers
        && !edits.named.is_empty()
        && (edits.aggregate.is_some()
            || edits.extreme
            || edits.named.len() > 1
            || !edits.group.is_empty())
    {
        return None;
    }
    if edits.lost.len() * 2 > content.max(1) {
        return None;
    }
    edits.unsure = !lead && !edits.refers;
    Some(edits)
}

fn content(token: &Token) -> bool {
    token.lower.contains(char::is_alphanumeric) && !CUES.contains(&token.lower.as_str())
}

impl Edits {
    /// "Show it by country": what it names is a group or an order.
    fn shows_only(&self, words: &[&str]) -> bool {
        words.contains(&"it") && self.named.is_empty()
    }
}

struct Walk<'a> {
    reader: &'a Reader<'a>,
    tokens: &'a [Token],
    mentions: Vec<Mention>,
    own: Vec<usize>,
}

/// What the words before a name say that it is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum For {
    Nothing,
    Group,
    Order,
    Drop,
}

impl Walk<'_> {
    fn run(&self, edits: &mut Edits) {
        let mut at = 0;
        let mut purpose = For::Nothing;
        let mut not = false;
        let mut top = false;
        let mut compare: Option<Compare> = None;
        let mut number: Option<f64> = None;
        while at < self.tokens.len() {
            let token = &self.tokens[at];
            let word = token.lower.as_str();
            let next = self.tokens.get(at + 1).map_or("", |t| t.lower.as_str());
            let value = self.longest(at, &|m| matches!(m.kind, Meaning::Value(_)));
            let op = self.op(at);
            let name = self.name(at);
            let length = |m: &Option<&Mention>| m.map_or(0, |m| m.end - m.start);
            if REFER.contains(&word) {
                at += 1;
                continue;
            }
            if SHOW.contains(&word) {
                edits.shows = true;
            }
            // "Order by", not the order of a customer.
            if matches!(word, "sort" | "sorted" | "ordered" | "rank" | "ranked")
                || word == "order" && matches!(next, "by" | "it" | "them")
            {
                purpose = For::Order;
                at += 1;
                continue;
            }
            if matches!(word, "by" | "per" | "each" | "every")
                || word == "group"
                || word == "grouped"
            {
                if purpose != For::Order {
                    purpose = For::Group;
                }
                at += 1;
                continue;
            }
            if matches!(word, "all" | "any")
                && (name.is_some()
                    || matches!(next, "years" | "time" | "times" | "dates" | "months"))
            {
                if name.is_none() {
                    edits.drop_time = true;
                    at += 2;
                    continue;
                }
                purpose = For::Drop;
                at += 1;
                continue;
            }
            if matches!(word, "remove" | "drop" | "without" | "clear" | "ignore") {
                let rest = &self.tokens[at..];
                let all = rest.iter().any(|t| {
                    matches!(
                        t.lower.as_str(),
                        "filter" | "filters" | "condition" | "conditions"
                    )
                });
                if all && rest.len() <= 4 {
                    edits.drop_all = true;
                    at = self.tokens.len();
                    continue;
                }
                if rest
                    .iter()
                    .skip(1)
                    .any(|t| matches!(t.lower.as_str(), "limit"))
                {
                    edits.limit = Some(u64::MAX);
                    at = self.tokens.len();
                    continue;
                }
            }
            if matches!(
                word,
                "remove"
                    | "drop"
                    | "exclude"
                    | "excluding"
                    | "except"
                    | "without"
                    | "not"
                    | "no"
                    | "besides"
            ) {
                not = true;
                at += 1;
                continue;
            }
            if matches!(word, "top" | "first" | "best") && value.is_none_or(|m| m.end == at + 1) {
                top = true;
                if word != "first" {
                    edits.descending = Some(true);
                }
                at += 1;
                continue;
            }
            if matches!(word, "bottom" | "last" | "worst") {
                top = true;
                edits.descending = Some(false);
                at += 1;
                continue;
            }
            if let Some(n) = token
                .number
                .filter(|_| value.is_none() || compare.is_some() || top)
            {
                let whole = n.fract() == 0.0 && n >= 1.0;
                if let Some(cmp) = compare.take() {
                    edits.compares.push((None, Some(cmp), n));
                    number = Some(n);
                } else if whole
                    && (top
                        || matches!(next, "instead" | "rows" | "results") && n <= 1000.0
                        || edits.extreme)
                {
                    edits.limit = Some(n as u64);
                    top = false;
                } else if whole && (1000.0..2200.0).contains(&n) {
                    edits.years.push(n);
                } else if whole
                    && self.op(at + 1).is_some_and(|m| {
                        matches!(m.kind, Meaning::Op(Op::Super(_) | Op::Quality(_, true)))
                    })
                {
                    edits.limit = Some(n as u64);
                } else {
                    edits.compares.push((None, None, n));
                    number = Some(n);
                }
                at += 1;
                continue;
            }
            if let Some(m) =
                value.filter(|m| length(&value) >= length(&op).max(length(&name)) || m.score > 1.0)
                && purpose == For::Nothing
                && let Meaning::Value(found) = &m.kind
            {
                edits.values.push((found.clone(), not));
                at = m.end;
                let joined = matches!(
                    self.tokens.get(at).map(|t| t.lower.as_str()),
                    Some("and" | "or" | ",")
                );
                not = not && joined;
                continue;
            }
            let op_first =
                length(&op) >= length(&name) && !(purpose != For::Nothing && name.is_some());
            if let (Some(m), true) = (op, op_first) {
                let known = match m.kind {
                    Meaning::Op(op) => self.operation(op, edits, &mut compare, number.is_some()),
                    _ => false,
                };
                if known {
                    at = m.end;
                    continue;
                }
            }
            if let Some((m, target)) = name.zip(name.and_then(|m| self.target(m, at))) {
                // "Except orders that are cancelled": the value is what is excluded.
                let value_follows = (m.end..self.tokens.len().min(m.end + 3)).any(|i| {
                    self.longest(i, &|m| matches!(m.kind, Meaning::Value(_)))
                        .is_some()
                });
                match purpose {
                    For::Group => edits.group.push(target),
                    For::Order => edits.order = Some(target),
                    For::Drop => edits.dropped.push(target),
                    For::Nothing => match edits.compares.last_mut() {
                        // "More than 5 tracks": the number is of what follows.
                        Some(last) if last.0.is_none() && number.is_some() => last.0 = Some(target),
                        _ if not && value_follows => {}
                        _ if not => edits.dropped.push(target),
                        _ => edits.named.push(target),
                    },
                }
                not = not && value_follows;
                at = m.end;
                let joined = matches!(
                    self.tokens.get(at).map(|t| t.lower.as_str()),
                    Some("and" | ",")
                );
                if !joined {
                    purpose = For::Nothing;
                }
                continue;
            }
            if let (Some(m), false) = (op, op_first)
                && let Meaning::Op(op) = m.kind
                && self.operation(op, edits, &mut compare, number.is_some())
            {
                at = m.end;
                continue;
            }
            if !PLAIN.contains(&word) && content(token) {
                edits.lost.push(token.text.clone());
            }
            at += 1;
        }
    }

    /// What an operation changes; false if it says nothing here.
    fn operation(
        &self,
        op: Op,
        edits: &mut Edits,
        compare: &mut Option<Compare>,
        number: bool,
    ) -> bool {
        match op {
            // "Their average price is how much".
            Op::Count => edits.aggregate = edits.aggregate.or(Some(Aggregate::Count)),
            Op::Agg(aggregate) => edits.aggregate = Some(aggregate),
            Op::Super(desc) | Op::Frequent(desc) => {
                edits.descending = Some(desc);
                edits.extreme = true;
            }
            Op::Quality(quality, true) => {
                let q = &QUALITIES[quality];
                let mut all: Vec<(ColumnRef, bool)> = Vec::new();
                for (words, up) in [(q.up, true), (q.down, false)] {
                    let named = self.reader.vocabulary.columns_named(words);
                    all.extend(named.into_iter().map(|(c, _)| (c, up)));
                }
                let own = all.iter().find(|(c, _)| self.own.contains(&c.table));
                let Some((column, up)) = own.copied() else {
                    return false;
                };
                edits.order = Some(Target::Column(column));
                edits.descending = Some(up);
                edits.extreme = true;
            }
            Op::Cmp(cmp) => match edits.compares.last_mut() {
                Some(last)
                    if number && matches!(cmp, Compare::Ge | Compare::Le) && last.1.is_none() =>
                {
                    last.1 = Some(cmp)
                }
                _ => *compare = Some(cmp),
            },
            Op::Dir(desc) => edits.descending = Some(desc),
            Op::Distinct => edits.distinct = true,
            _ => return false,
        }
        true
    }

    fn longest(&self, at: usize, which: &dyn Fn(&Mention) -> bool) -> Option<&Mention> {
        let here = self.mentions.iter().filter(|m| m.start == at && which(m));
        here.max_by(|a, b| a.end.cmp(&b.end).then(a.score.total_cmp(&b.score)))
    }

    fn op(&self, at: usize) -> Option<&Mention> {
        let useful = |m: &Mention| {
            matches!(
                m.kind,
                Meaning::Op(
                    Op::Count
                        | Op::Agg(_)
                        | Op::Super(_)
                        | Op::Frequent(_)
                        | Op::Quality(_, true)
                        | Op::Cmp(_)
                        | Op::Dir(_)
                        | Op::Distinct
                )
            )
        };
        let quality = |m: &Mention| matches!(m.kind, Meaning::Op(Op::Quality(..)));
        let plain = self.longest(at, &|m| useful(m) && !quality(m));
        let of_quality = self.longest(at, &|m| useful(m) && quality(m));
        match (plain, of_quality) {
            (Some(plain), Some(quality)) if quality.end > plain.end => Some(quality),
            (plain, quality) => plain.or(quality),
        }
    }

    fn name(&self, at: usize) -> Option<&Mention> {
        let strong = |m: &Mention| {
            matches!(m.kind, Meaning::Table(_) | Meaning::Column(_)) && m.score > 0.55
        };
        self.longest(at, &strong)
    }

    /// The best target of a span: of the tables at hand, the better met.
    fn target(&self, mention: &Mention, at: usize) -> Option<Target> {
        let here = self
            .mentions
            .iter()
            .filter(|m| m.start == at && m.end == mention.end);
        let alike: Vec<(f32, Target)> = here
            .filter_map(|m| match m.kind {
                Meaning::Table(t) => Some((m.score, Target::Table(t))),
                Meaning::Column(c) => {
                    let key = if self.reader.catalog.is_key(c) {
                        0.25
                    } else {
                        0.0
                    };
                    Some((m.score - key, Target::Column(c)))
                }
                _ => None,
            })
            .collect();
        nearest(self.reader.catalog, &self.own, &alike)
    }
}
