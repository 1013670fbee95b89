//! What a new fact does to those that are known.

use std::collections::BTreeMap;

use super::Fact;
use super::view::Names;
use crate::memory::moment;
use crate::{Error, Result};

/// The rows to write for a new fact: those that expire, those that take their place, and the fact last, which has its
/// number also if it was known already.
///
/// `known` are the facts with the same subject and predicate that are known now (`expired_at` is none). `new.id` is the
/// first free number and `new.created_at` the moment of the call; `names` say which objects are the same.
///
/// - Of a functional predicate the subject has one object at a time: what held until now ends where the new fact begins,
///   and a new fact of the past ends where the next one begins. With an end of its own it takes its time out of the
///   others.
/// - The same object again changes nothing, but if it says another end. Said by another memory or source it is a row of
///   its own beside the first, so that each source is kept, and goes by itself when its memory is forgotten.
///
/// Errors if the fact ends before it begins, or if the moment is before one at which a fact was made that it changes.
pub fn add(known: &[Fact], new: Fact, names: &Names) -> Result<Vec<Fact>> {
    if new.from() >= new.to() {
        return Err(Error::new(format!(
            "valid_to is {}, which is not after valid_from, {}; give a later time",
            shown(new.to()),
            shown(new.from())
        )));
    }
    let object = names.entity(&new.object);
    let known = known.iter().map(|fact| (names.entity(&fact.object), fact));
    let mut group = statements(known.filter(|(other, _)| new.functional || *other == object));
    let mut interval = (new.from(), new.to());
    let same = group.iter().position(|(other, said)| {
        *other == object && said[0].from() <= interval.0 && interval.0 < said[0].to()
    });
    let mut changes = Changes::new(&new);
    // A call that names nobody has nothing to add to what is known.
    let named = new.memory.is_some() || new.source.is_some();
    let mut said = Vec::new();
    if let Some(place) = same {
        said = group.remove(place).1;
        let fact = said[0];
        if new.valid_to.is_none() || fact.to() == interval.1 {
            return Ok(match said.iter().find(|fact| fact.is_said_by(&new)) {
                Some(known) => vec![(*known).clone()],
                None if !named => vec![fact.clone()],
                None => {
                    changes.again(&[&new], (fact.from(), fact.to()));
                    changes.rows
                }
            });
        }
        // Another end: the fact anew, from where it began, by all who say it.
        interval.0 = fact.from();
        changes.expire(&said)?;
    }
    if new.valid_to.is_none() {
        let later = group
            .iter()
            .map(|(_, said)| said[0].from())
            .find(|from| *from > interval.0);
        interval.1 = later.unwrap_or(interval.1);
    }
    for (name, other) in group {
        let (from, to) = (other[0].from(), other[0].to());
        if to <= interval.0 || interval.1 <= from {
            continue;
        }
        changes.expire(&other)?;
        changes.again(&other, (from, interval.0));
        changes.again(&other, (interval.1, to));
        // What says the same of a part of the time says it of the whole.
        if name == object {
            let others = other.iter().filter(|fact| !fact.is_said_by(&new));
            others.for_each(|fact| include(&mut said, fact));
        }
    }
    if same.is_none() || named {
        include(&mut said, &new);
    }
    changes.again(&said, interval);
    Ok(changes.rows)
}

/// Adds a row to those that say a fact, if nobody says it yet who does in that row.
fn include<'a>(said: &mut Vec<&'a Fact>, fact: &'a Fact) {
    if !said.iter().any(|known| known.is_said_by(fact)) {
        said.push(fact);
    }
}

/// The facts in the order of their times, each with its object and all rows that say it, the first first; never none.
fn statements<'a>(facts: impl Iterator<Item = (String, &'a Fact)>) -> Vec<(String, Vec<&'a Fact>)> {
    let mut all: BTreeMap<(i64, i64, String), Vec<&Fact>> = BTreeMap::new();
    for (object, fact) in facts {
        let said = all.entry((fact.from(), fact.to(), object)).or_default();
        said.push(fact);
    }
    let mut all: Vec<(String, Vec<&Fact>)> = all
        .into_iter()
        .map(|((_, _, object), mut said)| {
            said.sort_by_key(|fact| fact.id);
            (object, said)
        })
        .collect();
    all.sort_by_key(|(_, said)| (said[0].from(), said[0].id));
    all
}

struct Changes {
    rows: Vec<Fact>,
    next: i64,
    now: i64,
}

impl Changes {
    fn new(new: &Fact) -> Self {
        Changes {
            rows: Vec::new(),
            next: new.id,
            now: new.created_at,
        }
    }

    fn expire(&mut self, said: &[&Fact]) -> Result<()> {
        if let Some(fact) = said.iter().find(|fact| fact.created_at > self.now) {
            return Err(Error::new(format!(
                "now is {}, but fact {}, which it changes, was made at {}; give a later now",
                shown(self.now),
                fact.id,
                shown(fact.created_at)
            )));
        }
        self.rows.extend(said.iter().map(|fact| Fact {
            expired_at: Some(self.now),
            ..(*fact).clone()
        }));
        Ok(())
    }

    /// The fact with another interval, if that is not empty, by all who say it.
    fn again(&mut self, said: &[&Fact], (from, to): (i64, i64)) {
        if from >= to {
            return;
        }
        for fact in said {
            self.rows.push(Fact {
                id: self.next,
                valid_from: (from != i64::MIN).then_some(from),
                valid_to: (to != i64::MAX).then_some(to),
                created_at: self.now,
                expired_at: None,
                ..(*fact).clone()
            });
            self.next += 1;
        }
    }
}

fn shown(moment: i64) -> String {
    moment::text(moment).unwrap_or_else(|_| moment.to_string())
}
