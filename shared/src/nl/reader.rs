//! What the reading of questions needs: a database, its words, the weights.

use super::catalog::{Catalog, ColumnKind, ColumnRef};
use super::chinese::{chinese_consonants, chinese_tokens, distance, is_chinese, latin_consonants};
use super::link::Vocabulary;
use super::model::Model;
use super::print::Dialect;
use super::tokens::{Token, fold, tokens};
use crate::program::Stopped;

/// What readings of questions need.
pub struct Reader<'a> {
    /// The database.
    pub catalog: &'a Catalog,
    /// Its words.
    pub vocabulary: &'a Vocabulary,
    /// The weights.
    pub model: &'a Model,
    /// For which engine SQL is written.
    pub dialect: Dialect,
    /// The time now, in seconds since 1970. Without it "last month" is told from the latest time in the data.
    pub now: Option<i64>,
    /// Whether the caller wants the reading to end, which then finds nothing.
    pub stopped: Stopped<'a>,
}

impl Reader<'_> {
    /// Whether any column has times.
    pub fn has_times(&self) -> bool {
        let mut columns = self.catalog.tables.iter().flat_map(|t| &t.columns);
        columns.any(|c| c.kind == ColumnKind::Date && c.times().is_some())
    }

    /// The time now, or the latest of all columns.
    pub fn latest(&self) -> Option<i64> {
        let columns = self.catalog.tables.iter().flat_map(|t| &t.columns);
        self.now
            .or_else(|| columns.filter_map(|c| Some(c.times()?.1)).max())
    }
}

/// The columns that say what a row of a table is called, the first of several that have a title, both parts of a
/// person's name.
pub fn shown_names(catalog: &Catalog, table: usize) -> Vec<ColumnRef> {
    let all = name_of(catalog, table);
    let person = all
        .iter()
        .all(|c| super::catalog::words(&catalog.at(*c).name).len() == 2);
    if person {
        all
    } else {
        all.into_iter().take(1).collect()
    }
}

/// The columns that say what a row of a table is called.
pub fn name_of(catalog: &Catalog, table: usize) -> Vec<ColumnRef> {
    let t = &catalog.tables[table];
    let own = super::catalog::words(&t.name);
    let find = |want: &str, alone: bool| -> Vec<ColumnRef> {
        let mut all = Vec::new();
        for (column, c) in t.columns.iter().enumerate() {
            let words = super::catalog::words(&c.name);
            let others = words
                .iter()
                .filter(|w| *w != want && !own.contains(w))
                .count();
            if words.iter().any(|w| w == want) && (others == 0 || !alone) {
                all.push(ColumnRef { table, column });
            }
        }
        all
    };
    let named = find("name", true);
    if !named.is_empty() {
        return named;
    }
    let part = |part: &str| {
        t.columns.iter().position(|c| {
            let words = super::catalog::words(&c.name);
            words.iter().any(|w| w == part) && words.iter().any(|w| w == "name")
        })
    };
    if let (Some(first), Some(last)) = (part("first"), part("last")) {
        return vec![
            ColumnRef {
                table,
                column: first,
            },
            ColumnRef {
                table,
                column: last,
            },
        ];
    }
    let titled = find("title", true);
    if !titled.is_empty() {
        return titled;
    }
    for (want, alone) in [
        ("name", false),
        ("title", false),
        ("label", false),
        ("description", true),
        ("code", true),
    ] {
        if let Some(first) = find(want, alone).first() {
            return vec![*first];
        }
    }
    // A table of few columns is called by its first text.
    let text = t
        .columns
        .iter()
        .position(|c| c.kind == ColumnKind::Text && tells_apart(c, t.rows))
        .filter(|_| t.columns.len() < 8);
    text.or(t.primary_key.first().copied())
        .filter(|column| *column < t.columns.len())
        .map(|column| vec![ColumnRef { table, column }])
        .unwrap_or_default()
}

/// Whether most rows have a text of their own: a status has few.
fn tells_apart(column: &super::catalog::Column, rows: Option<u64>) -> bool {
    match (column.distinct, rows) {
        (Some(distinct), Some(rows)) => distinct * 2 >= rows,
        _ => true,
    }
}

/// How far from a name in Chinese one of the data may sound, for each sound of it.
const ALIKE: f32 = 0.3;

/// Most names that are looked through by their sound.
const SPOKEN: usize = 20_000;

/// Most values of a column whose names may be asked for by their sound.
const OF_COLUMN: u64 = 5_000;

/// Names with how they sound, of columns that have few.
fn spoken_names(catalog: &Catalog) -> Vec<(Vec<u8>, &str)> {
    let few: Vec<Vec<bool>> = catalog
        .tables
        .iter()
        .map(|t| {
            let columns = t.columns.iter();
            columns
                .map(|c| c.distinct.is_none_or(|n| n <= OF_COLUMN))
                .collect()
        })
        .collect();
    let named = catalog.values.all().filter(|(column, value)| {
        few.get(column.table)
            .and_then(|t| t.get(column.column))
            .is_some_and(|few| *few)
            && value.len() <= 40
            && value.is_ascii()
    });
    named
        .take(SPOKEN)
        .map(|(_, value)| (latin_consonants(value), value))
        .collect()
}

/// The tokens of a question, in either language.
pub fn question_tokens(catalog: &Catalog, vocabulary: &Vocabulary, question: &str) -> Vec<Token> {
    question_words(catalog, vocabulary, question).0
}

/// The tokens of a question, in either language, and where it has words that are none, since they mean nothing here.
pub fn question_words(
    catalog: &Catalog,
    vocabulary: &Vocabulary,
    question: &str,
) -> (Vec<Token>, Vec<std::ops::Range<usize>>) {
    if !is_chinese(question) {
        return (tokens(question), Vec::new());
    }
    let known = |text: &str| {
        vocabulary.knows(text)
            || text.chars().count() > 1 && catalog.values.find(&fold(text)).next().is_some()
    };
    let spoken: std::cell::OnceCell<Vec<(Vec<u8>, &str)>> = std::cell::OnceCell::new();
    let sounds = |text: &str| {
        let wanted = chinese_consonants(text);
        if wanted.len() < 2 {
            return None;
        }
        let mut best: Option<(f32, &str)> = None;
        for (there, value) in spoken.get_or_init(|| spoken_names(catalog)) {
            if there.len().abs_diff(wanted.len()) > 3 {
                continue;
            }
            let d = distance(&wanted, there);
            if best.is_none_or(|(b, _)| d < b) {
                best = Some((d, value));
            }
        }
        best.filter(|(d, _)| *d <= ALIKE * wanted.len() as f32 * 0.7)
            .map(|(_, v)| v.to_owned())
    };
    let thing = |stem: &str| vocabulary.tables_named(stem);
    let measure = |stem: &str| {
        let named = vocabulary.columns_meant(stem);
        named
            .iter()
            .any(|c| catalog.at(*c).kind.is_number() && !catalog.is_key(*c))
            || vocabulary.is_metric(stem)
    };
    chinese_tokens(question, &known, &sounds, &thing, &measure)
}
