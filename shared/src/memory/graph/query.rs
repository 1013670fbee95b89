//! What both engines run: one SELECT of the rows of `lumos_fact` and `lumos_alias`, for the folds of [`super::folds`].

use serde_json::{Value as Json, json};

use super::options::{
    ADD_OPTIONS, FACTS_OPTIONS, MERGE_OPTIONS, NEIGHBORS_OPTIONS, PAGERANK_OPTIONS, PATHS_OPTIONS,
};
use super::{key, predicate};
use crate::memory::options::scope;
use crate::memory::{moment, now};
use crate::options::{OptionDef, Options};
use crate::program::{Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Error, Result, Value, ValueRef};

/// The name of an entity. Errors if it is NULL or has nothing to be known by.
fn name<'a>(what: &str, value: Option<&ValueRef<'a>>) -> Result<&'a str> {
    match value {
        Some(ValueRef::Text(name)) if !key(name).is_empty() => Ok(name.trim()),
        Some(ValueRef::Text(_)) => Err(Error::new(format!("{what} is empty; give a name"))),
        _ => Err(Error::new(format!("{what} is NULL; give a name"))),
    }
}

fn options(known: &[OptionDef], value: Option<&ValueRef<'_>>) -> Result<Options> {
    match value {
        Some(ValueRef::Text(text)) => Options::parse(known, Some(text)),
        _ => Options::parse(known, None),
    }
}

/// Which facts a SELECT reads.
struct Reading {
    scope: String,
    /// Only those of this subject, by all its names.
    subject: Option<String>,
    /// Only those of this subject or object.
    entity: Option<String>,
    predicate: Option<String>,
    /// Only those that are known now, else by their times.
    current: bool,
}

impl Reading {
    fn of(options: &Options) -> Result<Reading> {
        Ok(Reading {
            scope: scope(options)?,
            subject: None,
            entity: None,
            predicate: options.text("predicate").map(predicate).transpose()?,
            current: options.get("as_known").is_none(),
        })
    }

    fn program(self, options: &Options, spec: Json, dialect: Dialect) -> Result<Program> {
        let mut values = Parameters::new(dialect);
        let now = format!("CAST({} AS BIGINT)", now(options, &mut values, dialect)?);
        let scope = values.add(Value::Text(self.scope));
        let mut conditions = vec![format!("scope = {scope}")];
        let mut same = String::new();
        let entity = self.subject.as_ref().or(self.entity.as_ref());
        if let Some(entity) = entity {
            let entity = values.add(Value::Text(key(entity)));
            same = format!(
                "WITH RECURSIVE lumos_same(name) AS (SELECT {entity} UNION SELECT CASE WHEN alias_key = lumos_same.name \
                 THEN name_key ELSE alias_key END FROM lumos_same JOIN lumos_alias ON scope = {scope} AND (alias_key = \
                 lumos_same.name OR name_key = lumos_same.name)) "
            );
        }
        if let Some(predicate) = self.predicate {
            let predicate = values.add(Value::Text(predicate));
            conditions.push(format!("predicate = {predicate}"));
        }
        if self.current {
            conditions.push("expired_at IS NULL".into());
        }
        let conditions = conditions.join(" AND ");
        let of =
            |column: &str| format!("{conditions} AND {column} IN (SELECT name FROM lumos_same)");
        // By each index in a SELECT of its own; a fact that both find counts once.
        let arms = match (&self.subject, &self.entity) {
            (Some(_), _) => vec![of("subject_key")],
            (None, Some(_)) => vec![of("subject_key"), of("object_key")],
            (None, None) => vec![conditions],
        };
        let facts: Vec<String> = arms
            .iter()
            .map(|conditions| {
                format!(
                    " UNION ALL SELECT 2, id, subject, predicate, object, functional, valid_from, valid_to, created_at, \
                     expired_at, confidence, memory, source FROM lumos_fact WHERE {conditions}"
                )
            })
            .collect();
        Ok(Program {
            read: format!(
                "{same}SELECT 0 AS kind, (SELECT coalesce(max(id), 0) + 1 FROM lumos_fact) AS id, NULL AS subject, NULL AS \
                 predicate, NULL AS object, NULL AS functional, NULL AS valid_from, NULL AS valid_to, {now} AS \
                 created_at, NULL AS expired_at, NULL AS confidence, NULL AS memory, NULL AS source UNION ALL SELECT 1, \
                 NULL, alias, NULL, name, NULL, NULL, NULL, created_at, NULL, NULL, NULL, NULL FROM lumos_alias WHERE \
                 scope = {scope}{}",
                facts.concat()
            ),
            parameters: values.into_values(),
            spec: spec.to_string(),
        })
    }
}

/// What the spec says of the times of a reading.
fn times(options: &Options) -> Result<Json> {
    let as_of = match options.get("as_of") {
        None => json!("now"),
        Some(Json::Null) => Json::Null,
        Some(_) => json!(moment::option(options, "as_of")?),
    };
    let as_known = moment::option(options, "as_known")?;
    Ok(json!({"as_of": as_of, "as_known": as_known}))
}

/// `lumos_fact_add(subject, predicate, object[, options])`. Errors if a name is NULL or empty, or an option is wrong.
pub fn add(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let subject = name("subject", args.first())?;
    let predicate = predicate(name("predicate", args.get(1))?)?;
    let object = name("object", args.get(2))?;
    let options = options(ADD_OPTIONS, args.get(3))?;
    let confidence = options.number("confidence").unwrap_or(1.0);
    if confidence > 1.0 {
        return Err(options.wrong("confidence", "a number from 0 to 1"));
    }
    let functional = options.flag("functional");
    let functional =
        functional.unwrap_or_else(|| crate::memory::extract::is_functional(&predicate));
    let valid_from = match options.get("valid_from") {
        None => json!("now"),
        Some(Json::Null) => Json::Null,
        Some(_) => json!(moment::option(&options, "valid_from")?),
    };
    let spec = json!({
        "scope": scope(&options)?, "subject": subject, "predicate": predicate, "object": object,
        "functional": functional, "valid_from": valid_from, "valid_to": moment::option(&options, "valid_to")?,
        "confidence": confidence, "memory": options.integer("memory"), "source": options.text("source"),
    });
    let reading = Reading {
        scope: scope(&options)?,
        subject: Some(subject.into()),
        entity: None,
        predicate: Some(predicate),
        current: true,
    };
    reading.program(&options, spec, dialect)
}

/// `lumos_entity_merge(keep, other[, options])`. Errors if a name is NULL or empty, or an option is wrong.
pub fn merge(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let keep = name("keep", args.first())?;
    let other = name("other", args.get(1))?;
    let options = options(MERGE_OPTIONS, args.get(2))?;
    let spec = json!({"scope": scope(&options)?, "keep": keep, "other": other});
    let reading = Reading {
        // Only aliases are asked for.
        subject: Some(String::new()),
        ..Reading::of(&options)?
    };
    reading.program(&options, spec, dialect)
}

/// `lumos_facts(entity[, options])`; NULL is all entities. Errors if the name is empty, or an option is wrong.
pub fn facts(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let entity = match args.first() {
        None | Some(ValueRef::Null) => None,
        entity => Some(name("entity", entity)?.to_owned()),
    };
    let options = options(FACTS_OPTIONS, args.get(1))?;
    let mut spec = times(&options)?;
    spec["entity"] = json!(entity);
    let reading = Reading {
        entity,
        ..Reading::of(&options)?
    };
    reading.program(&options, spec, dialect)
}

/// `lumos_neighbors(entity[, options])`. Errors if the name is NULL or empty, or an option is wrong.
pub fn neighbors(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let entity = name("entity", args.first())?;
    let options = options(NEIGHBORS_OPTIONS, args.get(1))?;
    let mut spec = times(&options)?;
    spec["entity"] = json!(entity);
    spec["depth"] = json!(options.integer("depth").unwrap_or(1));
    Reading::of(&options)?.program(&options, spec, dialect)
}

/// `lumos_paths(from, to[, options])`. Errors if a name is NULL or empty, or an option is wrong.
pub fn paths(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let from = name("from_entity", args.first())?;
    let to = name("to_entity", args.get(1))?;
    let options = options(PATHS_OPTIONS, args.get(2))?;
    let mut spec = times(&options)?;
    spec["from"] = json!(from);
    spec["to"] = json!(to);
    spec["max_length"] = json!(options.integer("max_length").unwrap_or(4));
    spec["k"] = json!(options.integer("k").unwrap_or(3));
    Reading::of(&options)?.program(&options, spec, dialect)
}

/// `lumos_pagerank(seeds[, options])`; seeds are a name or a JSON array of names. Errors if the seeds are neither a
/// name nor a JSON array of names, or an option is wrong.
pub fn pagerank(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let seeds = name("seeds", args.first())?;
    let seeds: Vec<String> = if seeds.starts_with('[') {
        serde_json::from_str(seeds).map_err(|_| {
            let seeds = crate::options::shortened(seeds);
            Error::new(format!(
                "seeds are {seeds}; give a name, or a JSON array of names"
            ))
        })?
    } else {
        vec![seeds.into()]
    };
    let options = options(PAGERANK_OPTIONS, args.get(1))?;
    let mut spec = times(&options)?;
    spec["seeds"] = json!(seeds);
    spec["k"] = json!(options.integer("k").unwrap_or(10));
    Reading::of(&options)?.program(&options, spec, dialect)
}
