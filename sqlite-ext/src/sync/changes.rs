//! What the changelog says, for readers other than the mirror.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionState};

use crate::error::{Error, Result, error};
use crate::host;
use crate::sync::schema::{self, Tracked};
use crate::sync::tracked::matching_tracked;

/// Rows of the log that are read at once.
const PAGE: i64 = 1_000;

/// One touched key, or the position alone.
#[derive(Debug)]
pub struct Change {
    /// Where it stands in the log.
    pub seq: i64,
    /// The table's name.
    pub table: Option<String>,
    /// The columns of the key; `None` of a whole table.
    pub key: Option<Vec<(String, Value)>>,
    /// What the trigger saw.
    pub op: Option<&'static str>,
}

/// The changes after a position, up to the one that was last when they were asked for.
pub struct Changes {
    host: Connection,
    /// The tables that are asked for, by their ids.
    tables: HashMap<i64, Tracked>,
    /// The last row of the log that was read.
    at: i64,
    end: i64,
    page: std::vec::IntoIter<Change>,
}

impl Changes {
    /// Errors in a transaction that has written, on a table that is not tracked, and on a position whose changes are
    /// not kept. Without `since` it gives the position alone.
    pub fn new(host: Connection, since: Option<i64>, table: Option<&str>) -> Result<Changes> {
        let last = last(&host)?;
        let in_transaction = !host.is_autocommit();
        if in_transaction && host.transaction_state(Some("main"))? == TransactionState::Write {
            let committed = host::second(&host).and_then(|second| self::last(&second));
            // Numbers that it has taken come again after a ROLLBACK, for other changes.
            if !committed.is_ok_and(|committed| committed == last) {
                return Err(has_written());
            }
        }
        let at = since.unwrap_or(last);
        if at > last {
            return Err(error(format!(
                "the position {at} is after the last change, {last}: the database was restored or is another one; \
                 read the tables, and start again from lumos_changes()"
            )));
        }
        // Who polls has seen the last one most of the time.
        let first = if at < last { first(&host)? } else { last };
        if at + 1 < first {
            return Err(error(format!(
                "the changes after {at} are not kept any more, the oldest is {first}; \
                 read the tables, and start again from lumos_changes()"
            )));
        }
        let tables = if at < last || table.is_some() {
            let tracked = match table {
                Some(name) => matching_tracked(&host, name)?,
                None => schema::tracked_tables(&host)?,
            };
            tracked.into_iter().map(|t| (t.id, t)).collect()
        } else {
            HashMap::new()
        };
        let now = since.is_none().then_some(Change {
            seq: last,
            table: None,
            key: None,
            op: None,
        });
        Ok(Changes {
            host,
            tables,
            at,
            end: last,
            page: Vec::from_iter(now).into_iter(),
        })
    }

    fn read(&mut self) -> Result<()> {
        let sql =
            "SELECT * FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";
        let mut statement = self.host.prepare(sql)?;
        let mut rows = statement.query([self.at, self.end, PAGE])?;
        let mut page = Vec::new();
        let mut at = self.at;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get("seq")?;
            if seq != at + 1 {
                return Err(error(format!(
                    "the changes after {at} were taken out of the log while they were read; \
                     read the tables, and start again from lumos_changes()"
                )));
            }
            at = seq;
            let Some(table) = self.tables.get(&row.get("tbl")?) else {
                continue;
            };
            let op = match row.get("op")? {
                0 => "delete",
                1 => "insert",
                2 => "update",
                _ => "reset",
            };
            let names = table.key.names();
            let key = (op != "reset").then(|| {
                let part = |(i, name)| Ok((name, row.get(format!("k{}", i + 1).as_str())?));
                names
                    .into_iter()
                    .enumerate()
                    .map(part)
                    .collect::<Result<_>>()
            });
            page.push(Change {
                seq,
                table: Some(table.name.clone()),
                key: key.transpose()?,
                op: Some(op),
            });
        }
        self.at = if at == self.at { self.end } else { at };
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Changes {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(change) = self.page.next() {
                return Some(Ok(change));
            }
            if self.at >= self.end {
                return None;
            }
            if let Err(e) = self.read() {
                self.at = self.end;
                return Some(Err(e));
            }
        }
    }
}

/// The last row of the log; 0 without one, and without a log.
fn last(connection: &Connection) -> Result<i64> {
    const SQL: &str = "SELECT coalesce(max(seq), 0) FROM main._lumos_log";
    match connection.query_row(SQL, [], |row| row.get(0)) {
        Ok(last) => Ok(last),
        Err(_) if !schema::has_changelog(connection)? => Ok(0),
        Err(e) => Err(e.into()),
    }
}

/// The first row of the log; 0 without one. Errors without a log.
fn first(connection: &Connection) -> Result<i64> {
    const SQL: &str = "SELECT coalesce(min(seq), 0) FROM main._lumos_log";
    Ok(connection.query_row(SQL, [], |row| row.get(0))?)
}

/// The refusal to read the log where it may yet be undone.
fn has_written() -> Error {
    error(
        "this transaction has written, and what it logged may yet be undone; call this before its first write",
    )
}
