//! What is left of a memory that was forgotten for ever, by its id: its text is known to nobody any more.

use super::sources::gone;
use crate::program::{Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// Places with the number of what they have, into the same with what to do.
pub const FORGOTTEN: Fold = Fold::new::<Forgotten>(
    "memory_verify_forgotten",
    &[
        Param::new("place", Type::Text),
        Param::new("found", Type::Integer),
    ],
    &[
        ("place", Type::Text),
        ("found", Type::Integer),
        ("remedy", Type::Text),
    ],
);

/// The program of [`FORGOTTEN`]. Errors if the id is NULL.
pub fn forgotten(id: Option<i64>, dialect: Dialect) -> Result<Program> {
    let known = id.ok_or_else(|| Error::new("id is NULL; give the id of a memory"))?;
    let mut values = Parameters::new(dialect);
    let id = values.add(Value::Integer(known));
    let count = |place: &str, table: &str, condition: &str| {
        format!(
            "SELECT '{place}' AS place, (SELECT count(*) FROM {table} WHERE {condition}) AS found"
        )
    };
    let cites = format!(
        "instr(sources, '\"memory\":' || {id} || ',') + instr(sources, '\"memory\":' || {id} || '}}') > 0"
    );
    let mut places = vec![
        count("memory", "lumos_memory", &format!("id = {id}")),
        count("citing", "lumos_memory", &cites),
        count("facts", "lumos_fact", &format!("memory = {id}")),
    ];
    if dialect == Dialect::Sqlite {
        places.push(count(
            "words",
            "lumos_memory_words_docsize",
            &format!("id = {id}"),
        ));
        places.push("SELECT 'free pages', freelist_count FROM pragma_freelist_count".into());
    }
    // An id that no memory ever had has not been forgotten.
    let highest = match dialect {
        Dialect::Sqlite => "SELECT max(seq) FROM sqlite_sequence WHERE name = 'lumos_memory'",
        Dialect::DuckDb => {
            "SELECT last_value FROM duckdb_sequences() WHERE sequence_name = 'lumos_memory_ids'"
        }
    };
    places.push(format!(
        "SELECT 'unknown', CASE WHEN {id} BETWEEN 1 AND coalesce(({highest}), 0) THEN 0 ELSE 1 END"
    ));
    Ok(Program {
        read: places.join(" UNION ALL "),
        parameters: values.into_values(),
        spec: known.to_string(),
    })
}

/// What is to be done about what is left in a place.
fn remedy(place: &str, id: i64) -> String {
    match place {
        "memory" => format!("lumos_memory_forget({id}, '{{\"hard\": true}}'), in DuckDB DELETE FROM lumos_memory WHERE id = {id}"),
        "citing" => "summaries and others that cite it may have its words: lumos_memory_sources tells, forget them too".into(),
        "facts" => format!("DELETE FROM lumos_fact WHERE memory = {id}"),
        "words" => "INSERT INTO lumos_memory_words(lumos_memory_words) VALUES ('rebuild')".into(),
        _ => "VACUUM".into(),
    }
}

/// The places, in the order of the answer.
const PLACES: [&str; 5] = ["memory", "citing", "facts", "words", "free pages"];

/// The state of the fold.
#[derive(Clone)]
struct Forgotten {
    id: i64,
    found: Vec<(usize, i64)>,
    unknown: bool,
}

impl FoldState for Forgotten {
    fn start(spec: &str) -> Result<Self> {
        let wrong = |_| Error::new("the plan is not one of lumos_memory_verify_forgotten");
        Ok(Forgotten {
            id: spec.parse().map_err(wrong)?,
            found: Vec::new(),
            unknown: false,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        if let [ValueRef::Text(place), ValueRef::Integer(found)] = row {
            match PLACES.iter().position(|known| known == place) {
                Some(at) => self.found.push((at, *found)),
                None => self.unknown |= *found > 0,
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.found.extend_from_slice(&other.found);
        self.unknown |= other.unknown;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut found = self.found.clone();
        found.sort_unstable();
        if self.unknown && found.iter().all(|(at, found)| *at > 0 || *found == 0) {
            return Err(gone(self.id));
        }
        for (at, found) in found {
            let remedy = (found > 0).then(|| remedy(PLACES[at], self.id));
            emit(vec![
                Value::Text(PLACES[at].into()),
                Value::Integer(found),
                remedy.map_or(Value::Null, Value::Text),
            ])?;
        }
        Ok(())
    }
}
