//! Names and facts in English, a sentence at a time.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::super::tokens::{Kind, Token, Tokens};
use super::lists::{
    ADVERBS, CONDITIONS, ENDINGS, GOVERNS, NO_OBJECTS, Object, PHRASE_ENDS, PLACES, RELATIONS,
    RULES, Rule, STARTS, TITLES,
};
use super::{Entity, Found, Sort};

/// The most tokens that are read as one sentence.
const LONGEST: usize = 200;

/// The most words of a name, and of an object that is a phrase.
const WORDS: usize = 6;

/// The words of a verb, and its rule.
type Verb = (Vec<&'static str>, &'static Rule);

/// The verbs of the rules by their first word, the longest first.
static VERBS: LazyLock<HashMap<&str, Vec<Verb>>> = LazyLock::new(|| {
    let mut verbs: HashMap<&str, Vec<Verb>> = HashMap::new();
    for rule in RULES {
        for verb in rule.verbs.split('|') {
            let words: Vec<&str> = verb.split(' ').collect();
            let first = words.first().copied().unwrap_or_default();
            verbs.entry(first).or_default().push((words, rule));
        }
    }
    for list in verbs.values_mut() {
        list.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    }
    verbs
});

/// Reads all sentences. Tokens in `marks` are a part of no name.
pub(super) fn read(found: &mut Found<'_>, tokens: Tokens<'_>, marks: &[Range<usize>]) {
    let mut marks = marks.iter().peekable();
    let mut sentence: Vec<Token<'_>> = Vec::new();
    for mut token in tokens {
        while marks.next_if(|m| m.end <= token.start).is_some() {}
        if marks.peek().is_some_and(|m| m.start <= token.start) {
            token.kind = Kind::Sign;
        }
        if token.line || sentence.len() == LONGEST || ended(&sentence, &token) {
            Sentence::of(&sentence).read(found);
            sentence.clear();
        }
        sentence.push(token);
    }
    Sentence::of(&sentence).read(found);
}

/// True if the sentence ends before `next`.
fn ended(sentence: &[Token<'_>], next: &Token<'_>) -> bool {
    let Some(last) = sentence.last() else {
        return false;
    };
    match last.text {
        "!" | "?" | "。" | "！" | "？" | ";" | "；" | "…" => true,
        "." => {
            let before = sentence.len().checked_sub(2).and_then(|i| sentence.get(i));
            let short = before.is_some_and(|t| {
                t.kind == Kind::Word && (t.text.len() == 1 && t.text != "I" || is_title(t.text))
            });
            next.gap && !short
        }
        _ => false,
    }
}

fn is_title(word: &str) -> bool {
    TITLES.contains(&word)
}

fn one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// A token, or one of the two words of a contraction.
#[derive(Clone, Copy)]
struct Item<'a> {
    token: Token<'a>,
    text: &'a str,
}

impl Item<'_> {
    fn is(&self, word: &str) -> bool {
        self.token.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn in_list(&self, words: &[&str]) -> bool {
        self.token.kind == Kind::Word && one_of(words, self.text)
    }

    fn possessive(&self) -> bool {
        self.token.kind == Kind::Word && self.token.base().len() < self.token.text.len()
    }
}

/// A name: items from `first` on, without `last`.
#[derive(Clone)]
struct Run {
    first: usize,
    last: usize,
    span: Range<usize>,
    name: String,
    sort: Sort,
    possessive: bool,
}

struct Sentence<'a> {
    items: Vec<Item<'a>>,
    runs: Vec<Run>,
    question: bool,
}

impl<'a> Sentence<'a> {
    fn of(tokens: &[Token<'a>]) -> Self {
        let mut items = Vec::with_capacity(tokens.len() + 4);
        for &token in tokens {
            let text = match token.text {
                "I'm" | "I\u{2019}m" => "am",
                "I've" | "I\u{2019}ve" => "have",
                "don\u{2019}t" => "don't",
                "doesn\u{2019}t" => "doesn't",
                "can\u{2019}t" => "can't",
                _ if token.kind == Kind::Word => token.base(),
                text => text,
            };
            if matches!(text, "am" | "have") && token.text.starts_with('I') {
                items.push(Item { token, text: "I" });
            }
            items.push(Item { token, text });
        }
        let question = tokens.last().is_some_and(|t| matches!(t.text, "?" | "？"));
        Sentence {
            items,
            runs: Vec::new(),
            question,
        }
    }

    fn item(&self, i: usize) -> Option<&Item<'a>> {
        self.items.get(i)
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.item(i).is_some_and(|item| item.is(word))
    }

    fn sign(&self, i: usize, sign: &str) -> bool {
        self.item(i).is_some_and(|item| item.token.sign(sign))
    }

    fn read(mut self, found: &mut Found<'_>) {
        self.find_runs(found.text);
        let start = self.items.iter().position(|i| i.token.kind == Kind::Word);
        for run in &self.runs {
            let entity = Entity {
                span: run.span.clone(),
                sort: run.sort,
                name: run.name.clone(),
            };
            let single = run.last == run.first + 1 && Some(run.first) == start;
            let acronym = run.name.chars().all(char::is_uppercase);
            if single && !run.possessive && run.sort == Sort::Name && !acronym {
                found.uncertain.push(entity)
            } else {
                found.entities.push(entity)
            }
        }
        self.aliases(found);
        if self.question {
            return;
        }
        for at in 0..self.items.len() {
            if self.item(at).is_none_or(|i| i.token.kind != Kind::Word) {
                continue;
            }
            self.rule(found, at);
            self.to_be(found, at);
            self.owned(found, at);
        }
    }

    /// True for a word that may be a part of a name.
    fn names(&self, i: usize) -> bool {
        self.item(i).is_some_and(|item| {
            let word = item.token.base();
            let mut letters = word.chars();
            let capital = letters.next().is_some_and(char::is_uppercase);
            let small = letters.clone().any(char::is_lowercase);
            let acronym = (2..=6).contains(&word.len()) && !small;
            let glued = item.token.joined && !i.checked_sub(1).is_some_and(|b| self.sign(b, "-"));
            item.token.kind == Kind::Word
                && capital
                && (small || acronym)
                && !glued
                && !word.contains(['\'', '\u{2019}'])
                && !one_of(STARTS, word)
                && !one_of(CALENDAR, word)
        })
    }

    fn find_runs(&mut self, text: &str) {
        // A sentence in capitals names nothing.
        let capitals = |i: &&Item<'_>| {
            i.text.len() > 1 && i.token.kind == Kind::Word && i.text.chars().all(char::is_uppercase)
        };
        let words = self
            .items
            .iter()
            .filter(|i| i.token.kind == Kind::Word)
            .count();
        let shouted = words > 3 && self.items.iter().filter(capitals).count() * 2 > words;
        let mut at = 0;
        while at < self.items.len() && !shouted {
            let initial = self.initial(at) && self.names(at + 2);
            if !self.names(at) && !initial {
                at += 1;
                continue;
            }
            let first = at;
            let mut end = at + 1;
            let mut count = 1;
            while count < WORDS {
                let Some(next) = self.follows(end) else { break };
                end = next;
                count += 1;
            }
            at = end;
            self.runs.extend(self.run(text, first, end));
        }
    }

    /// `J.` of a name.
    fn initial(&self, i: usize) -> bool {
        self.item(i)
            .is_some_and(|item| item.token.capital() && item.text.len() == 1)
            && self.sign(i + 1, ".")
    }

    /// The end of the name if it goes on at `end`.
    fn follows(&self, end: usize) -> Option<usize> {
        let last = self.item(end.checked_sub(1)?)?;
        (!last.possessive()).then_some(())?;
        let next = self.item(end)?;
        if self.names(end) && next.token.gap {
            return Some(end + 1);
        }
        if self.initial(end) && next.token.gap && self.names(end + 2) {
            return Some(end + 1);
        }
        if next.token.sign(".") && (is_title(last.text) || last.text.chars().count() == 1) {
            return self.names(end + 1).then_some(end + 2);
        }
        let glue = next.token.sign("-") && !next.token.gap;
        if (glue && self.item(end + 1).is_some_and(|i| !i.token.gap)) || next.token.sign("&") {
            return self.names(end + 1).then_some(end + 2);
        }
        let links = [
            "of", "de", "van", "von", "der", "da", "del", "la", "bin", "di",
        ];
        links.contains(&next.text).then_some(())?;
        let the = usize::from(next.text == "of" && self.is(end + 1, "the"));
        self.names(end + 1 + the).then_some(end + 2 + the)
    }

    fn run(&self, text: &str, first: usize, last: usize) -> Option<Run> {
        let mut named = first;
        while is_title(self.item(named)?.text) && named < last {
            named += 1 + usize::from(self.sign(named + 1, "."));
            if named >= last {
                return None;
            }
        }
        let end = self.item(last - 1)?;
        let span = self.item(first)?.token.start..end.token.start + end.token.base().len();
        let name = text.get(self.item(named)?.token.start..span.end)?;
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let ending = ENDINGS.iter().find(|(word, _)| *word == end.text);
        let sort = match ending {
            _ if named > first => Sort::Person,
            Some((_, sort)) if last > named + 1 => *sort,
            _ if PLACES.contains(&name.as_str()) => Sort::Place,
            _ if name.starts_with("University of ") || name.starts_with("Bank of ") => {
                Sort::Organisation
            }
            _ => Sort::Name,
        };
        Some(Run {
            first,
            last,
            span,
            name,
            sort,
            possessive: end.possessive(),
        })
    }

    fn run_from(&self, first: usize) -> Option<&Run> {
        self.runs.iter().find(|r| r.first == first)
    }

    fn run_to(&self, last: usize) -> Option<&Run> {
        self.runs.iter().find(|r| r.last == last)
    }

    /// Who is right before `at`, and where that begins: a byte and an item.
    fn subject(&self, found: &mut Found<'_>, at: usize) -> Option<(String, usize)> {
        let mut end = at;
        for _ in 0..2 {
            let before = self.item(end.checked_sub(1)?)?;
            if before.in_list(ADVERBS) {
                end -= 1;
            }
        }
        let before = self.item(end.checked_sub(1)?)?;
        let (name, first) = if before.text == "I" {
            (found.speaker.to_owned(), end - 1)
        } else {
            let run = self.run_to(end).filter(|r| !r.possessive)?;
            (run.name.clone(), run.first)
        };
        let governed = first.checked_sub(1).is_some_and(|i| {
            self.item(i).is_some_and(|item| item.in_list(GOVERNS)) && before.text != "I"
        });
        let from = first.saturating_sub(8);
        let mut earlier = self.items.get(from..first)?.iter();
        let conditional =
            earlier.any(|item| item.in_list(CONDITIONS) || item.text.ends_with("n't"));
        (!governed && !conditional).then_some(())?;
        if before.text != "I" {
            found.sort(&name, Sort::Person);
        }
        Some((name, self.item(first)?.token.start))
    }

    /// `<subject> <verb> <object>`.
    fn rule(&self, found: &mut Found<'_>, at: usize) -> Option<()> {
        let word = self.item(at)?.text;
        (word.len() <= 10).then_some(())?;
        let verbs = VERBS.get(word.to_ascii_lowercase().as_str())?;
        let fits = |words: &[&str]| words.iter().enumerate().all(|(k, w)| self.is(at + k, w));
        let (words, rule) = verbs.iter().find(|(words, _)| fits(words))?;
        let object = at + words.len();
        let (object, end, sort) = match rule.object {
            Object::Name(sort) => {
                let run = self.run_from(object + usize::from(self.is(object, "the")))?;
                (run.name.clone(), run.span.end, Some(sort))
            }
            Object::Phrase => {
                let (phrase, end) = self.phrase(found.text, object)?;
                (phrase, end, None)
            }
            Object::Time => match found.date_at(self.item(object)?.token.start) {
                Some((span, date)) => (date.to_owned(), span.end, None),
                None => {
                    let run = self.run_from(object)?;
                    (run.name.clone(), run.span.end, Some(Sort::Place))
                }
            },
        };
        let (subject, start) = self.subject(found, at)?;
        if let Some(sort) = sort.filter(|s| *s != Sort::Name) {
            found.sort(&object, sort);
        }
        found.fact(start..end, &subject, rule.predicate, &object);
        Some(())
    }

    /// A few words from `first` on, and the byte behind them.
    fn phrase(&self, text: &str, first: usize) -> Option<(String, usize)> {
        let first = first + usize::from(["a", "an", "the"].iter().any(|w| self.is(first, w)));
        let start = self.item(first)?;
        (start.token.kind == Kind::Word && !start.in_list(NO_OBJECTS)).then_some(())?;
        let mut end = first;
        while let Some(item) = self.item(end) {
            let token = &item.token;
            let inner = token.kind == Kind::Sign
                && !token.gap
                && matches!(token.text, "-" | "&")
                && self.item(end + 1).is_some_and(|i| !i.token.gap);
            let word = token.kind != Kind::Sign && token.kind != Kind::Han;
            if !(inner || word) || (end > first && item.in_list(PHRASE_ENDS)) {
                break;
            }
            end += 1;
            if end - first > WORDS {
                return None;
            }
        }
        let last = self.item(end.checked_sub(1).filter(|_| end > first)?)?;
        let phrase = text.get(start.token.start..last.token.end())?;
        let own = ["my", "your", "his", "her", "our", "their", "you", "i", "we"];
        let personal = phrase.split_whitespace().any(|w| one_of(&own, w));
        let phrase = phrase.split_whitespace().collect::<Vec<_>>().join(" ");
        (!personal).then_some((phrase, last.token.end()))
    }

    /// `<subject> is 30 years old`, `<subject> is <owner>'s sister`, `<subject> has a dog named Rex`.
    fn to_be(&self, found: &mut Found<'_>, at: usize) -> Option<()> {
        if ["have", "has"].iter().any(|w| self.is(at, w)) {
            (self.is(at + 1, "a") || self.is(at + 1, "an")).then_some(())?;
            let (relation, next) = self.relation(at + 2)?;
            let named = self.is(next, "named") || self.is(next, "called");
            let run = self.run_from(next + 1).filter(|_| named)?.clone();
            let (subject, start) = self.subject(found, at)?;
            found.sort(&run.name, Sort::Person);
            found.fact(start..run.span.end, &run.name, relation, &subject);
            return Some(());
        }
        ["is", "am"].iter().any(|w| self.is(at, w)).then_some(())?;
        if let Some(age) = self.item(at + 1)?.token.number() {
            (self.is(at + 2, "years") && self.is(at + 3, "old")).then_some(())?;
            let (subject, start) = self.subject(found, at)?;
            let end = self.item(at + 3)?.token.end();
            found.fact(start..end, &subject, "age", &age.to_string());
            return Some(());
        }
        let (owner, next) = self.owner(found, at + 1)?;
        let (relation, next) = self.relation(next)?;
        let last = self.item(next - 1).filter(|i| !i.possessive())?;
        let (subject, start) = self.subject(found, at)?;
        found.fact(start..last.token.end(), &subject, relation, &owner);
        Some(())
    }

    /// `my` or a name with `'s` at `at`, and the item behind it.
    fn owner(&self, found: &mut Found<'_>, at: usize) -> Option<(String, usize)> {
        if self.is(at, "my") {
            return Some((found.speaker.to_owned(), at + 1));
        }
        let run = self.run_from(at).filter(|r| r.possessive)?;
        found.sort(&run.name, Sort::Person);
        Some((run.name.clone(), run.last))
    }

    /// Who one is to another, with a word like "older" before it.
    fn relation(&self, at: usize) -> Option<(&'static str, usize)> {
        let kinds = [
            "older", "younger", "elder", "best", "little", "big", "twin", "close", "good",
        ];
        let at = at + usize::from(kinds.iter().any(|w| self.is(at, w)));
        let (_, predicate) = RELATIONS.iter().find(|(word, _)| self.is(at, word))?;
        Some((predicate, at + 1))
    }

    /// `my name is Ann`, `call me Ann`, `my sister Ann`, `Bob's birthday is May 5`, `my favorite color is blue`.
    fn owned(&self, found: &mut Found<'_>, at: usize) -> Option<()> {
        if ["call", "calls"].iter().any(|w| self.is(at, w)) && self.is(at + 1, "me") {
            let run = self.run_from(at + 2)?.clone();
            return self.call(found, at, &run);
        }
        let start = self.item(at)?.token.start;
        let (owner, next) = self.owner(found, at)?;
        if self.is(next, "name") {
            let short = self.item(next)?.possessive();
            let value = next + 1 + usize::from(!short);
            (short || self.is(next + 1, "is")).then_some(())?;
            let run = self
                .run_from(value)
                .filter(|_| owner == found.speaker)?
                .clone();
            return self.call(found, at, &run);
        }
        if self.is(next, "birthday") {
            self.is(next + 1, "is").then_some(())?;
            let skip = next + 2 + usize::from(self.is(next + 2, "on"));
            let skip = skip + usize::from(self.is(skip, "the"));
            let (span, date) = found.date_at(self.item(skip)?.token.start)?;
            let date = date.to_owned();
            found.fact(start..span.end, &owner, "birthday", &date);
            return Some(());
        }
        if self.is(next, "favorite") || self.is(next, "favourite") {
            let kind = self.item(next + 1).filter(|i| i.token.kind == Kind::Word)?;
            let two = !self.is(next + 2, "is") && !self.is(next + 2, "are");
            let verb = next + 2 + usize::from(two);
            (self.is(verb, "is") || self.is(verb, "are")).then_some(())?;
            let mut predicate = format!("favorite_{}", kind.text.to_lowercase());
            if two {
                let second = self.item(next + 2).filter(|i| i.token.kind == Kind::Word)?;
                predicate.push_str(&format!("_{}", second.text.to_lowercase()));
            }
            let (object, end) = self.phrase(found.text, verb + 1)?;
            found.fact(start..end, &owner, &predicate, &object);
            return Some(());
        }
        let (relation, next) = self.relation(next)?;
        let named = self.is(next, "named") || self.is(next, "called");
        let name = if self.item(next - 1)?.possessive() {
            (self.is(next, "name") && self.is(next + 1, "is")).then_some(next + 2)?
        } else {
            next + usize::from(named)
        };
        let run = self
            .run_from(name)
            .filter(|r| !r.possessive || !named)?
            .clone();
        found.sort(&run.name, Sort::Person);
        found.fact(start..run.span.end, &run.name, relation, &owner);
        Some(())
    }

    fn call(&self, found: &mut Found<'_>, at: usize, run: &Run) -> Option<()> {
        let start = self.item(at)?.token.start;
        found.sort(&run.name, Sort::Person);
        let speaker = found.speaker.to_owned();
        found.fact(start..run.span.end, &speaker, "name", &run.name);
        Some(())
    }

    /// `Robert, also known as Bob`; `World Health Organization (WHO)`.
    fn aliases(&self, found: &mut Found<'_>) {
        for run in &self.runs {
            let comma = run.last + usize::from(self.sign(run.last, ","));
            let words =
                |words: &[&str]| words.iter().enumerate().all(|(k, w)| self.is(comma + k, w));
            let length = [&["also", "known", "as"][..], &["aka"], &["nicknamed"]]
                .into_iter()
                .find(|list| words(list))
                .map(<[&str]>::len);
            let alias = match length {
                Some(length) => self
                    .run_from(comma + length)
                    .map(|r| (r.name.as_str(), r.span.end)),
                None if self.sign(run.last, "(") && self.sign(run.last + 2, ")") => {
                    let initials: String = (run.name.split_whitespace())
                        .filter_map(|w| w.chars().next().filter(|c| c.is_uppercase()))
                        .collect();
                    self.item(run.last + 1)
                        .filter(|i| i.text == initials && initials.len() > 1)
                        .map(|i| (i.text, i.token.end()))
                }
                None => None,
            };
            if let Some((alias, end)) = alias {
                found.fact(run.span.start..end, &run.name, "also_known_as", alias);
                // Both are names, also at the start of a sentence.
                found.sort(&run.name, run.sort);
                found.sort(alias, run.sort);
            }
        }
    }
}

const CALENDAR: &[&str] = &[
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "Christmas",
    "Halloween",
    "Thanksgiving",
    "Easter",
];
