//! Which rows of `lumos_fact` and `lumos_alias` a call reads: one SELECT for the folds of [`super::folds`].
//!
//! Facts near an entity are found step by step through the keys of subject and object, by one table of the SELECT for
//! each step, so that a question about a few entities does not read the scope. More than the answer needs may be read,
//! never less: the folds decide what holds, what is known and how far it is.

use serde_json::Value as Json;

use super::{key, predicate};
use crate::memory::options::scope;
use crate::memory::{moment, now};
use crate::options::Options;
use crate::program::{Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Result, Value};

/// Which facts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts {
    /// None; aliases only.
    None,
    /// Those whose subject an entity is.
    OfSubject,
    /// Those on a way of so many facts from an entity. Of a functional predicate all facts of the same subjects too,
    /// since one may end another.
    Within(usize),
    /// All of the scope.
    All,
}

/// The SELECT has two parts for each step: from here on the whole scope is read.
const MOST_STEPS: usize = 8;

/// The same for entities that it starts from.
const MOST_STARTS: usize = 1_000;

/// The columns of a fact that a fold takes, behind the kind of the row.
const COLUMNS: &str = "id, subject, predicate, object, functional, valid_from, valid_to, created_at, expired_at, \
                       confidence, memory, source";

/// What a call reads.
pub struct Reading {
    facts: Facts,
    scope: String,
    /// Where it starts, by their keys.
    entities: Vec<String>,
    predicate: Option<String>,
    /// As it was known then; `None` is now.
    as_known: Option<i64>,
    /// A way goes over facts that hold then.
    as_of: AsOf,
}

enum AsOf {
    Now,
    Moment(i64),
    Ever,
}

impl Reading {
    /// By the options `scope`, `predicate`, `as_of` and `as_known`, where the call has them. Errors if one of them is wrong.
    pub fn new(options: &Options, facts: Facts, entities: &[&str]) -> Result<Reading> {
        let many = match facts {
            Facts::Within(steps) => steps > MOST_STEPS || entities.len() > MOST_STARTS,
            _ => false,
        };
        Ok(Reading {
            facts: if many { Facts::All } else { facts },
            scope: scope(options)?,
            entities: entities.iter().map(|name| key(name)).collect(),
            predicate: options.text("predicate").map(predicate).transpose()?,
            as_known: moment::option(options, "as_known")?,
            as_of: match options.get("as_of") {
                None => AsOf::Now,
                Some(_) => moment::option(options, "as_of")?.map_or(AsOf::Ever, AsOf::Moment),
            },
        })
    }

    /// Only facts with this predicate.
    pub fn with_predicate(self, predicate: String) -> Reading {
        Reading {
            predicate: Some(predicate),
            ..self
        }
    }

    /// The SELECT. Errors if the option `now` is no time.
    pub fn program(self, options: &Options, spec: Json, dialect: Dialect) -> Result<Program> {
        let mut values = Parameters::new(dialect);
        let now = format!("CAST({} AS BIGINT)", now(options, &mut values, dialect)?);
        let scope = values.add_kept(Value::Text(self.scope));
        let mut known = format!("scope = {scope}");
        if let Some(predicate) = self.predicate {
            let predicate = values.add_kept(Value::Text(predicate));
            known.push_str(&format!(" AND predicate = {predicate}"));
        }
        known.push_str(&match self.as_known {
            None => " AND expired_at IS NULL".to_owned(),
            Some(then) => {
                let then = values.add_kept(Value::Integer(then));
                format!(" AND created_at <= {then} AND (expired_at IS NULL OR expired_at > {then})")
            }
        });
        // A value goes in where it is used only: SQLite takes none for a parameter that is not there.
        let at = match (self.facts, self.as_of) {
            (Facts::Within(2..), AsOf::Now) => Some(now.clone()),
            (Facts::Within(2..), AsOf::Moment(at)) => Some(values.add_kept(Value::Integer(at))),
            _ => None,
        };
        let holds = match at {
            None => "true".to_owned(),
            Some(at) => format!(
                "(valid_from IS NULL OR valid_from <= {at}) AND (valid_to IS NULL OR valid_to > {at})"
            ),
        };
        let starts = match self.facts {
            Facts::None | Facts::All => Vec::new(),
            Facts::OfSubject | Facts::Within(_) => self.entities,
        };
        let starts = starts.into_iter().map(Value::Text);
        let rows: Vec<String> = starts
            .map(|key| format!("({})", values.add_kept(key)))
            .collect();
        let entities = if rows.is_empty() {
            "SELECT '' WHERE false".to_owned()
        } else {
            format!("SELECT * FROM (VALUES {})", rows.join(", "))
        };
        let of = |column: &str, names: &str| {
            format!("FROM lumos_fact WHERE {known} AND {column} IN (SELECT name FROM {names})")
        };
        let (subject, object) = (
            of("subject_key", "lumos_near"),
            of("object_key", "lumos_near"),
        );
        let mut tables = Tables::new(&scope, dialect);
        let mut read = vec![format!(
            "SELECT 1, NULL, alias, NULL, name, NULL, NULL, NULL, created_at, NULL, NULL, NULL, NULL FROM lumos_alias \
             WHERE scope = {scope}"
        )];
        match self.facts {
            Facts::None => {}
            Facts::All => read.push(format!("SELECT 2, {COLUMNS} FROM lumos_fact WHERE {known}")),
            Facts::OfSubject => {
                tables.add_same("lumos_near", &entities);
                read.push(format!("SELECT 2, {COLUMNS} {subject}"));
            }
            Facts::Within(steps) => {
                tables.add_near(&entities, steps, &known, &holds);
                // By each index in a SELECT of its own.
                tables.add(
                    "lumos_found",
                    &format!(
                        "SELECT {COLUMNS}, subject_key {subject} UNION ALL SELECT {COLUMNS}, subject_key {object}"
                    ),
                );
                tables.add_same(
                    "lumos_subject",
                    "SELECT subject_key FROM lumos_found WHERE functional <> 0 AND subject_key NOT IN (SELECT name FROM lumos_near)",
                );
                read.push(format!("SELECT 2, {COLUMNS} FROM lumos_found"));
                read.push(format!(
                    "SELECT 2, {COLUMNS} {} AND functional <> 0 AND predicate IN (SELECT predicate FROM lumos_found WHERE functional <> 0)",
                    of("subject_key", "lumos_subject")
                ));
            }
        }
        let free = match self.facts {
            Facts::OfSubject => "(SELECT coalesce(max(id), 0) + 1 FROM lumos_fact)",
            _ => "1",
        };
        Ok(Program {
            read: format!(
                "{}SELECT 0 AS kind, {free} AS id, NULL AS subject, NULL AS \
                 predicate, NULL AS object, NULL AS functional, NULL AS valid_from, NULL AS valid_to, {now} AS \
                 created_at, NULL AS expired_at, NULL AS confidence, NULL AS memory, NULL AS source UNION ALL {}",
                tables.sql(),
                read.join(" UNION ALL ")
            ),
            parameters: values.into_values(),
            spec: spec.to_string(),
        })
    }
}

/// The tables of a SELECT, each of those before it.
struct Tables {
    list: Vec<String>,
    scope: String,
    dialect: Dialect,
}

impl Tables {
    fn new(scope: &str, dialect: Dialect) -> Tables {
        Tables {
            list: Vec::new(),
            scope: scope.into(),
            dialect,
        }
    }

    fn add(&mut self, name: &str, select: &str) {
        self.list.push(format!("{name} AS MATERIALIZED ({select})"));
    }

    /// The table `lumos_near` of the names whose facts are within so many steps of an entity.
    fn add_near(&mut self, entities: &str, steps: usize, known: &str, holds: &str) {
        if steps == 1 {
            return self.add_same("lumos_near", entities);
        }
        match self.dialect {
            // In SQLite each mention of a table has a copy of all that the table is made of, so it is one recursion.
            Dialect::Sqlite => {
                let mut all = format!("SELECT *, 0 FROM ({entities})");
                for (here, there) in [("alias_key", "name_key"), ("name_key", "alias_key")] {
                    all.push_str(&format!(
                        " UNION SELECT {there}, step FROM lumos_reached CROSS JOIN lumos_alias ON scope = {} AND {here} = \
                         lumos_reached.name",
                        self.scope
                    ));
                }
                for (here, there) in [("subject_key", "object_key"), ("object_key", "subject_key")]
                {
                    all.push_str(&format!(
                        " UNION SELECT {there}, step + 1 FROM lumos_reached CROSS JOIN lumos_fact ON {known} AND {here} = \
                         lumos_reached.name AND {holds} WHERE step < {}",
                        steps - 1
                    ));
                }
                self.list
                    .push(format!("lumos_reached(name, step) AS ({all})"));
                self.list.push(
                    "lumos_near(name) AS MATERIALIZED (SELECT DISTINCT name FROM lumos_reached)"
                        .into(),
                );
            }
            Dialect::DuckDb => {
                self.add_same("lumos_near_0", entities);
                for step in 1..steps {
                    let before = format!("(SELECT name FROM lumos_near_{})", step - 1);
                    let table = if step + 1 == steps {
                        "lumos_near".to_owned()
                    } else {
                        format!("lumos_near_{step}")
                    };
                    let from = |there: &str, here: &str| {
                        format!(
                            "SELECT {there} FROM lumos_fact WHERE {known} AND {holds} AND {here} IN {before}"
                        )
                    };
                    let reached = format!(
                        "{before} UNION {} UNION {}",
                        from("object_key", "subject_key"),
                        from("subject_key", "object_key")
                    );
                    self.add_same(&table, &reached);
                }
            }
        }
    }

    /// A table of names, with all that mean the same at any time.
    fn add_same(&mut self, table: &str, select: &str) {
        let scope = &self.scope;
        match self.dialect {
            // By both indexes of the table.
            Dialect::Sqlite => {
                let linked = |from: &str, to: &str| {
                    format!(
                        "SELECT {to} FROM {table} CROSS JOIN lumos_alias ON scope = {scope} AND {from} = {table}.name"
                    )
                };
                self.list.push(format!(
                    "{table}(name) AS ({select} UNION {} UNION {})",
                    linked("alias_key", "name_key"),
                    linked("name_key", "alias_key")
                ));
            }
            // DuckDB takes the result of a recursion for large, and would look the facts up by hashes of all of them;
            // what a list holds it takes for small.
            Dialect::DuckDb => {
                if self.list.is_empty() {
                    let links = |from: &str, to: &str| {
                        format!("SELECT {from}, {to} FROM lumos_alias WHERE scope = {scope}")
                    };
                    self.list.push(format!(
                        "lumos_link(here, there) AS MATERIALIZED ({} UNION ALL {})",
                        links("alias_key", "name_key"),
                        links("name_key", "alias_key")
                    ));
                }
                self.list.push(format!(
                    "{table}_all(name) AS ({select} UNION SELECT there FROM {table}_all JOIN lumos_link ON here = \
                     {table}_all.name), {table}(name) AS MATERIALIZED (SELECT unnest(names) FROM (SELECT list(name) AS \
                     names FROM {table}_all))"
                ));
            }
        }
    }

    fn sql(&self) -> String {
        if self.list.is_empty() {
            String::new()
        } else {
            format!("WITH RECURSIVE {} ", self.list.join(", "))
        }
    }
}
