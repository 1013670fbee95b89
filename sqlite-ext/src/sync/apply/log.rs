//! What the changelog says that the mirror has not applied: whether it goes on from there, and which tables it names.

use std::collections::HashMap;

use lumos_core::changelog::{LogRows, UNFORESEEN};

use super::Run;
use crate::error::{Error, Result, error};
use crate::host;
use crate::mirror::records::mirrored_tables;
use crate::mirror::state::Applied;
use crate::sync::{self, Watermark, mark};

/// The part of the log that names a table.
#[derive(Debug, Clone)]
pub struct Touched {
    /// After `.0` up to `.1`.
    pub log: (i64, i64),
    /// How the rows of it are found that do.
    pub rows: LogRows,
    /// So many they are.
    pub size: i64,
    /// Rows may have been replaced that it does not name.
    pub unforeseen: bool,
}

/// The tables that the log names, by their ids.
pub type Log = HashMap<i64, Touched>;

/// Where fewer rows of the log than one of so many name a table, they are looked up by their numbers.
const SPREAD: i64 = 64;

/// Up to so many are.
const NUMBERED: i64 = 1_000;

/// If as many tables are such, which is worth reading the log once more.
const FEW_TABLES: usize = 4;

/// What the mirror has that the source's log continues.
pub enum Base {
    /// Everything up to this watermark.
    Watermark(i64),
    /// Nothing that can be continued: every table is to be copied.
    Nothing,
    /// More than the source's snapshot shows.
    Ahead(i64),
}

impl Run<'_> {
    /// The tables that the log names after `from`, each with the part that does.
    pub(super) fn log(&self, from: i64) -> Result<Log> {
        const SQL: &str = "SELECT tbl, min(seq), max(seq), count(*), max(op = ?3) FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 GROUP BY tbl";
        let mut log = Log::new();
        if from == self.watermark.seq {
            return Ok(log);
        }
        let mut statement = self.connection.prepare(SQL)?;
        let mut rows = statement.query([from, self.watermark.seq, UNFORESEEN])?;
        while let Some(row) = rows.next()? {
            let first: i64 = row.get(1)?;
            let touched = Touched {
                log: (first - 1, row.get(2)?),
                rows: LogRows::Between,
                size: row.get(3)?,
                unforeseen: row.get(4)?,
            };
            log.insert(row.get(0)?, touched);
        }
        self.number(&mut log)?;
        Ok(log)
    }

    /// Finds the rows of the tables that few rows of a long log name, so that it is not read for each.
    pub(super) fn number(&self, log: &mut Log) -> Result<()> {
        let is_spread = |t: &Touched| t.size <= NUMBERED && (t.log.1 - t.log.0) / SPREAD > t.size;
        let spread: Vec<String> = log
            .iter()
            .filter(|(_, t)| is_spread(t))
            .map(|(id, _)| id.to_string())
            .collect();
        if spread.len() < FEW_TABLES {
            return Ok(());
        }
        let mut statement = self.connection.prepare(&format!(
            "SELECT tbl, group_concat(seq) FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl IN ({}) GROUP BY tbl",
            spread.join(", ")
        ))?;
        let from = log.values().map(|t| t.log.0).min().unwrap_or_default();
        let mut rows = statement.query([from, self.watermark.seq])?;
        while let Some(row) = rows.next()? {
            if let Some(touched) = log.get_mut(&row.get(0)?) {
                touched.rows = LogRows::Numbers(row.get(1)?);
            }
        }
        Ok(())
    }

    /// What the changelog can go on from.
    pub(super) fn base(&self, stored: &Applied) -> Result<Base> {
        let watermark = &self.watermark;
        if stored.source != watermark.source {
            return match mirrored_tables(self.duckdb)?.as_slice() {
                [] => Ok(Base::Nothing),
                _ if self.is_behind(stored) => Err(sync::is_behind()),
                _ => Err(error(
                    "the mirror belongs to another database; attach another path, or lumos_resync('*') to replace its tables",
                )),
            };
        }
        if watermark.seq < stored.seq && self.is_behind(stored) {
            return Ok(Base::Ahead(stored.seq));
        }
        // The log was pruned after another mirror of this database had applied it. The row that this one stopped at
        // is gone, and with it the proof that the log goes on from there.
        if watermark.first > stored.seq.max(1) {
            return Ok(Base::Nothing);
        }
        if watermark.seq < stored.seq || mark(self.connection, stored.seq)? != stored.mark {
            return Err(error(
                "the database went back behind its mirror, as after restoring a backup; lumos_resync('*') copies its tables again",
            ));
        }
        Ok(Base::Watermark(stored.seq))
    }

    /// True if the snapshot is older than the mirror; false if the database itself is, as after restoring a backup.
    pub(super) fn is_behind(&self, stored: &Applied) -> bool {
        if self.recent {
            return false;
        }
        // A process that closed its connections since may have applied more: another connection sees what is there.
        let now = || {
            let second = host::second(self.connection)?;
            let now = Watermark::read(&second)?;
            Ok::<bool, Error>(
                now.is_some_and(|now| now.source == stored.source)
                    && mark(&second, stored.seq)? == stored.mark,
            )
        };
        self.other_sessions || now().unwrap_or(false)
    }
}
