//! The rows that a search reads: in SQLite what the indexes of words and embeddings find, in any engine what the options
//! leave.

use serde_json::Value as Json;

use crate::memory::options::{self, KINDS, TIERS};
use crate::memory::upkeep::TOPIC;
use crate::memory::{embedding, moment};
use crate::options::Options;
use crate::program::Parameters;
use crate::{Result, Value};

/// The working tier: the latest turns of a session, as far as they are not older than so many seconds.
const WORKING: (i64, i64) = (10, 4 * 3_600);

/// The turns before and after one that is found, which its words say something of.
const NEIGHBOURS: u8 = 2;

/// Parts of a SELECT.
pub(super) struct From<'a> {
    pub now: &'a str,
    pub scope: &'a str,
    pub chosen: &'a str,
    pub columns: &'a str,
    pub pool: usize,
}

/// The table of vectors that `lumos_memory_init` makes, if it is told their dimensions.
pub(super) const VECTORS: &str = "main.lumos_memory_vectors";

/// From so many memories in the scope on the index is read, if there is one.
const INDEXED: i64 = 5_000;

/// The SELECTs of the memories whose embeddings are the nearest, and of one whose has other dimensions, for the error.
///
/// The index knows no scope. So it is asked for as many as are wanted, and twice as many more as there are memories of
/// other scopes for each of this one; which of them may be found is tested afterwards.
pub(super) fn near(
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
    let (whole, few, indexed) = if index {
        (
            // In front of the loop: a condition within it is tested for each of a million embeddings.
            "whole CROSS JOIN ".to_owned(),
            format!("whole.memories < {INDEXED} AND "),
            format!(
                " UNION SELECT id, session, turn FROM (SELECT m.id, m.session, m.turn FROM lumos_search('{VECTORS}', {vector}, \
                 coalesce((SELECT min(10000, {pool} * (2 * (SELECT sum(memories) FROM lumos_memory_scope) - memories) / memories) FROM whole WHERE memories >= {INDEXED}), 1)) AS v \
                 CROSS JOIN lumos_memory AS m ON m.id = v.id WHERE m.scope = {scope} AND ({chosen}) ORDER BY v.rank LIMIT {pool})"
            ),
        )
    } else {
        (String::new(), String::new(), String::new())
    };
    (
        format!(
            "SELECT id, session, turn FROM (SELECT m.id, m.session, m.turn FROM {whole}lumos_memory AS m INDEXED BY lumos_memory_embedded \
             WHERE {few}m.scope = {scope} AND m.embedding IS NOT NULL AND length(m.embedding) = {length} AND ({chosen}) \
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
/// read is decided by the sum of the words' weights and the length; their order is then [`crate::memory::rank`]'s.
pub(super) fn indexed(
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
const FREQUENT: i64 = 15_000;

/// The most entries of the index that are merged, but for the rarest word.
const POSTINGS: i64 = 20_000;

/// The most texts of which the row is looked at.
const SEEN: i64 = 2_000;

/// In a scope of more memories, which has most of all, the index is read without the scope.
const LARGE: i64 = 50_000;

/// The rows that may be found, as a condition on `m` in the SQL of both engines.
pub(in crate::memory) fn condition(
    options: &Options,
    now: &str,
    values: &mut Parameters,
) -> Result<String> {
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
