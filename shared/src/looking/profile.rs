//! What each column of a source holds: one scan, in which an aggregate looks at every column.

use serde_json::Value as Json;

use crate::looking::column;
use crate::options::{OptionDef, OptionType, Options, shown};
use crate::program::{Database, Fold, FoldState, Parameters, Program};
use crate::series::words::LANG;
use crate::source::{self, ALIAS, Source, column as named};
use crate::sql::lexer::Dialect;
use crate::sql::{identifier, part};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options of `lumos_profile`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "columns",
        ty: OptionType::Json("the name of a column, or a list of names"),
        default: "all of them",
        doc: "the columns to look at",
    },
    OptionDef {
        name: "where",
        ty: OptionType::Text(", an expression of SQL"),
        default: "all of them",
        doc: "which rows to look at, whose name is `lumos_source`",
    },
    column::OPTIONS[0],
    column::OPTIONS[1],
    LANG,
];

/// The most columns in SQLite, which joins no more SELECTs.
const MOST: usize = 400;

/// Of `lumos_profile`.
pub const FOLD: Fold = Fold::new::<Profiles>(
    "profile",
    &[
        Param::new("place", Type::Integer),
        Param::new("name", Type::Text),
        Param::optional("column", Type::Text),
    ],
    &[
        ("name", Type::Text),
        ("type", Type::Text),
        ("kind", Type::Text),
        ("rows", Type::Integer),
        ("nulls", Type::Integer),
        ("uniques", Type::Integer),
        ("uniques_exact", Type::Integer),
        ("min", Type::Text),
        ("max", Type::Text),
        ("mean", Type::Real),
        ("sd", Type::Real),
        ("skew", Type::Real),
        ("kurtosis", Type::Real),
        ("quantiles", Type::Json),
        ("zeros", Type::Integer),
        ("negatives", Type::Integer),
        ("nonfinite", Type::Integer),
        ("lengths", Type::Json),
        ("top", Type::Json),
        ("histogram", Type::Json),
        ("notes", Type::Json),
    ],
);

/// What `lumos_profile` runs. Errors if the source is none, or if the options are not those that it takes.
pub fn program(source: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let dialect = database.dialect();
    let given = Options::parse(OPTIONS, options)?;
    let source = Source::parse(source, dialect)?;
    let from = source.from();
    let columns = match source::names(&given, "columns")? {
        Some(names) if names.is_empty() => {
            return Err(given.wrong("columns", "the name of a column, or a list of names"));
        }
        Some(names) => Some(names),
        None => source.columns(database)?,
    };
    let from = match given.text("where") {
        None => format!("{from} AS {ALIAS}"),
        Some(only) => {
            part::check(only, dialect).map_err(|why| {
                Error::new(format!(
                    "where {} {why}; give an expression of SQL over the columns",
                    shown(only)
                ))
            })?;
            format!("{from} AS {ALIAS} WHERE ({only}\n)")
        }
    };
    let told: serde_json::Map<String, Json> = ["top", "bins", "lang"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), given.get(name)?.clone())))
        .collect();
    let told = Json::Object(told).to_string();
    let mut parameters = Parameters::new(dialect);
    let read = match dialect {
        Dialect::DuckDb => {
            let told = parameters.add(Value::Text(told));
            let look = |column: &str, name: &str| {
                format!(
                    "lumos_column_of(CAST({column} AS VARCHAR), typeof({column}), {told}){name}"
                )
            };
            let looks = match columns {
                None => look("COLUMNS(*)", ""),
                Some(names) => {
                    let looks = names
                        .iter()
                        .map(|name| look(&named(name), &format!(" AS {}", identifier(name))));
                    looks.collect::<Vec<_>>().join(", ")
                }
            };
            format!(
                "SELECT row_number() OVER () - 1, lumos_name, lumos_value FROM (FROM (SELECT {looks} FROM {from}) UNPIVOT INCLUDE NULLS (lumos_value FOR lumos_name IN (COLUMNS(*))))"
            )
        }
        Dialect::Sqlite => {
            let columns = columns.unwrap_or_default();
            if columns.is_empty() || columns.len() > MOST {
                return Err(Error::new(format!(
                    "{} has {} columns; name 1 to {MOST} by the option \"columns\"",
                    source.shown(),
                    columns.len()
                )));
            }
            let told = parameters.add(Value::Text(told));
            let looks = columns.iter().enumerate().map(|(i, name)| {
                let column = named(name);
                format!("lumos_column_of({column}, typeof({column}), {told}) AS c{i}")
            });
            let looks: Vec<String> = looks.collect();
            let rows = columns.iter().enumerate().map(|(i, name)| {
                let name = parameters.add(Value::Text(name.clone()));
                format!("SELECT {i}, {name}, c{i} FROM lumos_looked")
            });
            let rows: Vec<String> = rows.collect();
            format!(
                "WITH lumos_looked AS MATERIALIZED (SELECT {} FROM {from}) {}",
                looks.join(", "),
                rows.join(" UNION ALL ")
            )
        }
    };
    Ok(Program {
        read,
        parameters: parameters.into_values(),
        spec: String::new(),
    })
}

/// The columns by their places.
#[derive(Clone)]
struct Profiles(Vec<(i64, String, Option<String>)>);

impl FoldState for Profiles {
    fn start(_: &str) -> Result<Self> {
        Ok(Profiles(Vec::new()))
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        if let [ValueRef::Integer(place), ValueRef::Text(name), column] = row {
            let column = match column {
                ValueRef::Text(column) => Some((*column).to_owned()),
                _ => None,
            };
            self.0.push((*place, (*name).to_owned(), column));
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut columns = self.0.clone();
        columns.sort();
        for (_, name, column) in columns {
            // A table without rows.
            let column = column.and_then(|column| serde_json::from_str(&column).ok());
            let column: Json = column.unwrap_or_else(
                || serde_json::json!({"kind": "empty", "rows": 0, "nulls": 0, "uniques": 0, "uniques_exact": true, "top": [], "notes": []}),
            );
            let fields = FOLD
                .output
                .iter()
                .skip(1)
                .map(|(field, ty)| cell(&column[*field], *ty));
            emit(std::iter::once(Value::Text(name)).chain(fields).collect())?;
        }
        Ok(())
    }
}

fn cell(value: &Json, ty: Type) -> Value {
    match (value, ty) {
        (Json::Null, _) => Value::Null,
        (value, Type::Integer) => match value.as_bool() {
            Some(flag) => Value::Integer(flag.into()),
            None => value.as_i64().map_or(Value::Null, Value::Integer),
        },
        (value, Type::Real) => value.as_f64().map_or(Value::Null, Value::Real),
        (Json::String(text), Type::Text) => Value::Text(text.clone()),
        (value, _) => Value::Text(value.to_string()),
    }
}
