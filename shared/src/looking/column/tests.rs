//! Columns whose answers are known, and odd ones.

use super::*;

fn look(values: &[ValueRef<'_>], ty: &str, options: &str) -> Json {
    // Two threads, of which the second sees every third value, backwards.
    let mut states = [FOLD.start("").unwrap(), FOLD.start("").unwrap()];
    let of = |text: &'static str| match text {
        "" => ValueRef::Null,
        text => ValueRef::Text(text),
    };
    let (ty, options) = (of(Box::leak(ty.into())), of(Box::leak(options.into())));
    for (i, value) in values.iter().enumerate() {
        states[usize::from(i % 3 == 0)]
            .row(&[*value, ty, options])
            .unwrap();
    }
    let [mut all, other] = states;
    all.merge(&*other).unwrap();
    let mut found = Json::Null;
    all.finish(&mut |row| {
        if let [Value::Text(text)] = &row[..] {
            found = serde_json::from_str(text).unwrap();
        }
        Ok(())
    })
    .unwrap();
    found
}

fn reals(values: &[f64]) -> Vec<ValueRef<'static>> {
    values.iter().map(|v| ValueRef::Real(*v)).collect()
}

fn codes(column: &Json) -> Vec<&str> {
    let notes = column["notes"].as_array().unwrap();
    notes
        .iter()
        .map(|note| note["code"].as_str().unwrap())
        .collect()
}

/// By SciPy: `skew`, `kurtosis`, `numpy.quantile`.
#[test]
fn numbers_are_known() {
    let column = look(
        &reals(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, -1.0, 0.0]),
        "",
        "",
    );
    let near = |found: &Json, known: f64| {
        assert!(
            (found.as_f64().unwrap() - known).abs() < 1e-12,
            "{found} {known}"
        );
    };
    near(&column["mean"], 3.9);
    near(&column["sd"], KNOWN[0]);
    near(&column["skew"], KNOWN[1]);
    near(&column["kurtosis"], KNOWN[2]);
    near(&column["quantiles"]["p25"], 2.5);
    near(&column["quantiles"]["p50"], 4.0);
    near(&column["quantiles"]["p95"], 8.1);
    assert_eq!(column["kind"], "integer");
    assert_eq!(
        (&column["zeros"], &column["negatives"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&column["min"], &column["max"], &column["uniques"]),
        (&json!(-1), &json!(9), &json!(7))
    );
    assert_eq!(column["top"][0], json!({"value": 4, "count": 3}));
    assert_eq!(column["top"][1], json!({"value": 5, "count": 2}));
    let counts = column["histogram"]["counts"].as_array().unwrap();
    assert_eq!(counts.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 10);
}

const KNOWN: [f64; 3] = [2.9981475762358474, -0.0813547775627707, -0.566534399012347];

#[test]
fn odd_numbers_are_told() {
    let none = look(&[ValueRef::Null; 3], "", "");
    assert_eq!(
        (&none["kind"], &none["rows"], codes(&none)),
        (&json!("empty"), &json!(3), vec!["empty"])
    );
    assert!(look(&[], "", "").is_null());
    let odd = look(
        &reals(&[f64::NAN, f64::INFINITY, 1e308, -1e308, -0.0, 0.0]),
        "",
        "",
    );
    assert_eq!(
        (&odd["nonfinite"], &odd["zeros"], &odd["uniques"]),
        (&json!(2), &json!(2), &json!(5))
    );
    assert!(odd["sd"].is_f64() && odd["histogram"]["counts"].is_array());
    let constant = look(&reals(&[5.0; 9]), "", "");
    assert_eq!(
        (&constant["sd"], &constant["skew"]),
        (&json!(0.0), &Json::Null)
    );
    assert_eq!(codes(&constant), ["constant"]);
    let mut values: Vec<f64> = (0..200).map(|i| f64::from(i % 40)).collect();
    values.extend([999.0, 999.0, 999.0]);
    let coded = look(&reals(&values), "", r#"{"lang": "zh", "top": 0}"#);
    assert!(
        codes(&coded).ends_with(&["outliers", "codes"]),
        "{:?}",
        codes(&coded)
    );
    assert_eq!(coded["top"], json!([]));
    assert_eq!(
        coded["notes"].as_array().unwrap().last().unwrap()["text"],
        "3 个形如 -1 或 999 的数远离其余，可能是代码"
    );
    // Numbers of DuckDB as texts.
    let decimals = look(
        &[ValueRef::Text("1.50"), ValueRef::Text("2.25")],
        "DECIMAL(5,2)",
        "",
    );
    assert_eq!(
        (&decimals["kind"], &decimals["mean"], &decimals["type"]),
        (&json!("number"), &json!(1.875), &json!("DECIMAL(5,2)"))
    );
}

#[test]
fn texts_are_told() {
    let texts = ["a", "b ", "a", "", "中文", "N/A", "a"].map(ValueRef::Text);
    let column = look(&texts, "", "");
    assert_eq!(
        (&column["kind"], &column["min"], &column["max"]),
        (&json!("category"), &json!(""), &json!("中文"))
    );
    assert_eq!(column["lengths"], json!([0, 10.0 / 7.0, 3]));
    assert_eq!(column["top"][0], json!({"value": "a", "count": 3}));
    assert_eq!(codes(&column), ["blanks", "empty_texts", "placeholders"]);
    let dates = look(
        &["2026-01-31", "2026-02-01 10:00", "1999-12-31"].map(ValueRef::Text),
        "",
        "",
    );
    assert_eq!(
        (&dates["kind"], codes(&dates)),
        (&json!("time"), vec!["unique", "times_as_text"])
    );
    let numbers = look(&["1", "2.5", " 3", "-4e3", "x"].map(ValueRef::Text), "", "");
    assert!(!codes(&numbers).contains(&"numbers_as_text"));
    assert!(codes(&look(&["1", "2.5"].map(ValueRef::Text), "", "")).contains(&"numbers_as_text"));
    let mixed = look(&[ValueRef::Integer(1), ValueRef::Text("x")], "", "");
    assert_eq!(
        (&mixed["kind"], codes(&mixed)),
        (&json!("mixed"), vec!["unique", "mixed"])
    );
    let long = "x".repeat(10_000_000);
    let long = look(
        &[
            ValueRef::Text(&long),
            ValueRef::Text(&long),
            ValueRef::Blob(&[1, 2]),
        ],
        "",
        "",
    );
    assert_eq!(
        (&long["kind"], &long["uniques"]),
        (&json!("other"), &Json::Null)
    );
    assert!(long.to_string().len() < 2000);
}

/// Neighbours of which a double is one.
#[test]
fn keys_of_many_digits_are_told_apart() {
    let ids: Vec<i64> = (0..500).map(|i| 1_700_000_000_000_000_001 + i).collect();
    let integers: Vec<ValueRef<'_>> = ids.iter().map(|id| ValueRef::Integer(*id)).collect();
    let shown: Vec<String> = ids.iter().map(i64::to_string).collect();
    let decimals: Vec<String> = shown.iter().map(|id| format!("-0.{id}00")).collect();
    let texts = |texts: &'_ [String]| -> Vec<ValueRef<'static>> {
        let leaked = texts
            .iter()
            .map(|text| &*Box::leak(text.clone().into_boxed_str()));
        leaked.map(ValueRef::Text).collect()
    };
    for (values, ty) in [
        (integers, ""),
        (texts(&shown), "BIGINT"),
        (texts(&decimals), "DECIMAL(38,21)"),
    ] {
        let column = look(&values, ty, "");
        assert_eq!(column["uniques"], 500, "{ty}");
        assert_eq!(column["uniques_exact"], true);
        assert!(codes(&column).contains(&"unique"));
        assert_eq!(column["top"], json!([]));
    }
    // What a double holds has its most frequent values.
    for (text, ty) in [
        ("9007199254740992", "BIGINT"),
        ("0.1000000000000000", "DECIMAL(38,16)"),
        ("0.30000000000000004", "DOUBLE"),
    ] {
        let column = look(&[ValueRef::Text(text)], ty, "");
        assert_eq!(column["top"][0]["count"], 1, "{text}");
    }
}

/// Whole numbers keep their ends, which doubles do not have; among other numbers they are doubles.
#[test]
fn ends_have_all_digits() {
    const BIG: i64 = (1 << 53) + 1;
    let ends = |values: &[ValueRef<'_>], ty: &str| {
        let column = look(values, ty, "");
        (column["min"].clone(), column["max"].clone())
    };
    let (least, most) = (json!(-BIG), json!(BIG));
    let whole = [BIG, 5, -BIG, 7].map(ValueRef::Integer);
    assert_eq!(ends(&whole, ""), (least.clone(), most.clone()));
    let (big, small) = (BIG.to_string(), (-BIG).to_string());
    let texts = ["5", big.as_str(), small.as_str(), "7"].map(ValueRef::Text);
    assert_eq!(ends(&texts, "HUGEINT"), (least, most));
    let mixed = [ValueRef::Integer(BIG), ValueRef::Real(0.5)];
    assert_eq!(ends(&mixed, ""), (json!(0.5), json!((BIG - 1) as f64)));
}
