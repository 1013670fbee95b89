//! What writes: the rows that a call changes or adds, made of the rows that it needs.

use serde_json::{Value as Json, json};

use super::embedding;
use super::estimate::{emotion, importance};
use super::fsrs::{Rating, first};
use super::options::{self, MEASURES};
use super::row::{COLUMNS, Cell, Column, Memory, columns, gist, input, normal};
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

    fn changed(&self, now: i64, next: i64, last: i64) -> Result<Vec<Memory>> {
        if self.action == Action::Add {
            return Ok(vec![match &self.row {
                Some(same) => self.again(same.clone(), now)?,
                None => self.new_memory(now, next, last)?,
            }]);
        }
        let id = self.id.unwrap_or_default();
        let Some(mut memory) = self.row.clone() else {
            return Err(sources::gone(id));
        };
        let pinned = memory.integer(Column::pinned) == Some(1);
        if pinned && matches!(self.action, Action::Forget | Action::Supersede) {
            return Err(Error::new(format!(
                "memory {id} is pinned; lumos_memory_pin({id}, 0) unpins it"
            )));
        }
        match self.action {
            Action::Pin => memory.set(Column::pinned, self.number.unwrap_or(0)),
            Action::Touch => memory.review(Rating::Hard, now)?,
            Action::Feedback => {
                let rating = Rating::new(self.number.unwrap_or(0))?;
                match rating {
                    Rating::Again => memory.add(Column::harmful, 1),
                    Rating::Hard => {}
                    Rating::Good | Rating::Easy => memory.add(Column::helpful, 1),
                }
                memory.review(rating, now)?;
            }
            Action::Review => memory.review(Rating::new(self.number.unwrap_or(0))?, now)?,
            Action::Forget => archive(&mut memory),
            Action::Restore => restore(&mut memory),
            Action::Update => self.update(&mut memory, now)?,
            Action::Supersede => return self.supersede(memory, now, next),
            Action::Add => {}
        }
        Ok(vec![memory])
    }

    /// A text that is there already, once more: it is strengthened, and keeps all its sources.
    fn again(&self, mut memory: Memory, now: i64) -> Result<Memory> {
        restore(&mut memory);
        memory.review(Rating::Good, now)?;
        let session = self.options.text("session");
        let elsewhere = session.filter(|s| memory.text(Column::session) != Some(*s));
        let mut source = sources::given(&self.options)?;
        // Other words for the same are kept too.
        let said = self.content.as_deref().unwrap_or_default();
        if memory.text(Column::content).map(normal) != Some(normal(said)) {
            source
                .get_or_insert_default()
                .insert("text".into(), said.into());
        }
        sources::add(&mut memory, source, elsewhere, now)?;
        self.embed(&mut memory)?;
        if self.options.flag("pinned") == Some(true) {
            memory.set(Column::pinned, 1);
        }
        Ok(memory)
    }

    fn new_memory(&self, now: i64, next: i64, last: i64) -> Result<Memory> {
        let content = self.content.as_deref().unwrap_or_default();
        let mut memory = Memory::empty();
        let session = self.options.text("session");
        memory.set(Column::id, next);
        memory.set(Column::scope, self.scope.as_str());
        memory.set(Column::session, session);
        memory.set(Column::turn, session.map(|_| last.saturating_add(1)));
        memory.set(Column::kind, "episode");
        memory.set(Column::tags, "[]");
        memory.set(Column::sources, "[]");
        memory.set(
            Column::pinned,
            i64::from(self.options.flag("pinned") == Some(true)),
        );
        memory.set(Column::event_time, now);
        self.begin(memory, content, now)
    }

    /// Fills in what a text says by itself, then what the options say, then the strength that follows.
    fn begin(&self, mut memory: Memory, content: &str, now: i64) -> Result<Memory> {
        let felt = emotion(content);
        memory.set(Column::uri, self.options.text("uri"));
        memory.set_content(content);
        memory.set(Column::importance, importance(content));
        memory.set(Column::valence, felt.valence);
        memory.set(Column::arousal, felt.arousal);
        memory.set(Column::created_at, now);
        memory.set(Column::first_use, now);
        memory.set(Column::last_review, now);
        memory.set(Column::last_uses, json!([now]).to_string().as_str());
        memory.set(Column::uses, 1);
        for column in [
            Column::reviews,
            Column::lapses,
            Column::helpful,
            Column::harmful,
        ] {
            memory.set(column, 0);
        }
        self.update(&mut memory, now)?;
        let importance = memory.real(Column::importance)?;
        let pinned = memory.integer(Column::pinned) == Some(1);
        memory.set(
            Column::tier,
            if pinned || importance >= 0.8 {
                "long"
            } else {
                "short"
            },
        );
        let strength = first(match importance {
            i if i < 0.25 => Rating::Again,
            i if i < 0.5 => Rating::Hard,
            i if i < 0.8 => Rating::Good,
            _ => Rating::Easy,
        });
        // What moves lasts longer, twice as long at most.
        let moved = 1.0 + memory.real(Column::valence)?.abs() * memory.real(Column::arousal)?;
        memory.set(Column::stability, strength.stability * moved);
        memory.set(Column::difficulty, strength.difficulty);
        Ok(memory)
    }

    /// Puts in what the options say.
    fn update(&self, memory: &mut Memory, now: i64) -> Result<()> {
        let options = &self.options;
        for (column, name) in [(Column::uri, "uri"), (Column::media_type, "media_type")] {
            if let Some(text) = options.text(name) {
                memory.set(column, text);
            }
        }
        if memory.text(Column::media_type).is_some() && memory.text(Column::uri).is_none() {
            return Err(Error::new(
                "media_type is given without uri; give where the image, sound or file is",
            ));
        }
        if options.text("content").is_some() || options.text("uri").is_some() {
            let content = options.text("content").or(memory.text(Column::content));
            let content = content.unwrap_or_default().to_owned();
            memory.set_content(&content);
        }
        self.embed(memory)?;
        if let Some(kind) = options.text("kind") {
            memory.set(Column::kind, kind);
        }
        for (column, name, _) in MEASURES {
            if let Some(number) = options.number(name) {
                memory.set(column, number);
            }
        }
        if let Some(tags) = options::texts(options, "tags")? {
            memory.set(Column::tags, Json::from(tags).to_string().as_str());
        }
        for (column, name) in [
            (Column::event_time, "event_time"),
            (Column::valid_from, "valid_from"),
            (Column::valid_to, "valid_to"),
            (Column::expires_at, "expires_at"),
        ] {
            if let Some(at) = moment::option(options, name)? {
                memory.set(column, at);
            }
        }
        let (from, to) = (
            memory.integer(Column::valid_from),
            memory.integer(Column::valid_to),
        );
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Error::new(format!(
                "it would be true from {} to {}; give a valid_to that is later",
                moment::text(from)?,
                moment::text(to)?
            )));
        }
        sources::add(memory, sources::given(options)?, None, now)
    }

    /// Puts the embedding in, or takes it away.
    fn embed(&self, memory: &mut Memory) -> Result<()> {
        if let Some(vector) = &self.embedding {
            if let Some(others) = self.dimensions {
                let scope = memory.text(Column::scope).unwrap_or_default();
                embedding::check(vector.len(), scope, others)?;
            }
            memory.set(
                Column::embedding,
                Cell(Value::Blob(embedding::encode(vector))),
            );
        } else if self.options.get("embedding").is_some() {
            memory.set(Column::embedding, Cell(Value::Null));
        }
        Ok(())
    }

    /// The old one, which was true until the new one is, and the new one.
    fn supersede(&self, mut old: Memory, now: i64, next: i64) -> Result<Vec<Memory>> {
        let id = old.integer(Column::id).unwrap_or_default();
        if let Some(by) = old.integer(Column::superseded_by) {
            return Err(Error::new(format!(
                "memory {id} was superseded by {by}; supersede that one"
            )));
        }
        let mut new = Memory::empty();
        new.set(Column::id, next);
        new.set(
            Column::pinned,
            i64::from(self.options.flag("pinned") == Some(true)),
        );
        for column in [Column::scope, Column::kind, Column::tags] {
            new.set(column, Cell(old.get(column).clone()));
        }
        new.set(Column::sources, "[]");
        new.set(Column::event_time, now);
        new.set(Column::valid_from, now);
        let new = self.begin(new, self.content.as_deref().unwrap_or_default(), now)?;
        let since = new.integer(Column::valid_from).unwrap_or(now);
        if let Some(from) = old.integer(Column::valid_from).filter(|from| *from > since) {
            return Err(Error::new(format!(
                "valid_from is {}, but memory {id} is true from {} on; give a time after that",
                moment::text(since)?,
                moment::text(from)?
            )));
        }
        old.set(Column::valid_to, since);
        old.set(Column::expired_at, now);
        old.set(Column::superseded_by, next);
        Ok(vec![old, new])
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

fn archive(memory: &mut Memory) {
    if memory.text(Column::tier) != Some("archive") {
        memory.move_to("archive");
    }
}

/// Archive and restore leave the memory as it was.
fn restore(memory: &mut Memory) {
    if memory.text(Column::tier) == Some("archive") {
        let tier = memory.text(Column::archived_from).unwrap_or("short");
        let tier = tier.to_owned();
        memory.move_to(&tier);
    }
}
