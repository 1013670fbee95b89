//! Which tables a virtual table keeps its data in: those whose names its module makes, and no others.

use super::index::virtual_module;

/// What a table is to a virtual table whose name its own begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shadow {
    /// An ordinary table that is named alike.
    No,
    /// One of its module's tables.
    Yes,
    /// The module is not known: the name alone says nothing.
    Unknown,
}

/// The modules that keep tables, with the endings of their names after `_`. `#` is for two digits.
const MODULES: &[(&[&str], &[&str])] = &[
    (
        &["fts3", "fts4"],
        &["content", "docsize", "segdir", "segments", "stat"],
    ),
    (&["fts5"], &["config", "content", "data", "docsize", "idx"]),
    (
        &["rtree", "rtree_i32", "geopoly"],
        &["node", "parent", "rowid"],
    ),
    (&["lumos_vec"], &["rows", "vectors", "blocks", "meta"]),
    (
        &["vec0"],
        &[
            "chunks",
            "rowids",
            "info",
            "auxiliary",
            "vector_chunks#",
            "metadatachunks#",
            "metadatatext#",
            // Lumos in its place.
            "rows",
            "vectors",
            "blocks",
            "meta",
        ],
    ),
    (&["vss0"], &["index", "data"]),
    (&["spellfix1"], &["vocab"]),
];

/// Modules that keep no tables.
const WITHOUT: &[&str] = &[
    "amatch",
    "approximate_match",
    "carray",
    "closure",
    "transitive_closure",
    "csv",
    "dbstat",
    "fsdir",
    "fts3tokenize",
    "fts4aux",
    "fts5vocab",
    "generate_series",
    "json_each",
    "json_tree",
    "lumos_query",
    "lumos_table",
    "sqlite_stmt",
    "swarmvtab",
    "unionvtab",
    "zipfile",
];

impl Shadow {
    /// What `table` is to the virtual table `name` with this CREATE statement; `None` if its name does not begin
    /// with `name_`.
    pub fn of(table: &str, name: &str, sql: &str) -> Option<Shadow> {
        let start = table.get(..name.len())?;
        let suffix = table.get(name.len()..)?.strip_prefix('_')?;
        if !start.eq_ignore_ascii_case(name) {
            return None;
        }
        let module = virtual_module(sql).unwrap_or_default();
        let is_module = |m: &str| m.eq_ignore_ascii_case(&module);
        if let Some((_, endings)) = MODULES.iter().find(|(m, _)| m.iter().any(|m| is_module(m))) {
            let is_own = endings.iter().any(|e| matches(suffix, e));
            return Some(if is_own { Shadow::Yes } else { Shadow::No });
        }
        Some(if WITHOUT.iter().any(|m| is_module(m)) {
            Shadow::No
        } else {
            Shadow::Unknown
        })
    }
}

fn matches(suffix: &str, pattern: &str) -> bool {
    let Some(stem) = pattern.strip_suffix('#') else {
        return suffix.eq_ignore_ascii_case(pattern);
    };
    let digits = suffix.get(stem.len()..).unwrap_or_default();
    suffix.len() == stem.len() + 2
        && digits.bytes().all(|b| b.is_ascii_digit())
        && suffix[..stem.len()].eq_ignore_ascii_case(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_its_own_tables_and_no_others() {
        for (modules, endings) in MODULES {
            for module in *modules {
                let sql = format!("CREATE VIRTUAL TABLE \"Notes\" USING {module}(a, b)");
                for suffix in *endings {
                    let suffix = suffix.replace('#', "07");
                    let table = format!("notes_{suffix}");
                    assert_eq!(
                        Shadow::of(&table, "Notes", &sql),
                        Some(Shadow::Yes),
                        "{sql} {table}"
                    );
                    let longer = format!("{table}_2");
                    assert_eq!(
                        Shadow::of(&longer, "Notes", &sql),
                        Some(Shadow::No),
                        "{sql} {longer}"
                    );
                }
                for suffix in ["archive", "log", "", "data2", "x_data"] {
                    let table = format!("notes_{suffix}");
                    assert_eq!(
                        Shadow::of(&table, "Notes", &sql),
                        Some(Shadow::No),
                        "{sql} {table}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_names_and_other_modules() {
        let of = |table, sql| Shadow::of(table, "é", sql);
        assert_eq!(
            of(
                "é_data",
                "create virtual table if not exists é using FTS5(x)"
            ),
            Some(Shadow::Yes)
        );
        assert_eq!(
            of("é_data", "CREATE VIRTUAL TABLE é USING \"fts5\"(x)"),
            Some(Shadow::Yes)
        );
        assert_eq!(
            of("é_data", "CREATE VIRTUAL TABLE é USING own(x)"),
            Some(Shadow::Unknown)
        );
        assert_eq!(
            of("é_data", "CREATE VIRTUAL TABLE é USING csv(x)"),
            Some(Shadow::No)
        );
        assert_eq!(of("édata", "CREATE VIRTUAL TABLE é USING fts5(x)"), None);
        assert_eq!(of("e", "CREATE VIRTUAL TABLE é USING fts5(x)"), None);
    }
}
