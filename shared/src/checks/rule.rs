//! A rule: what must hold of the rows of a source, and as SQL.

use serde_json::Value as Json;

use super::parts::{self, expression, fields, literal_of, names, not_null, seconds, shown, wrong};
use super::regexp;
use crate::options::{listed, shortened};
use crate::source::{Source, column};
use crate::sql::lexer::Dialect;
use crate::sql::{identifier, literal, qualified};
use crate::value::whole_number;
use crate::{Error, Result};

/// How much a failure matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at.
    Warn,
    /// To be mended.
    Error,
}

impl Severity {
    /// As in the rule.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Error => "error",
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Each row: an expression that is true, false or NULL.
    Row(String),
    /// All rows together: an expression over aggregates that is true, false or NULL.
    All(String),
    /// The number of rows, from and to.
    Count(Option<i64>, Option<i64>),
    /// The newest value of an expression, which is at most so many seconds old.
    Newest(String, i64),
    /// The names of columns that must be there.
    Columns(Vec<String>),
    /// The values of a column, which must be distributed as others.
    Distribution(Distribution),
    /// The sum of a column.
    Sum(Sum),
}

/// What the sum of a column must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// The column as SQL writes it.
    pub column: String,
    /// What it must be.
    pub to: SumTo,
    /// How far apart both may be; 0 if it is not given.
    pub within: Option<f64>,
}

/// See [`Sum`].
#[derive(Debug, Clone, PartialEq)]
pub enum SumTo {
    /// A number, as SQL.
    Number(String),
    /// A table, with its schema or without, and its column, whose sum it must be.
    Column(String, String),
}

/// What the values of a column are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// The column as SQL writes it.
    pub column: String,
    /// The other values: the rows behind a FROM and their column, or what `lumos_column_of` said of them.
    pub baseline: Baseline,
    /// `psi` or `ks`.
    pub measure: &'static str,
    /// From which value of the measure on they are not alike.
    pub max: f64,
}

/// See [`Distribution`].
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline {
    /// A table, or a query in parentheses, and its column.
    Rows(String, String),
    /// A profile.
    Kept(Json),
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name; made of the kind and the column if none is given.
    pub name: String,
    /// The kind, as in the rule.
    pub kind: &'static str,
    /// What must hold, for a sentence in English and in Chinese.
    pub says: (String, String),
    /// What is looked at.
    pub test: Test,
    /// Which rows; all if there is none.
    pub only: Option<String>,
    /// The columns whose values make groups, each of which is judged by itself.
    pub by: Vec<String>,
    /// How much a failure matters.
    pub severity: Severity,
    /// The rows that may fail.
    pub max_rows: i64,
    /// The share of rows that may fail.
    pub max_share: f64,
    /// Whether a row fails of which is not known whether the rule holds.
    pub null_fails: bool,
}

/// The kinds, each with what it takes.
const KINDS: &[(&str, &str)] = &[
    ("not_null", "a column or a list of columns"),
    ("unique", "a column or a list of columns"),
    (
        "in",
        "{\"column\": ..., \"values\": [...]} with numbers or texts",
    ),
    ("range", "{\"column\": ..., \"min\": ..., \"max\": ...}"),
    ("length", "{\"column\": ..., \"min\": ..., \"max\": ...}"),
    ("glob", "{\"column\": ..., \"pattern\": \"A*\"}"),
    ("regex", "{\"column\": ..., \"pattern\": \"^[A-Z]{2}$\"}"),
    (
        "type",
        "{\"column\": ..., \"is\": \"integer\", \"real\", \"number\", \"text\" or \"blob\"}",
    ),
    (
        "references",
        "{\"column\": ..., \"table\": ..., \"to\": ...}",
    ),
    (
        "expression",
        "an expression of SQL that is true of each row",
    ),
    (
        "aggregate",
        "an expression of SQL over aggregates that is true of all rows together",
    ),
    ("row_count", "{\"min\": ..., \"max\": ...}"),
    (
        "sum_equals",
        "{\"column\": ..., \"to\": 100, \"within\": 0.01}, or in place of \"to\" a \"table\" and its \"to_column\"",
    ),
    ("freshness", "{\"column\": ..., \"within\": \"1 day\"}"),
    ("columns", "a list of columns"),
    (
        "distribution",
        "{\"column\": ..., \"baseline\": a table, a query, or what lumos_column_of gave, \"measure\": \"psi\" or \"ks\", \"max\": 0.2}",
    ),
];

/// The most rules of the kind `distribution`, which keep the different values of two columns each.
const MOST_DISTRIBUTIONS: usize = 20;

/// What a rule has besides its kind.
const FIELDS: &[&str] = &[
    "name",
    "severity",
    "where",
    "by",
    "null",
    "max_rows",
    "max_share",
];

/// Rules: one object, or a list of them. Errors if one is none, or if there are none or more than 200.
pub fn rules(text: &str, from: &str, dialect: Dialect) -> Result<Vec<Rule>> {
    let json: Json = serde_json::from_str(text).map_err(|_| {
        Error::new(format!(
            "rules {} are no JSON; write them like [{{\"not_null\": \"id\"}}]",
            shortened(text)
        ))
    })?;
    let list = match json {
        Json::Array(list) => list,
        one => vec![one],
    };
    if list.is_empty() || list.len() > 200 {
        return Err(Error::new(format!(
            "there are {} rules; give 1 to 200",
            list.len()
        )));
    }
    let mut rules = Vec::new();
    for (i, rule) in list.iter().enumerate() {
        let writer = Writer { from, dialect };
        let rule = writer.rule(rule).map_err(|e| match list.len() {
            1 => e,
            _ => Error::new(format!("rule {}: {e}", i + 1)),
        })?;
        rules.push(rule);
    }
    let distributions = rules
        .iter()
        .filter(|rule| matches!(rule.test, Test::Distribution(_)))
        .count();
    if distributions > MOST_DISTRIBUTIONS {
        return Err(Error::new(format!(
            "{distributions} rules are of the kind distribution; give up to {MOST_DISTRIBUTIONS} at once"
        )));
    }
    Ok(rules)
}

struct Writer<'a> {
    from: &'a str,
    dialect: Dialect,
}

impl Writer<'_> {
    fn rule(&self, rule: &Json) -> Result<Rule> {
        let Json::Object(rule) = rule else {
            return Err(Error::new(format!(
                "{} is no rule; write one like {{\"not_null\": \"id\"}}",
                shortened(&rule.to_string())
            )));
        };
        let is_kind = |name: &String| KINDS.iter().find(|(kind, _)| kind == name);
        let mut kinds = rule
            .iter()
            .filter_map(|(name, given)| Some((is_kind(name)?, given)));
        let kinds_known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let (Some(((kind, give), given)), None) = (kinds.next(), kinds.next()) else {
            return Err(Error::new(format!(
                "{} must have one of {}",
                shortened(&Json::Object(rule.clone()).to_string()),
                listed(&kinds_known, "and")
            )));
        };
        if let Some(unknown) = rule
            .keys()
            .find(|name| is_kind(name).is_none() && !FIELDS.contains(&name.as_str()))
        {
            return Err(Error::new(format!(
                "unknown field \"{}\" of a rule; besides its kind it has {}",
                shortened(unknown),
                listed(FIELDS, "and")
            )));
        }
        let wrong = || wrong(kind, given, give);
        let (test, english, chinese, about) = self.test(kind, given).ok_or_else(wrong)??;
        let text = |name: &str| match rule.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(parts::wrong(name, other, "a text")),
        };
        let severity = match text("severity")? {
            None | Some("error") => Severity::Error,
            Some("warn") => Severity::Warn,
            Some("info") => Severity::Info,
            Some(other) => {
                return Err(parts::wrong(
                    "severity",
                    &other.into(),
                    "\"info\", \"warn\" or \"error\"",
                ));
            }
        };
        let null_fails = match text("null")? {
            None | Some("pass") => false,
            Some("fail") => true,
            Some(other) => return Err(parts::wrong("null", &other.into(), "\"pass\" or \"fail\"")),
        };
        let only = text("where")?.map(|w| expression(w, "where", self.dialect));
        let max_share = match rule.get("max_share") {
            None | Some(Json::Null) => 0.0,
            Some(given) => given
                .as_f64()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| parts::wrong("max_share", given, "a number from 0 to 1"))?,
        };
        let max_rows = match rule.get("max_rows") {
            None | Some(Json::Null) => 0,
            Some(given) => whole_number(given)
                .filter(|rows| *rows >= 0)
                .ok_or_else(|| parts::wrong("max_rows", given, "a whole number from 0 on"))?,
        };
        let by = match rule.get("by") {
            None | Some(Json::Null) => Vec::new(),
            Some(given) => names(given)
                .ok_or_else(|| parts::wrong("by", given, "a column or a list of columns"))?,
        };
        if !by.is_empty() && matches!(test, Test::Columns(_) | Test::Distribution(_)) {
            return Err(Error::new(format!(
                "a rule of the kind {kind} has no groups; leave out \"by\""
            )));
        }
        Ok(Rule {
            by,
            name: match text("name")? {
                Some(name) => name.to_owned(),
                None if about.is_empty() => (*kind).to_owned(),
                None => format!("{kind} {about}"),
            },
            kind,
            says: (english, chinese),
            test,
            only: only.transpose()?,
            severity,
            max_rows,
            max_share,
            null_fails,
        })
    }

    /// What is looked at, what must hold in both languages, and what it is about; `None` if the kind does not take it.
    fn test(&self, kind: &str, given: &Json) -> Option<Result<(Test, String, String, String)>> {
        let row = |sql: String, english: String, chinese: String, about: &str| {
            Some(Ok((Test::Row(sql), english, chinese, about.to_owned())))
        };
        match kind {
            "not_null" => {
                let names = names(given)?;
                let columns: Vec<String> = names.iter().map(|n| column(n)).collect();
                let about = names.join(", ");
                let english = format!("{about} is not NULL");
                row(
                    not_null(&columns),
                    english,
                    format!("{about} 不为 NULL"),
                    &about,
                )
            }
            "unique" => {
                let names = names(given)?;
                let columns: Vec<String> = names.iter().map(|n| column(n)).collect();
                let plain: Vec<String> = names
                    .iter()
                    .map(|n| format!("lumos_same.{}", identifier(n)))
                    .collect();
                let sql = format!(
                    "CASE WHEN {} THEN ({}) NOT IN (SELECT {} FROM {} AS lumos_same WHERE {} GROUP BY {} HAVING count(*) > 1) END",
                    not_null(&columns),
                    columns.join(", "),
                    plain.join(", "),
                    self.from,
                    not_null(&plain),
                    plain.join(", ")
                );
                let about = names.join(", ");
                row(
                    sql,
                    format!("{about} is unique"),
                    format!("{about} 唯一"),
                    &about,
                )
            }
            "in" => {
                let fields = fields(given, &["column", "values"])?;
                let name = fields.get("column")?.as_str()?;
                let values = fields.get("values")?.as_array()?;
                let list: Vec<String> = values.iter().map(literal_of).collect::<Option<_>>()?;
                let shown: Vec<String> = values.iter().take(5).map(shown).collect();
                let more = if values.len() > 5 { ", ..." } else { "" };
                let shown = format!("{}{more}", shown.join(", "));
                if list.is_empty() {
                    return None;
                }
                row(
                    format!("{} IN ({})", column(name), list.join(", ")),
                    format!("{name} is one of {shown}"),
                    format!("{name} 为 {shown} 之一"),
                    name,
                )
            }
            "range" | "length" => {
                let fields = fields(given, &["column", "min", "max"])?;
                let name = fields.get("column")?.as_str()?;
                let of = |what: &str| match fields.get(what) {
                    None | Some(Json::Null) => Some(None),
                    Some(value) => literal_of(value).map(|sql| Some((sql, shown(value)))),
                };
                let (min, max) = (of("min")?, of("max")?);
                let (value, english, chinese) = if kind == "length" {
                    let length = format!("length({})", column(name));
                    (
                        length,
                        format!("the length of {name}"),
                        format!("{name} 的长度"),
                    )
                } else {
                    (column(name), name.to_owned(), name.to_owned())
                };
                let (sql, bounds, zh) = match (min, max) {
                    (Some((a, from)), Some((b, to))) => (
                        format!("{value} >= {a} AND {value} <= {b}"),
                        format!("is from {from} to {to}"),
                        format!("在 {from} 到 {to} 之间"),
                    ),
                    (Some((a, from)), None) => (
                        format!("{value} >= {a}"),
                        format!("is at least {from}"),
                        format!("不小于 {from}"),
                    ),
                    (None, Some((b, to))) => (
                        format!("{value} <= {b}"),
                        format!("is at most {to}"),
                        format!("不大于 {to}"),
                    ),
                    (None, None) => return None,
                };
                row(
                    sql,
                    format!("{english} {bounds}"),
                    format!("{chinese} {zh}"),
                    name,
                )
            }
            "glob" => {
                let fields = fields(given, &["column", "pattern"])?;
                let name = fields.get("column")?.as_str()?;
                let pattern = fields.get("pattern")?.as_str()?;
                let sql = format!("{} GLOB {}", column(name), literal(pattern));
                row(
                    sql,
                    format!("{name} is like {pattern}"),
                    format!("{name} 匹配 {pattern}"),
                    name,
                )
            }
            "regex" => {
                let fields = fields(given, &["column", "pattern"])?;
                let name = fields.get("column")?.as_str()?;
                let pattern = fields
                    .get("pattern")?
                    .as_str()
                    .filter(|p| !p.contains('\0'))?;
                if let Err(wrong) = regexp::check(pattern) {
                    return Some(Err(wrong));
                }
                row(
                    self.matches(&column(name), pattern),
                    format!("{name} matches {pattern}"),
                    format!("{name} 匹配正则表达式 {pattern}"),
                    name,
                )
            }
            "type" => {
                let fields = fields(given, &["column", "is"])?;
                let name = fields.get("column")?.as_str()?;
                let is = fields.get("is")?.as_str()?;
                let sql = self.of_type(&column(name), is)?;
                row(
                    sql,
                    format!("{name} is of the type {is}"),
                    format!("{name} 的类型为 {is}"),
                    name,
                )
            }
            "references" => {
                let fields = fields(given, &["column", "table", "to"])?;
                let (from, to) = (names(fields.get("column")?)?, names(fields.get("to")?)?);
                let table = fields.get("table")?.as_str()?;
                if from.len() != to.len() || table.is_empty() || table.contains('\0') {
                    return None;
                }
                let columns: Vec<String> = from.iter().map(|n| column(n)).collect();
                let others: Vec<String> = to
                    .iter()
                    .map(|n| format!("lumos_other.{}", identifier(n)))
                    .collect();
                let sql = format!(
                    "CASE WHEN {} THEN ({}) IN (SELECT {} FROM {} AS lumos_other WHERE {}) END",
                    not_null(&columns),
                    columns.join(", "),
                    others.join(", "),
                    qualified(table),
                    not_null(&others)
                );
                let about = from.join(", ");
                let to = to.join(", ");
                row(
                    sql,
                    format!("{about} is in {table}({to})"),
                    format!("{about} 存在于 {table}({to})"),
                    &about,
                )
            }
            "expression" | "aggregate" => {
                let text = given.as_str()?;
                let sql = match expression(text, kind, self.dialect) {
                    Ok(sql) => sql,
                    Err(wrong) => return Some(Err(wrong)),
                };
                let test = if kind == "expression" {
                    Test::Row(sql)
                } else {
                    Test::All(sql)
                };
                let about = shortened(text.trim());
                Some(Ok((test, about.clone(), about.clone(), about)))
            }
            "row_count" => {
                let fields = fields(given, &["min", "max"])?;
                let of = |what: &str| match fields.get(what) {
                    None | Some(Json::Null) => Some(None),
                    Some(value) => whole_number(value).map(Some),
                };
                let (english, chinese) = match (of("min")?, of("max")?) {
                    (Some(a), Some(b)) => (
                        format!("there are {a} to {b} rows"),
                        format!("有 {a} 到 {b} 行"),
                    ),
                    (Some(a), None) => (
                        format!("there are at least {a} rows"),
                        format!("至少有 {a} 行"),
                    ),
                    (None, Some(b)) => (
                        format!("there are at most {b} rows"),
                        format!("最多有 {b} 行"),
                    ),
                    (None, None) => return None,
                };
                Some(Ok((
                    Test::Count(of("min")?, of("max")?),
                    english,
                    chinese,
                    String::new(),
                )))
            }
            "sum_equals" => {
                let known = ["column", "to", "table", "to_column", "within"];
                let fields = fields(given, &known)?;
                let name = fields.get("column")?.as_str()?;
                let within = match fields.get("within") {
                    None | Some(Json::Null) => None,
                    Some(given) => Some(given.as_f64().filter(|within| *within >= 0.0)?),
                };
                let text = |what: &str| {
                    let text = fields.get(what)?.as_str()?;
                    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
                };
                let other = ["table", "to_column"].map(|what| fields.get(what).is_some());
                let (to, shown) = match (fields.get("to"), other) {
                    (Some(Json::Number(to)), [false, false]) => {
                        (SumTo::Number(to.to_string()), to.to_string())
                    }
                    (None, [true, true]) => {
                        let (table, to) = (text("table")?, text("to_column")?);
                        let shown = format!("{table}({to})");
                        (SumTo::Column(table, to), shown)
                    }
                    _ => return None,
                };
                let (english, chinese) = match &to {
                    SumTo::Number(_) => (shown.clone(), shown),
                    SumTo::Column(..) => (format!("that of {shown}"), format!("{shown} 的合计")),
                };
                let (english, chinese) = match within {
                    None => (english, format!("等于 {chinese}")),
                    Some(within) => (
                        format!("within {within} of {english}"),
                        format!("与 {chinese} 相差不超过 {within}"),
                    ),
                };
                let sum = Sum {
                    column: column(name),
                    to,
                    within,
                };
                Some(Ok((
                    Test::Sum(sum),
                    format!("the sum of {name} is {english}"),
                    format!("{name} 的合计{chinese}"),
                    name.to_owned(),
                )))
            }
            "freshness" => {
                let fields = fields(given, &["column", "within"])?;
                let name = fields.get("column")?.as_str()?;
                let within = fields.get("within")?;
                let seconds = seconds(within)?;
                let shown = shown(within);
                Some(Ok((
                    Test::Newest(column(name), seconds),
                    format!("the newest {name} is not older than {shown}"),
                    format!("最新的 {name} 不早于 {shown} 前"),
                    name.to_owned(),
                )))
            }
            "columns" => {
                let names = names(given)?;
                let about = names.join(", ");
                Some(Ok((
                    Test::Columns(names),
                    format!("there are the columns {about}"),
                    format!("存在列 {about}"),
                    String::new(),
                )))
            }
            "distribution" => {
                let fields = fields(given, &["column", "baseline", "measure", "max"])?;
                let name = fields.get("column")?.as_str()?;
                let (measure, usual) = match fields.get("measure") {
                    None => ("psi", 0.2),
                    Some(measure) => match measure.as_str()? {
                        "psi" => ("psi", 0.2),
                        "ks" => ("ks", 0.1),
                        _ => return None,
                    },
                };
                let max = match fields.get("max") {
                    None => usual,
                    Some(max) => max.as_f64().filter(|max| *max > 0.0)?,
                };
                let (baseline, shown, chinese) = match fields.get("baseline")? {
                    Json::String(text) => match self.rows(text, name) {
                        Ok(rows) => (rows, shortened(text), shortened(text)),
                        Err(wrong) => return Some(Err(wrong)),
                    },
                    kept @ Json::Object(_) => {
                        let words = ("the profile".to_owned(), "所给概况".to_owned());
                        (Baseline::Kept(kept.clone()), words.0, words.1)
                    }
                    _ => return None,
                };
                Some(Ok((
                    Test::Distribution(Distribution {
                        column: column(name),
                        baseline,
                        measure,
                        max,
                    }),
                    format!("{name} is distributed as in {shown}"),
                    format!("{name} 的分布与 {chinese} 相同"),
                    name.to_owned(),
                )))
            }
            _ => None,
        }
    }

    /// The rows that a column is held against: its first named column, or the one of the same name. Errors if they are neither
    /// a table nor a query.
    fn rows(&self, text: &str, name: &str) -> Result<Baseline> {
        let source = Source::parse(text, self.dialect)?;
        let named = source.named().first().map_or(name, String::as_str);
        Ok(Baseline::Rows(source.from().to_owned(), column(named)))
    }

    /// Whether the text of a value matches a regular expression; of a BLOB it is not known.
    fn matches(&self, value: &str, pattern: &str) -> String {
        let (blob, text) = match self.dialect {
            Dialect::Sqlite => ("blob", "TEXT"),
            Dialect::DuckDb => ("BLOB", "VARCHAR"),
        };
        format!(
            "CASE WHEN typeof({value}) <> '{blob}' THEN lumos_regexp(CAST({value} AS {text}), {}) END",
            literal(pattern)
        )
    }

    /// Whether a value is of a type; NULL is of none and of all.
    fn of_type(&self, value: &str, is: &str) -> Option<String> {
        let sqlite = |types: &str| {
            format!("CASE WHEN {value} IS NULL THEN NULL ELSE typeof({value}) IN ({types}) END")
        };
        let duckdb = |types: &str| {
            format!(
                "CASE WHEN {value} IS NULL THEN NULL ELSE regexp_matches(typeof({value}), '^({types})') END"
            )
        };
        let (whole, real) = ("U?(TINY|SMALL|BIG|HUGE)?INT", "FLOAT|DOUBLE|DECIMAL");
        Some(match (self.dialect, is) {
            (Dialect::Sqlite, "integer") => sqlite("'integer'"),
            (Dialect::Sqlite, "real") => sqlite("'real'"),
            (Dialect::Sqlite, "number") => sqlite("'integer', 'real'"),
            (Dialect::Sqlite, "text") => sqlite("'text'"),
            (Dialect::Sqlite, "blob") => sqlite("'blob'"),
            (Dialect::DuckDb, "integer") => duckdb(&format!("{whole}(EGER)?$")),
            (Dialect::DuckDb, "real") => duckdb(real),
            (Dialect::DuckDb, "number") => duckdb(&format!("{whole}(EGER)?$|{real}")),
            (Dialect::DuckDb, "text") => duckdb("VARCHAR$"),
            (Dialect::DuckDb, "blob") => duckdb("BLOB$"),
            _ => return None,
        })
    }
}
