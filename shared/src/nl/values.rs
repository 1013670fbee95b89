//! The distinct short texts of columns, to find what a question names by what stands in the data.

use super::place::ColumnRef;
use super::tokens::{fold, hash};

/// Longest value that is kept, in bytes.
pub const LONGEST: usize = 80;

/// Texts by the hash of their form, with the columns that have them.
#[derive(Debug, Clone, Default)]
pub struct ValueIndex {
    /// Sorted by the hash; the place and length of the text in `texts`.
    entries: Vec<Entry>,
    texts: String,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    table: u16,
    column: u16,
    start: u32,
    length: u16,
}

impl ValueIndex {
    /// Adds a value of a column; longer ones than [`LONGEST`] are left out. Call [`ValueIndex::finish`] after the last.
    pub fn add(&mut self, column: ColumnRef, text: &str) {
        if text.len() > LONGEST || text.trim().is_empty() || self.is_full() {
            return;
        }
        let (Ok(table), Ok(place)) = (u16::try_from(column.table), u16::try_from(column.column))
        else {
            return;
        };
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        self.entries.push(Entry {
            hash: hash(&fold(text)),
            table,
            column: place,
            start,
            length: text.len() as u16,
        });
    }

    /// Whether it takes no more: at 64 MiB of texts, or two million of them.
    pub fn is_full(&self) -> bool {
        self.texts.len() >= 64 << 20 || self.entries.len() >= 2_000_000
    }

    /// Orders the values.
    pub fn finish(&mut self) {
        self.entries
            .sort_unstable_by_key(|e| (e.hash, e.table, e.column, e.start));
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// About how many bytes of memory it has.
    pub fn bytes(&self) -> usize {
        self.texts.len() + self.entries.len() * size_of::<Entry>()
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Columns that have this text but for case and punctuation, each with the text as it stands there.
    pub fn find<'a>(&'a self, folded: &str) -> impl Iterator<Item = (ColumnRef, &'a str)> {
        let wanted = hash(folded);
        let folded = folded.to_owned();
        let start = self.entries.partition_point(|e| e.hash < wanted);
        self.entries[start..]
            .iter()
            .take_while(move |e| e.hash == wanted)
            .map(|e| {
                let text = self
                    .texts
                    .get(e.start as usize..e.start as usize + e.length as usize);
                let column = ColumnRef {
                    table: e.table.into(),
                    column: e.column.into(),
                };
                (column, text.unwrap_or_default())
            })
            .filter(move |(_, text)| fold(text) == folded)
    }

    /// Calls `each` with the columns that share a text, for every text that stands in several.
    pub fn groups(&self, each: &mut dyn FnMut(&[ColumnRef])) {
        let mut columns: Vec<ColumnRef> = Vec::new();
        for same in self.entries.chunk_by(|a, b| a.hash == b.hash) {
            columns.clear();
            columns.extend(same.iter().map(|e| ColumnRef {
                table: e.table.into(),
                column: e.column.into(),
            }));
            columns.dedup();
            if columns.len() > 1 {
                each(&columns);
            }
        }
    }

    /// All values with their columns, in the order of their hashes.
    pub fn all(&self) -> impl Iterator<Item = (ColumnRef, &str)> {
        self.entries.iter().map(|e| {
            let text = self
                .texts
                .get(e.start as usize..e.start as usize + e.length as usize);
            let column = ColumnRef {
                table: e.table.into(),
                column: e.column.into(),
            };
            (column, text.unwrap_or_default())
        })
    }
}
