//! The options that a table is tracked with: what of it is mirrored, and as what.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Evolution, Key, Table};
use crate::mirror::{MirrorType, Policy, Rule};
use crate::options::{OptionDef, OptionType, Options as Given, PROGRESS};
use crate::{Error, Result};

/// The options of `lumos_track`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "columns",
        ty: OptionType::Json("an array of columns like [\"a\", \"b\"]"),
        default: "all",
        doc: "the columns to mirror; those of the key always are. Updates of others alone are not logged",
    },
    OptionDef {
        name: "key",
        ty: OptionType::Json("\"rowid\", a column, or an array of columns"),
        default: "the key as above",
        doc: "columns that are exactly a PRIMARY KEY or UNIQUE constraint, all NOT NULL, or the rowid as for a table without a key",
    },
    OptionDef {
        name: "types",
        ty: OptionType::Json("an object like {\"column\": \"DATE\"}"),
        default: "the declared type, and where it says nothing, or the values have another, what the values are",
        doc: "types of columns: VARCHAR, BIGINT, DOUBLE, BLOB, BOOLEAN (of 0 and 1), DATE, DECIMAL(width,scale), TIMESTAMP (of ISO text), and of numbers TIMESTAMP(unix) for seconds, TIMESTAMP(unix_ms) for milliseconds, TIMESTAMP(julian) for days as julianday() gives them",
    },
    OptionDef {
        name: "on_mismatch",
        ty: OptionType::Json(
            "one of error, null, varchar, widen, or an object with one for each column",
        ),
        default: "`error`",
        doc: "what to do with a value that its column's type does not hold exactly: `error` refuses it; `null` stores NULL; `varchar` makes the column VARCHAR with SQLite's text of every value; `widen` takes the next type that holds all values, VARCHAR at last. The latter two copy the table once more. In a key it is always an error",
    },
    OptionDef {
        name: "initial",
        ty: OptionType::Flag,
        default: "true",
        doc: "copies the table now; false leaves that to the first query or sync",
    },
    OptionDef {
        name: "target",
        ty: OptionType::Json("a name as a text"),
        default: "that of the table",
        doc: "the name in the mirror",
    },
    PROGRESS,
];

/// How a table is mirrored. Columns that the table no longer has mean nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackingOptions {
    /// The columns to mirror besides those of the key; all if `None`.
    pub columns: Option<Vec<String>>,
    /// The key.
    pub key: KeyChoice,
    /// Types of columns.
    types: BTreeMap<String, MirrorType>,
    /// What to do with values that do not fit.
    on_mismatch: OnMismatch,
    /// The name in the mirror, if it is another.
    pub target: Option<String>,
}

/// The key that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyChoice {
    /// The first that the table has.
    #[default]
    Any,
    /// The rowid, for a table that has no key.
    Rowid,
    /// These columns, in any order.
    Columns(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OnMismatch {
    Table(Policy),
    Columns(BTreeMap<String, Policy>),
}

impl Default for OnMismatch {
    fn default() -> Self {
        OnMismatch::Table(Policy::Error)
    }
}

impl TrackingOptions {
    /// Reads the options of `lumos_track` that say how the table is mirrored; the table is not asked yet. Errors if a
    /// value of one is not as it should be.
    pub fn new(given: &Given) -> Result<TrackingOptions> {
        let mut options = TrackingOptions::default();
        if let Some(value) = given.get("columns") {
            options.columns = Some(names("columns", value)?);
        }
        if let Some(value) = given.get("key") {
            options.key = key_choice(value)?;
        }
        if let Some(value) = given.get("types") {
            options.types = types(value)?;
        }
        if let Some(value) = given.get("on_mismatch") {
            options.on_mismatch = on_mismatch(value)?;
        }
        if let Some(value) = given.get("target") {
            options.target = Some(target(value)?);
        }
        Ok(options)
    }

    /// Reads what [`Self::json`] wrote. Errors for anything else.
    pub fn parse(text: &str) -> Result<TrackingOptions> {
        TrackingOptions::new(&Given::parse(OPTIONS, Some(text))?)
    }

    /// The options as JSON, which [`Self::parse`] reads back; those left out are the defaults.
    pub fn json(&self) -> Json {
        let mut object = Map::new();
        if let Some(columns) = &self.columns {
            object.insert("columns".into(), json!(columns));
        }
        match &self.key {
            KeyChoice::Any => {}
            KeyChoice::Rowid => drop(object.insert("key".into(), "rowid".into())),
            KeyChoice::Columns(columns) => drop(object.insert("key".into(), json!(columns))),
        }
        if !self.types.is_empty() {
            let types = self
                .types
                .iter()
                .map(|(c, ty)| (c.clone(), ty.name().into()));
            object.insert("types".into(), Json::Object(types.collect()));
        }
        match &self.on_mismatch {
            OnMismatch::Table(Policy::Error) => {}
            OnMismatch::Table(policy) => {
                object.insert("on_mismatch".into(), policy.name().into());
            }
            OnMismatch::Columns(policies) => {
                let policies = policies.iter().map(|(c, p)| (c.clone(), p.name().into()));
                object.insert("on_mismatch".into(), Json::Object(policies.collect()));
            }
        }
        if let Some(target) = &self.target {
            object.insert("target".into(), json!(target));
        }
        Json::Object(object)
    }

    /// The options with columns named as the table names them. Errors if an option names a column that it does not
    /// have.
    pub fn of(&self, table: &Table) -> Result<TrackingOptions> {
        let named = |name: &String| {
            let column = table
                .columns
                .iter()
                .find(|c| c.name.eq_ignore_ascii_case(name));
            column.map(|c| c.name.clone()).ok_or_else(|| {
                let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                Error::new(format!(
                    "table \"{}\" has no column \"{name}\"; its columns are {}",
                    table.name,
                    columns.join(", ")
                ))
            })
        };
        let list = |names: &Vec<String>| {
            let mut names = names.iter().map(named).collect::<Result<Vec<_>>>()?;
            names.sort();
            names.dedup();
            Ok::<_, Error>(names)
        };
        let mut options = self.clone();
        options.columns = self.columns.as_ref().map(list).transpose()?;
        if let KeyChoice::Columns(columns) = &self.key {
            options.key = KeyChoice::Columns(list(columns)?);
        }
        options.types = renamed(&self.types, named)?;
        if let OnMismatch::Columns(policies) = &self.on_mismatch {
            let policies = renamed(policies, named)?;
            options.on_mismatch = OnMismatch::Columns(policies);
        }
        options.target = self.target.clone().filter(|t| *t != table.name);
        Ok(options)
    }

    /// The options after columns got other names.
    pub fn after(&self, evolution: &Evolution) -> TrackingOptions {
        let name = |column: &String| evolution.new_name(column);
        let list = |columns: &Vec<String>| {
            let mut columns: Vec<String> = columns.iter().map(name).collect();
            columns.sort();
            columns
        };
        let mut options = self.clone();
        options.columns = self.columns.as_ref().map(list);
        if let KeyChoice::Columns(columns) = &self.key {
            options.key = KeyChoice::Columns(list(columns));
        }
        options.types = self.types.iter().map(|(c, t)| (name(c), *t)).collect();
        if let OnMismatch::Columns(policies) = &self.on_mismatch {
            let policies = policies.iter().map(|(c, p)| (name(c), *p)).collect();
            options.on_mismatch = OnMismatch::Columns(policies);
        }
        options
    }

    /// True if the mirror is what it is without options, but for its key.
    pub fn is_plain(&self) -> bool {
        self.columns.is_none()
            && self.target.is_none()
            && self.types.is_empty()
            && self.on_mismatch == OnMismatch::default()
    }

    /// The table with the columns alone that are mirrored; those of the key always are.
    pub fn mirrored(&self, table: &Table, key: &Key) -> Table {
        let key = key.mirror_columns();
        let mut table = table.clone();
        if let Some(columns) = &self.columns {
            table
                .columns
                .retain(|c| columns.contains(&c.name) || key.contains(&c.name));
        }
        table
    }

    /// How a column gets its type.
    pub fn rule(&self, column: &str, declared: &str, key: bool) -> Rule {
        let policy = match &self.on_mismatch {
            OnMismatch::Table(policy) => *policy,
            OnMismatch::Columns(policies) => policies.get(column).copied().unwrap_or_default(),
        };
        Rule::new(declared, self.types.get(column).copied(), policy, key)
    }

    /// Why the mirror may not have the values of a column as SQLite has them, if it may not.
    pub fn unlike(&self, column: &str, declared: &str, key: &Key) -> Option<&'static str> {
        let is_key = key.mirror_columns().iter().any(|k| k == column);
        if !is_key
            && self
                .columns
                .as_ref()
                .is_some_and(|c| !c.iter().any(|c| c == column))
        {
            return Some("is not mirrored");
        }
        let given = self.types.get(column);
        if given.is_some_and(|ty| MirrorType::of_declaration(declared) != Some(*ty)) {
            return Some("has a type of its own in the mirror");
        }
        let rule = self.rule(column, declared, is_key);
        (rule.policy == Policy::Null)
            .then_some("may be NULL in the mirror where a value does not fit")
    }
}

fn renamed<T: Copy>(
    map: &BTreeMap<String, T>,
    named: impl Fn(&String) -> Result<String>,
) -> Result<BTreeMap<String, T>> {
    map.iter().map(|(name, v)| Ok((named(name)?, *v))).collect()
}

/// A list of columns.
fn names(option: &str, value: &Json) -> Result<Vec<String>> {
    let names = value.as_array().and_then(|items| {
        let names = items.iter().map(|i| i.as_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>()
    });
    names.filter(|n| !n.is_empty()).ok_or_else(|| {
        Error::new(format!(
            "{option} is {value}; give an array of columns like [\"a\", \"b\"]"
        ))
    })
}

fn key_choice(value: &Json) -> Result<KeyChoice> {
    match value {
        Json::String(name) if name.eq_ignore_ascii_case("rowid") => Ok(KeyChoice::Rowid),
        Json::String(name) => Ok(KeyChoice::Columns(vec![name.clone()])),
        Json::Array(_) => names("key", value).map(KeyChoice::Columns),
        _ => Err(Error::new(format!(
            "key is {value}; give \"rowid\", a column, or an array of columns"
        ))),
    }
}

fn types(value: &Json) -> Result<BTreeMap<String, MirrorType>> {
    const KNOWN: &str = "VARCHAR, BIGINT, DOUBLE, BLOB, BOOLEAN, DATE, DECIMAL(width,scale), TIMESTAMP (of ISO text), \
                         TIMESTAMP(unix), TIMESTAMP(unix_ms) and TIMESTAMP(julian)";
    let Json::Object(object) = value else {
        return Err(Error::new(format!(
            "types is {value}; give an object like {{\"column\": \"DATE\"}}"
        )));
    };
    let parse = |(column, ty): (&String, &Json)| {
        let compact: String = ty
            .as_str()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        let (name, rest) = compact.split_at(compact.find('(').unwrap_or(compact.len()));
        let name = name.to_ascii_uppercase() + &rest.to_ascii_lowercase();
        match MirrorType::from_name(&name) {
            Some(ty) if ty != MirrorType::AnyText => Ok((column.clone(), ty)),
            _ => Err(Error::new(format!(
                "the type of \"{column}\" is {ty}; the types are {KNOWN}"
            ))),
        }
    };
    object.iter().map(parse).collect()
}

fn policy(value: &Json) -> Option<Policy> {
    Policy::from_name(value.as_str()?)
}

fn on_mismatch(value: &Json) -> Result<OnMismatch> {
    let wrong = |what: &str, value: &Json| {
        let names: Vec<&str> = Policy::ALL.iter().map(|(name, _)| *name).collect();
        Error::new(format!(
            "{what} is {value}; give one of {}, or an object with one for each column",
            names.join(", ")
        ))
    };
    if let Json::Object(object) = value {
        let policies = object.iter().map(|(column, value)| {
            let policy = policy(value)
                .ok_or_else(|| wrong(&format!("on_mismatch of \"{column}\""), value))?;
            Ok((column.clone(), policy))
        });
        return policies.collect::<Result<_>>().map(OnMismatch::Columns);
    }
    policy(value)
        .map(OnMismatch::Table)
        .ok_or_else(|| wrong("on_mismatch", value))
}

fn target(value: &Json) -> Result<String> {
    match value.as_str() {
        Some(name) if !name.is_empty() && !name.contains('\0') => {
            if name.to_ascii_lowercase().starts_with("_lumos") {
                Err(Error::new(format!(
                    "target is {value}, and names that begin with _lumos are Lumos's own; give another name"
                )))
            } else {
                Ok(name.to_owned())
            }
        }
        _ => Err(Error::new(format!(
            "target is {value}; give a name as a text"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;

    fn parse(text: &str) -> Result<TrackingOptions, String> {
        TrackingOptions::parse(text).map_err(|e| e.to_string())
    }

    fn table() -> Table {
        let column = |name: &str, declared: &str, pk| Column {
            name: name.into(),
            declared: declared.into(),
            pk,
            ..Column::default()
        };
        Table {
            name: "t".into(),
            columns: vec![
                column("id", "INTEGER", 1),
                column("A", "DATE", 0),
                column("b", "", 0),
            ],
            ..Table::default()
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "{}",
            r#"{"columns":["a","b"],"key":"rowid","target":"x"}"#,
            r#"{"key":["a"],"types":{"a":"DECIMAL(5,2)","b":"TIMESTAMP(unix)"},"on_mismatch":"widen"}"#,
            r#"{"on_mismatch":{"a":"error","b":"null"}}"#,
        ] {
            assert_eq!(parse(text).unwrap().json().to_string(), text);
        }
        let text = r#"{"on_mismatch":"error","types":{"a":" decimal ( 5 , 2 ) "}}"#;
        let short = r#"{"types":{"a":"DECIMAL(5,2)"}}"#;
        assert_eq!(parse(text).unwrap().json().to_string(), short);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            (r#"{"colums":1}"#, "columns, key, types"),
            (r#"{"columns":"a"}"#, "array"),
            (r#"{"columns":[]}"#, "array"),
            (r#"{"key":1}"#, "key is 1"),
            (r#"{"types":["DATE"]}"#, "types is"),
            (r#"{"types":{"a":"DATETIME"}}"#, "TIMESTAMP(unix_ms)"),
            (r#"{"types":{"a":"TEXT"}}"#, "\"TEXT\""),
            (r#"{"types":{"a":"DECIMAL(40,2)"}}"#, "DECIMAL(40,2)"),
            (r#"{"types":{"a":"TIMESTAMP(seconds)"}}"#, "seconds"),
            (
                r#"{"on_mismatch":null}"#,
                "is null; give one of error, null",
            ),
            (r#"{"on_mismatch":{"a":"x"}}"#, "of \"a\" is \"x\""),
            (r#"{"target":""}"#, "target"),
            (r#"{"target":"_LUMOS_x"}"#, "own"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn columns_are_named_as_the_table_names_them() {
        let options = parse(r#"{"columns":["B","a","b"],"types":{"a":"DATE"},"target":"t"}"#);
        let options = options.unwrap().of(&table()).unwrap();
        assert_eq!(
            options.json().to_string(),
            r#"{"columns":["A","b"],"types":{"A":"DATE"}}"#
        );
        let refused = parse(r#"{"types":{"c":"DATE"}}"#).unwrap().of(&table());
        assert!(refused.unwrap_err().to_string().contains("id, A, b"));
    }

    #[test]
    fn columns_keep_their_options_under_another_name() {
        let text =
            r#"{"columns":["a","b"],"key":["a"],"types":{"a":"DATE"},"on_mismatch":{"b":"null"}}"#;
        let evolution = Evolution {
            renamed: vec![("a".into(), "z".into())],
            ..Evolution::default()
        };
        assert_eq!(
            parse(text).unwrap().after(&evolution).json().to_string(),
            r#"{"columns":["b","z"],"key":["z"],"types":{"z":"DATE"},"on_mismatch":{"b":"null"}}"#
        );
    }

    #[test]
    fn the_key_is_always_mirrored() {
        let options = parse(r#"{"columns":["b"]}"#).unwrap();
        let key = Key::Columns(vec!["id".into()]);
        let columns = options.mirrored(&table(), &key).columns;
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["id", "b"]);
        assert_eq!(options.unlike("A", "DATE", &key), Some("is not mirrored"));
        assert_eq!(options.unlike("id", "INTEGER", &key), None);
    }

    #[test]
    fn what_may_differ_is_known() {
        let key = Key::Columns(vec!["id".into()]);
        let unlike = |text: &str, column: &str, declared: &str| {
            parse(text)
                .unwrap()
                .unlike(column, declared, &key)
                .is_some()
        };
        assert!(!unlike(r#"{"types":{"A":"DATE"}}"#, "A", "DATE"));
        assert!(unlike(r#"{"types":{"A":"DATE"}}"#, "A", "TEXT"));
        assert!(unlike(r#"{"on_mismatch":"null"}"#, "A", "DATE"));
        assert!(!unlike(r#"{"on_mismatch":"null"}"#, "id", "INTEGER"));
        assert!(!unlike(r#"{"on_mismatch":"widen"}"#, "A", "DATE"));
    }
}
