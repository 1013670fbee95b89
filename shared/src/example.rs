//! What the reference shows of a function, and the tests run.

/// A statement with its answer.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// One SQL statement without a final semicolon.
    pub sql: &'static str,
    /// What the shells print, list mode, no headers; an error's message for a statement that fails.
    pub answer: &'static str,
}

/// A statement with its answer.
pub const fn example(sql: &'static str, answer: &'static str) -> Example {
    Example { sql, answer }
}
