//! Columns of a query read through casts, where a reader of its rows has no such type.

use lumos_core::sql::identifier;
use lumos_core::sql::lexer::{Dialect, without_end};
use lumos_duckdb::engine::LogicalType;

/// The query with columns cast whose types have no layout in DuckDB's C API: nested ones to JSON, others to text.
pub fn for_sqlite(sql: &str, columns: &[(String, LogicalType)]) -> String {
    let list: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(i, (name, ty))| {
            let name = identifier(name);
            match ty {
                LogicalType::Other(_) | LogicalType::BigNum => {
                    format!("CAST(#{} AS VARCHAR) AS {name}", i + 1)
                }
                ty if ty.needs_cast() => {
                    format!(
                        "CASE WHEN #{0} IS NOT NULL THEN to_json(#{0}) END AS {name}",
                        i + 1
                    )
                }
                _ => format!("#{} AS {name}", i + 1),
            }
        })
        .collect();
    let query = without_end(sql, Dialect::DuckDb);
    format!("SELECT {} FROM ({query})", list.join(", "))
}

/// What COPY takes of a query's columns: those that Parquet has no type for as the text, JSON or number that SQLite
/// gets of them; `None` if there is none.
pub fn for_parquet(columns: &[(String, LogicalType)]) -> Option<String> {
    if !columns.iter().any(|(_, ty)| is_lossy(ty)) {
        return None;
    }
    let list: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(i, (name, ty))| {
            let (column, name) = (format!("#{}", i + 1), identifier(name));
            match ty {
                LogicalType::HugeInt | LogicalType::UnsignedHugeInt => {
                    format!("CAST({column} AS DECIMAL(38,0)) AS {name}")
                }
                LogicalType::BigNum | LogicalType::Other(_) => {
                    format!("CAST({column} AS VARCHAR) AS {name}")
                }
                ty if is_lossy(ty) => format!("to_json({column}) AS {name}"),
                _ => format!("{column} AS {name}"),
            }
        })
        .collect();
    Some(list.join(", "))
}

/// True if a column of Parquet does not give values of this type back.
fn is_lossy(ty: &LogicalType) -> bool {
    match ty {
        LogicalType::HugeInt
        | LogicalType::UnsignedHugeInt
        | LogicalType::BigNum
        | LogicalType::Other(_)
        | LogicalType::Union(_) => true,
        LogicalType::List(t) | LogicalType::Array(t, _) => is_lossy(t),
        LogicalType::Map(k, v) => is_lossy(k) || is_lossy(v),
        LogicalType::Struct(fields) => fields.iter().any(|(_, t)| is_lossy(t)),
        _ => false,
    }
}
