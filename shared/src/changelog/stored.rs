//! Keys and columns as text, as the changelog and the mirror store them.

use serde_json::Value as Json;

use super::{Column, Key};
use crate::{Error, Result};

/// The key as `_lumos_tables` stores it: a JSON array of columns, or the rowid's name as a JSON string.
pub fn key_json(key: &Key) -> String {
    let json: Json = match key {
        Key::Columns(columns) => columns.as_slice().into(),
        Key::Rowid(name) => (*name).into(),
    };
    json.to_string()
}

/// Reads what [`key_json`] writes. Errors if it is anything else.
pub fn parse_key(json: &str) -> Result<Key> {
    let key = match serde_json::from_str(json) {
        Ok(Json::String(name)) => {
            let known = ["rowid", "_rowid_", "oid"].into_iter().find(|n| *n == name);
            known.map(Key::Rowid)
        }
        Ok(columns) => serde_json::from_value::<Vec<String>>(columns)
            .ok()
            .filter(|columns| !columns.is_empty())
            .map(Key::Columns),
        Err(_) => None,
    };
    key.ok_or_else(|| {
        Error::new(format!(
            "_lumos_tables has the key {json}; track the table again"
        ))
    })
}

/// Columns as the mirror stores them: a JSON array of arrays.
pub fn columns_json(columns: &[Column]) -> String {
    let rows: Vec<_> = columns
        .iter()
        .map(|c| {
            (
                &c.name,
                &c.declared,
                c.not_null,
                &c.default,
                c.pk,
                c.generated,
            )
        })
        .collect();
    serde_json::json!(rows).to_string()
}

/// Reads what [`columns_json`] writes; `None` if it is anything else.
pub fn parse_columns(json: &str) -> Option<Vec<Column>> {
    let rows: Vec<(String, String, bool, Option<String>, usize, bool)> =
        serde_json::from_str(json).ok()?;
    let column = |(name, declared, not_null, default, pk, generated)| Column {
        name,
        declared,
        not_null,
        default,
        pk,
        generated,
    };
    Some(rows.into_iter().map(column).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let keys = [
            Key::Rowid("_rowid_"),
            Key::Columns(vec!["a".into(), "b \"c\"".into()]),
        ];
        for key in keys {
            assert_eq!(parse_key(&key_json(&key))?, key);
        }
        let columns = [
            Column {
                name: "id".into(),
                declared: "INTEGER".into(),
                pk: 1,
                ..Column::default()
            },
            Column {
                name: "'x'".into(),
                not_null: true,
                default: Some("'a'".into()),
                generated: true,
                ..Column::default()
            },
        ];
        assert_eq!(
            parse_columns(&columns_json(&columns)).as_deref(),
            Some(&columns[..])
        );
        Ok(())
    }

    #[test]
    fn anything_else_is_refused() {
        for json in ["", "[]", "[1]", "\"id\"", "{}", "null"] {
            assert!(parse_key(json).is_err(), "{json}");
        }
        assert!(parse_columns("[[1]]").is_none());
    }
}
