//! `lumos_repair`: cures what `lumos_verify` finds.

use std::rc::Rc;
use std::sync::Arc;

use rusqlite::{Connection, params_from_iter};
use serde_json::{Value as Json, json};

use crate::access;
use crate::error::{Result, error};
use crate::progress::Progress;
use crate::session::Session;
use crate::sync::compare::{Check, Difference, Kind};
use crate::sync::resync::resync;
use crate::sync::schema::{self, Tracked};
use crate::sync::sides::Sides;
use crate::sync::tracked::matching_tracked;
use crate::sync::verify::Verification;
use crate::sync::{self, SyncContext};

/// Fewer keys than this are always repaired one by one.
const FEW: i64 = 1_000;

/// More keys than this never are.
const MOST: i64 = 1_000_000;

/// What is to be done for a table.
enum Cure {
    /// Nothing, or to read these keys again.
    Keys(Vec<Difference>),
    Copy,
}

/// Returns a report for each table.
pub fn repair(session: &Arc<Session>, pattern: &str, progress: Progress) -> Result<Json> {
    let connection = session.connection()?;
    if !connection.is_autocommit() {
        return Err(error("a transaction is open; COMMIT or ROLLBACK first"));
    }
    // A table that was made anew or altered has another id once what is pending is applied.
    let first = Rc::new(Sides::new(session, progress.clone())?);
    let tables = matching_tracked(first.source(), pattern)?;
    let mut sides = Some(first);
    let several = tables.len() > 1;
    let mut cures = Vec::new();
    for table in tables {
        let both = match sides.take() {
            Some(sides) => sides,
            None => Rc::new(Sides::new(session, progress.clone())?),
        };
        let cure = differences(&both, &table)?;
        // An error may have ended the transaction.
        sides = matches!(cure, Cure::Keys(_)).then_some(both);
        cures.push((table, cure));
    }
    drop(sides);
    let attached = session.attached()?;
    let context = SyncContext::of(&attached, &connection).showing(progress.clone());
    let touched = |cure: &Cure| matches!(cure, Cure::Keys(found) if !found.is_empty());
    if cures.iter().any(|(_, cure)| touched(cure)) {
        schema::writing(&connection, || {
            cures.iter().try_for_each(|(table, cure)| match cure {
                Cure::Keys(found) => log(&connection, table, found),
                Cure::Copy => Ok(()),
            })
        })?;
        // What cannot be applied row by row is copied below.
        drop(sync::sync(&context));
    }
    let mut report = Vec::new();
    for (table, cure) in cures {
        let cured = match &cure {
            Cure::Copy => false,
            Cure::Keys(found) => is_cured(session, &table, found, &progress),
        };
        if !cured && let Err(e) = resync(&context, &table.name) {
            // One table's trouble is not the others'.
            if !several || e.table != Some(table.id) {
                return Err(e);
            }
            report.push(json!({ "table": table.name, "error": e.message }));
            continue;
        }
        let count = |kind: fn(&Kind) -> bool| match &cure {
            Cure::Keys(found) => json!(found.iter().filter(|d| kind(&d.kind)).count()),
            Cure::Copy => Json::Null,
        };
        report.push(json!({
            "table": table.name,
            "missing": count(|kind| *kind == Kind::Missing),
            "extra": count(|kind| *kind == Kind::Extra),
            "different": count(|kind| matches!(kind, Kind::Different(_))),
            "copied": !cured,
        }));
    }
    Ok(report.into())
}

/// What differs, if it is little enough to be cured key by key.
fn differences(sides: &Rc<Sides>, table: &Tracked) -> Result<Cure> {
    let verification = Verification::of(sides, table);
    let most = sides.mirrored_rows(table) / 10;
    let most = most.clamp(FEW, MOST) as usize;
    let mut found = Vec::new();
    for difference in verification {
        match difference {
            Ok(_) if found.len() == most => return Ok(Cure::Copy),
            Ok(difference) => found.push(difference),
            // The mirror's own table is not what it should be.
            Err(e) if e.table == Some(table.id) && !access::is_refusal(&e) => {
                return Ok(Cure::Copy);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Cure::Keys(found))
}

/// True if the keys that differed do no more. The others were found equal before.
fn is_cured(
    session: &Arc<Session>,
    table: &Tracked,
    found: &[Difference],
    progress: &Progress,
) -> bool {
    if found.is_empty() {
        return true;
    }
    let keys: Vec<_> = found.iter().map(|d| d.key.clone()).collect();
    let Ok(sides) = Sides::new(session, progress.clone()).map(Rc::new) else {
        return false;
    };
    match Check::agrees(&sides, table.clone(), &keys) {
        Ok(Some(agrees)) => agrees,
        // All of it once more.
        Ok(None) => {
            matches!(differences(&sides, table), Ok(Cure::Keys(left)) if left.is_empty())
        }
        Err(_) => false,
    }
}

/// Logs keys as touched, so that every mirror of the database reads their rows again.
fn log(connection: &Connection, table: &Tracked, found: &[Difference]) -> Result<()> {
    let width = table.key.names().len();
    let columns: String = (1..=width).map(|i| format!(", k{i}")).collect();
    let values = ", ?".repeat(width);
    let mut insert = connection.prepare(&format!(
        "INSERT INTO main._lumos_log(tbl, op{columns}) VALUES({}, 2{values})",
        table.id
    ))?;
    for difference in found {
        insert.execute(params_from_iter(&difference.key))?;
    }
    Ok(())
}
