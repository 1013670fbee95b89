//! What is made of the rows of `lumos_fact` and `lumos_alias` that [`super::query`] reads.

use serde_json::Value as Json;

use super::view::{Alias, Edge, Names, edges};
use super::{Fact, history, key, walk};
use crate::memory::moment;
use crate::program::{Fold, FoldState};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// A row that the folds take: the call, an alias or a fact.
const INPUT: &[Param] = &[
    // 0 the call: `id` is the first free number of a fact, `created_at` the moment. 1 an alias, of `subject` to
    // `object`. 2 a fact.
    Param::new("kind", Type::Integer),
    Param::optional("id", Type::Integer),
    Param::optional("subject", Type::Text),
    Param::optional("predicate", Type::Text),
    Param::optional("object", Type::Text),
    Param::optional("functional", Type::Integer),
    Param::optional("valid_from", Type::Integer),
    Param::optional("valid_to", Type::Integer),
    Param::new("created_at", Type::Integer),
    Param::optional("expired_at", Type::Integer),
    Param::optional("confidence", Type::Real),
    Param::optional("memory", Type::Integer),
    Param::optional("source", Type::Text),
];

/// The columns of `lumos_fact`, in the order of the table.
pub const FACT_COLUMNS: &[(&str, Type)] = &[
    ("id", Type::Integer),
    ("scope", Type::Text),
    ("subject", Type::Text),
    ("subject_key", Type::Text),
    ("predicate", Type::Text),
    ("object", Type::Text),
    ("object_key", Type::Text),
    ("functional", Type::Integer),
    ("valid_from", Type::Integer),
    ("valid_to", Type::Integer),
    ("created_at", Type::Integer),
    ("expired_at", Type::Integer),
    ("confidence", Type::Real),
    ("memory", Type::Integer),
    ("source", Type::Text),
];

/// The columns of `lumos_alias`.
pub const ALIAS_COLUMNS: &[(&str, Type)] = &[
    ("scope", Type::Text),
    ("alias_key", Type::Text),
    ("alias", Type::Text),
    ("name_key", Type::Text),
    ("name", Type::Text),
    ("created_at", Type::Integer),
];

/// Rows of `lumos_fact`, to be written.
pub const ADD: Fold = Fold::new::<Read<Add>>("fact_add", INPUT, FACT_COLUMNS);

/// A row of `lumos_alias`, to be written; none if nothing is new.
pub const MERGE: Fold = Fold::new::<Read<Merge>>("entity_merge", INPUT, ALIAS_COLUMNS);

/// Facts.
pub const FACTS: Fold = Fold::new::<Read<Facts>>(
    "facts",
    INPUT,
    &[
        ("id", Type::Integer),
        ("subject", Type::Text),
        ("predicate", Type::Text),
        ("object", Type::Text),
        ("valid_from", Type::Text),
        ("valid_to", Type::Text),
        ("created_at", Type::Text),
        ("expired_at", Type::Text),
        ("confidence", Type::Real),
        ("memory", Type::Integer),
        ("source", Type::Text),
        ("sources", Type::Text),
    ],
);

/// Who is near.
pub const NEIGHBORS: Fold = Fold::new::<Read<Neighbors>>(
    "neighbors",
    INPUT,
    &[
        ("name", Type::Text),
        ("depth", Type::Integer),
        ("through", Type::Text),
        ("fact", Type::Integer),
    ],
);

/// Ways between two.
pub const PATHS: Fold = Fold::new::<Read<Paths>>(
    "paths",
    INPUT,
    &[
        ("path", Type::Integer),
        ("step", Type::Integer),
        ("subject", Type::Text),
        ("predicate", Type::Text),
        ("object", Type::Text),
        ("fact", Type::Integer),
    ],
);

/// Who matters.
pub const PAGERANK: Fold = Fold::new::<Read<Rank>>(
    "pagerank",
    INPUT,
    &[("name", Type::Text), ("score", Type::Real)],
);

type Emit<'e> = &'e mut dyn FnMut(Vec<Value>) -> Result<()>;

/// What is made of the rows.
trait Answer {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()>
    where
        Self: Sized;
}

/// The rows that a call has read.
struct Read<A> {
    spec: Json,
    call: Option<(i64, i64)>,
    aliases: Vec<Alias>,
    facts: Vec<Fact>,
    answer: std::marker::PhantomData<fn() -> A>,
}

impl<A> Clone for Read<A> {
    fn clone(&self) -> Self {
        Read {
            spec: self.spec.clone(),
            call: self.call,
            aliases: self.aliases.clone(),
            facts: self.facts.clone(),
            answer: self.answer,
        }
    }
}

impl<A: Answer + 'static> FoldState for Read<A> {
    fn start(spec: &str) -> Result<Self> {
        let spec = serde_json::from_str(spec).ok().filter(Json::is_object);
        Ok(Read {
            spec: spec.ok_or_else(foreign)?,
            call: None,
            aliases: Vec::new(),
            facts: Vec::new(),
            answer: std::marker::PhantomData,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let integer = |i: usize| match row.get(i) {
            Some(ValueRef::Integer(v)) => Some(*v),
            _ => None,
        };
        let text = |i: usize| match row.get(i) {
            Some(ValueRef::Text(v)) => Some((*v).to_owned()),
            _ => None,
        };
        let named =
            |i: usize| text(i).ok_or_else(|| Error::new("a name is NULL in a row that it reads"));
        let created_at = integer(8).unwrap_or_default();
        match integer(0) {
            Some(0) => self.call = Some((integer(1).unwrap_or(1), created_at)),
            Some(1) => self.aliases.push(Alias {
                alias: named(2)?,
                name: named(4)?,
                created_at,
            }),
            _ => self.facts.push(Fact {
                id: integer(1).unwrap_or_default(),
                subject: named(2)?,
                predicate: named(3)?,
                object: named(4)?,
                functional: integer(5).unwrap_or_default() != 0,
                valid_from: integer(6),
                valid_to: integer(7),
                created_at,
                expired_at: integer(9),
                confidence: match row.get(10) {
                    Some(ValueRef::Real(v)) => *v,
                    _ => 1.0,
                },
                memory: integer(11),
                source: text(12),
            }),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.call = self.call.or(other.call);
        self.aliases.extend_from_slice(&other.aliases);
        self.facts.extend_from_slice(&other.facts);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        match self.call {
            // No row: nothing was read, and there is nothing to say.
            None => Ok(()),
            Some(_) => {
                let mut ordered = self.clone();
                // One whose subject and object are both near was read by each.
                ordered.facts.sort_by_key(|f| f.id);
                ordered.facts.dedup_by_key(|f| f.id);
                ordered
                    .aliases
                    .sort_by(|a, b| (&a.alias, a.created_at).cmp(&(&b.alias, b.created_at)));
                A::answer(&ordered, emit)
            }
        }
    }
}

fn foreign() -> Error {
    Error::new("spec is none that the function has written")
}

impl<A> Read<A> {
    fn text(&self, name: &str) -> Result<&str> {
        self.spec
            .get(name)
            .and_then(Json::as_str)
            .ok_or_else(foreign)
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.spec.get(name).and_then(Json::as_i64)
    }

    /// A count, from 0 on.
    fn count(&self, name: &str) -> Result<usize> {
        let count = self.integer(name).and_then(|n| usize::try_from(n).ok());
        count.ok_or_else(foreign)
    }

    fn now(&self) -> i64 {
        self.call.map_or(0, |(_, now)| now)
    }

    fn names(&self) -> Names {
        Names::new(&self.aliases, self.integer("as_known"))
    }

    fn edges(&self, names: &Names) -> Vec<Edge> {
        let as_of = match self.spec.get("as_of") {
            Some(Json::String(_)) => Some(self.now()),
            _ => self.integer("as_of"),
        };
        edges(&self.facts, names, self.integer("as_known"), as_of)
    }
}

fn integer(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Integer)
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn time(value: Option<i64>) -> Result<Value> {
    match value {
        None => Ok(Value::Null),
        Some(moment) => Ok(Value::Text(moment::text(moment)?)),
    }
}

#[derive(Clone)]
struct Add;

impl Answer for Add {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let (id, now) = rows.call.unwrap_or((1, 0));
        let scope = rows.text("scope")?;
        let names = rows.names();
        let valid_from = match rows.spec.get("valid_from") {
            // Its end alone, in the past, is that of the fact that held then.
            Some(Json::String(_)) => Some(match rows.integer("valid_to") {
                Some(to) if to <= now && rows.held(&names, to - 1)? => to - 1,
                _ => now,
            }),
            _ => rows.integer("valid_from"),
        };
        let new = Fact {
            id,
            subject: rows.text("subject")?.into(),
            predicate: rows.text("predicate")?.into(),
            object: rows.text("object")?.into(),
            functional: rows
                .spec
                .get("functional")
                .and_then(Json::as_bool)
                .unwrap_or(false),
            valid_from,
            valid_to: rows.integer("valid_to"),
            created_at: now,
            expired_at: None,
            confidence: rows
                .spec
                .get("confidence")
                .and_then(Json::as_f64)
                .unwrap_or(1.0),
            memory: rows.integer("memory"),
            source: rows
                .spec
                .get("source")
                .and_then(Json::as_str)
                .map(str::to_owned),
        };
        for fact in history::add(&rows.facts, new, &names)? {
            emit(vec![
                Value::Integer(fact.id),
                text(scope),
                text(&fact.subject),
                Value::Text(key(&fact.subject)),
                text(&fact.predicate),
                text(&fact.object),
                Value::Text(key(&fact.object)),
                Value::Integer(i64::from(fact.functional)),
                integer(fact.valid_from),
                integer(fact.valid_to),
                Value::Integer(fact.created_at),
                integer(fact.expired_at),
                Value::Real(fact.confidence),
                integer(fact.memory),
                fact.source.map_or(Value::Null, Value::Text),
            ])?;
        }
        Ok(())
    }
}

impl Read<Add> {
    /// True if the fact is known to hold at a moment.
    fn held(&self, names: &Names, at: i64) -> Result<bool> {
        let object = names.entity(self.text("object")?);
        let holds = |fact: &Fact| {
            fact.from() <= at && at < fact.to() && names.entity(&fact.object) == object
        };
        Ok(self.facts.iter().any(holds))
    }
}

#[derive(Clone)]
struct Merge;

impl Answer for Merge {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let names = rows.names();
        let (keep, other) = (rows.text("keep")?, rows.text("other")?);
        let (name, alias) = (names.shown(keep), names.shown(other));
        let (name_key, alias_key) = (key(&name), key(&alias));
        if name_key == alias_key {
            return Ok(());
        }
        emit(vec![
            text(rows.text("scope")?),
            Value::Text(alias_key),
            Value::Text(alias),
            Value::Text(name_key),
            Value::Text(name),
            Value::Integer(rows.now()),
        ])
    }
}

#[derive(Clone)]
struct Facts;

impl Answer for Facts {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let names = rows.names();
        let entity = rows.spec.get("entity").and_then(Json::as_str);
        // Those of names that go by the same one only as known later are read too.
        let entity = entity.map(|name| names.entity(name));
        let of_it = |edge: &Edge| {
            let entity = entity.as_ref();
            entity.is_none_or(|e| *e == edge.subject || *e == edge.object)
        };
        for edge in rows.edges(&names).into_iter().filter(of_it) {
            let sources = sources(&edge)?;
            let fact = edge.fact;
            emit(vec![
                Value::Integer(fact.id),
                Value::Text(fact.subject),
                Value::Text(fact.predicate),
                Value::Text(fact.object),
                time(fact.valid_from)?,
                time(fact.valid_to)?,
                time(Some(fact.created_at))?,
                time(fact.expired_at)?,
                Value::Real(fact.confidence),
                integer(fact.memory),
                fact.source.map_or(Value::Null, Value::Text),
                Value::Text(sources),
            ])?;
        }
        Ok(())
    }
}

/// Who says a fact, since when: a JSON array.
fn sources(edge: &Edge) -> Result<String> {
    let said = std::iter::once(&edge.fact).chain(&edge.others);
    let said = said.map(|fact| {
        let mut said = serde_json::Map::new();
        said.extend(fact.memory.map(|id| ("memory".to_owned(), id.into())));
        let source = fact.source.as_deref();
        said.extend(source.map(|source| ("source".to_owned(), source.into())));
        said.insert("known_at".into(), moment::text(fact.created_at)?.into());
        Ok(Json::Object(said))
    });
    Ok(Json::Array(said.collect::<Result<_>>()?).to_string())
}

#[derive(Clone)]
struct Neighbors;

impl Answer for Neighbors {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let names = rows.names();
        let entity = names.entity(rows.text("entity")?);
        let depth = rows.integer("depth").ok_or_else(foreign)?;
        for near in walk::neighbours(&rows.edges(&names), &entity, depth) {
            emit(vec![
                Value::Text(near.name),
                Value::Integer(near.depth),
                Value::Text(near.through),
                Value::Integer(near.fact),
            ])?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Paths;

impl Answer for Paths {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let names = rows.names();
        let edges = rows.edges(&names);
        let (from, to) = (
            names.entity(rows.text("from")?),
            names.entity(rows.text("to")?),
        );
        let found = walk::paths(
            &edges,
            &from,
            &to,
            rows.count("max_length")?,
            rows.count("k")?,
        );
        for (path, steps) in found.iter().enumerate() {
            for (step, place) in steps.iter().enumerate() {
                let Some(edge) = edges.get(*place) else {
                    continue;
                };
                emit(vec![
                    Value::Integer(path as i64 + 1),
                    Value::Integer(step as i64 + 1),
                    text(&edge.fact.subject),
                    text(&edge.fact.predicate),
                    text(&edge.fact.object),
                    Value::Integer(edge.fact.id),
                ])?;
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Rank;

impl Answer for Rank {
    fn answer(rows: &Read<Self>, emit: Emit<'_>) -> Result<()> {
        let names = rows.names();
        let seeds = rows
            .spec
            .get("seeds")
            .and_then(Json::as_array)
            .ok_or_else(foreign)?;
        let seeds: Vec<String> = seeds
            .iter()
            .filter_map(Json::as_str)
            .map(|s| names.entity(s))
            .collect();
        let ranks = walk::pagerank(&rows.edges(&names), &seeds);
        for (name, score) in ranks.into_iter().take(rows.count("k")?) {
            emit(vec![Value::Text(name), Value::Real(score)])?;
        }
        Ok(())
    }
}
