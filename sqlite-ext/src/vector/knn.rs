//! Reading a table of vectors: the rows that a filter leaves, the nearest of them, and their values.

use lumos_core::sql::identifier;
use lumos_core::vector::index::{Accuracy, Filter, Hit};
use lumos_core::vector::table::Role;
use lumos_core::vector::{Metric, format};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::Value as Json;

use super::filter::{self, Condition, RowFilter};
use super::filter_columns;
use super::store::Store;
use crate::error::{Error, Result, error};
use crate::host::check_interrupt;
use crate::values;

/// Rows between two looks at whether the host wants to stop.
const INTERRUPT_ROWS: usize = 4096;

impl Store {
    /// How the rows that pass these conditions are found: by the columns in memory where these answer as SQLite
    /// would, else by a query of the shadow table. With `k` rows that count, errors if SQLite might mean others.
    pub fn choose(&self, conditions: Vec<Condition>, k: Option<usize>) -> Result<RowFilter> {
        if conditions.is_empty() {
            return Ok(RowFilter::All);
        }
        // Columns of another table may have other types, and change without a word.
        let own = self.definition.content.is_none();
        let in_memory = own
            && conditions.iter().all(|condition| {
                let column = condition.place.and_then(|p| self.definition.columns.get(p));
                column.is_some_and(|c| {
                    c.role == Role::Filter && filter_columns::answers(condition, c.ty)
                }) && condition.collation == "BINARY"
            });
        if in_memory {
            return Ok(RowFilter::Passing(conditions));
        }
        let (condition, params) = filter::possible(&self.definition, &conditions);
        let rows = self.shadow("rows");
        let sql = format!("SELECT r._id FROM {rows} r WHERE {condition}");
        let connection = self.connection()?;
        if let Some(k) = k {
            self.check_clear(&connection, &conditions, k)?;
        }
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map(params_from_iter(params), |row| row.get(0))?;
        Ok(RowFilter::Ids(ids.collect::<rusqlite::Result<_>>()?))
    }

    /// Errors if these conditions mean other rows by the types of what a column is compared with.
    fn check_clear(&self, connection: &Connection, all: &[Condition], k: usize) -> Result<()> {
        let (possible, params) = filter::possible(&self.definition, all);
        for condition in all {
            let Some((unclear, more)) = filter::unclear(&self.definition, condition) else {
                continue;
            };
            let sql = format!(
                "SELECT 1 FROM {} r WHERE {possible} AND {unclear}",
                self.shadow("rows")
            );
            let params = params_from_iter(params.iter().chain(&more));
            if connection.prepare(&sql)?.exists(params)? {
                let column = condition.place.and_then(|p| self.definition.columns.get(p));
                let (name, ty) = column.map_or(("rowid", "INTEGER"), |c| (&c.name, c.ty));
                return Err(error(format!(
                    "with k, {name} of the type {ty} is compared with a value of another type, which may mean \
                     one row or another; give a value of the type {ty}, or write ORDER BY distance LIMIT {k} in place of k"
                )));
            }
        }
        Ok(())
    }

    /// The ids of the rows that a condition in SQL leaves.
    pub fn filtered(&self, filter: &str) -> Result<Vec<i64>> {
        // The line break ends a comment that the condition may end with.
        let sql = format!("SELECT rowid FROM {} WHERE ({filter}\n)", self.table());
        let connection = self.connection()?;
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// What names these rows: their ids, or their keys in a table with a text key, NULL where there is no row.
    pub fn keys(&self, ids: &[i64]) -> Result<Vec<Value>> {
        let Some(key) = self.key() else {
            return Ok(ids.iter().copied().map(Value::Integer).collect());
        };
        let connection = self.connection()?;
        let sql = format!("SELECT {key} FROM {} WHERE _id = ?1", self.shadow("rows"));
        let mut statement = connection.prepare(&sql)?;
        let found = ids
            .iter()
            .map(|id| statement.query_row([id], |row| row.get(0)).optional());
        let found: Vec<Option<Value>> = found.collect::<rusqlite::Result<_>>()?;
        let found = found.into_iter().map(|key| key.unwrap_or(Value::Null));
        Ok(found.collect())
    }

    /// The rows with these names.
    pub fn named(&self, keys: &[Json]) -> Result<Vec<i64>> {
        let wrong = |what: &str| {
            let keys = Json::from(keys);
            error(format!("ids is {keys}; give a list of {what}"))
        };
        // In a table with text keys integers are rowids.
        let ids: Option<Vec<i64>> = keys.iter().map(Json::as_i64).collect();
        let key = match (ids, self.key()) {
            (Some(ids), _) => return Ok(ids),
            (None, None) => return Err(wrong("integers")),
            (None, Some(key)) => key,
        };
        if !keys.iter().all(Json::is_string) {
            return Err(wrong("texts"));
        }
        let connection = self.connection()?;
        let sql = format!(
            "SELECT _id FROM {} WHERE {key} IN (SELECT value FROM json_each(?1))",
            self.shadow("rows")
        );
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map([Json::from(keys).to_string()], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// The column of text keys, quoted, if the table has one.
    pub fn key(&self) -> Option<String> {
        let place = self.definition.find(Role::Key)?;
        Some(identifier(&self.definition.columns[place].name))
    }

    /// The chosen rows nearest to the query, by distance and id.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        chosen: &RowFilter,
        sure: Accuracy,
    ) -> Result<Vec<Hit>> {
        self.check(query)?;
        if !self.has_direction(query) {
            return Ok(Vec::new());
        }
        let connection = self.connection()?;
        let mut state = self.index_state()?;
        let (index, bits) = self.current(&connection, &mut state, chosen)?;
        let filter = match (chosen, &bits) {
            (RowFilter::Ids(ids), _) => Filter::Ids(ids),
            (_, Some(bits)) => Filter::Slots(bits),
            (_, None) => Filter::All,
        };
        index.search(query, k, filter, sure, |ids, found| {
            self.vectors(&connection, ids, &mut |id, vector| {
                found(id, vector);
                Ok(())
            })
        })
    }

    /// The chosen rows by exact distance and id.
    pub fn exact(&self, query: &[f32], chosen: &RowFilter) -> Result<Vec<Hit>> {
        self.check(query)?;
        if !self.has_direction(query) {
            return Ok(Vec::new());
        }
        let connection = self.connection()?;
        let mut hits = Vec::new();
        let metric = self.definition.metric;
        let mut measure = |id: i64, vector: &[f32]| {
            if vector.len() == query.len() {
                let distance = metric.distance(query, vector);
                hits.push(Hit { id, distance });
            }
            Ok(())
        };
        match chosen {
            RowFilter::All => self.each_vector(&connection, &mut measure)?,
            RowFilter::Ids(ids) => self.vectors(&connection, ids, &mut measure)?,
            RowFilter::Passing(_) => {
                let mut state = self.index_state()?;
                let (index, bits) = self.current(&connection, &mut state, chosen)?;
                let bits = bits.unwrap_or_default();
                let mut ids: Vec<i64> = index
                    .ids()
                    .filter(|id| {
                        index.slot(*id).is_some_and(|slot| {
                            bits.get(slot as usize / 64)
                                .is_some_and(|word| word >> (slot % 64) & 1 == 1)
                        })
                    })
                    .collect();
                ids.sort_unstable();
                self.vectors(&connection, &ids, &mut measure)?;
            }
        }
        hits.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.id.cmp(&b.id)));
        hits.dedup_by_key(|hit| hit.id);
        Ok(hits)
    }

    /// False if nothing is near to the query: a zero vector under cosine has no direction.
    fn has_direction(&self, query: &[f32]) -> bool {
        self.definition.metric != Metric::Cosine || query.iter().any(|v| *v != 0.0)
    }

    /// Calls back with the vectors of these rows.
    pub(super) fn vectors(
        &self,
        connection: &Connection,
        ids: &[i64],
        found: &mut dyn FnMut(i64, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let sql = format!(
            "SELECT vector FROM {} WHERE id = ?1",
            self.shadow("vectors")
        );
        let mut statement = connection.prepare(&sql)?;
        let mut vector = Vec::new();
        for (i, id) in ids.iter().enumerate() {
            if i % INTERRUPT_ROWS == INTERRUPT_ROWS - 1 {
                check_interrupt(connection)?;
            }
            let mut rows = statement.query([id])?;
            if let Some(row) = rows.next()? {
                decode(*id, row.get_ref(0)?, &mut vector)?;
                found(*id, &vector)?;
            }
        }
        Ok(())
    }

    pub(super) fn each_vector(
        &self,
        connection: &Connection,
        found: &mut dyn FnMut(i64, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let sql = format!("SELECT id, vector FROM {}", self.shadow("vectors"));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let (mut vector, mut count) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            decode(id, row.get_ref(1)?, &mut vector)?;
            found(id, &vector)?;
            count += 1;
            if count % INTERRUPT_ROWS == 0 {
                check_interrupt(connection)?;
            }
        }
        Ok(())
    }

    /// The values of the columns of these rows, by the columns' places; the vectors only if they are asked for.
    pub fn values(&self, ids: &[i64], with_vector: bool) -> Result<Vec<Option<Vec<Value>>>> {
        let connection = self.connection()?;
        let sql = format!("SELECT {} WHERE r._id = ?1", self.select(with_vector));
        let mut statement = connection.prepare(&sql)?;
        let count = self.definition.columns.len();
        ids.iter()
            .map(|id| {
                let row = statement
                    .query_row([id], |row| (0..count).map(|i| row.get(i)).collect())
                    .optional()?;
                Ok(row)
            })
            .collect()
    }

    /// What stands after SELECT for rows with all columns in their order.
    pub fn select(&self, with_vector: bool) -> String {
        let columns = self.definition.columns.iter().map(|c| match c.role {
            Role::Id => "r._id".to_owned(),
            Role::Vector if with_vector => "v.vector".to_owned(),
            Role::Vector => "NULL".to_owned(),
            Role::Key | Role::Filter | Role::Kept => format!("r.{}", identifier(&c.name)),
        });
        let mut sql = columns.collect::<Vec<_>>().join(", ");
        sql.push_str(&format!(" FROM {} r", self.shadow("rows")));
        if with_vector {
            sql.push_str(&format!(
                " LEFT JOIN {} v ON v.id = r._id",
                self.shadow("vectors")
            ));
        }
        sql
    }
}

/// Reads a stored vector: a BLOB, in the rows of another table also JSON.
fn decode(id: i64, value: ValueRef<'_>, vector: &mut Vec<f32>) -> Result<()> {
    let decoded = match value {
        ValueRef::Blob(bytes) => format::decode(bytes, vector).map_err(Error::from),
        value => values::vector(value, "it").map(|read| *vector = read),
    };
    decoded.map_err(|e| error(format!("the vector of row {id}: {}; UPDATE it", e.message)))
}
