//! What holds at a time, as it was known at a time.

use std::collections::BTreeMap;

use super::{Fact, key};

/// That one entity goes by another's name: a row of `lumos_alias`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What else it is called.
    pub alias: String,
    /// The name it goes by, which may be an alias itself.
    pub name: String,
    /// Since when that is known.
    pub created_at: i64,
}

/// Which names mean the same entity.
#[derive(Debug, Clone, Default)]
pub struct Names {
    goes_by: BTreeMap<String, String>,
    shown: BTreeMap<String, String>,
}

impl Names {
    /// As known at a moment; `None` is all that is known.
    pub fn new(aliases: &[Alias], as_known: Option<i64>) -> Names {
        let mut names = Names::default();
        for alias in aliases {
            if as_known.is_none_or(|known| alias.created_at <= known) {
                let name = key(&alias.name);
                names.goes_by.insert(key(&alias.alias), name.clone());
                names.shown.insert(name, alias.name.clone());
            }
        }
        names
    }

    /// The key of the entity with this name. Follows no circle, which a table may have that others write.
    pub fn entity(&self, name: &str) -> String {
        let mut entity = key(name);
        for _ in 0..self.goes_by.len() {
            match self.goes_by.get(&entity) {
                Some(next) => entity.clone_from(next),
                None => break,
            }
        }
        entity
    }

    /// The name of the entity that has this one, as it was first written.
    pub fn shown(&self, name: &str) -> String {
        self.shown_for(&self.entity(name), name)
    }

    /// The same where the entity's key is known.
    fn shown_for(&self, entity: &str, name: &str) -> String {
        let shown = self.shown.get(entity);
        shown.map_or_else(|| name.to_owned(), String::clone)
    }
}

/// A fact with the entities that it is between.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The fact, with the names that its entities go by, and no longer than the next fact of a functional predicate
    /// lets it hold; as it was said first, and as surely as it was said by anyone.
    pub fact: Fact,
    /// The other rows that say it.
    pub others: Vec<Fact>,
    /// The subject's key.
    pub subject: String,
    /// The object's key.
    pub object: String,
}

/// What was known at a moment, in the order of the facts' numbers. `as_of` chooses what holds then, `None` all.
///
/// Entities that were merged may have two objects of a functional predicate at a time: the one that began later counts.
pub fn edges(
    facts: &[Fact],
    names: &Names,
    as_known: Option<i64>,
    as_of: Option<i64>,
) -> Vec<Edge> {
    let known = |fact: &&Fact| match as_known {
        None => fact.expired_at.is_none(),
        Some(known) => fact.created_at <= known && fact.expired_at.is_none_or(|end| known < end),
    };
    let mut edges: Vec<Edge> = facts
        .iter()
        .filter(known)
        .map(|fact| {
            let (subject, object) = (names.entity(&fact.subject), names.entity(&fact.object));
            let fact = Fact {
                subject: names.shown_for(&subject, &fact.subject),
                object: names.shown_for(&object, &fact.object),
                ..fact.clone()
            };
            Edge {
                fact,
                others: Vec::new(),
                subject,
                object,
            }
        })
        .collect();
    end_by_the_next(&mut edges);
    edges.retain(|edge| {
        let (from, to) = (edge.fact.from(), edge.fact.to());
        from < to && as_of.is_none_or(|at| from <= at && at < to)
    });
    let mut edges = each_once(edges);
    edges.sort_by_key(|edge| edge.fact.id);
    edges
}

/// The facts, each with all rows that say it.
fn each_once(mut edges: Vec<Edge>) -> Vec<Edge> {
    fn what(edge: &Edge) -> (&str, &str, &str, i64, i64) {
        let fact = &edge.fact;
        (
            &edge.subject,
            &fact.predicate,
            &edge.object,
            fact.from(),
            fact.to(),
        )
    }
    edges.sort_by(|a, b| (what(a), a.fact.id).cmp(&(what(b), b.fact.id)));
    edges.dedup_by(|other, edge| {
        let same = what(edge) == what(other);
        if same && edge.fact.id != other.fact.id {
            edge.fact.confidence = edge.fact.confidence.max(other.fact.confidence);
            edge.others.push(other.fact.clone());
        }
        same
    });
    edges
}

fn end_by_the_next(edges: &mut [Edge]) {
    edges.sort_by(|a, b| {
        let order = |e: &Edge| (e.fact.from(), e.fact.created_at, e.fact.id);
        (&a.subject, &a.fact.predicate, order(a)).cmp(&(&b.subject, &b.fact.predicate, order(b)))
    });
    // From behind: of the facts after one, the start of the nearest, its object, and the start of the nearest with
    // another object than that.
    struct Later {
        subject: String,
        predicate: String,
        object: String,
        start: i64,
        other: Option<i64>,
    }
    let mut later: Option<Later> = None;
    for edge in edges.iter_mut().rev().filter(|e| e.fact.functional) {
        let start = edge.fact.from();
        let same = later.take().filter(|later| {
            (&later.subject, &later.predicate) == (&edge.subject, &edge.fact.predicate)
        });
        let other = same.and_then(|later| {
            if later.object == edge.object {
                later.other
            } else {
                Some(later.start)
            }
        });
        if let Some(end) = other.filter(|end| *end < edge.fact.to()) {
            edge.fact.valid_to = Some(end);
        }
        later = Some(Later {
            subject: edge.subject.clone(),
            predicate: edge.fact.predicate.clone(),
            object: edge.object.clone(),
            start,
            other,
        });
    }
}
