//! What `lumos_search` is asked for: the table with its columns, and the options.

use serde_json::{Map, Value as Json};

use crate::sql::{identifier, literal};
use crate::vector::index::{Kind, OVERSAMPLE};
use crate::vector::metric::Metric;
use crate::{Error, Result};

/// The memory that an index may take if nothing is said, in MB.
const MEMORY: u64 = 1024;

/// The table to search, as it is written: `docs(id, e)`, `shop.main.docs(id, e, h)`.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Database, schema and table, as far as they are given.
    pub table: Vec<String>,
    /// The column of ids.
    pub id: String,
    /// The column of vectors.
    pub vector: String,
    /// The column of their hashes.
    pub hash: Option<String>,
}

impl Target {
    /// Reads it; nothing else may stand there.
    pub fn parse(text: &str) -> Result<Target> {
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
    pub fn table(&self) -> String {
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
pub struct Options {
    /// Every vector is read.
    pub exact: bool,
    /// Candidates for each row.
    pub oversample: usize,
    /// Where the answer ends.
    pub max_distance: Option<f64>,
    ids: Option<Vec<Json>>,
    filter: Option<String>,
    /// How the rows are ordered.
    pub metric: Metric,
    /// The kind of index.
    pub kind: Kind,
    /// The memory that it may take, in MB.
    pub memory: u64,
}

impl Options {
    /// Reads a JSON object.
    pub fn parse(text: &str) -> Result<Options> {
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
                "kind" => match Kind::parse(text("flat4 or flat8")?)? {
                    Kind::Hnsw => {
                        return Err(wrong(
                            "flat4 or flat8; a graph belongs to a table of lumos_vec in SQLite",
                        ));
                    }
                    kind => options.kind = kind,
                },
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

    /// True if they leave all rows.
    pub fn leave_all(&self) -> bool {
        self.filter.is_none() && self.ids.is_none()
    }

    /// WHERE for the rows that they leave.
    pub fn condition(&self, id: &str) -> String {
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
}
