//! What a new fact does to those that are known.

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
/// - The same object again changes nothing, but if it says another end.
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
    let mut group: Vec<&Fact> = known
        .iter()
        .filter(|fact| new.functional || names.entity(&fact.object) == object)
        .collect();
    group.sort_by_key(|fact| (fact.from(), fact.id));
    let mut interval = (new.from(), new.to());
    let same = group.iter().position(|fact| {
        names.entity(&fact.object) == object && fact.from() <= interval.0 && interval.0 < fact.to()
    });
    let mut changes = Changes::new(&new);
    if let Some(place) = same {
        let fact = group.remove(place);
        if new.valid_to.is_none() || fact.to() == interval.1 {
            return Ok(vec![fact.clone()]);
        }
        // Another end: the fact anew, from where it began.
        interval.0 = fact.from();
        changes.expire(fact)?;
    }
    if new.valid_to.is_none() {
        let later = group
            .iter()
            .map(|fact| fact.from())
            .find(|from| *from > interval.0);
        interval.1 = later.unwrap_or(interval.1);
    }
    for fact in group {
        if fact.to() <= interval.0 || interval.1 <= fact.from() {
            continue;
        }
        changes.expire(fact)?;
        changes.again(fact, (fact.from(), interval.0));
        changes.again(fact, (interval.1, fact.to()));
    }
    changes.again(&new, interval);
    Ok(changes.rows)
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

    fn expire(&mut self, fact: &Fact) -> Result<()> {
        if fact.created_at > self.now {
            return Err(Error::new(format!(
                "now is {}, but fact {}, which it changes, was made at {}; give a later now",
                shown(self.now),
                fact.id,
                shown(fact.created_at)
            )));
        }
        self.rows.push(Fact {
            expired_at: Some(self.now),
            ..fact.clone()
        });
        Ok(())
    }

    /// The fact with another interval, if that is not empty.
    fn again(&mut self, fact: &Fact, (from, to): (i64, i64)) {
        if from >= to {
            return;
        }
        self.rows.push(Fact {
            id: self.next,
            valid_from: (from != i64::MIN).then_some(from),
            valid_to: (to != i64::MAX).then_some(to),
            created_at: self.now,
            expired_at: None,
            ..fact.clone()
        });
        self.next += 1;
    }
}

fn shown(moment: i64) -> String {
    moment::text(moment).unwrap_or_else(|_| moment.to_string())
}
