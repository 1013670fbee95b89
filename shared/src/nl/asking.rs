//! What functions that ask are told, in both engines: their options, and what they give.

use serde_json::Value as Json;

use super::catalog::Catalog;
use super::learn::DATABASE;
use super::session::{SESSION, SESSION_READ};
use crate::gate::policy::{DENY, FUNCTIONS, Policy, TABLES};
use crate::memory::moment;
use crate::options::{OptionDef, OptionType, Options};
use crate::sql::literal;
use crate::words::{Lang, Narration, explain};
use crate::{Error, Result, Type, Value, ValueRef};

/// The most bytes of the rows of an answer.
pub const BYTES: usize = 256 << 20;

/// The tables that a question may be about.
pub const ABOUT: OptionDef = OptionDef {
    doc: "the tables and views that a question may be about",
    ..TABLES
};

/// How sure an answer must be.
pub const CONFIDENCE: OptionDef = OptionDef {
    name: "min_confidence",
    ty: OptionType::Number(0.0, " from 0 to 1"),
    default: "0.3",
    doc: "what is less sure is an error that gives the likeliest SQL; 0 answers always",
};

/// How many rows an answer may have.
pub const ROWS: OptionDef = OptionDef {
    name: "max_rows",
    ty: OptionType::Integer(1, 1_000_000),
    default: "1000",
    doc: "the most rows of an answer",
};

/// How long an answer may take.
pub const TIMEOUT: OptionDef = OptionDef {
    name: "timeout_ms",
    ty: OptionType::Integer(1, 86_400_000),
    default: "30000",
    doc: "after so many milliseconds the answer is stopped, which is an error; for SQLite, since in DuckDB a function has no say in that: there `SET max_execution_time` bounds the statements of a connection from 2.0 on, and an interrupt ends one before",
};

/// How many readings are shown.
pub const K: OptionDef = OptionDef {
    name: "k",
    ty: OptionType::Integer(1, 40),
    default: "5",
    doc: "the most readings",
};

/// The questions before.
pub const AFTER: OptionDef = OptionDef {
    name: "after",
    ty: OptionType::Json("a question, or an array of questions"),
    default: "none",
    doc: "the questions before this one, the last of which it may go on from: \"what about 2012?\", \"only rock\", \"by month instead\", \"how many of them\"; one that stands by itself is read by itself",
};

/// The time now.
pub const NOW: OptionDef = OptionDef {
    name: "now",
    ty: OptionType::Json(moment::MOMENT),
    default: "the latest time in the column",
    doc: "the time from which \"last month\" or 最近7天 is told; nothing reads a clock",
};

/// The options that a number in their place is, as `lumos_parse(question, 3)` has it.
pub fn as_options(k: i64) -> String {
    format!("{{\"{}\": {k}}}", K.name)
}

/// The columns of the answer itself.
pub const TYPED: OptionDef = OptionDef {
    name: "typed",
    ty: OptionType::Flag,
    default: "false",
    doc: "true gives the answer's own columns, of the likeliest reading that can run; for DuckDB, since SQLite has CREATE VIRTUAL TABLE for that",
};

/// Who is asked.
pub const MODE: OptionDef = OptionDef {
    name: "mode",
    ty: OptionType::OneOf(&["auto", "parser", "model"]),
    default: "auto",
    doc: "parser asks no model, model always the one of lumos_llm_configure, and auto asks it where the parser is less sure than its option \"below\"; in DuckDB a SELECT of the model that fails while it runs fails the statement",
};

/// The options of `lumos_ask`.
pub const ASK_OPTIONS: &[OptionDef] = &[
    ABOUT, DENY, CONFIDENCE, MODE, ROWS, TIMEOUT, AFTER, SESSION, NOW, DATABASE, TYPED,
];

/// The options of `lumos_to_sql`.
pub const TO_SQL_OPTIONS: &[OptionDef] =
    &[ABOUT, DENY, CONFIDENCE, MODE, AFTER, SESSION, NOW, DATABASE];

/// The options of `lumos_parse`.
pub const PARSE_OPTIONS: &[OptionDef] = &[ABOUT, DENY, K, MODE, AFTER, SESSION_READ, NOW, DATABASE];

/// The options of `lumos_link`.
pub const LINK_OPTIONS: &[OptionDef] = &[ABOUT, DENY, DATABASE];

/// How many suggestions are given.
pub const FEW: OptionDef = OptionDef {
    name: "k",
    ty: OptionType::Integer(1, 100),
    default: "10",
    doc: "the most suggestions",
};

/// The options of `lumos_autocomplete` and `lumos_suggest_questions`.
pub const AUTOCOMPLETE_OPTIONS: &[OptionDef] = &[ABOUT, DENY, FEW, DATABASE];

/// The options of `lumos_narrate`.
pub const NARRATE_OPTIONS: &[OptionDef] = &[TABLES, DENY, FUNCTIONS, TIMEOUT, DATABASE];

/// The columns of `lumos_narrate`.
pub const NARRATE_COLUMNS: &[(&str, Type)] = &[("query", Type::Text), ("result", Type::Text)];

/// The options of `lumos_learned`.
pub const LEARNED_OPTIONS: &[OptionDef] = &[DATABASE];

/// The columns of `lumos_ask`.
pub const ASK_COLUMNS: &[(&str, Type)] = &[
    ("row", Type::Json),
    ("sql", Type::Text),
    ("confidence", Type::Real),
    ("assumptions", Type::Json),
];

/// The columns of `lumos_parse`.
pub const PARSE_COLUMNS: &[(&str, Type)] = &[
    ("rank", Type::Integer),
    ("sql", Type::Text),
    ("confidence", Type::Real),
    ("band", Type::Text),
    ("assumptions", Type::Json),
    ("unmatched", Type::Json),
];

/// The columns of `lumos_link`.
pub const LINK_COLUMNS: &[(&str, Type)] = &[
    ("span", Type::Text),
    ("kind", Type::Text),
    ("target", Type::Text),
    ("score", Type::Real),
];

/// The questions before. Errors if they are no texts.
pub fn after(options: &Options) -> Result<Vec<String>> {
    let wrong = || options.wrong(AFTER.name, &AFTER.ty.values());
    match options.get(AFTER.name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(question)) => Ok(vec![question.clone()]),
        Some(Json::Array(all)) => {
            let texts = all.iter().map(|q| q.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

/// What a question in SQLite may be about. Errors if an option is for DuckDB alone.
pub fn sqlite_policy(options: &Options) -> Result<Policy> {
    for (option, instead) in [
        (&DATABASE, "SQLite has one main database"),
        (
            &TYPED,
            "CREATE VIRTUAL TABLE ... USING lumos_ask has the answer's own columns",
        ),
    ] {
        if options.get(option.name).is_some() {
            return Err(Error::new(format!(
                "the option \"{}\" is for DuckDB; {instead}",
                option.name
            )));
        }
    }
    Policy::read(options)
}

/// The error for an answer whose rows take more than [`BYTES`].
pub fn too_many_bytes() -> Error {
    Error::new(format!(
        "the rows take more than {} MB; give a lower \"max_rows\"",
        BYTES >> 20
    ))
}

/// The most rows that are told of.
pub const TOLD: usize = 1_000;

/// The row of `lumos_narrate`: the query in words, NULL where it has none, and what its rows say.
pub fn told(sql: &str, lang: Lang, rows: &Narration) -> Vec<Value> {
    let query = explain(sql, lang).map_or(Value::Null, Value::Text);
    vec![query, Value::Text(rows.text(lang))]
}

/// The arguments of `lumos_narrate`: the SELECT, the language, the options. Errors if one is no text, or the first NULL.
pub fn narrated<'a>(arguments: &[ValueRef<'a>]) -> Result<[Option<&'a str>; 3]> {
    let mut texts = [None; 3];
    for (i, name) in ["sql", "lang", "options"].iter().enumerate() {
        texts[i] = match arguments.get(i) {
            None | Some(ValueRef::Null) => None,
            Some(ValueRef::Text(text)) => Some(*text),
            Some(_) => return Err(Error::new(format!("{name} is no text; give one"))),
        };
    }
    if texts[0].is_none() {
        return Err(Error::new("sql is NULL; give a SELECT as text"));
    }
    Ok(texts)
}

/// The error for a query that the gate refuses.
pub fn may_not_run(reason: &str) -> Error {
    Error::new(format!("the query may not run: {reason}"))
}

/// The table with this name. Errors if there is none.
pub fn table_of(catalog: &Catalog, name: &str) -> Result<usize> {
    catalog
        .table(name)
        .ok_or_else(|| Error::new(format!("there is no table {}", literal(name))))
}
