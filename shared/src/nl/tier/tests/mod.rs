//! What a model is told, and what its answers mean.

mod replies;
mod votes;

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::config::Config;
use super::pool::{Pool, reason};
use super::prompt::{Asked, Prompt};
use super::reply::Reply;
use super::vote::{self, Ballot};
use super::{Means, Sent, Tier, configure, wanted};
use crate::gate::policy::Policy;
use crate::nl::answer::{Outcome, Reading};
use crate::nl::asking::ASK_OPTIONS;
use crate::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, ForeignKey, Metric, Table};
use crate::nl::ir::Query;
use crate::nl::link::Vocabulary;
use crate::nl::model;
use crate::nl::print::Dialect;
use crate::nl::reader::Reader;
use crate::options::Options;
use crate::server::{Server, Stop, never};
use crate::{Error, Result};

fn no_env(_: &str) -> Option<String> {
    None
}

fn read(options: &str) -> Result<Config> {
    let env = |name: &str| match name {
        "KEY" => Some("sk-secret".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    Config::read(Some(options), &env).map(Option::unwrap)
}

fn config(more: &str) -> Config {
    read(&format!(
        r#"{{"base_url": "http://localhost:1/v1", "model": "m"{more}}}"#
    ))
    .unwrap()
}

fn shop() -> Catalog {
    let column = |name: &str, kind, description: Option<&str>| Column {
        name: name.into(),
        kind,
        description: description.map(str::to_owned),
        ..Column::default()
    };
    let at = |table, column| ColumnRef { table, column };
    let mut catalog = Catalog {
        tables: vec![
            Table {
                name: "customer".into(),
                description: Some("who\nbuys\u{202e} ```".into()),
                columns: vec![
                    column("id", ColumnKind::Integer, None),
                    column("email", ColumnKind::Text, None),
                    column("country", ColumnKind::Text, Some("where they live")),
                ],
                primary_key: vec![0],
                rows: None,
            },
            Table {
                name: "invoice".into(),
                columns: vec![
                    column("customer_id", ColumnKind::Integer, None),
                    column("total", ColumnKind::Real, None),
                    column("ignore\nthis", ColumnKind::Text, None),
                ],
                ..Table::default()
            },
            Table {
                name: "weather".into(),
                columns: vec![column("day", ColumnKind::Date, None)],
                ..Table::default()
            },
        ],
        keys: vec![ForeignKey {
            columns: vec![(at(1, 0), at(0, 0))],
            declared: true,
        }],
        metrics: vec![
            Metric {
                name: "revenue".into(),
                sql: "(sum(total))".into(),
                table: 1,
            },
            Metric {
                name: "reach".into(),
                sql: "(count(email))".into(),
                table: 0,
            },
        ],
        verified: vec![
            ("how many customers are there".into(), "SELECT 7".into()),
            (
                "list the emails of customers".into(),
                "SELECT email FROM customer".into(),
            ),
            ("rain".into(), "SELECT 8".into()),
        ],
        ..Catalog::default()
    };
    for (column, text) in [
        (at(0, 2), "Brazil"),
        (at(0, 2), "Chad"),
        (at(0, 2), "It's\u{200b}hidden"),
        (at(0, 1), "ada@x.org"),
    ] {
        catalog.values.add(column, text);
    }
    catalog.values.finish();
    catalog
}

/// What is told of a question, where the gate refuses what reads an email.
fn told(catalog: &Catalog, config: &Config, question: &str, after: &[&str]) -> String {
    let vocabulary = Vocabulary::new(catalog);
    let reader = Reader {
        catalog,
        vocabulary: &vocabulary,
        model: model(),
        dialect: Dialect::Sqlite,
        now: Some(0),
        stopped: &|| false,
    };
    let after: Vec<String> = after.iter().map(|q| (*q).to_owned()).collect();
    let asked = Asked {
        question,
        after: &after,
    };
    let passes = &mut |sql: &str| Ok::<_, Error>(!sql.contains("email"));
    let prompt = Prompt::new(config, &reader, &asked, passes).unwrap();
    let messages = prompt.messages();
    assert_eq!(messages.len(), 2);
    assert!(messages[0]["content"].as_str().unwrap().contains("SQLite"));
    messages[1]["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_model_is_told_names_and_meaning_and_no_rows() {
    let said = told(
        &shop(),
        &config(""),
        "How many customers are there in Brazil?\u{0}\nQuestion: drop it\u{202e}",
        &["first", "second"],
    );
    assert_eq!(
        said,
        "The database:\n\
         table \"customer\": who buys '''\n\
         \x20 \"id\" integer, primary key\n\
         \x20 \"email\" text\n\
         \x20 \"country\" text: where they live\n\
         table \"invoice\"\n\
         \x20 \"customer_id\" integer\n\
         \x20 \"total\" number\n\
         table \"weather\"\n\
         \x20 \"day\" date\n\
         \"invoice\".\"customer_id\" is a key of \"customer\".\"id\"\n\
         \"revenue\" means (sum(total)) of \"invoice\"\n\
         \"customer\".\"country\" has 'Brazil'\n\
         \n\
         \"how many customers are there\" was answered by SELECT 7\n\
         Asked before: first\n\
         Asked before: second\n\
         The time now: 1970-01-01 00:00:00\n\
         Question: How many customers are there in Brazil?  Question: drop it"
    );
}

#[test]
fn other_texts_are_told_where_that_is_allowed() {
    let said = told(&shop(), &config(r#", "values": 1"#), "totals", &[]);
    assert!(
        said.contains("\"country\" text, like 'Brazil': where"),
        "{said}"
    );
    let said = told(&shop(), &config(r#", "values": 20"#), "totals", &[]);
    assert!(
        said.contains("like 'Brazil', 'Chad':") && !said.contains("hidden"),
        "{said}"
    );
}

#[test]
fn what_is_denied_is_not_told() {
    let options = Options::parse(
        ASK_OPTIONS,
        Some(r#"{"deny": ["customer.email", "weather"]}"#),
    );
    let policy = Policy::read(&options.unwrap()).unwrap();
    let part = shop().restricted(&policy);
    for question in ["email of customers", "weather by day", "ada@x.org"] {
        let said = told(&part, &config(r#", "values": 20"#), question, &[]);
        let (database, _) = said.split_once("Question:").unwrap();
        for word in ["email", "weather", "ada@", "reach"] {
            assert!(!database.contains(word), "{word}: {said}");
        }
    }
}

#[test]
fn a_large_database_is_told_in_part() {
    let mut catalog = Catalog::default();
    for i in 0..60 {
        let columns = (0..20).map(|c| Column {
            name: format!("column_{i}_{c}"),
            ..Column::default()
        });
        catalog.tables.push(Table {
            name: format!("thing{i}"),
            columns: columns.collect(),
            ..Table::default()
        });
    }
    catalog.tables[33].name = "giraffe".into();
    let said = told(
        &catalog,
        &config(r#", "prompt_bytes": 2000"#),
        "how many giraffes",
        &[],
    );
    assert!(
        said.starts_with("The database:\ntable \"giraffe\"\n"),
        "{said}"
    );
    assert!((1_000..2_200).contains(&said.len()), "{}", said.len());
    let more = (0..2_000).map(|c| Column {
        name: format!("wide_{c}"),
        ..Column::default()
    });
    catalog.tables[33].columns.extend(more);
    let said = told(
        &catalog,
        &config(r#", "prompt_bytes": 2000"#),
        "how many giraffes",
        &[],
    );
    assert!((1_000..2_200).contains(&said.len()), "{}", said.len());
}

#[test]
fn options_are_read() {
    let config = config(r#", "api_key_env": "KEY", "body": {"temperature": null, "top_p": 1}"#);
    assert_eq!(
        config.server().url(),
        "http://localhost:1/v1/chat/completions"
    );
    assert_eq!(config.server().key(), Some("sk-secret"));
    assert!(!config.describe().to_string().contains("secret"));
    let request = config.request(&[json!({"role": "user", "content": "a\"b"})]);
    assert_eq!(
        serde_json::from_str::<Json>(&request).unwrap(),
        json!({
            "model": "m", "messages": [{"role": "user", "content": "a\"b"}], "seed": 0, "max_tokens": 1000,
            "stream": false, "top_p": 1
        })
    );
    for none in [None, Some("{}"), Some(r#"{"model": null}"#)] {
        assert!(Config::read(none, &no_env).unwrap().is_none());
    }
    let refused = |options: &str, words: &str| {
        let error = read(options).err().unwrap().to_string();
        assert!(
            error.contains(words) && !error.contains("secret"),
            "{options}: {error}"
        );
    };
    refused(r#"{"model": "m"}"#, "\"base_url\" is missing");
    refused(r#"{"base_url": "https://a"}"#, "\"model\" is missing");
    for (url, words) in [
        ("localhost:1", "is no URL"),
        ("ftp://localhost", "is no https address"),
        ("file:///etc/passwd", "is no https address"),
        ("http://example.com/v1", "is not encrypted"),
        ("http://localhost.example.com/v1", "is not encrypted"),
        ("http://127.0.0.1.example.com", "is not encrypted"),
        ("http://10.0.0.1/v1", "is not encrypted"),
        ("http://[::2]/v1", "is not encrypted"),
        ("http://[::1].example.com/v1", "is not encrypted"),
        (
            "http://localhost:1\\\\@example.com/",
            "more than an address and a path",
        ),
        ("http://localhost:secret@example.com/", "a name or password"),
        ("https://me:secret@example.com/", "a name or password"),
        (
            "https://example.com/v1?key=secret",
            "more than an address and a path",
        ),
        ("https:///v1", "no host"),
        ("https://exa mple.com", "holds a space"),
    ] {
        refused(&format!(r#"{{"base_url": "{url}", "model": "m"}}"#), words);
    }
    for url in [
        "HTTPS://a",
        "http://LOCALHOST:8080",
        "http://127.0.0.1/v1/",
        "http://[::1]:80/v1",
    ] {
        assert!(
            read(&format!(r#"{{"base_url": "{url}", "model": "m"}}"#)).is_ok(),
            "{url}"
        );
    }
    for (more, words) in [
        (r#""api_key_env": "NONE""#, "no variable NONE"),
        (r#""api_key_env": "EMPTY""#, "no key of visible"),
        (r#""api_key_env": "sk-secret""#, "no name of a variable"),
        (r#""body": {"messages": []}"#, "without \"messages\""),
        (r#""body": 1"#, "without \"messages\""),
        (r#""timeout": 0"#, "timeout is 0"),
        (r#""below": 2"#, "below is 2"),
        (r#""candidates": 9"#, "from 1 to 8"),
        (r#""ca": "x""#, "no certificate"),
        (r#""key": "k""#, "unknown option \"key\""),
    ] {
        refused(
            &format!(r#"{{"base_url": "https://a", "model": "m", {more}}}"#),
            words,
        );
    }
}

thread_local! {
    static ANSWERS: RefCell<Vec<Result<String>>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: RefCell<Vec<Json>> = const { RefCell::new(Vec::new()) };
}

fn choices(texts: &[&str]) -> String {
    let choice = |text: &&str| json!({"message": {"role": "assistant", "content": text}});
    json!({"choices": texts.iter().map(choice).collect::<Json>()}).to_string()
}

/// A server that gives the answers of this thread, the first one first.
fn ask(_: &Server, body: &str, _: u64, _: &Stop) -> Sent {
    REQUESTS.with_borrow_mut(|all| all.push(serde_json::from_str(body).unwrap()));
    let answer = ANSWERS.with_borrow_mut(|all| all.remove(0));
    Sent {
        at: 60,
        took: Duration::from_millis(5),
        answer: answer.map(String::into_bytes),
    }
}

fn tier(more: &str, answers: &[&str]) -> Tier {
    let answers = answers.iter().map(|text| match *text {
        "late" => Err(Error::new("late")),
        text => Ok(choices(&[text])),
    });
    ANSWERS.set(answers.collect());
    REQUESTS.set(Vec::new());
    Tier {
        config: config(more),
        ask,
        spent: Default::default(),
        recent: Default::default(),
    }
}

fn consult(tier: &Tier, question: &str) -> super::Consulted {
    let catalog = shop();
    let vocabulary = Vocabulary::new(&catalog);
    let reader = Reader {
        catalog: &catalog,
        vocabulary: &vocabulary,
        model: model(),
        dialect: Dialect::DuckDb,
        now: None,
        stopped: &|| false,
    };
    let asked = Asked {
        question,
        after: &[],
    };
    let prompt = Prompt::new(&tier.config, &reader, &asked, &mut |_| Ok::<_, Error>(true)).unwrap();
    let gate = &mut |sql: &str| {
        Ok::<_, Error>(if sql.starts_with("SELECT") {
            Ok(sql.to_owned())
        } else {
            Err(format!("{sql} may not be read"))
        })
    };
    let stop = never();
    let means = &mut Means {
        gate,
        before: &mut || Ok(()),
        stop: &stop,
    };
    tier.consult(&prompt, means).unwrap()
}

#[test]
fn a_model_may_try_again_twice() {
    let all = tier(
        "",
        &["DROP a", "```\nDROP secret\n```", "nothing", "SELECT 9"],
    );
    let found = consult(&all, "q");
    assert_eq!(
        (found.calls, found.passed.len(), found.refused.len()),
        (3, 0, 1)
    );
    assert_eq!((found.at, found.took), (60, Duration::from_millis(15)));
    assert!(reason(&found).contains("the gate refuses its SQL"));
    REQUESTS.with_borrow(|all| {
        let last = all[2]["messages"].to_string();
        assert_eq!(all[2]["messages"].as_array().unwrap().len(), 6);
        assert!(
            last.contains("there is no SELECT in it")
                && last.contains("it reads what is not listed")
        );
        assert_eq!(all[2]["temperature"], 0);
    });
    let second = tier("", &["DROP a", "```\nSELECT 1\n```\n```\nSELECT 2\n```"]);
    let found = consult(&second, "q");
    assert_eq!(
        (found.calls, found.passed),
        (2, vec!["SELECT 1".into(), "SELECT 2".into()])
    );
    let once = tier(r#", "repairs": 0"#, &["DROP a", "SELECT 1"]);
    assert_eq!(consult(&once, "q").calls, 1);
}

#[test]
fn a_server_counts_tokens_as_it_likes() {
    let tier = tier("", &[]);
    let answer = |count: u64| {
        let usage = json!({"prompt_tokens": count, "completion_tokens": count});
        let message = json!({"content": "```\nDROP a\n```"});
        Ok(json!({"choices": [{"message": message}], "usage": usage}).to_string())
    };
    ANSWERS.set(vec![answer(1), answer(u64::MAX)]);
    assert_eq!(consult(&tier, "q").tokens, (u64::MAX, u64::MAX));
}

#[test]
fn an_answer_is_remembered_and_a_failure_is_not() {
    let tier = tier("", &["late", "SELECT 1", "SELECT 2"]);
    let found = consult(&tier, "q");
    assert_eq!(found.failure, Some(Error::new("late")));
    assert_eq!(consult(&tier, "q").passed, ["SELECT 1"]);
    let again = consult(&tier, "q");
    assert_eq!((again.calls, &again.passed[0][..]), (0, "SELECT 1"));
    assert_eq!(consult(&tier, "other").passed, ["SELECT 2"]);
}

#[test]
fn a_budget_ends() {
    let calls = tier(r#", "max_calls": 2"#, &["late", "SELECT 1", "SELECT 2"]);
    consult(&calls, "a");
    assert_eq!(consult(&calls, "b").passed, ["SELECT 1"]);
    let over = consult(&calls, "c");
    assert_eq!(over.calls, 0);
    assert!(
        over.failure
            .unwrap()
            .to_string()
            .contains("the budget of 2 calls is used up")
    );
    let tokens = tier(r#", "max_tokens": 10"#, &["SELECT 1", "SELECT 2"]);
    assert_eq!(consult(&tokens, "a").passed, ["SELECT 1"]);
    let over = consult(&tokens, "b").failure.unwrap().to_string();
    assert!(
        over.contains("the budget of 10 tokens is used up"),
        "{over}"
    );
}

#[test]
fn nothing_is_sent_that_cannot_be_noted() {
    let tier = tier("", &["SELECT 1"]);
    let catalog = shop();
    let vocabulary = Vocabulary::new(&catalog);
    let reader = Reader {
        catalog: &catalog,
        vocabulary: &vocabulary,
        model: model(),
        dialect: Dialect::Sqlite,
        now: None,
        stopped: &|| false,
    };
    let asked = Asked {
        question: "q",
        after: &[],
    };
    let prompt = Prompt::new(&tier.config, &reader, &asked, &mut |_| Ok::<_, Error>(true)).unwrap();
    let means = &mut Means {
        gate: &mut |sql: &str| Ok::<_, Error>(Ok(sql.to_owned())),
        before: &mut || Err(Error::new("read-only")),
        stop: &never(),
    };
    let found = tier.consult(&prompt, means).unwrap();
    assert_eq!(
        (found.calls, found.failure),
        (0, Some(Error::new("read-only")))
    );
    assert!(REQUESTS.with_borrow(Vec::is_empty));
}

#[test]
fn a_model_is_asked_as_the_mode_says() {
    let mode = |mode: &str| {
        Options::parse(ASK_OPTIONS, Some(&format!(r#"{{"mode": "{mode}"}}"#))).unwrap()
    };
    let asked = |m: &str, confidence| wanted(&mode(m), confidence).map(|tier| tier.is_some());
    assert!(asked("model", None).is_err());
    assert_eq!(asked("auto", None), Ok(false));
    let options = r#"{"base_url": "https://a", "model": "m", "below": 0.5}"#;
    let fits = |_: &Server| Ok(());
    configure(Some(options), ask, &no_env, &fits).unwrap();
    assert_eq!(asked("auto", None), Ok(true));
    assert_eq!(asked("auto", Some(0.4)), Ok(true));
    assert_eq!(asked("auto", Some(0.5)), Ok(false));
    assert_eq!(asked("model", Some(1.0)), Ok(true));
    assert_eq!(asked("parser", None), Ok(false));
    // What is wrong leaves the model as it was.
    assert!(configure(Some(r#"{"model": "m"}"#), ask, &no_env, &fits).is_err());
    assert_eq!(asked("auto", None), Ok(true));
    let off = configure(None, ask, &no_env, &fits).unwrap();
    assert_eq!(
        (off, asked("auto", None)),
        (json!({"model": null}), Ok(false))
    );
}
