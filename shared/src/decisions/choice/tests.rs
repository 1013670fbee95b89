//! Known answers of decisions, and odd options.

use super::*;
use crate::series::words::number;

const LAPTOPS: [(&str, f64, f64); 4] = [
    ("A", 1000.0, 10.0),
    ("B", 1500.0, 16.0),
    ("C", 800.0, 6.0),
    ("D", 1600.0, 20.0),
];
const CRITERIA: &str = r#"{"price": {"weight": 3, "goal": "min", "max": 1500}, "battery": 2}"#;

fn decide(
    options: &[(Option<&str>, Vec<f64>)],
    criteria: &str,
    given: &str,
) -> Result<Vec<Vec<Value>>> {
    // Two threads, of which the second has every other row.
    let spec = spec(criteria, Some(given));
    let mut states = [FOLD.start(&spec)?, FOLD.start(&spec)?];
    for (i, (name, values)) in options.iter().enumerate() {
        let mut row = vec![name.map_or(ValueRef::Null, ValueRef::Text), ValueRef::Null];
        row.extend(values.iter().map(|v| ValueRef::Real(*v)));
        row.resize(INPUT.len(), ValueRef::Null);
        states[i % 2].row(&row)?;
    }
    let [mut all, other] = states;
    all.merge(&*other)?;
    let mut rows = Vec::new();
    all.finish(&mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

fn laptops(criteria: &str, given: &str) -> Vec<Vec<Value>> {
    let options = LAPTOPS.map(|(name, price, battery)| (Some(name), vec![price, battery]));
    decide(&options, criteria, given).unwrap()
}

fn real(value: &Value) -> f64 {
    match value {
        Value::Real(v) => *v,
        other => panic!("{other:?}"),
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn near(found: f64, known: f64) {
    assert!((found - known).abs() < 1e-12, "{found} is not {known}");
}

fn field(json: &Value, name: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_str(text(json)).unwrap();
    json[name].as_f64().unwrap()
}

/// By hand.
#[test]
fn weighted_points_rank_options() {
    let rows = laptops(CRITERIA, "{}");
    let names: Vec<&str> = rows.iter().map(|row| text(&row[1])).collect();
    assert_eq!(names, ["C", "A", "B", "D"]);
    near(real(&rows[0][2]), 0.6);
    near(real(&rows[1][2]), 0.6 * 5.0 / 7.0 + 0.16);
    near(real(&rows[2][2]), 0.4);
    near(real(&rows[0][3]), 0.6 - 0.6 * 5.0 / 7.0 - 0.16);
    near(field(&rows[0][7], "price"), 0.6 * 2.0 / 7.0);
    near(field(&rows[0][7], "battery"), -0.16);
    near(field(&rows[0][8], "price"), 7.0 / 12.0);
    near(field(&rows[0][8], "battery"), 5.0 / 12.0);
    assert_eq!(rows[3][0], Value::Null);
    assert_eq!(rows[3][4], Value::Integer(0));
    assert_eq!(
        text(&rows[3][10]),
        "price is 1,600, but must be at most 1,500"
    );
    let shares: f64 = rows[..3].iter().map(|row| real(&row[5])).sum();
    near(shares, 1.0);
    let share = number(real(&rows[0][5]));
    assert_eq!(
        text(&rows[0][10]),
        format!(
            "first, 0.0114 ahead of A (price +0.171, battery -0.16); the best under a share of {share} of the weights tried; level with A if the weight of price were 0.583"
        )
    );
    let chinese = laptops(CRITERIA, r#"{"lang": "zh"}"#);
    assert_eq!(
        text(&chinese[0][10]),
        format!(
            "第一，领先 A 0.0114 (price +0.171，battery -0.16)；在所试权重中，有 {share} 的比例为最佳；若 price 的权重为 0.583，则与 A 持平"
        )
    );
    // At the weight of the flip both have the same score.
    let level = r#"{"price": {"weight": 7, "goal": "min", "max": 1500}, "battery": 5}"#;
    near(real(&laptops(level, "{}")[0][3]), 0.0);
    assert_eq!(laptops(CRITERIA, r#"{"top": 2}"#).len(), 2);
    assert_eq!(laptops(CRITERIA, r#"{"draws": 0}"#)[0][5], Value::Null);
}

/// By NumPy: vectors divided by their lengths, weighted, distances to the best and the worst.
#[test]
fn topsis_is_known() {
    let rows = laptops(CRITERIA, r#"{"method": "topsis"}"#);
    let names: Vec<&str> = rows.iter().map(|row| text(&row[1])).collect();
    assert_eq!(names[..3], TOPSIS.map(|(name, _)| name));
    for (row, (_, score)) in rows.iter().zip(TOPSIS) {
        near(real(&row[2]), score);
        near(field(&row[6], "price") + field(&row[6], "battery"), score);
    }
}

const TOPSIS: [(&str, f64); 3] = [
    ("A", 0.5594567097720646),
    ("C", 0.5131548165620247),
    ("B", 0.48684518343797534),
];

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut options: Vec<(Option<&str>, Vec<f64>)> = Vec::new();
    for i in 0..60 {
        let name = ["a", "b", "c"][i % 3];
        options.push((
            Some(name).filter(|_| i % 7 > 0),
            vec![(i * 37 % 11) as f64, (i * 13 % 7) as f64 / 3.0],
        ));
    }
    let first = decide(&options, r#"{"x": 1, "y": 2}"#, "{}").unwrap();
    options.reverse();
    assert_eq!(
        first,
        decide(&options, r#"{"x": 1, "y": 2}"#, "{}").unwrap()
    );
}

#[test]
fn odd_options_have_a_rank() {
    // One.
    let one = decide(&[(Some("a"), vec![3.0])], r#"{"x": 1}"#, "{}").unwrap();
    assert_eq!((&one[0][0], &one[0][3]), (&Value::Integer(1), &Value::Null));
    assert_eq!(
        text(&one[0][10]),
        "the only option; the best under a share of 1 of the weights tried"
    );
    assert!(decide(&[], r#"{"x": 1}"#, "{}").unwrap().is_empty());
    // Equal ones, by name, with the first places shared.
    let equal = [(Some("b"), vec![1.0, 2.0]), (Some("a"), vec![1.0, 2.0])];
    let equal = decide(&equal, r#"{"x": 1, "y": 1}"#, "{}").unwrap();
    assert_eq!((text(&equal[0][1]), real(&equal[0][5])), ("a", 0.5));
    assert!(text(&equal[0][10]).ends_with(
        "x is the same for all and decides nothing; y is the same for all and decides nothing"
    ));
    assert!(text(&equal[0][10]).starts_with("level with b"));
    // Missing values, all weights on one, and one that can never win.
    let options = [
        (Some("a"), vec![f64::NAN, 5.0]),
        (Some("b"), vec![2.0, 1.0]),
        (Some("c"), vec![1.0, 1.0]),
        (None, vec![2.0, 9.0]),
    ];
    let rows = decide(&options, r#"{"x": 1, "y": 0}"#, "{}").unwrap();
    let names: Vec<&Value> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(names[0], &Value::Null);
    assert_eq!(
        text(&rows[3][10])
            .matches("x is missing and counts as the worst")
            .count(),
        usize::from(text(&rows[3][1]) == "a")
    );
    let dropped = decide(&options, r#"{"x": 1, "y": 1}"#, r#"{"null": "drop"}"#).unwrap();
    assert_eq!(dropped.len(), 3);
    assert_eq!(dropped[2][9], Value::Null);
    assert!(text(&dropped[2][10]).contains("never the best: NULL is as good in everything"));
    // None that may be chosen.
    let rows = decide(&options, r#"{"x": {"min": 100}}"#, "{}").unwrap();
    assert!(
        rows.iter()
            .all(|row| row[0] == Value::Null && row[4] == Value::Integer(0))
    );
    assert!(
        rows.iter()
            .any(|row| text(&row[10]) == "x is missing, but has a limit")
    );
    // Large and negative values.
    let large = [
        (Some("a"), vec![1.7e308]),
        (Some("b"), vec![-1.7e308]),
        (Some("c"), vec![0.0]),
    ];
    for given in ["{}", r#"{"normal": "vector"}"#, r#"{"method": "topsis"}"#] {
        let rows = decide(&large, r#"{"x": 1}"#, given).unwrap();
        assert_eq!(text(&rows[0][1]), "a");
        assert!(rows.iter().all(|row| real(&row[2]).is_finite()));
    }
}

#[test]
fn utilities_bend_points() {
    let options = [
        (Some("a"), vec![1.0]),
        (Some("b"), vec![10.0]),
        (Some("c"), vec![100.0]),
    ];
    let scores = |criteria: &str| -> Vec<f64> {
        decide(&options, criteria, "{}")
            .unwrap()
            .iter()
            .map(|row| real(&row[2]))
            .collect()
    };
    near(scores(r#"{"x": {"utility": "log"}}"#)[1], 0.5);
    near(
        scores(r#"{"x": {"utility": [[0, 0], [20, 0.8], [50, 1]]}}"#)[1],
        0.4,
    );
    let bent: f64 = 1.0 - 9.0 / 99.0;
    near(
        scores(r#"{"x": {"goal": "min", "utility": {"exp": 2}}}"#)[1],
        (1.0 - (-2.0 * bent).exp()) / (1.0 - (-2.0f64).exp()),
    );
    let zero = [(Some("a"), vec![0.0]), (Some("b"), vec![1.0])];
    let refused = decide(&zero, r#"{"x": {"utility": "log"}}"#, "{}").unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("x of option a is 0, which has no logarithm")
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (criteria, options, said) in [
        ("x", "{}", "criteria are x; write them like"),
        ("{}", "{}", "there are 0 criteria, of 1 to 32"),
        (
            r#"{"x": "3"}"#,
            "{}",
            "criterion x is \"3\"; give its weight, or an object with weight, goal,",
        ),
        (
            r#"{"x": -1}"#,
            "{}",
            "weight of criterion x is -1; give a number from 0 on",
        ),
        (
            r#"{"x": {"weight": "3"}}"#,
            "{}",
            "weight of criterion x is \"3\"; give a number from 0 on",
        ),
        (
            r#"{"x": {"goal": "low"}}"#,
            "{}",
            "goal of criterion x is \"low\"; give \"max\" or \"min\"",
        ),
        (
            r#"{"x": {"max": "a"}}"#,
            "{}",
            "max of criterion x is \"a\"; give a number",
        ),
        (
            r#"{"x": {"weigth": 1}}"#,
            "{}",
            "criterion x has \"weigth\"; the fields are weight, goal, min, max and utility",
        ),
        (
            r#"{"x": {"utility": [[1, 0], [0, 1]]}}"#,
            "{}",
            "utility of criterion x is [[1,0],[0,1]]; give",
        ),
        (
            r#"{"x": 0, "y": 0}"#,
            "{}",
            "the weights of the criteria add up to 0; give at least one above 0",
        ),
        (r#"{"x": 1}"#, r#"{"methd": 1}"#, "unknown option \"methd\""),
    ] {
        let found = decide(&[], criteria, options).unwrap_err().to_string();
        assert!(found.starts_with(said), "{found}");
    }
    let mut state = FOLD.start(&spec(r#"{"x": 1}"#, None)).unwrap();
    let refused = state
        .row(&[ValueRef::Text("a"), ValueRef::Text("x")])
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "x of option a is not a number; give numbers"
    );
    assert!(FOLD.start("x").is_err());
}
