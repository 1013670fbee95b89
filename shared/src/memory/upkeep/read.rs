//! The rows that upkeep reads.

use super::summary::{LEAST, OVER, TOPIC};
use super::tier::{FADED, IMPORTANT, STRONG, UNIMPORTANT};
use crate::memory::moment::DAY;
use crate::memory::row::{columns, columns_without_embedding};
use crate::memory::{fsrs, now, options};
use crate::options::{OptionDef, Options};
use crate::program::{Parameters, Program};
use crate::sql::lexer::Dialect;
use crate::{Result, Value};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Merges and summaries.
    Texts,
    /// Moves to other tiers, once the rest is done.
    Tiers,
}

/// The program of both folds: the memories of which one may change. `known` are the options that the call
/// takes; with `ids` summaries are given theirs. Errors if an option is wrong.
pub fn upkeep(
    known: &[OptionDef],
    given: Option<&str>,
    part: Part,
    ids: bool,
    dialect: Dialect,
) -> Result<Program> {
    let options = Options::parse(known, given)?;
    let mut values = Parameters::new(dialect);
    let now = format!("CAST({} AS BIGINT)", now(&options, &mut values, dialect)?);
    let scope = match options.get("scope") {
        None => None,
        Some(_) => Some(values.add(Value::Text(options::scope(&options)?))),
    };
    let scope = scope.map_or("true".to_owned(), |scope| format!("m.scope = {scope}"));
    // Rows that are stored again have their embeddings; turns are only read.
    let columns = if ids {
        columns()
    } else {
        columns_without_embedding()
    };
    // The times of both ends of retention are multiples of the stability.
    let (faded, gone) = (fsrs::interval(DAY, FADED.0), fsrs::interval(DAY, FADED.1));
    let tiers = format!(
        "SELECT {now}, 1, 0, NULL, NULL, {columns} FROM lumos_memory AS m WHERE {scope} AND m.tier <> 'archive' AND (m.expires_at <= {now} \
         OR (m.tier = 'short' AND (m.pinned = 1 OR m.importance >= {IMPORTANT:?} OR m.stability >= {STRONG:?})) \
         OR (m.tier = 'long' AND m.pinned = 0 AND m.importance < {IMPORTANT:?} AND (m.stability < {STRONG:?} OR m.last_review + {faded:?} * m.stability < {now})) \
         OR (m.pinned = 0 AND m.importance < {UNIMPORTANT:?} AND m.last_review + {gone:?} * m.stability < {now}))"
    );
    let due = due(&now, &scope, ids, dialect);
    let of_session = columns.replace(
        "m.embedding",
        "CASE WHEN m.turn IS NULL THEN m.embedding END",
    );
    let of_topic = columns.replace("m.embedding", "CAST(NULL AS BLOB)");
    let texts = format!(
        "SELECT {now}, 2, 0, NULL, NULL, {columns} FROM (SELECT m.scope, m.hash FROM lumos_memory AS m WHERE {scope} GROUP BY m.scope, m.hash HAVING count(*) > 1) AS s \
         JOIN lumos_memory AS m ON m.scope = s.scope AND m.hash = s.hash \
         UNION ALL SELECT {now}, 3, s.next, NULL, NULL, {of_session} FROM due AS s JOIN lumos_memory AS m ON m.scope = s.scope AND m.session = s.session \
         UNION ALL SELECT {now}, 4, s.next, s.topic, told.name, {of_topic} FROM due AS s JOIN told ON told.scope = s.scope AND told.topic = s.topic JOIN lumos_memory AS m ON m.id = told.memory \
         UNION ALL SELECT {now}, 4, s.next, s.topic, NULL, {columns} FROM due AS s JOIN lumos_memory AS m ON m.scope = s.scope AND m.kind = 'summary' AND m.uri = '{TOPIC}' || s.topic"
    );
    let read = match part {
        Part::All => format!("{due}{tiers} UNION ALL {texts}"),
        Part::Texts => due + &texts,
        Part::Tiers => tiers,
    };
    Ok(Program {
        read,
        parameters: values.into_values(),
        spec: String::new(),
    })
}

/// The tables `due`, the sessions and topics that get a summary, and `told`, the memories of topics.
///
/// A topic is an entity of facts that memories tell, by the name that it goes by. It gets a summary like a session:
/// where it has so many memories that are current, and the last of them is so old, and newer than the summary that it has.
fn due(now: &str, scope: &str, ids: bool, dialect: Dialect) -> String {
    let next = match (ids, dialect) {
        (false, _) => "0",
        (true, Dialect::DuckDb) => "nextval('lumos_memory_ids')",
        (true, Dialect::Sqlite) => {
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'lumos_memory'), 0) + row_number() OVER (ORDER BY scope, session, topic)"
        }
    };
    // Of a session both the turns, and the summaries that were made of them: those have no turn.
    let (turned, summed) = (
        "max(CASE WHEN m.turn IS NOT NULL THEN m.created_at END)",
        "max(CASE WHEN m.turn IS NULL AND m.kind = 'summary' THEN m.created_at END)",
    );
    let of_fact = |end: &str| {
        format!(
            "SELECT m.scope, m.{end}_key AS entity, m.{end} AS name, m.memory FROM lumos_fact AS m WHERE {scope} AND m.memory IS NOT NULL AND m.expired_at IS NULL"
        )
    };
    format!(
        "WITH told AS MATERIALIZED (SELECT f.scope, coalesce(a.name_key, f.entity) AS topic, min(coalesce(a.name, f.name)) AS name, f.memory, max(m.created_at) AS created_at \
         FROM ({} UNION ALL {}) AS f JOIN lumos_memory AS m ON m.id = f.memory AND m.scope = f.scope LEFT JOIN lumos_alias AS a ON a.scope = f.scope AND a.alias_key = f.entity \
         WHERE m.kind <> 'summary' AND m.tier <> 'archive' AND m.superseded_by IS NULL AND m.valid_to IS NULL AND (m.expires_at IS NULL OR m.expires_at > {now}) \
         GROUP BY f.scope, coalesce(a.name_key, f.entity), f.memory), \
         due AS MATERIALIZED (SELECT scope, session, topic, CAST({next} AS BIGINT) AS next FROM (\
         SELECT m.scope, m.session, NULL AS topic FROM lumos_memory AS m \
         WHERE {scope} AND m.session IS NOT NULL GROUP BY m.scope, m.session HAVING count(m.turn) >= {LEAST} AND {turned} <= {now} - {OVER} \
         AND ({summed} IS NULL OR {summed} < {turned}) \
         UNION ALL SELECT t.scope, NULL, t.topic FROM (SELECT scope, topic, max(created_at) AS last FROM told \
         GROUP BY scope, topic HAVING count(*) >= {LEAST} AND max(created_at) <= {now} - {OVER}) AS t \
         LEFT JOIN (SELECT m.scope, m.uri, max(m.created_at) AS made FROM lumos_memory AS m WHERE {scope} AND m.kind = 'summary' AND m.uri IS NOT NULL GROUP BY m.scope, m.uri) AS s \
         ON s.scope = t.scope AND s.uri = '{TOPIC}' || t.topic WHERE s.made IS NULL OR s.made < t.last) AS s) ",
        of_fact("subject"),
        of_fact("object"),
    )
}
