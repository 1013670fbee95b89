//! The list of all SQL functions, in the order of the reference.
//!
//! # To add one
//!
//! A file here with its constant (copy one of the same kind), its module and its line in [`FUNCTIONS`], a file
//! `tests/slt/functions/<name>.slt`, then `make docs test`: what is forgotten fails a test. Its options are data, read
//! by [`crate::options::Options::parse`]. What else, by kind:
//!
//! 1. **A value of its arguments**, in both engines: [`crate::Body::Pure`], and nothing else. Like [`vectors`].
//!    One that may take long is [`crate::Body::Long`], and is told of an interrupt in SQLite. Like [`series_of`].
//!    Of the rows of a group: [`crate::Body::Group`], and nothing else. Like [`deciding`].
//! 2. **A value that needs the connection or the mirror**: [`crate::Body::Host`], and a line in a file of
//!    `sqlite-ext/src/functions/`; in DuckDB an arm of `body` in `duckdb-ext/src/scalar.rs`. Like [`lag`], [`models`].
//! 3. **Rows of the caller's tables**, in both engines and in the caller's transaction: [`crate::Body::Rows`], a
//!    SELECT and a fold of its rows, see [`crate::program`]; nothing in the adapters. `FROM f(...)` in SQLite is
//!    `FROM query(f(...))` in DuckDB, and so are its examples and its tests. Like [`recall`].
//!    A search that DuckDB runs in stages, of which some keep an index in memory, is [`crate::Body::Sql`], like
//!    [`search_many`].
//! 4. **Rows of something else, in SQLite**: [`crate::Kind::Table`] with its columns, [`crate::Body::Host`], a type that
//!    implements `TableFunction`, and its registration, both in `sqlite-ext/src/functions/reports.rs`. Like [`status`].

use crate::route::tokens::Token;
use crate::{Function, Kind};

pub mod alerts;
pub mod anomalies;
pub mod arrow;
pub mod ask;
pub mod attach;
pub mod auto;
pub mod cache_stats;
pub mod changes;
pub mod charts;
pub mod checking;
pub mod checks;
pub mod compat;
pub mod correlate;
pub mod debug;
pub mod decide;
pub mod deciding;
pub mod decompose;
pub mod detach;
pub mod distances;
pub mod drivers;
pub mod embed;
pub mod exec;
pub mod explain;
pub mod export;
pub mod extract;
pub mod facts;
pub mod fix;
pub mod forecast;
pub mod gate;
pub mod hybrid;
pub mod import;
pub mod indexes;
pub mod lag;
pub mod learn;
pub mod llm;
pub mod load;
pub mod lock;
pub mod memory;
pub mod memory_many;
pub mod memory_reads;
pub mod memory_upkeep;
pub mod models;
pub mod neighbors;
pub mod optimize;
pub mod outliers;
pub mod patterns;
pub mod profile;
pub mod query;
pub mod recall;
pub mod regress;
pub mod repair;
pub mod resync;
pub mod route;
pub mod scalar;
pub mod schema_log;
pub mod search;
pub mod search_many;
pub mod series_of;
pub mod session;
pub mod simulate;
pub mod status;
pub mod strength;
pub mod suggest;
pub mod sync;
pub mod table;
pub mod taught;
pub mod tier;
pub mod topk;
pub mod track;
pub mod untrack;
pub mod vec_table;
pub mod vectors;
pub mod verify;
pub mod version;
pub mod whatif;
pub mod words;

/// Every SQL function of Lumos. Of a constant the libraries would have a copy, with all texts, for each use.
pub static FUNCTIONS: &[&Function] = &[
    &version::VERSION,
    &debug::DEBUG,
    &attach::ATTACH,
    &detach::DETACH,
    &lock::LOCK,
    &query::QUERY,
    &auto::AUTO,
    &route::ROUTE,
    &table::TABLE,
    &import::IMPORT,
    &scalar::SCALAR,
    &arrow::ARROW,
    &exec::EXEC,
    &explain::EXPLAIN,
    &export::EXPORT,
    &load::LOAD,
    &cache_stats::CACHE_STATS,
    &track::TRACK,
    &untrack::UNTRACK,
    &sync::SYNC,
    &resync::RESYNC,
    &status::STATUS,
    &lag::LAG,
    &changes::CHANGES,
    &schema_log::SCHEMA_LOG,
    &verify::VERIFY,
    &repair::REPAIR,
    &optimize::OPTIMIZE,
    &tier::TIER,
    &tier::RUN,
    &tier::TIERS,
    &tier::UNTIER,
    &vectors::VEC,
    &vectors::VEC_JSON,
    &vectors::DIMS,
    &vectors::NORMALIZE,
    &vectors::SLICE,
    &vectors::QUANTIZE,
    &distances::L2,
    &distances::COSINE,
    &distances::IP,
    &vec_table::VEC_TABLE,
    &search::SEARCH,
    &search_many::SEARCH_MANY,
    &recall::RECALL,
    &compat::COMPAT,
    &distances::L1,
    &distances::HAMMING,
    &distances::JACCARD,
    &topk::TOPK,
    &embed::EMBED,
    &models::MODEL_ADD,
    &models::MODEL_REMOVE,
    &models::MODEL_LOCK,
    &models::MODELS,
    &hybrid::HYBRID,
    &indexes::INDEXES,
    &indexes::INDEX_DROP,
    &memory::INIT,
    &memory::DDL,
    &memory::ADD,
    &memory::ADD_DUCKDB,
    &memory_many::ADD_MANY,
    &memory_many::ADD_MANY_DUCKDB,
    &memory_reads::SEARCH,
    &memory::SUPERSEDE,
    &memory::SUPERSEDE_DUCKDB,
    &memory::UPDATE,
    &memory::UPDATE_DUCKDB,
    &memory::PIN,
    &memory::PIN_DUCKDB,
    &memory::FEEDBACK,
    &memory::FEEDBACK_DUCKDB,
    &memory::REVIEW,
    &memory::REVIEW_DUCKDB,
    &memory::TOUCH,
    &memory::TOUCH_DUCKDB,
    &memory::FORGET,
    &memory::FORGET_DUCKDB,
    &memory_upkeep::VERIFY_FORGOTTEN,
    &memory_upkeep::VERIFY_FORGOTTEN_DUCKDB,
    &memory::RESTORE,
    &memory::RESTORE_DUCKDB,
    &memory_reads::CONTEXT,
    &memory_reads::HISTORY,
    &memory_reads::SOURCES,
    &memory_reads::SIMILAR,
    &memory_reads::TIMELINE,
    &memory_reads::REVIEW_DUE,
    &memory_reads::STATS,
    &memory_upkeep::UPKEEP,
    &memory_upkeep::CONSOLIDATE,
    &memory_upkeep::CONSOLIDATE_DUCKDB,
    &memory_many::HASH,
    &strength::RETENTION,
    &strength::FSRS_NEXT,
    &strength::ACTIVATION,
    &strength::IMPORTANCE,
    &strength::EMOTION,
    &extract::EXTRACT,
    &facts::FACT_ADD,
    &facts::FACT_ADD_DUCKDB,
    &facts::ENTITY_MERGE,
    &facts::ENTITY_MERGE_DUCKDB,
    &facts::FACTS,
    &neighbors::NEIGHBORS,
    &neighbors::PATHS,
    &neighbors::PAGERANK,
    &forecast::FORECAST,
    &forecast::BACKTEST,
    &anomalies::ANOMALIES,
    &anomalies::CHANGEPOINTS,
    &decompose::DECOMPOSE,
    &decompose::SEASONS,
    &outliers::OUTLIERS,
    &series_of::FORECAST_OF,
    &series_of::ANOMALIES_OF,
    &series_of::CHANGEPOINTS_OF,
    &charts::SUGGEST,
    &charts::CHART,
    &charts::SVG,
    &checks::CHECK_OF,
    &checks::SUGGEST,
    &checks::CHECK,
    &checks::DROP,
    &checks::CHECKS,
    &checks::RUN,
    &checks::QUARANTINE,
    &checks::RESTORE,
    &checking::REGEXP,
    &checking::SUM,
    &alerts::ALERT,
    &alerts::DROP,
    &alerts::ALERTS,
    &alerts::RUN,
    &learn::LEARN,
    &learn::LEARN_VALUES,
    &ask::ASK,
    &ask::TO_SQL,
    &ask::TO_SQL_DUCKDB,
    &ask::PARSE,
    &ask::LINK,
    &llm::CONFIGURE,
    &llm::LOG,
    &session::HISTORY,
    &session::RESET,
    &session::RESET_DUCKDB,
    &taught::SYNONYM_ADD,
    &taught::SYNONYM_ADD_DUCKDB,
    &taught::METRIC_DEFINE,
    &taught::METRIC_DEFINE_DUCKDB,
    &taught::DESCRIBE,
    &taught::DESCRIBE_DUCKDB,
    &taught::VERIFIED_ADD,
    &taught::VERIFIED_ADD_DUCKDB,
    &taught::VERIFIED_REMOVE,
    &taught::VERIFIED_LIST,
    &taught::FEEDBACK,
    &taught::FEEDBACK_DUCKDB,
    &taught::LEARNED,
    &taught::UNLEARN,
    &taught::DDL_DUCKDB,
    &gate::VALIDATE_SQL,
    &fix::FIX_SQL,
    &words::EXPLAIN_SQL,
    &suggest::NARRATE,
    &suggest::AUTOCOMPLETE,
    &suggest::SUGGEST_QUESTIONS,
    &profile::PROFILE,
    &profile::COLUMN_OF,
    &drivers::DRIVERS,
    &patterns::PATTERNS,
    &correlate::CORRELATE,
    &correlate::FEATURES,
    &regress::REGRESS,
    &decide::DECIDE,
    &deciding::WEIGHTS,
    &whatif::WHATIF,
    &simulate::SIMULATE,
    &simulate::SENSITIVITY,
    &deciding::DRAW,
    &deciding::RISK,
    &deciding::VAR,
    &deciding::CVAR,
];

/// The functions of SQLite that write what is there after the statement: tables, files, models.
const WRITING: &[&Function] = &[
    &exec::EXEC,
    &export::EXPORT,
    &load::LOAD,
    &track::TRACK,
    &untrack::UNTRACK,
    &resync::RESYNC,
    &repair::REPAIR,
    &optimize::OPTIMIZE,
    &tier::TIER,
    &tier::RUN,
    &tier::UNTIER,
    &models::MODEL_ADD,
    &models::MODEL_REMOVE,
    &models::MODEL_LOCK,
    &indexes::INDEX_DROP,
    &memory::INIT,
    &memory::ADD,
    &memory_many::ADD_MANY,
    &memory::SUPERSEDE,
    &memory::UPDATE,
    &memory::PIN,
    &memory::FEEDBACK,
    &memory::REVIEW,
    &memory::TOUCH,
    &memory::FORGET,
    &memory::RESTORE,
    &memory_upkeep::CONSOLIDATE,
    &facts::FACT_ADD,
    &facts::ENTITY_MERGE,
    &checks::CHECK,
    &checks::DROP,
    &checks::QUARANTINE,
    &checks::RESTORE,
    &alerts::ALERT,
    &alerts::DROP,
    &alerts::RUN,
    &taught::SYNONYM_ADD,
    &taught::METRIC_DEFINE,
    &taught::DESCRIBE,
    &taught::VERIFIED_ADD,
    &taught::VERIFIED_REMOVE,
    &taught::FEEDBACK,
    &taught::UNLEARN,
    &llm::CONFIGURE,
    &session::RESET,
];

/// Whether the function of SQLite with this name writes.
pub fn writes(name: &str) -> bool {
    WRITING.iter().any(|function| function.name == name)
}

/// The function with this name, SQLite's if DuckDB has another; a module for CREATE VIRTUAL TABLE only if no
/// function has its name.
pub fn find(name: &str) -> Option<&'static Function> {
    let named = || FUNCTIONS.iter().copied().filter(|f| f.name == name);
    named().find(|f| f.kind != Kind::Module).or(named().next())
}

/// The first function of the list that a statement of SQLite names, in whichever case or quotes.
pub fn named_in(tokens: &[Token]) -> Option<&'static str> {
    tokens.iter().find_map(|token| match token {
        Token::Word(name) | Token::Quoted(name) | Token::DoubleQuoted(name) => {
            find(&name.to_ascii_lowercase()).map(|f| f.name)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Kind, named_in};
    use crate::Engines;
    use crate::route::tokens::tokens;

    #[test]
    fn names_are_lumos_and_unique() {
        for (i, f) in FUNCTIONS.iter().enumerate() {
            let rest = f.name.strip_prefix("lumos_").unwrap_or_default();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(!rest.is_empty() && rest.chars().all(plain), "{}", f.name);
            assert!(
                FUNCTIONS[..i].iter().all(|g| g.name != f.name
                    || (g.kind == Kind::Module) != (f.kind == Kind::Module)
                    || [g.engines, f.engines] == [Engines::Sqlite, Engines::DuckDb]),
                "{} is listed twice",
                f.name
            );
        }
    }

    /// Of each function that is more than its arguments it is said whether it writes.
    #[test]
    fn what_writes_is_known() {
        const READING: &[&str] = &[
            "lumos_debug",
            "lumos_attach",
            "lumos_detach",
            "lumos_lock",
            "lumos_query",
            "lumos_auto",
            "lumos_route",
            "lumos_table",
            "lumos_import",
            "lumos_scalar",
            "lumos_arrow",
            "lumos_explain",
            "lumos_cache_stats",
            "lumos_sync",
            "lumos_status",
            "lumos_lag",
            "lumos_changes",
            "lumos_schema_log",
            "lumos_verify",
            "lumos_tiers",
            "lumos_vec",
            "lumos_compat",
            "lumos_topk",
            "lumos_models",
            "lumos_memory_verify_forgotten",
            "lumos_checks",
            "lumos_check_run",
            "lumos_alerts",
            "lumos_to_sql",
        ];
        for f in FUNCTIONS {
            if f.engines != Engines::DuckDb && matches!(f.body, crate::Body::Host) {
                let reads = READING.contains(&f.name);
                assert_ne!(reads, super::writes(f.name), "{}", f.name);
            }
        }
    }

    #[test]
    fn functions_are_seen_in_any_writing() {
        let named = |sql| named_in(&tokens(sql).unwrap_or_default());
        assert_eq!(named("SELECT * FROM LUMOS_Query('x')"), Some("lumos_query"));
        assert_eq!(named("SELECT \"lumos_sync\"()"), Some("lumos_sync"));
        assert_eq!(named("SELECT 'lumos_sync', lumos_other FROM t"), None);
    }

    /// The SQL of DuckDB hands them on by their names.
    #[test]
    fn columns_of_folds_are_named_once() {
        for fold in FUNCTIONS.iter().filter_map(|f| f.fold()) {
            for (i, column) in fold.input.iter().enumerate() {
                let others = &fold.input[..i];
                let named = others.iter().any(|other| other.name == column.name);
                assert!(!named, "{} has two columns {}", fold.name, column.name);
            }
        }
    }

    #[test]
    fn params_are_named_once_and_optional_ones_are_last() {
        for f in FUNCTIONS {
            assert!(
                f.params.is_sorted_by_key(|p| p.optional),
                "{}",
                f.signature()
            );
            for (i, p) in f.params.iter().enumerate() {
                assert!(
                    f.params[..i].iter().all(|q| q.name != p.name),
                    "{}",
                    f.signature()
                );
            }
        }
    }
}
