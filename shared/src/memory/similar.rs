//! The memories that say nearly what one says: links that are looked up when they are asked for, so that none is out of
//! date, none is left of what was forgotten, and upkeep need not compare all with all.

use serde_json::json;

use super::embedding::Question;
use super::options::{self, SIMILAR as KNOWN};
use super::row::{COLUMNS, Column, Memory, columns, input};
use super::sources::gone;
use super::terms::{Terms, likeness};
use super::{moment, now, search};
use crate::options::Options;
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::vector::format;
use crate::{Error, Param, Result, Type, Value, ValueRef};

const BEFORE: [Param; 3] = [
    // 1; NULL terms then say that the memory is not there.
    Param::new("called", Type::Integer),
    Param::optional("own_terms", Type::Blob),
    Param::optional("own_embedding", Type::Blob),
];

/// Memories into those that are near to one.
pub const SIMILAR: Fold = Fold::new::<Similar>(
    "memory_similar",
    &input::<3, { 3 + COLUMNS.len() }>(BEFORE),
    &[
        ("id", Type::Integer),
        ("content", Type::Text),
        ("score", Type::Real),
        ("words", Type::Real),
        ("vector", Type::Real),
        ("kind", Type::Text),
        ("tier", Type::Text),
        ("session", Type::Text),
        ("event_time", Type::Text),
        ("sources", Type::Text),
    ],
);

/// The likeness from which on memories are similar.
const LEAST: f64 = 0.5;

/// Of how many characters of a text others are looked for in SQLite.
const BEGINNING: usize = 2_000;

/// The program of [`SIMILAR`]. In SQLite the indexes say which memories may be near, as in a search by the text and its
/// embedding; in DuckDB all of the scope are compared. Errors if the id is NULL or an option is wrong.
pub fn similar(id: Option<i64>, given: Option<&str>, dialect: Dialect) -> Result<Program> {
    let known = id.ok_or_else(|| Error::new("id is NULL; give the id of a memory"))?;
    let options = Options::parse(KNOWN, given)?;
    let least = options::up_to(KNOWN, &options, "min_score", 1.0)?.unwrap_or(LEAST);
    let k = options.integer("k").unwrap_or(10);
    let mut values = Parameters::new(dialect);
    let id = values.add(Value::Integer(known));
    let now = format!("CAST({} AS BIGINT)", now(&options, &mut values, dialect)?);
    let condition = search::condition(&options, &now, &mut values)?;
    let columns = columns();
    let near = match dialect {
        Dialect::DuckDb => format!(
            "SELECT m.* FROM lumos_memory AS m WHERE m.scope = (SELECT scope FROM own) AND m.id <> {id} AND {condition}"
        ),
        Dialect::Sqlite => {
            // A search gives one of those that are the same: all with its hash are compared.
            let found = k.saturating_mul(2).max(20);
            let mut given = |name: &str| {
                let json = options.get(name).cloned().unwrap_or_default();
                values.add(Value::Text(json.to_string()))
            };
            let (tiers, kinds) = (given("tiers"), given("kinds"));
            let as_of = match moment::option(&options, "as_of")? {
                Some(at) => values.add(Value::Integer(at)),
                None => "NULL".into(),
            };
            format!(
                "SELECT m.* FROM (SELECT own.scope, own.hash FROM own UNION SELECT s.scope, s.hash FROM own CROSS JOIN \
                 lumos_memory_search(substr(own.content, 1, {BEGINNING}), json_object('scope', own.scope, 'k', min({found}, 10000), \
                 'now', {now}, 'as_of', {as_of}, 'tiers', json({tiers}), 'kinds', json({kinds}), \
                 'embedding', CASE WHEN own.embedding IS NOT NULL THEN hex(own.embedding) END)) AS f CROSS JOIN lumos_memory AS s ON s.id = f.id) AS near \
                 CROSS JOIN lumos_memory AS m ON m.scope = near.scope AND m.hash = near.hash WHERE m.id <> {id} AND {condition}"
            )
        }
    };
    Ok(Program {
        read: format!(
            "WITH own AS MATERIALIZED (SELECT * FROM lumos_memory WHERE id = {id}) \
             SELECT 1, own.terms, own.embedding, {columns} FROM (SELECT 1) AS one LEFT JOIN own ON true LEFT JOIN ({near}) AS m ON true"
        ),
        parameters: values.into_values(),
        spec: json!([known, k, least]).to_string(),
    })
}

/// The state of the fold.
#[derive(Clone)]
struct Similar {
    id: i64,
    k: usize,
    least: f64,
    called: bool,
    /// What the memory is about, and its embedding, once a row was read.
    own: Option<(Vec<u32>, Option<Question>)>,
    found: Vec<Near>,
}

/// A memory that is near.
#[derive(Clone)]
struct Near {
    score: f64,
    words: f64,
    vector: Option<f64>,
    memory: Memory,
}

impl FoldState for Similar {
    fn start(spec: &str) -> Result<Self> {
        let wrong = |_| Error::new("the plan is not one of lumos_memory_similar");
        let (id, k, least) = serde_json::from_str(spec).map_err(wrong)?;
        Ok(Similar {
            id,
            k,
            least,
            called: false,
            own: None,
            found: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [_, own_terms, own_embedding, columns @ ..] = row else {
            return Err(Error::new("internal error: a row without the memory"));
        };
        self.called = true;
        let ValueRef::Blob(own_terms) = own_terms else {
            return Ok(());
        };
        if self.own.is_none() {
            let embedding = match own_embedding {
                ValueRef::Blob(bytes) => format::plain(bytes)
                    .map(|own| Question::new(own.iter().map(|b| f32::from_le_bytes(*b)).collect())),
                _ => None,
            };
            self.own = Some((Terms::decode(own_terms)?.telling, embedding));
        }
        let (Some((telling, embedding)), Some(ValueRef::Blob(terms))) =
            (&self.own, columns.get(Column::terms as usize))
        else {
            return Ok(());
        };
        let words = likeness(telling, &Terms::decode(terms)?.telling);
        let stored = columns.get(Column::embedding as usize);
        let scope = columns.get(Column::scope as usize);
        let vector = match (embedding, stored, scope) {
            (Some(own), Some(ValueRef::Blob(stored)), Some(ValueRef::Text(scope))) => {
                Some(own.cosine(scope, stored)?)
            }
            _ => None,
        };
        let score = vector.map_or(words, |vector| vector.max(words));
        if score < self.least {
            return Ok(());
        }
        self.found.extend(Memory::read(columns).map(|memory| Near {
            score,
            words,
            vector,
            memory,
        }));
        if self.found.len() > self.k.saturating_mul(2).max(1_000) {
            self.keep_best();
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.called |= other.called;
        if self.own.is_none() {
            self.own.clone_from(&other.own);
        }
        self.found.extend_from_slice(&other.found);
        self.keep_best();
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if self.called && self.own.is_none() {
            return Err(gone(self.id));
        }
        let mut best = self.clone();
        best.keep_best();
        for near in best.found {
            let get = |column| near.memory.get(column).clone();
            let event = near.memory.integer(Column::event_time).unwrap_or_default();
            emit(vec![
                get(Column::id),
                get(Column::content),
                Value::Real(near.score),
                Value::Real(near.words),
                near.vector.map_or(Value::Null, Value::Real),
                get(Column::kind),
                get(Column::tier),
                get(Column::session),
                Value::Text(moment::text(event)?),
                get(Column::sources),
            ])?;
        }
        Ok(())
    }
}

impl Similar {
    /// Leaves the `k` nearest, in their order.
    fn keep_best(&mut self) {
        let id = |near: &Near| near.memory.integer(Column::id);
        self.found
            .sort_by(|a, b| b.score.total_cmp(&a.score).then(id(a).cmp(&id(b))));
        self.found.truncate(self.k);
    }
}
