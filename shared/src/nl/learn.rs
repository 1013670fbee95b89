//! What is known of a database of DuckDB, where a function has no connection: two statements of the caller's read it, and it
//! is kept until the database is closed.
//!
//! `FROM query(lumos_learn())` reads the catalog. Then the tables have names, and `FROM query(lumos_learn_values())` reads
//! their texts. Every statement that is made of it reads the catalog again, and errs if that has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use super::catalog::{Catalog, Column, ColumnKind, ColumnRef, iso};
use super::link::Vocabulary;
use super::sample::Sample;
use super::seen::{CATALOG, COUNT, HOW, INPUT, RANGE, Row, Seen, TAUGHT, VALUE};
use super::taught::{self, Listed};
use crate::gate::catalog::Schema;
use crate::gate::policy::{Policy, TABLES};
use crate::gate::{duckdb, scratch};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Fold, FoldState, Kept};
use crate::sql::lexer::Dialect;
use crate::sql::{identifier, literal};
use crate::{Error, Result, Type, Value, ValueRef};

/// How often a database of the same instance may be known.
const DATABASES: usize = 8;

/// The most ranges of times that are kept of a database.
const MOST_RANGES: usize = 100_000;

/// The most bytes of values of all of them.
const BYTES: usize = 192 << 20;

/// Which tables.
const CHOSEN: OptionDef = OptionDef {
    default: "all tables, and the views that lumos_validate_sql lets pass",
    doc: "the tables and views to read",
    ..TABLES
};

/// Which of several databases.
pub const DATABASE: OptionDef = OptionDef {
    name: "database",
    ty: OptionType::Text(", the name of a database"),
    default: "the one that was learned last",
    doc: "the database that is asked, where an instance of DuckDB has learned several",
};

/// The options of `lumos_learn`.
pub const LEARN_OPTIONS: &[OptionDef] = &[CHOSEN];

/// The options of `lumos_learn_values`.
pub const VALUES_OPTIONS: &[OptionDef] = &[DATABASE];

/// A database as questions see it.
#[derive(Debug, Default)]
pub struct Learned {
    /// Its name, and that of the schema.
    pub place: (String, String),
    /// By which a change of the schema is seen.
    pub fingerprint: u64,
    /// Its tables as the gate needs them.
    pub schema: Schema,
    /// Its tables and values.
    pub catalog: Catalog,
    /// Its words.
    pub vocabulary: Vocabulary,
    /// True once the values are known.
    pub has_values: bool,
    /// The SELECT of what people have taught, with UNION ALL before it; empty if there is no such table.
    pub taught: String,
    /// By which a change of that is seen.
    pub taught_fingerprint: u64,
    /// What became of it.
    pub listed: Vec<Listed>,
}

/// The databases that an instance of DuckDB knows, the one that was learned last at the end.
#[derive(Debug, Default)]
pub struct Knowledge(Mutex<Vec<Arc<Learned>>>);

impl Knowledge {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Learned>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it, in place of what was known of the database. What was learned first makes room.
    pub fn put(&self, learned: Learned) {
        let mut all = self.all();
        all.retain(|known| known.place.0 != learned.place.0);
        all.push(Arc::new(learned));
        let bytes = |all: &[Arc<Learned>]| -> usize {
            all.iter().map(|known| known.catalog.values.bytes()).sum()
        };
        while all.len() > 1 && (all.len() > DATABASES || bytes(&all) > BYTES) {
            all.remove(0);
        }
    }

    /// What is known of a database, of the one that was learned last if none is named. Errors if nothing is.
    pub fn of(&self, database: Option<&str>) -> Result<Arc<Learned>> {
        let all = self.all();
        let found = match database {
            None => all.last(),
            Some(name) => all
                .iter()
                .find(|known| known.place.0.eq_ignore_ascii_case(name)),
        };
        found.cloned().ok_or_else(|| {
            let which = database.map_or("this database".into(), |name| {
                format!("database {}", literal(name))
            });
            Error::new(format!("nothing is known of {which}; {HOW}"))
        })
    }

    /// The same with its values. Errors if they are not known.
    pub fn whole(&self, database: Option<&str>) -> Result<Arc<Learned>> {
        let learned = self.of(database)?;
        if !learned.has_values {
            return Err(Error::new(format!(
                "the values of database \"{}\" are not known; run FROM query(lumos_learn_values())",
                learned.place.0
            )));
        }
        Ok(learned)
    }
}

/// The options of a call whose first argument they are.
fn options(known: &[OptionDef], arguments: &[ValueRef<'_>]) -> Result<Options> {
    match arguments.first() {
        None | Some(ValueRef::Null) => Options::parse(known, None),
        Some(ValueRef::Text(options)) => Options::parse(known, Some(options)),
        Some(_) => Err(Error::new("options is no text; give a JSON object")),
    }
}

/// A number of 64 bits that JSON does not change.
pub fn hex(n: u64) -> String {
    format!("{n:016x}")
}

fn no_spec(spec: &str) -> Error {
    Error::new(format!("{} is not what lumos_learn writes", literal(spec)))
}

/// The fold of `lumos_learn`.
pub const LEARN: Fold = Fold::new::<Learn>(
    "learn",
    INPUT,
    &[
        ("database", Type::Text),
        ("schema", Type::Text),
        ("tables", Type::Integer),
        ("columns", Type::Integer),
        ("keys", Type::Integer),
    ],
);

/// The query of `lumos_learn(options)`. Errors if the options are none.
pub fn learn_sql(arguments: &[ValueRef<'_>], _: &Kept) -> Result<String> {
    let options = options(LEARN_OPTIONS, arguments)?;
    Policy::read(&options)?;
    let spec = json!({"tables": options.get(TABLES.name)}).to_string();
    LEARN.sql(CATALOG, &spec)
}

#[derive(Debug, Clone)]
struct Learn {
    policy: Policy,
    chosen: bool,
    seen: Seen,
    knowledge: Arc<Knowledge>,
}

impl FoldState for Learn {
    fn start(spec: &str) -> Result<Self> {
        let options = Options::parse(LEARN_OPTIONS, Some(spec))?;
        Ok(Learn {
            policy: Policy::read(&options)?,
            chosen: options.get(TABLES.name).is_some_and(Json::is_array),
            seen: Seen::default(),
            knowledge: Arc::default(),
        })
    }

    fn start_in(spec: &str, kept: &Kept) -> Result<Self> {
        Ok(Learn {
            knowledge: kept.of(),
            ..Self::start(spec)?
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.seen.row(&Row::read(row)?, true);
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.seen.merge(&other.seen);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.seen.any {
            return Ok(());
        }
        let schema = self.seen.schema();
        let scratch = scratch();
        // A view that fails, or reads more than tables, is read if it is asked for.
        let view_passes = |view: &str| {
            scratch.as_ref().is_ok_and(|scratch| {
                let policy = Policy::default();
                duckdb::check_view(view, &schema, &policy, &**scratch).is_ok()
            })
        };
        let may_read = |name: &str, view: Option<&str>| {
            self.policy.allows_table(name) && (self.chosen || view.is_none_or(view_passes))
        };
        let catalog = self.seen.catalog(&schema, &may_read);
        let count = |n: usize| Value::Integer(n as i64);
        let columns = catalog.tables.iter().map(|t| t.columns.len()).sum();
        let row = vec![
            Value::Text(self.seen.place.0.clone()),
            Value::Text(self.seen.place.1.clone()),
            count(catalog.tables.len()),
            count(columns),
            count(catalog.keys.len()),
        ];
        self.knowledge.put(Learned {
            place: self.seen.place.clone(),
            fingerprint: self.seen.fingerprint,
            schema,
            catalog,
            ..Learned::default()
        });
        emit(row)
    }
}

/// The fold of `lumos_learn_values`.
pub const VALUES: Fold = Fold::new::<Values>(
    "learn_values",
    INPUT,
    &[
        ("database", Type::Text),
        ("tables", Type::Integer),
        ("rows", Type::Integer),
        ("texts", Type::Integer),
    ],
);

/// The query of `lumos_learn_values(options)`. Errors if nothing is known of the database yet.
pub fn values_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let options = options(VALUES_OPTIONS, arguments)?;
    let knowledge = kept.of::<Knowledge>();
    let learned = knowledge.of(options.text(DATABASE.name))?;
    let place = format!(
        "{}.{}",
        identifier(&learned.place.0),
        identifier(&learned.place.1)
    );
    let taught = taught_select(&learned.schema, &place);
    let mut read = format!("{CATALOG}{taught}");
    for (number, table) in learned.catalog.tables.iter().enumerate() {
        let name = format!("{place}.{}", identifier(&table.name));
        read.push_str(&format!(
            " UNION ALL SELECT {COUNT}, {number}, count(*), NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM {name}"
        ));
        let of_kind = |kind: ColumnKind| -> Vec<(usize, &Column)> {
            let columns = table.columns.iter().enumerate();
            columns.filter(|(_, c)| c.kind == kind).collect()
        };
        let times = of_kind(ColumnKind::Date);
        if !times.is_empty() {
            let places: Vec<String> = times.iter().map(|(i, _)| i.to_string()).collect();
            let all = |of: &str| -> String {
                let all = times.iter().map(|(_, c)| {
                    let name = identifier(&c.name);
                    format!("CAST({of}(lumos_table.{name}) AS VARCHAR)")
                });
                all.collect::<Vec<_>>().join(", ")
            };
            read.push_str(&format!(
                " UNION ALL SELECT {RANGE}, {number}, j, NULL, a, b, NULL, NULL, NULL, NULL FROM (SELECT unnest([{}]) AS j, \
                 unnest([{}]) AS a, unnest([{}]) AS b FROM {name} AS lumos_table)",
                places.join(", "),
                all("min"),
                all("max")
            ));
        }
        let texts = of_kind(ColumnKind::Text);
        if texts.is_empty() {
            continue;
        }
        let places: Vec<String> = texts.iter().map(|(i, _)| i.to_string()).collect();
        let values: Vec<String> = texts
            .iter()
            .map(|(_, c)| format!("CAST(lumos_table.{} AS VARCHAR)", identifier(&c.name)))
            .collect();
        read.push_str(&format!(
            " UNION ALL SELECT {VALUE}, {number}, j, NULL, a, NULL, NULL, NULL, NULL, NULL FROM (SELECT unnest([{}]) AS j, \
             unnest([{}]) AS a FROM {name} AS lumos_table) WHERE strlen(a) BETWEEN 1 AND {}",
            places.join(", "),
            values.join(", "),
            super::values::LONGEST
        ));
    }
    let tables: Vec<&str> = learned
        .catalog
        .tables
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    let spec = json!({
        "database": learned.place.0, "schema": learned.place.1, "fingerprint": hex(learned.fingerprint), "tables": tables,
        "taught": taught,
    });
    VALUES.sql(&read, &spec.to_string())
}

/// The SELECT of what people have taught, with UNION ALL before it; empty if there is no table of that form.
fn taught_select(schema: &Schema, place: &str) -> String {
    let table = schema
        .tables
        .iter()
        .find(|t| t.current && !t.temporary && t.name == taught::TABLE);
    let has = |name: &&str| table.is_some_and(|t| t.columns.iter().any(|(c, _)| c == *name));
    if !["kind", "word", "meaning", "good", "bad"].iter().all(has) {
        return String::new();
    }
    // The same rows whichever thread reads which first.
    format!(
        " UNION ALL SELECT {TAUGHT}, TRY_CAST(good AS BIGINT), TRY_CAST(bad AS BIGINT), NULL, CAST(kind AS VARCHAR), \
         CAST(word AS VARCHAR), CAST(meaning AS VARCHAR), NULL, NULL, NULL FROM (SELECT * FROM {place}.{} \
         ORDER BY kind, word, meaning LIMIT {})",
        taught::TABLE,
        taught::MOST
    )
}

#[derive(Debug, Clone)]
struct Values {
    taught: String,
    place: (String, String),
    fingerprint: u64,
    tables: Vec<String>,
    seen: Seen,
    counts: Vec<(i64, i64)>,
    ranges: Vec<(i64, i64, String, String)>,
    sample: Sample,
    knowledge: Arc<Knowledge>,
}

impl FoldState for Values {
    fn start(spec: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(spec).map_err(|_| no_spec(spec))?;
        let (place, fingerprint) = place_of(&json).ok_or_else(|| no_spec(spec))?;
        let tables = json
            .get("tables")
            .and_then(Json::as_array)
            .ok_or_else(|| no_spec(spec))?;
        Ok(Values {
            taught: json["taught"].as_str().unwrap_or_default().to_owned(),
            place,
            fingerprint,
            tables: tables
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect(),
            seen: Seen::default(),
            counts: Vec::new(),
            ranges: Vec::new(),
            sample: Sample::default(),
            knowledge: Arc::default(),
        })
    }

    fn start_in(spec: &str, kept: &Kept) -> Result<Self> {
        Ok(Values {
            knowledge: kept.of(),
            ..Self::start(spec)?
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let row = Row::read(row)?;
        match (row.what, row.numbers, row.texts) {
            (VALUE, [Some(table), Some(column), _], [Some(value), ..]) => {
                self.sample.add((table, column), value);
            }
            (COUNT, [Some(table), Some(count), _], _) if self.counts.len() <= self.tables.len() => {
                self.counts.push((table, count));
            }
            (RANGE, [Some(table), Some(column), _], [Some(least), Some(greatest), ..])
                if self.ranges.len() <= MOST_RANGES =>
            {
                let range = (table, column, least.to_owned(), greatest.to_owned());
                self.ranges.push(range);
            }
            _ => self.seen.row(&row, true),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.seen.merge(&other.seen);
        self.counts.extend(&other.counts);
        self.ranges.extend(other.ranges.iter().cloned());
        self.sample.merge(&other.sample);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.seen.any {
            return Ok(());
        }
        self.seen.check(&self.place, self.fingerprint, None)?;
        let schema = self.seen.schema();
        let known = |name: &str, _: Option<&str>| self.tables.iter().any(|t| t == name);
        let mut catalog = self.seen.catalog(&schema, &known);
        let places: Vec<Option<usize>> =
            self.tables.iter().map(|name| catalog.table(name)).collect();
        let place = |table: i64| {
            let number = usize::try_from(table).ok()?;
            places.get(number).copied().flatten()
        };
        let counts: Vec<(Option<usize>, i64)> = self
            .counts
            .iter()
            .map(|(table, count)| (place(*table), *count))
            .collect();
        let columns: Vec<_> = self
            .sample
            .columns()
            .into_iter()
            .filter_map(|((table, column), values)| {
                let table = place(table)?;
                let column = usize::try_from(column).ok()?;
                let known = column < catalog.tables[table].columns.len();
                known.then_some((ColumnRef { table, column }, values))
            })
            .collect();
        let mut rows: i64 = 0;
        for (table, count) in counts {
            rows = rows.saturating_add(count);
            if let Some(table) = table {
                catalog.tables[table].rows = u64::try_from(count).ok();
            }
        }
        for (table, column, least, greatest) in &self.ranges {
            let column = usize::try_from(*column).ok();
            if let Some((table, column)) = place(*table).zip(column)
                && let Some(column) = catalog.tables[table].columns.get_mut(column)
            {
                column.range = Some((least.clone(), greatest.clone()));
            }
        }
        for (column, values) in columns {
            // Texts that are all times.
            if values.distinct == values.texts.len() as u64
                && values.texts.iter().all(|text| iso(text).is_some())
                && let [least, .., greatest] | [least @ greatest] = values.texts[..]
            {
                let range = (least.to_owned(), greatest.to_owned());
                catalog.tables[column.table].columns[column.column].range = Some(range);
            }
            catalog.tables[column.table].columns[column.column].distinct = Some(values.distinct);
            for value in values.texts {
                catalog.values.add(column, value);
            }
        }
        catalog.values.finish();
        catalog.finish();
        let mut rows_taught = self.seen.taught.clone();
        rows_taught.sort();
        let scratch = scratch();
        let passes = |sql: &str| {
            scratch.as_ref().is_ok_and(|scratch| {
                let policy = Policy::default();
                duckdb::check(sql, &schema, &policy, &**scratch).sql.is_ok()
            })
        };
        let listed = taught::apply(&mut catalog, &rows_taught, Dialect::DuckDb, &passes);
        let row = vec![
            Value::Text(self.place.0.clone()),
            Value::Integer(catalog.tables.len() as i64),
            Value::Integer(rows),
            Value::Integer(catalog.values.len() as i64),
        ];
        self.knowledge.put(Learned {
            place: self.place.clone(),
            fingerprint: self.fingerprint,
            schema,
            vocabulary: Vocabulary::new(&catalog),
            catalog,
            has_values: true,
            taught: self.taught.clone(),
            taught_fingerprint: self.seen.taught_fingerprint,
            listed,
        });
        emit(row)
    }
}

/// Which database a spec is of, and its fingerprint.
pub fn place_of(spec: &Json) -> Option<((String, String), u64)> {
    let text = |name: &str| spec.get(name).and_then(Json::as_str);
    let fingerprint = u64::from_str_radix(text("fingerprint")?, 16).ok()?;
    let place = (text("database")?.to_owned(), text("schema")?.to_owned());
    Some((place, fingerprint))
}
