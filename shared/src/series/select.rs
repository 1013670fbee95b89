//! The SELECT of series: a table, a table with columns, or a query, in the engine's SQL, as rows of
//! `(series, time, value)`, and of `role` where more than values is known.

use crate::options::{OptionDef, OptionType, Options};
use crate::program::Database;
use crate::source::{self, ALIAS, Source, column};
use crate::sql::lexer::Dialect;
use crate::sql::literal;
use crate::{Error, Result};

/// The options that say which column is what.
pub const TIME: OptionDef = OptionDef {
    name: "time",
    ty: OptionType::Text(", the name of a column"),
    default: "the first column",
    doc: "the column of times, together with `value`",
};
/// See [`TIME`].
pub const VALUE: OptionDef = OptionDef {
    name: "value",
    ty: OptionType::Text(", the name of a column"),
    default: "the second column",
    doc: "the column of values, together with `time`",
};
/// See [`TIME`].
pub const BY: OptionDef = OptionDef {
    name: "by",
    ty: OptionType::Json("the name of a column, or a list of names"),
    default: "the columns after the second; none if `time` and `value` are named",
    doc: "a series for each value of this column, or of these together",
};

/// Dates of events.
pub const HOLIDAYS: OptionDef = OptionDef {
    name: "holidays",
    ty: OptionType::Json(GIVE_HOLIDAYS),
    default: "none",
    doc: "days that are not like others, past ones and those ahead: a table or a query of a day and, if there are several kinds, a name; or a list of days. What each adds to its day, the day before and the day after, the past says",
};
/// Columns of numbers.
pub const X: OptionDef = OptionDef {
    name: "x",
    ty: OptionType::Json("the name of a column, or a list of names"),
    default: "none",
    doc: "columns of numbers that go with the values, like a price; the source has a row for each step ahead too, with NULL for the value",
};
const GIVE_HOLIDAYS: &str = "a table like holidays(day, name), a query, or a list of days";

/// The most columns of [`X`].
pub const MOST_COLUMNS: usize = 20;

/// The role of a row that is an event: this, its time and its name, with [`BREAK`] between.
pub const EVENT: &str = "event:";
/// Between the time and the name of an event.
pub const BREAK: char = '|';

/// The columns of [`X`], by their numbers, each once. Errors if they are no names or too many.
pub fn x_columns(options: &Options) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in source::names(options, "x")?.unwrap_or_default() {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    if names.len() > MOST_COLUMNS {
        return Err(options.wrong("x", "20 columns at most"));
    }
    Ok(names)
}

/// The role of the numbers of a column of [`X`].
fn role(column: usize) -> String {
    format!("x{column}")
}

/// Writes the SELECT of a source.
///
/// Errors if the text is neither a table nor a query, if it has fewer than two columns, or if the options name only one of
/// `time` and `value`.
pub fn select(text: &str, options: &Options, database: &dyn Database) -> Result<String> {
    let (columns, rows) = parts(text, options, &[], database)?;
    Ok(format!(
        "SELECT {}, {}, {} FROM {rows}",
        columns.key, columns.time, columns.value
    ))
}

/// The same with the column `role`: NULL for values, `x0` for the numbers of the first column of [`X`], and events of
/// [`HOLIDAYS`] as rows with neither series nor time.
///
/// Errors as [`select`], and if the options of both are wrong.
pub fn select_with_roles(text: &str, options: &Options, database: &dyn Database) -> Result<String> {
    let x = x_columns(options)?;
    let (columns, rows) = parts(text, options, &x, database)?;
    let Columns {
        key,
        time,
        value,
        x,
    } = columns;
    let ty = text_type(database);
    let mut sql = if x.is_empty() {
        format!("SELECT {key}, {time}, {value}, CAST(NULL AS {ty}) FROM {rows}")
    } else {
        let mut roles = "SELECT NULL AS lumos_role".to_owned();
        let mut cells = String::new();
        for (i, x) in x.iter().enumerate() {
            let role = literal(&role(i));
            roles.push_str(&format!(" UNION ALL SELECT {role}"));
            cells.push_str(&format!(" WHEN {role} THEN {x}"));
        }
        format!(
            "SELECT {key}, {time}, CASE lumos_roles.lumos_role{cells} ELSE {value} END, lumos_roles.lumos_role FROM {rows} CROSS JOIN ({roles}) AS lumos_roles"
        )
    };
    if let Some(events) = events(options, database)? {
        sql.push_str(&format!(" UNION ALL {events}"));
    }
    Ok(sql)
}

/// The SELECT of events; `None` if there are none, or a list of them in the options.
fn events(options: &Options, database: &dyn Database) -> Result<Option<String>> {
    use serde_json::Value as Json;
    let text = match options.get("holidays") {
        None | Some(Json::Null | Json::Array(_)) => return Ok(None),
        Some(Json::String(text)) => text,
        Some(_) => return Err(options.wrong("holidays", GIVE_HOLIDAYS)),
    };
    let source = Source::parse(text, database.dialect())?;
    let (day, name, rows) = match source.columns(database)?.as_deref() {
        Some([]) => return Err(options.wrong("holidays", GIVE_HOLIDAYS)),
        Some([day]) => (column(day), "NULL".to_owned(), source.rows()),
        Some([day, name, ..]) => (column(day), column(name), source.rows()),
        // The first column is renamed; the second, if there is one, is the first of the others.
        None => {
            let others = "* EXCLUDE (lumos_day)";
            let rows = format!(
                "(SELECT lumos_day, list_value(*COLUMNS({others})) AS lumos_names FROM (SELECT lumos_day, CAST(COLUMNS({others}) AS VARCHAR) FROM (SELECT *, NULL AS lumos_end FROM {} AS lumos_rows(lumos_day)))) AS {ALIAS}",
                source.from()
            );
            ("lumos_day".to_owned(), "lumos_names[1]".to_owned(), rows)
        }
    };
    let ty = text_type(database);
    Ok(Some(format!(
        "SELECT NULL, NULL, NULL, {} || CAST({day} AS {ty}) || {} || COALESCE(CAST({name} AS {ty}), '') FROM {rows} WHERE {day} IS NOT NULL",
        literal(EVENT),
        literal(&BREAK.to_string())
    )))
}

fn text_type(database: &dyn Database) -> &'static str {
    match database.dialect() {
        Dialect::Sqlite => "TEXT",
        Dialect::DuckDb => "VARCHAR",
    }
}

/// The expressions of a SELECT.
struct Columns {
    key: String,
    time: String,
    value: String,
    x: Vec<String>,
}

/// The expressions of a source, and what stands behind FROM.
fn parts(
    text: &str,
    options: &Options,
    x: &[String],
    database: &dyn Database,
) -> Result<(Columns, String)> {
    let source = Source::parse(text, database.dialect())?;
    let by = source::names(options, "by")?;
    let own = |names: &[String]| -> Vec<String> { names.iter().map(|n| column(n)).collect() };
    let (time, value, by) = match (options.text("time"), options.text("value")) {
        (Some(time), Some(value)) => (column(time), column(value), own(&by.unwrap_or_default())),
        (None, None) => match source.columns(database)?.as_deref() {
            None => return Ok(by_position(&source, by.as_deref(), x, database)),
            Some([time, value, rest @ ..]) => {
                let is_x = |name: &String| x.iter().any(|x| x.eq_ignore_ascii_case(name));
                let rest: Vec<String> = rest.iter().filter(|name| !is_x(name)).cloned().collect();
                let by = own(by.as_deref().unwrap_or(&rest));
                (column(time), column(value), by)
            }
            Some(_) => {
                return Err(Error::new(format!(
                    "{} has fewer than two columns; give one of times and one of values, like sales(day, amount)",
                    source.shown()
                )));
            }
        },
        _ => return Err(Error::new("give both \"time\" and \"value\", or neither")),
    };
    let columns = Columns {
        key: source.key(&by),
        time,
        value: source.number(&value, database),
        x: own(x).iter().map(|x| source.number(x, database)).collect(),
    };
    Ok((columns, source.rows()))
}

/// Of a source of DuckDB whose columns have no names that the writer knows: the first two are renamed, the others become a
/// list of texts. What options name is taken before, by its own name. A column more stands at the end, since there is no list
/// of no columns.
fn by_position(
    source: &Source,
    keys: Option<&[String]>,
    x: &[String],
    database: &dyn Database,
) -> (Columns, String) {
    let keys_of = |i: usize| format!("lumos_key{i}");
    let x_of = |i: usize| format!("lumos_x{i}");
    let mut own = vec!["lumos_time".to_owned(), "lumos_value".to_owned()];
    let mut taken = String::new();
    let named = x.iter().enumerate().map(|(i, name)| (x_of(i), name));
    let by = keys.unwrap_or_default().iter().enumerate();
    for (alias, name) in named.chain(by.map(|(i, name)| (keys_of(i), name))) {
        taken.push_str(&format!(", {} AS {alias}", column(name)));
        own.push(alias);
    }
    let from = source.from();
    let rows = format!(
        "(SELECT *, NULL AS lumos_end FROM (SELECT *{taken} FROM {from} AS {ALIAS}) AS lumos_rows(lumos_time, lumos_value)) AS {ALIAS}"
    );
    let (key, rows) = match keys {
        Some(keys) => {
            let keys: Vec<String> = (0..keys.len()).map(keys_of).collect();
            (source.key(&keys), rows)
        }
        None => {
            // An x may be one of the first two, which have other names now.
            let others: Vec<String> = own
                .iter()
                .chain(x)
                .map(|n| literal(&n.to_lowercase()))
                .collect();
            let rest = format!("COLUMNS(lambda c: lower(c) NOT IN ({}))", others.join(", "));
            let own = own.join(", ");
            (
                "CASE len(lumos_keys) WHEN 1 THEN NULL WHEN 2 THEN lumos_keys[1] ELSE CAST(to_json(lumos_keys[:-2]) AS VARCHAR) END".to_owned(),
                format!(
                    "(SELECT {own}, list_value(*{rest}) AS lumos_keys FROM (SELECT {own}, CAST({rest} AS VARCHAR) FROM {rows})) AS {ALIAS}"
                ),
            )
        }
    };
    let columns = Columns {
        key,
        time: "lumos_time".into(),
        value: source.number("lumos_value", database),
        x: (0..x.len())
            .map(|i| source.number(&x_of(i), database))
            .collect(),
    };
    (columns, rows)
}
