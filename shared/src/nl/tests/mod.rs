//! The parts of the reading of questions, on a small database.

mod awkward;
mod chinese;
mod databases;
mod follow;
mod kinds;
mod metrics;
mod numbers;
mod ranks;
mod shop;
mod sure;
mod talk;
mod times;

use super::catalog::{Catalog, Column, ColumnKind, ColumnRef, ForeignKey, Table};
use super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right};
use super::joins::Trees;
use super::print::{Dialect, Printer};
use super::tokens::{fold, tokens};

/// A table whose first column is its key.
fn table(name: &str, columns: &[(&str, ColumnKind)]) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        ..Column::default()
    });
    Table {
        name: name.to_owned(),
        columns: columns.collect(),
        primary_key: vec![0],
        ..Table::default()
    }
}

/// `owner(id, name)`, `pet(id, owner_id, kind)`, `visit(id, pet_id, day)`.
fn pets() -> Catalog {
    let (number, text) = (ColumnKind::Integer, ColumnKind::Text);
    let mut catalog = Catalog {
        tables: vec![
            table("owner", &[("id", number), ("name", text)]),
            table(
                "pet",
                &[("id", number), ("owner_id", number), ("kind", text)],
            ),
            table(
                "visit",
                &[
                    ("id", number),
                    ("pet_id", number),
                    ("day", ColumnKind::Date),
                ],
            ),
        ],
        ..Catalog::default()
    };
    catalog.values.add(at(1, 2), "Cat's \"paw\"");
    catalog.values.finish();
    catalog.finish();
    catalog
}

fn at(table: usize, column: usize) -> ColumnRef {
    ColumnRef { table, column }
}

#[test]
fn keys_are_inferred_by_their_names() {
    let keys: Vec<_> = pets().keys.into_iter().map(|k| k.columns).collect();
    assert_eq!(
        keys,
        [vec![(at(1, 1), at(0, 0))], vec![(at(2, 1), at(1, 0))]]
    );
}

#[test]
fn joins_go_by_the_shortest_way() {
    let catalog = pets();
    let joined = Trees::new(&catalog, &|_: &ForeignKey| false).tree(&[0, 2]);
    let joined = joined.map(|t| (t.first, t.rest.iter().map(|r| r.0).collect::<Vec<_>>()));
    assert_eq!(joined, Some((0, vec![1, 2])));
    let mut alone = catalog;
    alone.keys.clear();
    assert_eq!(
        Trees::new(&alone, &|_: &ForeignKey| false).tree(&[0, 2]),
        None
    );
}

#[test]
fn names_are_quoted_and_values_are_literals() {
    let mut catalog = pets();
    catalog.tables[1].columns[2].name = "the \"kind\"".to_owned();
    let query = Query {
        select: vec![Expr::Column(at(0, 1))],
        filters: vec![Filter {
            left: Expr::Column(at(1, 2)),
            op: Compare::Eq,
            right: Right::One(Literal::Text("x'; DROP TABLE owner; --\0".to_owned())),
            or: false,
        }],
        ..Query::default()
    };
    let printer = Printer {
        catalog: &catalog,
        dialect: Dialect::Sqlite,
        trees: &Trees::new(&catalog, &|_| false),
    };
    assert_eq!(
        printer.query(&query).as_deref(),
        Some(
            "SELECT \"owner\".\"name\" FROM \"owner\" JOIN \"pet\" ON \"pet\".\"owner_id\" = \"owner\".\"id\" \
             WHERE \"pet\".\"the \"\"kind\"\"\" = 'x''; DROP TABLE owner; --'"
        )
    );
}

#[test]
fn what_is_shown_has_names_that_differ_from_each_other_and_from_columns() {
    let mut catalog = pets();
    catalog.tables[1].columns[2].name = "Count".to_owned();
    catalog.tables[2].columns[2].name = "Name".to_owned();
    let count = || Expr::Aggregate(Aggregate::Count, false, None);
    let column = |table, column| Expr::Column(at(table, column));
    let trees = Trees::new(&catalog, &|_| false);
    for (select, names) in [
        (vec![count()], " AS \"count\""),
        (vec![column(0, 1), column(2, 2)], " AS \"visit_Name\""),
        (vec![column(1, 1), count()], " AS \"count2\""),
        (vec![count(), count()], " AS \"count\" AS \"count2\""),
    ] {
        let group = select.iter().filter(|e| matches!(e, Expr::Column(_)));
        let query = Query {
            group: group.cloned().collect(),
            tables: vec![0],
            select,
            ..Query::default()
        };
        for dialect in [Dialect::Sqlite, Dialect::DuckDb] {
            let printer = Printer {
                catalog: &catalog,
                dialect,
                trees: &trees,
            };
            let sql = printer.query(&query).expect("SQL");
            let list = sql.split(" FROM ").next().unwrap_or_default();
            let said: String = list
                .split(", ")
                .filter_map(|item| Some(format!(" AS {}", item.split_once(" AS ")?.1)))
                .collect();
            assert_eq!(said, names, "{sql}");
        }
    }
}

#[test]
fn values_are_found_in_any_case_and_punctuation() {
    let catalog = pets();
    let found: Vec<_> = catalog.values.find(&fold("CATS paw!")).collect();
    assert_eq!(found, [(at(1, 2), "Cat's \"paw\"")]);
    assert_eq!(catalog.values.find("cat").count(), 0);
}

#[test]
fn questions_are_cut_into_words_numbers_and_quoted_texts() {
    let words =
        |question: &str| -> Vec<String> { tokens(question).into_iter().map(|t| t.lower).collect() };
    assert_eq!(
        words("Which owner's pets aren't 'Big Dogs'?"),
        ["which", "owner", "pets", "are", "not", "big dogs", "?"]
    );
    let numbers: Vec<_> = tokens("1,500 or 2.5k or three of 1986-11-13")
        .into_iter()
        .map(|t| t.number)
        .collect();
    assert_eq!(
        numbers,
        [
            Some(1500.0),
            None,
            Some(2500.0),
            None,
            Some(3.0),
            None,
            None
        ]
    );
    for odd in [
        "",
        "'",
        "''",
        "\"\"",
        "it's '",
        "\u{feff}?",
        "1.",
        "1,",
        "-",
    ] {
        let _ = tokens(odd);
    }
}

#[test]
fn a_question_without_a_word_that_asks_is_not_understood() {
    let shop = shop::shop();
    for question in [
        "",
        " ",
        "?",
        "?!",
        "the of",
        "\u{1f600}",
        "\u{200f}",
        "\0",
        "''",
    ] {
        for reading in shop.read(&[], question, Dialect::Sqlite) {
            assert_eq!(reading.confidence, 0.0, "{question:?}: {}", reading.sql);
        }
    }
}

#[test]
fn what_is_not_read_of_a_question_is_not_understood() {
    let shop = shop::shop();
    let asked = "how many customers are there";
    let all = |end: &str| format!("{asked}{}{end}", " ".repeat(super::tokens::LONGEST));
    let first = |question: &str| shop.read(&[], question, Dialect::Sqlite).remove(0);
    assert_eq!(first(&all("in Germany")).confidence, 0.0);
    assert_eq!(first(&all("")).confidence, first(asked).confidence);
}

#[test]
fn a_long_question_costs_no_more_for_each_word_and_can_be_stopped() {
    use std::cell::Cell;
    let shop = shop::shop();
    let question =
        |words: usize| "the most orders of customers in Germany by month, ".repeat(words / 9);
    let asked = |most: usize, question: &str| {
        let asked = Cell::new(0_usize);
        let stopped = || {
            asked.set(asked.get() + 1);
            asked.get() > most
        };
        let reader = super::reader::Reader {
            catalog: &shop.catalog,
            vocabulary: &shop.vocabulary,
            model: super::model(),
            dialect: Dialect::Sqlite,
            now: None,
            stopped: &stopped,
        };
        let found = super::parse::candidates(&reader, question, 5);
        (found.len(), asked.get())
    };
    let (found, times) = asked(usize::MAX, &question(90));
    assert!(found > 0 && times > 90, "{found} {times}");
    // Whenever it is stopped, it ends at the next word or reading, both times that it may read.
    for most in [0, 1, 50, times - 1] {
        let (found, times) = asked(most, &question(90));
        assert_eq!(
            (found, times.saturating_sub(most) <= 2),
            (0, true),
            "{most}: {times}"
        );
    }
}
