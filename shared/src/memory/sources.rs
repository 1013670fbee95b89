//! Where a memory comes from: the sources that it was given, and the memories that it was made of.
//!
//! The column `sources` is a JSON array of objects. Each has `at`, when it was said, and what the caller knows of it, as
//! `uri`, `span` and `confidence`. One with `memory` cites another memory, as a summary does with those that it sums up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::moment;
use super::options::SOURCE;
use super::row::{COLUMNS, Column, Memory, columns_without_embedding, input};
use crate::options::Options;
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::value::whole_number;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The source that a call says, as an object: a text is its `uri`. Errors if it is something else, or a field that has a
/// meaning has a value without one.
pub fn given(options: &Options) -> Result<Option<Map<String, Json>>> {
    let wrong = || options.wrong("source", &SOURCE.ty.values());
    let source = match options.get("source") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(uri)) => Map::from_iter([("uri".to_owned(), Json::from(uri.as_str()))]),
        Some(Json::Object(source)) => source.clone(),
        Some(_) => return Err(wrong()),
    };
    for (name, value) in &source {
        let fits = match name.as_str() {
            "uri" | "session" => value.is_string(),
            "span" => matches!(value.as_array().map(Vec::as_slice), Some([from, to])
                if whole_number(from).zip(whole_number(to)).is_some_and(|(from, to)| 0 <= from && from <= to)),
            "confidence" => value.as_f64().is_some_and(|c| (0.0..=1.0).contains(&c)),
            "memory" => whole_number(value).is_some(),
            "at" => moment::read(value).is_some(),
            _ => true,
        };
        if !fits {
            return Err(wrong());
        }
    }
    Ok(Some(source))
}

/// Adds a source, said now if it does not say when; in another session than the memory's own, if one is named. One that
/// is there already, whenever it was said, is not added again. Errors if the sources that are stored are damaged.
pub fn add(
    memory: &mut Memory,
    source: Option<Map<String, Json>>,
    session: Option<&str>,
    now: i64,
) -> Result<()> {
    let mut source = match (source, session) {
        (None, None) => return Ok(()),
        (source, _) => source.unwrap_or_default(),
    };
    if let Some(session) = session {
        source.entry("session").or_insert(session.into());
    }
    let mut sources = memory.list(Column::sources)?;
    let same = |known: &Json| {
        let rest = |source: &Map<String, Json>| {
            let mut source = source.clone();
            source.remove("at");
            source
        };
        known
            .as_object()
            .is_some_and(|known| rest(known) == rest(&source))
    };
    if sources.iter().any(same) {
        return Ok(());
    }
    if !source.contains_key("at") {
        source.insert("at".into(), moment::text(now)?.into());
    }
    sources.push(Json::Object(source));
    memory.set(Column::sources, Json::from(sources).to_string().as_str());
    Ok(())
}

/// The memory that a source cites.
pub fn cited(source: &Json) -> Option<i64> {
    whole_number(source.get("memory")?)
}

/// A memory and those that it cites, into their sources.
pub const SOURCES: Fold = Fold::new::<Sources>(
    "memory_sources",
    &input::<1, { 1 + COLUMNS.len() }>([Param::new("called", Type::Integer)]),
    &[
        ("memory", Type::Integer),
        ("uri", Type::Text),
        ("span", Type::Text),
        ("confidence", Type::Real),
        ("said_at", Type::Text),
        ("session", Type::Text),
        ("turn", Type::Integer),
        ("content", Type::Text),
        ("source", Type::Text),
    ],
);

/// The program of [`SOURCES`]: the memory, and all of its scope that it cites, directly or not. Errors if the id is NULL.
pub fn sources(id: Option<i64>, dialect: Dialect) -> Result<Program> {
    let known = id.ok_or_else(|| Error::new("id is NULL; give the id of a memory"))?;
    let mut values = Parameters::new(dialect);
    let id = values.add(Value::Integer(known));
    // In DuckDB by a pattern, since JSON is an extension there; a text that looks like it has its quotes escaped.
    let (cites, number) = match dialect {
        Dialect::Sqlite => (
            ", json_each(m.sources) AS s",
            "json_extract(CASE s.type WHEN 'object' THEN s.value END, '$.memory')",
        ),
        Dialect::DuckDb => (
            "",
            "TRY_CAST(unnest(regexp_extract_all(m.sources, '\"memory\": *([0-9]+)', 1)) AS BIGINT)",
        ),
    };
    Ok(Program {
        read: format!(
            "WITH RECURSIVE cited(id) AS (SELECT CAST({id} AS BIGINT) UNION SELECT {number} FROM cited JOIN lumos_memory AS m ON m.id = cited.id{cites}) \
             SELECT 1, {} FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM lumos_memory WHERE id IN (SELECT id FROM cited) \
             AND scope = (SELECT scope FROM lumos_memory WHERE id = {id})) AS m ON true",
            columns_without_embedding()
        ),
        parameters: values.into_values(),
        spec: known.to_string(),
    })
}

/// The state of the fold.
#[derive(Clone)]
struct Sources {
    id: i64,
    called: bool,
    memories: BTreeMap<i64, Memory>,
}

impl FoldState for Sources {
    fn start(spec: &str) -> Result<Self> {
        let wrong = |_| Error::new("the plan is not one of lumos_memory_sources");
        Ok(Sources {
            id: spec.parse().map_err(wrong)?,
            called: false,
            memories: BTreeMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.called = true;
        if let Some(memory) = Memory::read(row.get(1..).unwrap_or_default()) {
            let id = memory.integer(Column::id).unwrap_or_default();
            self.memories.insert(id, memory);
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.called |= other.called;
        self.memories.extend(other.memories.clone());
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let Some(memory) = self.memories.get(&self.id) else {
            return if self.called {
                Err(gone(self.id))
            } else {
                Ok(())
            };
        };
        // The memory first, then those that it cites, each once.
        let (mut left, mut seen) = (vec![(self.id, memory)], BTreeSet::from([self.id]));
        while !left.is_empty() {
            let mut next = Vec::new();
            for (id, memory) in left {
                let sources = memory.list(Column::sources)?;
                for row in rows(id, memory, &sources)? {
                    emit(row)?;
                }
                for id in sources.iter().filter_map(cited) {
                    if let Some(memory) = self.memories.get(&id)
                        && seen.insert(id)
                    {
                        next.push((id, memory));
                    }
                }
            }
            left = next;
        }
        Ok(())
    }
}

/// The error for an id that no memory has.
pub fn gone(id: i64) -> Error {
    Error::new(format!(
        "there is no memory {id}; lumos_memory_search gives ids"
    ))
}

/// A row for each source of a memory that cites no other memory; without one, a row that says when it was heard.
fn rows(id: i64, memory: &Memory, sources: &[Json]) -> Result<Vec<Vec<Value>>> {
    let get = |column| memory.get(column).clone();
    let event = moment::text(memory.integer(Column::event_time).unwrap_or_default())?;
    let row = |source: &Json| {
        let text = |name: &str| source.get(name).and_then(Json::as_str);
        let or = |given: Option<&str>, own| given.map_or(own, |text| Value::Text(text.into()));
        let at = source.get("at").and_then(moment::read).map(moment::text);
        // The turn is that of the memory's own session.
        let turn = match text("session") {
            None => get(Column::turn),
            Some(_) => Value::Null,
        };
        let confidence = source.get("confidence").and_then(Json::as_f64);
        let span = source.get("span").map(|span| Value::Text(span.to_string()));
        Ok(vec![
            Value::Integer(id),
            or(text("uri"), Value::Null),
            span.unwrap_or(Value::Null),
            confidence.map_or(Value::Null, Value::Real),
            Value::Text(at.transpose()?.unwrap_or_else(|| event.clone())),
            or(text("session"), get(Column::session)),
            turn,
            get(Column::content),
            match source {
                Json::Null => Value::Null,
                source => Value::Text(source.to_string()),
            },
        ])
    };
    let own: Vec<&Json> = sources.iter().filter(|s| cited(s).is_none()).collect();
    match own.as_slice() {
        [] => Ok(vec![row(&Json::Null)?]),
        own => own.iter().map(|source| row(source)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[crate::options::OptionDef] = &[SOURCE];

    fn read(source: Json) -> Result<Option<Map<String, Json>>> {
        given(&Options::parse(
            KNOWN,
            Some(&json!({"source": source}).to_string()),
        )?)
    }

    #[test]
    fn a_source_is_checked() {
        assert_eq!(
            read(json!("chat/7")).unwrap(),
            read(json!({"uri": "chat/7"})).unwrap()
        );
        assert_eq!(read(json!(null)).unwrap(), None);
        assert!(read(json!({"uri": "a", "span": [0, 20], "confidence": 0.9, "own": [1]})).is_ok());
        for wrong in [
            json!(7),
            json!([]),
            json!({"uri": 7}),
            json!({"span": [3, 1]}),
            json!({"span": [1]}),
            json!({"confidence": 1.5}),
            json!({"memory": "x"}),
            json!({"at": "May"}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_source_is_kept_once() {
        let mut memory = Memory::empty();
        memory.set(Column::sources, "[]");
        add(&mut memory, read(json!("a")).unwrap(), None, 0).unwrap();
        add(&mut memory, read(json!("a")).unwrap(), None, 60).unwrap();
        add(&mut memory, None, None, 60).unwrap();
        add(&mut memory, read(json!("a")).unwrap(), Some("monday"), 60).unwrap();
        add(&mut memory, None, Some("monday"), 120).unwrap();
        assert_eq!(
            memory.list(Column::sources).unwrap(),
            [
                json!({"at": "1970-01-01 00:00:00", "uri": "a"}),
                json!({"at": "1970-01-01 00:01:00", "session": "monday", "uri": "a"}),
                json!({"at": "1970-01-01 00:02:00", "session": "monday"}),
            ]
        );
    }
}
