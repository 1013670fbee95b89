//! SQL that the gate refuses, with the names that are not there changed to those that are most like them, and what other
//! engines write otherwise, [`dialects`], as this one does.
//!
//! What a query does stays as it was written. Whether the result may run, the gate says.

mod dialects;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::catalog::Schema;
use super::policy::Policy;
use super::{Scratch, Verdict, duckdb};
use crate::sql::identifier;
use crate::sql::lexer::{Dialect, Kind, Token, tokens};
use crate::{Error, Result, Type, Value};

/// The columns of `lumos_fix_sql`.
pub const COLUMNS: &[(&str, Type)] = &[
    ("ok", Type::Integer),
    ("reason", Type::Text),
    ("sql", Type::Text),
    ("changes", Type::Json),
];

/// Words of SQL that are no names.
const KEYWORDS: &str = "all and any as asc asof between both by case cast collate cross current_date current_time \
     current_timestamp date day desc distinct else end escape except exclude exists false filter first following for from full \
     group having hour ilike in inner integer intersect interval into is isnull join last lateral left like limit minute month \
     natural not notnull null nulls offset on or order outer over partition preceding qualify range recursive replace right row \
     rows second select semi set similar some table text then timestamp to trailing true unbounded union unique using values \
     varchar when where window with without year glob regexp match real numeric decimal double float bigint int boolean anti";

/// What is called what in a database: tables with their columns.
pub type Names = BTreeMap<String, Vec<String>>;

/// A text with changed names, and what the gate says of it.
#[derive(Debug)]
pub struct Fixed {
    /// The text.
    pub sql: String,
    /// What was written, and what stands there now.
    pub changes: Vec<(String, String)>,
    /// The gate's answer.
    pub verdict: Verdict,
}

impl Fixed {
    /// The row of `lumos_fix_sql`.
    pub fn row(&self) -> Vec<Value> {
        let (ok, reason) = match &self.verdict.sql {
            Ok(_) => (1, Value::Null),
            Err(reason) => (0, Value::Text(reason.clone())),
        };
        let changes = self
            .changes
            .iter()
            .map(|(from, to)| json!({"from": from, "to": to}));
        let changes: Vec<_> = changes.collect();
        let sql = self.verdict.sql.as_ref().unwrap_or(&self.sql);
        vec![
            Value::Integer(ok),
            reason,
            Value::Text(sql.clone()),
            Value::Text(json!(changes).to_string()),
        ]
    }
}

/// A text of DuckDB, with the names of these tables. Errors if DuckDB cannot be opened.
pub fn over(sql: &str, schema: &Schema, policy: &Policy, scratch: &dyn Scratch) -> Result<Fixed> {
    let tables = schema.tables.iter().filter(|t| t.current && !t.temporary);
    let mut names = Names::new();
    for table in tables.filter(|t| policy.allows_table(&t.name)) {
        let columns = table.columns.iter().map(|(name, _)| name.clone());
        let columns = columns.filter(|c| policy.allows_column(&table.name, c));
        names.insert(table.name.clone(), columns.collect());
    }
    fix(sql, Dialect::DuckDb, &names, &mut |sql| {
        Ok::<_, Error>(duckdb::check(sql, schema, policy, scratch))
    })
}

/// Changes what has to be. `check` is the gate. Errors if that does.
pub fn fix<E>(
    sql: &str,
    dialect: Dialect,
    names: &Names,
    check: &mut dyn FnMut(&str) -> Result<Verdict, E>,
) -> Result<Fixed, E> {
    let mut verdict = check(sql)?;
    // Backticks may stand in a text, of one that may run.
    let inside = without_fences(sql);
    let sql = if verdict.sql.is_err() && inside.len() < sql.len() {
        verdict = check(inside)?;
        inside
    } else {
        sql
    };
    if verdict.sql.is_ok() || sql.len() > super::text::LONGEST {
        return Ok(Fixed {
            sql: sql.to_owned(),
            changes: Vec::new(),
            verdict,
        });
    }
    let is_name = |word: &str| {
        let mut all = names
            .iter()
            .flat_map(|(table, columns)| std::iter::once(table).chain(columns));
        all.any(|name| name.eq_ignore_ascii_case(word))
    };
    let (rewritten, mut changes) = dialects::rewritten(sql, dialect, &is_name);
    let (changed, more) = renamed(&rewritten, dialect, names);
    changes.extend(more);
    let verdict = if changes.is_empty() {
        verdict
    } else {
        check(&changed)?
    };
    Ok(Fixed {
        sql: changed,
        changes,
        verdict,
    })
}

/// The text between two lines of three backticks, as models write it; all of it if there are none.
fn without_fences(sql: &str) -> &str {
    let Some(start) = sql.find("```") else {
        return sql;
    };
    let inside = &sql[start + 3..];
    let inside = inside.split_once('\n').map_or(inside, |(_, rest)| rest);
    inside
        .find("```")
        .map_or(inside, |end| &inside[..end])
        .trim()
}

/// The text with the names that are not there changed, and which.
fn renamed(sql: &str, dialect: Dialect, names: &Names) -> (String, Vec<(String, String)>) {
    let tokens = tokens(sql, dialect);
    let own = own_names(sql, &tokens);
    let lower = |text: &str| text.to_lowercase();
    let tables: BTreeSet<String> = names.keys().map(|name| lower(name)).collect();
    // The columns of the tables that stand in it, of all where none does.
    let named: BTreeSet<String> = tokens.iter().map(|t| lower(&t.unquoted(sql))).collect();
    let named: BTreeSet<&String> = named
        .into_iter()
        .filter_map(|key| {
            let same = names.keys().find(|table| lower(table) == key);
            same.or_else(|| {
                let near = nearest(&key, names.keys());
                names.keys().find(|table| Some(*table) == near.as_ref())
            })
        })
        .collect();
    let meant = |table: &String| named.is_empty() || named.contains(table);
    let of_tables: Vec<&String> = names
        .iter()
        .filter(|(table, _)| meant(table))
        .flat_map(|(_, columns)| columns)
        .collect();
    let columns: BTreeSet<String> = of_tables.iter().map(|name| lower(name)).collect();
    let mut out = String::new();
    let mut changes = Vec::new();
    let mut copied = 0;
    for (i, token) in tokens.iter().enumerate() {
        if !matches!(token.kind, Kind::Word | Kind::Quoted | Kind::DoubleQuoted) {
            continue;
        }
        let name = token.unquoted(sql);
        let key = lower(&name);
        let sign = |at: Option<&Token>, sign| at.is_some_and(|t| t.kind == Kind::Sign(sign));
        let before = i.checked_sub(1).and_then(|i| tokens.get(i));
        let keyword = token.kind == Kind::Word && is_keyword(&key);
        let in_from =
            before.is_some_and(|t| t.is(sql, "from") || t.is(sql, "join") || t.is(sql, "update"));
        let after = tokens.get(i + 1);
        let call = sign(after, '(') && !in_from;
        let new = if keyword || call || own.contains(&key) {
            None
        } else if in_from || sign(after, '.') {
            (!tables.contains(&key))
                .then(|| nearest(&key, names.keys()))
                .flatten()
        } else if columns.contains(&key) || tables.contains(&key) {
            None
        } else {
            let near = nearest(&key, of_tables.iter().copied());
            // A text in double quotes, as in other dialects.
            let text = || (token.kind == Kind::DoubleQuoted).then(|| crate::sql::literal(&name));
            match near {
                Some(near) => Some(near),
                None => {
                    if let Some(text) = text() {
                        out.push_str(&sql[copied..token.span.start]);
                        out.push_str(&text);
                        copied = token.span.end;
                        changes.push((token.text(sql).to_owned(), text));
                    }
                    None
                }
            }
        };
        if let Some(new) = new {
            let plain = new.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let written = if plain { new } else { identifier(&new) };
            out.push_str(&sql[copied..token.span.start]);
            out.push_str(&written);
            copied = token.span.end;
            changes.push((token.text(sql).to_owned(), written));
        }
    }
    out.push_str(&sql[copied..]);
    (out, changes)
}

/// The names that the text itself gives: behind AS, and behind a table, an expression or a parenthesis.
fn own_names(sql: &str, tokens: &[Token]) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    let is_name = |t: &Token| matches!(t.kind, Kind::Word | Kind::Quoted | Kind::DoubleQuoted);
    let is_keyword = |t: &Token| t.kind == Kind::Word && is_keyword(&t.text(sql).to_lowercase());
    for (i, token) in tokens.iter().enumerate() {
        if !is_name(token) || is_keyword(token) {
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| tokens.get(i));
        let named = before.is_some_and(|t| {
            t.is(sql, "as") || t.kind == Kind::Sign(')') || (is_name(t) && !is_keyword(t))
        });
        let defines = tokens.get(i + 1).is_some_and(|t| t.is(sql, "as"))
            && before.is_none_or(|t| {
                t.is(sql, "with") || t.is(sql, "recursive") || t.kind == Kind::Sign(',')
            });
        let is_cte = defines && tokens.get(i + 2).is_some_and(|t| t.kind == Kind::Sign('('));
        if named || is_cte {
            own.insert(token.unquoted(sql).to_lowercase());
        }
    }
    own
}

/// Whether a word, in lower case, is one of SQL.
fn is_keyword(word: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|k| k == word)
}

/// The name that is most like this one, if one is like it: a third of its letters may differ, or only the signs between
/// words. The first in the order of the alphabet where several are.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    let plain = |text: &str| -> String {
        text.to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect()
    };
    let wanted = plain(name);
    let length = wanted.chars().count();
    let most = length / 3;
    let near = names.filter_map(|known| {
        let plain = plain(known);
        if plain.chars().count().abs_diff(length) > most {
            return None;
        }
        // Letters that must be put in, left out, changed or exchanged with the next.
        let far = strsim::osa_distance(&wanted, &plain);
        (far <= most).then_some((far, known))
    });
    near.min().map(|(_, known)| known.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Reads;

    fn names() -> Names {
        let table = |name: &str, columns: &[&str]| {
            (
                name.to_owned(),
                columns.iter().map(|c| (*c).to_owned()).collect(),
            )
        };
        [
            table("Customer", &["CustomerId", "FirstName", "country"]),
            table("invoice", &["invoice_id", "Total", "customer"]),
        ]
        .into()
    }

    fn fixed(sql: &str, dialect: Dialect) -> String {
        let mut check = |sql: &str| {
            Ok::<_, Error>(Verdict {
                sql: if sql.contains("wrong") {
                    Ok(sql.to_owned())
                } else {
                    Err("no".into())
                },
                reads: Reads::default(),
            })
        };
        fix(sql, dialect, &names(), &mut check).unwrap().sql
    }

    #[test]
    fn backticks_in_what_may_run_are_left() {
        for sql in ["SELECT 'wrong ``` a'", "SELECT 'a ```\n wrong ``` b'"] {
            assert_eq!(fixed(sql, Dialect::Sqlite), sql);
        }
    }

    #[test]
    fn names_that_are_not_there_become_those_that_are() {
        for (written, now) in [
            (
                "SELECT first_name FROM customers",
                "SELECT FirstName FROM Customer",
            ),
            (
                "SELECT country FORM Customers WEHRE country > 'a'",
                "SELECT country FROM Customer WHERE country > 'a'",
            ),
            (
                "SELECT Totl AS form FORM invoice",
                "SELECT Total AS form FROM invoice",
            ),
            (
                "SELECT c.contry FROM Customer c",
                "SELECT c.country FROM Customer c",
            ),
            (
                "SELECT count(*) AS n FROM invoices ORDER BY n",
                "SELECT count(*) AS n FROM invoice ORDER BY n",
            ),
            (
                "WITH best AS (SELECT Totl FROM invoice) SELECT * FROM best",
                "WITH best AS (SELECT Total FROM invoice) SELECT * FROM best",
            ),
            (
                "SELECT nvl(Total, 0), len(country) FROM invoice",
                "SELECT ifnull(Total, 0), length(country) FROM invoice",
            ),
            (
                "SELECT country FROM Customer WHERE country = \"France\"",
                "SELECT country FROM Customer WHERE country = 'France'",
            ),
            (
                "Here you are:\n```sql\nSELECT Total FROM invoice\n```\nEnjoy",
                "SELECT Total FROM invoice",
            ),
            // A column of another table is none of this one.
            (
                "SELECT first_nme FROM invoice",
                "SELECT first_nme FROM invoice",
            ),
            ("SELECT xyz FROM abc", "SELECT xyz FROM abc"),
            (
                "SELECT 'first_name' FROM invoice -- customers",
                "SELECT 'first_name' FROM invoice -- customers",
            ),
        ] {
            assert_eq!(fixed(written, Dialect::Sqlite), now);
        }
        assert_eq!(
            fixed(
                "SELECT nvl(Total, 0), len('') FROM invoice",
                Dialect::DuckDb
            ),
            "SELECT ifnull(Total, 0), len('') FROM invoice"
        );
        assert_eq!(
            fixed("SELECT wrong FROM customers", Dialect::Sqlite),
            "SELECT wrong FROM customers"
        );
    }
}
