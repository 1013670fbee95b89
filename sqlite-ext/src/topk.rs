//! `lumos_topk` as an aggregate of SQLite.

use lumos_core::vector::topk::{Query, TopK};
use lumos_core::vector::{Metric, format};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};
use serde_json::json;

use crate::error::{self, error};
use crate::host::guard;
use crate::query::arguments::whole;
use crate::values::JSON_SUBTYPE;
use crate::values::{utf8, vector};

const NAME: &str = "lumos_topk";

/// Registers the aggregate.
pub fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS
        | FunctionFlags::SQLITE_RESULT_SUBTYPE;
    for arity in [4, 5] {
        connection.create_aggregate_function(NAME, arity, flags, Topk)?;
    }
    Ok(())
}

/// An id, ordered as SQLite orders it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Integer(i64),
    Text(String),
}

/// What a group has found so far.
struct Search {
    /// The arguments q, k and metric of its first row, which all its rows have.
    asked: [Value; 3],
    query: Query,
    nearest: TopK<Id>,
}

struct Topk;

impl Aggregate<Option<Search>, (Value, Option<u32>)> for Topk {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Search>> {
        Ok(None)
    }

    fn step(&self, ctx: &mut Context<'_>, search: &mut Option<Search>) -> Result<()> {
        guard(NAME, || step(ctx, search))
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        search: Option<Option<Search>>,
    ) -> Result<(Value, Option<u32>)> {
        guard(NAME, || {
            Ok(match search.flatten() {
                Some(search) => (Value::Text(found(&search.nearest)), Some(JSON_SUBTYPE)),
                None => (Value::Null, None),
            })
        })
    }
}

fn step(ctx: &Context<'_>, search: &mut Option<Search>) -> error::Result<()> {
    if (0..ctx.len()).any(|i| ctx.get_raw(i) == ValueRef::Null) {
        return Ok(());
    }
    let metric = match ctx.len() {
        4 => ValueRef::Null,
        _ => ctx.get_raw(4),
    };
    let asked = [ctx.get_raw(2), whole(ctx.get_raw(3)), metric];
    let search = match search {
        Some(search) => {
            if !search
                .asked
                .iter()
                .zip(asked)
                .all(|(a, b)| b == ValueRef::from(a))
            {
                return Err(error(
                    "q, k or metric is not the same in all rows of a group; GROUP BY it",
                ));
            }
            search
        }
        None => search.insert(begin(asked)?),
    };
    let id = whole(ctx.get_raw(0));
    if !matches!(id, ValueRef::Integer(_) | ValueRef::Text(_)) {
        return Err(error(format!(
            "id is a {}; give an INTEGER or a TEXT, such as hex(id)",
            id.data_type().to_string().to_uppercase()
        )));
    }
    let farthest = search.nearest.farthest();
    let near = match ctx.get_raw(1) {
        ValueRef::Blob(bytes) if let Some(floats) = format::plain(bytes) => {
            search.query.within(floats, farthest)?
        }
        other => search.query.within(&vector(other, "vec")?, farthest)?,
    };
    let Some(distance) = near else {
        return Ok(());
    };
    search.nearest.offer(distance, || match id {
        ValueRef::Integer(id) => Id::Integer(id),
        other => Id::Text(String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into()),
    });
    Ok(())
}

fn begin(asked: [ValueRef<'_>; 3]) -> error::Result<Search> {
    let [q, k, metric] = asked;
    let k = match k {
        ValueRef::Integer(k) => k,
        ValueRef::Real(k) if k.fract() == 0.0 && k.abs() < i64::MAX as f64 => k as i64,
        _ => return Err(error("k is not an INTEGER; give how many rows you want")),
    };
    let metric = match metric {
        ValueRef::Null => Metric::L2,
        ValueRef::Text(name) => Metric::parse(utf8(name)?)?,
        _ => return Err(error("metric is not a TEXT; give a name such as 'cosine'")),
    };
    Ok(Search {
        query: Query::new(vector(q, "q")?, metric)?,
        nearest: TopK::new(k)?,
        asked: [owned(q)?, owned(ValueRef::Integer(k))?, owned(asked[2])?],
    })
}

fn owned(value: ValueRef<'_>) -> error::Result<Value> {
    Value::try_from(value).map_err(|e| error(e.to_string()))
}

/// JSON: an array of objects with id and distance.
fn found(nearest: &TopK<Id>) -> String {
    let hits = nearest.sorted();
    let rows = hits.iter().map(|hit| match &hit.id {
        Id::Integer(id) => json!({"id": id, "distance": hit.distance}),
        Id::Text(id) => json!({"id": id, "distance": hit.distance}),
    });
    rows.collect::<serde_json::Value>().to_string()
}
