//! Quantities that people defined, in all that is asked of them; things by their measure; sums that joins would repeat.

use super::super::answer::{HIGH, LOW, Reading};
use super::super::catalog::Metric;
use super::super::link::Vocabulary;
use super::super::print::Dialect;
use super::shop::{Shop, shop};

const SQL: &str = "(sum(order_line.quantity))";

/// The shop with "turnover" defined over the lines of orders.
fn with_turnover() -> Shop {
    let mut shop = shop();
    shop.catalog.metrics.push(Metric {
        name: "turnover".into(),
        sql: SQL.into(),
        table: 2,
    });
    shop.vocabulary = Vocabulary::new(&shop.catalog);
    shop
}

fn first(shop: &Shop, question: &str) -> Reading {
    let found = shop.read(&[], question, Dialect::Sqlite);
    found.into_iter().next().unwrap()
}

/// What is asked for as it is said, and how it is grouped.
const THINGS: [(&str, &str, &str); 3] = [
    ("category", "categories", "category"),
    ("product", "products", "product"),
    ("customer", "customers", "customer"),
];

#[test]
fn a_metric_is_asked_in_every_way() {
    let shop = with_turnover();
    for (one, many, table) in THINGS {
        let name = format!("\"{table}\".\"name\"");
        let group = format!("GROUP BY \"{table}\".\"id\", {name}");
        let (most, least) = (
            format!("ORDER BY {SQL} DESC LIMIT"),
            format!("ORDER BY {SQL} LIMIT"),
        );
        for (question, parts) in [
            (
                format!("turnover by {one}"),
                vec![format!("SELECT {name}, {SQL} ")],
            ),
            (
                format!("total turnover per {one}"),
                vec![format!("SELECT {name}, {SQL} ")],
            ),
            (
                format!("top 5 {many} by turnover"),
                vec![format!("{most} 5")],
            ),
            (
                format!("bottom 2 {many} by turnover"),
                vec![format!("{least} 2")],
            ),
            (
                format!("top 3 {many} by total turnover in 2023"),
                vec![format!("{most} 3"), "\"order_date\" >= '2023-01-01'".into()],
            ),
            (
                format!("which {one} has the highest turnover?"),
                vec![format!("{most} 1")],
            ),
            (
                format!("4 {many} with the lowest turnover"),
                vec![format!("{least} 4")],
            ),
            (
                format!("{many} with turnover over 100"),
                vec![format!("HAVING {SQL} > 100")],
            ),
            (
                format!("{many} with a total turnover of at least 50 dollars"),
                vec![format!("HAVING {SQL} >= 50")],
            ),
        ] {
            let found = first(&shop, &question);
            assert!(found.sql.contains(&group), "{question}: {found:?}");
            for part in parts {
                assert!(found.sql.contains(&part), "{question}: {part}: {found:?}");
            }
            assert!(found.confidence >= HIGH, "{question}: {found:?}");
        }
    }
    for (question, part) in [
        (
            "what is the turnover?",
            format!("SELECT {SQL} AS \"turnover\" FROM \"order_line\""),
        ),
        ("turnover in 2023", "\"order_date\" >= '2023-01-01'".into()),
        (
            "turnover by month in 2023",
            "GROUP BY strftime('%Y-%m', \"orders\".\"order_date\")".into(),
        ),
        (
            "share of turnover by category",
            format!("100.0 * {SQL} / nullif(sum({SQL}) OVER (), 0)"),
        ),
        (
            "turnover of customers in France",
            "\"customer\".\"country\" = 'France'".into(),
        ),
    ] {
        let found = first(&shop, question);
        assert!(found.sql.contains(&part), "{question}: {found:?}");
    }
}

#[test]
fn things_by_a_metric_are_those_that_the_question_goes_on_to_name() {
    let shop = with_turnover();
    for (one, many, _) in THINGS {
        for (place, filter) in [
            ("in Paris", "\"city\" = 'Paris'"),
            ("from Berlin or Paris", "'Berlin'"),
            ("in the Kitchen", "'Kitchen'"),
        ] {
            for (question, end) in [
                (format!("top 3 {many} by turnover {place}"), "DESC LIMIT 3"),
                (
                    format!("which {one} has the highest turnover {place}?"),
                    "DESC LIMIT 1",
                ),
                (format!("{many} with turnover over 100 {place}"), " > 100"),
            ] {
                let sql = first(&shop, &question).sql;
                assert!(
                    sql.contains(filter) && sql.ends_with(end),
                    "{question}: {sql}"
                );
                assert!(sql.contains("GROUP BY"), "{question}: {sql}");
            }
        }
    }
}

#[test]
fn what_a_question_of_a_metric_loses_is_not_sure() {
    let mut shop = with_turnover();
    shop.catalog.metrics.push(Metric {
        name: "average basket".into(),
        sql: "(avg(order_line.quantity))".into(),
        table: 2,
    });
    shop.vocabulary = Vocabulary::new(&shop.catalog);
    for (question, kept) in [
        ("turnover by country over 100", " > 100"),
        ("turnover above average by country", " > "),
        ("average turnover by country", "avg("),
        ("average turnover per customer", "avg("),
        ("number of orders and turnover by country", "count(DISTINCT"),
        ("top 3 products by turnover and country", "LIMIT 3"),
    ] {
        for reading in shop.read(&[], question, Dialect::Sqlite) {
            let lost = !reading.sql.contains(kept) || !reading.sql.contains(SQL);
            assert!(
                !lost || reading.confidence < HIGH,
                "{question}: {reading:?}"
            );
        }
    }
    let found = first(&shop, "top 3 cities by amount");
    let added = found.sql.contains("sum(\"orders\".\"amount\")");
    assert!(!added || found.confidence < HIGH, "{found:?}");
}

#[test]
fn a_metric_has_the_times_of_what_it_measures() {
    let mut shop = with_turnover();
    let mut born = shop.catalog.tables[1].columns[2].clone();
    born.name = "signed_up".into();
    shop.catalog.tables[0].columns.push(born);
    shop.vocabulary = Vocabulary::new(&shop.catalog);
    for question in [
        "top 3 customers by turnover in 2023",
        "turnover of customers in France in 2023",
        "which country generated the most turnover in 2023",
        "customers with turnover over 100 in 2023",
    ] {
        let sql = first(&shop, question).sql;
        assert!(
            sql.contains("\"order_date\" >= '2023-01-01'"),
            "{question}: {sql}"
        );
    }
}

#[test]
fn a_metric_is_no_column_to_be_averaged() {
    let shop = with_turnover();
    for question in [
        "average turnover",
        "average turnover by category",
        "smallest turnover",
    ] {
        let found = first(&shop, question);
        let metric = found.sql.contains(SQL);
        assert!(!metric || found.confidence < LOW, "{question}: {found:?}");
    }
}

#[test]
fn sums_that_joins_repeat_are_not_sure() {
    let shop = shop();
    for question in [
        "total amount by category",
        "total amount by product",
        "average amount by category",
        "top 5 products by total amount",
        "categories with total amount over 100",
        "which product has the highest total amount",
        "share of total amount by category",
    ] {
        let found = first(&shop, question);
        assert!(found.confidence < LOW, "{question}: {found:?}");
        let why = "a row of orders counts once for each of order_line";
        let doubts = found.assumptions.iter().any(|a| a.contains(why));
        assert!(
            doubts || !found.sql.contains("(\"orders\".\"amount\")"),
            "{question}: {found:?}"
        );
    }
    for question in [
        "total amount by country",
        "top 5 customers by total amount",
        "number of orders by country",
    ] {
        assert!(first(&shop, question).confidence >= HIGH, "{question}");
    }
}

#[test]
fn things_by_a_column_of_their_own_are_not_summed() {
    let shop = shop();
    let sql = first(&shop, "top 4 products by price").sql;
    assert!(sql.ends_with("ORDER BY \"price\" DESC LIMIT 4"), "{sql}");
    // A city is no thing with a key: its customers share it.
    let sql = first(&shop, "top 3 cities by total amount").sql;
    assert!(
        sql.contains(
            "GROUP BY \"customer\".\"city\" ORDER BY sum(\"orders\".\"amount\") DESC LIMIT 3"
        ),
        "{sql}"
    );
}

#[test]
fn a_value_that_is_the_name_of_another_thing_too_is_not_sure() {
    let mut shop = shop();
    shop.catalog.values.add(super::at(0, 2), "Kitchen");
    shop.catalog.values.finish();
    let found = first(&shop, "customers in Kitchen");
    let too = "\"Kitchen\" is a value of category.name too".to_owned();
    if found.sql.contains("\"city\" = 'Kitchen'") {
        assert!(
            found.confidence < HIGH && found.assumptions.contains(&too),
            "{found:?}"
        );
    } else {
        panic!("{found:?}");
    }
}

#[test]
fn small_numbers_are_no_times() {
    let shop = shop();
    for question in [
        "orders between 5 and 10",
        "customers between 1 and 3",
        "list orders not between 5 and 10",
    ] {
        for reading in shop.read(&[], question, Dialect::Sqlite) {
            assert!(
                !reading.sql.contains("date\" BETWEEN"),
                "{question}: {reading:?}"
            );
        }
    }
}
