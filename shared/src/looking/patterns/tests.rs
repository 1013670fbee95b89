use super::*;
use crate::looking::scan::tests::{rows as mixed, run};
use crate::series::words::{grouped, number};
use serde_json::Map;

type Row = (String, Vec<String>, f64, Map<String, Json>, String);

fn patterns(spec: &str, rows: &[String]) -> Vec<Row> {
    let found = run(&FOLD, spec, rows).unwrap();
    let row = |(i, row): (usize, &Vec<Value>)| match row.as_slice() {
        [
            Value::Integer(rank),
            Value::Text(kind),
            Value::Text(columns),
            Value::Real(score),
            Value::Text(facts),
            Value::Text(said),
        ] => {
            assert_eq!(*rank, i as i64 + 1);
            assert!((0.0..=1.0).contains(score), "{kind} {score}");
            (
                kind.clone(),
                serde_json::from_str(columns).unwrap(),
                *score,
                serde_json::from_str(facts).unwrap(),
                said.clone(),
            )
        }
        other => panic!("{other:?}"),
    };
    found.iter().enumerate().map(row).collect()
}

fn of_kind<'a>(found: &'a [Row], kind: &str) -> Vec<&'a Row> {
    found.iter().filter(|row| row.0 == kind).collect()
}

/// A share of 1 that looks drawn, by place and name.
fn noise(i: i64, of: i64) -> f64 {
    let mut x = (i * 1_000_003 + of * 7_919 + 12_345) as u64;
    for _ in 0..3 {
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

fn month(i: i64) -> String {
    format!("{}-{:02}-01", 2000 + i / 12, i % 12 + 1)
}

/// Rows with something of every kind.
fn rich() -> Vec<String> {
    let row = |i: i64| {
        let side = if noise(i, 1) < 0.7 { "south" } else { "north" };
        let city = if side == "south" { "Rome" } else { "Oslo" };
        let goods = match (side, noise(i, 2) < 0.8) {
            ("south", true) | ("north", false) => "oil",
            _ => "fish",
        };
        let season = 20.5 * f64::from(u8::from(i % 12 == 11));
        let sales = 10.25 + 0.5 * i as f64 + season + 4.0 * noise(i, 3);
        let level = if i < 60 { 5.0 } else { 25.0 } + noise(i, 4);
        let odd = if i == 77 { 900.5 } else { noise(i, 5) };
        format!(
            r#"{{"id":{},"at":"{}","side":"{side}","city":"{city}","goods":"{goods}","sales":{sales},"level":{level},"odd":{odd},"chance":{}}}"#,
            1000 + i,
            month(i),
            noise(i, 6)
        )
    };
    // Three months are missing.
    (0..120)
        .filter(|i| !(40..43).contains(i))
        .map(row)
        .collect()
}

#[test]
fn each_kind_is_found_where_it_is() {
    let found = patterns(r#"{"top": 100}"#, &rich());
    let columns = |kind: &str| -> Vec<Vec<String>> {
        of_kind(&found, kind).iter().map(|r| r.1.clone()).collect()
    };
    let is = |kind: &str, names: &[&str]| {
        assert!(
            columns(kind).iter().any(|c| c == names),
            "{kind} of {names:?} is not in {found:#?}"
        );
    };
    is("trend", &["sales", "at"]);
    is("season", &["sales", "at"]);
    is("change", &["level", "at"]);
    is("gap", &["at"]);
    is("outliers", &["odd"]);
    is("dominance", &["side"]);
    is("dependency", &["side", "city"]);
    is("association", &["side", "goods"]);
    is("key", &["id"]);
    let of = |kind: &str, names: &[&str]| {
        let mut rows = found.iter().filter(|r| r.0 == kind && r.1 == names);
        rows.next().unwrap().3.clone()
    };
    let trend = of("trend", &["sales", "at"]);
    assert!((trend["slope"].as_f64().unwrap() - 0.5).abs() < 0.05);
    assert_eq!(trend["step"], "1 month");
    let season = of("season", &["sales", "at"]);
    assert_eq!(
        (&season["period"], &season["name"]),
        (&json!(12), &json!("year"))
    );
    assert!(season["high"].as_str().unwrap().ends_with("-12-01"));
    assert_eq!(of("change", &["level", "at"])["at"], "2005-01-01");
    let gap = of("gap", &["at"]);
    assert_eq!(
        (&gap["missing"], &gap["from"]),
        (&json!(3), &json!("2003-05-01"))
    );
    assert_eq!(of("outliers", &["odd"])["farthest"], 900.5);
    assert_eq!(of("dependency", &["side", "city"])["mutual"], true);
    // What is drawn says nothing, and neither do names.
    let silent = |name: &str| {
        let with = found.iter().filter(|r| r.1.iter().any(|c| c == name));
        with.map(|r| r.0.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(silent("chance"), Vec::<&str>::new());
    assert_eq!(silent("id"), ["key"]);
    // A pair is told of once.
    let mut pairs: Vec<Vec<String>> = ["correlation", "dependency", "association"]
        .iter()
        .flat_map(|kind| columns(kind))
        .collect();
    pairs.iter_mut().for_each(|pair| pair.sort());
    let all = pairs.len();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), all);
}

#[test]
fn chance_is_no_pattern() {
    let mut told = 0;
    for seed in 0..20 {
        let row = |i: i64| {
            let kinds = ["a", "b", "c", "d"];
            let kind = |of: i64| kinds[(noise(i, 10 * seed + of) * 4.0) as usize];
            format!(
                r#"{{"at":"{}","x":{},"y":{},"n":{},"k":"{}","l":"{}"}}"#,
                month(i),
                noise(i, 10 * seed),
                noise(i, 10 * seed + 1),
                (noise(i, 10 * seed + 2) * 5.0) as i64,
                kind(3),
                kind(4)
            )
        };
        let rows: Vec<String> = (0..200).map(row).collect();
        let found = patterns("{}", &rows);
        // The months are a key indeed.
        told += found.iter().filter(|r| r.0 != "key").count();
    }
    assert!(told <= 5, "{told} patterns in 20 tables of noise");
}

#[test]
fn both_languages_have_the_numbers_of_the_facts() {
    let (rich, mixed) = (rich(), mixed());
    for rows in [&rich, &mixed] {
        let english = patterns(r#"{"top": 100}"#, rows);
        let chinese = patterns(r#"{"top": 100, "lang": "zh"}"#, rows);
        assert!(!english.is_empty());
        for (a, b) in english.iter().zip(&chinese) {
            assert_eq!((&a.0, &a.1, a.2, &a.3), (&b.0, &b.1, b.2, &b.3));
            let told = numbers(&a.4);
            assert_eq!(told, numbers(&b.4), "{} / {}", a.4, b.4);
            assert!(!told.is_empty() || a.0 == "key", "{}", a.4);
            let mut known: Vec<String> = Vec::new();
            for fact in a.3.values() {
                known.extend(numbers(&fact.to_string()));
                known.extend(fact.as_f64().map(|v| number(v.abs())));
                known.extend(fact.as_u64().map(|v| grouped(&v.to_string())));
            }
            for shown in &told {
                assert!(known.contains(shown), "{shown} of {} in {:?}", a.4, a.3);
            }
        }
    }
}

/// The numbers in a text without their signs, in order.
fn numbers(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',');
    let parts = parts.map(|part| part.trim_matches([',', '.']));
    let mut found: Vec<String> = parts.filter(|p| !p.is_empty()).map(str::to_owned).collect();
    found.sort();
    found
}

#[test]
fn answers_do_not_hang_on_the_order_of_rows() {
    let mut rows = rich();
    let found = patterns("{}", &rows);
    rows.reverse();
    assert_eq!(patterns("{}", &rows), found);
    rows.sort_by_key(|row| row.len());
    assert_eq!(patterns("{}", &rows), found);
    assert_eq!(found.len(), 20.min(found.len()));
}

#[test]
fn odd_tables_have_an_answer() {
    assert!(patterns("{}", &[]).is_empty());
    assert!(patterns(r#"{"time": "x"}"#, &[]).is_empty());
    for n in [1, 2, 5, 9, 10, 11, 40] {
        for value in [
            "null",
            "1",
            "0",
            "1e308",
            "-1e308",
            "1e-308",
            "\"x\"",
            "\"2026-01-01\"",
            "[1]",
        ] {
            let rows: Vec<String> = (0..n)
                .map(|i| {
                    let other = ["1e308", "-1e308", "0", "null"][i % 4];
                    format!(
                        r#"{{"a":{value},"b":{value},"huge":{other},"at":"{}","half":{}}}"#,
                        month(i as i64 / 2),
                        if i % 2 == 0 { value } else { "null" }
                    )
                })
                .collect();
            patterns(r#"{"top": 1000}"#, &rows);
        }
    }
    // A first row long before the others: no grid of millions.
    let mut rows: Vec<String> = (0..50)
        .map(|i| format!(r#"{{"at":"2026-01-01 00:00:{:02}","x":{i}.5}}"#, i))
        .collect();
    rows.push(r#"{"at":"0001-01-01 00:00:00","x":1.5}"#.into());
    patterns("{}", &rows);
}

#[test]
fn times_may_be_whole_numbers() {
    let row = |i: i64| format!(r#"{{"year":{},"flow":{}}}"#, 1900 + i, 3 * i + i * 7 % 5);
    let rows: Vec<String> = (0..40).map(row).collect();
    assert!(of_kind(&patterns("{}", &rows), "trend").is_empty());
    let found = patterns(r#"{"time": "year"}"#, &rows);
    let trend = of_kind(&found, "trend");
    assert_eq!(trend[0].1, ["flow", "year"]);
    let refused = |spec: &str, rows: &[String]| run(&FOLD, spec, rows).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"time": "yaer"}"#, &rows),
        "there is no column \"yaer\" for the target; there are year and flow"
    );
    let row = |i: i64| format!(r#"{{"x":{i}.5,"y":"t{i}"}}"#);
    let rows: Vec<String> = (0..40).map(row).collect();
    assert_eq!(
        refused(r#"{"time": "x"}"#, &rows),
        "column \"x\" for \"time\" has neither dates nor whole numbers"
    );
}

#[test]
fn two_columns_may_be_a_key() {
    let row = |i: i64| {
        format!(
            r#"{{"shop":"s{}","day":"{}","n":{}}}"#,
            i % 6,
            month(i / 6),
            i * i % 7
        )
    };
    let rows: Vec<String> = (0..60).map(row).collect();
    let found = patterns("{}", &rows);
    let keys = of_kind(&found, "key");
    assert_eq!(keys.len(), 1, "{found:#?}");
    assert_eq!(keys[0].1, ["shop", "day"]);
}

#[test]
fn a_sum_may_fall_to_one() {
    let row = |i: i64| {
        let shop = ["a", "b", "c", "d"][(i % 4) as usize];
        format!(
            r#"{{"shop":"{shop}","paid":{}.5}}"#,
            if i % 4 == 2 { 400 + i } else { i % 9 }
        )
    };
    let rows: Vec<String> = (0..80).map(row).collect();
    let found = patterns("{}", &rows);
    let one = of_kind(&found, "dominance");
    assert_eq!(one[0].1, ["shop", "paid"]);
    assert_eq!(one[0].3["value"], "c");
}
