//! Moving rows between the mirror and its files.
//!
//! A row in a file does not change. One whose key is touched is hidden by its key in `_lumos_gone`, and its new
//! version is a row of the mirror like any other; the next move writes the files of such rows anew.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Connection as DuckDb, Value};

use crate::error::{Result, error};
use crate::faults::fault;
use crate::layout::optimize;
use crate::mirror::cold_files::{self, ColdFile};
use crate::mirror::cold_rows::{self, Shape};
use crate::mirror::records::mirrored_names;
use crate::mirror::{Mirror, interruptible, names};

/// A partition with more files than this is written as one.
const MOST_FILES: usize = 8;

/// What to move.
pub struct Move {
    /// The table's id in the changelog.
    pub id: i64,
    /// The table.
    pub shape: Shape,
    /// The column that tells old rows.
    pub column: String,
    /// Rows below this value of it are old.
    pub bound: String,
    /// Where the files are.
    pub folder: String,
    /// `year`, `month` or `none`.
    pub partition_by: String,
    /// Rows written so far, and rows to write.
    pub rows: (AtomicU64, AtomicU64),
}

/// What was moved.
#[derive(Default)]
pub struct Moved {
    /// Rows that left the mirror.
    pub rows: u64,
    /// Files written.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
}

/// A file to write.
struct Target {
    part: String,
    path: String,
    /// Files whose rows it takes over.
    old: Vec<String>,
    /// Rows of the mirror that it takes.
    rows: i64,
}

impl Move {
    /// Moves the rows. The caller keeps everybody else of the process from writing the mirror.
    pub fn run(&self, duckdb: &DuckDb) -> Result<Moved> {
        let (live, targets) = self.plan(duckdb)?;
        if targets.is_empty() {
            return Ok(Moved::default());
        }
        // On the list before they are written, see `files`.
        let new: Vec<String> = targets
            .iter()
            .map(|t| {
                let (path, part) = (literal(&t.path), literal(&t.part));
                format!("({}, {path}, {part}, 'new')", self.id)
            })
            .collect();
        let planned: i64 = targets.iter().map(|t| t.rows).sum();
        self.rows.1.store(planned.unsigned_abs(), Ordering::Relaxed);
        duckdb.execute(&format!(
            "INSERT INTO _lumos.files(id, path, part, state) VALUES {}",
            new.join(", ")
        ))?;
        fault!("files listed");
        interruptible::transaction(duckdb, || self.write(duckdb, &live, &targets))
    }

    /// How far it is.
    pub fn how_far(&self) -> String {
        let [done, all] = [&self.rows.0, &self.rows.1].map(|n| n.load(Ordering::Relaxed));
        format!("table \"{}\": {done} of {all} rows", self.shape.name)
    }

    /// The files that there are, and those to write.
    fn plan(&self, duckdb: &DuckDb) -> Result<(Vec<ColdFile>, Vec<Target>)> {
        let mut live = cold_files::live(duckdb)?;
        live.retain(|f| f.id == self.id);
        for file in &mut live {
            file.check()?;
        }
        let mut parts: Vec<(String, i64)> = Vec::new();
        let found = duckdb.rows(&format!(
            "SELECT {} AS part, count(*) FROM {} WHERE {} GROUP BY part ORDER BY part",
            self.part(),
            names::target(&self.shape.name),
            self.is_old()
        ))?;
        for row in found {
            if let Ok([Value::Text(part), Value::Integer(rows)]) = <[Value; 2]>::try_from(row) {
                parts.push((part, rows));
            }
        }
        let changed = self.changed(duckdb, &live)?;
        for part in &changed {
            if !parts.iter().any(|(p, _)| p == part) {
                parts.push((part.clone(), 0));
            }
        }
        let numbers = duckdb.rows(&format!(
            "SELECT CAST(uuid() AS VARCHAR) FROM range({})",
            parts.len()
        ))?;
        let targets = parts.into_iter().zip(numbers.into_iter().flatten());
        let targets = targets.filter_map(|((part, rows), number)| {
            let Value::Text(number) = number else {
                return None;
            };
            let mut old: Vec<String> = live
                .iter()
                .filter(|f| f.part == part)
                .map(|f| f.path.clone())
                .collect();
            if !changed.contains(&part) && old.len() < MOST_FILES {
                old.clear();
            }
            Some(Target {
                path: cold_files::new_path(&self.folder, &self.shape.name, &part, &number),
                part,
                old,
                rows,
            })
        });
        let targets = targets.collect();
        Ok((live, targets))
    }

    /// The partitions with rows that are gone.
    fn changed(&self, duckdb: &DuckDb, live: &[ColdFile]) -> Result<Vec<String>> {
        if live.is_empty() {
            return Ok(Vec::new());
        }
        let paths: Vec<&str> = live.iter().map(|f| f.path.as_str()).collect();
        let list: Vec<String> = paths.iter().map(|p| literal(p)).collect();
        let found = duckdb.rows(&format!(
                "SELECT DISTINCT c.filename FROM \
                 read_parquet([{}], hive_partitioning = false, filename = true) c SEMI JOIN {} g ON {}",
                list.join(", "),
                cold_rows::gone(&self.shape.name),
                self.shape.is_gone()
            ),
        )?;
        let mut parts = Vec::new();
        for value in found.into_iter().flatten() {
            if let Value::Text(path) = value
                && let Some(file) = live.iter().find(|f| f.path == path)
                && !parts.contains(&file.part)
            {
                parts.push(file.part.clone());
            }
        }
        Ok(parts)
    }

    /// Writes the files, and takes their rows out of the mirror.
    fn write(&self, duckdb: &DuckDb, live: &[ColdFile], targets: &[Target]) -> Result<Moved> {
        let (id, shape) = (self.id, &self.shape);
        let mut moved = Moved::default();
        if live.is_empty() {
            duckdb.execute(&shape.create_gone())?;
        }
        let mut order: Vec<String> = Vec::new();
        if let Some(column) = optimize::last_order(duckdb, id)?
            && let Some((column, _)) = shape.column(&column)
        {
            order.push(identifier(column));
        }
        order.extend(shape.key_columns());
        let mut paths: Vec<&str> = live.iter().map(|f| f.path.as_str()).collect();
        for target in targets {
            if self.write_file(duckdb, target, &order.join(", "), &mut moved)? {
                paths.push(&target.path);
            }
            self.rows
                .0
                .fetch_add(target.rows.unsigned_abs(), Ordering::Relaxed);
            for old in &target.old {
                duckdb.execute(&format!(
                    "UPDATE _lumos.files SET state = 'old' WHERE path = {}",
                    literal(old)
                ))?;
            }
            paths.retain(|p| !target.old.iter().any(|old| old == p));
        }
        let taken = duckdb.execute(&format!(
            "DELETE FROM {} WHERE {}",
            names::target(&shape.name),
            self.is_old()
        ))?;
        let planned: i64 = targets.iter().map(|t| t.rows).sum();
        if taken != planned.unsigned_abs() {
            return Err(error(format!(
                "{taken} rows were to leave the mirror, and {planned} were written; call it again"
            )));
        }
        moved.rows = taken;
        fault!("rows left the mirror");
        duckdb.execute(&format!(
            "DELETE FROM {}; {}",
            cold_rows::gone(&shape.name),
            shape.views(&paths)
        ))?;
        Ok(moved)
    }

    /// Writes one file; false if nothing is left to be in it.
    fn write_file(
        &self,
        duckdb: &DuckDb,
        target: &Target,
        order: &str,
        moved: &mut Moved,
    ) -> Result<bool> {
        let shape = &self.shape;
        let mut rows = format!(
            "SELECT * FROM {} WHERE {} AND {} = {}",
            names::target(&shape.name),
            self.is_old(),
            self.part(),
            literal(&target.part)
        );
        if !target.old.is_empty() {
            let old: Vec<&str> = target.old.iter().map(String::as_str).collect();
            rows = format!("{rows} UNION ALL {}", shape.select(&old));
        }
        let part = cold_files::part_path(&target.path);
        let written = duckdb.execute(&format!(
            "COPY (FROM ({rows}) ORDER BY {order}) TO {} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
            literal(&part)
        ))?;
        fault!("file written");
        if written == 0 {
            drop(fs::remove_file(&part));
            return Ok(false);
        }
        let seal = cold_files::finish(Path::new(&part), Path::new(&target.path))?;
        fault!("file has its name");
        let (first, last) = self.look(duckdb, target, written)?;
        duckdb.execute(&format!(
            "UPDATE _lumos.files SET state = 'live', rows = {written}, bytes = {}, checksum = {}, stamp = {}, \
             first_key = {}, last_key = {} WHERE path = {}",
            seal.bytes,
            seal.checksum,
            literal(&seal.stamp),
            literal(&first),
            literal(&last),
            literal(&target.path)
        ))?;
        moved.files += 1;
        moved.bytes += seal.bytes;
        Ok(true)
    }

    /// Reads a new file once: it must have the rows and types that the mirror has. Returns the ends of its keys.
    fn look(&self, duckdb: &DuckDb, target: &Target, written: u64) -> Result<(String, String)> {
        let wrong = || {
            error(format!(
                "\"{}\" does not read back as it was written; report it",
                target.path
            ))
        };
        let from = cold_rows::read(&[&target.path]);
        let file = duckdb.prepare(&format!("FROM {from}"))?.columns();
        let table = format!("FROM {}", names::target(&self.shape.name));
        if file != duckdb.prepare(&table)?.columns() {
            return Err(wrong());
        }
        let key = self.shape.key_columns();
        let key = key.first().ok_or_else(wrong)?;
        let found = duckdb.rows(&format!(
            "SELECT CAST(min({key}) AS VARCHAR), CAST(max({key}) AS VARCHAR), count(*) FROM {from}"
        ))?;
        match found.into_iter().next().map(<[Value; 3]>::try_from) {
            Some(Ok([Value::Text(first), Value::Text(last), Value::Integer(rows)]))
                if rows.unsigned_abs() == written =>
            {
                Ok((first, last))
            }
            _ => Err(wrong()),
        }
    }

    fn is_old(&self) -> String {
        let (_, ty) = self.shape.column(&self.column).unzip();
        format!(
            "{} < CAST({} AS {})",
            identifier(&self.column),
            literal(&self.bound),
            ty.map(|t| t.sql()).unwrap_or_default()
        )
    }

    /// The partition of a row, as text.
    fn part(&self) -> String {
        let column = identifier(&self.column);
        match self.partition_by.as_str() {
            "year" => format!("strftime({column}, '%Y')"),
            "month" => format!("strftime({column}, '%Y-%m')"),
            _ => "'all'".into(),
        }
    }
}

/// Takes the rows in files back into the mirror.
pub fn bring_back(duckdb: &DuckDb, id: i64, shape: &Shape) -> Result<u64> {
    let mut live = cold_files::live(duckdb)?;
    live.retain(|f| f.id == id);
    if live.is_empty() {
        return Ok(0);
    }
    for file in &mut live {
        file.check()?;
    }
    interruptible::transaction(duckdb, || {
        let (name, target) = (&shape.name, names::target(&shape.name));
        let rows = duckdb.execute(&format!(
            "INSERT INTO {target} FROM {}",
            cold_rows::view(name)
        ))?;
        duckdb.execute(&format!(
            "{} {}",
            shape.views(&[]),
            cold_rows::forget_statements(id, name)
        ))?;
        fault!("rows brought back");
        Ok(rows)
    })
}

/// After a move, whatever came of it: tells the readers, and removes what is no longer needed.
pub fn settle<T>(mirror: &Mirror, duckdb: &DuckDb, name: &str, moved: Result<T>) -> Result<T> {
    if moved.is_ok() {
        let mirrored = mirrored_names(duckdb)?;
        mirror.cache.update(&mirrored, &[name.to_owned()]);
        mirror.reshaped();
    }
    fault!("before sweeping");
    let swept = cold_files::sweep(mirror, duckdb);
    // The error of the work matters more.
    let moved = moved?;
    swept?;
    // Not on a disk that may be full: DuckDB gives up a file that it cannot write this into.
    interruptible::checkpoint(duckdb);
    Ok(moved)
}
