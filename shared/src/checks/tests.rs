//! Rules as SQL, and what their counts say.

use super::count::RUN;
use super::*;
use crate::vector::table::VectorTable;
use crate::{Value, ValueRef};

/// SQLite with a table of these columns.
struct Sqlite;

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn vector_table(&self, name: &str) -> Result<VectorTable> {
        Err(Error::new(name))
    }

    fn columns(&self, from: &str) -> Result<Vec<String>> {
        if from.contains("gone") {
            return Err(Error::new("no such column: gone"));
        }
        Ok(vec!["id".into(), "total".into()])
    }
}

/// What a run says of these rows, which are the parts that the SELECT gives.
fn run(rules: &str, options: &str, rows: &[(i64, Option<&str>)]) -> Vec<Vec<Value>> {
    let program = program_of_kept("orders", rules, Some(options), &Sqlite).unwrap();
    let fold = |rows: &[(i64, Option<&str>)]| {
        let mut state = RUN.start(&program.spec).unwrap();
        for (part, found) in rows {
            let found = found.map_or(ValueRef::Null, ValueRef::Text);
            state.row(&[ValueRef::Integer(*part), found]).unwrap();
        }
        state
    };
    let answer = |state: &dyn crate::program::State| {
        let mut answer = Vec::new();
        state
            .finish(&mut |row| {
                answer.push(row);
                Ok(())
            })
            .unwrap();
        answer
    };
    let whole = answer(&*fold(rows));
    // Threads of DuckDB take any part of the rows.
    let mut merged = fold(&[]);
    for part in rows.chunks(2).rev() {
        merged.merge(&*fold(part)).unwrap();
    }
    assert_eq!(answer(&*merged), whole);
    whole
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_that_break_rules_are_counted_and_named() {
    let rules = r#"[{"not_null": "total"}, {"range": {"column": "total", "min": 0}, "null": "fail", "severity": "warn"}, {"expression": "total < 9", "where": "id > 1", "max_rows": 1}]"#;
    let rows = [
        (-1, None),
        (-1, Some("00-10")),
        (-1, Some("0?09")),
        (-1, Some("111\"a\"")),
        (-1, Some("10-2")),
    ];
    let odd = [
        (-1, Some("011NaN")),
        (-1, Some("0119e999")),
        (-1, Some("011[1,NaN]")),
    ];
    let keys = run(rules, "{}", &odd)[0][8].clone();
    assert_eq!(keys, Value::Text(r#"["9e999","NaN","[1,NaN]"]"#.into()));
    let answer = run(rules, "{\"sample\": 2}", &rows);
    let shown: Vec<String> = answer
        .iter()
        .map(|row| format!("{:?}", &row[1..9]))
        .collect();
    let row = |kind: &str,
               severity: &str,
               status: &str,
               rows: i64,
               failed: i64,
               unknown: i64,
               share: f64,
               keys: &str| {
        format!(
            "{:?}",
            [
                Value::Text(kind.into()),
                Value::Text(severity.into()),
                Value::Text(status.into()),
                Value::Integer(rows),
                Value::Integer(failed),
                Value::Integer(unknown),
                Value::Real(share),
                Value::Text(keys.into()),
            ]
        )
    };
    assert_eq!(
        shown,
        [
            row("not_null", "error", "fail", 5, 2, 0, 0.4, "[9,10]"),
            row("range", "warn", "fail", 5, 3, 1, 0.6, "[2,9]"),
            row("expression", "error", "pass", 3, 1, 0, 1.0 / 3.0, "[9]"),
        ]
    );
    assert_eq!(
        text(&answer[0][10]),
        "2 of 5 rows (40 %) break the rule that total is not NULL"
    );
    let chinese = run(rules, "{\"lang\": \"zh\"}", &rows);
    assert_eq!(
        text(&chinese[0][10]),
        "5 行中有 2 行（40%）不符合：total 不为 NULL"
    );
}

#[test]
fn rules_of_all_rows_together_are_judged() {
    let rules = r#"[{"row_count": {"min": 2}}, {"freshness": {"column": "at", "within": "1 day"}}, {"columns": ["ID", "x"]}, {"aggregate": "sum(total) > 1"}]"#;
    let options = "{\"now\": \"2026-05-02 12:00:00\"}";
    let judged = |rows: &[(i64, Option<&str>)]| {
        let answer = run(rules, options, rows);
        let said = |row: &Vec<Value>| format!("{}: {}", text(&row[3]), text(&row[10]));
        answer.iter().map(said).collect::<Vec<_>>()
    };
    let now = (-2, Some("1777723200"));
    assert_eq!(
        judged(&[
            (0, Some("3")),
            (1, Some("2026-05-01 12:00:00")),
            (2, Some("[\"id\",\"X\"]")),
            (3, Some("1")),
            now
        ]),
        [
            "pass: there are at least 2 rows (3)",
            "pass: the newest at is not older than 1 day (2026-05-01 12:00:00)",
            "pass: there are the columns ID, x",
            "pass: sum(total) > 1",
        ]
    );
    assert_eq!(
        judged(&[
            (0, Some("1")),
            (1, Some("1777600000")),
            (2, Some("[\"id\"]")),
            (3, Some("?")),
            now
        ]),
        [
            "fail: it does not hold that there are at least 2 rows (1)",
            "fail: it does not hold that the newest at is not older than 1 day (1777600000)",
            "fail: it does not hold that there are the columns ID, x (x is missing)",
            "pass: it is not known whether sum(total) > 1",
        ]
    );
    assert_eq!(
        judged(&[(1, None), now])[1],
        "pass: it is not known whether the newest at is not older than 1 day"
    );
}

#[test]
fn sums_are_judged() {
    let judged = |rule: &str, found: Option<&str>| {
        let row = run(rule, "{}", &[(0, found)]).remove(0);
        format!("{}: {}", text(&row[3]), text(&row[10]))
    };
    let exact = r#"{"sum_equals": {"column": "total", "to": 0.3}}"#;
    let near = r#"{"sum_equals": {"column": "total", "to": 100, "within": 0.01}}"#;
    let other = r#"{"sum_equals": {"column": "total", "table": "paid", "to_column": "amount"}, "null": "fail"}"#;
    for (rule, found, said) in [
        (
            exact,
            Some("0.30000000000000004 0.3"),
            "pass: the sum of total is 0.3 (0.30000000000000004 and 0.3)",
        ),
        (
            exact,
            Some("0.0 0.3"),
            "fail: it does not hold that the sum of total is 0.3 (0 and 0.3)",
        ),
        (
            near,
            Some("100.01 100"),
            "pass: the sum of total is within 0.01 of 100 (100.01 and 100)",
        ),
        (
            near,
            Some("100.011 100"),
            "fail: it does not hold that the sum of total is within 0.01 of 100 (100.011 and 100)",
        ),
        (
            near,
            Some(" 100"),
            "pass: it is not known whether the sum of total is within 0.01 of 100",
        ),
        (
            other,
            Some("0.0 0.0"),
            "pass: the sum of total is that of paid(amount) (0 and 0)",
        ),
        (
            other,
            None,
            "fail: it is not known whether the sum of total is that of paid(amount)",
        ),
    ] {
        assert_eq!(judged(rule, found), said);
    }
    let chinese = run(other, "{\"lang\": \"zh\"}", &[(0, Some("1 2"))]);
    assert_eq!(
        text(&chinese[0][10]),
        "不符合：total 的合计等于 paid(amount) 的合计（1 与 2）"
    );
    let by = r#"{"sum_equals": {"column": "total", "table": "s.paid", "to_column": "amount"}, "by": "shop"}"#;
    let groups = [
        (0, Some("\"a\"\u{1f}1 1")),
        (0, Some("\"b\"\u{1f}1 2")),
        (0, Some("null\u{1f} 2")),
    ];
    let row = run(by, "{}", &groups).remove(0);
    let known = [Value::Integer(3), Value::Integer(1), Value::Integer(1)];
    assert_eq!(row[4..7], known);
    assert_eq!(row[8], Value::Text("[\"b\"]".into()));
    let read = program("orders", by, None, &Sqlite).unwrap().read;
    assert!(
        read.contains(
            r#"FROM "s"."paid" AS lumos_other WHERE lumos_other."shop" IS lumos_source."shop")"#
        ),
        "{read}"
    );
    let refused = broken("orders", near).unwrap_err().to_string();
    assert!(refused.starts_with("a rule of the kind sum_equals looks at all rows"));
    let regex = r#"{"regex": {"column": "shop", "pattern": "^'$"}}"#;
    assert_eq!(
        broken("orders", regex).unwrap().condition,
        "NOT (CASE WHEN typeof(lumos_source.\"shop\") <> 'blob' THEN lumos_regexp(CAST(lumos_source.\"shop\" AS TEXT), '^''$') END)"
    );
}

#[test]
fn a_newest_value_is_a_moment_in_any_form_or_an_error() {
    let rule = r#"{"freshness": {"column": "at", "within": "1 hour"}}"#;
    let status = |newest: &str| {
        let rows = [(0, Some(newest)), (-2, Some("1777636800"))];
        text(&run(rule, "{}", &rows)[0][3]).to_owned()
    };
    for (newest, expected) in [
        ("1777636000", "pass"),
        ("1777636000.75", "pass"),
        ("1777600000.5", "fail"),
        ("2026-05-01", "fail"),
        ("2026-05-01 11:30", "pass"),
        ("2026-05-01T11:30:00.123456Z", "pass"),
        ("2026-05-01 11:30:00.5+00", "pass"),
        ("2026-05-01 13:30:00+02", "pass"),
        ("2026-05-01 12:30:00+02:00", "fail"),
        ("2026-05-01 06:15:00-0530", "pass"),
        ("2026-05-01 05:15-0530", "fail"),
        ("inf", "error"),
        ("NaN", "error"),
        ("", "error"),
        ("soon", "error"),
        ("2026-05-01 11:30:00+", "error"),
        ("2026-05-01 11:30:00+2", "error"),
        ("永远永远永远永远永远永远+02", "error"),
    ] {
        assert_eq!(status(newest), expected, "{newest}");
    }
}

#[test]
fn a_rule_that_sqlite_refuses_is_a_row_and_an_empty_table_passes() {
    let answer = run(r#"[{"not_null": "gone"}, {"not_null": "id"}]"#, "{}", &[]);
    assert_eq!(
        (text(&answer[0][3]), text(&answer[1][3])),
        ("error", "pass")
    );
    assert_eq!(
        text(&answer[0][10]),
        "it could not be looked at: no such column: gone"
    );
    assert_eq!(text(&answer[1][10]), "there is no row to look at");
}

#[test]
fn one_scan_reads_all_rules() {
    let rules = r#"[{"not_null": "total"}, {"unique": ["id", "total"]}]"#;
    let sqlite = program("orders", rules, None, &Sqlite).unwrap().read;
    assert_eq!(
        sqlite.matches("FROM \"orders\" AS lumos_source").count(),
        1,
        "{sqlite}"
    );
    let many: Vec<Json> = (0..201).map(|_| json!({"not_null": "id"})).collect();
    let refused = program("orders", &Json::from(many).to_string(), None, &Sqlite).unwrap_err();
    assert_eq!(refused.to_string(), "there are 201 rules; give 1 to 200");
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    for (rules, said) in [
        ("x", "rules x are no JSON"),
        ("[]", "there are 0 rules; give 1 to 200"),
        ("[1]", "1 is no rule; write one like {\"not_null\": \"id\"}"),
        (
            "{\"not_null\": 1}",
            "not_null is 1; give a column or a list of columns",
        ),
        (
            "{\"not_null\": \"a\", \"unique\": \"a\"}",
            "{\"not_null\":\"a\",\"unique\":\"a\"} must have one of not_null, ",
        ),
        (
            "{\"not_null\": \"a\", \"were\": \"a\"}",
            "unknown field \"were\" of a rule; besides its kind it has name, severity, ",
        ),
        (
            "[{\"not_null\": \"a\"}, {\"range\": {\"column\": \"a\"}}]",
            "rule 2: range is {\"column\":\"a\"}; give {\"column\": ..., \"min\": ...",
        ),
        (
            "{\"expression\": \"a) OR (1\"}",
            "expression is \"a) OR (1\"; give one expression of SQL",
        ),
        (
            "{\"expression\": \"a; DROP TABLE x\"}",
            "expression is \"a; DROP TABLE x\"; give one",
        ),
        ("{\"expression\": \"\"}", "expression is \"\"; give one"),
        (
            "{\"expression\": \"'open\"}",
            "expression is \"'open\"; give one",
        ),
        (
            "{\"not_null\": \"a\", \"where\": \")\"}",
            "where is \")\"; give one",
        ),
        (
            "{\"not_null\": \"a\", \"severity\": \"bad\"}",
            "severity is \"bad\"; give \"info\"",
        ),
        (
            "{\"not_null\": \"a\", \"max_share\": 2}",
            "max_share is 2; give a number from 0 to 1",
        ),
        (
            "{\"not_null\": \"a\", \"max_rows\": -1}",
            "max_rows is -1; give a whole number from 0 on",
        ),
        (
            "{\"not_null\": \"a\", \"null\": \"no\"}",
            "null is \"no\"; give \"pass\" or \"fail\"",
        ),
        (
            "{\"type\": {\"column\": \"a\", \"is\": \"date\"}}",
            "type is {",
        ),
        (
            "{\"freshness\": {\"column\": \"a\", \"within\": \"1 month\"}}",
            "freshness is {",
        ),
        (
            "{\"references\": {\"column\": [\"a\", \"b\"], \"table\": \"t\", \"to\": \"id\"}}",
            "references is {",
        ),
        ("{\"in\": {\"column\": \"a\", \"values\": []}}", "in is {"),
        (
            "{\"regex\": {\"column\": \"a\", \"pattern\": \"[\"}}",
            "pattern [ is no regular expression: ",
        ),
        (
            "{\"regex\": {\"column\": \"a\"}}",
            "regex is {\"column\":\"a\"}; give {\"column\": ..., \"pattern\": \"^[A-Z]{2}$\"}",
        ),
        (
            "{\"regex\": {\"column\": \"a\", \"pattern\": 1}}",
            "regex is {",
        ),
        (
            "{\"sum_equals\": {\"column\": \"a\"}}",
            "sum_equals is {\"column\":\"a\"}; give {\"column\": ..., \"to\": 100, \"within\"",
        ),
        (
            "{\"sum_equals\": {\"column\": \"a\", \"to\": \"1\"}}",
            "sum_equals is {",
        ),
        (
            "{\"sum_equals\": {\"column\": \"a\", \"to\": 1, \"within\": -1}}",
            "sum_equals is {",
        ),
        (
            "{\"sum_equals\": {\"column\": \"a\", \"to\": 1, \"table\": \"t\", \"to_column\": \"b\"}}",
            "sum_equals is {",
        ),
        (
            "{\"sum_equals\": {\"column\": \"a\", \"table\": \"t\"}}",
            "sum_equals is {",
        ),
    ] {
        let refused = program("orders", rules, None, &Sqlite)
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
}

#[test]
fn suggestions_are_of_what_holds() {
    let suggest = |row: &dyn Fn(u64) -> Json, rows: u64| {
        let fold = |rows: std::ops::Range<u64>| {
            let mut state = suggest::SUGGEST.start("{}").unwrap();
            for i in rows {
                state.row(&[ValueRef::Text(&row(i).to_string())]).unwrap();
            }
            state
        };
        let mut state = fold(0..rows / 2);
        state.merge(&*fold(rows / 2..rows)).unwrap();
        let mut rules = Vec::new();
        state
            .finish(&mut |row| {
                rules.push(text(&row[0]).to_owned());
                Ok(())
            })
            .unwrap();
        rules
    };
    let row = |i: u64| json!({"id": i, "shop": (["a", "b"][i as usize % 2]), "note": null, "share": 0.5, "total": if i == 7 { -1 } else { 3 }});
    assert!(suggest(&row, 99).is_empty());
    assert_eq!(
        suggest(&row, 200),
        [
            "{\"not_null\":\"id\"}",
            "{\"unique\":\"id\"}",
            "{\"not_null\":\"shop\"}",
            "{\"in\":{\"column\":\"shop\",\"values\":[\"a\",\"b\"]}}",
            "{\"not_null\":\"share\"}",
            "{\"range\":{\"column\":\"share\",\"min\":0,\"max\":1}}",
            "{\"not_null\":\"total\"}",
            "{\"range\":{\"column\":\"total\",\"min\":0},\"severity\":\"warn\",\"max_share\":0.01}",
        ]
    );
    // A value that comes twice is found among more than are remembered.
    let once = |i: u64| json!({"id": i});
    let unique = "{\"unique\":\"id\"}".to_owned();
    assert!(suggest(&once, 150_000).contains(&unique));
    let many_twice = |i: u64| json!({"id": i % 140_000});
    assert!(!suggest(&many_twice, 150_000).contains(&unique));
}

#[test]
fn rows_that_break_a_rule_are_found_by_a_condition() {
    let found = broken("orders", r#"{"not_null": "id", "where": "total > 1"}"#).unwrap();
    assert_eq!(
        (found.table.as_str(), found.condition.as_str()),
        (
            "\"orders\"",
            "((total > 1\n)) AND NOT (lumos_source.\"id\" IS NOT NULL)"
        )
    );
    assert!(broken("orders", r#"{"row_count": {"min": 1}}"#).is_err());
    assert!(broken("SELECT 1", r#"{"not_null": "id"}"#).is_err());
}

/// A group as the SELECT gives it: its key, and what it is judged by.
fn group(key: &str, found: &str) -> String {
    format!("{key}\u{1f}{found}")
}

#[test]
fn groups_are_judged_one_by_one() {
    let rules = r#"[{"not_null": "total", "by": "shop", "max_share": 0.2}, {"aggregate": "sum(total) > 0", "by": ["shop", "day"], "null": "fail"},
        {"row_count": {"min": 3}, "by": "shop"}, {"freshness": {"column": "at", "within": 60}, "by": "shop"}]"#;
    let found = [
        (0, group("\"a\"", "10 2 0")),
        (0, group("\"b\"", "10 3 0")),
        (0, group("null", "0 0 0")),
        (1, group("[\"a\",1]", "1")),
        (1, group("[\"a\",2]", "0")),
        (1, group("[\"b\",1]", "?")),
        (2, group("\"a\"", "3")),
        (2, group("\"b\"", "2")),
        (3, group("\"a\"", "100\u{1f}40")),
        (3, group("\"b\"", "100\u{1f}39")),
        (3, group("\"c\"", "100\u{1f}")),
    ];
    let rows: Vec<(i64, Option<&str>)> = found.iter().map(|(i, f)| (*i, Some(&**f))).collect();
    let answer = run(rules, "{}", &rows);
    let shown: Vec<String> = answer
        .iter()
        .map(|row| {
            let whole = |i: usize| match row[i] {
                Value::Integer(n) => n,
                _ => -1,
            };
            format!(
                "{} {} {} {} {}",
                text(&row[3]),
                whole(4),
                whole(5),
                whole(6),
                text(&row[8])
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "fail 3 1 0 [\"b\"]",
            "fail 3 2 1 [[\"a\",2],[\"b\",1]]",
            "fail 2 1 0 [\"b\"]",
            "fail 3 1 1 [\"b\"]",
        ]
    );
    assert_eq!(
        text(&answer[0][10]),
        "1 of 3 groups by shop break the rule that total is not NULL"
    );
    let wrong = run(
        rules,
        "{\"lang\": \"zh\"}",
        &[(3, Some("1\u{1f}100\u{1f}soon"))],
    );
    assert_eq!(
        (text(&wrong[3][3]), text(&wrong[0][10])),
        ("error", "没有可检查的分组")
    );
    for (rule, refused) in [
        (
            r#"{"columns": "a", "by": "b"}"#,
            "a rule of the kind columns has no groups; leave out \"by\"",
        ),
        (
            r#"{"not_null": "a", "by": []}"#,
            "by is []; give a column or a list of columns",
        ),
    ] {
        let error = program("orders", rule, None, &Sqlite).unwrap_err();
        assert_eq!(error.to_string(), refused);
    }
    let taken = broken("orders", r#"{"not_null": "a", "by": "b"}"#).unwrap_err();
    assert!(taken.to_string().contains("judges groups"));
}

#[test]
fn a_wrong_rule_is_an_error_of_the_call_and_a_row_of_a_run() {
    let rules = r#"[{"not_null": "id"}, {"not_null": "gone"}]"#;
    let refused = program("orders", rules, None, &Sqlite).unwrap_err();
    assert_eq!(refused.to_string(), "rule 2: no such column: gone");
    let refused = program("orders", r#"{"not_null": "gone"}"#, None, &Sqlite).unwrap_err();
    assert_eq!(refused.to_string(), "no such column: gone");
    let kept = program_of_kept("orders", rules, None, &Sqlite).unwrap();
    assert!(kept.spec.contains("no such column: gone"));
}

/// Values of one side as the SELECT gives them.
fn side(letter: char, values: impl Iterator<Item = String>) -> Vec<(i64, Option<&'static str>)> {
    let leak = |value: String| &*Box::leak(format!("{letter}[{value}]").into_boxed_str());
    values.map(|value| (0, Some(leak(value)))).collect()
}

#[test]
fn distributions_are_compared() {
    let of = |rule: &str, rows: &[(i64, Option<&str>)]| {
        let row = run(rule, "{}", rows).remove(0);
        (text(&row[3]).to_owned(), text(&row[10]).to_owned())
    };
    let psi = r#"{"distribution": {"column": "total", "baseline": "before"}}"#;
    let ks = r#"{"distribution": {"column": "total", "baseline": "before(x)", "measure": "ks", "max": 0.5}}"#;
    let numbers = |from: i64, to: i64| (from..to).map(|i| i.to_string());
    let before = side('b', numbers(0, 1000));
    let like = [before.clone(), side('n', numbers(0, 1000).step_by(3))].concat();
    assert_eq!(of(psi, &like).0, "pass");
    assert_eq!(of(ks, &like).0, "pass");
    let moved = [before.clone(), side('n', numbers(500, 1500))].concat();
    assert_eq!(
        of(psi, &moved),
        ("fail".into(), "it does not hold that total is distributed as in before (PSI 3.53; from 900 on changed most: 10 % became 60 %)".into())
    );
    assert_eq!(
        of(ks, &moved).1,
        "it does not hold that total is distributed as in before(x) (KS 0.5)"
    );
    // Texts, NULL, and few rows.
    let texts = |share: i64| {
        (0..200).map(move |i| if i % 10 < share { "\"a\"" } else { "null" }.to_owned())
    };
    let fewer = [side('b', texts(9)), side('n', texts(3))].concat();
    assert!(
        of(psi, &fewer)
            .1
            .contains("NULL changed most: 10 % became 70 %"),
        "{fewer:?}"
    );
    let few = [before, side('n', numbers(0, 29))].concat();
    assert_eq!(
        of(psi, &few),
        (
            "pass".into(),
            "it is not known whether total is distributed as in before (fewer than 30 rows)".into()
        )
    );
    // A profile that was kept, by which whole numbers stand in the bins that they were in.
    let profile = r#"{"rows":110,"nulls":10,"nonfinite":0,"histogram":{"from":0,"width":1.0,"counts":[20,20,20,20,20]},"top":[]}"#;
    let kept = format!(r#"{{"distribution": {{"column": "total", "baseline": {profile}}}}}"#);
    let now = (0..110).map(|i| {
        if i < 100 {
            (i % 5).to_string()
        } else {
            "null".into()
        }
    });
    let (status, said) = of(&kept, &side('n', now));
    assert_eq!(status, "pass");
    assert!(said.contains("PSI 0)"), "{said}");
    for (given, why) in [
        (r#"{"column": "a"}"#, "distribution is"),
        (
            r#"{"column": "a", "baseline": "b", "max": 0}"#,
            "distribution is",
        ),
        (r#"{"column": "a", "baseline": "b c"}"#, "neither a table"),
    ] {
        let rule = format!(r#"{{"distribution": {given}}}"#);
        let refused = program("orders", &rule, None, &Sqlite)
            .unwrap_err()
            .to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let many = format!("[{}]", vec![psi; 21].join(","));
    let refused = program("orders", &many, None, &Sqlite).unwrap_err();
    assert!(refused.to_string().contains("give up to 20"));
}

#[test]
fn keys_are_the_same_in_both_engines() {
    let rules = r#"{"not_null": "total", "by": "id"}"#;
    let keys = |key: &str| {
        let group = format!("{key}\u{1f}2 1 0");
        let answer = run(rules, "{}", &[(0, Some(&group))]);
        text(&answer[0][8]).to_owned()
    };
    for (duckdb, sqlite) in [
        (r#""\u001F""#, r#""\u001f""#),
        (
            r#"["\n\u001FÀ\\\u000B","U\\u001F"]"#,
            r#"["\n\u001fÀ\\\u000b","U\\u001F"]"#,
        ),
        (r#""\\U001F\\""#, r#""\\U001F\\""#),
        (r#""\\u001F""#, r#""\\u001F""#),
    ] {
        assert_eq!(keys(duckdb), format!("[{sqlite}]"));
        assert_eq!(keys(sqlite), format!("[{sqlite}]"));
    }
}

#[test]
fn a_profile_of_any_numbers_is_held_against() {
    let most = u64::MAX;
    let profile = format!(
        r#"{{"rows":{most},"nulls":{most},"nonfinite":{most},"histogram":{{"counts":[{most},{most}],"width":1e308}},"top":[{{"value":"a","count":{most}}},{{"value":"b","count":{most}}}]}}"#
    );
    for measure in ["psi", "ks"] {
        let rule = format!(
            r#"{{"distribution": {{"column": "total", "baseline": {profile}, "measure": "{measure}"}}}}"#
        );
        let rows = vec![(0, Some("n[1]")); 30];
        assert_eq!(text(&run(&rule, "{}", &rows)[0][3]), "fail");
    }
}
