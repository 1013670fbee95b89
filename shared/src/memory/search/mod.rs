//! What is remembered of a question: the rows of a scope, or those that the indexes find ([`read`]), into an answer.

mod read;

use std::collections::HashMap;

use serde_json::json;

pub(super) use self::read::condition;
use self::read::{From, VECTORS, indexed, near};
use super::activation::{activation, presence};
use super::embedding;
use super::names::names;
use super::options;
use super::rank::{Candidate, Found, Wanted, rank};
use super::row::{COLUMNS, Cell, Column, Memory, columns, columns_without_embedding, input};
use super::terms::{Terms, query_words};
use super::times::Times;
use super::{fsrs, moment, now};
use crate::options::Options;
use crate::program::{Database, Fold, FoldState, Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::text::bm25::CorpusStats;
use crate::{Error, Param, Result, Type, Value, ValueRef};

const BEFORE: [Param; 6] = [
    Param::new("now", Type::Integer),
    // What the index says of all texts of the scope; NULL where all rows are read.
    Param::optional("documents", Type::Integer),
    Param::optional("total_length", Type::Integer),
    Param::optional("doc_freq", Type::Text),
    Param::optional("session_length", Type::Integer),
    // 1 for a row that may be found, 0 for one that only says how rare words are.
    Param::new("chosen", Type::Integer),
];

/// Rows of a scope into the answer.
pub const SEARCH: Fold = Fold::new::<Search>(
    "memory_search",
    &input::<6, { 6 + COLUMNS.len() }>(BEFORE),
    &[
        ("id", Type::Integer),
        ("content", Type::Text),
        ("score", Type::Real),
        ("words", Type::Real),
        ("names", Type::Real),
        ("vector", Type::Real),
        ("time", Type::Real),
        ("retention", Type::Real),
        ("importance", Type::Real),
        ("activation", Type::Real),
        ("feedback", Type::Real),
        ("kind", Type::Text),
        ("tier", Type::Text),
        ("session", Type::Text),
        ("event_time", Type::Text),
        ("sources", Type::Text),
        ("uri", Type::Text),
        ("media_type", Type::Text),
        ("explanation", Type::Text),
    ],
);

/// How many of the best are looked at by words and by embeddings, at least, and for each row asked for.
const POOL: (usize, usize) = (100, 10);

/// The program of a search. Errors if an option is wrong.
pub fn search(
    question: Option<&str>,
    given: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    search_without(question, given, None, 10, database)
}

/// The same without the turns of a session, for `k` rows where the options do not say. Errors if an option is wrong.
pub fn search_without(
    question: Option<&str>,
    given: Option<&str>,
    session: Option<&str>,
    k: i64,
    database: &dyn Database,
) -> Result<Program> {
    let dialect = database.dialect();
    let question = question.unwrap_or_default();
    let options = Options::parse(options::SEARCH, given)?;
    let mut values = Parameters::new(dialect);
    let words = query_words(question);
    let (least, decay, diversity) = (
        options::up_to(options::SEARCH, &options, "min_coverage", 1.0)?,
        options::up_to(options::SEARCH, &options, "decay", 1.0)?,
        options::up_to(options::SEARCH, &options, "diversity", 1.0)?,
    );
    let k = options.integer("k").unwrap_or(k);
    let pool = POOL
        .0
        .max(POOL.1.saturating_mul(usize::try_from(k).unwrap_or(0)));
    let embedding = embedding::option(&options)?;
    let hashes: Vec<u32> = words.iter().map(|(hash, _)| *hash).collect();
    let spec = json!([
        question,
        hashes,
        names(question),
        k,
        options.number("min_score").unwrap_or(0.0),
        least.unwrap_or(0.0),
        decay.unwrap_or(1.0),
        diversity.unwrap_or(0.0),
        embedding,
        options::weights(&options)?,
        pool
    ]);
    let now = format!("CAST({} AS BIGINT)", now(&options, &mut values, dialect)?);
    let scope = values.add(Value::Text(options::scope(&options)?));
    let mut chosen = condition(&options, &now, &mut values)?;
    if let Some(session) = session {
        let session = values.add(Value::Text(session.into()));
        chosen.push_str(&format!(
            " AND (m.session IS NULL OR m.session <> {session})"
        ));
    }
    let columns = match &embedding {
        Some(_) => columns(),
        None => columns_without_embedding(),
    };
    let read = match dialect {
        Dialect::DuckDb => format!(
            "SELECT {now}, NULL::BIGINT, NULL::BIGINT, NULL::VARCHAR, NULL::BIGINT, CASE WHEN {chosen} THEN 1 ELSE 0 END, {columns} \
             FROM lumos_memory AS m WHERE m.scope = {scope}"
        ),
        Dialect::Sqlite => {
            let near = embedding.map(|vector| {
                let index = database.vector_table(VECTORS);
                let index = index.is_ok_and(|index| index.definition.dims == vector.len());
                near(&vector, index, &scope, &chosen, pool, &mut values)
            });
            let from = From {
                now: &now,
                scope: &scope,
                chosen: &chosen,
                columns: &columns,
                pool,
            };
            indexed(&words, near, &from, &mut values)
        }
    };
    Ok(Program {
        read,
        parameters: values.into_values(),
        spec: spec.to_string(),
    })
}

/// The state of the fold.
#[derive(Clone)]
pub struct Search {
    question: String,
    words: Vec<u32>,
    names: Vec<u32>,
    embedding: Option<embedding::Question>,
    wanted: Wanted,
    now: i64,
    /// Of the index, if there is one.
    corpus: Option<CorpusStats>,
    /// Of the rows read.
    counted: CorpusStats,
    sessions: HashMap<String, u64>,
    rows: Vec<(Memory, Candidate)>,
}

impl FoldState for Search {
    fn start(spec: &str) -> Result<Self> {
        let wrong = |_| Error::new("the plan is not one of lumos_memory_search");
        type Spec = (
            String,
            Vec<u32>,
            Vec<u32>,
            usize,
            f64,
            f64,
            f64,
            f64,
            Option<Vec<f32>>,
            [f64; 3],
            usize,
        );
        let (
            question,
            words,
            names,
            k,
            min_score,
            min_coverage,
            decay,
            diversity,
            embedding,
            weights,
            pool,
        ): Spec = serde_json::from_str(spec).map_err(wrong)?;
        Ok(Search {
            counted: CorpusStats::new(words.len()),
            question,
            words,
            names,
            embedding: embedding.map(embedding::Question::new),
            wanted: Wanted {
                k,
                min_score,
                min_coverage,
                decay,
                diversity,
                weights,
                pool,
            },
            now: 0,
            corpus: None,
            sessions: HashMap::new(),
            rows: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [
            ValueRef::Integer(now),
            documents,
            total,
            frequencies,
            session_length,
            chosen,
            columns @ ..,
        ] = row
        else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        self.now = *now;
        let terms = match columns.get(Column::terms as usize) {
            Some(ValueRef::Blob(terms)) => Terms::decode(terms)?,
            _ => {
                return Err(Error::new(
                    "a memory has no terms; write its content again by lumos_memory_update",
                ));
            }
        };
        let counts = terms.counts(&self.words);
        self.counted.add(1, terms.length, &counts);
        if let (ValueRef::Integer(documents), ValueRef::Integer(total), ValueRef::Text(frequencies)) =
            (documents, total, frequencies)
            && self.corpus.is_none()
        {
            self.corpus = Some(CorpusStats {
                documents: (*documents).max(0) as u64,
                total_length: (*total).max(0) as u64,
                doc_freq: serde_json::from_str(frequencies)
                    .map_err(|_| Error::new("internal error: no frequencies"))?,
            });
        }
        let session = match columns.get(Column::session as usize) {
            Some(ValueRef::Text(session)) => Some(*session),
            _ => None,
        };
        if let Some(session) = session {
            let length = match session_length {
                ValueRef::Integer(length) => (*length).max(0) as u64,
                _ => self.sessions.get(session).copied().unwrap_or(0) + u64::from(terms.length),
            };
            self.sessions.insert(session.to_owned(), length);
        }
        let near = match (
            &self.embedding,
            columns.get(Column::embedding as usize),
            columns.get(Column::scope as usize),
        ) {
            (Some(question), Some(ValueRef::Blob(stored)), Some(ValueRef::Text(scope))) => {
                Some(question.cosine(scope, stored)?)
            }
            _ => None,
        };
        // Without a session, a text without any of the words is not found.
        let nothing = near.is_none() && session.is_none() && counts.iter().all(|count| *count == 0);
        if *chosen != ValueRef::Integer(1) || nothing {
            return Ok(());
        }
        let mut memory = Memory::read(columns)
            .ok_or_else(|| Error::new("internal error: a row without an id"))?;
        memory.set(Column::embedding, Cell(Value::Null));
        let turn = session.zip(memory.integer(Column::turn));
        let candidate = Candidate {
            id: memory.integer(Column::id).unwrap_or_default(),
            turn: turn.map(|(session, turn)| (session.to_owned(), turn)),
            length: terms.length,
            counts,
            names: terms.share(&self.names),
            near,
            time: 0.0,
            hash: memory.integer(Column::hash).unwrap_or_default(),
            telling: terms.telling,
            standing: standing(&memory, self.now)?,
        };
        self.rows.push((memory, candidate));
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.now = self.now.max(other.now);
        self.counted.merge(&other.counted);
        if self.corpus.is_none() {
            self.corpus.clone_from(&other.corpus);
        }
        for (session, length) in &other.sessions {
            *self.sessions.entry(session.clone()).or_default() += length;
        }
        self.rows.extend_from_slice(&other.rows);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        self.each(&mut |memory, candidate, found| emit(answer(memory, candidate, found)?))
    }
}

impl Search {
    /// Calls `each` with what is found, the best first.
    pub(super) fn each(
        &self,
        each: &mut dyn FnMut(&Memory, &Candidate, &Found) -> Result<()>,
    ) -> Result<()> {
        let corpus = self.corpus.as_ref().unwrap_or(&self.counted);
        // In the order of ids, so that sums are the same however many threads have read.
        let mut order: Vec<&(Memory, Candidate)> = self.rows.iter().collect();
        order.sort_by_key(|(_, candidate)| candidate.id);
        let times = Times::of(&self.question, self.now);
        let candidate = |(memory, candidate): &&(Memory, Candidate)| {
            let event = memory.integer(Column::event_time).unwrap_or_default();
            let content = memory.text(Column::content).unwrap_or_default();
            Candidate {
                time: times.share(event, content),
                ..candidate.clone()
            }
        };
        let candidates: Vec<Candidate> = order.iter().map(candidate).collect();
        for found in rank(&candidates, corpus, &self.sessions, &self.wanted) {
            let (memory, candidate) = order[found.at];
            each(memory, candidate, &found)?;
        }
        Ok(())
    }
}

/// Retention, importance, activation and feedback, each 0 to 1.
fn standing(memory: &Memory, now: i64) -> Result<[f64; 4]> {
    let seconds = |at: Option<i64>| now.saturating_sub(at.unwrap_or(now)).max(0) as f64;
    let retention = match memory.integer(Column::pinned) {
        Some(1) => 1.0,
        _ => {
            let days = seconds(memory.integer(Column::last_review)) / moment::DAY;
            fsrs::retention(days, memory.strength()?.stability)
        }
    };
    let uses = memory.list(Column::last_uses)?;
    let ages: Vec<f64> = uses.iter().map(|at| seconds(at.as_i64())).collect();
    let all = memory.integer(Column::uses).unwrap_or(0).max(0) as usize;
    let level = activation(&ages, all, seconds(memory.integer(Column::first_use)));
    let count = |column| memory.integer(column).unwrap_or(0).max(0) as f64;
    let (helpful, harmful) = (count(Column::helpful), count(Column::harmful));
    Ok([
        retention,
        memory.real(Column::importance)?,
        level.map_or(0.0, presence),
        (helpful + 1.0) / (helpful + harmful + 2.0),
    ])
}

fn answer(memory: &Memory, candidate: &Candidate, found: &Found) -> Result<Vec<Value>> {
    let [retention, importance, activation, feedback] = candidate.standing;
    let event = memory.integer(Column::event_time).unwrap_or_default();
    let own = if candidate.counts.iter().any(|count| *count > 0) {
        "words"
    } else {
        "words of neighbouring turns"
    };
    let vector = match found.vector {
        Some(vector) => format!(", vector {vector:.2}"),
        None => String::new(),
    };
    let time = if found.time > 0.0 {
        format!(", time {:.2}", found.time)
    } else {
        String::new()
    };
    let explanation = format!(
        "{own} {:.2} + names {:.2}{vector}{time}, times {:.2} for retention {retention:.2}, importance {importance:.2}, activation {activation:.2} and feedback {feedback:.2}",
        found.words, found.names, found.factor
    );
    let get = |column| memory.get(column).clone();
    Ok(vec![
        get(Column::id),
        get(Column::content),
        Value::Real(found.score),
        Value::Real(found.words),
        Value::Real(found.names),
        found.vector.map_or(Value::Null, Value::Real),
        Value::Real(found.time),
        Value::Real(retention),
        Value::Real(importance),
        Value::Real(activation),
        Value::Real(feedback),
        get(Column::kind),
        get(Column::tier),
        get(Column::session),
        Value::Text(moment::text(event)?),
        get(Column::sources),
        get(Column::uri),
        get(Column::media_type),
        Value::Text(explanation),
    ])
}
