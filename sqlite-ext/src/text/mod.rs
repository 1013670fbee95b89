//! Full-text search: the tokenizer `lumos` for FTS5.

pub mod tokenizer;
