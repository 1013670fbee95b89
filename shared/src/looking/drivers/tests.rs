use super::*;
use crate::program::rows_of;
use crate::sql::lexer::Dialect;

fn run(names: &str, ratio: bool, options: &str, rows: &[(&str, i64, f64, f64)]) -> Vec<Vec<Value>> {
    let names: Json = serde_json::from_str(names).unwrap();
    let spec = serde_json::json!({"names": names, "ratio": ratio, "options": options}).to_string();
    let mut states = [FOLD.start(&spec).unwrap(), FOLD.start(&spec).unwrap()];
    for (i, (dims, test, metric, per)) in rows.iter().enumerate() {
        let row = [
            ValueRef::Text(dims),
            ValueRef::Integer(*test),
            ValueRef::Real(*metric),
            ValueRef::Real(*per),
        ];
        states[i % 2].row(&row).unwrap();
    }
    let [mut one, other] = states;
    one.merge(&*other).unwrap();
    rows_of(|emit| one.finish(emit)).unwrap()
}

fn real(value: &Value) -> f64 {
    match value {
        Value::Real(value) => *value,
        other => panic!("{other:?}"),
    }
}

/// Two by two, in which one cell falls and the others hold.
fn sales() -> Vec<(&'static str, i64, f64, f64)> {
    let mut rows = Vec::new();
    for (dims, was, is) in [
        (r#"["EU","x"]"#, 100.0, 40.0),
        (r#"["EU","y"]"#, 200.0, 205.0),
        (r#"["US","x"]"#, 300.0, 310.0),
        (r#"["US","y"]"#, 400.0, 395.0),
        (r#"["EU","z"]"#, 250.0, 252.0),
        (r#"["US","z"]"#, 150.0, 149.0),
    ] {
        rows.push((dims, 0, was / 2.0, 1.0));
        rows.push((dims, 0, was / 2.0, 1.0));
        rows.push((dims, 1, is, 2.0));
    }
    rows
}

#[test]
fn a_change_is_put_down_to_its_segment() {
    let mut rows = sales();
    let found = run(r#"["region", "product"]"#, false, "{}", &rows);
    assert_eq!(found[0][1], Value::Text("{}".into()));
    assert_eq!((real(&found[0][2]), real(&found[0][3])), (1400.0, 1351.0));
    let first = &found[1];
    assert_eq!(
        first[1],
        Value::Text(r#"{"region":"EU","product":"x"}"#.into())
    );
    assert_eq!(real(&first[4]), -60.0);
    assert!((real(&first[5]) - 60.0 / 49.0).abs() < 1e-12);
    // The rest went from 1,300 to 1,311.
    assert!((real(&first[6]) - 100.0 * 1311.0 / 1300.0).abs() < 1e-9);
    assert_eq!(first[8], Value::Null);
    assert_eq!(
        first[13],
        Value::Text("region = EU and product = x: 100 became 40, where the rest lets expect 101; it accounts for 122 % of the difference".into())
    );
    rows.reverse();
    assert_eq!(run(r#"["region", "product"]"#, false, "{}", &rows), found);
    let chinese = run(
        r#"["region", "product"]"#,
        false,
        r#"{"lang": "zh", "top": 1}"#,
        &rows,
    );
    assert_eq!(chinese.len(), 2);
    assert_eq!(
        chinese[1][13],
        Value::Text(
            "region = EU、product = x：由 100 变为 40，按其余部分预期为 101；贡献了差额的 122%"
                .into()
        )
    );
}

/// Each ratio rises, and the whole falls: Simpson's reversal is all mix.
#[test]
fn ratios_are_parted_into_rate_and_mix() {
    let rows = [
        (r#"["a"]"#, 0, 80.0, 100.0),
        (r#"["b"]"#, 0, 2.0, 10.0),
        (r#"["a"]"#, 1, 9.0, 10.0),
        (r#"["b"]"#, 1, 30.0, 100.0),
    ];
    let found = run(r#"["kind"]"#, true, r#"{"prune": false}"#, &rows);
    let change = real(&found[0][4]);
    assert!((change - (39.0 / 110.0 - 82.0 / 110.0)).abs() < 1e-12);
    let effects: f64 = found[1..]
        .iter()
        .map(|row| real(&row[8]) + real(&row[9]))
        .sum();
    assert!((effects - change).abs() < 1e-12);
    assert!(
        found[1..]
            .iter()
            .all(|row| real(&row[8]) > 0.0 && real(&row[9]) < 0.0)
    );
    let shares: f64 = found[1..].iter().map(|row| real(&row[5])).sum();
    assert!((shares - 1.0).abs() < 1e-12);
}

#[test]
fn odd_groups_are_told() {
    assert!(run(r#"["a"]"#, false, "{}", &[]).is_empty());
    // No control group.
    let found = run(
        r#"["a"]"#,
        false,
        "{}",
        &[("[1]", 1, 5.0, 0.0), ("[2]", 1, 5.0, 0.0)],
    );
    assert_eq!(found.len(), 1);
    // Nothing changed in all: shares are of nothing.
    let rows = [
        ("[null]", 0, 5.0, 0.0),
        ("[2]", 0, 5.0, 0.0),
        ("[null]", 1, 8.0, 0.0),
        ("[2]", 1, 2.0, 0.0),
    ];
    let found = run(r#"["a"]"#, false, "{}", &rows);
    assert!(found.iter().all(|row| row[5] == Value::Null));
    // Of two that together are everything one is told: the other is the rest.
    assert_eq!(found.len(), 2);
    // New, vanished, negative.
    let rows = [
        ("[\"old\"]", 0, 5.0, 0.0),
        ("[\"both\"]", 0, -50.0, 0.0),
        ("[\"both\"]", 1, 8.0, 0.0),
        ("[\"new\"]", 1, 2.0, 0.0),
    ];
    let found = run(r#"["a"]"#, false, "{}", &rows);
    assert!(found.len() > 2);
    let state = FOLD.start(r#"{"names": ["a"], "options": "{}"}"#);
    let huge = [
        ValueRef::Text("[1]"),
        ValueRef::Integer(1),
        ValueRef::Real(1e300),
        ValueRef::Null,
    ];
    assert!(
        state
            .unwrap()
            .row(&huge)
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
}

#[test]
fn programs_are_checked() {
    struct Engine(Dialect);
    impl Database for Engine {
        fn dialect(&self) -> Dialect {
            self.0
        }
        fn vector_table(&self, name: &str) -> Result<crate::vector::table::VectorTable> {
            Err(Error::new(name))
        }
    }
    let write = |arguments: [&str; 4], options: Option<&str>| {
        program(arguments, options, &Engine(Dialect::Sqlite)).map_err(|e| e.to_string())
    };
    let good = [
        "sales",
        "sum(amount)",
        "day > 3",
        r#"["region", "pro\"duct"]"#,
    ];
    assert!(
        write(good, None)
            .unwrap()
            .read
            .contains("lumos_source.\"pro\"\"duct\"")
    );
    let duckdb = program(good, None, &Engine(Dialect::DuckDb)).unwrap().read;
    assert!(duckdb.contains("json_array(lumos_source.\"region\""));
    for (place, text, said) in [
        (0, "a b", "is neither a table"),
        (1, "amount", "metric amount is no sum over rows"),
        (2, "day > 3) OR (1", "test day > 3) OR (1 has a parenthesis"),
        (2, "", "test '' is empty"),
        (3, "[]", "dims is []; give 1 to 10 columns"),
        (3, "region", "dims is region; give 1 to 10 columns"),
    ] {
        let mut arguments = good;
        arguments[place] = text;
        let refused = write(arguments, None).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(
        write(good, Some(r#"{"support": 2}"#))
            .unwrap_err()
            .contains("support is 2")
    );
}
