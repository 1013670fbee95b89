//! Many texts at once, from a query: each as [`super::change`] adds it, one behind the other.

use std::collections::{BTreeMap, HashMap};

use super::options::{self, ADD};
use super::row::{COLUMNS, Column, Memory, columns, hash, input};
use super::{change, moment, now};
use crate::options::Options;
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::{Dialect, without_end};
use crate::{Error, Param, Result, Type, Value, ValueRef};

const BEFORE: [Param; 5] = [
    Param::new("now", Type::Integer),
    // The place of a text in the query; 0 for a memory that may have the same text, -1 for a session, -2 for a scope with
    // embeddings.
    Param::new("number", Type::Integer),
    // The id that a text gets; the last turn of a session; the bytes of an embedding.
    Param::new("next_id", Type::Integer),
    Param::optional("said", Type::Text),
    Param::optional("options", Type::Text),
];

/// Texts, and the memories and sessions that there are, into the memories to be written.
pub const ADD_MANY: Fold = Fold::new::<Many>(
    "memory_add_many",
    &input::<5, { 5 + COLUMNS.len() }>(BEFORE),
    &COLUMNS,
);

/// The SELECT of contents and options that a call says. Errors if there is none.
pub fn query(query: Option<&str>, dialect: Dialect) -> Result<String> {
    let query = query.map_or("", |query| without_end(query, dialect));
    if query.is_empty() || query.contains('\0') {
        Err(Error::new(
            "query is empty; give a query of two columns like 'SELECT content, options FROM said'",
        ))
    } else {
        Ok(query.to_owned())
    }
}

/// The program of [`ADD_MANY`], in DuckDB; in SQLite each text is added by a call of its own. Errors if there is no query.
pub fn add_many(given: Option<&str>) -> Result<Program> {
    let said = query(given, Dialect::DuckDb)?;
    let mut values = Parameters::new(Dialect::DuckDb);
    let now = format!(
        "CAST({} AS BIGINT)",
        now(&Options::default(), &mut values, Dialect::DuckDb)?
    );
    let none: Vec<&str> = COLUMNS.iter().map(|_| "NULL").collect();
    let sessions: Vec<String> = COLUMNS
        .iter()
        .map(|(name, _)| match *name {
            "embedding" => "CAST(NULL AS BLOB)".to_owned(),
            "id" => "0".to_owned(),
            name @ ("scope" | "session") => format!("m.{name}"),
            _ => "NULL".to_owned(),
        })
        .collect();
    let read = format!(
        "WITH lumos_said AS MATERIALIZED (SELECT row_number() OVER () AS number, nextval('lumos_memory_ids') AS next, content, options FROM ({said}) AS lumos_rows(content, options)) \
         SELECT {now}, 0, 0, NULL, NULL, {columns} FROM lumos_memory AS m WHERE m.superseded_by IS NULL AND m.hash IN (SELECT lumos_memory_hash(CAST(content AS VARCHAR)) FROM lumos_said) \
         UNION ALL SELECT {now}, -1, coalesce(max(m.turn), 0), NULL, NULL, {sessions} FROM lumos_memory AS m WHERE m.session IS NOT NULL GROUP BY m.scope, m.session \
         UNION ALL SELECT {now}, -2, max(octet_length(m.embedding)), NULL, NULL, {scopes} FROM lumos_memory AS m WHERE m.embedding IS NOT NULL GROUP BY m.scope \
         UNION ALL SELECT {now}, number, next, CAST(content AS VARCHAR), CAST(options AS VARCHAR), {none} FROM lumos_said",
        columns = columns(),
        sessions = sessions.join(", "),
        scopes = sessions.join(", ").replace("m.session", "NULL"),
        none = none.join(", "),
    );
    Ok(Program {
        read,
        parameters: values.into_values(),
        spec: String::new(),
    })
}

/// A text of the query.
#[derive(Clone)]
struct Said {
    number: i64,
    next: i64,
    content: Option<String>,
    options: Option<String>,
}

/// The state of the fold.
#[derive(Clone)]
struct Many {
    now: i64,
    said: Vec<Said>,
    memories: Vec<Memory>,
    sessions: HashMap<(String, String), i64>,
    /// Dimensions of the embeddings of scopes.
    dimensions: HashMap<String, usize>,
}

impl FoldState for Many {
    fn start(_: &str) -> Result<Self> {
        Ok(Many {
            now: 0,
            said: Vec::new(),
            memories: Vec::new(),
            sessions: HashMap::new(),
            dimensions: HashMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [
            ValueRef::Integer(now),
            ValueRef::Integer(number),
            ValueRef::Integer(next),
            said,
            options,
            memory @ ..,
        ] = row
        else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        self.now = *now;
        let text = |value: &ValueRef<'_>| match value {
            ValueRef::Text(text) => Some((*text).to_owned()),
            _ => None,
        };
        match (number, Memory::read(memory)) {
            (0, memory) => self.memories.extend(memory),
            (-1, Some(session)) => {
                let name = |column| session.text(column).unwrap_or_default().to_owned();
                self.sessions
                    .insert((name(Column::scope), name(Column::session)), *next);
            }
            (-2, Some(scope)) => {
                let name = scope.text(Column::scope).unwrap_or_default().to_owned();
                let bytes = usize::try_from(*next).unwrap_or_default();
                self.dimensions.insert(name, bytes / 4);
            }
            _ => self.said.push(Said {
                number: *number,
                next: *next,
                content: text(said),
                options: text(options),
            }),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.now = self.now.max(other.now);
        self.said.extend_from_slice(&other.said);
        self.memories.extend_from_slice(&other.memories);
        self.sessions.extend(other.sessions.clone());
        self.dimensions.extend(other.dimensions.clone());
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut said: Vec<&Said> = self.said.iter().collect();
        said.sort_by_key(|said| said.number);
        // DuckDB's threads draw ids in no order.
        let mut free: Vec<i64> = said.iter().map(|said| said.next).collect();
        free.sort_unstable();
        let mut free = free.into_iter();
        let mut sessions = self.sessions.clone();
        let mut dimensions = self.dimensions.clone();
        let mut known: HashMap<(String, i64), BTreeMap<i64, Memory>> = HashMap::new();
        let key = |memory: &Memory| {
            let scope = memory.text(Column::scope).unwrap_or_default().to_owned();
            (scope, memory.integer(Column::hash).unwrap_or_default())
        };
        let id = |memory: &Memory| memory.integer(Column::id).unwrap_or_default();
        for memory in &self.memories {
            let all = known.entry(key(memory)).or_default();
            all.insert(id(memory), memory.clone());
        }
        let mut next = free.next();
        let mut written: BTreeMap<i64, (String, i64)> = BTreeMap::new();
        for said in said {
            let added = (|| {
                let content = options::content(said.content.as_deref())?;
                let options = Options::parse(ADD, said.options.as_deref())?;
                let scope = options::scope(&options)?;
                let now = moment::option(&options, "now")?.unwrap_or(self.now);
                let session = options
                    .text("session")
                    .map(|s| (scope.clone(), s.to_owned()));
                let last = session.as_ref().and_then(|s| sessions.get(s)).copied();
                let dimensions = dimensions.get(&scope).copied();
                let same = known.get(&(scope, hash(content, options.text("uri"))));
                let same: Vec<&Memory> = same.into_iter().flat_map(BTreeMap::values).collect();
                let given = said.options.as_deref();
                let at = (now, next.unwrap_or_default(), last.unwrap_or(0));
                Ok((change::add(content, given, &same, at, dimensions)?, session))
            })();
            let (memory, session) = added.map_err(|reason: Error| {
                Error::new(format!("row {} of the query: {reason}", said.number))
            })?;
            if Some(id(&memory)) == next {
                next = free.next();
                if let (Some(session), Some(turn)) = (session, memory.integer(Column::turn)) {
                    sessions.insert(session, turn);
                }
            }
            let (id, key) = (id(&memory), key(&memory));
            if let Value::Blob(bytes) = memory.get(Column::embedding) {
                dimensions.insert(key.0.clone(), bytes.len() / 4);
            }
            written.insert(id, key.clone());
            known.entry(key).or_default().insert(id, memory);
        }
        for (id, key) in written {
            if let Some(memory) = known.get_mut(&key).and_then(|all| all.remove(&id)) {
                emit(memory.into_values())?;
            }
        }
        Ok(())
    }
}
