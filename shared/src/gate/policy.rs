//! What SQL from anywhere may read, as the options of a call say it.

use serde_json::Value as Json;

use super::{Reads, allows_function};
use crate::options::{OptionDef, OptionType, Options};
use crate::sql::lexer::Dialect;
use crate::sql::name_parts;
use crate::{Error, Result, ValueRef};

const NAMES: OptionType = OptionType::Json("an array of names, like [\"album\", \"artist\"]");

/// The tables that may be read.
pub const TABLES: OptionDef = OptionDef {
    name: "tables",
    ty: NAMES,
    default: "all but those whose names begin with lumos_ or _lumos",
    doc: "the tables and views that may be read; of a view those too that it reads",
};

/// The tables and columns that may not.
pub const DENY: OptionDef = OptionDef {
    name: "deny",
    ty: OptionType::Json("an array of tables and columns, like [\"staff\", \"customer.email\"]"),
    default: "[]",
    doc: "the tables and columns that may not be read, in whichever part of a query and through whichever view",
};

/// The functions that may be called besides those that are known to compute and nothing else.
pub const FUNCTIONS: OptionDef = OptionDef {
    name: "functions",
    ty: NAMES,
    default: "[]",
    doc: "functions that may be called besides those that only compute a value of their arguments",
};

/// The options of a call that has SQL pass the gate.
pub const OPTIONS: &[OptionDef] = &[TABLES, DENY, FUNCTIONS];

/// What may be read and called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    tables: Option<Vec<String>>,
    denied: Vec<String>,
    denied_columns: Vec<(String, String)>,
    functions: Vec<String>,
}

impl Policy {
    /// Reads [`OPTIONS`]. Errors if one of them is no list of names.
    pub fn read(options: &Options) -> Result<Policy> {
        let mut policy = Policy {
            tables: names(options, &TABLES)?,
            functions: names(options, &FUNCTIONS)?.unwrap_or_default(),
            ..Policy::default()
        };
        for name in names(options, &DENY)?.unwrap_or_default() {
            match name_parts(&name).as_slice() {
                [table] => policy.denied.push(table.clone()),
                [table, column] => policy.denied_columns.push((table.clone(), column.clone())),
                _ => return Err(options.wrong(DENY.name, &DENY.ty.values())),
            }
        }
        Ok(policy)
    }

    /// The text of options that [`Self::read`] reads back.
    pub fn to_json(&self) -> String {
        let quoted = |name: &String| crate::sql::identifier(name);
        let columns = self.denied_columns.iter();
        let columns =
            columns.map(|(table, column)| format!("{}.{}", quoted(table), quoted(column)));
        let denied: Vec<String> = self.denied.iter().map(quoted).chain(columns).collect();
        let mut options = serde_json::json!({"deny": denied, "functions": self.functions});
        if let Some(tables) = &self.tables {
            options["tables"] = serde_json::json!(tables);
        }
        options.to_string()
    }

    /// True if this table or view may be read, its columns apart. Names are the same in any case.
    pub fn allows_table(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let allowed = match &self.tables {
            Some(tables) => tables.contains(&name),
            None => !name.starts_with("lumos_") && !name.starts_with("_lumos"),
        };
        allowed && !self.denied.contains(&name)
    }

    /// True if this column of a table that may be read may be, too.
    pub fn allows_column(&self, table: &str, column: &str) -> bool {
        let (table, column) = (table.to_lowercase(), column.to_lowercase());
        !self
            .denied_columns
            .iter()
            .any(|(t, c)| *t == table && *c == column)
    }

    /// The denied columns of a table, in lower case.
    pub fn denied_columns(&self, table: &str) -> Vec<&str> {
        let table = table.to_lowercase();
        let of_table = self.denied_columns.iter().filter(|(t, _)| *t == table);
        of_table.map(|(_, column)| column.as_str()).collect()
    }

    /// The same for all tables but those that are denied.
    pub fn without_tables(&self) -> Policy {
        Policy {
            tables: None,
            ..self.clone()
        }
    }

    /// True if every table and column may be read, so that nobody needs to look through views.
    pub fn is_open(&self) -> bool {
        self.tables.is_none() && self.denied.is_empty() && self.denied_columns.is_empty()
    }

    /// True if a function may be called.
    pub fn allows_function(&self, name: &str, dialect: Dialect) -> bool {
        let name = name.to_lowercase();
        allows_function(&name, dialect) || self.functions.contains(&name)
    }

    /// Why a statement may not read what it reads; `None` if it may.
    pub fn refusal(&self, reads: &Reads, dialect: Dialect) -> Option<String> {
        if let Some(table) = reads.tables.iter().find(|table| !self.allows_table(table)) {
            return Some(format!("the table \"{table}\" may not be read"));
        }
        let denied = reads
            .columns
            .iter()
            .find(|(t, c)| !self.allows_column(t, c));
        if let Some((table, column)) = denied {
            return Some(format!(
                "the column \"{table}\".\"{column}\" may not be read"
            ));
        }
        let called = reads
            .functions
            .iter()
            .find(|f| !self.allows_function(f, dialect));
        called.map(|name| not_allowed(name))
    }
}

/// The reason for a function that is on no list.
pub fn not_allowed(function: &str) -> String {
    format!("the function {function} may not be called; the option \"functions\" can allow it")
}

/// The names of an option in lower case; `None` if it is not given.
fn names(options: &Options, option: &OptionDef) -> Result<Option<Vec<String>>> {
    let wrong = || options.wrong(option.name, &option.ty.values());
    let given = match options.get(option.name) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Array(given)) => given,
        Some(_) => return Err(wrong()),
    };
    let name = |name: &Json| name.as_str().map(str::to_lowercase).ok_or_else(wrong);
    given
        .iter()
        .map(name)
        .collect::<Result<_, Error>>()
        .map(Some)
}

/// The text and the options of a call. Errors if the text is NULL, or the options are none.
pub fn arguments_of<'a>(arguments: &[ValueRef<'a>]) -> Result<(&'a str, Policy)> {
    let Some(ValueRef::Text(sql)) = arguments.first() else {
        return Err(Error::new("sql is NULL; give a SELECT as text"));
    };
    let options = match arguments.get(1) {
        None | Some(ValueRef::Null) => None,
        Some(ValueRef::Text(options)) => Some(*options),
        Some(_) => return Err(Error::new("options is no text; give a JSON object")),
    };
    Ok((sql, Policy::read(&Options::parse(OPTIONS, options)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(options: &str) -> Result<Policy> {
        Policy::read(&Options::parse(OPTIONS, Some(options))?)
    }

    #[test]
    fn names_are_read_in_any_case() {
        let read = policy(
            r#"{"tables": ["Album", "v"], "deny": ["V", "album.Title"], "functions": ["f"]}"#,
        )
        .unwrap();
        assert!(read.allows_table("ALBUM") && !read.allows_table("v") && !read.allows_table("x"));
        assert!(!read.allows_column("Album", "TITLE") && read.allows_column("album", "id"));
        assert_eq!(read.denied_columns("ALBUM"), ["title"]);
        assert!(
            read.allows_function("F", Dialect::Sqlite)
                && !read.allows_function("g", Dialect::Sqlite)
        );
        assert_eq!(policy(&read.to_json()).unwrap(), read);
        let open = policy("{}").unwrap();
        assert!(open.is_open() && open.allows_table("x") && !open.allows_table("lumos_memory"));
        assert!(!open.allows_table("_lumos_log"));
        assert_eq!(policy(&open.to_json()).unwrap(), open);
    }

    #[test]
    fn lists_that_are_none_are_errors() {
        for options in [
            r#"{"tables": "a"}"#,
            r#"{"deny": [1]}"#,
            r#"{"deny": ["a.b.c"]}"#,
            r#"{"functions": {}}"#,
        ] {
            assert!(policy(options).is_err(), "{options}");
        }
    }
}
