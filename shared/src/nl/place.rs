//! Where a column is in a catalog.

/// A place in the catalog: a table and one of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnRef {
    /// The place of the table.
    pub table: usize,
    /// The place of the column in it.
    pub column: usize,
}
