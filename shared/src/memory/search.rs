//! What is remembered of a question: the rows of a scope, or those that an index of words finds, into an answer.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::activation::{activation, presence};
use super::embedding;
use super::names::names;
use super::options::{self, KINDS, TIERS};
use super::rank::{Candidate, Found, Wanted, rank};
use super::row::{COLUMNS, Cell, Column, Memory, columns, columns_without_embedding, input};
use super::terms::{Terms, query_words};
use super::times::Times;
use super::upkeep::TOPIC;
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

/// The working tier: the latest turns of a session, as far as they are not older than so many seconds.
const WORKING: (i64, i64) = (10, 4 * 3_600);

/// The turns before and after one that is found, which its words say something of.
const NEIGHBOURS: u8 = 2;

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

/// Parts of a SELECT.
struct From<'a> {
    now: &'a str,
    scope: &'a str,
    chosen: &'a str,
    columns: &'a str,
    pool: usize,
}

/// The table of vectors that `lumos_memory_init` makes, if it is told their dimensions.
const VECTORS: &str = "main.lumos_memory_vectors";

/// From so many memories in the scope on the index is read, if there is one.
const INDEXED: i64 = 5_000;

/// The SELECTs of the memories whose embeddings are the nearest, and of one whose has other dimensions, for the error.
///
/// The index knows no scope. So it is asked for twice as many as are wanted, and as many more as there are memories of
/// other scopes; which of them may be found is tested afterwards.
fn near(
    vector: &[f32],
    index: bool,
    scope: &str,
    chosen: &str,
    pool: usize,
    values: &mut Parameters,
) -> (String, String) {
    let bytes = embedding::encode(vector);
    let length = bytes.len();
    let vector = values.add(Value::Blob(bytes));
    let (few, indexed) = match index {
        false => (String::new(), String::new()),
        true => (
            format!("(SELECT memories FROM whole) < {INDEXED} AND "),
            format!(
                " UNION SELECT id, session, turn FROM (SELECT m.id, m.session, m.turn FROM lumos_search('{VECTORS}', {vector}, \
                 coalesce((SELECT min(10000, {pool} * 2 * (SELECT sum(memories) FROM lumos_memory_scope) / memories) FROM whole WHERE memories >= {INDEXED}), 1)) AS v \
                 CROSS JOIN lumos_memory AS m ON m.id = v.id WHERE m.scope = {scope} AND ({chosen}) ORDER BY v.rank LIMIT {pool})"
            ),
        ),
    };
    (
        format!(
            "SELECT id, session, turn FROM (SELECT m.id, m.session, m.turn FROM lumos_memory AS m INDEXED BY lumos_memory_embedded \
             WHERE {few} m.scope = {scope} AND m.embedding IS NOT NULL AND length(m.embedding) = {length} AND ({chosen}) \
             ORDER BY lumos_cosine(m.embedding, {vector}), m.id LIMIT {pool}){indexed}"
        ),
        format!(
            "SELECT id FROM (SELECT id, length(embedding) AS bytes FROM lumos_memory INDEXED BY lumos_memory_embedded \
             WHERE scope = {scope} AND embedding IS NOT NULL LIMIT 1) WHERE bytes <> {length}"
        ),
    )
}

/// Reads the rows that the index of words finds, those with near embeddings, and the neighbours of both.
///
/// The index gives whole lists of texts for a word, and counting or merging long ones takes 0.1 to 0.2 µs a text. So a
/// word is counted up to [`FREQUENT`], and from there on taken to be as dense everywhere. Texts are looked for by the
/// words that are rarer; where there is none, among so many of the latest as have [`POSTINGS`] of all. Which texts are
/// read is decided by the sum of the words' weights and the length; their order is then [`rank`]'s.
fn indexed(
    words: &[(u32, String)],
    nearest: Option<(String, String)>,
    from: &From<'_>,
    values: &mut Parameters,
) -> String {
    let From {
        now,
        scope,
        chosen,
        columns,
        pool,
    } = from;
    // A form has letters and digits alone, so quotes make it a string that cannot end early.
    let forms: Vec<&str> = words.iter().map(|(_, form)| form.as_str()).collect();
    let forms = values.add(Value::Text(Json::from(forms).to_string()));
    let (nearest, other) = nearest
        .map(|(nearest, other)| (format!(" UNION {nearest}"), format!(" UNION {other}")))
        .unwrap_or_default();
    format!(
        "WITH whole AS MATERIALIZED (SELECT memories, length, (SELECT max(id) FROM lumos_memory) AS last, \
         CASE WHEN memories > {LARGE} AND memories * 2 > (SELECT sum(memories) FROM lumos_memory_scope) THEN '' ELSE 'scope : \"s' || hex({scope}) || '\" AND ' END AS prefix \
         FROM lumos_memory_scope WHERE scope = {scope}), \
         words AS MATERIALIZED (SELECT j.key AS i, prefix || 'content : \"' || j.value || '\"' AS term FROM whole CROSS JOIN json_each({forms}) AS j), \
         counted AS MATERIALIZED (SELECT i, term, (SELECT json_array(count(*), max(id)) FROM \
         (SELECT rowid AS id FROM lumos_memory_words WHERE lumos_memory_words MATCH term LIMIT {FREQUENT})) AS said FROM words), \
         frequency AS MATERIALIZED (SELECT i, term, n, CASE WHEN n < {FREQUENT} THEN n ELSE min(memories, n * last / upto) END AS likely FROM \
         (SELECT i, term, json_extract(said, '$[0]') AS n, json_extract(said, '$[1]') AS upto FROM counted) CROSS JOIN whole), \
         rarest AS MATERIALIZED (SELECT min(n) >= {FREQUENT} AS none, sum(likely) AS postings FROM frequency WHERE n > 0), \
         leading AS MATERIALIZED (SELECT term, {weight} AS weight, CASE WHEN none THEN max(0, last - last * {POSTINGS} / postings) ELSE 0 END AS since FROM \
         (SELECT term, n, likely, max(10, 10 * memories / likely) AS odds, last, sum(n) OVER (ORDER BY n, i) AS together FROM frequency CROSS JOIN whole WHERE n > 0) \
         CROSS JOIN rarest WHERE none OR (n < {FREQUENT} AND (together <= {POSTINGS} OR together = n))), \
         seen AS MATERIALIZED (SELECT f.rowid AS id, sum(weight) AS weight FROM leading CROSS JOIN lumos_memory_words AS f \
         WHERE f.lumos_memory_words MATCH term AND f.rowid > since GROUP BY f.rowid ORDER BY 2 DESC, 1 LIMIT {SEEN}), \
         hits AS MATERIALIZED (SELECT * FROM (SELECT m.id, m.session, m.turn FROM seen CROSS JOIN lumos_memory AS m ON m.id = seen.id CROSS JOIN whole \
         WHERE m.scope = {scope} AND ({chosen}) ORDER BY seen.weight / (1.3 + 0.9 * m.length * memories / whole.length) DESC, m.id LIMIT {pool}){nearest}), \
         near AS MATERIALIZED (SELECT id FROM hits{other} UNION SELECT m.id FROM hits AS h CROSS JOIN lumos_memory AS m \
         ON m.scope = {scope} AND m.session = h.session AND m.turn BETWEEN h.turn - {NEIGHBOURS} AND h.turn + {NEIGHBOURS} WHERE ({chosen})), \
         corpus AS MATERIALIZED (SELECT memories, length, (SELECT json_group_array(likely) FROM (SELECT likely FROM frequency ORDER BY i)) AS frequencies FROM whole), \
         sessions AS MATERIALIZED (SELECT s.session, (SELECT sum(length) FROM lumos_memory WHERE scope = {scope} AND session = s.session) AS length \
         FROM (SELECT DISTINCT session FROM hits WHERE session IS NOT NULL) AS s) \
         SELECT {now}, corpus.memories, corpus.length, corpus.frequencies, sessions.length, 1, {columns} \
         FROM near CROSS JOIN lumos_memory AS m ON m.id = near.id CROSS JOIN corpus LEFT JOIN sessions ON sessions.session = m.session",
        // The logarithm of the odds, between powers of ten by a line: not every SQLite has ln.
        weight = "length(odds) - 2 + (substr(odds || '00', 1, 3) - 100) / 900.0"
    )
}

/// A word of so many texts is frequent.
const FREQUENT: i64 = 20_000;

/// The most entries of the index that are merged, but for the rarest word.
const POSTINGS: i64 = 20_000;

/// The most texts of which the row is looked at.
const SEEN: i64 = 2_000;

/// In a scope of more memories, which has most of all, the index is read without the scope.
const LARGE: i64 = 50_000;

/// The rows that may be found, as a condition on `m` in the SQL of both engines.
pub(super) fn condition(options: &Options, now: &str, values: &mut Parameters) -> Result<String> {
    let mut all = Vec::new();
    let list = |values: &mut Parameters, texts: &[String]| {
        let texts: Vec<String> = texts
            .iter()
            .map(|t| values.add(Value::Text(t.clone())))
            .collect();
        texts.join(", ")
    };
    let tiers = options::some_of(options, "tiers", TIERS)?;
    let tiers = tiers.unwrap_or_else(|| vec!["short".into(), "long".into()]);
    let stored = format!("m.tier IN ({})", list(values, &tiers));
    // What a session is about just now is no tier of its own in the table: it changes with each turn.
    all.push(if tiers.iter().any(|tier| tier == "working") {
        let (turns, seconds) = WORKING;
        format!(
            "({stored} OR (m.tier <> 'archive' AND m.turn IS NOT NULL AND m.created_at > {now} - {seconds} AND m.turn > \
             (SELECT max(w.turn) FROM lumos_memory AS w WHERE w.scope = m.scope AND w.session = m.session) - {turns}))"
        )
    } else {
        stored
    });
    all.push(match options::some_of(options, "kinds", KINDS)? {
        Some(kinds) => format!("m.kind IN ({})", list(values, &kinds)),
        // A summary that upkeep has made of a session or topic says what their memories say.
        None => format!(
            "(m.kind <> 'summary' OR m.turn IS NOT NULL OR (m.session IS NULL AND (m.uri IS NULL OR substr(m.uri, 1, {}) <> '{TOPIC}')))",
            TOPIC.len()
        ),
    });
    if let Some(session) = options.text("session") {
        all.push(format!(
            "m.session = {}",
            values.add(Value::Text(session.into()))
        ));
    }
    if let Some(tags) = options::texts(options, "tags")? {
        // In a JSON array of texts, a text with its quotes is nothing but that text.
        let any: Vec<String> = tags
            .iter()
            .map(|tag| {
                format!(
                    "instr(m.tags, {}) > 0",
                    values.add(Value::Text(Json::from(tag.as_str()).to_string()))
                )
            })
            .collect();
        all.push(if any.is_empty() {
            "false".into()
        } else {
            format!("({})", any.join(" OR "))
        });
    }
    let at = |values: &mut Parameters, name: &str| -> Result<Option<String>> {
        Ok(moment::option(options, name)?.map(|at| values.add(Value::Integer(at))))
    };
    if let Some(from) = at(values, "from")? {
        all.push(format!("m.event_time >= {from}"));
    }
    if let Some(to) = at(values, "to")? {
        all.push(format!("m.event_time < {to}"));
    }
    let as_of = at(values, "as_of")?.unwrap_or_else(|| now.into());
    let known = at(values, "as_known")?;
    all.push(format!("(m.valid_from IS NULL OR m.valid_from <= {as_of})"));
    // The end of what is true counts once it was learnt.
    let learnt = known
        .as_ref()
        .map_or(String::new(), |known| format!(" OR m.expired_at > {known}"));
    all.push(format!(
        "(m.valid_to IS NULL OR m.valid_to > {as_of}{learnt})"
    ));
    all.push(format!("(m.expires_at IS NULL OR m.expires_at > {as_of})"));
    if let Some(known) = known {
        all.push(format!("m.created_at <= {known}"));
    }
    Ok(all.join(" AND "))
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
    let own = match candidate.counts.iter().any(|count| *count > 0) {
        true => "words",
        false => "words of neighbouring turns",
    };
    let vector = match found.vector {
        Some(vector) => format!(", vector {vector:.2}"),
        None => String::new(),
    };
    let time = match found.time > 0.0 {
        true => format!(", time {:.2}", found.time),
        false => String::new(),
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
