//! A graph of facts: who is what to whom, since when, until when, and since when we know it.
//!
//! - [`history`]: what a new fact does to those that are known: nothing is deleted
//! - [`view`]: what holds at a time, as it was known at a time
//! - [`walk`]: neighbours, paths, ranks
//! - [`options`]: those of the functions; [`query`]: their arguments; [`reading`]: the SELECT that both engines run;
//!   [`folds`]: what is made of its rows
//!
//! A fact has two times. It holds in the world from `valid_from` on, without `valid_to`; NULL is "since ever" and "still".
//! It is known from `created_at` on, without `expired_at`. A row is never changed but for `expired_at`: what is learned
//! later are other rows. So what was known at a time is what the rows of that time say.
//!
//! An entity is its name, by its [`key`]: a table of entities would say no more. What else it is called is in
//! `lumos_alias`, where each name has at most one other that it goes by.

pub mod folds;
pub mod history;
pub mod options;
pub mod query;
pub mod reading;
pub mod view;
pub mod walk;

use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

/// A row of `lumos_fact`, without its scope. A fact that several memories or sources say has a row for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its number.
    pub id: i64,
    /// As it was first written.
    pub subject: String,
    /// See [`predicate`].
    pub predicate: String,
    /// As it was first written.
    pub object: String,
    /// The subject has one object of the predicate at a time.
    pub functional: bool,
    /// The first second in which it holds; `None` since ever.
    pub valid_from: Option<i64>,
    /// The first second in which it does not hold any more; `None` if it still does.
    pub valid_to: Option<i64>,
    /// Since when it is known.
    pub created_at: i64,
    /// Since when something else is known; `None` for what is known now.
    pub expired_at: Option<i64>,
    /// From 0 to 1: the weight of the edge.
    pub confidence: f64,
    /// The memory that says it.
    pub memory: Option<i64>,
    /// Where it comes from, as the caller wrote it.
    pub source: Option<String>,
}

impl Fact {
    /// When it begins to hold, as a number.
    pub fn from(&self) -> i64 {
        self.valid_from.unwrap_or(i64::MIN)
    }

    /// When it ends, as a number.
    pub fn to(&self) -> i64 {
        self.valid_to.unwrap_or(i64::MAX)
    }

    /// True if the same memory and source say both.
    pub fn is_said_by(&self, other: &Fact) -> bool {
        (self.memory, &self.source) == (other.memory, &other.source)
    }
}

/// What two names have in common that mean the same: one form of Unicode, lower case, single spaces.
pub fn key(name: &str) -> String {
    // Most names; NFKC leaves them as they are.
    let folded = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.nfkc().collect::<String>().to_lowercase()
    };
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A predicate as it is stored: "Works at" as `works_at`. Errors if it is empty.
pub fn predicate(name: &str) -> Result<String> {
    let words = key(name).replace(['-', '_'], " ");
    let predicate = words.split_whitespace().collect::<Vec<_>>().join("_");
    if predicate.is_empty() {
        return Err(Error::new("predicate is empty; give one like \"works_at\""));
    }
    Ok(predicate)
}

#[cfg(test)]
mod tests;
