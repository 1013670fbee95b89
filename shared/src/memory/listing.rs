//! What is told of memories without a question: the history of one, a time line, what is due for a review, numbers of a
//! scope. And what goes into a prompt.

use serde_json::json;

use super::fsrs::retention;
use super::moment::{self, DAY};
use super::now;
use super::options;
use super::row::{COLUMNS, Column, Memory, columns_without_embedding, input};
use super::search::{self, Search};
use crate::options::Options;
use crate::program::{Database, Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Error, Param, Result, Type, Value, ValueRef};

const BEFORE: [Param; 1] = [Param::new("now", Type::Integer)];

const INPUT: &[Param] = &input::<1, { 1 + COLUMNS.len() }>(BEFORE);

/// Memories of one chain of superseding.
pub const HISTORY: Fold = Fold::new::<Listing<History>>(
    "memory_history",
    INPUT,
    &[
        ("id", Type::Integer),
        ("content", Type::Text),
        ("valid_from", Type::Text),
        ("valid_to", Type::Text),
        ("created_at", Type::Text),
        ("expired_at", Type::Text),
        ("superseded_by", Type::Integer),
        ("tier", Type::Text),
        ("sources", Type::Text),
    ],
);

/// Memories in the order of what happened.
pub const TIMELINE: Fold = Fold::new::<Listing<Timeline>>(
    "memory_timeline",
    INPUT,
    &[
        ("id", Type::Integer),
        ("event_time", Type::Text),
        ("content", Type::Text),
        ("kind", Type::Text),
        ("tier", Type::Text),
        ("session", Type::Text),
        ("turn", Type::Integer),
    ],
);

/// Memories that are fading.
pub const REVIEW_DUE: Fold = Fold::new::<Listing<Due>>(
    "memory_review_due",
    INPUT,
    &[
        ("id", Type::Integer),
        ("content", Type::Text),
        ("retention", Type::Real),
        ("importance", Type::Real),
        ("due_at", Type::Text),
    ],
);

/// Numbers of a scope.
pub const STATS: Fold = Fold::new::<Listing<Stats>>(
    "memory_stats",
    INPUT,
    &[
        ("memories", Type::Integer),
        ("short", Type::Integer),
        ("long", Type::Integer),
        ("archive", Type::Integer),
        ("pinned", Type::Integer),
        ("superseded", Type::Integer),
        ("sessions", Type::Integer),
        ("first_event", Type::Text),
        ("last_event", Type::Text),
    ],
);

/// The program of [`HISTORY`]. Errors if there is no id.
pub fn history(id: Option<i64>, dialect: Dialect) -> Result<Program> {
    let id = id.ok_or_else(|| Error::new("id is NULL; give the id of a memory"))?;
    let mut values = Parameters::new(dialect);
    let id = values.add(Value::Integer(id));
    let read = format!(
        "WITH RECURSIVE chain(id) AS (SELECT {id} UNION SELECT CASE WHEN m.id = chain.id THEN m.superseded_by ELSE m.id END \
         FROM chain JOIN lumos_memory AS m ON m.superseded_by = chain.id OR (m.id = chain.id AND m.superseded_by IS NOT NULL)) \
         SELECT 0, {} FROM lumos_memory AS m WHERE m.id IN (SELECT id FROM chain)",
        columns_without_embedding()
    );
    Ok(Program {
        read,
        parameters: values.into_values(),
        spec: "0".into(),
    })
}

/// The program of [`TIMELINE`]. Errors if an option is wrong.
pub fn timeline(given: Option<&str>, dialect: Dialect) -> Result<Program> {
    let options = Options::parse(options::TIMELINE, given)?;
    let mut values = Parameters::new(dialect);
    let scope = values.add(Value::Text(options::scope(&options)?));
    let now = now(&options, &mut values, dialect)?;
    let condition = search::condition(&options, &format!("CAST({now} AS BIGINT)"), &mut values)?;
    let k = options.integer("k").unwrap_or(100);
    Ok(Program {
        read: format!(
            "SELECT 0, {} FROM lumos_memory AS m WHERE m.scope = {scope} AND {condition} ORDER BY m.event_time DESC, m.id DESC LIMIT {k}",
            columns_without_embedding()
        ),
        parameters: values.into_values(),
        spec: k.to_string(),
    })
}

/// The program of [`REVIEW_DUE`]. Errors if an option is wrong.
pub fn review_due(given: Option<&str>, dialect: Dialect) -> Result<Program> {
    let options = Options::parse(options::REVIEW_DUE, given)?;
    let mut values = Parameters::new(dialect);
    let scope = values.add(Value::Text(options::scope(&options)?));
    let least = options::up_to(options::REVIEW_DUE, &options, "importance", 1.0)?.unwrap_or(0.7);
    let least = values.add(Value::Real(least));
    let now = format!("CAST({} AS BIGINT)", now(&options, &mut values, dialect)?);
    let condition = search::condition(&Options::default(), &now, &mut values)?;
    Ok(Program {
        read: format!(
            "SELECT {now}, {} FROM lumos_memory AS m WHERE m.scope = {scope} AND m.pinned = 0 AND m.importance >= {least} \
             AND m.last_review + {DAY} * m.stability <= {now} AND {condition}",
            columns_without_embedding()
        ),
        parameters: values.into_values(),
        spec: options.integer("k").unwrap_or(10).to_string(),
    })
}

/// The program of [`STATS`]. Errors if an option is wrong.
pub fn stats(given: Option<&str>, dialect: Dialect) -> Result<Program> {
    let options = Options::parse(options::STATS, given)?;
    let mut values = Parameters::new(dialect);
    let scope = values.add(Value::Text(options::scope(&options)?));
    Ok(Program {
        read: format!(
            "SELECT 0, {} FROM lumos_memory AS m WHERE m.scope = {scope}",
            columns_without_embedding()
        ),
        parameters: values.into_values(),
        spec: "0".into(),
    })
}

/// What a listing makes of its memories.
trait List: 'static {
    /// The rows of the answer. The memories come in the order of their ids, `k` is the most rows.
    fn rows(memories: Vec<&Memory>, now: i64, k: usize) -> Result<Vec<Vec<Value>>>;
}

/// The state of these folds: the memories.
struct Listing<L> {
    k: usize,
    now: i64,
    memories: Vec<Memory>,
    list: std::marker::PhantomData<fn() -> L>,
}

impl<L> Clone for Listing<L> {
    fn clone(&self) -> Self {
        Listing {
            k: self.k,
            now: self.now,
            memories: self.memories.clone(),
            list: self.list,
        }
    }
}

impl<L: List> FoldState for Listing<L> {
    fn start(spec: &str) -> Result<Self> {
        let k = spec
            .parse()
            .map_err(|_| Error::new("the plan is not one of a function of memories"))?;
        Ok(Listing {
            k,
            now: 0,
            memories: Vec::new(),
            list: std::marker::PhantomData,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [ValueRef::Integer(now), columns @ ..] = row else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        self.now = *now;
        self.memories.extend(Memory::read(columns));
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.now = self.now.max(other.now);
        self.memories.extend_from_slice(&other.memories);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut memories: Vec<&Memory> = self.memories.iter().collect();
        memories.sort_by_key(|memory| memory.integer(Column::id));
        L::rows(memories, self.now, self.k)?
            .into_iter()
            .try_for_each(emit)
    }
}

/// A moment of a memory as text, or NULL.
fn at(memory: &Memory, column: Column) -> Result<Value> {
    match memory.integer(column) {
        Some(at) => Ok(Value::Text(moment::text(at)?)),
        None => Ok(Value::Null),
    }
}

fn get(memory: &Memory, column: Column) -> Value {
    memory.get(column).clone()
}

struct History;

impl List for History {
    fn rows(memories: Vec<&Memory>, _: i64, _: usize) -> Result<Vec<Vec<Value>>> {
        let row = |m: &&Memory| {
            Ok(vec![
                get(m, Column::id),
                get(m, Column::content),
                at(m, Column::valid_from)?,
                at(m, Column::valid_to)?,
                at(m, Column::created_at)?,
                at(m, Column::expired_at)?,
                get(m, Column::superseded_by),
                get(m, Column::tier),
                get(m, Column::sources),
            ])
        };
        memories.iter().map(row).collect()
    }
}

struct Timeline;

impl List for Timeline {
    fn rows(mut memories: Vec<&Memory>, _: i64, _: usize) -> Result<Vec<Vec<Value>>> {
        memories.sort_by_key(|m| m.integer(Column::event_time));
        let row = |m: &&Memory| {
            Ok(vec![
                get(m, Column::id),
                at(m, Column::event_time)?,
                get(m, Column::content),
                get(m, Column::kind),
                get(m, Column::tier),
                get(m, Column::session),
                get(m, Column::turn),
            ])
        };
        memories.iter().map(row).collect()
    }
}

struct Due;

impl List for Due {
    fn rows(memories: Vec<&Memory>, now: i64, k: usize) -> Result<Vec<Vec<Value>>> {
        let mut due = Vec::new();
        for memory in memories {
            let (last, stability) = (
                memory.integer(Column::last_review).unwrap_or(now),
                memory.strength()?.stability,
            );
            let left = retention(now.saturating_sub(last) as f64 / DAY, stability);
            due.push((left, memory, last.saturating_add((stability * DAY) as i64)));
        }
        due.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable, so ids stay in order
        due.truncate(k);
        let row = |(left, memory, due): (f64, &Memory, i64)| {
            Ok(vec![
                get(memory, Column::id),
                get(memory, Column::content),
                Value::Real(left),
                get(memory, Column::importance),
                Value::Text(moment::text(due)?),
            ])
        };
        due.into_iter().map(row).collect()
    }
}

struct Stats;

impl List for Stats {
    fn rows(memories: Vec<&Memory>, _: i64, _: usize) -> Result<Vec<Vec<Value>>> {
        let count = |of: &dyn Fn(&Memory) -> bool| {
            Value::Integer(memories.iter().filter(|m| of(m)).count() as i64)
        };
        let tier = |name: &str| count(&|m: &Memory| m.text(Column::tier) == Some(name));
        let mut sessions: Vec<&str> = memories
            .iter()
            .filter_map(|m| m.text(Column::session))
            .collect();
        sessions.sort_unstable();
        sessions.dedup();
        let events = || {
            memories
                .iter()
                .filter_map(|m| m.integer(Column::event_time))
        };
        let text =
            |at: Option<i64>| at.map_or(Ok(Value::Null), |at| moment::text(at).map(Value::Text));
        Ok(vec![vec![
            count(&|_| true),
            tier("short"),
            tier("long"),
            tier("archive"),
            count(&|m| m.integer(Column::pinned) == Some(1)),
            count(&|m| m.integer(Column::superseded_by).is_some()),
            Value::Integer(sessions.len() as i64),
            text(events().min())?,
            text(events().max())?,
        ]])
    }
}

/// What goes into a prompt: the answer of a search, as passages, within a number of tokens.
pub const CONTEXT: Fold = Fold::new::<Context>(
    "memory_context",
    search::SEARCH.input,
    &[
        ("id", Type::Integer),
        ("passage", Type::Text),
        ("tokens", Type::Integer),
        ("score", Type::Real),
    ],
);

/// The program of [`CONTEXT`]. Errors if the budget, in tokens, is not from 1 on, or an option is wrong.
pub fn context(
    session: Option<&str>,
    question: Option<&str>,
    budget: Option<i64>,
    given: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let budget = match budget {
        Some(budget) if budget > 0 => budget,
        Some(budget) => {
            return Err(Error::new(format!(
                "budget is {budget}; give a number of tokens from 1 on"
            )));
        }
        None => return Err(Error::new("budget is NULL; give a number of tokens")),
    };
    let program = search::search_without(question, given, session, 50, database)?;
    Ok(Program {
        spec: json!([budget, program.spec]).to_string(),
        ..program
    })
}

/// The state of [`CONTEXT`].
#[derive(Clone)]
struct Context {
    budget: usize,
    search: Search,
}

impl FoldState for Context {
    fn start(spec: &str) -> Result<Self> {
        let wrong = |_| Error::new("the plan is not one of lumos_memory_context");
        let (budget, spec): (usize, String) = serde_json::from_str(spec).map_err(wrong)?;
        Ok(Context {
            budget,
            search: Search::start(&spec)?,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.search.row(row)
    }

    fn merge(&mut self, other: &Self) {
        self.search.merge(&other.search);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut left = self.budget;
        self.search.each(&mut |memory, _, found| {
            let (id, content) = (
                memory.integer(Column::id).unwrap_or_default(),
                memory.text(Column::content).unwrap_or_default(),
            );
            let when = moment::text(memory.integer(Column::event_time).unwrap_or_default())?;
            let day = when.get(..10).unwrap_or_default();
            let session = memory.text(Column::session);
            let session = session.map_or(String::new(), |session| format!(", {session}"));
            let media = [Column::media_type, Column::uri].map(|column| memory.text(column));
            let media: Vec<&str> = media.into_iter().flatten().collect();
            let media = match media.as_slice() {
                [] => String::new(),
                media => format!(" ({})", media.join(" ")),
            };
            let passage = format!("[{id}] {day}{session}: {content}{media}");
            let tokens = tokens(&passage);
            // One that is too long leaves room for shorter ones.
            if tokens > left {
                return Ok(());
            }
            left -= tokens;
            emit(vec![
                Value::Integer(id),
                Value::Text(passage),
                Value::Integer(tokens as i64),
                Value::Real(found.score),
            ])
        })
    }
}

/// The tokens that a model makes of a text, nearly: one for four letters of English, one for each other character.
fn tokens(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().filter(|c| !c.is_ascii()).count();
    ascii.div_ceil(4) + others
}
