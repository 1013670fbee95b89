//! Conversations of several turns, over a shop, a clinic, a firm and a school.

use super::super::print::Dialect;
use super::databases::{clinic, school, staff};
use super::shop::shop;

/// Of each turn of a conversation a line with the question, and one with its SQL without quotes of names: after `+` if it
/// goes on from those before, after `=` if it stands by itself. An empty line begins another conversation.
const CONVERSATIONS: &str = include_str!("conversations.txt");

#[test]
fn conversations_go_on() {
    let mut db = shop();
    let mut before: Vec<&str> = Vec::new();
    let mut turns = 0;
    let mut lines = CONVERSATIONS.lines();
    while let Some(question) = lines.next() {
        if let Some(name) = question.strip_prefix("# ") {
            db = match name {
                "shop" => shop(),
                "clinic" => clinic(),
                "hr" => staff(),
                _ => school(),
            };
        }
        if question.is_empty() || question.starts_with('#') {
            before.clear();
            continue;
        }
        let told = lines.next().unwrap_or_default().trim_start();
        let found = db.read(&before, question, Dialect::Sqlite).swap_remove(0);
        let sign = if found.goes_on { '+' } else { '=' };
        let said = format!("{sign} {}", found.sql.replace('"', ""));
        assert_eq!(said, told, "{before:?}, {question}");
        before.push(question);
        turns += 1;
    }
    assert!(turns >= 80, "{turns}");
}

#[test]
fn what_means_nothing_changes_nothing() {
    let shop = shop();
    let before = [
        "how many customers are there in Germany",
        "thanks",
        "make it median",
        "好的",
    ];
    let found = shop
        .read(&before, "what about France?", Dialect::Sqlite)
        .swap_remove(0);
    assert_eq!(
        found.sql.replace('"', ""),
        "SELECT count(*) AS count FROM customer WHERE country = 'France'"
    );
    assert!(found.goes_on && found.confidence > 0.8);
}

#[test]
fn what_goes_on_in_no_known_way_is_not_sure() {
    let (shop, staff) = (shop(), staff());
    for (shop, before, question) in [
        (&shop, "total amount by country", "sort by date"),
        (&shop, "number of orders by country", "and since then?"),
        (&shop, "number of orders by country", "also the median"),
        (
            &staff,
            "average salary by department",
            "who is his manager?",
        ),
        (&shop, "how many customers are there", "the top 3"),
        (
            &shop,
            "how many customers are there",
            "which of their cousins?",
        ),
        (
            &shop,
            "list the names of customers in Germany",
            "the best 5",
        ),
        (&shop, "德国有多少客户", "那个呢"),
        (&shop, "德国有多少客户", "他们的爱好"),
    ] {
        for found in shop.read(&[before], question, Dialect::Sqlite) {
            assert!(found.confidence < 0.3, "{before}, {question}: {found:?}");
        }
    }
}

#[test]
fn a_question_that_names_nothing_is_not_sure() {
    let shop = shop();
    for question in [
        "last year",
        "which one has the most?",
        "the biggest one",
        "同比",
        "how many are there",
        "in 2023",
    ] {
        for found in shop.read(&[], question, Dialect::Sqlite) {
            assert!(found.confidence < 0.3, "{question}: {found:?}");
        }
    }
}

#[test]
fn questions_that_are_suggested_are_read_surely() {
    use super::super::suggest::suggested;
    for (shop, least) in [(shop(), 8), (clinic(), 12), (staff(), 8), (school(), 5)] {
        let reader = shop.reader();
        let mut count = 0;
        for table in 0..shop.catalog.tables.len() {
            let found: Result<_, ()> = suggested(&reader, table, 20, &mut |_| Ok(false));
            for (question, sql, _) in found.unwrap_or_default() {
                let read = shop.read(&[], &question, Dialect::Sqlite).swap_remove(0);
                assert!(
                    read.sql == sql && read.confidence >= 0.8,
                    "{question}: {read:?}"
                );
                count += 1;
            }
        }
        assert!(count >= least, "{count}");
    }
}
