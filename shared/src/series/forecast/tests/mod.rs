//! Forecasts and backtests whole: rows in, rows out.

mod covariates;

use super::super::clock::DAY;
use super::super::source::Answer;
use super::*;
use crate::program::{FoldState, rows_of};
use crate::{Value, ValueRef};

/// The rows of an answer to rows of `(series, time, value)`, with days as times.
fn answer<A: Answer>(spec: &str, rows: &[(Option<&str>, Option<i64>, f64)]) -> Vec<Vec<Value>> {
    let mut state = EachSeries::<A>::start(spec).unwrap();
    for (key, day, value) in rows {
        let key = key.map_or(ValueRef::Null, ValueRef::Text);
        let text = day.map(|day| super::super::clock::Clock::Date.show(day * DAY));
        let time = text.as_deref().map_or(ValueRef::Null, ValueRef::Text);
        state.row(&[key, time, ValueRef::Real(*value)]).unwrap();
    }
    rows_of(|emit| state.finish(emit)).unwrap()
}

fn ahead(
    rows: &[(Option<&str>, Option<i64>, f64)],
    horizon: i64,
    options: &str,
) -> Vec<Vec<Value>> {
    let spec = format!("{{\"horizon\": {horizon}, \"options\": {options}}}");
    answer::<Ahead>(&spec, rows)
}

fn days(values: &[f64]) -> Vec<(Option<&'static str>, Option<i64>, f64)> {
    (0..)
        .zip(values)
        .map(|(day, v)| (None, Some(day), *v))
        .collect()
}

#[test]
fn every_length_gets_its_steps() {
    for n in 1..40 {
        let values: Vec<f64> = (0..n).map(|i| f64::from(i * i % 7)).collect();
        for horizon in [1, 2, 14] {
            let found = ahead(&days(&values), horizon, "{}");
            assert_eq!(found.len(), horizon as usize, "{n}");
            for row in &found {
                for cell in &row[3..6] {
                    assert!(
                        matches!(cell, Value::Real(v) if v.is_finite() && *v >= 0.0),
                        "{n}: {row:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn odd_series_are_rows_with_notes() {
    let nan = f64::NAN;
    let note = |rows: &[(Option<&str>, Option<i64>, f64)]| match ahead(rows, 1, "{}").last() {
        Some(row) => format!("{:?} {:?}", row[3], row[7]),
        None => "nothing".into(),
    };
    assert_eq!(note(&[]), "nothing");
    assert!(note(&days(&[nan, nan])).contains("no value in any row"));
    assert!(note(&[(None, None, 1.0)]).contains("1 row without a time left out; no value"));
    assert_eq!(note(&days(&[5.0; 30])), "Real(5.0) Null");
    let huge = note(&days(&[
        1e308,
        -1e308,
        1e308,
        f64::INFINITY,
        1e308,
        -1e308,
        1e308,
    ]));
    assert!(!huge.contains("NaN") && !huge.contains("inf"), "{huge}");
    let mut far = days(&[1.0, 2.0, 3.0]);
    far.push((None, Some(2_000_000), 4.0));
    assert!(!note(&far).is_empty());
    let mut zeros = vec![0.0; 40];
    zeros[20] = 3.0;
    assert!(note(&days(&zeros)).starts_with("Real("));
}

#[test]
fn series_answer_in_the_order_of_their_keys() {
    let mut rows = Vec::new();
    for day in 0..20 {
        for key in [Some("b"), None, Some("a")] {
            rows.push((key, Some(day), 1.0 + day as f64));
        }
    }
    let found = ahead(&rows, 2, "{}");
    let keys: Vec<&Value> = found.iter().map(|row| &row[0]).collect();
    let text = |key: &str| Value::Text(key.into());
    assert_eq!(
        keys,
        [
            &Value::Null,
            &Value::Null,
            &text("a"),
            &text("a"),
            &text("b"),
            &text("b")
        ]
    );
    let mut turned = rows.clone();
    turned.reverse();
    assert_eq!(found, ahead(&turned, 2, "{}"));
    // As two threads see it.
    let spec = "{\"horizon\": 2, \"options\": {}}";
    let (mut one, mut other) = (
        EachSeries::<Ahead>::start(spec).unwrap(),
        EachSeries::<Ahead>::start(spec).unwrap(),
    );
    for (i, (key, day, value)) in rows.iter().enumerate() {
        let key = key.map_or(ValueRef::Null, ValueRef::Text);
        let text = super::super::clock::Clock::Date.show(day.unwrap() * DAY);
        let row = [key, ValueRef::Text(&text), ValueRef::Real(*value)];
        if i % 3 == 0 {
            one.row(&row)
        } else {
            other.row(&row)
        }
        .unwrap();
    }
    other.merge(&one);
    let merged = rows_of(|emit| other.finish(emit)).unwrap();
    assert_eq!(merged, found);
}

#[test]
fn options_are_checked() {
    for (options, said) in [
        (
            r#"{"level": 1}"#,
            "level is 1; give a number above 0 and below 1",
        ),
        (
            r#"{"step": "fortnight"}"#,
            "step is \"fortnight\"; give a step like",
        ),
        (r#"{"period": [7, 30, 365]}"#, "period is [7,30,365]; give"),
        (r#"{"period": -1}"#, "period is -1; give"),
        (r#"{"bounds": [2, 1]}"#, "bounds is [2,1]; give"),
        (r#"{"bounds": [1]}"#, "bounds is [1]; give"),
        (r#"{"levle": 1}"#, "unknown option \"levle\""),
    ] {
        let spec = format!("{{\"horizon\": 1, \"options\": {options}}}");
        let refused = Call::parse(&spec, FORECAST_OPTIONS)
            .err()
            .unwrap()
            .to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
    for horizon in [0, -1, 10_001] {
        let spec = format!("{{\"horizon\": {horizon}, \"options\": {{}}}}");
        assert!(Call::parse(&spec, FORECAST_OPTIONS).is_err());
    }
    let values: Vec<f64> = (0..30).map(|i| 10.0 + f64::from(i % 4)).collect();
    let cut = ahead(&days(&values), 1, r#"{"bounds": [11, 12]}"#);
    assert!(
        matches!(&cut[0][4..6], [Value::Real(lo), Value::Real(hi)] if *lo >= 11.0 && *hi <= 12.0)
    );
    let chinese = ahead(&[(None, None, 1.0)], 1, r#"{"lang": "zh"}"#);
    assert_eq!(
        chinese[0][7],
        Value::Text("1 行无时间，已忽略；没有任何数值".into())
    );
}

#[test]
fn a_backtest_measures_each_model() {
    let values: Vec<f64> = (0..70).map(|i| 50.0 + f64::from(i % 7)).collect();
    let found = answer::<Back>("{\"horizon\": 7, \"options\": {}}", &days(&values));
    let models: Vec<&Value> = found.iter().map(|row| &row[1]).collect();
    let text = |name: &str| Value::Text(name.into());
    assert_eq!(
        models,
        [
            &text("auto"),
            &text("theta"),
            &text("ets"),
            &text("rws"),
            &text("snaive")
        ]
    );
    assert!(found.iter().all(|row| row.len() == BACKTEST.output.len()));
    assert_eq!(found[4][3], Value::Real(0.0), "the season comes round");
    let few = answer::<Back>("{\"horizon\": 7, \"options\": {}}", &days(&values[..9]));
    assert!(format!("{:?}", few[0]).contains("9 rows are too few to foretell 7"));
}

/// Rows of `(time, value, role)` of one series.
fn ahead_by(rows: &[(Value, f64, Option<String>)], spec: &str) -> Vec<Vec<Value>> {
    let mut state = FORECAST.start(spec).unwrap();
    for (time, value, role) in rows {
        let time = match time {
            Value::Text(text) => ValueRef::Text(text),
            Value::Integer(time) => ValueRef::Integer(*time),
            _ => ValueRef::Null,
        };
        let value = if value.is_nan() {
            ValueRef::Null
        } else {
            ValueRef::Real(*value)
        };
        let role = role.as_deref().map_or(ValueRef::Null, ValueRef::Text);
        state.row(&[ValueRef::Null, time, value, role]).unwrap();
    }
    rows_of(|emit| state.finish(emit)).unwrap()
}

fn day(day: i64) -> Value {
    Clock::Date.write(day * DAY)
}

fn date(day: i64) -> String {
    Clock::Date.show(day * DAY)
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Real(value) => *value,
        other => panic!("{other:?} is no number"),
    }
}

fn note(row: &[Value]) -> String {
    match &row[NOTE] {
        Value::Text(note) => note.clone(),
        _ => String::new(),
    }
}

/// Days with noise and a weekly wave.
fn wave(day: i64) -> f64 {
    100.0
        + [0.0, 5.0, 9.0, 4.0, 0.0, -30.0, -40.0][day.rem_euclid(7) as usize]
        + (day * 7_919 % 13) as f64 / 4.0
}

fn plain(days: impl Iterator<Item = i64>) -> Vec<(Value, f64, Option<String>)> {
    days.map(|i| (day(i), wave(i), None)).collect()
}

fn event(time: &str, name: &str) -> (Value, f64, Option<String>) {
    (Value::Null, f64::NAN, Some(format!("event:{time}|{name}")))
}

fn spec(horizon: &str, options: &str) -> String {
    format!("{{\"horizon\": {horizon}, \"options\": {options}}}")
}

/// Values that go with a price, which is known five days ahead, beside another column.
fn priced(other: impl Fn(i64) -> f64) -> Vec<(Value, f64, Option<String>)> {
    let price = |i: i64| 10.0 + (i * i % 11) as f64;
    let mut rows = Vec::new();
    for i in 0..125 {
        let value = if i < 120 {
            300.0 + wave(i) - 15.0 * price(i)
        } else {
            f64::NAN
        };
        rows.push((day(i), value, None));
        rows.push((day(i), price(i), Some("x0".into())));
        rows.push((day(i), other(i), Some("x1".into())));
    }
    rows
}

#[test]
fn until_is_a_time() {
    let count = |rows: &[(Value, f64, Option<String>)], until: &str| {
        let next = ahead_by(rows, &spec("null", &format!("{{\"until\": {until}}}")));
        let last = next.last().unwrap();
        match &last[2] {
            Value::Null => Err(note(last)),
            time => Ok((next.len(), time.clone())),
        }
    };
    let days = plain(0..60);
    assert_eq!(count(&days, &format!("\"{}\"", date(65))), Ok((6, day(65))));
    assert_eq!(
        count(&days, &format!("\"{} 12:00:00\"", date(65))),
        Ok((6, day(65)))
    );
    assert_eq!(
        count(&days, &format!("\"{}\"", date(59))),
        Err(format!(
            "the series ends at {0}; \"until\" is {0}, which is no step later",
            date(59)
        ))
    );
    assert_eq!(
        count(&days, "5"),
        Err("\"until\" is 5, and the times of the series are dates; give a time like \"2026-05-01\"".into())
    );
    assert!(
        count(&days, "\"9000-01-01\"")
            .unwrap_err()
            .contains("more than 10000 steps")
    );
    // Month ends, over a leap day: of each month its last day.
    let ends = [
        ("2023-10-31"),
        ("2023-11-30"),
        ("2023-12-31"),
        ("2024-01-31"),
    ];
    let months: Vec<_> = ends
        .iter()
        .map(|e| (Value::Text((*e).into()), 1.0, None))
        .collect();
    assert_eq!(
        count(&months, "\"2024-02-29\""),
        Ok((1, Value::Text("2024-02-29".into())))
    );
    assert!(
        count(&months, "\"2024-02-28\"")
            .unwrap_err()
            .contains("no step later")
    );
    assert_eq!(
        count(&months, "\"2024-04-01\""),
        Ok((2, Value::Text("2024-03-31".into())))
    );
    // Hours, until the end of a day.
    let hours: Vec<_> = (0..30)
        .map(|i| (Clock::Timestamp.write(i * DAY / 24), 1.0, None))
        .collect();
    assert_eq!(count(&hours, "\"1970-01-02\"").unwrap().0, 18);
    for (horizon, options, said) in [
        (
            "3",
            "{\"until\": 5}",
            "give either a horizon or the option \"until\"",
        ),
        (
            "null",
            "{}",
            "horizon is NULL; give a whole number from 1 to 10000, or the option \"until\"",
        ),
        (
            "null",
            "{\"until\": \"May\"}",
            "until is \"May\"; give a time like",
        ),
    ] {
        let refused = Call::parse(&spec(horizon, options), FORECAST_OPTIONS)
            .err()
            .unwrap()
            .to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
    let refused = Call::parse(&spec("null", "{}"), BACKTEST_OPTIONS)
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        refused,
        "horizon is NULL; give a whole number from 1 to 10000"
    );
}

#[test]
fn the_past_comes_before_what_follows() {
    let mut rows = plain(0..40);
    rows.remove(20);
    let found = ahead_by(&rows, &spec("3", "{\"history\": true}"));
    assert_eq!(found.len(), 43);
    for (i, row) in (0..).zip(&found) {
        assert_eq!(row[1..3], [Value::Integer(i - 39), day(i)]);
        let past = i < 40;
        assert_eq!(row[6] == Value::Null, past);
        assert_eq!(row[4] == Value::Null, past);
        match &row[3] {
            Value::Null => assert_eq!(i, 20),
            value => assert!(!past || number(value) == wave(i)),
        }
    }
    assert_eq!(found[40..], ahead_by(&rows, &spec("3", "{}")));
}

#[test]
fn components_add_up() {
    let mut rows = priced(|_| 1.0);
    rows.push(event(&date(121), "feast"));
    rows.push(event(&date(60), "feast"));
    rows[180].1 += 500.0;
    assert_eq!(rows[180].0, day(60));
    let found = ahead_by(
        &rows,
        &spec("5", "{\"x\": \"price\", \"components\": true}"),
    );
    for (step, row) in found.iter().enumerate() {
        let Value::Text(text) = &row[8] else {
            panic!("{row:?}")
        };
        let parts: Json = serde_json::from_str(text).unwrap();
        let part = |name: &str| parts[name].as_f64().unwrap();
        let sum = part("trend") + part("season") + part("holidays") + part("x");
        assert!((sum - number(&row[3])).abs() < 1e-9, "{row:?}");
        assert_eq!(part("holidays") > 300.0, step == 1, "{text}");
    }
    let few = ahead_by(&rows[..1], &spec("1", "{\"components\": true}"));
    let parts = format!("{{\"trend\":{0:?},\"season\":0.0}}", rows[0].1);
    assert_eq!(few[0][8], Value::Text(parts));
    assert_eq!(ahead_by(&rows[..1], &spec("1", "{}"))[0][8], Value::Null);
}

#[test]
fn demand_that_comes_now_and_then() {
    let values: Vec<f64> = (0..120)
        .map(|i| {
            if i * i % 7 == 1 {
                6.0 + f64::from(i % 3)
            } else {
                0.0
            }
        })
        .collect();
    let found = ahead(&days(&values), 4, r#"{"model": "croston"}"#);
    let mean = values.iter().sum::<f64>() / 120.0;
    for row in &found {
        assert!((number(&row[3]) - mean).abs() < 0.5, "{row:?}");
        assert_eq!(row[4], Value::Real(0.0));
        assert!((7.0..11.0).contains(&number(&row[5])), "{row:?}");
        assert_eq!(row[6], Value::Text("croston".into()));
    }
    let few = &ahead(&days(&[1.0, 3.0]), 1, "{}")[0];
    assert_eq!(few[6], Value::Text("damped drift".into()));
    // Only zeros but one, all the same, none zero, and one below it.
    for (values, model, said) in [
        ([&[0.0; 20][..], &[3.0], &[0.0; 19]].concat(), "croston", ""),
        (vec![0.0; 40], "constant", ""),
        ((1..40).map(f64::from).collect(), "croston", ""),
    ] {
        let found = ahead(&days(&values), 2, r#"{"model": "croston"}"#);
        assert_eq!(found[0][6], Value::Text(model.into()));
        assert_eq!(note(&found[0]), said);
        assert!(
            number(&found[1][4]) <= number(&found[1][3])
                && number(&found[1][3]) <= number(&found[1][5])
        );
    }
    let mut below = values.clone();
    below[7] = -1.0;
    let found = ahead(&days(&below), 1, r#"{"model": "croston"}"#);
    assert_eq!(
        note(&found[0]),
        "croston needs values from 0 on, so all models are used"
    );
    let huge: Vec<f64> = values.iter().map(|x| x * 2e306).collect();
    assert!(number(&ahead(&days(&huge), 1, r#"{"model": "croston"}"#)[0][5]).is_finite());
    let back = answer::<Back>(&spec("4", "{}"), &days(&values));
    assert!(
        back.iter()
            .any(|row| row[1] == Value::Text("croston".into()))
    );
}

#[test]
fn the_days_of_a_zone_count() {
    // Hours in UTC; the day of +08:00 begins at 16:00.
    let hours: Vec<_> = (4..24 * 21)
        .map(|hour| {
            (
                Clock::Timestamp.write(hour * DAY / 24),
                if (hour + 8) / 24 % 2 == 0 { 1.0 } else { 3.0 },
                None,
            )
        })
        .collect();
    let sums = |options: &str| {
        let found = ahead_by(&hours, &spec("1", options));
        let past = found
            .iter()
            .filter(|row| matches!(row[1], Value::Integer(step) if step <= 0));
        let past: Vec<(String, f64)> = past
            .map(|row| (format!("{:?}", row[2]), number(&row[3])))
            .collect();
        past
    };
    let local = sums(r#"{"step": "1 day", "tz": "+08:00", "history": true}"#);
    assert_eq!(local[1], ("Text(\"1970-01-01 16:00:00\")".into(), 72.0));
    assert_eq!(local[2], ("Text(\"1970-01-02 16:00:00\")".into(), 24.0));
    let utc = sums(r#"{"step": "1 day", "history": true}"#);
    assert_eq!(
        utc[1],
        ("Text(\"1970-01-02 00:00:00\")".into(), 16.0 * 3.0 + 8.0)
    );
}

#[test]
fn rows_out_of_the_ends_do_not_count_and_few_are_not_enough() {
    let rows = plain(0..60);
    let found = ahead_by(
        &rows,
        &spec(
            "1",
            &format!("{{\"start\": \"{}\", \"end\": \"{}\"}}", date(10), date(49)),
        ),
    );
    assert_eq!((&found[0][2], note(&found[0])), (&day(50), String::new()));
    assert_eq!(found, ahead_by(&rows[10..50], &spec("1", "{}")));
    let none = ahead_by(&rows, &spec("1", "{\"start\": \"2030-01-01\"}"));
    assert_eq!(note(&none[0]), "no value in any row");
    let few = ahead_by(&rows[..5], &spec("1", "{\"min_rows\": 6}"));
    assert_eq!(note(&few[0]), "5 rows with a value, and \"min_rows\" is 6");
    assert_eq!(
        ahead_by(&rows[..6], &spec("1", "{\"min_rows\": 6}")).len(),
        1
    );
}

#[test]
fn options_of_the_source_are_not_those_of_lists() {
    for (options, said) in [
        (
            r#"{"holidays": "feasts"}"#,
            "holidays is \"feasts\"; give a list of days like",
        ),
        (
            r#"{"holidays": [true]}"#,
            "holidays is [true]; give a list of days like",
        ),
        (r#"{"x": "price"}"#, "unknown option \"x\""),
    ] {
        let refused = super::spec(Some(1), Some(options), OPTIONS_OF_LISTS)
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
    let refused = super::spec(Some(1), Some(r#"{"holidays": 5}"#), FORECAST_OPTIONS).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("holidays is 5; give a list"),
        "{refused}"
    );
}

#[test]
fn nothing_is_measured_by_rows_that_are_missing() {
    let mut rows = days(&(0..40).map(|i| f64::from(i % 2 * 100)).collect::<Vec<_>>());
    rows.retain(|row| !matches!(row.1, Some(33 | 35)));
    let cell = |row: &[Value], at: usize| match row[at] {
        Value::Real(v) => v,
        ref other => panic!("{other:?} is no number"),
    };
    let width = |gaps: &str| {
        let options = format!("{{\"period\": 2, \"gaps\": \"{gaps}\", \"model\": \"snaive\"}}");
        let found = ahead(&rows, 8, &options);
        cell(&found[0], 5) - cell(&found[0], 3)
    };
    assert!(width("null") < 0.5 * width("interpolate"));
    assert_eq!(width("interpolate"), width("zero"), "the filled rows are 0");
    let back = |gaps: &str| {
        let spec = format!(
            "{{\"horizon\": 8, \"options\": {{\"period\": 2, \"gaps\": \"{gaps}\", \"model\": \"snaive\", \"windows\": 1}}}}"
        );
        cell(&answer::<Back>(&spec, &rows)[0], 3)
    };
    assert_eq!((back("null"), back("interpolate")), (0.0, 25.0));
    // The past has no value in them, whatever a model is given.
    for gaps in ["null", "interpolate", "zero"] {
        let options = format!("{{\"gaps\": \"{gaps}\", \"history\": true}}");
        let found = ahead(&rows, 1, &options);
        let empty = found.iter().filter(|row| row[3] == Value::Null).count();
        assert_eq!((found.len(), empty), (41, 2), "{gaps}");
        let note = format!("{:?}", found[0][7]);
        assert_eq!(
            note.contains("2 rows missing and filled"),
            gaps != "null",
            "{note}"
        );
        assert!(note.contains("2 rows missing"), "{note}");
    }
}
