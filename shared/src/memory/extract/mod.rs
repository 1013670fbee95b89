//! What a text names and says, by rules: entities, times and simple facts, in English and Chinese.
//!
//! The rules are the tables of [`lists`]. They would rather miss than be wrong: a fact needs its subject right before
//! its verb, a question or a condition says none. Nothing here knows what a memory or a graph is: an extractor by a
//! model gives the same [`Extract`], and all that follows is the same.

mod chinese;
mod english;
mod lists;
mod marks;

use std::collections::HashSet;
use std::ops::Range;

use super::dates::{Named, dates};
use super::tokens::Tokens;
pub use lists::is_functional;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A human being.
    Person,
    /// A company, a school, an office.
    Organisation,
    /// A country, a city, a street.
    Place,
    /// A book, a film: in 《》.
    Title,
    /// In quotation marks.
    Quoted,
    /// `@name`.
    Handle,
    /// An address of mail.
    Email,
    /// An address of the web.
    Url,
    /// A name that no rule knows more of.
    Name,
}

impl Sort {
    /// In lower case.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Person => "person",
            Sort::Organisation => "organisation",
            Sort::Place => "place",
            Sort::Title => "title",
            Sort::Quoted => "quoted",
            Sort::Handle => "handle",
            Sort::Email => "email",
            Sort::Url => "url",
            Sort::Name => "name",
        }
    }
}

/// A place in the text that names something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub sort: Sort,
    /// Its name: without title, `'s` and quotation marks.
    pub name: String,
}

/// That something holds between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The bytes of the text that say it.
    pub span: Range<usize>,
    /// Whom it is about; the speaker's name for "I" and 我.
    pub subject: String,
    /// Like `works_at`.
    pub predicate: String,
    /// A name, or what stands in the text.
    pub object: String,
}

/// All of a text, each in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extract {
    /// The names.
    pub entities: Vec<Entity>,
    /// The times.
    pub dates: Vec<Named>,
    /// The facts.
    pub facts: Vec<Fact>,
}

/// Reads a text. `speaker` is the name of who says "I"; relative times need `now`, in seconds since 1970. The time it
/// takes grows with the length of the text alone.
pub fn extract(text: &str, speaker: &str, now: Option<i64>) -> Extract {
    let dates = dates(text, now);
    let mut found = Found {
        text,
        speaker,
        dates: &dates,
        entities: marks::entities(text),
        uncertain: Vec::new(),
        facts: Vec::new(),
        sorts: Vec::new(),
    };
    let marks: Vec<Range<usize>> = found.entities.iter().map(|e| e.span.clone()).collect();
    english::read(&mut found, Tokens::of(text), &marks);
    chinese::read(&mut found);
    let (entities, mut facts) = found.finish();
    facts.sort_by_key(|f| (f.span.start, f.span.end));
    facts.dedup();
    Extract {
        entities,
        dates,
        facts,
    }
}

/// What is found so far.
struct Found<'a> {
    text: &'a str,
    speaker: &'a str,
    dates: &'a [Named],
    entities: Vec<Entity>,
    /// Capitalised words at the start of a sentence: names only if they are names elsewhere.
    uncertain: Vec<Entity>,
    facts: Vec<Fact>,
    /// What facts say of names.
    sorts: Vec<(String, Sort)>,
}

impl Found<'_> {
    fn fact(&mut self, span: Range<usize>, subject: &str, predicate: &str, object: &str) {
        self.facts.push(Fact {
            span,
            subject: subject.into(),
            predicate: predicate.into(),
            object: object.into(),
        });
    }

    fn sort(&mut self, name: &str, sort: Sort) {
        self.sorts.push((name.into(), sort));
    }

    /// The time that begins at a byte, as it is written.
    fn date_at(&self, start: usize) -> Option<(Range<usize>, &str)> {
        let place = self.dates.partition_point(|d| d.span.start < start);
        let date = self.dates.get(place).filter(|d| d.span.start == start)?;
        Some((date.span.clone(), self.text.get(date.span.clone())?))
    }

    fn finish(mut self) -> (Vec<Entity>, Vec<Fact>) {
        let known: HashSet<&str> = (self.entities.iter().map(|e| e.name.as_str()))
            .chain(self.sorts.iter().map(|(name, _)| name.as_str()))
            .collect();
        let sure: Vec<Entity> = (self.uncertain.iter())
            .filter(|e| known.contains(e.name.as_str()))
            .cloned()
            .collect();
        self.entities.extend(sure);
        let sorts: std::collections::HashMap<&str, Sort> = self
            .sorts
            .iter()
            .rev()
            .map(|(n, s)| (n.as_str(), *s))
            .collect();
        for entity in &mut self.entities {
            if let (Sort::Name, Some(sort)) = (entity.sort, sorts.get(entity.name.as_str())) {
                entity.sort = *sort;
            }
        }
        // The longest of those that overlap; a time is no name.
        self.entities
            .sort_by_key(|e| (e.span.start, std::cmp::Reverse(e.span.end)));
        let mut end = 0;
        let mut dates = self.dates.iter().peekable();
        self.entities.retain(|e| {
            while dates.next_if(|d| d.span.end <= e.span.start).is_some() {}
            let time = dates.peek().is_some_and(|d| d.span.start < e.span.end);
            let free = e.span.start >= end && !time;
            if free {
                end = e.span.end;
            }
            free
        });
        (self.entities, self.facts)
    }
}

#[cfg(test)]
mod tests;
