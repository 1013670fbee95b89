//! The words of a question that goes on, as edits, which [`walk`] reads one by one.

mod walk;

use super::super::catalog::{ColumnRef, Target};
use super::super::ir::{Aggregate, Compare, Expr, Query, is_aggregate, tables};
use super::super::lexicon::CUES;
use super::super::modify::{Modifiers, modifiers, nearest};
use super::super::reader::Reader;
use super::super::tokens::Token;
use walk::Walk;

/// How many rows a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// As many as there are.
    All,
    /// The first so many.
    First(u64),
}

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
    pub limit: Option<Rows>,
    /// One row, unless a number says otherwise.
    pub extreme: bool,
    /// Another aggregate, and of which column.
    pub aggregate: Option<Aggregate>,
    /// Things that are named without a word that says what for.
    pub named: Vec<Target>,
    /// Conditions on these are dropped.
    pub dropped: Vec<Target>,
    /// Things that have no row of these tables.
    pub lacks: Vec<usize>,
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
    /// What the rows are called is shown.
    pub names: bool,
    /// It shows something: "show their names".
    pub shows: bool,
    /// What it says takes the place of what was said.
    pub replaces: bool,
    /// By the number that is shown.
    pub measure: bool,
    /// Rows are ordered, though nothing says by what.
    pub sorts: bool,
    /// In the other direction.
    pub turns: bool,
    /// Groups by times are no more.
    pub drop_unit: bool,
    /// "Top" and "bottom" need something to be ranked by, which "first" does not.
    pub ranks: bool,
    /// Words that mean nothing here.
    pub lost: Vec<String>,
    /// It says something that no edit is.
    pub open: bool,
    /// It stands by itself.
    pub alone: bool,
    /// Its words say that it goes on.
    pub meant: bool,
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

/// Words with which a question begins that goes on, if little follows; those of [`CHANGES`] do so whatever follows.
const LEADS: &[&str] = &[
    "order", "ordered", "by", "for", "in", "top", "bottom", "first", "per", "group", "grouped",
    "break", "broken", "limit", "as", "with", "add", "include", "ok", "okay", "no", "all", "from",
    "since", "before", "after", "between", "over", "under", "more", "less", "at", "the",
];

const LEADS_CHINESE: &[&str] = &[
    "按", "除了", "如果", "前", "倒序", "升序", "降序", "这些", "他们", "它们", "不限",
];

const QUESTION: &[&str] = &[
    "how", "which", "what", "who", "whose", "where", "when", "list", "show", "find", "give",
    "display", "count", "return", "tell", "get", "is", "are", "do", "does", "did",
];

/// Words with which a question begins that changes the one before, whatever follows.
const CHANGES: &[&str] = &[
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
    "exclude",
    "sort",
    "sorted",
    "order by",
    "filter",
    "restrict",
    "keep",
    "without",
    "except",
    "excluding",
    "not",
    "or",
];

const CHANGES_CHINESE: &[&str] = &[
    "那", "换成", "换为", "改成", "改为", "改按", "只", "仅", "再", "其中", "然后", "也", "还有",
    "去掉", "不要", "排除", "加上", "没",
];

/// Words that say that what was said was not what was meant.
const CORRECTS: &[&str] = &[
    "no",
    "nope",
    "sorry",
    "wait",
    "oops",
    "actually",
    "rather",
    "correction",
    "i mean",
    "i meant",
    "i said",
    "that is wrong",
    "that's wrong",
    "不对",
    "不",
    "错了",
    "说错了",
    "不好意思",
    "抱歉",
    "对不起",
    "更正",
    "我是说",
    "我说的是",
    "我指的是",
    "我的意思是",
    "应该是",
];

/// The rest of a question that begins with words that correct: "no, I meant France". "No France" is without it.
pub fn corrected(question: &str) -> Option<&str> {
    let mut rest = question.trim_start();
    let mut corrects = false;
    loop {
        let fits = |words: &&&str| {
            let Some((head, after)) = rest.split_at_checked(words.len()) else {
                return false;
            };
            let ends = after.chars().next().is_none_or(|c| !c.is_alphanumeric());
            let marks = after
                .trim_start()
                .starts_with([',', '.', '!', ';', ':', '，', '。', '！'])
                || CORRECTS.iter().any(|w| {
                    let after = after.trim_start();
                    w.len() > 2
                        && after.is_char_boundary(w.len())
                        && after[..w.len()].eq_ignore_ascii_case(w)
                });
            head.eq_ignore_ascii_case(words)
                && match **words {
                    "no" | "不" => marks,
                    _ => ends || !words.is_ascii(),
                }
        };
        let Some(words) = CORRECTS.iter().filter(fits).max_by_key(|words| words.len()) else {
            break;
        };
        corrects = true;
        let mark = |c: char| !c.is_alphanumeric() && !matches!(c, '"' | '\'' | '“' | '「' | '《');
        rest = rest[words.len()..].trim_start_matches(mark);
    }
    (corrects && !rest.is_empty()).then_some(rest)
}

/// The edits of a question that may go on from `previous`; `corrects` says that it begins as one that corrects.
pub fn edits(
    reader: &Reader<'_>,
    previous: &Query,
    question: &str,
    tokens: &[Token],
    corrects: bool,
) -> Edits {
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
        adds: has(ADD)
            || raw.contains("as well")
            || chinese && ADD_CHINESE.iter().any(|w| raw.contains(w)),
        replaces: has(&["instead"]),
        ..Edits::default()
    };
    let asked_so = raw.trim_end_matches(['?', '？', '。']).ends_with('呢');
    let begins = |phrases: &[&str]| phrases.iter().any(|w| raw.starts_with(w));
    let changes = corrects
        || if chinese {
            begins(CHANGES_CHINESE) || asked_so
        } else {
            starts(CHANGES) || has(&["instead"])
        };
    let lead = changes
        || if chinese {
            begins(LEADS_CHINESE)
        } else {
            starts(LEADS) || has(&["only"]) || edits.adds
        };
    let (found, rest) = modifiers(reader, question, tokens.to_vec(), true);
    edits.modifiers = found;
    let mut own = tables(previous);
    if let (true, Some(of)) = (own.is_empty(), &previous.of) {
        own = tables(of);
    }
    let walk = Walk {
        reader,
        tokens: &rest,
        mentions: reader.vocabulary.link(reader.catalog, &rest),
        own: &own,
        previous,
    };
    walk.run(&mut edits);
    edits.refers = walk.refers() || chinese && walk.refers_in_chinese(question);
    if chinese && in_all(&raw) && edits.named.is_empty() {
        edits.refers = true;
        edits.aggregate = Some(Aggregate::Sum);
        edits.lost.clear();
    }
    edits.open |= chinese && says_what_is_no_edit(&raw);
    let sum_up = ["一共", "总共", "共有"].iter().any(|w| raw.contains(w));
    if edits.aggregate == Some(Aggregate::Count) && edits.named.is_empty() && sum_up {
        edits.refers = true;
        // "How much altogether", of what are no things.
        let things = raw
            .chars()
            .any(|c| matches!(c, '几' | '个' | '名' | '位' | '条' | '人'));
        if !things && previous.select.len() > 1 && previous.select.last().is_some_and(is_sum) {
            edits.aggregate = Some(Aggregate::Sum);
        }
    }
    // "How much was that".
    if edits.refers
        && edits.aggregate.is_none()
        && raw.contains("how much")
        && edits.named.is_empty()
    {
        edits.aggregate = Some(Aggregate::Sum);
    }
    let groups = std::mem::take(&mut edits.modifiers.group);
    let mut groups = groups
        .iter()
        .filter_map(|alike| nearest(reader.catalog, &own, alike));
    if edits.sorts && edits.order.is_none() {
        edits.order = groups.next();
    }
    edits.group.extend(groups);
    let names = !edits.named.is_empty();
    // "Teachers who earn over 8000", after students.
    let other = |t: &Target| matches!(t, Target::Table(t) if !own.contains(t));
    let another =
        edits.named.iter().any(other) && !(edits.compares.is_empty() && edits.values.is_empty());
    edits.adds |= names && words.first() == Some(&"with") || words.first() == Some(&"or");
    // "Only cancelled orders", of orders: the value says more than the name.
    if !edits.values.is_empty() {
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
    let full = asks
        && names
        && !about
        && !edits.shows_only(&words)
        && !edits.of_the_measure(previous, &words);
    let kept = edits.refers || edits.adds || has(&["instead", "only", "same"]);
    let said = if edits.of_the_measure(previous, &words) {
        edits.group.append(&mut edits.named);
        true
    } else {
        lead || edits.refers
    };
    let content = rest.iter().filter(|t| content(t)).count();
    let demands = edits.aggregate.is_some() || edits.extreme || !edits.group.is_empty();
    let of_things = edits.named.iter().any(|t| match t {
        Target::Table(_) => true,
        Target::Column(c) => !own.contains(&c.table),
        Target::Metric(_) => false,
    });
    let ranked = edits.modifiers.ranked.is_some() && of_things && !edits.refers;
    let complete = !changes
        && !edits.refers
        && said == lead
        && if lead {
            of_things && (demands || edits.limit.is_some())
        } else {
            !edits.named.is_empty() && (demands || another || edits.named.len() > 1)
        };
    edits.alone = full && !kept
        || complete
        || ranked && !changes
        || !said && (content > 6 || full || chinese && asks && content > 3)
        || edits.lost.len() * 2 > content.max(1)
        || edits.open;
    edits.meant = (changes || edits.refers) && (kept || !full);
    edits.unsure = !said;
    edits
}

/// "What is that", "in all", of what was shown.
fn in_all(raw: &str) -> bool {
    let raw = raw.trim_end_matches(['?', '？', '。', '呢']);
    ["那是多少", "是多少", "那有多少"].contains(&raw)
        || ["合计", "总计", "总和"].iter().any(|w| raw.starts_with(w))
}

/// The second of several, or two of them compared: there is no edit for that.
fn says_what_is_no_edit(raw: &str) -> bool {
    let place = raw.split_once('第').map(|(_, rest)| rest);
    let later = place.is_some_and(|rest| {
        let number = rest
            .trim_start_matches(|c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c));
        let ends = ["名", "个", "位", "多", "高", "大"]
            .iter()
            .any(|w| number.starts_with(w));
        number.len() < rest.len() && ends && !rest.starts_with(['一', '1'])
    });
    let with = ["和", "与", "跟", "同"].iter().any(|w| raw.starts_with(w));
    later
        || with
            && raw
                .trim_end_matches(['?', '？', '呢'])
                .ends_with(['比', '较'])
}

fn is_sum(expr: &Expr) -> bool {
    matches!(expr, Expr::Aggregate(Aggregate::Sum, ..) | Expr::Metric(_))
}

fn content(token: &Token) -> bool {
    token.lower.contains(char::is_alphanumeric) && !CUES.contains(&token.lower.as_str())
}

impl Edits {
    /// "Show it by country": what it names is a group or an order.
    fn shows_only(&self, words: &[&str]) -> bool {
        words.contains(&"it") && self.named.is_empty()
    }

    /// "Which city has the most": of what was measured before, for nothing else is named.
    fn of_the_measure(&self, previous: &Query, words: &[&str]) -> bool {
        let last = words
            .iter()
            .rev()
            .find(|w| w.contains(char::is_alphanumeric));
        let superlative = last.is_some_and(|w| {
            matches!(
                *w,
                "most"
                    | "least"
                    | "fewest"
                    | "highest"
                    | "lowest"
                    | "largest"
                    | "smallest"
                    | "biggest"
            )
        });
        let order = previous.order.iter().map(|(e, _)| e);
        superlative
            && self.extreme
            && self.order.is_none()
            && self.aggregate.is_none()
            && self.named.len() == 1
            && self.values.is_empty()
            && self.compares.is_empty()
            && previous.select.iter().chain(order).any(is_aggregate)
    }

    /// Whether there is anything that it says of the query before.
    pub fn says_something(&self) -> bool {
        !(self.values.is_empty()
            && self.years.is_empty()
            && self.compares.is_empty()
            && self.group.is_empty()
            && self.lacks.is_empty()
            && !self.names
            && self.modifiers.is_empty()
            && self.order.is_none()
            && self.limit.is_none())
    }
}
