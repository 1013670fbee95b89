//! The rows of one scan: by id, or by distance to a query.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::vector::index::{Accuracy, Hit};
use lumos_core::vector::table::Role;
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{Context, Filters, VTabCursor, sqlite3_vtab_cursor};
use rusqlite::{Result, params_from_iter};

use super::filter::RowFilter;
use super::plan::{Arguments, Bound, Plan};
use super::store::Store;
use super::{NAME, Table, filter};
use crate::error::{self, error};
use crate::host::guard;

/// Rows that are fetched at once.
const CHUNK: usize = 64;

/// Ids that are read at once.
const IDS: usize = 1024;

/// Rows searched for where nothing says how many will be read.
const FIRST_ROWS: usize = 64;

/// How many times more are searched for when these were not enough; after that, all are measured.
const GROWTH: usize = 16;

/// A cursor.
#[repr(C)]
pub struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    store: Arc<Store>,
    plan: Plan,
    source: Source,
    /// The rows at hand, and which of them is the current one.
    rows: Vec<Row>,
    current: usize,
    /// What stands in them: without the vectors, and with them, once that is asked for; after a scan by id always the
    /// first, with vectors if the plan wants them.
    values: [OnceCell<Values>; 2],
    k: Option<usize>,
    table: PhantomData<&'vtab Table>,
}

/// The values of rows, by column; none of a row that is gone.
type Values = Vec<Option<Vec<Value>>>;

struct Row {
    id: i64,
    distance: Option<f64>,
}

/// Where the next rows come from.
enum Source {
    /// Nowhere.
    Empty,
    /// From the shadow table, after the last id.
    Scan {
        condition: (String, Vec<Value>),
        last: Option<i64>,
    },
    /// From searches.
    Nearest(Search),
    /// Only how many they are is known.
    Counted(Counted),
}

/// Rows by id, whose ids are read when one is asked for.
struct Counted {
    count: i64,
    place: i64,
    /// Some ids, and the place of the first.
    ids: RefCell<(i64, Vec<i64>)>,
}

struct Search {
    query: Vec<f32>,
    chosen: RowFilter,
    bounds: Vec<Bound>,
    /// Rows still to come, by `k`.
    left: usize,
    hits: std::vec::IntoIter<Hit>,
    /// The next search is for this many; `None` after the last.
    next: Option<usize>,
    seen: HashSet<i64>,
}

impl<'vtab> Cursor<'vtab> {
    /// A cursor without rows.
    pub fn new(store: Arc<Store>) -> Self {
        Cursor {
            base: sqlite3_vtab_cursor::default(),
            store,
            plan: Plan::default(),
            source: Source::Empty,
            rows: Vec::new(),
            current: 0,
            values: Default::default(),
            k: None,
            table: PhantomData,
        }
    }

    fn start(&mut self, number: c_int, plan: &str, filters: &Filters<'_>) -> error::Result<()> {
        self.plan = Plan::decode(plan);
        self.rows.clear();
        self.current = 0;
        let Arguments {
            query,
            k,
            expected,
            bounds,
            conditions,
        } = self.plan.arguments(filters)?;
        self.k = k;
        if let Some(k) = k {
            self.store.check_statement(&self.plan, number, k)?;
        }
        self.source = match (self.plan.nearest, query) {
            (false, _) if self.plan.counting => Source::Counted(Counted::new(&self.store)?),
            (false, _) => Source::Scan {
                condition: filter::possible(&self.store.definition, &conditions),
                last: None,
            },
            (true, None | Some(Value::Null)) => Source::Empty,
            (true, Some(query)) => Source::Nearest(Search {
                query: self.store.vector((&query).into(), "the query")?,
                chosen: self.store.choose(conditions, k)?,
                bounds,
                left: k.unwrap_or(usize::MAX),
                hits: Vec::new().into_iter(),
                next: Some(expected.unwrap_or(FIRST_ROWS)),
                seen: HashSet::new(),
            }),
        };
        self.advance()
    }

    fn advance(&mut self) -> error::Result<()> {
        self.current += 1;
        if let Source::Counted(counted) = &mut self.source {
            counted.place += 1;
            return Ok(());
        }
        if self.current < self.rows.len() {
            return Ok(());
        }
        self.values = Default::default();
        self.rows = match &mut self.source {
            Source::Empty | Source::Counted(_) => Vec::new(),
            Source::Scan { condition, last } => {
                let (rows, values) = scan(&self.store, &self.plan, condition, *last)?;
                *last = rows.last().map(|r| r.id).or(*last);
                if rows.len() < CHUNK {
                    self.source = Source::Empty;
                }
                self.values[0] = OnceCell::from(values);
                rows
            }
            Source::Nearest(search) => {
                let hits = search.take(&self.store)?.into_iter();
                let rows = hits.map(|hit| Row {
                    id: hit.id,
                    distance: Some(hit.distance),
                });
                rows.collect()
            }
        };
        self.current = 0;
        Ok(())
    }

    fn row(&self) -> Option<&Row> {
        self.rows.get(self.current)
    }

    /// The current row's value of a column; none if the row is gone.
    fn value(&self, column: usize) -> error::Result<Option<&Value>> {
        // A query uses the column of the vectors too, so that the plan does not tell whether they are read.
        let is_vector = self.store.definition.columns[column].role == Role::Vector;
        let with_vector = self.plan.nearest && is_vector;
        let cell = &self.values[usize::from(with_vector)];
        if cell.get().is_none() {
            let ids: Vec<i64> = self.rows.iter().map(|row| row.id).collect();
            let _ = cell.set(self.store.values(&ids, with_vector)?);
        }
        let row = cell.get().and_then(|values| values.get(self.current));
        Ok(row.and_then(|row| row.as_ref()?.get(column)))
    }
}

/// The next rows by id, and their values.
fn scan(
    store: &Store,
    plan: &Plan,
    (condition, values): &(String, Vec<Value>),
    last: Option<i64>,
) -> error::Result<(Vec<Row>, Values)> {
    let connection = store.connection()?;
    let mut tests = vec![condition.clone()];
    if let Some(last) = last {
        let sign = if plan.descending { '<' } else { '>' };
        tests.push(format!("r._id {sign} {last}"));
    }
    let sql = format!(
        "SELECT r._id, {} WHERE {} ORDER BY r._id {} LIMIT {CHUNK}",
        store.select(plan.with_vector),
        tests.join(" AND "),
        if plan.descending { "DESC" } else { "" }
    );
    let count = store.definition.columns.len();
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let values: Result<Vec<Value>> = (1..=count).map(|i| row.get(i)).collect();
        let row = Row {
            id: row.get(0)?,
            distance: None,
        };
        Ok((row, Some(values?)))
    })?;
    Ok(rows.collect::<Result<_>>()?)
}

impl Search {
    /// The next hits, in order; none at the end.
    fn take(&mut self, store: &Store) -> error::Result<Vec<Hit>> {
        let mut taken = Vec::new();
        while taken.len() < CHUNK && self.left > 0 {
            let Some(hit) = self.hits.next() else {
                if taken.is_empty() && self.search(store)? {
                    continue;
                }
                break;
            };
            if self.seen.insert(hit.id) && self.is_within(hit.distance) {
                self.left -= 1;
                taken.push(hit);
            }
        }
        Ok(taken)
    }

    /// Searches for more; false if there are no more.
    fn search(&mut self, store: &Store) -> error::Result<bool> {
        let Some(count) = self.next else {
            return Ok(false);
        };
        let hits = match count {
            usize::MAX => store.exact(&self.query, &self.chosen)?,
            _ => store.nearest(
                &self.query,
                count,
                &self.chosen,
                Accuracy::Approximate(store.definition.oversample),
            )?,
        };
        self.next = if hits.len() < count || count == usize::MAX {
            None
        } else if self.seen.is_empty() {
            Some(count.max(1).saturating_mul(GROWTH))
        } else {
            Some(usize::MAX)
        };
        self.hits = hits.into_iter();
        Ok(true)
    }

    fn is_within(&self, distance: f64) -> bool {
        self.bounds.iter().all(|bound| bound.passes(distance))
    }
}

impl Counted {
    fn new(store: &Store) -> error::Result<Counted> {
        let sql = format!("SELECT count(*) FROM {}", store.shadow("rows"));
        Ok(Counted {
            count: store.connection()?.query_row(&sql, [], |row| row.get(0))?,
            // Before the first row.
            place: -1,
            ids: RefCell::default(),
        })
    }

    fn id(&self, store: &Store) -> error::Result<i64> {
        let mut kept = self.ids.borrow_mut();
        let (first, ids) = &mut *kept;
        let at = |first: i64, ids: &[i64]| {
            let place = usize::try_from(self.place - first).ok();
            place.and_then(|place| ids.get(place).copied())
        };
        if at(*first, ids).is_none() {
            let next = ids
                .last()
                .filter(|_| *first + ids.len() as i64 == self.place);
            let (condition, offset) = match next {
                Some(last) => (format!("_id > {last}"), 0),
                None => ("1".into(), self.place),
            };
            let sql = format!(
                "SELECT _id FROM {} WHERE {condition} ORDER BY _id LIMIT {IDS} OFFSET {offset}",
                store.shadow("rows")
            );
            let connection = store.connection()?;
            let mut statement = connection.prepare(&sql)?;
            let found = statement.query_map([], |row| row.get(0))?;
            (*first, *ids) = (self.place, found.collect::<Result<_>>()?);
        }
        at(*first, ids).ok_or_else(|| error("the row is gone"))
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, number: c_int, plan: Option<&str>, filters: &Filters<'_>) -> Result<()> {
        guard(NAME, || {
            self.start(number, plan.unwrap_or_default(), filters)
        })
    }

    fn next(&mut self) -> Result<()> {
        guard(NAME, || self.advance())
    }

    fn eof(&self) -> bool {
        match &self.source {
            Source::Counted(counted) => counted.place >= counted.count,
            _ => self.row().is_none(),
        }
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        guard(NAME, || {
            let Some(row) = self.row() else { return Ok(()) };
            let i = i as usize;
            let columns = &self.store.definition.columns;
            match columns.get(i).map(|c| c.role) {
                Some(Role::Id) => ctx.set_result(row.id)?,
                // What an UPDATE does not set, it need not read, and distance and k it must not give back.
                _ if ctx.no_change() => {}
                Some(_) => ctx.set_result(self.value(i)?)?,
                None if i == columns.len() => ctx.set_result(row.distance)?,
                None if i == columns.len() + 1 && self.plan.nearest => match self.k {
                    Some(k) => ctx.set_result(k as i64)?,
                    None => {
                        return Err(error(
                            "k stands in no condition like k = 10, joined by AND; write one, or ORDER BY distance LIMIT 10",
                        ));
                    }
                },
                None => {}
            }
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        guard(NAME, || {
            if let Source::Counted(counted) = &self.source {
                return counted.id(&self.store);
            }
            let row = self.row();
            row.map(|r| r.id).ok_or_else(|| error("there is no row"))
        })
    }
}

/// A value that an UPDATE or INSERT gives.
pub fn owned(value: ValueRef<'_>) -> error::Result<Value> {
    value
        .try_into()
        .map_err(|e: rusqlite::types::FromSqlError| error(e.to_string()))
}
