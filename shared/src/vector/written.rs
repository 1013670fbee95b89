//! The SQL that `lumos_search` writes for DuckDB: `FROM query(lumos_search('docs(id, e, h)', q, 10))`.
//!
//! With a column of hashes the text has two parts. The first reads id and hash of every row that the filter leaves,
//! and searches those vectors that are held in memory (see [`super::held`]). The second reads the vectors of the
//! rows that the first did not know, measures them exactly, and has them held from then on. Both see the
//! transaction that they run in. That a row's hash is its vector's is what the table's own CHECK says, and the text
//! looks for that at every run.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::index::{Kind, OVERSAMPLE};
use super::metric::Metric;
use crate::sql::{identifier, literal};
use crate::{Error, Result};

/// Rows where `k` is not given.
pub const K: i64 = 10;

/// The memory that an index may take if nothing is said, in MB.
const MEMORY: u64 = 1024;

/// The table to search, as it is written: `docs(id, e)`, `shop.main.docs(id, e, h)`.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// Database, schema and table, as far as they are given.
    table: Vec<String>,
    id: String,
    vector: String,
    hash: Option<String>,
}

impl Target {
    fn parse(text: &str) -> Result<Target> {
        let wrong = || {
            Error::new(format!(
                "{text} is no table with columns; give one like docs(id, e), or docs(id, e, h) with a column of hashes"
            ))
        };
        let mut names = Names(text);
        let mut table = vec![names.name().ok_or_else(wrong)?];
        while names.takes('.') {
            table.push(names.name().ok_or_else(wrong)?);
        }
        let mut columns = Vec::new();
        if !names.takes('(') {
            return Err(wrong());
        }
        loop {
            columns.push(names.name().ok_or_else(wrong)?);
            if !names.takes(',') {
                break;
            }
        }
        let ended = names.takes(')') && names.0.trim().is_empty() && table.len() <= 3;
        let mut columns = columns.into_iter();
        match (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
        ) {
            (Some(id), Some(vector), hash, None) if ended => Ok(Target {
                table,
                id,
                vector,
                hash,
            }),
            _ => Err(wrong()),
        }
    }

    /// The table as it is written.
    fn table(&self) -> String {
        let parts: Vec<String> = self.table.iter().map(|p| identifier(p)).collect();
        parts.join(".")
    }
}

/// What is left to read.
struct Names<'a>(&'a str);

impl Names<'_> {
    /// Takes a character and the spaces around it.
    fn takes(&mut self, c: char) -> bool {
        let rest = self.0.trim_start();
        match rest.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a name, quoted or not.
    fn name(&mut self) -> Option<String> {
        let rest = self.0.trim_start();
        if let Some(mut rest) = rest.strip_prefix('"') {
            let mut name = String::new();
            loop {
                let (part, after) = rest.split_once('"')?;
                name.push_str(part);
                match after.strip_prefix('"') {
                    Some(after) => {
                        name.push('"');
                        rest = after;
                    }
                    None => {
                        self.0 = after;
                        return (!name.is_empty()).then_some(name);
                    }
                }
            }
        }
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.0 = after;
        let begins = name.starts_with(|c: char| !c.is_ascii_digit() && c != '$');
        begins.then(|| name.to_owned())
    }
}

/// What the last argument says.
#[derive(Debug)]
struct Options {
    exact: bool,
    oversample: usize,
    max_distance: Option<f64>,
    ids: Option<Vec<Json>>,
    filter: Option<String>,
    metric: Metric,
    kind: Kind,
    memory: u64,
}

impl Options {
    fn parse(text: &str) -> Result<Options> {
        let mut options = Options {
            exact: false,
            oversample: OVERSAMPLE,
            max_distance: None,
            ids: None,
            filter: None,
            metric: Metric::L2,
            kind: Kind::Flat4,
            memory: MEMORY,
        };
        let given: Map<String, Json> = serde_json::from_str(text)
            .map_err(|_| Error::new(format!("options is {text}; give a JSON object")))?;
        for (name, value) in &given {
            let wrong = |what: &str| Error::new(format!("{name} is {value}; give {what}"));
            let whole = |most: u64| {
                let number = value.as_u64().filter(|n| (1..=most).contains(n));
                number.ok_or_else(|| wrong(&format!("a whole number from 1 to {most}")))
            };
            let text = |what: &str| value.as_str().ok_or_else(|| wrong(what));
            match name.as_str() {
                "exact" => options.exact = value.as_bool().ok_or_else(|| wrong("true or false"))?,
                "oversample" => options.oversample = whole(1000)? as usize,
                "max_distance" => {
                    options.max_distance = Some(value.as_f64().ok_or_else(|| wrong("a number"))?)
                }
                "ids" => {
                    let ids = value
                        .as_array()
                        .filter(|ids| ids.iter().all(|id| id.is_i64() || id.is_string()));
                    let ids = ids.ok_or_else(|| wrong("a list of integers or of texts"))?;
                    options.ids = Some(ids.clone());
                }
                "filter" => options.filter = Some(text("a condition in SQL as a text")?.to_owned()),
                "metric" => options.metric = Metric::parse_indexed(text("l2, cosine or ip")?)?,
                "kind" => options.kind = Kind::parse(text("flat4 or flat8")?)?,
                "memory" => options.memory = whole(1 << 20)?,
                _ => {
                    return Err(Error::new(format!(
                        "unknown option \"{name}\"; the options are exact, oversample, max_distance, ids, filter, metric, kind and memory"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// WHERE for the rows that the options leave.
    fn condition(&self, id: &str) -> String {
        let mut conditions = Vec::new();
        if let Some(filter) = &self.filter {
            // A comment at its end does not reach the parenthesis.
            conditions.push(format!("({filter}\n)"));
        }
        if let Some(ids) = &self.ids {
            let ids: Vec<String> = ids
                .iter()
                .map(|id| id.as_str().map_or_else(|| id.to_string(), literal))
                .collect();
            conditions.push(match ids.is_empty() {
                true => "false".to_owned(),
                false => format!("{id} IN ({})", ids.join(", ")),
            });
        }
        match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }
}

/// What the two parts of a search are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the index.
    pub name: String,
    /// The CHECKs of which the table must have one, in small letters.
    pub checks: Vec<String>,
    /// How many rows are asked for.
    pub k: i64,
    /// How they are ordered.
    pub metric: Metric,
    /// The kind of index.
    pub kind: Kind,
    /// Candidates for each row.
    pub oversample: usize,
    /// The most memory that the index may take, in bytes.
    pub room: usize,
    /// True if no row is left out beforehand.
    pub whole: bool,
}

impl Plan {
    fn write(&self) -> String {
        json!([
            self.name,
            self.checks,
            self.k,
            self.metric.name(),
            self.kind.name(),
            self.oversample,
            self.room,
            self.whole
        ])
        .to_string()
    }

    /// Reads what [`lumos_search`](search) has written.
    pub fn parse(text: &str) -> Result<Plan> {
        let wrong = || Error::new("the plan is not one that lumos_search has written");
        let parts: (String, Vec<String>, i64, String, String, usize, usize, bool) =
            serde_json::from_str(text).map_err(|_| wrong())?;
        let (name, checks, k, metric, kind, oversample, room, whole) = parts;
        Ok(Plan {
            name,
            checks,
            k,
            metric: Metric::parse(&metric)?,
            kind: Kind::parse(&kind)?,
            oversample,
            room,
            whole,
        })
    }
}

/// The SQL of a search for the `k` rows of `target` nearest to `query`.
pub fn search(target: &str, query: &[f32], k: i64, options: &str) -> Result<String> {
    let target = Target::parse(target)?;
    let options = Options::parse(options)?;
    if k < 0 {
        return Err(Error::new(format!(
            "k is {k}; give a whole number from 0 on"
        )));
    }
    let mut hex = String::with_capacity(query.len() * 8);
    for value in query {
        let _ = write!(hex, "{:08x}", u32::from_be_bytes(value.to_le_bytes()));
    }
    let asked = Asked {
        query: format!("unhex('{hex}')"),
        k,
        options,
    };
    match &target.hash {
        Some(hash) if !asked.options.exact => Ok(asked.held(&target, hash)),
        _ => Ok(asked.exact(&target)),
    }
}

/// The SQL of a search for nothing.
pub fn nothing() -> String {
    "SELECT NULL::BIGINT AS id, NULL::DOUBLE AS distance, NULL::BIGINT AS rank WHERE false".into()
}

struct Asked {
    query: String,
    k: i64,
    options: Options,
}

impl Asked {
    /// Without a column of hashes: every vector is read.
    fn exact(&self, target: &Target) -> String {
        let (id, vector) = (identifier(&target.id), identifier(&target.vector));
        let hits = format!(
            "SELECT unnest(lumos_topk({id}, {vector}, {}, {}, '{}')) AS hit FROM {}{}",
            self.query,
            self.k,
            self.options.metric.name(),
            target.table(),
            self.options.condition(&id)
        );
        self.ranked(&hits)
    }

    /// With one.
    fn held(&self, target: &Target, hash: &str) -> String {
        let (id, vector) = (identifier(&target.id), identifier(&target.vector));
        let (table, owner) = (&target.table[target.table.len() - 1], Owner::of(target));
        let plan = Plan {
            name: self.name(target, hash),
            checks: checks(hash, &target.vector).into(),
            k: self.k,
            metric: self.options.metric,
            kind: self.options.kind,
            oversample: self.options.oversample,
            room: self.options.memory as usize * 1_000_000,
            whole: self.options.filter.is_none() && self.options.ids.is_none(),
        };
        let (query, plan, k) = (&self.query, literal(&plan.write()), self.k);
        let condition = self.options.condition(&id);
        let (hash, alias) = (identifier(hash), identifier(table));
        let rows = format!("{} AS {alias}", owner.rows(&alias));
        let said = owner.checks(table);
        let hits = format!(
            "SELECT unnest(part.hits) AS hit FROM lumos_scan UNION ALL \
             SELECT unnest(lumos_topk({alias}.{id}, {alias}.{vector}, {query}, {k}, {alias}.{hash}, \
             \"system\".main.hash({alias}.{vector}), {plan}, lumos_unknown.places)) AS hit \
             FROM {rows} JOIN lumos_unknown ON {alias}.lumos_place = lumos_unknown.place"
        );
        format!(
            "WITH lumos_scan AS MATERIALIZED (\
             SELECT lumos_topk({id}, lumos_place, {query}, {hash}, {plan}, ({said})) AS part FROM {rows}{condition}), \
             lumos_unknown AS (SELECT unnest(part.unknown) AS place, len(part.unknown) AS places FROM lumos_scan) {}",
            self.ranked(&hits)
        )
    }

    /// Rows of a hit each as the answer.
    fn ranked(&self, hits: &str) -> String {
        let near = match self.options.max_distance {
            Some(most) => format!(" WHERE hit.distance <= {most:?}::DOUBLE"),
            None => String::new(),
        };
        format!(
            "SELECT hit.id AS id, hit.distance AS distance, row_number() OVER (ORDER BY hit.distance, hit.id) AS rank \
             FROM ({hits}){near} ORDER BY rank LIMIT {}",
            self.k
        )
    }

    fn name(&self, target: &Target, hash: &str) -> String {
        format!(
            "{}({}, {}, {})",
            target.table(),
            identifier(&target.id),
            identifier(&target.vector),
            identifier(hash)
        )
    }
}

/// The forms that DuckDB shows of `CHECK (h = hash(e))`, in small letters: it quotes a name only if it must.
fn checks(hash: &str, vector: &str) -> [String; 8] {
    let plain = |name: &str| [name, &identifier(name)].map(str::to_ascii_lowercase);
    let (hashes, vectors) = (plain(hash), plain(vector));
    std::array::from_fn(|i| {
        let (hash, vector) = (&hashes[i & 1], &vectors[i >> 1 & 1]);
        match i >> 2 {
            0 => format!("check(({hash} = hash({vector})))"),
            _ => format!("check((hash({vector}) = {hash}))"),
        }
    })
}

/// Database and schema of a table. What is not given is filled in when the text is bound, in a text within the text,
/// so that the table that is read and the table whose CHECK is looked for are the same.
struct Owner<'a> {
    database: Option<&'a str>,
    schema: Option<&'a str>,
}

impl<'a> Owner<'a> {
    fn of(target: &'a Target) -> Owner<'a> {
        let (database, schema) = match target.table.as_slice() {
            [database, schema, _] => (Some(database), Some(schema)),
            [schema, _] => (None, Some(schema)),
            _ => (None, None),
        };
        Owner {
            database: database.map(String::as_str),
            schema: schema.map(String::as_str),
        }
    }

    /// The table's columns and the place of each row, for FROM.
    fn rows(&self, table: &str) -> String {
        self.select(&[
            Piece::Text("SELECT rowid AS lumos_place, * FROM "),
            Piece::Database(Quote::Name),
            Piece::Text("."),
            Piece::Schema(Quote::Name),
            Piece::Text(&format!(".{table}")),
        ])
    }

    /// A subquery of the texts of the table's CHECKs, with \\0 between them.
    fn checks(&self, table: &str) -> String {
        let (text, name) = (small("constraint_text"), small("table_name"));
        let from = self.select(&[
            Piece::Text(&format!(
                "SELECT {text} AS said FROM duckdb_constraints() WHERE constraint_type = 'CHECK' AND {name} = {} AND {} = ",
                literal(&table.to_ascii_lowercase()),
                small("database_name")
            )),
            Piece::Database(Quote::Literal),
            Piece::Text(&format!(" AND {} = ", small("schema_name"))),
            Piece::Schema(Quote::Literal),
        ]);
        format!("SELECT string_agg(said, chr(0)) FROM {from}")
    }

    /// A query in FROM.
    fn select(&self, pieces: &[Piece<'_>]) -> String {
        let known = self.database.is_some() && self.schema.is_some();
        let mut sql = String::new();
        for piece in pieces {
            let (given, current, quote) = match piece {
                Piece::Text(text) => {
                    sql.push_str(&match known {
                        true => (*text).to_owned(),
                        false => format!("{} || ", literal(text)),
                    });
                    continue;
                }
                Piece::Database(quote) => (self.database, "current_database()", quote),
                Piece::Schema(quote) => (self.schema, "current_schema()", quote),
            };
            let (mark, doubled) = match quote {
                Quote::Name => ("'\"'", "'\"\"'"),
                Quote::Literal => ("''''", "''''''"),
            };
            match (given, quote) {
                (Some(name), Quote::Name) if known => sql.push_str(&identifier(name)),
                (Some(name), Quote::Literal) if known => {
                    sql.push_str(&literal(&name.to_ascii_lowercase()))
                }
                (_, quote) => {
                    let name = given.map_or(current.to_owned(), literal);
                    let name = match quote {
                        Quote::Name => name,
                        Quote::Literal => small(&name),
                    };
                    sql.push_str(&format!(
                        "{mark} || replace({name}, {mark}, {doubled}) || {mark} || "
                    ));
                }
            }
        }
        match known {
            true => format!("({sql})"),
            false => format!("query({sql}'')"),
        }
    }
}

/// A part of a text that is written now or when it is bound.
enum Piece<'a> {
    Text(&'a str),
    Database(Quote),
    Schema(Quote),
}

/// How a name stands in a text: as an identifier, or as a literal in small letters.
enum Quote {
    Name,
    Literal,
}

/// Names of DuckDB differ in more than the case of ASCII letters.
fn small(text: &str) -> String {
    format!("translate({text}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_strictly() {
        let read = |text: &str| Target::parse(text).map(|t| (t.table, t.id, t.vector, t.hash));
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        for (text, table, hash) in [
            ("docs(id, e)", names(&["docs"]), None),
            (" docs ( id , e , h ) ", names(&["docs"]), Some("h")),
            (
                "a.\"b.c\".docs(id,e,\"h\"\"1\")",
                names(&["a", "b.c", "docs"]),
                Some("h\"1"),
            ),
            ("größe(id, e)", names(&["größe"]), None),
        ] {
            let hash = hash.map(str::to_owned);
            assert_eq!(
                read(text),
                Ok((table, "id".into(), "e".into(), hash)),
                "{text}"
            );
        }
        for text in [
            "",
            "docs",
            "docs(id)",
            "docs(id, e, h, x)",
            "docs(id, e",
            "docs(id, e) x",
            "a.b.c.d(id, e)",
            "docs(id e)",
            "1docs(id, e)",
            "docs(\"\", e)",
            "docs(id, \"e)",
            "docs(id, e); DROP TABLE docs",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn plans_come_back() {
        let plan = Plan {
            name: "\"it's\"(\"id\")".into(),
            checks: checks("h", "e").into(),
            k: 3,
            metric: Metric::Cosine,
            kind: Kind::Flat8,
            oversample: 4,
            room: 1 << 30,
            whole: true,
        };
        assert_eq!(Plan::parse(&plan.write()), Ok(plan));
        assert!(Plan::parse("[]").is_err());
    }

    #[test]
    fn a_full_name_is_written_as_it_is_and_a_short_one_when_it_is_bound() {
        let full = search("a.b.T(id, e, h)", &[1.0], 3, "{}").unwrap();
        assert!(
            full.contains("FROM (SELECT rowid AS lumos_place, * FROM \"a\".\"b\".\"T\") AS \"T\"")
        );
        assert!(full.contains("= 't'") && !full.contains("query("));
        let short = search("T(id, e, h)", &[1.0], 3, "{}").unwrap();
        assert!(short.contains("current_schema()"));
    }
}
