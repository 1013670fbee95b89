//! What people have taught of a database: words for its tables and columns, quantities with a name, questions with the right
//! SQL, and which answers were right. It stands in an ordinary table of the database, `lumos_language`, which any program can
//! read and write; so nothing in it is trusted, and what is not right is left out.

use std::collections::BTreeSet;

use super::catalog::{Catalog, Metric, Synonym, Target};
use super::feedback::Weights;
use super::tokens::fold;
use crate::gate::text::normalized;
use crate::sql::identifier;
use crate::sql::lexer::{self, Dialect, Kind};
use crate::{Error, Result, Type, Value};

/// The table.
pub const TABLE: &str = "lumos_language";

/// Makes the table, in either engine.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS lumos_language(kind TEXT NOT NULL, word TEXT NOT NULL, meaning TEXT NOT NULL, \
     good INTEGER NOT NULL DEFAULT 0, bad INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, word, meaning))";

/// The most rows of the table that are read, in the order of its key.
pub const MOST: usize = 10_000;

/// The longest text of a row, in bytes.
const LONGEST: usize = 4_096;

/// The kinds of rows.
pub const KINDS: &[&str] = &["synonym", "metric", "description", "verified", "feedback"];

/// The columns of `lumos_learned`.
pub const COLUMNS: &[(&str, Type)] = &[
    ("kind", Type::Text),
    ("word", Type::Text),
    ("meaning", Type::Text),
    ("good", Type::Integer),
    ("bad", Type::Integer),
    ("weight", Type::Real),
    ("ignored", Type::Text),
];

/// The columns of a row for the table.
pub const ROW_COLUMNS: &[(&str, Type)] = &[
    ("kind", Type::Text),
    ("word", Type::Text),
    ("meaning", Type::Text),
    ("good", Type::Integer),
    ("bad", Type::Integer),
];

/// The columns of `lumos_verified_list`.
pub const VERIFIED_COLUMNS: &[(&str, Type)] = &[
    ("question", Type::Text),
    ("sql", Type::Text),
    ("ignored", Type::Text),
];

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taught {
    /// One of [`KINDS`].
    pub kind: String,
    /// The synonym, the name, what is described, or the question.
    pub word: String,
    /// What it means: a table or column, an expression, a text, or SQL.
    pub meaning: String,
    /// How often an answer was right.
    pub good: i64,
    /// How often it was not.
    pub bad: i64,
}

/// A row, how much it counts, and why it is left out, if it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The row.
    pub row: Taught,
    /// How much a pair of a word and a name counts.
    pub weight: Option<f64>,
    /// Why it is left out.
    pub ignored: Option<String>,
}

impl Listed {
    /// The row of `lumos_learned`.
    pub fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.row.kind.clone()),
            Value::Text(self.row.word.clone()),
            Value::Text(self.row.meaning.clone()),
            Value::Integer(self.row.good),
            Value::Integer(self.row.bad),
            self.weight.map_or(Value::Null, Value::Real),
            self.ignored.clone().map_or(Value::Null, Value::Text),
        ]
    }
}

/// What a name means: a table, `table.column`, or a metric. `None` if there is no such thing.
pub fn target(catalog: &Catalog, name: &str) -> Option<Target> {
    match crate::sql::name_parts(name).as_slice() {
        [name] => {
            let metric = || {
                catalog
                    .metrics
                    .iter()
                    .position(|m| m.name.eq_ignore_ascii_case(name))
            };
            catalog
                .table(name)
                .map(Target::Table)
                .or_else(|| metric().map(Target::Metric))
        }
        [table, column] => catalog
            .column(catalog.table(table)?, column)
            .map(Target::Column),
        _ => None,
    }
}

/// True of a word that a question is compared with, and of which nothing is left to compare: "?" is every question of signs.
pub fn says_nothing(row: &Taught) -> bool {
    matches!(row.kind.as_str(), "synonym" | "metric" | "verified") && fold(&row.word).is_empty()
}

/// The expression of a metric in parentheses, which nothing in it closes.
fn closed(expression: &str, dialect: Dialect) -> Option<String> {
    let mut depth = 0_i64;
    for token in lexer::tokens(expression, dialect) {
        match token.kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            Kind::Sign(';') => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    let text = normalized(&format!("SELECT {expression}"), dialect).ok()?;
    let text = text.strip_prefix("SELECT ")?;
    (depth == 0).then(|| format!("({text})"))
}

/// The metric that an expression is, over the first table of whose columns the gate lets it pass. Errors if it
/// passes over none.
pub fn metric(
    catalog: &Catalog,
    name: &str,
    expression: &str,
    dialect: Dialect,
    passes: &dyn Fn(&str) -> bool,
) -> Result<Metric> {
    let wrong = |why: &str| {
        Error::new(format!(
            "{} is no expression over a table: {why}",
            crate::sql::literal(expression)
        ))
    };
    let sql =
        closed(expression, dialect).ok_or_else(|| wrong("give one like sum(Invoice.Total)"))?;
    let known = |t: &str| {
        let tokens = lexer::tokens(&sql, dialect);
        tokens
            .iter()
            .any(|token| token.unquoted(&sql).eq_ignore_ascii_case(t))
    };
    // A table whose name stands in it first, then one that has a column of it.
    let tables = 0..catalog.tables.len();
    let named = tables.clone().filter(|t| known(&catalog.tables[*t].name));
    let having = tables.filter(|t| catalog.tables[*t].columns.iter().any(|c| known(&c.name)));
    let mut tried = BTreeSet::new();
    for table in named.chain(having) {
        let from = identifier(&catalog.tables[table].name);
        if tried.insert(table) && tried.len() <= 20 && passes(&format!("SELECT {sql} FROM {from}"))
        {
            // Aggregates are not nested, so what can be counted has none.
            if passes(&format!("SELECT count({sql}) FROM {from}")) {
                return Err(wrong(
                    "it has no aggregate; give one like sum(Invoice.Total)",
                ));
            }
            return Ok(Metric {
                name: name.to_owned(),
                sql,
                table,
            });
        }
    }
    Err(wrong(
        "lumos_validate_sql does not let it pass over any table here",
    ))
}

/// Takes what was taught into a catalog, and says of each row what became of it. `passes` is the gate.
pub fn apply(
    catalog: &mut Catalog,
    rows: &[Taught],
    dialect: Dialect,
    passes: &dyn Fn(&str) -> bool,
) -> Vec<Listed> {
    let mut listed = Vec::new();
    // Synonyms may mean metrics.
    let mut rows: Vec<&Taught> = rows.iter().take(MOST).collect();
    rows.sort_by_key(|row| (row.kind != "metric", *row));
    let mut weights = Weights::default();
    for row in rows {
        let ignored = if row.word.len() > LONGEST || row.meaning.len() > LONGEST {
            Some(format!("it is longer than {LONGEST} bytes"))
        } else if says_nothing(row) {
            Some("the word has no letter or digit".into())
        } else {
            match row.kind.as_str() {
                "metric" if catalog.metrics.iter().any(|m| m.name == row.word) => {
                    Some("the name is defined twice".into())
                }
                "metric" => match metric(catalog, &row.word, &row.meaning, dialect, passes) {
                    Ok(metric) => {
                        catalog.metrics.push(metric);
                        None
                    }
                    Err(e) => Some(e.to_string()),
                },
                "synonym" => match target(catalog, &row.meaning) {
                    Some(target) => {
                        catalog.synonyms.push(Synonym {
                            phrase: row.word.clone(),
                            target,
                        });
                        None
                    }
                    None => Some("there is no such table, column or metric".into()),
                },
                "description" => describe(catalog, row),
                "verified" if catalog.verified.iter().any(|(q, _)| *q == fold(&row.word)) => {
                    Some("the question is verified twice".into())
                }
                // The text that the gate has read is the one to run: without comments, and no semicolon ends it.
                "verified" => match normalized(&row.meaning, dialect) {
                    Ok(sql) => {
                        catalog.verified.push((fold(&row.word), sql));
                        None
                    }
                    Err(reason) => Some(reason),
                },
                "feedback" => {
                    weights.add(&row.word, &row.meaning, row.good, row.bad);
                    None
                }
                _ => Some(format!(
                    "there is no kind {}",
                    crate::sql::literal(&row.kind)
                )),
            }
        };
        listed.push(Listed {
            row: row.clone(),
            weight: None,
            ignored,
        });
    }
    listed.extend(
        weights
            .pairs()
            .map(|(stem, name, (good, bad), weight)| Listed {
                row: Taught {
                    kind: "weight".into(),
                    word: stem.to_owned(),
                    meaning: name.to_owned(),
                    good,
                    bad,
                },
                weight: Some((f64::from(weight) * 1000.0).round() / 1000.0),
                ignored: None,
            }),
    );
    catalog.weights = weights;
    listed
}

/// Takes a description: what it names in a few words between commas are synonyms.
fn describe(catalog: &mut Catalog, row: &Taught) -> Option<String> {
    let found = target(catalog, &row.word);
    let text = Some(row.meaning.clone());
    match found {
        Some(Target::Table(table)) => catalog.tables[table].description = text,
        Some(Target::Column(c)) => catalog.tables[c.table].columns[c.column].description = text,
        _ => return Some("there is no such table or column".into()),
    }
    let phrases = row
        .meaning
        .split([',', ';', '，', '；', '、'])
        .map(str::trim);
    let short = phrases
        .filter(|p| !p.is_empty() && p.split_whitespace().count() <= 3 && p.chars().count() <= 40);
    for phrase in short.take(20) {
        catalog.synonyms.extend(found.map(|target| Synonym {
            phrase: phrase.to_owned(),
            target,
        }));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::catalog::{Column, ColumnKind, Table};
    use super::*;

    fn shop() -> Catalog {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            ..Column::default()
        };
        Catalog {
            tables: vec![
                Table {
                    name: "Customer".into(),
                    columns: vec![
                        column("Name", ColumnKind::Text),
                        column("Country", ColumnKind::Text),
                    ],
                    ..Table::default()
                },
                Table {
                    name: "Invoice".into(),
                    columns: vec![column("Total", ColumnKind::Real)],
                    ..Table::default()
                },
            ],
            ..Catalog::default()
        }
    }

    fn row(kind: &str, word: &str, meaning: &str) -> Taught {
        Taught {
            kind: kind.into(),
            word: word.into(),
            meaning: meaning.into(),
            good: 3,
            bad: 0,
        }
    }

    #[test]
    fn what_is_not_right_is_left_out() {
        let mut catalog = shop();
        let rows = [
            row("synonym", "client", "customer"),
            row("synonym", "land", "Customer.country"),
            row("synonym", "x", "nothing"),
            row("synonym", "money", "revenue"),
            row("metric", "revenue", "sum(Invoice.Total)"),
            row("metric", "bad", "1) FROM Customer; DROP TABLE Customer --"),
            row("metric", "worse", "1) FROM Customer UNION SELECT (Name"),
            row(
                "description",
                "Customer",
                "buyers, people who have bought something at least once",
            ),
            row("verified", "How many?", "SELECT 1"),
            row(
                "feedback",
                "list clients",
                "SELECT \"Name\" FROM \"Customer\"",
            ),
            row("other", "x", "y"),
            row("synonym", &"x".repeat(5000), "Customer"),
        ];
        let listed = apply(&mut catalog, &rows, Dialect::Sqlite, &|sql| {
            sql.ends_with("FROM \"Invoice\"") && !sql.starts_with("SELECT count(")
        });
        let ignored: Vec<&str> = listed
            .iter()
            .filter(|l| l.ignored.is_some())
            .map(|l| l.row.word.as_str())
            .collect();
        assert_eq!(ignored.iter().map(|w| &w[..1]).collect::<String>(), "bwxxx");
        assert_eq!(catalog.metrics[0].sql, "(sum(Invoice.Total))");
        assert_eq!(catalog.metrics[0].table, 1);
        let phrases: Vec<&str> = catalog.synonyms.iter().map(|s| s.phrase.as_str()).collect();
        assert_eq!(phrases, ["buyers", "client", "land", "money"]);
        assert_eq!(
            catalog.verified,
            [("how many".to_owned(), "SELECT 1".to_owned())]
        );
        assert!(
            listed
                .iter()
                .any(|l| l.row.kind == "weight" && l.weight == Some(0.347))
        );
    }

    #[test]
    fn words_without_letters_and_numbers_without_an_aggregate_are_left_out() {
        let mut catalog = shop();
        let rows = [
            row("metric", "amount", "Total"),
            row("metric", "?!", "sum(Total)"),
            row("synonym", "😀", "Customer"),
            row("verified", "???", "SELECT 1"),
            row(
                "verified",
                "all of them",
                "SELECT 1 /* one */ FROM Invoice; -- x",
            ),
        ];
        let listed = apply(&mut catalog, &rows, Dialect::Sqlite, &|sql| {
            !sql.starts_with("SELECT count((sum")
        });
        let taken = listed.iter().filter(|l| l.ignored.is_none());
        assert_eq!(
            taken.map(|l| l.row.word.as_str()).collect::<Vec<_>>(),
            ["all of them"]
        );
        // Its text is put into other SQL.
        assert_eq!(
            catalog.verified,
            [("all of them".to_owned(), "SELECT 1 FROM Invoice".to_owned())]
        );
    }

    #[test]
    fn answers_that_were_right_count_and_can_be_taken_back() {
        let mut catalog = shop();
        let (question, sql) = ("list clients", "SELECT \"Name\" FROM \"Customer\"");
        apply(
            &mut catalog,
            &[row("feedback", question, sql)],
            Dialect::Sqlite,
            &|_| true,
        );
        let exact = catalog.weights.of("List  clients!", sql);
        let near = catalog.weights.of("clients of Brazil", sql);
        assert!(exact > near && near > 0.0, "{exact} {near}");
        assert_eq!(catalog.weights.of("something else", sql), 0.0);
        let bad = Taught {
            good: 0,
            bad: 2,
            ..row("feedback", question, sql)
        };
        apply(&mut catalog, &[bad], Dialect::Sqlite, &|_| true);
        assert!(catalog.weights.of(question, sql) < -3.0);
        apply(&mut catalog, &[], Dialect::Sqlite, &|_| true);
        assert_eq!(catalog.weights.of(question, sql), 0.0);
    }
}
