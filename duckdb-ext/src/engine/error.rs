//! What DuckDB says went wrong. The C API hands over a sentence and little else, so its English is read here, once
//! and nowhere else; `tests/python/sqlite/test_engine_errors.py` provokes each kind in the DuckDB that is built in.

use libduckdb_sys as ffi;

/// An error of DuckDB, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What the words say.
    pub kind: ErrorKind,
    /// The words, with DuckDB's name for the kind of error in front.
    pub text: String,
}

/// `Result` with DuckDB's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can be done about an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ErrorKind {
    /// Somebody asked the statement to end.
    Interrupted,
    /// A file of DuckDB's is not as it was written, or the database stopped for that reason.
    Damaged,
    /// Another process has the file open: its program and number, as DuckDB has them.
    HeldBy(String),
    /// There is no table or view of this name.
    MissingTable(String),
    /// There is no column of this name.
    MissingColumn(String),
    /// There is no such thing of another sort.
    Missing,
    /// It says nothing of the statement: memory, disk, other transactions, DuckDB itself.
    Outside,
    /// The transaction may not write this database.
    ReadOnly(String),
    /// What would be changed is a view.
    IsView,
    /// Anything else.
    #[default]
    Other,
}

/// What stands in the words of an error that says nothing of the statement.
const OUTSIDE: [&str; 6] = [
    "Resource In Use Error",
    "TransactionContext Error",
    "Out of Memory Error",
    "IO Error",
    "INTERNAL Error",
    "FATAL Error",
];

/// What stands in the words of an error of a damaged file.
const DAMAGED: [&str; 3] = [
    "Data Corruption Error",
    "Could not read enough bytes",
    "has been invalidated",
];

/// What stands in the words of an error of a statement that changes a view.
const IS_VIEW: [&str; 3] = ["base table", "is not an table", "VIEW statement"];

impl Error {
    /// An error with these words of DuckDB's, or of the engine's.
    pub fn new(text: impl Into<String>) -> Error {
        let text = text.into();
        let kind = kind(&text);
        Error { kind, text }
    }

    /// The same for words without DuckDB's name for the kind of error in front, which say nothing then of memory, disk
    /// or an interrupt.
    pub fn of_type(ty: ffi::duckdb_error_type, text: &str) -> Error {
        let name = match ty {
            ffi::duckdb_error_type_DUCKDB_ERROR_TRANSACTION => "TransactionContext Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_IO => "IO Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_INTERRUPT => "INTERRUPT Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_FATAL => "FATAL Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_INTERNAL => "INTERNAL Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_OUT_OF_MEMORY => "Out of Memory Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_DATA_CORRUPTION => "Data Corruption Error: ",
            ffi::duckdb_error_type_DUCKDB_ERROR_RESOURCE_IN_USE => "Resource In Use Error: ",
            _ => "",
        };
        Error::new(format!("{name}{text}"))
    }

    /// What a statement raised by the function `error`, without DuckDB's words around it; also what functions say of
    /// their arguments.
    pub fn raised(&self) -> Option<&str> {
        self.text.strip_prefix("Invalid Input Error: ")
    }
}

fn kind(text: &str) -> ErrorKind {
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    let between = |before: &str, after: &str| {
        let (_, rest) = text.split_once(before)?;
        let (name, _) = rest.split_once(after)?;
        Some(name.to_owned())
    };
    if says(&DAMAGED) {
        return ErrorKind::Damaged;
    }
    if let Some(table) = between("Table with name ", " does not exist") {
        return ErrorKind::MissingTable(table);
    }
    if let Some((_, rest)) = text.split_once("Referenced column \"")
        && let Some((column, rest)) = rest.split_once('"')
        && rest.contains("not found")
    {
        return ErrorKind::MissingColumn(column.to_owned());
    }
    if says(&["INTERRUPT Error"]) {
        return ErrorKind::Interrupted;
    }
    if let Some((_, rest)) = text.split_once("lock is held in ") {
        let process = rest.split(". ").next().unwrap_or(rest);
        return ErrorKind::HeldBy(process.to_owned());
    }
    if let Some(database) = between("write to database \"", "\"") {
        return ErrorKind::ReadOnly(database);
    }
    if let Some(database) = between("write to database ", " ") {
        return ErrorKind::ReadOnly(database.trim_matches('"').to_owned());
    }
    if says(&OUTSIDE) {
        return ErrorKind::Outside;
    }
    if says(&IS_VIEW) {
        return ErrorKind::IsView;
    }
    if says(&["does not exist"]) {
        ErrorKind::Missing
    } else {
        ErrorKind::Other
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
