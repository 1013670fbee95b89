//! Rows of DuckDB as SQLite would give them, for a translated statement.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use lumos_core::route::{Limit, Output, Translation};
use lumos_duckdb::engine::{Cell, Chunk, LogicalType};
use rusqlite::{Connection, ffi};

use crate::access;
use crate::error::{Error, Result};
use crate::mirror::Mirror;
use crate::query::params::Params;
use crate::query::stream::Stream;

/// Chunks that are kept of a result that may still turn out to be SQLite's to give: 131,072 rows.
const KEPT: usize = 64;

/// Integers beyond this are not all doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// REALs closer than this, relative to their size, may be equal but for the order of additions.
const NEAR: f64 = 1e-9;

/// A result under way.
pub struct ResultRows {
    translation: Arc<Translation>,
    stream: Stream,
    /// The first is the one that is read.
    chunks: VecDeque<Arc<Chunk>>,
    row: usize,
    /// Rows to give from here, if LIMIT says so.
    left: Option<usize>,
    /// What it took until the first rows were there.
    pub nanoseconds: f64,
}

/// What came of the try to run a statement in DuckDB.
pub enum Outcome {
    /// Its rows.
    Rows(Box<ResultRows>),
    /// Why SQLite has to run it.
    Declined(String),
    /// The host's authorizer speaks against it; SQLite hears it too.
    Refused(Error),
}

impl ResultRows {
    /// Starts a translated statement. Where only the values show that it is SQLite's to run, they are looked at
    /// before the first row is given out.
    pub fn start(
        host: &Connection,
        mirror: &Arc<Mirror>,
        translation: &Arc<Translation>,
    ) -> Result<Outcome> {
        let clock = Instant::now();
        let mut stream = match Stream::start(host, mirror, &translation.sql, Params::none()) {
            Ok(stream) => stream,
            Err(e) => return declined(e),
        };
        let expected = |(output, ty): (&Output, &LogicalType)| fits(*output, ty);
        if !translation.outputs.iter().zip(&stream.types).all(expected) {
            return Ok(Outcome::Declined(
                "the mirror's types are others than expected".into(),
            ));
        }
        let whole = translation.guarded || translation.limit.is_some();
        let mut chunks = VecDeque::new();
        loop {
            match stream.next_chunk(host) {
                Ok(Some(chunk)) => chunks.push_back(chunk),
                Ok(None) => break,
                Err(e) => return declined(e),
            }
            if !whole {
                break;
            }
            if chunks.len() > KEPT {
                return Ok(Outcome::Declined(
                    "the result is too large to check before it is given out".into(),
                ));
            }
        }
        let mut answer = ResultRows {
            translation: Arc::clone(translation),
            stream,
            chunks,
            row: 0,
            left: None,
            nanoseconds: 0.0,
        };
        if let Some(limit) = &translation.limit
            && answer.cuts_ties(limit)
        {
            return Ok(Outcome::Declined(
                "LIMIT cuts through rows that are equal in ORDER BY".into(),
            ));
        }
        if translation.guarded && !answer.integers_fit() {
            return Ok(Outcome::Declined(
                "a whole number is larger than doubles hold exactly".into(),
            ));
        }
        answer.nanoseconds = clock.elapsed().as_nanos() as f64;
        Ok(Outcome::Rows(Box::new(answer)))
    }

    /// Applies LIMIT and OFFSET to the kept rows, which reach one beyond either end; true if an end is among equals.
    fn cuts_ties(&mut self, limit: &Limit) -> bool {
        let rows: usize = self.chunks.iter().map(|c| c.len()).sum();
        let first = usize::from(limit.skip_first);
        let last = first + limit.count;
        // Two rows may be exchanged if they are equal in all keys, or nearly so in a sum of reals before they differ.
        let tie = |a: usize, b: usize| {
            for (column, inexact) in &limit.keys {
                if !self.equal(a, b, *column, *inexact) {
                    return false;
                }
                if *inexact {
                    return true;
                }
            }
            true
        };
        let checked = !limit.keys.is_empty() && limit.count > 0;
        let cut = checked
            && ((first > 0 && rows > first && tie(0, 1)) || (rows > last && tie(last - 1, last)));
        self.left = Some(limit.count.min(rows.saturating_sub(first)));
        // What is skipped is the first row of the first chunk.
        self.row = first;
        self.drop_read();
        cut
    }

    fn equal(&self, a: usize, b: usize, column: usize, inexact: bool) -> bool {
        match (self.kept(a, column), self.kept(b, column)) {
            (Cell::Real(a), Cell::Real(b)) if inexact => {
                a == b || (a - b).abs() <= NEAR * a.abs().max(b.abs())
            }
            (a, b) => a == b,
        }
    }

    /// A value of the kept rows, counted from the first.
    fn kept(&self, row: usize, column: usize) -> Cell<'_> {
        let mut before = 0;
        for chunk in &self.chunks {
            if row < before + chunk.len() {
                let ty = &self.stream.types[column];
                return chunk.column(column, ty).cell(row - before);
            }
            before += chunk.len();
        }
        Cell::Null
    }

    /// False if a double that stands for an integer may have lost digits.
    fn integers_fit(&self) -> bool {
        let outputs = self.translation.outputs.iter().enumerate();
        let mut numbers =
            outputs.filter(|(_, o)| matches!(o, Output::Number | Output::NumberBy(_)));
        numbers.all(|(i, _)| {
            self.chunks.iter().all(|chunk| {
                let column = chunk.column(i, &self.stream.types[i]);
                (0..chunk.len()).all(|row| match column.cell(row) {
                    Cell::Real(v) => v.abs() <= EXACT || v.fract() != 0.0 || v.is_infinite(),
                    _ => true,
                })
            })
        })
    }

    fn drop_read(&mut self) {
        if self.chunks.front().is_some_and(|c| self.row >= c.len()) {
            self.chunks.pop_front();
            self.row = 0;
        }
    }

    /// True behind the last row.
    pub fn is_done(&self) -> bool {
        self.chunks.is_empty() || self.left == Some(0)
    }

    /// Goes to the next row.
    pub fn advance(&mut self, host: impl FnOnce() -> Result<Connection>) -> Result<()> {
        self.row += 1;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        self.drop_read();
        if self.chunks.is_empty() && self.left.is_none() && !self.translation.guarded {
            let next = self.stream.next_chunk(&host()?)?;
            self.chunks.extend(next);
        }
        Ok(())
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.translation.outputs.len()
    }

    /// A value of the row.
    pub fn cell(&self, column: usize) -> Cell<'_> {
        let (Some(chunk), Some(output), Some(ty)) = (
            self.chunks.front(),
            self.translation.outputs.get(column),
            self.stream.types.get(column),
        ) else {
            return Cell::Null;
        };
        let cell = chunk.column(column, ty).cell(self.row);
        match (output, cell) {
            (Output::Number, Cell::Real(v)) if v.fract() == 0.0 && v.abs() <= EXACT => {
                Cell::Integer(v as i64)
            }
            (Output::NumberBy(by), Cell::Real(v)) => {
                match chunk.column(*by, &self.stream.types[*by]).cell(self.row) {
                    Cell::Integer(1) => Cell::Integer(v as i64),
                    _ => Cell::Real(v),
                }
            }
            (_, cell) => cell,
        }
    }
}

/// Anything that goes wrong in DuckDB before the first row is a reason to run the statement in SQLite, which gives
/// the answer, or an error in its own words. An interrupt is none.
fn declined(e: Error) -> Result<Outcome> {
    match e.code {
        ffi::SQLITE_INTERRUPT => Err(e),
        _ if access::is_refusal(&e) => Ok(Outcome::Refused(e)),
        _ => Ok(Outcome::Declined(format!(
            "it cannot run in DuckDB with these values: {}",
            e.message
        ))),
    }
}

/// True if the type is the one that the translation meant.
fn fits(output: Output, ty: &LogicalType) -> bool {
    *ty == LogicalType::Null
        || match output {
            Output::Null => true,
            Output::Integer => matches!(ty, LogicalType::Integer(_) | LogicalType::Boolean),
            Output::Real | Output::Number | Output::NumberBy(_) => *ty == LogicalType::Double,
            Output::Text => *ty == LogicalType::Text,
            Output::Blob => *ty == LogicalType::Blob,
        }
}
