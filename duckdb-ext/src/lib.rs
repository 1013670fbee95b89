//! Lumos as functions of DuckDB.
//!
//! Where to look:
//! - [`scalar`]: registers the scalar functions of the list, and runs them a chunk at a time
//! - [`topk`]: the aggregate, with forms for the stages of the searches
//! - `search`: these stages, which scan what is in memory and fetch what is not
//! - [`vectors`]: DuckDB's flat vectors as slices, arguments out of a chunk, results into one
//! - [`models`], [`endpoint`]: the files of models and the servers that have some, for `lumos_model_add`; `embed`: `lumos_embed` of a chunk
//! - `contain`: panics that end at the door to DuckDB
//! - `exact_sum`: an aggregate for the SQL that `lumos_auto` writes
//! - `engine`: a safe face of DuckDB's C API, for the DuckDB inside the SQLite extension
//! - `extension`: the entry point of the loadable extension (feature `extension`)
//!
//! The crate holds no meaning: what a function is and computes stands in `lumos-core`. Built with
//! `extension`, it takes DuckDB's functions from the host that loads it, and only those that the C API
//! v1.2.0 promises, so that one file loads in every DuckDB from 1.4 on.

mod contain;
mod embed;
pub mod endpoint;
#[cfg(not(feature = "extension"))]
pub mod engine;
#[cfg(not(feature = "extension"))]
pub mod exact_sum;
#[cfg(feature = "extension")]
mod extension;
pub mod models;
pub mod scalar;
mod search;
pub mod topk;
pub mod vectors;
