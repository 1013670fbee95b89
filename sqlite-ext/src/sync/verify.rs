//! `lumos_verify`: the keys whose rows are not the same on both sides.

use std::sync::Arc;

use crate::error::Result;
use crate::progress::Progress;
use crate::session::Session;
use crate::sync::compare::{Check, Difference, Sample};
use crate::sync::schema::Tracked;
use crate::sync::sides::Sides;
use crate::sync::track::matching_tracked;

/// The differences of some tables, one after the other. As long as it lives it holds a snapshot of both sides.
pub struct Verification {
    sides: Sides,
    sample: Option<Sample>,
    tables: std::vec::IntoIter<Tracked>,
    table: Option<Check>,
    found: std::vec::IntoIter<Difference>,
}

impl Verification {
    /// Applies what is pending and begins. Errors if the pattern means no tracked table.
    pub fn new(
        session: &Arc<Session>,
        pattern: &str,
        sample: Option<Sample>,
        progress: Progress,
    ) -> Result<Verification> {
        let sides = Sides::new(session, progress)?;
        // Not before: a table that was made anew or altered has another id once that is applied.
        let tables = matching_tracked(sides.source(), pattern)?;
        Ok(Verification::begin(sides, tables, sample))
    }

    /// The same of one table.
    pub fn of(session: &Arc<Session>, table: &Tracked, progress: Progress) -> Result<Verification> {
        let sides = Sides::new(session, progress)?;
        Ok(Verification::begin(sides, vec![table.clone()], None))
    }

    fn begin(sides: Sides, tables: Vec<Tracked>, sample: Option<Sample>) -> Verification {
        Verification {
            sides,
            sample,
            tables: tables.into_iter(),
            table: None,
            found: Vec::new().into_iter(),
        }
    }

    /// The rows that the mirror has of a table; 0 if it has no such table.
    pub fn mirrored_rows(&self, table: &Tracked) -> i64 {
        self.sides.mirrored_rows(table)
    }

    fn next_difference(&mut self) -> Result<Option<Difference>> {
        loop {
            if let Some(difference) = self.found.next() {
                return Ok(Some(difference));
            }
            if let Some(check) = &mut self.table
                && let Some(group) = check.groups.next()
            {
                self.found = check.compare(&self.sides, &group)?.into_iter();
                continue;
            }
            let Some(table) = self.tables.next() else {
                return Ok(None);
            };
            self.table = Check::new(&self.sides, table, self.sample)?;
        }
    }
}

impl Iterator for Verification {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_difference().transpose()
    }
}
