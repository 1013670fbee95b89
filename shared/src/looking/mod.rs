//! Looking at data: what the columns of a table hold, and where a measure changed.

pub mod association;
pub mod cells;
pub mod column;
pub mod correlate;
pub mod counts;
pub mod drivers;
pub mod features;
pub mod notes;
pub mod patterns;
pub mod profile;
pub mod regress;
pub mod scan;
pub mod table;
