//! What the words of a question that goes on say, one by one.

use super::super::super::catalog::{ColumnRef, Target};
use super::super::super::ir::{Aggregate, Compare, Expr, Query, Unit, is_aggregate};
use super::super::super::lexicon::{Op, QUALITIES};
use super::super::super::link::{Meaning, Mention};
use super::super::super::modify::nearest;
use super::super::super::reader::Reader;
use super::super::super::tokens::Token;
use super::{Edits, PLAIN, Rows, SHOW, content};

/// The words, what they may mean, and what they are said of.
pub struct Walk<'a> {
    pub reader: &'a Reader<'a>,
    pub tokens: &'a [Token],
    pub mentions: Vec<Mention>,
    /// The tables of the query before.
    pub own: &'a [usize],
    pub previous: &'a Query,
}

/// Words for the rows of an answer.
const REFER: &[&str] = &["those", "these", "them", "they", "ones", "he", "she", "him"];

/// Words for what belongs to them.
const THEIR: &[&str] = &["their", "theirs", "its", "his", "her"];

const REFER_CHINESE: &[&str] = &["其中", "这些", "那些", "上述", "这几", "那几"];

const THEIR_CHINESE: &[&str] = &["他们", "它们", "她们", "他的", "她的", "它的"];

/// Words that say a condition, which others take away.
const CONDITIONS: &[&str] = &["filter", "filters", "condition", "conditions"];

/// What the words before a name say that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum For {
    #[default]
    Nothing,
    Group,
    Order,
    Drop,
}

/// Where the walk is, and what the words before say of those that follow.
#[derive(Debug, Default)]
struct Place {
    at: usize,
    purpose: For,
    not: bool,
    /// They have none of what follows.
    lacks: bool,
    /// Where a number says how many rows.
    top: Option<usize>,
    compare: Option<Compare>,
    /// The numbers that are missing of "between 20 and 50".
    between: u8,
    number: bool,
    /// A name stands before.
    named: bool,
    /// The column that stands before, and where it ended.
    before: Option<(ColumnRef, usize)>,
    /// The column that a number is compared with.
    of: Option<ColumnRef>,
}

impl Walk<'_> {
    pub fn run(&self, edits: &mut Edits) {
        let mut place = Place::default();
        while place.at < self.tokens.len() {
            place.named &= matches!(self.word(place.at), "name" | "names");
            if self.small_word(&mut place, edits)
                || self.taken_away(&mut place, edits)
                || self.number(&mut place, edits)
                || self.meaning(&mut place, edits)
            {
                continue;
            }
            let token = &self.tokens[place.at];
            if !PLAIN.contains(&token.lower.as_str()) && content(token) {
                edits.lost.push(token.text.clone());
            }
            place.at += 1;
        }
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| t.lower.as_str())
    }

    /// Words that say what those after them are for. False if it is none.
    fn small_word(&self, place: &mut Place, edits: &mut Edits) -> bool {
        let (word, next) = (self.word(place.at), self.word(place.at + 1));
        let value = self.value(place.at);
        if SHOW.contains(&word) {
            edits.shows = true;
        }
        match word {
            // "By country name".
            "name" | "names" if place.named => {}
            w if REFER.contains(&w) || THEIR.contains(&w) => {
                // "Who is his manager": a person, and no value of a column.
                edits.open |= THEIR.contains(&w) && self.value(place.at + 1).is_some();
            }
            "reverse" | "reversed" => edits.turns = true,
            "order" if self.word(place.at.wrapping_sub(2)) == "reverse" => {}
            "sort" | "sorted" | "ordered" | "rank" | "ranked" => {
                place.purpose = For::Order;
                // "Which of them ordered" sorts nothing.
                edits.sorts |= word != "ordered" || matches!(next, "by" | "it" | "them");
            }
            // "Order by", not the order of a customer.
            "order" if matches!(next, "by" | "it" | "them") => {
                place.purpose = For::Order;
                edits.sorts = true;
            }
            "by" | "each" if self.sorts_later(place.at) => place.purpose = For::Order,
            "by" | "per" | "each" | "every" | "group" | "grouped" => {
                if place.purpose != For::Order {
                    place.purpose = For::Group;
                }
            }
            w if place.purpose == For::Group
                && self.is_unit(place.at)
                && edits.modifiers.unit.is_none() =>
            {
                edits.modifiers.unit = unit(w);
            }
            _ if place.not && self.is_unit(place.at) => {
                edits.drop_unit = true;
                place.not = false;
            }
            // "Average instead of total": what was said before is not said anew.
            "instead" if next == "of" => place.at = self.tokens.len(),
            "all" | "any" if self.name(place.at).is_some() => place.purpose = For::Drop,
            "all" | "any" if matches!(next, "years" | "time" | "times" | "dates" | "months") => {
                edits.drop_time = true;
                place.at += 1;
            }
            "top" | "first" | "best" if value.is_none_or(|m| m.end == place.at + 1) => {
                place.top = Some(place.at + 1);
                if word != "first" {
                    edits.descending = Some(true);
                    edits.ranks = true;
                }
            }
            "bottom" | "last" | "worst" => {
                place.top = Some(place.at + 1);
                edits.descending = Some(false);
                edits.ranks |= word != "last";
            }
            _ => return false,
        }
        place.at += 1;
        true
    }

    /// Whether a word names a unit of times, and nothing of the database.
    fn is_unit(&self, at: usize) -> bool {
        let exact = |m: &&Mention| m.score > 0.9;
        unit(self.word(at)).is_some()
            && self.reader.has_times()
            && self.name(at).filter(exact).is_none()
            && self.value(at).is_none()
    }

    /// "By date sorted": the word that says what it is for comes after, as in Chinese.
    fn sorts_later(&self, at: usize) -> bool {
        let rest = self.tokens.get(at + 1..).unwrap_or_default();
        let sorts = |t: &Token| matches!(t.lower.as_str(), "sort" | "sorted" | "order" | "ordered");
        let Some(place) = rest.iter().position(sorts) else {
            return false;
        };
        let by = |t: &Token| matches!(t.lower.as_str(), "by" | "and" | ",");
        let after = at + 1 + place + 1;
        place > 0
            && !rest[..place].iter().any(by)
            && !(after..self.tokens.len()).any(|i| self.name(i).is_some())
    }

    /// Words that take something away. False if it is none.
    fn taken_away(&self, place: &mut Place, edits: &mut Edits) -> bool {
        let word = self.word(place.at);
        let rest = &self.tokens[place.at + 1..];
        let takes = matches!(word, "remove" | "drop" | "without" | "clear" | "ignore");
        if takes
            && let Some(end) = rest
                .iter()
                .position(|t| CONDITIONS.contains(&t.lower.as_str()))
        {
            let (from, to) = (place.at + 1, place.at + 1 + end);
            let before = edits.dropped.len();
            for at in from..to {
                if matches!(self.word(at), "date" | "time" | "year" | "month" | "period") {
                    edits.drop_time = true;
                } else if let Some((m, target)) = self.named(at).filter(|(m, _)| m.end <= to) {
                    // "The order date" is no order.
                    if !(m.start..m.end).any(|i| self.word(i) == "date")
                        || self.is_filtered(&target)
                    {
                        edits.dropped.push(target);
                    }
                } else if let Some(found) = self.value(at).and_then(values) {
                    let columns = found.iter().map(|(c, _)| Target::Column(*c));
                    edits
                        .dropped
                        .extend(columns.filter(|t| self.is_filtered(t)));
                }
            }
            let named = edits.dropped.len() > before || edits.drop_time;
            let plain =
                (from..to).all(|at| PLAIN.contains(&self.word(at)) || self.word(at) == "every");
            edits.drop_all = !named && plain;
            if named || plain {
                place.at = to + 1;
                return true;
            }
        }
        let limit = |t: &Token| matches!(t.lower.as_str(), "limit" | "limits");
        if takes && rest.iter().any(limit) || word == "no" && rest.first().is_some_and(limit) {
            edits.limit = Some(Rows::All);
            place.at = self.tokens.len();
            return true;
        }
        let not = takes
            || matches!(
                word,
                "exclude" | "excluding" | "except" | "not" | "no" | "besides"
            );
        if not {
            place.not = true;
            place.lacks = matches!(word, "without" | "no");
            place.at += 1;
        }
        not
    }

    /// Whether the query before has a condition on it.
    fn is_filtered(&self, target: &Target) -> bool {
        let about =
            |e: &Expr| matches!((e, target), (Expr::Column(c), Target::Column(t)) if c == t);
        self.previous.filters.iter().any(|f| about(&f.left))
    }

    /// A number, and what it is. False if it is none.
    fn number(&self, place: &mut Place, edits: &mut Edits) -> bool {
        let value = self.value(place.at);
        let top = place.top == Some(place.at);
        let Some(n) = self.tokens[place.at]
            .number
            .filter(|_| value.is_none() || place.compare.is_some() || top)
        else {
            return false;
        };
        let next = self.word(place.at + 1);
        let whole = n.fract() == 0.0 && n >= 1.0;
        let superlative = || {
            self.op(place.at + 1)
                .is_some_and(|m| matches!(m.kind, Meaning::Op(Op::Super(_) | Op::Quality(_, true))))
        };
        if place.between > 0 {
            place.between -= 1;
            let cmp = if place.between == 1 {
                Compare::Ge
            } else {
                Compare::Le
            };
            edits.compares.push((None, Some(cmp), n));
            place.number = place.between == 0;
        } else if let Some(cmp) = place.compare.take() {
            let of = place.of.take().map(Target::Column);
            edits.compares.push((of, Some(cmp), n));
            place.number = true;
        } else if whole
            && (top
                || matches!(next, "instead" | "rows" | "results") && n <= 1000.0
                || edits.extreme)
        {
            edits.limit = Some(Rows::First(n as u64));
            place.top = None;
        } else if whole && (1000.0..2200.0).contains(&n) {
            edits.years.push(n);
        } else if whole && superlative() {
            edits.limit = Some(Rows::First(n as u64));
        } else {
            edits.compares.push((None, None, n));
            place.number = true;
        }
        place.at += 1;
        true
    }

    /// A value, an operation or a name, whichever fits more of the words. False if it is none.
    fn meaning(&self, place: &mut Place, edits: &mut Edits) -> bool {
        let at = place.at;
        let (value, op, name) = (self.value(at), self.op(at), self.name(at));
        let length = |m: &Option<&Mention>| m.map_or(0, |m| m.end - m.start);
        let joined = |at: usize, words: &[&str]| words.contains(&self.word(at));
        if let Some(m) =
            value.filter(|m| length(&value) >= length(&op).max(length(&name)) || m.score > 1.0)
            && place.purpose == For::Nothing
            && let Some(found) = values(m)
        {
            edits.values.push((found.to_vec(), place.not));
            place.at = m.end;
            // "Not Berlin, but Paris".
            let but = matches!(self.word(place.at + 1), "but" | "is");
            place.not = place.not && !but && joined(place.at, &["and", "or", ","]);
            // "For diabetes patients": the patients that the value says.
            if let Some((m, Target::Table(_))) = self.named(place.at) {
                place.at = m.end;
            }
            return true;
        }
        // "Sort by count", by the number that is shown.
        if place.purpose == For::Order
            && let Some(m) = op.filter(|m| matches!(m.kind, Meaning::Op(Op::Count | Op::Agg(_))))
            && self.previous.select.iter().any(is_aggregate)
            && !self
                .named(at)
                .is_some_and(|(m, t)| m.score > 0.9 && self.is_measured(&t))
        {
            edits.measure = true;
            place.at = m.end;
            return true;
        }
        let op_first =
            length(&op) >= length(&name) && !(place.purpose != For::Nothing && name.is_some());
        if let (Some(m), true) = (op, op_first)
            && let Meaning::Op(op) = m.kind
            && self.operation(op, edits, place)
        {
            place.at = m.end;
            return true;
        }
        if let Some((m, target)) = self.named(at) {
            // "Except orders that are cancelled": the value is what is excluded.
            let value_follows =
                (m.end..self.tokens.len().min(m.end + 3)).any(|i| self.value(i).is_some());
            match place.purpose {
                For::Group => edits.group.push(target),
                For::Order if edits.measure => {}
                For::Order => edits.order = Some(target),
                For::Drop => edits.dropped.push(target),
                For::Nothing => match edits.compares.last_mut() {
                    // "More than 5 tracks": the number is of what follows.
                    Some(last) if last.0.is_none() && place.number => last.0 = Some(target),
                    _ if place.not && value_follows => {}
                    _ if place.not => match target {
                        Target::Table(t) if place.lacks && !self.own.contains(&t) => {
                            edits.lacks.push(t);
                        }
                        target => edits.dropped.push(target),
                    },
                    _ => {
                        if let Target::Column(column) = target {
                            place.before = Some((column, m.end));
                        }
                        let named = self.their_name(m, target);
                        edits.names |= named != target;
                        edits.named.push(named);
                    }
                },
            }
            place.not = place.not && value_follows;
            place.at = m.end;
            let more = place.at + 1;
            if !joined(place.at, &["and", ","]) || self.name(more).is_none() && !self.is_unit(more)
            {
                place.purpose = For::Nothing;
            }
            place.named = true;
            return true;
        }
        if let (Some(m), false) = (op, op_first)
            && let Meaning::Op(op) = m.kind
            && self.operation(op, edits, place)
        {
            place.at = m.end;
            return true;
        }
        false
    }

    /// "Names", of rows that are listed: what those are called.
    fn their_name(&self, mention: &Mention, target: Target) -> Target {
        let name = mention.end == mention.start + 1
            && matches!(self.word(mention.start), "name" | "names")
            && !self.previous.select.iter().any(is_aggregate);
        match self.own.first() {
            Some(table) if name => Target::Table(*table),
            _ => target,
        }
    }

    /// Whether the query before shows an aggregate of it.
    fn is_measured(&self, target: &Target) -> bool {
        let Target::Column(column) = target else {
            return false;
        };
        let of = |e: &Expr| matches!(e, Expr::Aggregate(_, _, Some(c)) if c == column);
        self.previous.select.iter().any(of)
    }

    /// What an operation changes; false if it says nothing here.
    fn operation(&self, op: Op, edits: &mut Edits, place: &mut Place) -> bool {
        match op {
            // "Their average price is how much" counts nothing.
            Op::Count => {
                edits.aggregate = edits.aggregate.or(Some(Aggregate::Count));
            }
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
                    if place.number
                        && matches!(cmp, Compare::Ge | Compare::Le)
                        && last.1.is_none() =>
                {
                    last.1 = Some(cmp)
                }
                _ => {
                    place.compare = Some(cmp);
                    // "Earning over 50000": what was named is compared. What has times is by its year.
                    let before = place.before.take().filter(|(_, end)| *end == place.at);
                    if let Some((column, _)) = before {
                        edits.named.pop();
                        let times = self.reader.catalog.at(column).times().is_some();
                        place.of = Some(column).filter(|_| !times);
                    }
                }
            },
            Op::Between => place.between = 2,
            Op::Alphabetical => edits.sorts = true,
            Op::Dir(desc) => edits.descending = Some(desc),
            Op::Distinct => edits.distinct = true,
            _ => return false,
        }
        true
    }

    /// Whether it speaks of the rows of the answer before: "of those", "their emails", "how many is that".
    pub fn refers(&self) -> bool {
        let words: Vec<&str> = self.tokens.iter().map(|t| t.lower.as_str()).collect();
        let theirs = words.iter().position(|w| THEIR.contains(w));
        let last = words
            .iter()
            .rposition(|w| w.contains(char::is_alphanumeric));
        let that = last.is_some_and(|last| {
            words[last] == "that"
                && last > 0
                && matches!(words[last - 1], "is" | "are" | "was" | "were" | "of")
        });
        words.iter().any(|w| REFER.contains(w))
            || theirs.is_some_and(|at| !self.names_before(at))
            || that
    }

    /// The same in Chinese, by the characters of the question.
    pub fn refers_in_chinese(&self, question: &str) -> bool {
        let theirs = THEIR_CHINESE.iter().filter_map(|w| question.find(w)).min();
        let before = |byte: usize| self.tokens.iter().filter(|t| t.range.end <= byte).count();
        REFER_CHINESE.iter().any(|w| question.contains(w))
            || theirs.is_some_and(|byte| !self.names_before(before(byte)))
    }

    /// "Customers and their orders": whose they are is said.
    fn names_before(&self, at: usize) -> bool {
        let is_table = |m: &Mention| matches!(m.kind, Meaning::Table(_)) && m.score > 0.8;
        self.mentions.iter().any(|m| m.end <= at && is_table(m))
    }

    fn value(&self, at: usize) -> Option<&Mention> {
        self.longest(at, &|m| matches!(m.kind, Meaning::Value(_)))
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
                        | Op::Between
                        | Op::Alphabetical
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
            let is_name = matches!(m.kind, Meaning::Table(_) | Meaning::Column(_));
            // "Managers and clerks" is not one name.
            let one = (m.start..m.end).all(|i| !matches!(self.word(i), "and" | "or" | ","));
            is_name && one && m.score > 0.55
        };
        self.longest(at, &strong)
    }

    /// A name, and the best target of its span: of the tables at hand, the better met.
    fn named(&self, at: usize) -> Option<(&Mention, Target)> {
        let mention = self.name(at)?;
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
        let target = nearest(self.reader.catalog, self.own, &alike)?;
        Some((mention, target))
    }
}

/// The unit of times that a word names.
fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "year" | "years" => Unit::Year,
        "quarter" | "quarters" => Unit::Quarter,
        "month" | "months" => Unit::Month,
        "week" | "weeks" => Unit::Week,
        "day" | "days" => Unit::Day,
        _ => return None,
    })
}

/// The columns that have a value.
fn values(mention: &Mention) -> Option<&[(ColumnRef, String)]> {
    match &mention.kind {
        Meaning::Value(found) => Some(found),
        _ => None,
    }
}
