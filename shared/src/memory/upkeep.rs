//! The tiers of memories as time passes: which tier a memory belongs to, and why.
//!
//! A memory is in `long` while it is pinned, important, or strong and not faded; in `short` otherwise; and in the
//! archive when it has faded far and matters little. What an answer of the present hangs on stays: a fact is never
//! archived for its age.

use super::moment::{self, DAY};
use super::options;
use super::row::{COLUMNS, Column, Memory, columns, input};
use super::{fsrs, now};
use crate::options::Options;
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// Days of stability from which on a memory is for long.
const STRONG: f64 = 30.0;

/// The importance from which on a memory is for long, whatever its strength.
const IMPORTANT: f64 = 0.8;

/// The importance below which one that has faded goes to the archive.
const UNIMPORTANT: f64 = 0.3;

/// The retention below which a strong memory is for long no more, and below which it is archived.
const FADED: (f64, f64) = (0.7, 0.5);

const BEFORE: [Param; 1] = [Param::new("now", Type::Integer)];
const INPUT: &[Param] = &input::<1, { 1 + COLUMNS.len() }>(BEFORE);

/// Memories into those whose tier changes, with the reason.
pub const UPKEEP: Fold = Fold::new::<Upkeep<false>>(
    "memory_upkeep",
    INPUT,
    &[
        ("id", Type::Integer),
        ("scope", Type::Text),
        ("tier", Type::Text),
        ("becomes", Type::Text),
        ("reason", Type::Text),
    ],
);

/// Memories into the changed rows.
pub const CONSOLIDATE: Fold = Fold::new::<Upkeep<true>>("memory_consolidate", INPUT, &COLUMNS);

/// The program of both: the memories of which one may change. Errors if an option is wrong.
pub fn upkeep(given: Option<&str>, dialect: Dialect) -> Result<Program> {
    let options = Options::parse(options::UPKEEP, given)?;
    let mut values = Parameters::new(dialect);
    let now = format!("CAST({} AS BIGINT)", now(&options, &mut values, dialect)?);
    let scope = match options.get("scope") {
        None => "true".to_owned(),
        Some(_) => {
            let scope = values.add(Value::Text(options::scope(&options)?));
            format!("m.scope = {scope}")
        }
    };
    // The times of both ends of retention are multiples of the stability.
    let (faded, gone) = (fsrs::interval(DAY, FADED.0), fsrs::interval(DAY, FADED.1));
    let read = format!(
        "SELECT {now}, {} FROM lumos_memory AS m WHERE {scope} AND m.tier <> 'archive' AND (m.expires_at <= {now} \
         OR (m.tier = 'short' AND (m.pinned = 1 OR m.importance >= {IMPORTANT:?} OR m.stability >= {STRONG:?})) \
         OR (m.tier = 'long' AND m.pinned = 0 AND m.importance < {IMPORTANT:?} AND (m.stability < {STRONG:?} OR m.last_review + {faded:?} * m.stability < {now})) \
         OR (m.pinned = 0 AND m.importance < {UNIMPORTANT:?} AND m.last_review + {gone:?} * m.stability < {now}))",
        columns()
    );
    Ok(Program {
        read,
        parameters: values.into_values(),
        spec: String::new(),
    })
}

/// The tier that a memory belongs to, and why. One in the archive stays there.
fn tier(memory: &Memory, now: i64) -> Result<(&'static str, String)> {
    let pinned = memory.integer(Column::pinned) == Some(1);
    let importance = memory.real(Column::importance)?;
    let stability = memory.strength()?.stability;
    let last = memory.integer(Column::last_review).unwrap_or(now);
    let retention = fsrs::retention(now.saturating_sub(last) as f64 / DAY, stability);
    if memory.text(Column::tier) == Some("archive") {
        return Ok(("archive", "it is there".into()));
    }
    if pinned {
        return Ok(("long", "it is pinned".into()));
    }
    if let Some(end) = memory.integer(Column::expires_at).filter(|end| *end <= now) {
        return Ok(("archive", format!("it was over on {}", moment::text(end)?)));
    }
    if importance >= IMPORTANT {
        return Ok(("long", format!("its importance is {importance:.2}")));
    }
    if stability >= STRONG && retention >= FADED.0 {
        return Ok(("long", format!("its stability is {stability:.0} days")));
    }
    let fact = memory.text(Column::kind) == Some("fact");
    if importance < UNIMPORTANT && retention < FADED.1 && !fact {
        return Ok((
            "archive",
            format!("its importance is {importance:.2} and its retention {retention:.2}"),
        ));
    }
    Ok((
        "short",
        format!("its stability is {stability:.0} days and its retention {retention:.2}"),
    ))
}

/// The state of both folds.
#[derive(Clone)]
struct Upkeep<const ROWS: bool> {
    now: i64,
    memories: Vec<Memory>,
}

impl<const ROWS: bool> FoldState for Upkeep<ROWS> {
    fn start(_: &str) -> Result<Self> {
        Ok(Upkeep {
            now: 0,
            memories: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [ValueRef::Integer(now), columns @ ..] = row else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        self.now = *now;
        let Some(memory) = Memory::read(columns) else {
            return Ok(());
        };
        if Some(tier(&memory, *now)?.0) != memory.text(Column::tier) {
            self.memories.push(memory);
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.now = self.now.max(other.now);
        self.memories.extend_from_slice(&other.memories);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut memories: Vec<&Memory> = self.memories.iter().collect();
        memories.sort_by_key(|memory| memory.integer(Column::id));
        for memory in memories {
            let (becomes, reason) = tier(memory, self.now)?;
            if ROWS {
                let mut memory = memory.clone();
                memory.move_to(becomes);
                emit(memory.into_values())?;
                continue;
            }
            let get = |column| memory.get(column).clone();
            emit(vec![
                get(Column::id),
                get(Column::scope),
                get(Column::tier),
                Value::Text(becomes.into()),
                Value::Text(reason),
            ])?;
        }
        Ok(())
    }
}
