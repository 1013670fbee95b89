//! Looking at data: what the columns of a table hold, and where a measure changed.

pub mod cells;
pub mod column;
pub mod counts;
pub mod drivers;
pub mod notes;
pub mod profile;
