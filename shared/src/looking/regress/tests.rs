//! Against statsmodels 0.14, which was given the same numbers.

use super::*;
use crate::looking::scan;

fn uniform(n: usize) -> Vec<[f64; 4]> {
    let mut x = 12_345_u64;
    let mut next = || {
        x = (x * 1_103_515_245 + 12_345) % (1 << 31);
        x as f64 / (1_u64 << 31) as f64
    };
    (0..n).map(|_| [next(), next(), next(), next()]).collect()
}

fn rows() -> Vec<String> {
    let row = |u: [f64; 4]| {
        let x = u[0] * 10.0;
        let z = 0.5 * x + u[1] * 1000.0;
        let side = f64::from(u8::from(u[2] < 0.4));
        let y = 3.0 + 2.0 * x - 0.01 * z + 4.0 * side + (u[3] - 0.5) * 6.0;
        let won = 1.0 / (1.0 + (-(0.4 * x - 2.0 + 1.2 * side)).exp()) > u[3];
        let side = if side == 1.0 { "yes" } else { "no" };
        format!(r#"{{"x":{x},"z":{z},"side":"{side}","y":{y},"won":{won},"list":[1]}}"#)
    };
    uniform(200).into_iter().map(row).collect()
}

fn run(target: &str, options: &str, rows: &[String]) -> Result<Vec<Vec<Value>>> {
    let spec = serde_json::json!({"target": target, "options": options}).to_string();
    scan::tests::run(&FOLD, &spec, rows)
}

fn near(found: &Value, known: f64, within: f64) {
    let Value::Real(value) = found else {
        panic!("{found:?} for {known}");
    };
    assert!((value / known - 1.0).abs() < within, "{value} for {known}");
}

#[test]
fn least_squares_are_those_of_statsmodels() {
    let mut rows = rows();
    let spec = r#"{"columns": ["x", "z", "side"]}"#;
    let only: Vec<String> = rows
        .iter()
        .map(|row| row.split(",\"won\"").next().unwrap().to_owned() + "}")
        .collect();
    let found = run("y", spec, &only).unwrap();
    let names: Vec<&Value> = found.iter().map(|row| &row[0]).collect();
    assert_eq!(
        names,
        ["(intercept)", "x", "z", "side = yes"]
            .map(|name| Value::Text(name.into()))
            .iter()
            .collect::<Vec<_>>()
    );
    let known = [
        [
            3.009111491723819,
            0.3459878225371362,
            1.3708332302528653e-15,
            2.3267746447052415,
        ],
        [
            1.9861611323238286,
            0.046989864021474065,
            1.9510705986828302e-100,
            1.8934904844867855,
        ],
        [
            -0.009672605037428773,
            0.0004345721527388519,
            1.4924386215947106e-55,
            -0.010529642693631476,
        ],
        [
            3.9881477616054086,
            0.27147833956182976,
            1.9695745356255366e-33,
            3.452754137367159,
        ],
    ];
    for (row, [coefficient, se, p, lo]) in found.iter().zip(known) {
        near(&row[1], coefficient, 1e-10);
        near(&row[2], se, 1e-10);
        near(&row[4], p, 1e-8);
        near(&row[5], lo, 1e-9);
    }
    let known = [
        [1.007267911070743, 0.6789498824505502],
        [1.0215379908739637, 0.1923010320266737],
        [1.0225021794586469, 0.0550989521378877],
    ];
    for (row, [vif, share]) in found[1..].iter().zip(known) {
        near(&row[7], vif, 1e-10);
        near(&row[8], share, 1e-10);
    }
    near(&found[0][8], 0.9263498666151117, 1e-12);
    assert_eq!(
        found[3][9],
        Value::Text("y is 3.99 higher where side = yes than where it is no".into())
    );
    rows.reverse();
    let mut only = only;
    only.reverse();
    assert_eq!(run("y", spec, &only).unwrap(), found);
}

#[test]
fn odds_are_those_of_statsmodels() {
    let only: Vec<String> = rows()
        .iter()
        .map(|row| {
            let members: Vec<&str> = row.trim_matches(['{', '}']).split(',').collect();
            format!("{{{},{},{}}}", members[0], members[2], members[4])
        })
        .collect();
    let found = run("won", "{}", &only).unwrap();
    let known = [
        [
            -2.06815878736801,
            0.38562381412858027,
            8.178253267592461e-08,
            -2.8239675746409953,
        ],
        [
            0.42235368666502027,
            0.06784318763429495,
            4.802067372785252e-10,
            0.289383482305409,
        ],
        [
            0.7951835410468147,
            0.3493645613270513,
            0.02284090495672155,
            0.11044158337115917,
        ],
    ];
    for (row, [coefficient, se, p, lo]) in found.iter().zip(known) {
        near(&row[1], coefficient, 1e-8);
        near(&row[2], se, 1e-8);
        near(&row[4], p, 1e-6);
        near(&row[5], lo, 1e-7);
    }
    let chinese = run("won", r#"{"lang": "zh"}"#, &only).unwrap();
    assert_eq!(chinese[1][9], Value::Text("x 越大，won = 1 越可能".into()));
    // As numbers they are a line.
    let line = run("won", r#"{"model": "linear"}"#, &only).unwrap();
    assert!(matches!(line[1][8], Value::Real(share) if share > 0.1));
}

#[test]
fn odd_tables_are_told() {
    let rows = |of: fn(i32) -> String, n: i32| -> Vec<String> { (0..n).map(of).collect() };
    // A column twice, one that is constant, and one of 1e12.
    let twice = rows(
        |i| format!(r#"{{"a":{i},"b":{},"c":7,"y":{}e12}}"#, 2 * i, i % 7),
        50,
    );
    let found = run("y", "{}", &twice).unwrap();
    let left_out = found.iter().filter(|row| row[1] == Value::Null).count();
    assert_eq!((found.len(), left_out), (4, 2));
    // As many terms as rows: a fit without an error to tell.
    let few = rows(|i| format!(r#"{{"a":{i},"b":{},"y":{i}}}"#, i * i), 3);
    let found = run("y", "{}", &few).unwrap();
    assert!(
        found
            .iter()
            .all(|row| row[2] == Value::Null && row[4] == Value::Null)
    );
    // Parted completely.
    let parted = rows(
        |i| format!(r#"{{"a":{i},"y":"{}"}}"#, if i < 20 { "no" } else { "yes" }),
        40,
    );
    let found = run("y", "{}", &parted).unwrap();
    assert!(matches!(&found[0][9], Value::Text(note) if note.contains("held back")));
    assert!(matches!(found[1][1], Value::Real(b) if b > 0.0 && b.is_finite()));
    // A constant target.
    let flat = rows(|i| format!(r#"{{"a":{i},"y":5}}"#), 10);
    let found = run("y", "{}", &flat).unwrap();
    assert_eq!(
        (&found[0][1], &found[1][1]),
        (&Value::Real(5.0), &Value::Real(0.0))
    );
    for (target, rows, said) in [
        ("z", &flat, "there is no column \"z\""),
        (
            "y",
            &rows(|i| format!(r#"{{"y":{i}}}"#), 5),
            "there are 0 terms",
        ),
        (
            "y",
            &rows(|i| format!(r#"{{"a":1,"y":"{i}"}}"#), 5),
            "has texts",
        ),
        (
            "y",
            &rows(|_| r#"{"a":1,"y":[1]}"#.into(), 5),
            "has neither",
        ),
        (
            "y",
            &rows(|_| r#"{"a":null,"y":1}"#.into(), 5),
            "there are 0 terms",
        ),
    ] {
        let refused = run(target, "{}", rows).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(run("y", "{}", &[]).unwrap().is_empty());
    assert!(run("y", r#"{"model": "logistic"}"#, &twice).is_err());
    assert!(FOLD.start("{}").is_err());
}

#[test]
fn rows_without_a_null_have_to_tell_something() {
    let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
    let none = rows(&[r#"{"y":1,"x":1,"z":null}"#, r#"{"y":2,"x":null,"z":3}"#]);
    for target in ["y", "Y", "x"] {
        let refused = run(target, "{}", &none).unwrap_err().to_string();
        assert!(
            refused.contains("no row has a value in every column"),
            "{refused}"
        );
    }
    let one = rows(&[
        r#"{"y":"no","x":1}"#,
        r#"{"y":"no","x":2}"#,
        r#"{"y":"yes","x":null}"#,
    ]);
    let refused = run("y", "{}", &one).unwrap_err().to_string();
    assert!(
        refused.contains("only one of its two values in the 2 rows"),
        "{refused}"
    );
}
