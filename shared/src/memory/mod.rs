//! An agent's memory: rows and the moment of a call in, rows out.
//!
//! - [`dates`]: the times that a text names; [`calendar`]: days, weeks, months and years
//! - [`extract`]: entities and simple facts in a text
//! - [`moment`]: times in tables and calls
//! - [`tokens`]: a text in words, numbers and signs

pub mod calendar;
pub mod dates;
pub mod extract;
pub mod moment;
pub mod tokens;
