//! Numbers: their units, ranges that are denied, more than an engine counts, and what no engine can run.

use super::super::catalog::{Catalog, ColumnKind, ColumnRef, ForeignKey};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right};
use super::super::joins::Trees;
use super::super::link::Vocabulary;
use super::super::print::{Dialect, Printer};
use super::shop::{Shop, shop};
use super::{at, table};

/// `artist`, `album`, `track` with a length in milliseconds and a size in bytes.
pub fn music() -> Shop {
    let (number, text) = (ColumnKind::Integer, ColumnKind::Text);
    let mut catalog = Catalog {
        tables: vec![
            table("artist", &[("id", number), ("name", text)]),
            table(
                "album",
                &[("id", number), ("title", text), ("artist_id", number)],
            ),
            table(
                "track",
                &[
                    ("id", number),
                    ("name", text),
                    ("album_id", number),
                    ("milliseconds", number),
                    ("bytes", number),
                ],
            ),
        ],
        ..Catalog::default()
    };
    for table in &mut catalog.tables {
        table.rows = Some(100);
    }
    for (from, to) in [(at(1, 2), at(0, 0)), (at(2, 2), at(1, 0))] {
        catalog.keys.push(ForeignKey {
            columns: vec![(from, to)],
            declared: true,
        });
    }
    catalog.values.finish();
    catalog.finish();
    Shop {
        vocabulary: Vocabulary::new(&catalog),
        catalog,
    }
}

#[test]
fn numbers_are_told_in_the_unit_of_their_column() {
    let music = music();
    for (question, condition) in [
        (
            "Which tracks are longer than 5 minutes?",
            "milliseconds > 300000",
        ),
        ("tracks longer than 90 seconds", "milliseconds > 90000"),
        (
            "How many tracks are longer than 1.5 hours?",
            "milliseconds > 5400000",
        ),
        (
            "tracks shorter than 200000 milliseconds",
            "milliseconds < 200000",
        ),
        ("tracks whose bytes are more than 10 MB", "bytes > 10000000"),
        (
            "tracks whose milliseconds are between 3 and 5 minutes",
            "milliseconds BETWEEN 180000 AND 300000",
        ),
        (
            "tracks whose milliseconds are more than 5",
            "milliseconds > 5",
        ),
    ] {
        let found = music.read(&[], question, Dialect::Sqlite);
        let sql = found[0].sql.replace('"', "");
        assert!(sql.ends_with(condition), "{question}: {sql}");
        let scaled = condition.contains("000") && !question.contains("200000");
        let said = found[0].assumptions.iter().any(|a| a.contains(" are "));
        assert_eq!(said, scaled, "{question}: {:?}", found[0].assumptions);
    }
}

#[test]
fn the_first_by_number_are_those_with_the_most_rows() {
    let music = music();
    assert_eq!(
        music.after(&[], "top 5 artists by number of albums"),
        "SELECT artist.name FROM artist JOIN album ON album.artist_id = artist.id GROUP BY artist.id, artist.name \
         ORDER BY count(*) DESC LIMIT 5"
    );
    assert_eq!(
        music.after(&[], "the bottom 3 albums by the number of tracks?"),
        "SELECT album.title FROM album JOIN track ON track.album_id = album.id GROUP BY album.id, album.title \
         ORDER BY count(*) LIMIT 3"
    );
}

#[test]
fn a_range_can_be_denied() {
    let sql = music().after(&[], "tracks whose bytes are not between 10 and 20");
    assert!(sql.ends_with("bytes NOT BETWEEN 10 AND 20"), "{sql}");
}

#[test]
fn rows_are_counted_by_a_number_that_engines_have() {
    let shop = shop();
    for question in [
        "top 99999999999999999999 products",
        "the 99999999999999999999 products with the highest price",
    ] {
        for reading in shop.read(&[], question, Dialect::Sqlite) {
            let limit = reading.sql.split(" LIMIT ").nth(1);
            let fits = limit.is_none_or(|n| n.parse::<i64>().is_ok());
            assert!(fits, "{}", reading.sql);
        }
    }
}

#[test]
fn what_no_engine_can_run_is_no_query() {
    let shop = shop();
    let (price, city) = (
        Expr::Column(ColumnRef {
            table: 3,
            column: 3,
        }),
        Expr::Column(ColumnRef {
            table: 0,
            column: 2,
        }),
    );
    let name = Expr::Column(ColumnRef {
        table: 0,
        column: 1,
    });
    let count = Expr::Aggregate(Aggregate::Count, false, None);
    let trees = Trees::new(&shop.catalog, &|_: &ForeignKey| false);
    let printed = |query: &Query, dialect| {
        let printer = Printer {
            catalog: &shop.catalog,
            dialect,
            trees: &trees,
        };
        printer.query(query).map(|sql| sql.replace('"', ""))
    };
    let filter = |left: &Expr, literal| Filter {
        left: left.clone(),
        op: Compare::Gt,
        right: Right::One(literal),
        or: false,
    };
    let one = Literal::Number(1.0);
    for query in [
        Query::default(),
        Query {
            tables: vec![3],
            order: vec![(count.clone(), true)],
            ..Query::default()
        },
        Query {
            select: vec![price.clone()],
            having: vec![filter(&count, one.clone())],
            ..Query::default()
        },
        Query {
            select: vec![count.clone(), city.clone()],
            ..Query::default()
        },
        Query {
            select: vec![count.clone()],
            order: vec![(city.clone(), false)],
            ..Query::default()
        },
        Query {
            select: vec![city.clone()],
            filters: vec![filter(&count, one.clone())],
            ..Query::default()
        },
        // A city has customers of many names.
        Query {
            select: vec![city.clone(), count.clone()],
            group: vec![city.clone()],
            order: vec![(name, true)],
            ..Query::default()
        },
    ] {
        assert_eq!(printed(&query, Dialect::Sqlite), None, "{query:?}");
    }
    // DuckDB makes a literal a value of the column's type.
    let day = Expr::Column(ColumnRef {
        table: 1,
        column: 2,
    });
    for (column, literal, runs) in [
        (&day, Literal::Text("2024-02-30".into()), false),
        (&day, Literal::Text("2024-02-29".into()), true),
        (&day, one.clone(), false),
        (&price, Literal::Text("cheap".into()), false),
        (&price, Literal::Text("1.5".into()), true),
        (&price, one.clone(), true),
        (&city, Literal::Text("cheap".into()), true),
    ] {
        let query = Query {
            select: vec![column.clone()],
            filters: vec![filter(column, literal)],
            ..Query::default()
        };
        assert!(printed(&query, Dialect::Sqlite).is_some());
        assert_eq!(
            printed(&query, Dialect::DuckDb).is_some(),
            runs,
            "{query:?}"
        );
    }
    // DuckDB shows of groups what they are made by.
    let query = Query {
        tables: vec![4],
        group: vec![Expr::Column(ColumnRef {
            table: 4,
            column: 0,
        })],
        order: vec![(count, true)],
        ..Query::default()
    };
    assert_eq!(
        printed(&query, Dialect::DuckDb).as_deref(),
        Some("SELECT * FROM category GROUP BY id, name ORDER BY count(*) DESC")
    );
}

#[test]
fn one_number_is_asked_for() {
    let shop = shop();
    for (question, sql) in [
        (
            "What is the highest order amount?",
            "SELECT max(amount) AS max_amount FROM orders",
        ),
        (
            "What is the lowest price of products?",
            "SELECT min(price) AS min_price FROM product",
        ),
        (
            "How many kitchen products are there?",
            "SELECT count(*) AS count FROM category JOIN product ON product.category_id = category.id WHERE category.name = 'Kitchen'",
        ),
    ] {
        let read = shop.after(&[], question);
        assert!(read.contains(sql), "{question}: {read}");
    }
}
