//! Series of values in time: what comes next, what is odd, where they change.

pub mod batch;
pub mod change;
pub mod clock;
pub mod combine;
pub mod covariates;
pub mod ets;
pub mod forecast;
pub mod grid;
#[cfg(test)]
mod hazards;
pub mod intermittent;
pub mod judged;
pub mod lists;
pub mod optimize;
pub mod parts;
pub mod scale;
pub mod season;
pub mod select;
pub mod setting;
pub mod source;
pub mod surprise;
pub mod theta;
pub mod words;
