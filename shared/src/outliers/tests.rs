use super::*;
use crate::program::rows_of;

fn answer(spec: &str, rows: &[&str]) -> Vec<Vec<Value>> {
    let mut state = OUTLIERS.start(spec).unwrap();
    for row in rows {
        state.row(&[ValueRef::Text(row)]).unwrap();
    }
    rows_of(|emit| state.finish(emit)).unwrap()
}

#[test]
fn a_row_unlike_the_others_comes_first() {
    let mut rows: Vec<String> = (0..99)
        .map(|i| format!(r#"{{"id":{i},"size":{},"kind":"house"}}"#, 100 + i * 7 % 10))
        .collect();
    rows.push(r#"{"id":"x","size":900,"kind":"castle"}"#.into());
    let mut texts: Vec<&str> = rows.iter().map(String::as_str).collect();
    let found = answer("{}", &texts);
    assert_eq!(found.len(), 100);
    assert_eq!(found[0][0], Value::Text("x".into()));
    assert_eq!(
        found[0][2..5],
        [
            Value::Integer(1),
            Value::Integer(1),
            Value::Text(r#"{"kind":0.5,"size":0.5}"#.into()),
        ]
    );
    let said =
        Value::Text("kind = \"castle\" (50 % of the score); size = 900 (50 % of the score)".into());
    assert_eq!(found[0][5], said);
    assert_eq!(found[1][3], Value::Integer(0));
    texts.reverse();
    assert_eq!(answer("{}", &texts), found);
    // As COPOD adds up: ln 100 of each column.
    assert!(matches!(found[0][1], Value::Real(s) if (s - 2.0 * libm::log(100.0)).abs() < 1e-12));
}

#[test]
fn columns_and_keys_are_chosen() {
    let rows = [
        r#"{"a":1,"b":"x","c":null}"#,
        r#"{"a":2,"b":"y","c":5}"#,
        r#"{"a":NaN,"b":"y","c":5}"#,
    ];
    let found = answer(r#"{"key": "B", "columns": "c", "share": 1}"#, &rows);
    assert_eq!(found[0][0], Value::Text("x".into()));
    assert_eq!(
        found
            .iter()
            .filter(|row| row[3] == Value::Integer(1))
            .count(),
        1
    );
    assert!(answer("{}", &[]).is_empty());
    let state = OUTLIERS.start(r#"{"columns": ["z"]}"#);
    let refused = state.unwrap().row(&[ValueRef::Text(rows[0])]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there is no column \"z\" for \"columns\"; there are a, b and c"
    );
    let huge = [
        r#"{"i":1,"v":1e308}"#,
        r#"{"i":2,"v":-1e308}"#,
        r#"{"i":3,"v":0}"#,
    ];
    assert!(
        answer("{}", &huge)
            .iter()
            .all(|row| matches!(row[1], Value::Real(s) if s.is_finite()))
    );
}

fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Integer(n) => ValueRef::Integer(*n),
        Value::Real(n) => ValueRef::Real(*n),
        Value::Text(text) => ValueRef::Text(text),
        _ => ValueRef::Null,
    }
}

/// The answer over rows as SQLite hands them over, and as text of JSON.
fn both(spec: &str, names: &[&str], rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let object = |row: &Vec<Value>| {
        let members = names.iter().zip(row).map(|(name, value)| {
            let value = match value {
                Value::Text(text) => Json::from(text.as_str()).to_string(),
                Value::Integer(n) => n.to_string(),
                Value::Real(n) => format!("{n:?}"),
                _ => "null".into(),
            };
            format!("{}: {value}", Json::from(*name))
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
    };
    let texts: Vec<String> = rows.iter().map(object).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let found = answer(spec, &texts);
    let wide = serde_json::json!({"columns": names, "look": spec}).to_string();
    let mut parts: Vec<_> = (0..3).map(|_| OUTLIERS.start(&wide).unwrap()).collect();
    for (i, row) in rows.iter().enumerate() {
        let row: Vec<ValueRef<'_>> = row.iter().map(borrowed).collect();
        parts[i * 7 % 3 % 2 + 1].row(&row).unwrap();
    }
    let mut all = parts.remove(0);
    for part in parts.iter().rev() {
        all.merge(&**part).unwrap();
    }
    assert_eq!(rows_of(|emit| all.finish(emit)).unwrap(), found);
    found
}

#[test]
fn keys_and_values_are_those_of_the_table() {
    let text = |text: &str| Value::Text(text.into());
    let keys = [
        Value::Integer(9_007_199_254_740_993),
        Value::Integer(i64::MIN),
        Value::Real(0.1),
        Value::Real(1e300),
        Value::Real(-0.0),
        text("x\"y"),
        Value::Null,
    ];
    let rows: Vec<Vec<Value>> = keys
        .into_iter()
        .map(|key| vec![key, Value::Real(1.0), text("a")])
        .collect();
    let found = both("{}", &["k", "v", "t"], &rows);
    let told: Vec<Value> = found.into_iter().map(|mut row| row.remove(0)).collect();
    let expected = [
        "-9223372036854775808",
        "0.0",
        "0.1",
        "1e+300",
        "9007199254740993",
        "x\"y",
    ];
    assert_eq!(told[0], Value::Null);
    assert_eq!(told[1..], expected.map(text));
    // As DuckDB writes what SQLite does not have.
    for (written, key) in [
        ("true", Some("true")),
        (
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
        ),
        ("1234567890123456789.25", Some("1234567890123456789.25")),
        ("10.50", Some("10.5")),
        ("NaN", None),
        ("[1, 2]", Some("[1, 2]")),
    ] {
        let row = format!(r#"{{"k":{written},"v":1}}"#);
        let found = answer("{}", &[&row]);
        assert_eq!(found[0][0], key.map_or(Value::Null, text), "{written}");
    }
    // Zero has no sign, among texts neither.
    let zeros = [Value::Real(-0.0), Value::Real(0.0), Value::Integer(0)];
    for other in [text("x"), Value::Integer(5)] {
        let values = zeros.iter().chain([&other]).enumerate();
        let rows: Vec<Vec<Value>> = values
            .map(|(i, value)| vec![Value::Integer(i as i64), value.clone()])
            .collect();
        let found = both("{}", &["k", "v"], &rows);
        assert_eq!(found[0][0], text("3"));
        assert!(found[1][1] == found[2][1] && found[2][1] == found[3][1]);
    }
    // Columns stand in any order.
    let mut rows = Vec::new();
    for i in 0..40 {
        rows.push(vec![
            Value::Integer(i),
            Value::Real(i as f64 * 0.7 % 3.0),
            if i % 9 == 0 { Value::Null } else { text("b") },
            Value::Integer(i * i % 11),
        ]);
    }
    let found = both("{}", &["k", "a", "b", "c"], &rows);
    rows.iter_mut().for_each(|row| row.swap(1, 3));
    rows.reverse();
    assert_eq!(both("{}", &["k", "c", "b", "a"], &rows), found);
}

#[test]
fn of_many_rows_some_are_chosen_by_their_content() {
    let row = |i: i64| vec![Value::Integer(i), Value::Real((i * i % 97) as f64)];
    let mut rows: Vec<Vec<Value>> = (0..1_000).map(row).collect();
    let spec = r#"{"max_rows": 100, "share": 1}"#;
    let found = both(spec, &["k", "v"], &rows);
    assert!((25..=100).contains(&found.len()), "{}", found.len());
    let says = format!("; among {} of 1,000 rows", found.len());
    assert!(
        found
            .iter()
            .any(|row| matches!(&row[5], Value::Text(said) if said.ends_with(&says)))
    );
    rows.reverse();
    assert_eq!(both(spec, &["k", "v"], &rows), found);
    // As many as there may be are all there.
    assert_eq!(
        both("{\"max_rows\": 1000}", &["k", "v"], &rows).len(),
        1_000
    );
    let equal = vec![r#"{"k":1,"v":2}"#; 20];
    let mut state = OUTLIERS.start(r#"{"max_rows": 10}"#).unwrap();
    for row in &equal {
        state.row(&[ValueRef::Text(row)]).unwrap();
    }
    assert_eq!(
        rows_of(|emit| state.finish(emit)).unwrap_err().to_string(),
        "more than 10 rows have the same content; give a greater \"max_rows\""
    );
}

#[test]
fn a_key_alone_has_a_score_without_a_sign() {
    for row in answer("{}", &[r#"{"id":1}"#, r#"{"id":2}"#]) {
        assert!(
            matches!(row[1], Value::Real(score) if score.to_bits() == 0),
            "{row:?}"
        );
    }
}
