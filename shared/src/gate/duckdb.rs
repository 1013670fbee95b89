//! The gate in DuckDB: its tree of the text, what the tree names in the caller's schema, then its binder over empty copies
//! of those tables.

use std::collections::BTreeSet;

use super::catalog::{Schema, Table};
use super::policy::{Policy, not_allowed};
use super::tree::{self, Found};
use super::{Reads, Scratch, Verdict, judge, text};
use crate::sql::identifier;
use crate::sql::lexer::{Dialect, Kind, tokens};

/// What the gate says of a text that is to run in DuckDB, in a database with these tables.
pub fn check(sql: &str, schema: &Schema, policy: &Policy, scratch: &dyn Scratch) -> Verdict {
    let mut reads = Reads::default();
    match pass(sql, schema, policy, scratch, &mut reads) {
        Ok(text) => judge(&text, reads, policy, Dialect::DuckDb),
        Err(reason) => Verdict {
            sql: Err(reason),
            reads,
        },
    }
}

/// Whether the query of a view passes; `view` is the CREATE VIEW that DuckDB shows. Errors if
/// it does not, with the reason.
pub fn check_view(
    view: &str,
    schema: &Schema,
    policy: &Policy,
    scratch: &dyn Scratch,
) -> Result<(), String> {
    let query = query_of(view).trim().trim_end_matches(';');
    check(query, schema, policy, scratch).sql.map(drop)
}

fn pass(
    sql: &str,
    schema: &Schema,
    policy: &Policy,
    scratch: &dyn Scratch,
    reads: &mut Reads,
) -> Result<String, String> {
    let text = text::normalized(sql, Dialect::DuckDb)?;
    let tree = scratch.tree(&text).map_err(|e| e.to_string())?;
    let found = tree::read(&tree)?;
    // Before anything is bound: binding a call may compute it.
    let letters = |name: &&String| name.contains(|c: char| c.is_alphanumeric());
    reads
        .functions
        .extend(found.functions.iter().filter(letters).cloned());
    let in_from = |name: &str| super::allows_table_function(name, Dialect::DuckDb);
    let called = found.functions.iter();
    let mut refused = called.filter(|f| !policy.allows_function(f, Dialect::DuckDb) && !in_from(f));
    if let Some(function) = refused.next() {
        return Err(not_allowed(function));
    }
    let mut definitions = Vec::new();
    for (of, name) in &found.tables {
        let table = schema.find(of, name).ok_or_else(|| unknown(name))?;
        if table.temporary {
            return Err(format!(
                "\"{name}\" is a temporary table; the gate takes those of the database"
            ));
        }
        reads.tables.insert(table.name.clone());
        if !policy.is_open() {
            through(schema, table, &found, policy, scratch, &mut BTreeSet::new())?;
        }
        definitions.extend(definition(of, table));
    }
    let is_column = |name: &str| {
        let tables = found.tables.iter();
        let mut tables = tables.filter_map(|(of, table)| schema.find(of, table));
        tables.any(|table| {
            table
                .columns
                .iter()
                .any(|(c, _)| c.eq_ignore_ascii_case(name))
        })
    };
    for function in found.constants(is_column) {
        if !policy.allows_function(&function, Dialect::DuckDb) {
            return Err(not_allowed(&function));
        }
        reads.functions.insert(function);
    }
    if let Some(table) = reads
        .tables
        .iter()
        .find(|table| !policy.allows_table(table))
    {
        return Err(format!("the table \"{table}\" may not be read"));
    }
    let bound = scratch.bind(&definitions, &text);
    bound.map_err(|e| tree::first_line(&e.to_string()))?;
    Ok(text)
}

fn unknown(name: &str) -> String {
    format!("there is no table \"{name}\" in this database")
}

/// Errors if reading a table, or what a view reads, may read what is denied. Where columns are not named, all are.
fn through(
    schema: &Schema,
    table: &Table,
    found: &Found,
    policy: &Policy,
    scratch: &dyn Scratch,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    if !policy.allows_table(&table.name) {
        return Err(format!("the table \"{}\" may not be read", table.name));
    }
    let denied = policy.denied_columns(&table.name);
    if !denied.is_empty() && found.may_read(&denied) {
        return Err(format!(
            "the column \"{}\".\"{}\" may not be read",
            table.name,
            denied.first().unwrap_or(&"")
        ));
    }
    let Some(view) = &table.view else {
        return Ok(());
    };
    if !seen.insert(table.name.to_lowercase()) {
        return Ok(());
    }
    let unclear = || format!("the view \"{}\" may read what may not be read", table.name);
    let tree = scratch.tree(query_of(view)).map_err(|_| unclear())?;
    let inside = tree::read(&tree).map_err(|_| unclear())?;
    for (of, name) in &inside.tables {
        let table = schema.find(of, name).ok_or_else(unclear)?;
        through(schema, table, &inside, policy, scratch, seen)?;
    }
    Ok(())
}

/// The query in the CREATE VIEW that DuckDB shows of a view.
fn query_of(view: &str) -> &str {
    let mut open = 0_i64;
    let tokens = tokens(view, Dialect::DuckDb);
    let begin = tokens.iter().find(|token| {
        open += match token.kind {
            Kind::Sign('(') => 1,
            Kind::Sign(')') => -1,
            _ => 0,
        };
        open == 0 && token.is(view, "as")
    });
    begin.map_or(view, |token| &view[token.span.end..])
}

/// An empty table like this one, found by the same name.
fn definition(schema: &str, table: &Table) -> Vec<String> {
    let columns = table.columns.iter();
    let columns = columns.map(|(name, ty)| format!("{} {ty}", identifier(name)));
    let columns: Vec<String> = columns.collect();
    let schema = if schema.is_empty() { "main" } else { schema };
    let schema = identifier(&schema.to_lowercase());
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {schema}"),
        format!(
            "CREATE TABLE IF NOT EXISTS {schema}.{}({})",
            identifier(&table.name),
            columns.join(", ")
        ),
    ]
}
