//! The statement that runs a search with `k`: whether the table knows all its conditions.
//!
//! `k` counts rows as they leave the table, before SQLite tests what it did not hand over. Such a statement is refused,
//! since it would find fewer rows than there are; with ORDER BY distance LIMIT the search goes on until there are
//! enough.

use std::collections::BTreeSet;
use std::ffi::CStr;

use lumos_core::sql::identifier;
use lumos_core::vector::conditions::{self, Search, Verdict};
use lumos_core::vector::table::Role;
use rusqlite::ffi;

use super::plan::Plan;
use super::store::Store;
use crate::error::{Result, error};
use crate::locks::locked;

/// Plans that are known to be right; beyond that they are forgotten.
const KNOWN: usize = 1024;

impl Store {
    /// Errors if the running statement has conditions beside `k` that the plan, with this number, has not.
    pub(super) fn check_statement(&self, plan: &Plan, number: i32, k: usize) -> Result<()> {
        if locked(&self.checked).contains(&number) {
            return Ok(());
        }
        let name = locked(&self.name).clone();
        let columns = self.definition.columns.iter().map(|c| c.name.as_str());
        let id = self.definition.find(Role::Id);
        let search = Search {
            table: &name,
            columns: columns
                .chain(["distance", "k", "rowid", name.as_str()])
                .collect(),
            rowid: id.map_or("rowid", |i| &self.definition.columns[i].name),
            taken: plan.taken(&self.definition),
        };
        let instead = format!("write ORDER BY distance LIMIT {k} in place of k");
        match self.verdict(&search)? {
            Verdict {
                left: Some(left), ..
            } => Err(error(format!(
                "with k, rows would be counted before this is tested: {left}; {instead}"
            ))),
            Verdict { agrees: false, .. } => Err(error(format!(
                "with k, rows would be counted before all conditions are tested; {instead}"
            ))),
            _ => {
                let mut checked = locked(&self.checked);
                if checked.len() >= KNOWN {
                    checked.clear();
                }
                checked.insert(number);
                Ok(())
            }
        }
    }

    /// What the running statements say of the search, and the views and triggers that they use.
    fn verdict(&self, search: &Search<'_>) -> Result<Verdict> {
        let running = self.running();
        let mut all = Verdict::default();
        for sql in &running {
            add(&mut all, conditions::read(sql, search));
        }
        if all.agrees {
            return Ok(all);
        }
        let mut names: BTreeSet<String> =
            running.iter().flat_map(|s| conditions::names(s)).collect();
        let mut others = self.views_and_triggers()?;
        loop {
            let is_used = |(name, _): &(String, String)| names.contains(name);
            let (used, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(is_used);
            if used.is_empty() {
                return Ok(all);
            }
            for (_, sql) in used {
                add(&mut all, conditions::read(&sql, search));
                names.extend(conditions::names(&sql));
            }
            others = rest;
        }
    }

    /// The texts of the statements of this connection that have begun.
    fn running(&self) -> Vec<String> {
        let mut texts = Vec::new();
        // SAFETY: the connection is alive, and no statement of it ends during this call.
        unsafe {
            let mut statement = ffi::sqlite3_next_stmt(self.db, std::ptr::null_mut());
            while !statement.is_null() {
                let text = ffi::sqlite3_sql(statement);
                if ffi::sqlite3_stmt_busy(statement) != 0 && !text.is_null() {
                    texts.push(CStr::from_ptr(text).to_string_lossy().into_owned());
                }
                statement = ffi::sqlite3_next_stmt(self.db, statement);
            }
        }
        texts
    }

    /// The names of views, and of tables with triggers, in lower case, each with the text.
    fn views_and_triggers(&self) -> Result<Vec<(String, String)>> {
        let connection = self.connection()?;
        let schemas: Vec<String> = connection
            .prepare("SELECT name FROM pragma_database_list")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut found = Vec::new();
        for schema in schemas {
            let sql = format!(
                "SELECT lower(iif(type = 'view', name, tbl_name)), sql FROM {}.sqlite_schema \
                 WHERE type IN ('view', 'trigger') AND sql IS NOT NULL",
                identifier(&schema)
            );
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(found)
    }
}

fn add(all: &mut Verdict, verdict: Verdict) {
    all.agrees |= verdict.agrees;
    all.left = all.left.take().or(verdict.left);
}
