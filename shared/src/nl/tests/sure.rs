//! How sure a reading is that leaves out what was named.

use super::super::answer::HIGH;
use super::super::catalog::{Synonym, Target};
use super::super::link::Vocabulary;
use super::super::print::Dialect;
use super::databases::{clinic, staff};
use super::shop::shop;

#[test]
fn a_reading_without_what_was_named_is_not_sure() {
    let shop = shop();
    let of_all: Vec<String> = shop
        .catalog
        .tables
        .iter()
        .flat_map(|t| std::iter::once(&t.name).chain(t.columns.iter().map(|c| &c.name)))
        .map(|name| name.replace('_', " "))
        .collect();
    let mut left_out = 0;
    for name in &of_all {
        for question in [
            name.clone(),
            format!("{name} last month"),
            format!("the {name} of all"),
        ] {
            for reading in shop.read(&[], &question, Dialect::Sqlite) {
                let sql = reading.sql.to_lowercase();
                // Singular and plural, and a name of several words, begin alike.
                let has = name
                    .split(' ')
                    .any(|word| sql.contains(&word[..word.len().min(4)]));
                if !has && !reading.unmatched.is_empty() {
                    left_out += 1;
                    assert!(reading.confidence < 0.5, "{question}: {reading:?}");
                }
            }
        }
    }
    assert!(left_out > 0, "no reading leaves out a name");
}

#[test]
fn a_reading_without_what_the_words_ask_for_is_not_sure() {
    let orders = [
        "in descending order",
        "in ascending order",
        "descending",
        "in decreasing order",
        "alphabetically",
        "in alphabetical order",
        "highest first",
    ];
    let chinese = ["降序排列", "升序排列", "倒序"];
    let things = [
        (shop(), "customers", "客户"),
        (shop(), "count of products by category", "每个类别的产品数"),
        (shop(), "products with their categories", "价格最高的产品"),
        (clinic(), "visits in 2023", "患者的数量"),
        (clinic(), "the total fee", "2023年的就诊"),
        (staff(), "average salary by department", "员工人数"),
        (staff(), "employees in Sales", "部门"),
    ];
    let mut left_out = 0;
    for (database, english, in_chinese) in &things {
        let english = orders.iter().map(|order| format!("{english} {order}"));
        let chinese = chinese.iter().map(|order| format!("{in_chinese}{order}"));
        for question in english.chain(chinese) {
            for reading in database.read(&[], &question, Dialect::Sqlite) {
                let (plain, descending) = (
                    reading.query.order.is_empty(),
                    reading.query.order.iter().any(|(_, desc)| *desc),
                );
                let down = ["descending", "decreasing", "降序", "倒序"];
                let up = ["ascending", "升序"];
                let says = |words: &[&str]| words.iter().any(|w| question.contains(w));
                let up = says(&up) && !says(&down);
                let other = says(&down) && !descending
                    || up && !reading.query.order.iter().any(|(_, desc)| !*desc);
                if plain || other {
                    left_out += 1;
                    assert!(reading.confidence < HIGH, "{question}: {reading:?}");
                }
            }
        }
    }
    assert!(left_out > 0, "all are ordered");
}

#[test]
fn a_number_alone_asks_for_nothing() {
    let shop = shop();
    for question in ["12", "3.5?", "1999 12", "2024-01-02", "12 %"] {
        for reading in shop.read(&[], question, Dialect::Sqlite) {
            assert_eq!(reading.confidence, 0.0, "{question}: {}", reading.sql);
        }
    }
    let goes_on = shop.read(
        &["how many orders were there in 2022"],
        "2023?",
        Dialect::Sqlite,
    );
    assert!(goes_on[0].confidence > 0.5, "{goes_on:?}");
}

#[test]
fn a_word_that_people_gave_means_itself_alone() {
    let question = "How many customers are there in Norway?";
    let confidence =
        |shop: &super::shop::Shop| shop.read(&[], question, Dialect::Sqlite)[0].confidence;
    let mut shop = shop();
    let before = confidence(&shop);
    // "Customers" are like purchases, but nobody said so of this word.
    shop.catalog.synonyms.push(Synonym {
        phrase: "purchase".into(),
        target: Target::Table(1),
    });
    shop.vocabulary = Vocabulary::new(&shop.catalog);
    assert_eq!(confidence(&shop), before);
}
