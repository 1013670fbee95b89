//! Where series come from: a table, a table with columns, or a query, in the engine's SQL, as rows of
//! `(series, time, value)`.

use std::collections::BTreeMap;

use super::clock::Clock;
use super::grid::Grid;
use super::setting::Setting;
use super::words::Language;
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, FoldState, Stopped, check};
use crate::source::{self, ALIAS, Source, column};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The columns of the SELECT, which the folds of series take.
pub const INPUT: &[Param] = &[
    Param::optional("series", Type::Text),
    Param::optional("ts", Type::Time),
    Param::optional("value", Type::Real),
];

/// The options that say which column is what.
pub const TIME: OptionDef = OptionDef {
    name: "time",
    ty: OptionType::Text(", the name of a column"),
    default: "the first column",
    doc: "the column of times, together with `value`",
};
/// See [`TIME`].
pub const VALUE: OptionDef = OptionDef {
    name: "value",
    ty: OptionType::Text(", the name of a column"),
    default: "the second column",
    doc: "the column of values, together with `time`",
};
/// See [`TIME`].
pub const BY: OptionDef = OptionDef {
    name: "by",
    ty: OptionType::Json("the name of a column, or a list of names"),
    default: "the columns after the second; none if `time` and `value` are named",
    doc: "a series for each value of this column, or of these together",
};

/// Writes the SELECT of a source.
///
/// Errors if the text is neither a table nor a query, if it has fewer than two columns, or if the options name only one of
/// `time` and `value`.
pub fn select(text: &str, options: &Options, database: &dyn Database) -> Result<String> {
    let source = Source::parse(text, database.dialect())?;
    let by = source::names(options, "by")?;
    let own = |names: &[String]| -> Vec<String> { names.iter().map(|n| column(n)).collect() };
    let (time, value, by) = match (options.text("time"), options.text("value")) {
        (Some(time), Some(value)) => (column(time), column(value), own(&by.unwrap_or_default())),
        (None, None) => match source.columns(database)?.as_deref() {
            None => return Ok(by_position(&source, by.map(|by| own(&by)))),
            Some([time, value, rest @ ..]) => {
                let by = own(by.as_deref().unwrap_or(rest));
                (column(time), column(value), by)
            }
            Some(_) => {
                return Err(Error::new(format!(
                    "{} has fewer than two columns; give one of times and one of values, like sales(day, amount)",
                    source.shown()
                )));
            }
        },
        _ => return Err(Error::new("give both \"time\" and \"value\", or neither")),
    };
    let (key, value) = (source.key(&by), source.number(&value));
    Ok(source.select(&[&key, &time, &value]))
}

/// Of a source of DuckDB whose columns have no names that the writer knows: the first two are renamed, the others become a
/// list of texts. A column more stands at the end, since there is no list of no columns.
fn by_position(source: &Source, keys: Option<Vec<String>>) -> String {
    const REST: &str = "* EXCLUDE (lumos_time, lumos_value)";
    let value = source.number("lumos_value");
    let from = source.from();
    let rows = format!(
        "(SELECT *, NULL AS lumos_end FROM {from} AS lumos_rows(lumos_time, lumos_value)) AS {ALIAS}"
    );
    match keys {
        Some(keys) => {
            let key = source.key(&keys);
            format!("SELECT {key}, lumos_time, {value} FROM {rows}")
        }
        None => format!(
            "SELECT CASE len(lumos_keys) WHEN 1 THEN NULL WHEN 2 THEN lumos_keys[1] ELSE CAST(to_json(lumos_keys[:-2]) AS VARCHAR) END, lumos_time, {value} FROM (SELECT lumos_time, lumos_value, list_value(*COLUMNS({REST})) AS lumos_keys FROM (SELECT lumos_time, lumos_value, CAST(COLUMNS({REST}) AS VARCHAR) FROM {rows}))"
        ),
    }
}

/// The rows of a source, by their series.
#[derive(Debug, Clone, Default)]
struct Sources {
    /// The series whose key is NULL.
    unnamed: Option<Rows>,
    /// The others, by their keys.
    named: BTreeMap<Box<str>, Rows>,
}

/// The rows of one series, in any order.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// What its times count, once one was read.
    clock: Option<Clock>,
    /// Whether whole numbers and dates were both among the times.
    mixed: bool,
    /// Time and value; a NULL value is NaN.
    pub rows: Vec<(i64, f64)>,
    /// How many had no time.
    pub without_time: usize,
    /// How many had something else for a time, and what was wrong with the first of them in the order of texts.
    pub no_times: usize,
    wrong: Option<Box<str>>,
}

impl Sources {
    /// Takes a row of [`INPUT`].
    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [key, time, value] = row else {
            return Err(Error::new("internal error: a row lacks a column"));
        };
        let value = match value {
            ValueRef::Real(value) => *value,
            ValueRef::Integer(value) => *value as f64,
            _ => f64::NAN,
        };
        let rows = match key {
            // Looked up first: an entry would need a copy of the key for each row.
            ValueRef::Text(key) if self.named.contains_key(*key) => self.named.get_mut(*key),
            ValueRef::Text(key) => Some(self.named.entry((*key).into()).or_default()),
            _ => Some(self.unnamed.get_or_insert_default()),
        };
        if let Some(rows) = rows {
            rows.add(*time, value);
        }
        Ok(())
    }

    /// Takes over the rows of another.
    fn merge(&mut self, other: &Sources) {
        if let Some(rows) = &other.unnamed {
            self.unnamed.get_or_insert_default().take(rows);
        }
        for (key, rows) in &other.named {
            self.named.entry(key.clone()).or_default().take(rows);
        }
    }

    /// The series with their keys, NULL first.
    fn each(&self) -> impl Iterator<Item = (Option<&str>, &Rows)> {
        let unnamed = self.unnamed.iter().map(|rows| (None, rows));
        unnamed.chain(self.named.iter().map(|(key, rows)| (Some(&**key), rows)))
    }

    /// Errors if times were given, and none of any series is one: the columns are in another order, it seems.
    fn check(&self) -> Result<()> {
        if self.each().any(|(_, rows)| !rows.rows.is_empty()) {
            return Ok(());
        }
        match self.each().find_map(|(_, rows)| rows.wrong.as_deref()) {
            Some(wrong) => Err(Error::new(wrong)),
            None => Ok(()),
        }
    }
}

impl Rows {
    /// A row of so many columns that only says why there is no other: the first is the key, the last the sentence.
    pub fn nothing(
        &self,
        setting: &Setting,
        key: &Value,
        why: Option<String>,
        columns: usize,
    ) -> Vec<Value> {
        let language = setting.language;
        let mut notes = self.notes(language);
        let none = || language.say("no value in any row", "没有任何数值");
        notes.push(why.unwrap_or_else(none));
        let mut row = vec![Value::Null; columns];
        row[0] = key.clone();
        row[columns - 1] = language.join(&notes).map_or(Value::Null, Value::Text);
        row
    }

    /// The rows of one series, each with its time.
    pub fn add(&mut self, time: ValueRef<'_>, value: f64) {
        if time == ValueRef::Null {
            self.without_time += 1;
            return;
        }
        match Clock::read(time) {
            Ok((clock, time)) => {
                self.meet(Some(clock));
                self.rows.push((time, value));
            }
            Err(wrong) => {
                self.no_times += 1;
                self.mistake(&wrong.to_string());
            }
        }
    }

    fn mistake(&mut self, wrong: &str) {
        if self.wrong.as_deref().is_none_or(|least| wrong < least) {
            self.wrong = Some(wrong.into());
        }
    }

    fn meet(&mut self, clock: Option<Clock>) {
        if let (Some(mine), Some(other)) = (self.clock, clock) {
            self.mixed |= (mine == Clock::Integer) != (other == Clock::Integer);
        }
        self.clock = self.clock.max(clock);
    }

    fn take(&mut self, other: &Rows) {
        self.meet(other.clock);
        self.mixed |= other.mixed;
        self.rows.extend_from_slice(&other.rows);
        self.without_time += other.without_time;
        self.no_times += other.no_times;
        if let Some(wrong) = &other.wrong {
            self.mistake(wrong);
        }
    }

    /// What was left out, as notes.
    pub fn notes(&self, language: Language) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |count: usize, english: &str, chinese: &str| {
            if count > 0 {
                let rows = language.rows(count);
                notes.push(language.say(format!("{rows}{english}"), format!("{rows}{chinese}")));
            }
        };
        note(
            self.without_time,
            " without a time left out",
            "无时间，已忽略",
        );
        note(
            self.no_times,
            " whose time is none left out",
            "时间无法识别，已忽略",
        );
        notes
    }

    /// Makes its answer.
    fn answer<A: Answer>(
        &self,
        answer: &A,
        key: &Value,
        stopped: Stopped<'_>,
        emit: Emit<'_>,
    ) -> Result<()> {
        if self.mixed {
            let why = answer.setting().language.say(
                "some times are whole numbers and some are dates; give times of one kind",
                "时间有整数也有日期，请统一格式",
            );
            return answer.nothing(key, Some(why), self, emit);
        }
        let clock = self.clock.unwrap_or(Clock::Integer);
        match Grid::new(clock, &self.rows, &answer.setting().preparation) {
            Ok(Some(grid)) => answer.series(key, &grid, self, stopped, emit),
            Ok(None) => answer.nothing(key, None, self, emit),
            Err(far) => {
                let why = far.sentence(clock, answer.setting().language);
                answer.nothing(key, Some(why), self, emit)
            }
        }
    }
}

/// What is made of each series.
pub trait Answer: Clone + Send + 'static {
    /// Begins by what [`crate::program::Program::spec`] says.
    fn start(spec: &str) -> Result<Self>;

    /// What the call says of its series.
    fn setting(&self) -> &Setting;

    /// Gives the rows of one series. Errors if it is stopped.
    fn series(
        &self,
        key: &Value,
        grid: &Grid,
        rows: &Rows,
        stopped: Stopped<'_>,
        emit: Emit<'_>,
    ) -> Result<()>;

    /// Gives the row of a series that has no grid, if it has one: `why` is a sentence, `None` if it has no value.
    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()>;
}

/// Takes a row of the answer.
pub type Emit<'e> = &'e mut dyn FnMut(Vec<Value>) -> Result<()>;

/// The fold of [`INPUT`] into an answer.
#[derive(Clone)]
pub struct EachSeries<A> {
    answer: A,
    sources: Sources,
}

impl<A: Answer> FoldState for EachSeries<A> {
    fn start(spec: &str) -> Result<Self> {
        Ok(EachSeries {
            answer: A::start(spec)?,
            sources: Sources::default(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.sources.row(row)
    }

    fn merge(&mut self, other: &Self) {
        self.sources.merge(&other.sources);
    }

    fn finish(&self, emit: Emit<'_>) -> Result<()> {
        self.finish_until(&|| false, emit)
    }

    fn finish_until(&self, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        self.sources.check()?;
        for (key, rows) in self.sources.each() {
            let key = key.map_or(Value::Null, |key| Value::Text(key.into()));
            check(stopped)?;
            rows.answer(&self.answer, &key, stopped, emit)?;
        }
        Ok(())
    }
}
