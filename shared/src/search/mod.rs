//! The SQL that searches in DuckDB are: `FROM query(lumos_search('docs(id, e, h)', q, 10))`.
//!
//! With a column of hashes the text has two parts. The first reads id and hash of every row that the filter leaves,
//! and searches those vectors that are held in memory (see [`cache`]). The second reads the vectors of the
//! rows that the first did not know, measures them exactly, has them held from then on, and puts all that was found
//! in order. Both see the transaction that they run in. That a row's hash is its vector's is what the table's own
//! CHECK says, and the text looks for that at every run.
//!
//! The text says once what is searched for, the vector too, as [`ScanSpec`]; the second part has that from the first.
//! Anyone may write such a text, so nothing that it says is relied on beyond its own answer: whoever holds a vector
//! computes its hash.
//!
//! Both parts take a list of queries too, so that many are searched for at once: [`search_many`].

mod account;
mod batch;
pub mod cache;
mod hybrid;
pub mod inverted_index;
mod knn;
pub mod options;
mod recall;
mod spec;
pub mod stages;
mod table_ref;
mod target;
pub mod vector_index;

use crate::options::{OptionDef, Options};
use crate::{Error, Result};
use knn::KnnQuery;
use options::{KIND, MEMORY_LIMIT, METRIC, SearchOptions};
use table_ref::{TableRef, check_text};
use target::Target;

pub use batch::search_many;
pub use hybrid::{Bm25Spec, HYBRID_OPTIONS, POOL, hybrid};
pub use recall::{RECALL, RECALL_OPTIONS, recall};
pub use spec::ScanSpec;
pub use table_ref::proven;

/// Rows where `k` is not given.
pub const K: i64 = 10;

/// The options of a search.
pub const OPTIONS: &[OptionDef] = without_first(without_first(HYBRID_OPTIONS));

const fn without_first(options: &'static [OptionDef]) -> &'static [OptionDef] {
    match options.split_first() {
        Some((_, others)) => others,
        None => &[],
    }
}

/// The SQL of a search for the `k` rows of `target` nearest to `query`. Errors if `target` is no table with columns,
/// `k` is negative, or an option is wrong.
pub fn search(target: &str, query: &[f32], k: i64, options: Option<&str>) -> Result<String> {
    let target = Target::parse(target)?;
    let knn = KnnQuery {
        target: &target,
        options: &read_options(options, OPTIONS)?,
        k: count("k", k)?,
        query: Some(query),
    };
    Ok(TableRef::of(&target).finish(knn.one()))
}

/// The name of the index that a search of these columns has, hashes among them; or its end, where database or schema is
/// not given.
pub fn index_name(target: &str) -> Option<String> {
    let target = Target::parse(target).ok()?;
    Some(knn::name(&target, &target.vector).to_ascii_lowercase())
}

/// The SQL of a search for nothing.
pub fn nothing() -> String {
    "SELECT NULL::BIGINT AS id, NULL::DOUBLE AS distance, NULL::BIGINT AS rank WHERE false".into()
}

fn read_options(text: Option<&str>, known: &[OptionDef]) -> Result<SearchOptions> {
    checked(&Options::parse(known, text)?)
}

/// The options as they are used.
fn checked(given: &Options) -> Result<SearchOptions> {
    let options = SearchOptions::new(given)?;
    check_text("filter", options.filter.as_deref().unwrap_or_default())?;
    for id in options.ids.iter().flatten() {
        check_text("ids", id.as_str().unwrap_or_default())?;
    }
    Ok(options)
}

/// Errors if an option is given that a table of `lumos_vec` says in SQLite.
pub fn refuse_in_sqlite(given: &Options) -> Result<()> {
    refuse(
        given,
        &[METRIC, KIND, MEMORY_LIMIT],
        "SQLite; what USING lumos_vec(...) says holds for all searches",
    )
}

/// Errors if one of these options is given, which an engine does not take.
fn refuse(given: &Options, options: &[OptionDef], engine: &str) -> Result<()> {
    match options.iter().find(|o| given.get(o.name).is_some()) {
        Some(option) => Err(Error::new(format!(
            "{} is no option in {engine}",
            option.name
        ))),
        None => Ok(()),
    }
}

/// A number of rows.
fn count(name: &str, value: i64) -> Result<i64> {
    match value {
        0.. => Ok(value),
        _ => Err(Error::new(format!(
            "{name} is {value}; give a whole number from 0 on"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_written_as_it_is_and_a_short_one_when_it_is_bound() {
        let full = search("a.b.T(id, e, h)", &[1.0], 3, None).unwrap();
        assert!(full.contains("FROM \"a\".\"b\".\"T\" AS \"T\""));
        assert!(!full.contains("query(") && !full.contains('\0'));
        for (name, schema) in [("T", true), ("\"it's {0}\".T", false)] {
            let short = search(&format!("{name}(id, e, h)"), &[1.0], 3, None).unwrap();
            assert_eq!(short.contains("current_schema()"), schema);
            assert!(short.contains("current_database()") && !short.contains('\0'));
        }
    }

    #[test]
    fn the_vector_stands_once_and_no_text_has_a_nul() {
        for target in ["T(id, e, h)", "a.b.T(id, e, h)", "T(id, e)"] {
            let sql = search(target, &[1.5; 3], 3, None).unwrap();
            assert_eq!(sql.matches("3fc000003fc000003fc00000").count(), 1, "{sql}");
        }
        for (target, options) in [
            ("\"a\0n\"(id, e, h)", "{}"),
            ("t(id, \"e\0\", h)", "{}"),
            ("t(id, e, h)", r#"{"filter": "x = '\u0000n'"}"#),
            ("t(id, e, h)", r#"{"ids": ["\u0000l"]}"#),
        ] {
            let refused = search(target, &[1.0], 3, Some(options))
                .unwrap_err()
                .to_string();
            assert!(
                refused.contains("NUL") || refused.contains("no table"),
                "{refused}"
            );
        }
    }
}
