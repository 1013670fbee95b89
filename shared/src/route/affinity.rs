//! What SQLite does to the values of a column, by its declared type.

/// What SQLite does to values that are stored in a column, or compared with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Texts stay texts, numbers become texts.
    Text,
    /// Numbers without a fraction become integers, texts that look like numbers become numbers.
    Numeric,
    /// Numbers become reals, texts that look like numbers too.
    Real,
    /// Nothing.
    Blob,
    /// An expression without an affinity, which takes the one of a column of texts that it is compared with.
    None,
}

impl Affinity {
    /// The affinity of a declared type, <https://www.sqlite.org/datatype3.html> section 3.1.
    pub fn declared(declared: &str) -> Affinity {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Affinity::Numeric
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || upper.trim().is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// True for those that make numbers of texts.
    pub fn is_numeric(self) -> bool {
        matches!(self, Affinity::Numeric | Affinity::Real)
    }
}
