#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod arrow;
pub mod calendar;
pub mod changelog;
pub mod charts;
pub mod checks;
pub mod decisions;
pub mod embed;
pub mod error;
pub mod exact_sum;
pub mod example;
pub mod files;
pub mod fingerprint;
pub mod function;
pub mod functions;
pub mod gate;
pub mod looking;
pub mod memory;
pub mod mirror;
pub mod nl;
pub mod objects;
pub mod options;
pub mod outliers;
pub mod program;
pub mod reference;
pub mod route;
pub mod search;
pub mod series;
pub mod server;
pub mod source;
pub mod sql;
pub mod stats;
pub mod text;
pub mod value;
pub mod vector;
pub mod words;

pub use error::{Error, Result};
pub use example::Example;
pub use function::{Body, Engines, Function, Kind, Nulls, Section, Sql};
pub use value::{Param, Type, Value, ValueRef};
