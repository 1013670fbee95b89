//! Full-text search: the tokenizer `lumos` for FTS5, and [`hybrid`], which searches words and vectors at once.

pub mod hybrid;
pub mod tokenizer;
