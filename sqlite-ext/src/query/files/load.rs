//! `lumos_load`: a file is read twice, the first time for the types of its columns, and for its faults.

use std::cell::Cell;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use lumos_core::files::csv::{Reader, Record};
use lumos_core::files::{Column, Field, holds_text};
use lumos_core::options::Options;
use lumos_core::sql::identifier;
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::error::{Error, Result, error};
use crate::host;
use crate::mirror::Mirror;
use crate::mirror::allow_files::allowed;
use crate::query::files::json::{self, Each};
use crate::query::files::options::Reading;
use crate::query::files::parquet::Parquet;
use crate::query::files::{Format, open};
use crate::query::names::distinct;
use crate::session::Session;
use crate::sync::schema;

/// Rows between two looks at whether the host wants an end.
const UNASKED: u64 = 1024;

/// `lumos_load`: the number of rows inserted into the SQLite table.
pub fn load(session: &Session, path: &str, table: &str, options: &Options) -> Result<i64> {
    let attached = session.attached()?;
    let file = allowed(&attached.mirror, path, false)?;
    let format = Format::of(&file)?;
    let options = Reading::new(options, format)?;
    let host = session.connection()?;
    if let Some(kind) = schema::temporary(&host, table)? {
        return Err(error(format!(
            "\"{table}\" is a temporary {kind}, which hides a table of the database by that name; \
             DROP it, or load into another name and INSERT from there"
        )));
    }
    let target = match schema::create_statement(&host, table)? {
        Some(_) => Some(schema::read_table(&host, table)?),
        None => None,
    };
    let mut source = Source {
        path,
        parquet: match format {
            Format::Parquet => Some(Parquet::new(&file)?),
            _ => None,
        },
        file,
        format,
        // Without names in the file, the fields have the order of the table's columns.
        given: match (&target, options.header) {
            (Some(t), false) => Some(
                t.columns
                    .iter()
                    .filter(|c| !c.generated)
                    .map(|c| c.name.clone())
                    .collect(),
            ),
            _ => None,
        },
        host: &host,
        mirror: &attached.mirror,
        options,
    };
    let (mut names, mut columns) = (Vec::new(), Vec::<Column>::new());
    source.read("looked at", &mut names, &mut |names, fields| {
        columns.resize_with(columns.len().max(names.len()), Column::default);
        for (column, field) in columns.iter_mut().zip(fields) {
            column.see(*field);
        }
        Ok(())
    })?;
    columns.resize_with(names.len(), Column::default);
    if let (true, Some(parquet)) = (source.options.all_text, &mut source.parquet) {
        (0..names.len()).for_each(|i| parquet.read_text(i));
    }
    let into = match target {
        Some(table) => Into::existing(&table, &names, source.parquet.as_mut())?,
        None => Into::new(table, &names, &columns, &source)?,
    };
    schema::atomically(&host, || {
        if let Some(create) = &into.create {
            host.execute_batch(create)?;
        }
        if names.is_empty() {
            return Ok(0);
        }
        let marks = vec!["?"; names.len()].join(", ");
        let mut insert = host.prepare(&format!(
            "INSERT INTO main.{}({}) VALUES({marks})",
            identifier(table),
            into.columns.join(", ")
        ))?;
        let (mut rows, known) = (0, names.clone());
        source.read("inserted", &mut names, &mut |names, fields| {
            if *names != *known {
                return Err(error(format!(
                    "\"{path}\" changes; load it again when it does not"
                )));
            }
            for (i, form) in into.forms.iter().enumerate() {
                let field = fields.get(i).copied().unwrap_or(Field::Null);
                insert.raw_bind_parameter(i + 1, value(form.of(field)))?;
            }
            insert.raw_execute()?;
            rows += 1;
            Ok(())
        })?;
        Ok(rows)
    })
}

/// What a column makes of fields.
enum Form {
    /// The column was there; whether it holds numbers as text.
    Written(bool),
    /// The column is new, and was declared like this.
    Typed(String),
}

impl Form {
    fn of<'a>(&self, field: Field<'a>) -> Field<'a> {
        match self {
            Form::Written(text) => field.as_written(*text),
            Form::Typed(declared) => field.typed(declared),
        }
    }
}

/// Where the rows go.
struct Into {
    /// The statement that makes the table, if it is new.
    create: Option<String>,
    /// The quoted names of the columns.
    columns: Vec<String>,
    forms: Vec<Form>,
}

impl Into {
    /// A table that is there.
    fn existing(
        table: &lumos_core::changelog::Table,
        names: &[String],
        mut parquet: Option<&mut Parquet>,
    ) -> Result<Into> {
        let mut forms = Vec::new();
        for (i, name) in names.iter().enumerate() {
            if names.iter().take(i).any(|n| n.eq_ignore_ascii_case(name)) {
                return Err(error(format!(
                    "the file has two columns \"{name}\"; rename one of them"
                )));
            }
            let column = table
                .columns
                .iter()
                .find(|c| c.name.eq_ignore_ascii_case(name));
            let text = column.is_some_and(|c| holds_text(&c.declared));
            if let (true, Some(parquet)) = (text, parquet.as_deref_mut()) {
                parquet.read_text(i);
            }
            forms.push(Form::Written(text));
        }
        Ok(Into {
            create: None,
            columns: names.iter().map(|n| identifier(n)).collect(),
            forms,
        })
    }

    /// A table of the file's columns.
    fn new(name: &str, names: &[String], columns: &[Column], source: &Source<'_>) -> Result<Into> {
        if names.is_empty() {
            return Err(error(format!(
                "\"{}\" has no columns to make a table of; create the table first",
                source.path
            )));
        }
        // A column must have a name, and in the mirror too.
        let names = names.iter().enumerate().map(|(i, n)| {
            if n.is_empty() {
                format!("c{i}")
            } else {
                n.clone()
            }
        });
        let columns_of_table: Vec<String> = distinct(names.collect())
            .iter()
            .map(|n| identifier(n))
            .collect();
        let declared: Vec<String> = columns
            .iter()
            .enumerate()
            .map(
                |(i, column)| match (&source.parquet, source.options.all_text) {
                    (_, true) => "TEXT".into(),
                    (Some(parquet), _) => parquet.declared(i, column.declared()),
                    (None, _) => column.declared(),
                },
            )
            .collect();
        let list: Vec<String> = columns_of_table
            .iter()
            .zip(&declared)
            .map(|(n, d)| format!("{n} {d}"))
            .collect();
        Ok(Into {
            create: Some(format!(
                "CREATE TABLE main.{}({})",
                identifier(name),
                list.join(", ")
            )),
            columns: columns_of_table,
            forms: declared
                .into_iter()
                .map(|d| {
                    if source.options.all_text {
                        Form::Written(true)
                    } else {
                        Form::Typed(d)
                    }
                })
                .collect(),
        })
    }
}

fn value<'a>(field: Field<'a>) -> ToSqlOutput<'a> {
    ToSqlOutput::Borrowed(match field {
        Field::Null => ValueRef::Null,
        Field::Boolean(v) => ValueRef::Integer(v.into()),
        Field::Integer(v) => ValueRef::Integer(v),
        Field::Real(v) => ValueRef::Real(v),
        Field::Number(v) | Field::Text(v) | Field::Plain(v) => ValueRef::Text(v.as_bytes()),
        Field::Blob(v) => ValueRef::Blob(v),
    })
}

/// The file.
struct Source<'a> {
    /// As it was given.
    path: &'a str,
    /// Its real path.
    file: PathBuf,
    format: Format,
    parquet: Option<Parquet>,
    /// The names of the columns of CSV without a header.
    given: Option<Vec<String>>,
    options: Reading,
    host: &'a Connection,
    mirror: &'a Arc<Mirror>,
}

impl Source<'_> {
    /// Reads all rows, and says meanwhile how many were `done`.
    fn read(&mut self, done: &str, names: &mut Vec<String>, each: &mut Each<'_>) -> Result<()> {
        let (file, size) = open(&self.file, self.path)?;
        let read = Rc::new(Cell::new(0));
        let mut rows = 0u64;
        let (host, progress) = (self.host, &self.options.progress);
        let each: &mut Each<'_> = &mut |names, fields| {
            each(names, fields)?;
            rows += 1;
            if rows.is_multiple_of(UNASKED) {
                host::check_interrupt(host)?;
                let percent = |read: u64| (read * 100).checked_div(size).unwrap_or(100);
                progress.say(|| match read.get() {
                    0 => format!("{rows} rows {done}"),
                    read => format!("{rows} rows {done}, {} %", percent(read)),
                });
            }
            Ok(())
        };
        if let Some(parquet) = &mut self.parquet {
            return parquet.read(host, self.mirror, names, each);
        }
        let input = BufReader::with_capacity(
            1 << 16,
            Counted {
                file,
                read: Rc::clone(&read),
            },
        );
        let read = match self.format {
            Format::Csv => self.read_csv(
                Reader::new(input, self.options.dialect.clone()),
                names,
                each,
            ),
            _ => json::read(input, names, each),
        };
        read.map_err(|e| named(self.path, e))
    }

    fn read_csv(
        &self,
        mut reader: Reader<impl std::io::BufRead>,
        names: &mut Vec<String>,
        each: &mut Each<'_>,
    ) -> Result<()> {
        let mut record = Record::default();
        let mut pending = reader.read(&mut record)?;
        if !pending {
            return Err(error(
                "is empty; give a file with a line of names, or the option header",
            ));
        }
        *names = match &self.given {
            Some(given) => given.clone(),
            None if self.options.header => {
                let header: lumos_core::Result<Vec<_>> = record
                    .fields()
                    .map(|f| f.map(|(text, _)| text.to_owned()))
                    .collect();
                pending = false;
                header.map_err(|e| reader.at(&e.to_string()))?
            }
            None => (0..record.len()).map(|i| format!("c{i}")).collect(),
        };
        let null = self.options.dialect.null.as_deref();
        loop {
            if !std::mem::take(&mut pending) && !reader.read(&mut record)? {
                return Ok(());
            }
            // An empty line is a row of a table with one column only.
            if record.is_blank() && names.len() > 1 {
                continue;
            }
            if record.len() != names.len() {
                let (found, wanted) = (record.len(), names.len());
                let text = format!(
                    "has {found} fields, not {wanted} as there are columns; see to its delimiters and quotes"
                );
                return Err(reader.at(&text).into());
            }
            let fields: lumos_core::Result<Vec<Field<'_>>> = record
                .fields()
                .map(|field| {
                    Ok(match field? {
                        (text, true) => Field::Text(text),
                        (text, false) if Some(text) == null => Field::Null,
                        (text, false) => Field::Plain(text),
                    })
                })
                .collect();
            each(names, &fields.map_err(|e| reader.at(&e.to_string()))?)?;
        }
    }
}

/// An error with the file's name, if it is one of the file and no interrupt.
fn named(path: &str, e: Error) -> Error {
    match e.code {
        rusqlite::ffi::SQLITE_ERROR if !e.message.starts_with('"') => Error {
            message: format!("\"{path}\" {}", e.message),
            ..e
        },
        _ => e,
    }
}

/// Counts the bytes that were read.
struct Counted {
    file: std::fs::File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}
