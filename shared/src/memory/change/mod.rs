//! What writes: the rows that a call changes or adds, made of the rows that it needs. [`rows`] says what becomes of one.

mod rows;

use serde_json::json;

use super::embedding;
use super::fsrs::Rating;
use super::options::{self, MEASURES};
use super::row::{COLUMNS, Column, Memory, columns, gist, input};
use super::{moment, now, sources};
use crate::options::{OptionDef, Options};
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Error, Param, Result, Type, Value, ValueRef};

const BEFORE: [Param; 4] = [
    Param::new("now", Type::Integer),
    Param::new("next_id", Type::Integer),
    Param::optional("last_turn", Type::Integer),
    // Bytes of an embedding of the scope.
    Param::optional("embedded", Type::Integer),
];

/// Memories as they are, into those to be written.
pub const CHANGE: Fold = Fold::new::<Change>(
    "memory_change",
    &input::<4, { 4 + COLUMNS.len() }>(BEFORE),
    &COLUMNS,
);

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds a text.
    Add,
    /// Adds a text in the place of a memory.
    Supersede,
    /// Changes a memory.
    Update,
    /// Pins it, or not.
    Pin,
    /// Says how useful it was.
    Feedback,
    /// Says how well it was remembered.
    Review,
    /// Says that it was used.
    Touch,
    /// Takes it to the archive.
    Forget,
    /// Takes it back from there.
    Restore,
}

impl Action {
    const ALL: [Action; 9] = [
        Action::Add,
        Action::Supersede,
        Action::Update,
        Action::Pin,
        Action::Feedback,
        Action::Review,
        Action::Touch,
        Action::Forget,
        Action::Restore,
    ];

    fn options(self) -> &'static [OptionDef] {
        match self {
            Action::Add => options::ADD,
            Action::Supersede => options::SUPERSEDE,
            Action::Update => options::UPDATE,
            Action::Forget => options::FORGET,
            _ => options::MOMENT_ONLY,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Add => "add",
            Action::Supersede => "supersede",
            Action::Update => "update",
            Action::Pin => "pin",
            Action::Feedback => "feedback",
            Action::Review => "review",
            Action::Touch => "touch",
            Action::Forget => "forget",
            Action::Restore => "restore",
        }
    }
}

/// What a call says.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// What it does.
    pub action: Action,
    /// The memory that it is about; none for [`Action::Add`].
    pub id: Option<i64>,
    /// The text, for those that add one.
    pub content: Option<&'a str>,
    /// The rating, or 1 and 0 for pinned or not.
    pub number: Option<i64>,
    /// Its options.
    pub options: Option<&'a str>,
}

/// The program of a call. Errors if it says what no memory can have.
pub fn change(asked: &Asked<'_>, dialect: Dialect) -> Result<Program> {
    let Asked {
        action,
        id,
        content,
        number,
        options,
    } = *asked;
    let spec = json!([action.name(), id, content, number, options]).to_string();
    let change = Change::start(&spec)?;
    if change.options.flag("hard") == Some(true) && dialect == Dialect::DuckDb {
        return Err(Error::new(format!(
            "hard is for SQLite; in DuckDB run DELETE FROM lumos_memory WHERE id = {}",
            id.unwrap_or_default()
        )));
    }
    let mut values = Parameters::new(dialect);
    let now = now(&change.options, &mut values, dialect)?;
    let (mut last, chosen) = (
        "NULL".to_owned(),
        match id {
            Some(id) => format!("id = {}", values.add_kept(Value::Integer(id))),
            // Nothing is the same then, and each row would take an id of DuckDB's.
            None if change.options.flag("dedup") == Some(false) => "false".to_owned(),
            None => {
                let scope = values.add_kept(Value::Text(change.scope.clone()));
                let hash = values.add_kept(Value::Integer(super::row::hash(
                    content.unwrap_or_default(),
                    change.options.text("uri"),
                )));
                // One that is over is not the same as what is true now.
                format!(
                    "scope = {scope} AND hash = {hash} AND superseded_by IS NULL AND (valid_to IS NULL OR valid_to > {now}) AND (expires_at IS NULL OR expires_at > {now})"
                )
            }
        },
    );
    // An id that is not needed is not taken: the sequence of DuckDB does not give it back.
    let next = match (dialect, action) {
        (Dialect::Sqlite, _) => {
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'lumos_memory'), 0) + 1"
                .to_owned()
        }
        (Dialect::DuckDb, Action::Add) if change.options.flag("dedup") != Some(false) => format!(
            "CASE WHEN EXISTS (SELECT 1 FROM lumos_memory WHERE {chosen}) THEN 0 ELSE nextval('lumos_memory_ids') END"
        ),
        (Dialect::DuckDb, Action::Add) => "nextval('lumos_memory_ids')".to_owned(),
        (Dialect::DuckDb, Action::Supersede) => {
            let since = match moment::option(&change.options, "valid_from")? {
                Some(since) => since.to_string(),
                None => now.clone(),
            };
            format!(
                "CASE WHEN EXISTS (SELECT 1 FROM lumos_memory WHERE {chosen} AND pinned = 0 AND superseded_by IS NULL \
                 AND (valid_from IS NULL OR valid_from <= {since})) THEN nextval('lumos_memory_ids') ELSE 0 END"
            )
        }
        (Dialect::DuckDb, _) => "0".to_owned(),
    };
    if let (Action::Add, Some(session)) = (action, change.options.text("session")) {
        let scope = values.add_kept(Value::Text(change.scope.clone()));
        let session = values.add_kept(Value::Text(session.into()));
        last = format!(
            "(SELECT max(turn) FROM lumos_memory WHERE scope = {scope} AND session = {session})"
        );
    }
    // Those of others, in the scope of the memory, or that of the call.
    let embedded = match (&change.embedding, id) {
        (None, _) => "NULL".to_owned(),
        (Some(_), id) => {
            let scope = match id {
                Some(_) => "m.scope".to_owned(),
                None => values.add(Value::Text(change.scope.clone())),
            };
            let length = match dialect {
                Dialect::Sqlite => "length",
                Dialect::DuckDb => "octet_length",
            };
            let others = match action {
                Action::Supersede => "",
                _ => " AND (m.id IS NULL OR e.id <> m.id)",
            };
            format!(
                "(SELECT {length}(e.embedding) FROM lumos_memory AS e WHERE e.scope = {scope} AND e.embedding IS NOT NULL{others} LIMIT 1)"
            )
        }
    };
    Ok(Program {
        read: format!(
            "SELECT CAST({now} AS BIGINT), CAST({next} AS BIGINT), CAST({last} AS BIGINT), CAST({embedded} AS BIGINT), {} FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM lumos_memory WHERE {chosen}) AS m ON true",
            columns()
        ),
        parameters: values.into_values(),
        spec,
    })
}

/// The state of the fold.
#[derive(Clone)]
pub struct Change {
    action: Action,
    id: Option<i64>,
    content: Option<String>,
    number: Option<i64>,
    options: Options,
    scope: String,
    embedding: Option<Vec<f32>>,
    /// Now, the next id and the last turn of the session, once a row was read.
    known: Option<(i64, i64, i64)>,
    /// Dimensions of the scope's other embeddings.
    dimensions: Option<usize>,
    /// The memory that it is about; for a text that is added, that with the same.
    row: Option<Memory>,
}

impl FoldState for Change {
    fn start(spec: &str) -> Result<Self> {
        let wrong = || Error::new("the plan is not one of a function of memories");
        type Spec = (
            String,
            Option<i64>,
            Option<String>,
            Option<i64>,
            Option<String>,
        );
        let (name, id, content, number, given): Spec =
            serde_json::from_str(spec).map_err(|_| wrong())?;
        let action = Action::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(wrong)?;
        let options = Options::parse(action.options(), given.as_deref())?;
        for (_, name, most) in MEASURES {
            options::up_to(action.options(), &options, name, most)?;
        }
        options::texts(&options, "tags")?;
        for name in ["now", "event_time", "valid_from", "valid_to", "expires_at"] {
            moment::option(&options, name)?;
        }
        sources::given(&options)?;
        let scope = options::scope(&options)?;
        let embedding = embedding::option(&options)?;
        if let Some("") = options.text("uri") {
            return Err(options.wrong("uri", "a text like \"photos/7.png\""));
        }
        if matches!(action, Action::Add | Action::Supersede) {
            options::content(content.as_deref())?;
        } else if let Some(text) = options.text("content") {
            options::content(Some(text))?;
        }
        if action != Action::Add && id.is_none() {
            return Err(Error::new("id is NULL; give the id of a memory"));
        }
        match (action, number) {
            (Action::Feedback | Action::Review, Some(rating)) => drop(Rating::new(rating)?),
            (Action::Feedback | Action::Review, None) => {
                return Err(Error::new("rating is NULL; give a number from 1 to 4"));
            }
            (Action::Pin, Some(0 | 1)) => {}
            (Action::Pin, _) => {
                return Err(Error::new(
                    "pinned is neither 0 nor 1; give 1 to pin it, 0 to unpin it",
                ));
            }
            _ => {}
        }
        Ok(Change {
            action,
            id,
            content,
            number,
            options,
            scope,
            embedding,
            known: None,
            dimensions: None,
            row: None,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [
            ValueRef::Integer(now),
            ValueRef::Integer(next),
            last,
            embedded,
            memory @ ..,
        ] = row
        else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        let last = if let ValueRef::Integer(last) = last {
            *last
        } else {
            0
        };
        let next = self.known.map_or(*next, |(_, known, _)| known.min(*next));
        self.known = Some((*now, next, last));
        if let ValueRef::Integer(bytes) = embedded {
            self.dimensions = usize::try_from(*bytes / 4).ok();
        }
        let Some(memory) = Memory::read(memory) else {
            return Ok(());
        };
        self.meet(memory);
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        let first = |known: &Memory| other.row.as_ref().is_some_and(|o| before(o, known));
        if self.row.as_ref().is_none_or(first) && other.row.is_some() {
            self.row.clone_from(&other.row);
        }
        self.dimensions = self.dimensions.or(other.dimensions);
        self.known = match (self.known, other.known) {
            (Some(a), Some(b)) => Some((a.0, a.1.min(b.1), a.2.max(b.2))),
            (a, b) => a.or(b),
        };
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let Some((now, next, last)) = self.known else {
            return Ok(());
        };
        for memory in self.changed(now, next, last)? {
            emit(memory.into_values())?;
        }
        Ok(())
    }
}

impl Change {
    /// Takes the memory that it is about; of those with the text that is added, the first.
    fn meet(&mut self, memory: Memory) {
        if self.action == Action::Add {
            let same = memory.text(Column::content).map(gist) == self.content.as_deref().map(gist)
                && memory.text(Column::uri) == self.options.text("uri");
            if self.options.flag("dedup") == Some(false) || !same {
                return;
            }
        }
        if self.row.as_ref().is_none_or(|known| before(&memory, known)) {
            self.row = Some(memory);
        }
    }
}

/// True if the first is the one to be strengthened, of two with the same text: that which is not in the archive, then
/// the older.
fn before(memory: &Memory, other: &Memory) -> bool {
    let order = |m: &Memory| {
        (
            m.text(Column::tier) == Some("archive"),
            m.integer(Column::id),
        )
    };
    order(memory) < order(other)
}

/// What adding a text makes of the memories of its scope and hash: the one that is new or was strengthened. `at` is the
/// moment, the next id and the last turn of the session, `dimensions` those of the scope's embeddings. Errors as the call does.
pub(super) fn add(
    content: &str,
    options: Option<&str>,
    same: &[&Memory],
    at: (i64, i64, i64),
    dimensions: Option<usize>,
) -> Result<Memory> {
    let spec = json!([Action::Add.name(), null, content, null, options]).to_string();
    let mut change = Change::start(&spec)?;
    change.dimensions = dimensions;
    let (now, next, last) = at;
    for memory in same {
        let over = |at: Column| memory.integer(at).is_some_and(|at| at <= now);
        if !over(Column::valid_to) && !over(Column::expires_at) {
            change.meet((*memory).clone());
        }
    }
    match change.row.clone() {
        Some(same) => change.again(same, now),
        None => change.new_memory(now, next, last),
    }
}

/// A memory with this text and the options of lumos_memory_add, that no call has asked for.
pub(super) fn new_memory(content: &str, options: &str, now: i64, id: i64) -> Result<Memory> {
    let spec = json!([Action::Add.name(), null, content, null, options]).to_string();
    Change::start(&spec)?.new_memory(now, id, 0)
}
