//! An agent's memory: rows and the moment of a call in, rows out.
//!
//! - [`graph`]: facts between entities, and what holds at a time as it was known at a time
//! - [`row`]: what a memory is, the columns of the table `lumos_memory`, which is the same in both engines
//! - [`terms`]: the terms of a text as numbers, kept beside it
//! - [`fsrs`], [`activation`]: how strong a memory is after a time, how present by its uses
//! - [`estimate`]: importance and emotion of a text; [`names`]: the names in it
//! - [`rank`]: the order of memories for a question
//! - [`embedding`]: vectors of memories and questions, which the caller makes
//! - [`change`]: what writes; [`search`]: what is remembered; [`listing`]: what is told without a question, and prompts; [`upkeep`]: merges, summaries and tiers as time passes; [`options`]: the options of all
//! - [`similar`]: what says nearly the same; [`sources`]: where a memory comes from; [`forgotten`]: what is left of one; [`many`]: many texts at once
//! - [`dates`]: the times that a text names; [`times`]: those of a question, and the memories of them
//! - [`extract`]: entities and simple facts in a text; [`tokens`]: a text in words, numbers and signs
//! - times in calls and tables are those of [`moment`]

use crate::options::Options;
use crate::program::Parameters;
use crate::sql::lexer::Dialect;
use crate::{Result, Value};

pub mod activation;
pub mod change;
pub mod dates;
pub mod embedding;
pub mod estimate;
pub mod extract;
pub mod forgotten;
pub mod fsrs;
pub mod graph;
pub mod listing;
pub mod many;
pub mod moment;
pub mod names;
pub mod options;
pub mod rank;
pub mod row;
pub mod search;
pub mod similar;
pub mod sources;
pub mod terms;
pub mod times;
pub mod tokens;
pub mod upkeep;

/// The moment of a call in SQL: that of the option `now`, or the engine's clock.
fn now(options: &Options, values: &mut Parameters, dialect: Dialect) -> Result<String> {
    Ok(match (moment::option(options, "now")?, dialect) {
        (Some(now), _) => values.add(Value::Integer(now)),
        (None, Dialect::Sqlite) => "unixepoch()".into(),
        (None, Dialect::DuckDb) => "epoch(now())".into(),
    })
}
