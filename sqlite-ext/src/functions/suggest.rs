//! `lumos_fix_sql`, `lumos_narrate`, `lumos_autocomplete`, `lumos_suggest_questions`.

use std::sync::Arc;

use lumos_core::ValueRef;
use lumos_core::functions::fix::FIX_SQL;
use lumos_core::functions::suggest::{AUTOCOMPLETE, NARRATE, SUGGEST_QUESTIONS};
use lumos_core::gate::fix::{Names, fix};
use lumos_core::gate::policy::Policy;
use lumos_core::gate::policy::arguments_of;
use lumos_core::nl::asking::{TOLD, may_not_run, narrated, sqlite_policy, table_of, told};
use lumos_core::nl::model;
use lumos_core::nl::print::Dialect;
use lumos_core::nl::reader::Reader;
use lumos_core::nl::suggest::{completions, suggested};
use lumos_core::options::Options;
use lumos_core::sql::lexer;
use lumos_core::words::{Lang, Narration};
use rusqlite::types::Value;
use serde_json::Value as Json;

use super::ask;
use crate::error::{Error, Result, error};
use crate::gate;
use crate::host::check_interrupt;
use crate::program::{Argument, output};
use crate::query::arguments;
use crate::session::Session;
use crate::table_function::{Rows, TableFunction};

/// The arguments of a call, read as its definition says.
fn read<T>(
    params: &[lumos_core::Param],
    given: &[Value],
    body: impl FnOnce(&[ValueRef<'_>]) -> Result<T>,
) -> Result<T> {
    let given = params.iter().zip(given).map(|(p, v)| Argument::read(p, v));
    let given = given.collect::<Result<Vec<_>>>()?;
    let given: Vec<ValueRef<'_>> = given.iter().map(Argument::value).collect();
    body(&given)
}

fn one(row: Vec<lumos_core::Value>) -> Rows {
    let row = row.into_iter().map(output).collect();
    Box::new(std::iter::once(Ok(row)))
}

/// `lumos_fix_sql`.
pub struct Fix;

impl TableFunction for Fix {
    type Aux = Session;

    const ROWS: i64 = 1;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        read(FIX_SQL.params, given, |given| {
            let (sql, policy) = arguments_of(given)?;
            let connection = session.connection()?;
            let known = session.language().known(&connection, &policy)?;
            let tables = known.catalog.tables.iter();
            let names: Names = tables
                .map(|t| {
                    (
                        t.name.clone(),
                        t.columns.iter().map(|c| c.name.clone()).collect(),
                    )
                })
                .collect();
            let fixed = fix(sql, lexer::Dialect::Sqlite, &names, &mut |sql| {
                gate::check(&connection, sql, &policy)
            })?;
            Ok(one(fixed.row()))
        })
    }
}

/// `lumos_narrate`.
pub struct Narrate;

impl TableFunction for Narrate {
    type Aux = Session;

    const ROWS: i64 = 1;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        read(NARRATE.params, given, |given| {
            let [sql, lang, options] = narrated(given)?;
            let options = Options::parse(NARRATE.options, options)?;
            let lang = Lang::read(lang)?;
            let policy = sqlite_policy(&options)?;
            let connection = session.connection()?;
            let verdict = gate::check(&connection, sql.unwrap_or_default(), &policy)?;
            let sql = verdict
                .sql
                .map_err(|reason| Error::from(may_not_run(&reason)))?;
            let mut narration = Narration::default();
            let rows = ask::run(&connection, &sql, &options, TOLD + 1, &mut |statement| {
                vec![Value::Text(ask::row(statement))]
            })?;
            for row in rows.iter().take(TOLD) {
                if let Some(Value::Text(row)) = row.first() {
                    narration.add(serde_json::from_str(row).unwrap_or(Json::Null));
                }
            }
            if rows.len() > TOLD {
                narration.and_more();
            }
            Ok(one(told(&sql, lang, &narration)))
        })
    }
}

/// What is typed, or the name of a table, and how many suggestions are wanted.
fn wanted<'a>(
    given: &'a [Value],
    function: &lumos_core::Function,
) -> Result<(&'a str, Policy, usize)> {
    let name = function.params[0].name;
    let text = arguments::text(&given[0])?;
    let text = text.ok_or_else(|| error(format!("{name} is NULL; give a text")))?;
    let options = arguments::options(function.options, &given[1])?;
    let k = options.integer("k").and_then(|k| usize::try_from(k).ok());
    Ok((text, sqlite_policy(&options)?, k.unwrap_or(10)))
}

/// `lumos_autocomplete`.
pub struct Autocomplete;

impl TableFunction for Autocomplete {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let (prefix, policy, k) = wanted(given, &AUTOCOMPLETE)?;
        let known = session.language().known(&session.connection()?, &policy)?;
        let rows = completions(&known.catalog, prefix, k);
        Ok(Box::new(
            rows.into_iter()
                .map(|c| Ok(c.row().into_iter().map(output).collect())),
        ))
    }
}

/// `lumos_suggest_questions`.
pub struct Suggest;

impl TableFunction for Suggest {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let (table, policy, k) = wanted(given, &SUGGEST_QUESTIONS)?;
        let connection = session.connection()?;
        let known = session.language().known(&connection, &policy)?;
        let stopped = || check_interrupt(&connection).is_err();
        let reader = Reader {
            catalog: &known.catalog,
            vocabulary: &known.vocabulary,
            model: model(),
            dialect: Dialect::Sqlite,
            now: None,
            stopped: &stopped,
        };
        let table = table_of(&known.catalog, table)?;
        let policy = policy.without_tables();
        let rows = suggested(&reader, table, k, &mut |sql| {
            gate::check(&connection, sql, &policy).map(|verdict| verdict.sql.is_err())
        })?;
        check_interrupt(&connection)?;
        Ok(Box::new(rows.into_iter().map(
            |(question, sql, confidence)| {
                Ok(vec![
                    Value::Text(question),
                    Value::Text(sql),
                    Value::Real(confidence),
                ])
            },
        )))
    }
}
