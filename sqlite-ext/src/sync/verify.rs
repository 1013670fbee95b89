//! `lumos_verify`: the keys whose rows are not the same on both sides.

use std::rc::Rc;
use std::sync::Arc;

use crate::error::Result;
use crate::progress::Progress;
use crate::session::Session;
use crate::sync::compare::{Check, Difference, Sample};
use crate::sync::schema::Tracked;
use crate::sync::sides::Sides;
use crate::sync::tracked::matching_tracked;

/// The differences of some tables, one after the other. As long as it lives it holds a snapshot of both sides.
pub struct Verification {
    sides: Rc<Sides>,
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
        let sides = Rc::new(Sides::new(session, progress)?);
        // Not before: a table that was made anew or altered has another id once that is applied.
        let tables = matching_tracked(sides.source(), pattern)?;
        Ok(Verification::begin(sides, tables, sample))
    }

    /// The differences of one table in a snapshot that is there.
    pub fn of(sides: &Rc<Sides>, table: &Tracked) -> Verification {
        Verification::begin(Rc::clone(sides), vec![table.clone()], None)
    }

    fn begin(sides: Rc<Sides>, tables: Vec<Tracked>, sample: Option<Sample>) -> Verification {
        Verification {
            sides,
            sample,
            tables: tables.into_iter(),
            table: None,
            found: Vec::new().into_iter(),
        }
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
