//! The functions of facts: the arguments of each into what it reads and what is made of that.

use serde_json::{Value as Json, json};

use super::options::{
    ADD_OPTIONS, FACTS_OPTIONS, MERGE_OPTIONS, NEIGHBORS_OPTIONS, PAGERANK_OPTIONS, PATHS_OPTIONS,
};
use super::reading::{Facts, Reading};
use super::{key, predicate};
use crate::memory::moment;
use crate::memory::options::scope;
use crate::options::{OptionDef, Options};
use crate::program::Program;
use crate::sql::lexer::Dialect;
use crate::{Error, Result, ValueRef};

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

/// How far from its seeds PageRank reads facts. Half of the walkers go back at each, so that what those do who get
/// further, at the fifth fact and behind it, makes 1 of 32 of all scores.
const RANK_STEPS: usize = 4;

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
    Reading::new(&options, Facts::OfSubject, &[subject])?
        .with_predicate(predicate)
        .program(&options, spec, dialect)
}

/// `lumos_entity_merge(keep, other[, options])`. Errors if a name is NULL or empty, or an option is wrong.
pub fn merge(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let keep = name("keep", args.first())?;
    let other = name("other", args.get(1))?;
    let options = options(MERGE_OPTIONS, args.get(2))?;
    let spec = json!({"scope": scope(&options)?, "keep": keep, "other": other});
    Reading::new(&options, Facts::None, &[keep, other])?.program(&options, spec, dialect)
}

/// `lumos_facts(entity[, options])`; NULL is all entities. Errors if the name is empty, or an option is wrong.
pub fn facts(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let entity = match args.first() {
        None | Some(ValueRef::Null) => None,
        entity => Some(name("entity", entity)?),
    };
    let options = options(FACTS_OPTIONS, args.get(1))?;
    let mut spec = times(&options)?;
    spec["entity"] = json!(entity);
    let facts = entity.map_or(Facts::All, |_| Facts::Within(1));
    Reading::new(&options, facts, entity.as_slice())?.program(&options, spec, dialect)
}

/// `lumos_neighbors(entity[, options])`. Errors if the name is NULL or empty, or an option is wrong.
pub fn neighbors(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let entity = name("entity", args.first())?;
    let options = options(NEIGHBORS_OPTIONS, args.get(1))?;
    let mut spec = times(&options)?;
    spec["entity"] = json!(entity);
    let depth = options.integer("depth").unwrap_or(1);
    spec["depth"] = json!(depth);
    let facts = Facts::Within(usize::try_from(depth).unwrap_or(usize::MAX));
    Reading::new(&options, facts, &[entity])?.program(&options, spec, dialect)
}

/// `lumos_paths(from, to[, options])`. Errors if a name is NULL or empty, or an option is wrong.
pub fn paths(args: &[ValueRef<'_>], dialect: Dialect) -> Result<Program> {
    let from = name("from_entity", args.first())?;
    let to = name("to_entity", args.get(1))?;
    let options = options(PATHS_OPTIONS, args.get(2))?;
    let mut spec = times(&options)?;
    spec["from"] = json!(from);
    spec["to"] = json!(to);
    let length = options.integer("max_length").unwrap_or(4);
    spec["max_length"] = json!(length);
    spec["k"] = json!(options.integer("k").unwrap_or(3));
    // Half of the way from each end: a fact in the middle is within reach of one of them.
    let half = usize::try_from(length).unwrap_or(usize::MAX).div_ceil(2);
    Reading::new(&options, Facts::Within(half), &[from, to])?.program(&options, spec, dialect)
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
    let names: Vec<&str> = seeds.iter().map(String::as_str).collect();
    Reading::new(&options, Facts::Within(RANK_STEPS), &names)?.program(&options, spec, dialect)
}
