//! The rows of series, which the SELECT of `select.rs` gives, by their keys; and an answer for each of them.

use std::collections::BTreeMap;

use super::clock::Clock;
use super::covariates::{Events, check_events};
use super::grid::Grid;
use super::select::{BREAK, EVENT, MOST_COLUMNS};
use super::setting::Setting;
use super::words::Language;
use crate::program::{FoldState, Parts, Share, Stopped, check};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The columns of the SELECT, which the folds of series take.
pub const INPUT: &[Param] = &[
    Param::optional("series", Type::Text),
    Param::optional("ts", Type::Time),
    Param::optional("value", Type::Real),
];

/// The same with what a row is beside a value.
pub const INPUT_WITH_ROLES: &[Param] = &[
    Param::optional("series", Type::Text),
    Param::optional("ts", Type::Time),
    Param::optional("value", Type::Real),
    Param::optional("role", Type::Text),
];

/// Series are answered one by one.
pub const PARTS: Parts = Parts {
    key: "series",
    common: "false",
};
/// The same of [`INPUT_WITH_ROLES`]: events are those of all series.
pub const PARTS_WITH_ROLES: Parts = Parts {
    key: "series",
    common: "\"role\" LIKE 'event:%'",
};

/// The rows of a source, by their series.
#[derive(Debug, Clone, Default)]
struct Sources {
    /// Events, which are those of all series.
    events: Events,
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
    /// Numbers beside the values, by the number of their column, each with its time.
    pub numbers: BTreeMap<usize, Vec<(i64, f64)>>,
}

impl Sources {
    /// Takes a row of [`INPUT`], or of [`INPUT_WITH_ROLES`].
    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let (key, time, value, role) = match row {
            [key, time, value] => (key, time, value, None),
            [key, time, value, ValueRef::Null] => (key, time, value, None),
            [key, time, value, ValueRef::Text(role)] => (key, time, value, Some(*role)),
            _ => return Err(Error::new("internal error: a row lacks a column")),
        };
        if let Some(event) = role.and_then(|role| role.strip_prefix(EVENT)) {
            let (time, name) = event.split_once(BREAK).unwrap_or((event, ""));
            self.events.insert((time.into(), name.into()));
            return Ok(());
        }
        let value = match value {
            ValueRef::Real(value) => *value,
            ValueRef::Integer(value) => *value as f64,
            _ => f64::NAN,
        };
        let column = role.and_then(|role| role.strip_prefix('x')?.parse::<usize>().ok());
        let column = column.filter(|column| *column < MOST_COLUMNS);
        if role.is_some() && column.is_none() {
            let wrong = "role is none that a row has; only the SQL of a function calls it";
            return Err(Error::new(wrong));
        }
        let add = |rows: &mut Rows| match column {
            None => rows.add(*time, value),
            Some(column) => rows.add_number(column, *time, value),
        };
        match key {
            // Looked up first: an entry would need a copy of the key for each row.
            ValueRef::Text(key) => match self.named.get_mut(*key) {
                Some(rows) => add(rows),
                None => add(self.named.entry((*key).into()).or_default()),
            },
            _ => add(self.unnamed.get_or_insert_default()),
        }
        Ok(())
    }

    /// Takes over the rows of another.
    fn merge(&mut self, other: &Sources) {
        self.events.extend(other.events.iter().cloned());
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

    fn have_time(&self) -> bool {
        self.each().any(|(_, rows)| !rows.rows.is_empty())
    }

    /// Errors if times were given, and none of any series is one: the columns are in another order, it seems.
    fn check(&self) -> Result<()> {
        if self.have_time() {
            return Ok(());
        }
        match self.each().find_map(|(_, rows)| rows.wrong.as_deref()) {
            Some(wrong) => Err(Error::new(wrong)),
            None => Ok(()),
        }
    }
}

impl Rows {
    /// A row of so many columns that only says why there is no other: the first is the key, `note` the place of the
    /// sentence.
    pub fn nothing(
        &self,
        setting: &Setting,
        key: &Value,
        why: Option<String>,
        columns: usize,
        note: usize,
    ) -> Vec<Value> {
        let language = setting.language;
        let mut notes = self.notes(language);
        let none = || language.say("no value in any row", "没有任何数值");
        notes.push(why.unwrap_or_else(none));
        let mut row = vec![Value::Null; columns];
        row[0] = key.clone();
        row[note] = language.join(&notes).map_or(Value::Null, Value::Text);
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

    /// A number beside a value. What is wrong with its time, the value's row says.
    fn add_number(&mut self, column: usize, time: ValueRef<'_>, number: f64) {
        if let Ok((_, time)) = Clock::read(time) {
            self.numbers.entry(column).or_default().push((time, number));
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
        for (column, numbers) in &other.numbers {
            let mine = self.numbers.entry(*column).or_default();
            mine.extend_from_slice(numbers);
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
            " whose time cannot be read left out",
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
        let setting = answer.setting();
        if let Some(why) = self.clock.and_then(|clock| setting.misfit(clock)) {
            return answer.nothing(key, Some(why), self, emit);
        }
        let kept: Vec<(i64, f64)>;
        let rows = if setting.has_ends() {
            let rows = self.rows.iter().copied();
            kept = rows.filter(|row| setting.counts(clock, row.0)).collect();
            &kept
        } else {
            &self.rows
        };
        let with_value = rows.iter().filter(|row| row.1.is_finite()).count();
        if with_value > 0 && with_value < setting.least_rows {
            let language = setting.language;
            let (few, least) = (language.rows(with_value), setting.least_rows);
            let why = language.say(
                format!("{few} with a value, and \"min_rows\" is {least}"),
                format!("有数值的数据只有 {few}，“min_rows”为 {least}"),
            );
            return answer.nothing(key, Some(why), self, emit);
        }
        match Grid::new(clock, rows, &setting.preparation) {
            Ok(Some(grid)) => answer.series(key, &grid, self, stopped, emit),
            Ok(None) => answer.nothing(key, None, self, emit),
            Err(far) => {
                let why = far.sentence(clock, setting.language);
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

    /// Is told the events of the source, before the first series.
    fn know(&mut self, _events: &Events) {}

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

/// The rows that are given from one look for an interrupt to the next.
const LOOK: usize = 1_024;

/// The fold of [`INPUT`] into an answer.
#[derive(Clone)]
pub struct EachSeries<A> {
    answer: A,
    share: Share,
    sources: Sources,
}

impl<A: Answer> FoldState for EachSeries<A> {
    fn start(spec: &str) -> Result<Self> {
        let (share, spec) = Share::read(spec);
        Ok(EachSeries {
            answer: A::start(spec)?,
            share,
            sources: Sources::default(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        match (self.share, row) {
            // One time of any series is enough.
            (Share::Check, [_, time, ..]) => {
                if !self.sources.have_time() {
                    self.sources.row(&[ValueRef::Null, *time, ValueRef::Null])?;
                }
                Ok(())
            }
            _ => self.sources.row(row),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sources.merge(&other.sources);
    }

    fn finish(&self, emit: Emit<'_>) -> Result<()> {
        self.finish_until(&|| false, emit)
    }

    fn finish_until(&self, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        if self.share != Share::Part {
            self.sources.check()?;
        }
        if self.share == Share::Check {
            return Ok(());
        }
        check_events(&self.sources.events)?;
        let mut answer = self.answer.clone();
        answer.know(&self.sources.events);
        // A series of a million rows takes long to be given, too.
        let mut given = 0_usize;
        let mut emit = |row| {
            given += 1;
            if given.is_multiple_of(LOOK) {
                check(stopped)?;
            }
            emit(row)
        };
        for (key, rows) in self.sources.each() {
            let key = key.map_or(Value::Null, |key| Value::Text(key.into()));
            check(stopped)?;
            rows.answer(&answer, &key, stopped, &mut emit)?;
        }
        Ok(())
    }
}
