//! Statements of ours that are prepared once for all calls of one running statement, as in
//! `SELECT lumos_memory_add(line) FROM said`: preparing takes four times as long as running them. SQLite keeps them with
//! that statement, as the auxiliary data of a function, and drops them where it ends, so that none makes `sqlite3_close`
//! busy.

use std::ffi::c_int;

use rusqlite::functions::Context;

use crate::error::Result;
use crate::host::statement::HostStatement;
use crate::locks::{Lock, Rank, locked};

/// The number of the auxiliary data. One from 0 on belongs to an argument and is dropped after each call unless that is
/// a constant; a negative one belongs to the whole statement. SQLite's functions of JSON keep theirs in the same way.
const NUMBER: c_int = -0x4c55_4d4f;

/// More texts than calls of one statement have, unless their options differ from row to row.
const MOST: usize = 8;

/// Those that no call has.
struct Kept(Lock<Vec<(String, HostStatement)>>);

// SAFETY: SQLite calls functions, and drops their auxiliary data, on the thread that runs the statement, which has the
// connection's mutex; the connection is open as long as the statement is there.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

/// Runs `body` with the statement of this text, which is made by `prepare` where the running statement has none.
pub fn with<T>(
    context: &Context<'_>,
    sql: &str,
    prepare: impl FnOnce() -> Result<HostStatement>,
    body: impl FnOnce(&mut HostStatement) -> Result<T>,
) -> Result<T> {
    let kept = match context.get_aux::<Kept>(NUMBER)? {
        Some(kept) => kept,
        None => context.set_aux(NUMBER, Kept(Lock::new(Rank::Moment, Vec::new())))?,
    };
    // It is nobody else's while it runs: what it calls may come here again.
    let found = {
        let mut kept = locked(&kept.0);
        let place = kept.iter().position(|(text, _)| text == sql);
        place.map(|place| kept.swap_remove(place))
    };
    let (text, mut statement) = match found {
        Some(found) => found,
        None => (sql.to_owned(), prepare()?),
    };
    let done = body(&mut statement);
    statement.reset();
    let mut dropped = Vec::new();
    {
        let mut kept = locked(&kept.0);
        if kept.len() >= MOST {
            dropped.append(&mut kept);
        }
        kept.push((text, statement));
    }
    drop(dropped);
    done
}
