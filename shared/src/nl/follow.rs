//! A question that goes on from the one before: "what about 2012?", "only rock", "by month instead", 那德国呢.
//!
//! Its words become edits, [`edits`], of the query that the question before meant, [`change`]. What it does not name
//! stays as it was; a question that stands by itself is none.

mod change;
mod edits;

use super::ir::Query;
use super::parse::{Candidate, compare, counted_twice, trees};
use super::print::Printer;
use super::reader::{Reader, question_tokens};
use edits::{corrected, edits};

/// What a question that goes on may mean.
#[derive(Debug, Clone, Default)]
pub struct FollowUp {
    /// The likeliest first; empty if the question stands by itself.
    pub candidates: Vec<Candidate>,
    /// Words of it that mean nothing here.
    pub unmatched: Vec<String>,
    /// It may as well stand by itself.
    pub unsure: bool,
    /// Its words say that it goes on, whether or not anything fits.
    pub meant: bool,
}

/// How much less likely a reading is for each step away from the plain one.
const STEP: f32 = 2.0;

/// What a question means after one that meant `previous`.
pub fn follow(reader: &Reader<'_>, previous: &Query, question: &str) -> FollowUp {
    let rest = corrected(question);
    let question = rest.unwrap_or(question);
    let tokens = question_tokens(reader.catalog, reader.vocabulary, question);
    let edits = edits(reader, previous, question, &tokens, rest.is_some());
    let meant = edits.meant;
    if edits.alone {
        return FollowUp {
            meant,
            ..FollowUp::default()
        };
    }
    let trees = trees(reader.catalog, &tokens);
    let printer = Printer {
        catalog: reader.catalog,
        dialect: reader.dialect,
        trees: &trees,
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    for made in change::changed(reader, &tokens, previous, &edits) {
        if made.query == *previous && !edits.says_something() && rest.is_none() {
            continue;
        }
        let Some(sql) = printer.query(&made.query) else {
            continue;
        };
        if candidates.iter().any(|c| c.sql == sql) {
            continue;
        }
        let doubt = counted_twice(reader.catalog, &trees, &made.query);
        candidates.push(Candidate {
            doubt: made.doubt.or(doubt),
            query: made.query,
            sql,
            score: -STEP * made.cost,
            features: Vec::new(),
            notes: made.notes,
        });
    }
    candidates.sort_by(compare);
    FollowUp {
        candidates,
        unmatched: edits.lost,
        unsure: edits.unsure,
        meant,
    }
}
