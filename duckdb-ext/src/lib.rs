//! Lumos as functions of DuckDB.
//!
//! Where to look:
//! - [`scalar`]: registers the scalar functions of the list, and runs them a chunk at a time
//! - [`topk`]: the aggregate, with forms for what the searches write, run by [`part`]: [`search`] in two parts, [`scan`]
//!   and [`rest`], and [`words`], which hands on what it has [`found`]; [`hits`]: rows of all of them
//! - [`convert`]: arguments out of a chunk, results into one
//! - [`models`], [`endpoint`]: the files of models and the servers that have some, for `lumos_model_add`; `embed`: `lumos_embed` of a chunk
//! - [`memory`], [`numbers`]: DuckDB's flat vectors as slices; [`hash`]: what DuckDB's hash of a value is
//! - `exact_sum`: an aggregate for the SQL that `lumos_auto` writes
//! - `engine`: a safe face of DuckDB's C API, for the DuckDB inside the SQLite extension
//! - `extension`: the entry point of the loadable extension (feature `extension`)
//!
//! The crate holds no meaning: what a function is and computes stands in `lumos-core`. Built with
//! `extension`, it takes DuckDB's functions from the host that loads it, and only those that the C API
//! v1.2.0 promises, so that one file loads in every DuckDB from 1.4 on.

pub mod convert;
mod embed;
pub mod endpoint;
#[cfg(not(feature = "extension"))]
pub mod engine;
#[cfg(not(feature = "extension"))]
pub mod exact_sum;
#[cfg(feature = "extension")]
mod extension;
mod found;
mod hash;
mod hits;
pub mod memory;
pub mod models;
pub mod numbers;
mod part;
mod rest;
pub mod scalar;
mod scan;
mod search;
pub mod topk;
mod words;
