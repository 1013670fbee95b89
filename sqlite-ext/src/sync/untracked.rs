//! Tables and views of SQLite that are not tracked, read into a connection to DuckDB for one query.
//!
//! A column whose values have no common type does not stop a query that leaves it out: the query names a view, in
//! which that column is an error.

use lumos_core::mirror::{MirrorType, Mismatch, Policy, Resolution, Rule, Stored};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::Connection;

use crate::access;
use crate::error::{Result, error};
use crate::mirror::names::ROWS_OF;
use crate::progress::Progress;
use crate::sync::chunk_writer::{ChunkWriter, shown, value_of};
use crate::sync::schema;

/// Rows between two looks at the clock.
const UNSAID: u64 = 4096;

/// A table or view.
struct Source<'a> {
    name: &'a str,
    is_view: bool,
    /// What is read from it.
    select: String,
    columns: Vec<Column>,
}

struct Column {
    /// Its name in DuckDB, which has no empty ones.
    name: String,
    rule: Rule,
    ty: MirrorType,
    /// Why it cannot be read, if so.
    unfit: Option<String>,
}

/// Reads a table or view, of at most so many rows, to a temporary view of the same name.
pub fn read(
    source: &Connection,
    duckdb: &DuckDb,
    name: &str,
    most: u64,
    progress: &Progress,
) -> Result<()> {
    let mut table = Source::new(source, name)?;
    // A view, so that nobody writes to it in the belief that it is the table.
    let rows = format!("{ROWS_OF}{name}");
    while let Some((column, wider)) = table.copy(source, duckdb, &rows, most, progress)? {
        table.columns[column].ty = wider;
    }
    let list: Vec<String> = table
        .columns
        .iter()
        .map(|c| match &c.unfit {
            Some(why) => format!(
                "CAST(error({}) AS {}) AS {}",
                literal(why),
                c.ty.sql(),
                identifier(&c.name)
            ),
            None => identifier(&c.name),
        })
        .collect();
    duckdb.execute(&format!(
        "CREATE OR REPLACE TEMP VIEW {} AS SELECT {} FROM temp.main.{}",
        identifier(name),
        list.join(", "),
        identifier(&rows)
    ))?;
    Ok(())
}

impl Source<'_> {
    fn new<'a>(source: &Connection, name: &'a str) -> Result<Source<'a>> {
        let is_view = schema::create_statement(source, name)?.is_none();
        let definition = schema::read_table(source, name)?;
        let columns = definition.columns.iter().enumerate().map(|(i, c)| {
            let rule = Rule::new(&c.declared, None, Policy::Error, false);
            Column {
                name: if c.name.is_empty() {
                    format!("c{i}")
                } else {
                    c.name.clone()
                },
                rule,
                ty: rule.first,
                unfit: None,
            }
        });
        let names: Vec<String> = definition.columns.iter().map(|c| c.name.clone()).collect();
        let readable = access::readable(source, name, &names)?;
        // A query that names one of the others is refused, see `access`.
        let list: Vec<String> = (names.iter().zip(&readable))
            .map(|(name, readable)| {
                if *readable {
                    identifier(name)
                } else {
                    "NULL".into()
                }
            })
            .collect();
        let order = if is_view || readable.contains(&false) {
            Vec::new()
        } else {
            definition.stored_order()
        };
        let order = if order.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", order.join(", "))
        };
        Ok(Source {
            name,
            is_view,
            select: format!(
                "SELECT {} FROM main.{}{order}",
                list.join(", "),
                identifier(name)
            ),
            columns: columns.collect(),
        })
    }

    /// Copies the rows to a temporary table. Returns the column that needs another type, and which, if one does.
    fn copy(
        &mut self,
        source: &Connection,
        duckdb: &DuckDb,
        target: &str,
        most: u64,
        progress: &Progress,
    ) -> Result<Option<(usize, MirrorType)>> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|c| format!("{} {}", identifier(&c.name), c.ty.sql()))
            .collect();
        duckdb.execute(&format!(
            "CREATE OR REPLACE TEMP TABLE {}({})",
            identifier(target),
            columns.join(", ")
        ))?;
        let mut rows = ChunkWriter::new(duckdb, "temp", "main", target)?;
        let mut statement = source.prepare(&self.select)?;
        let mut result = statement.query([])?;
        let mut fresh = vec![true; self.columns.len()];
        while let Some(row) = result.next()? {
            for (i, column) in self.columns.iter_mut().enumerate() {
                let value = match &column.unfit {
                    Some(_) => Some(lumos_core::ValueRef::Null),
                    None => value_of(row, i)?,
                };
                match value.map_or(Err(Mismatch), |v| column.rule.store(column.ty, v)) {
                    Ok(stored) => {
                        fresh[i] &= stored == Stored::Null;
                        rows.put(i, stored)?;
                    }
                    Err(Mismatch) => match column.rule.resolve(column.ty, value, fresh[i]) {
                        Resolution::Type(wider) => return Ok(Some((i, wider))),
                        _ => {
                            rows.put(i, Stored::Null)?;
                            column.unfit =
                                Some(unfit(self.name, self.is_view, column, &shown(row, i)));
                        }
                    },
                }
            }
            rows.next()?;
            if rows.total.is_multiple_of(UNSAID) {
                progress.say(|| format!("table \"{}\": {} rows", self.name, rows.total));
            }
            if rows.total > most {
                return Err(too_many(self.name, self.is_view, most));
            }
        }
        rows.finish()?;
        Ok(None)
    }
}

fn unfit(table: &str, is_view: bool, column: &Column, value: &str) -> String {
    let (what, way_out) = if is_view {
        ("view", "or CAST it in the view".to_owned())
    } else {
        (
            "table",
            format!(
                "or track it with an on_mismatch, as in SELECT lumos_track('{table}', '{{\"on_mismatch\": \"null\"}}')"
            ),
        )
    };
    format!(
        "{what} \"{table}\", column \"{}\": the value {value} does not fit the type {} that the other values have; \
         leave the column out of the query, change the value, {way_out}",
        column.name,
        column.ty.name()
    )
}

fn too_many(name: &str, is_view: bool, most: u64) -> crate::error::Error {
    error(if is_view {
        format!(
            "view \"{name}\" has more than {most} rows, which are read for each query; track the tables that it reads, and query these"
        )
    } else {
        format!(
            "table \"{name}\" has more than {most} rows and is not tracked; run SELECT lumos_track('{name}') first"
        )
    })
}
