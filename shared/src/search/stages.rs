//! The aggregates of DuckDB in which searches run, each with its columns: said once, for the SQL that calls them and for
//! the code that reads them.
//!
//! A search has two stages where a column of hashes lets an index answer. The first, `scan`, looks at the hash of every
//! row and gives what it knows, with the rowids of the other rows. Those are joined, and the second, `fetch`, reads their
//! values. Without a column of hashes the second reads all rows, and `rowids` is NULL.

use crate::{Error, Result};

/// An aggregate.
#[derive(Debug)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// Its columns in order; the SELECT that feeds it names its own so.
    pub columns: &'static [(&'static str, ColumnType)],
}

/// What a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// BIGINT, UUID or VARCHAR: there is a form for each.
    Id,
    /// BIGINT: where the row is.
    Rowid,
    /// UBIGINT: DuckDB's hash of the value.
    Hash,
    /// A vector in any of its types.
    Vector,
    /// VARCHAR.
    Text,
    /// BOOLEAN.
    Flag,
    /// BLOB.
    Bytes,
    /// BLOB[].
    Vectors,
}

use ColumnType::{Bytes, Flag, Hash, Id, Rowid, Text, Vector, Vectors};

/// Searches the vectors in memory, and lists the rowids of rows that it does not know.
pub const KNN_SCAN: Stage = Stage {
    name: "_lumos_knn_scan",
    columns: &[
        ("id", Id),
        ("place", Rowid),
        ("hash", Hash),
        ("plan", Text),
        ("queries", Vectors),
        ("checks", Text),
    ],
};

/// Measures those, has them held from then on, and merges what the first has `found`.
pub const KNN_FETCH: Stage = Stage {
    name: "_lumos_knn_fetch",
    columns: &[
        ("id", Id),
        ("vec", Vector),
        ("hash", Hash),
        ("plan", Text),
        ("queries", Vectors),
        ("rowids", Rowid),
        ("found", Bytes),
    ],
};

/// Counts what the texts in memory say of the words, and lists the rowids of other rows.
pub const BM25_SCAN: Stage = Stage {
    name: "_lumos_bm25_scan",
    columns: &[
        ("id", Id),
        ("place", Rowid),
        ("hash", Hash),
        ("chosen", Flag),
        ("plan", Text),
        ("checks", Text),
    ],
};

/// Counts what the texts of those say, has them held from then on, and scores all rows that are `chosen`.
pub const BM25_FETCH: Stage = Stage {
    name: "_lumos_bm25_fetch",
    columns: &[
        ("id", Id),
        ("body", Text),
        ("hash", Hash),
        ("chosen", Flag),
        ("plan", Text),
        ("rowids", Rowid),
        ("found", Bytes),
    ],
};

/// All of them.
pub const STAGES: [&Stage; 4] = [&KNN_SCAN, &KNN_FETCH, &BM25_SCAN, &BM25_FETCH];

impl Stage {
    /// The number of a column. Errors if there is none of this name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let place = self.columns.iter().position(|(column, _)| *column == name);
        place.ok_or_else(|| Error::new(format!("internal error: {} has no {name}", self.name)))
    }

    /// Its call over a SELECT that names its columns so.
    pub fn call(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("{}({})", self.name, columns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        assert_eq!(KNN_SCAN.column("checks"), Ok(5));
        assert!(KNN_SCAN.column("check").is_err());
        for stage in STAGES {
            for (i, (name, _)) in stage.columns.iter().enumerate() {
                assert_eq!(stage.column(name), Ok(i));
            }
        }
        assert_eq!(
            BM25_SCAN.call(),
            "_lumos_bm25_scan(id, place, hash, chosen, plan, checks)"
        );
    }
}
