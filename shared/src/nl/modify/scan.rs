//! The words of a question that modify a query as a whole.

use super::super::catalog::{ColumnKind, Target, iso, words};
use super::super::chinese::is_chinese;
use super::super::ir::{Compare, Unit};
use super::super::lexicon::Op;
use super::super::link::{EXACT, Meaning, Mention};
use super::super::period::{period, same_period};
use super::super::reader::Reader;
use super::super::tokens::{Token, fold, is_han, stem};
use super::{Asked, Modifiers};

/// Words with the unit that they name.
pub const UNITS: &[(&str, Unit)] = &[
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("quarter", Unit::Quarter),
    ("year", Unit::Year),
];

const ADVERBS: &[(&str, Unit)] = &[
    ("daily", Unit::Day),
    ("weekly", Unit::Week),
    ("monthly", Unit::Month),
    ("quarterly", Unit::Quarter),
    ("yearly", Unit::Year),
    ("annual", Unit::Year),
    ("annually", Unit::Year),
];

/// What stands before a unit or a thing of which each has a group.
const EACH: &[&str] = &[
    "for each",
    "for every",
    "in each",
    "in every",
    "of each",
    "of every",
    "by each",
    "from each",
    "within each",
    "per",
    "each",
    "every",
];

/// What stands before things of each of which there is a best one.
const IN_EACH: &[&str] = &[
    "in each",
    "of each",
    "for each",
    "from each",
    "in every",
    "of every",
];

/// Phrases, the longer ones first among those that begin alike.
const WINDOWS: &[(&str, Asked)] = &[
    ("as a share of the total", Asked::Share),
    ("as a percentage of the total", Asked::Share),
    ("share of the total", Asked::Share),
    ("share of total", Asked::Share),
    ("percentage of the total", Asked::Share),
    ("percent of the total", Asked::Share),
    ("percentage of total", Asked::Share),
    ("percent of total", Asked::Share),
    ("proportion of the total", Asked::Share),
    ("proportion of total", Asked::Share),
    ("% of the total", Asked::Share),
    ("% of total", Asked::Share),
    ("what percentage of", Asked::Share),
    ("what percent of", Asked::Share),
    ("what share of", Asked::Share),
    ("what proportion of", Asked::Share),
    ("percentage of", Asked::Share),
    ("percentage share of", Asked::Share),
    ("share of", Asked::Share),
    ("proportion of", Asked::Share),
    ("running total of", Asked::Running),
    ("running total", Asked::Running),
    ("running sum of", Asked::Running),
    ("running sum", Asked::Running),
    ("cumulative sum of", Asked::Running),
    ("cumulative total of", Asked::Running),
    ("cumulative", Asked::Running),
    ("year over year", Asked::Growth(Some(Unit::Year))),
    ("year on year", Asked::Growth(Some(Unit::Year))),
    ("year to year", Asked::Growth(Some(Unit::Year))),
    ("yoy", Asked::Growth(Some(Unit::Year))),
    ("compared to last year", Asked::Growth(Some(Unit::Year))),
    ("compared with last year", Asked::Growth(Some(Unit::Year))),
    ("versus last year", Asked::Growth(Some(Unit::Year))),
    ("vs last year", Asked::Growth(Some(Unit::Year))),
    ("quarter over quarter", Asked::Growth(Some(Unit::Quarter))),
    ("quarter on quarter", Asked::Growth(Some(Unit::Quarter))),
    ("month over month", Asked::Growth(Some(Unit::Month))),
    ("month on month", Asked::Growth(Some(Unit::Month))),
    ("month to month", Asked::Growth(Some(Unit::Month))),
    ("mom", Asked::Growth(Some(Unit::Month))),
    ("week over week", Asked::Growth(Some(Unit::Week))),
    ("week on week", Asked::Growth(Some(Unit::Week))),
    ("day over day", Asked::Growth(Some(Unit::Day))),
    ("period over period", Asked::Growth(None)),
    ("growth rate of", Asked::Growth(None)),
    ("growth rate", Asked::Growth(None)),
    ("growth of", Asked::Growth(None)),
    ("growth in", Asked::Growth(None)),
    ("growth", Asked::Growth(None)),
    ("percentage change in", Asked::Growth(None)),
    ("percent change in", Asked::Growth(None)),
];

/// Words that belong to a phrase of growth if they stand beside it.
const BESIDE: &[&str] = &["growth", "change", "increase", "rate", "of", "in", "the"];

/// What a question has beside its rows and columns, and its tokens without that.
///
/// A day in digits is left to the reader of the rest, which knows whether it compares a column, unless `days`.
pub fn modifiers(
    reader: &Reader<'_>,
    question: &str,
    tokens: Vec<Token>,
    days: bool,
) -> (Modifiers, Vec<Token>) {
    let mut found = Modifiers::default();
    let mut used = vec![false; tokens.len()];
    let scan = Scan {
        reader,
        tokens: &tokens,
    };
    if reader.has_times() {
        scan.windows(&mut found, &mut used);
        scan.units(&mut found, &mut used);
        scan.period(question, days, &mut found, &mut used);
        // "By month in 2023": what has months has the year too.
        if found.unit.is_some() {
            scan.year(&mut found, &mut used);
        }
    } else {
        scan.shares(&mut found, &mut used);
    }
    scan.mean(&mut found, &mut used);
    scan.ranked(&mut found, &mut used);
    scan.per(&mut found, &mut used);
    scan.groups(question, &mut found, &mut used);
    let rest = tokens
        .into_iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|(token, _)| token)
        .collect();
    (found, rest)
}

/// The words of a question, in search of what modifies it.
pub struct Scan<'a> {
    /// The database.
    pub reader: &'a Reader<'a>,
    /// The words.
    pub tokens: &'a [Token],
}

impl Scan<'_> {
    /// Whether this word stands here.
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|t| !t.quoted && t.lower == word)
    }

    /// How many tokens a phrase has, if it stands here.
    pub fn phrase(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut count = 0;
        for word in phrase.split(' ') {
            if !self.is(at + count, word) {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    /// Names of the database have this word, so that it is no word of the language.
    fn is_name(&self, word: &str) -> bool {
        self.reader.vocabulary.is_name(&stem(word))
    }

    fn windows(&self, found: &mut Modifiers, used: &mut [bool]) {
        self.moving(found, used);
        self.phrases(WINDOWS, found, used);
    }

    fn shares(&self, found: &mut Modifiers, used: &mut [bool]) {
        let shares = WINDOWS.iter().filter(|(_, asked)| *asked == Asked::Share);
        let shares: Vec<_> = shares.copied().collect();
        self.phrases(&shares, found, used);
    }

    fn phrases(&self, phrases: &[(&str, Asked)], found: &mut Modifiers, used: &mut [bool]) {
        for at in 0..self.tokens.len() {
            for (phrase, asked) in phrases {
                if found.window.is_some() {
                    return;
                }
                let Some(count) = self.phrase(at, phrase) else {
                    continue;
                };
                let about = [
                    "share",
                    "percentage",
                    "percent",
                    "proportion",
                    "growth",
                    "cumulative",
                ];
                if phrase
                    .split(' ')
                    .any(|w| about.contains(&w) && self.is_name(w))
                {
                    continue;
                }
                let (mut from, mut to) = (at, at + count);
                if matches!(asked, Asked::Growth(_)) {
                    while BESIDE.iter().any(|w| self.is(to, w)) {
                        to += 1;
                    }
                    while from > 0 && (self.is(from - 1, "growth") || self.is(from - 1, "rate")) {
                        from -= 1;
                    }
                }
                while from > 0
                    && ["the", "a", "as", "what", "is"]
                        .iter()
                        .any(|w| self.is(from - 1, w))
                    && *asked == Asked::Share
                {
                    from -= 1;
                }
                used[from..to].fill(true);
                found.window = Some(*asked);
            }
        }
    }

    /// "3-month moving average", "rolling average over 3 months".
    fn moving(&self, found: &mut Modifiers, used: &mut [bool]) {
        let count = self.tokens.len();
        let Some(at) = (0..count).find(|&i| self.is(i, "moving") || self.is(i, "rolling")) else {
            return;
        };
        let Some(mean) =
            (at..count.min(at + 5)).find(|&i| self.is(i, "average") || self.is(i, "mean"))
        else {
            return;
        };
        used[at] = true;
        used[mean] = true;
        let mut number = None;
        for (i, token) in self.tokens.iter().enumerate() {
            let near = i + 3 >= at && i <= mean + 5;
            let (Some(n), true) = (token.number, near) else {
                continue;
            };
            let unit = UNITS.iter().find(|(word, _)| {
                let plural = format!("{word}s");
                self.is(i + 1, word) || self.is(i + 1, &plural)
            });
            if let Some((_, unit)) = unit {
                number = Some(n as u32);
                found.unit = Some(*unit);
                used[i] = true;
                used[i + 1] = true;
                for (before, word) in [(1, "last"), (1, "over"), (2, "over"), (1, "of")] {
                    if i >= before && self.is(i - before, word) {
                        used[i - before..i].fill(true);
                    }
                }
            }
        }
        if self.is(mean + 1, "of") {
            used[mean + 1] = true;
        }
        found.window = Some(Asked::Moving(
            number.filter(|n| (1..=1000).contains(n)).unwrap_or(3),
        ));
    }

    fn units(&self, found: &mut Modifiers, used: &mut [bool]) {
        for at in 0..self.tokens.len() {
            if used[at] {
                continue;
            }
            for (word, unit) in UNITS {
                let plural = format!("{word}s");
                let is_unit = |i: usize| self.is(i, word) || self.is(i, &plural);
                let mut prefixes = EACH.iter().chain(&["by", "by the", "over the"]);
                let each = prefixes.find_map(|p| self.phrase(at, p).filter(|n| is_unit(at + n)));
                let asked = ["in which", "in what", "which", "what"]
                    .iter()
                    .find_map(|p| self.phrase(at, p).filter(|n| is_unit(at + n)));
                let again = self.phrase(at, &format!("{word} by {word}"));
                let Some(count) = each.or(asked).map(|n| n + 1).or(again) else {
                    continue;
                };
                if !self.free(word) {
                    continue;
                }
                // "The amount of each month": nothing is left of.
                let of = at > 0 && ["of", "in", "for", "de"].iter().any(|w| self.is(at - 1, w));
                used[at - usize::from(of)..at + count].fill(true);
                found.unit = Some(*unit);
                found.asked |= asked.is_some() && each.is_none();
            }
            for (word, unit) in ADVERBS {
                if self.is(at, word) && !self.is_name(word) {
                    used[at] = true;
                    found.unit = Some(*unit);
                }
            }
            if found.unit.is_none()
                && let Some(count) = self.phrase(at, "over time")
            {
                used[at..at + count].fill(true);
                found.unit = Some(Unit::Month);
            }
        }
    }

    /// No column that has no times is called by this unit.
    pub fn free(&self, word: &str) -> bool {
        let catalog = self.reader.catalog;
        // What is called so in a table that nobody speaks of is not meant, where there are times.
        let spoken = |table: usize| {
            let mut name = words(&catalog.tables[table].name)
                .into_iter()
                .map(|w| stem(&w));
            name.any(|w| self.tokens.iter().any(|t| t.stem == w))
        };
        let any = (0..catalog.tables.len()).any(|t| spoken(t) && catalog.dates(t).next().is_some());
        let named = self.reader.vocabulary.columns_named(word);
        named
            .iter()
            .all(|(c, _)| catalog.at(*c).kind == ColumnKind::Date || any && !spoken(c.table))
    }

    fn period(&self, question: &str, days: bool, found: &mut Modifiers, used: &mut [bool]) {
        let mut text = question.to_owned();
        if let Some(span) = same_period(question) {
            found.same_period = true;
            self.cover(&span, used);
            text.replace_range(span.clone(), &" ".repeat(span.len()));
        }
        // What was taken as a word of another kind is no time.
        for (token, used) in self.tokens.iter().zip(used.iter()) {
            let whole = question.get(token.range.clone()) == Some(token.text.as_str());
            if (*used || token.quoted) && text.is_char_boundary(token.range.start) && whole {
                text.replace_range(token.range.clone(), &" ".repeat(token.range.len()));
            }
        }
        let Some(period) = period(&text, self.reader.latest()) else {
            return;
        };
        let name = text.get(period.span.clone()).unwrap_or_default();
        let digits = name
            .bytes()
            .rev()
            .take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b'/'));
        if !days && digits.count() == 10 && period.op != Compare::Within
            || !days && name.len() == 10 && iso(name).is_some()
        {
            return;
        }
        let folded = fold(name);
        if self.reader.catalog.values.find(&folded).next().is_some() {
            return;
        }
        self.cover(&period.span, used);
        found.period = Some(text);
    }

    /// Takes the tokens of a span.
    fn cover(&self, span: &std::ops::Range<usize>, used: &mut [bool]) {
        for (at, token) in self.tokens.iter().enumerate() {
            if token.range.start < span.end && token.range.end > span.start {
                used[at] = true;
                if at > 0 && ["of", "in", "de"].iter().any(|w| self.is(at - 1, w)) {
                    used[at - 1] = true;
                }
            }
        }
    }

    /// "The total of ... by ...", 按国家统计: groups, where something is made of them.
    fn groups(&self, question: &str, found: &mut Modifiers, used: &mut [bool]) {
        let chinese = is_chinese(question);
        let count = self.tokens.len();
        let by = |i: usize| {
            let token = &self.tokens[i];
            let one =
                ["by", "per"].iter().any(|w| self.is(i, w)) || chinese && token.lower == "each";
            // "The share of orders in each country".
            let of_each = EACH.iter().find_map(|p| self.phrase(i, p));
            let words = if one {
                Some(1)
            } else {
                of_each.filter(|_| found.window.is_some())
            };
            words.filter(|_| !used[i]).map(|words| (i, words))
        };
        let Some((at, words)) = (0..count).find_map(by) else {
            return;
        };
        // "Directed by" is another "by", and "the top 5 by price" an order.
        let before = at
            .checked_sub(1)
            .map_or("", |b| self.tokens[b].lower.as_str());
        let other = before.ends_with("ed")
            || before.ends_with("en")
            || [
                "sort", "order", "rank", "made", "written", "done", "held", "won", "sold", "group",
            ]
            .contains(&before);
        if at == 0 && !chinese {
            return;
        }
        let mentions = self
            .reader
            .vocabulary
            .link(self.reader.catalog, self.tokens);
        let ends = if chinese { count } else { at };
        let ops = mentions
            .iter()
            .filter(|m| m.start < ends && !used[m.start] && m.end <= ends);
        let (mut aggregate, mut order) = (found.window.is_some(), false);
        for mention in ops {
            match mention.kind {
                Meaning::Op(Op::Count | Op::Agg(_)) => aggregate = true,
                Meaning::Metric(_) if mention.score >= EXACT => aggregate = true,
                Meaning::Op(
                    Op::Super(_) | Op::Top | Op::Quality(_, true) | Op::Frequent(_) | Op::Order,
                ) if !chinese => order = true,
                _ => {}
            }
        }
        // "The total sold by category" has what is added up.
        if other && before != "grouped" && !(aggregate && before == "sold") {
            return;
        }
        // "Orders per status": they are counted.
        let things = !aggregate && !chinese && !order && self.is_things(&mentions, at);
        if !aggregate && !things || order {
            return;
        }
        let mut next = at + words;
        let mut last = at;
        loop {
            while self.is(next, "the") {
                next += 1;
            }
            let here = mentions.iter().filter(|m| m.start == next && m.score > 0.6);
            let named: Vec<(&Mention, Target)> = here.filter_map(target).collect();
            let best = named.iter().map(|(m, _)| m.score).fold(0.0, f32::max);
            let Some((mention, _)) = named.iter().find(|(m, _)| m.score == best && best > 0.75)
            else {
                break;
            };
            let alike = named.iter().filter(|(m, _)| m.end == mention.end);
            found
                .group
                .push(alike.map(|(m, target)| (m.score, *target)).collect());
            last = mention.end;
            next = mention.end;
            if self.is(next, "and") || self.is(next, ",") {
                next += 1;
            } else {
                break;
            }
        }
        // What follows would have to be a condition on them.
        if things && (last..count).any(|i| self.tokens[i].lower.contains(char::is_alphanumeric)) {
            found.group.clear();
        }
        if !found.group.is_empty() {
            used[at..last].fill(true);
            found.counted = things;
            if !things {
                self.direction(&mentions, found, used);
            }
        }
    }

    /// "In descending order", of the number that each group has, where a question ends with it.
    fn direction(&self, mentions: &[Mention], found: &mut Modifiers, used: &mut [bool]) {
        let any = |at: usize, words: &[&str]| words.iter().any(|w| self.is(at, w));
        let count = self.tokens.len();
        let directions = mentions.iter().filter_map(|m| match m.kind {
            Meaning::Op(Op::Dir(desc)) if !used[m.start..m.end].contains(&true) => Some((m, desc)),
            _ => None,
        });
        let Some((mention, desc)) = directions.max_by_key(|(m, _)| m.end - m.start) else {
            return;
        };
        let is_end = |at: usize| {
            let word = self.tokens[at].lower.contains(char::is_alphanumeric);
            !word || any(at, &["order", "sort", "sorted", "by"])
        };
        if !(mention.end..count).all(is_end) {
            return;
        }
        let mut start = mention.start;
        while start > 0 && any(start - 1, &["in", "and", "sorted", "ordered", ",", "，"]) {
            start -= 1;
        }
        used[start..].fill(true);
        found.descending = Some(desc);
    }

    /// Whether a question begins with things or with a number that each has, and nothing else stands before here.
    fn is_things(&self, mentions: &[Mention], end: usize) -> bool {
        let small = ["show", "list", "give", "me", "the", "all", "what", "are"];
        let at = (0..end).find(|&i| !small.iter().any(|w| self.is(i, w)));
        at.is_some_and(|at| {
            let mut here = mentions.iter().filter(|m| m.start == at && m.end == end);
            here.any(|m| match m.kind {
                Meaning::Table(_) => m.score > 0.75,
                Meaning::Column(c) => {
                    let catalog = self.reader.catalog;
                    m.score > 0.75 && catalog.at(c).kind.is_number() && !catalog.is_key(c)
                }
                _ => false,
            })
        })
    }

    /// "The cheapest product of each category".
    fn per_one(&self, found: &mut Modifiers, used: &mut [bool]) {
        let mentions = self
            .reader
            .vocabulary
            .link(self.reader.catalog, self.tokens);
        let is_table = |m: &&Mention| matches!(m.kind, Meaning::Table(_)) && m.score > 0.75;
        // Of things: "the cheapest product", "the product with the highest price", not "the highest price" alone.
        let is_best = |m: &&Mention, by: usize| {
            let most = matches!(m.kind, Meaning::Op(Op::Quality(_, true) | Op::Super(true)));
            let mut next = mentions.iter().filter(|n| n.start == m.end);
            let mut others = mentions.iter().filter(is_table);
            most && (next.any(|n| is_table(&n)) && self.tokens[m.start].lower != "most"
                || others.any(|n| n.end <= m.start && n.start != by))
        };
        for at in 0..self.tokens.len() {
            let chinese = self.tokens[at].text.starts_with(is_han);
            let each = if chinese { &["each"][..] } else { IN_EACH };
            let Some(count) = each.iter().find_map(|p| self.phrase(at, p)) else {
                continue;
            };
            if !mentions.iter().any(|m| is_best(&m, at + count)) {
                continue;
            }
            if let Some((mention, target)) = best_name(&mentions, at + count, 0.75) {
                used[at..mention.end].fill(true);
                found.per = Some(target);
                return;
            }
        }
    }

    /// "the top 3 ... of each ...".
    fn per(&self, found: &mut Modifiers, used: &mut [bool]) {
        let number = self.tokens.iter().position(|t| {
            t.number
                .is_some_and(|n| (2.0..=100.0).contains(&n) && n.fract() == 0.0)
        });
        let Some(number) = number else {
            self.per_one(found, used);
            return;
        };
        let best = [
            "top", "first", "best", "most", "highest", "largest", "biggest", "greatest", "least",
            "lowest", "smallest", "longest", "shortest", "cheapest",
        ];
        let near = number.saturating_sub(4)..(number + 4).min(self.tokens.len());
        let is_best = |i: usize| {
            // "At least 3" bounds a number.
            best.iter().any(|w| self.is(i, w)) && !(i > 0 && self.is(i - 1, "at"))
        };
        let bounded = number > 1 && self.is(number - 2, "at");
        if bounded || !near.into_iter().any(is_best) {
            return;
        }
        let mentions = self
            .reader
            .vocabulary
            .link(self.reader.catalog, self.tokens);
        for at in 0..self.tokens.len() {
            let Some(count) = EACH.iter().find_map(|p| self.phrase(at, p)) else {
                continue;
            };
            let free = used.get(at + count) == Some(&false);
            let best = best_name(&mentions, at + count, 0.6).filter(|_| free);
            if let Some((mention, target)) = best {
                used[at..mention.end].fill(true);
                found.per = Some(target);
                return;
            }
        }
    }
}

/// A table or a column, if a mention is one.
fn target(mention: &Mention) -> Option<(&Mention, Target)> {
    match mention.kind {
        Meaning::Table(table) => Some((mention, Target::Table(table))),
        Meaning::Column(column) => Some((mention, Target::Column(column))),
        _ => None,
    }
}

/// The name that the words from here on fit best, better than `least`; of names alike rather that of a table.
fn best_name(mentions: &[Mention], start: usize, least: f32) -> Option<(&Mention, Target)> {
    let table = |t: &Target| matches!(t, Target::Table(_));
    let here = mentions
        .iter()
        .filter(|m| m.start == start && m.score > least);
    here.filter_map(target)
        .max_by(|(a, x), (b, y)| a.score.total_cmp(&b.score).then(table(x).cmp(&table(y))))
}
