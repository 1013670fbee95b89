//! Tables whose mirror cannot be what they are. Each fails the queries that read it, and nothing else: in the place
//! of its rows the mirror has a view that raises the error.

use lumos_core::changelog::{Key, ROWID_COLUMN};
use lumos_core::mirror::MirrorType;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Connection as DuckDb, ErrorKind, Value};
use rusqlite::types::Value as Source;
use rusqlite::{Connection, ffi, params_from_iter};
use serde_json::{Value as Json, json};

use crate::access::{self, Question};
use crate::error::{Error, Result, Unfit};
use crate::mirror::column_map::ColumnMap;
use crate::mirror::names::{self, CATALOG};
use crate::mirror::state::Failure;
use crate::sync::chunk_writer::value_of;
use crate::sync::schema::{self, Tracked};

/// True for an error that says something of the table that was being read or written, and not of the rest: no
/// interrupt, lock, lack of memory or disk.
pub fn is_of_table(e: &Error) -> bool {
    let code = matches!(
        e.code & 0xff,
        ffi::SQLITE_ERROR | ffi::SQLITE_TOOBIG | ffi::SQLITE_MISMATCH | ffi::SQLITE_CORRUPT
    );
    let others = matches!(
        e.kind,
        ErrorKind::Interrupted
            | ErrorKind::Damaged
            | ErrorKind::HeldBy(_)
            | ErrorKind::Outside
            | ErrorKind::ReadOnly(_)
    );
    code && !others
}

impl Failure {
    /// The failure of a table by this error.
    pub fn new(table: &Tracked, schema_version: i64, e: Error) -> Failure {
        let name = &table.name;
        // DuckDB shows the statement on further lines.
        let first = e.message.lines().next().unwrap_or_default();
        let message = if first.starts_with("table") {
            e.message
        } else {
            format!(
                "table \"{name}\" cannot be mirrored: {first}; lumos_track it with other options, or lumos_untrack('{name}')"
            )
        };
        Failure {
            id: e.table.unwrap_or(table.id),
            name: table.target().to_owned(),
            message,
            schema_version: e.unfit.is_some().then_some(schema_version),
            unfit: e.unfit.map(|unfit| *unfit),
        }
    }

    /// As an error.
    pub fn error(&self) -> Error {
        Error {
            table: Some(self.id),
            ..crate::error::error(self.message.clone())
        }
    }

    /// Puts the view that fails into the place of the table, which would have these columns.
    pub fn write(&self, duckdb: &DuckDb, table: &ColumnMap) -> Result<()> {
        let unfit = match &self.unfit {
            Some(unfit) => literal(&unfit.json().to_string()),
            None => "NULL".into(),
        };
        let version = self.schema_version.map_or("NULL".into(), |v| v.to_string());
        duckdb.execute(&format!(
            "INSERT INTO _lumos.failures VALUES({}, {}, {}, {version}, {unfit})",
            self.id,
            literal(&self.name),
            literal(&self.message),
        ))?;
        let columns = table.columns.iter().zip(&table.types);
        let mut named: Vec<String> = columns
            .filter(|(c, _)| !c.is_empty() && *c != ROWID_COLUMN)
            .map(|(c, ty)| format!("{} AS {}", nothing(*ty), identifier(c)))
            .collect();
        if named.is_empty() {
            named.push("NULL AS failed".into());
        }
        if self.name.is_empty() {
            return Ok(());
        }
        // A name that DuckDB cannot have, or that is one of the user's own: then no query can mean this table.
        let view = format!(
            "CREATE OR REPLACE VIEW {} AS SELECT {} WHERE CAST(error({}) AS BOOLEAN)",
            names::view(&self.name),
            named.join(", "),
            literal(&self.message)
        );
        drop(duckdb.execute(&view));
        Ok(())
    }

    /// Takes the view away.
    pub fn clear(&self, duckdb: &DuckDb) -> Result<()> {
        if !self.name.is_empty() {
            duckdb.execute(&names::drop_view(&self.name))?;
        }
        duckdb.execute(&format!(
            "DELETE FROM _lumos.failures WHERE id = {}",
            self.id
        ))?;
        Ok(())
    }

    /// True if the table may succeed after its rows changed: only the value that is to blame is looked at.
    pub fn may_succeed(&self, connection: &Connection, table: &Tracked) -> Result<bool> {
        let Some(unfit) = &self.unfit else {
            return Ok(true);
        };
        let definition = schema::read_table(connection, &table.name)?;
        let mirrored = ColumnMap::new(&definition, &table.key, &table.options, None);
        let Some(column) = mirrored.columns.iter().position(|c| *c == unfit.column) else {
            return Ok(true);
        };
        if mirrored.key.len() != unfit.key.len() {
            return Ok(true);
        }
        if mirrored.types[column] != unfit.ty {
            // Other values than the declaration chose the type, and they may be gone.
            return Ok(true);
        }
        let mut statement = connection.prepare(&mirrored.row_by_key())?;
        let mut rows = statement.query(params_from_iter(&unfit.key))?;
        Ok(match rows.next()? {
            Some(row) => mirrored.stored(column, value_of(row, column)?).is_some(),
            None => true,
        })
    }
}

impl Unfit {
    fn json(&self) -> Json {
        let key = self.key.iter().map(|value| match value {
            Source::Null => Json::Null,
            Source::Integer(v) => json!(v),
            Source::Real(v) => json!({ "real": format!("{v:?}") }),
            Source::Text(v) => json!(v),
            Source::Blob(v) => {
                let hex: String = v.iter().map(|b| format!("{b:02x}")).collect();
                json!({ "blob": hex })
            }
        });
        json!({ "column": self.column, "type": self.ty.name(), "key": key.collect::<Vec<_>>() })
    }

    fn parse(text: &str) -> Option<Unfit> {
        let json: Json = serde_json::from_str(text).ok()?;
        let value = |value: &Json| {
            Some(match value {
                Json::Null => Source::Null,
                Json::Number(n) => Source::Integer(n.as_i64()?),
                Json::String(text) => Source::Text(text.clone()),
                Json::Object(object) => match (object.get("real"), object.get("blob")) {
                    (Some(real), _) => Source::Real(real.as_str()?.parse().ok()?),
                    (_, Some(hex)) => Source::Blob(bytes(hex.as_str()?)?),
                    _ => return None,
                },
                _ => return None,
            })
        };
        Some(Unfit {
            column: json.get("column")?.as_str()?.to_owned(),
            ty: MirrorType::from_name(json.get("type")?.as_str()?)?,
            key: json
                .get("key")?
                .as_array()?
                .iter()
                .map(value)
                .collect::<Option<_>>()?,
        })
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// NULL for a column of a table that failed: where a query can be planned with the column, it must be with this, so
/// that the table's error comes and not one that says that a function takes no such type.
fn nothing(ty: MirrorType) -> String {
    match ty {
        // Functions of moments want to know of which kind.
        MirrorType::Date | MirrorType::Timestamp | MirrorType::Moment(_) => {
            format!("CAST(NULL AS {})", ty.sql())
        }
        // Every other one takes NULL as it is, and values may have chosen another type than the declared one.
        _ => "NULL".into(),
    }
}

/// The tables that failed.
pub fn read(duckdb: &DuckDb) -> Result<Vec<Failure>> {
    let found = duckdb
        .rows("SELECT id, name, message, schema_version, unfit FROM _lumos.failures ORDER BY id")?;
    Ok(found
        .into_iter()
        .filter_map(|row| match <[Value; 5]>::try_from(row) {
            Ok(
                [
                    Value::Integer(id),
                    Value::Text(name),
                    Value::Text(message),
                    version,
                    unfit,
                ],
            ) => Some(Failure {
                id,
                name,
                message,
                schema_version: match version {
                    Value::Integer(version) => Some(version),
                    _ => None,
                },
                unfit: match unfit {
                    Value::Text(text) => Unfit::parse(&text),
                    _ => None,
                },
            }),
            _ => None,
        })
        .collect())
}

/// The statements that take away the views of all of them.
pub fn clear_statements(failures: &[Failure]) -> String {
    let drops = failures
        .iter()
        .filter(|f| !f.name.is_empty())
        .map(|f| format!("{}; ", names::drop_view(&f.name)));
    drops.collect::<String>() + "DELETE FROM _lumos.failures;"
}

/// Has the mirror try these tables again.
pub fn retry_statement(ids: &str) -> String {
    format!("UPDATE _lumos.failures SET schema_version = NULL WHERE id IN ({ids})")
}

/// True if DuckDB ended the transaction under way, so that nothing more can be done in it.
pub fn is_aborted(duckdb: &DuckDb) -> bool {
    duckdb
        .execute(&format!("SELECT 1 FROM {CATALOG}._lumos.state LIMIT 0"))
        .is_err()
}

/// What this connection may hear of a table's failure, whose error may quote a value and a key.
pub fn message(host: &Connection, failure: &Failure) -> String {
    let Some(unfit) = &failure.unfit else {
        return failure.message.clone();
    };
    let asked = || {
        let tracked = schema::tracked_tables(host)?;
        let Some(table) = tracked.iter().find(|t| t.id == failure.id) else {
            return Ok(());
        };
        let mut columns = vec![unfit.column.clone()];
        if let Key::Columns(key) = &table.key {
            columns.extend(key.iter().cloned());
        }
        Question::new(&table.name, &columns).ask(host)
    };
    match asked() {
        Err(e) if access::is_refusal(&e) => format!(
            "table \"{}\", column \"{}\": a value does not fit the type {}; {}",
            failure.name,
            unfit.column,
            unfit.ty.name(),
            e.message
        ),
        _ => failure.message.clone(),
    }
}
