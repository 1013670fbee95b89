//! DuckDB's vectors: flat ones as slices, the arguments of a call in their rows, and its results.

pub mod arguments;
pub mod hash;
pub mod numeric;
mod raw;
pub mod uuid;
pub mod view;
