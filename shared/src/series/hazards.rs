//! What series go wrong by, asked of the functions whole: rows in, rows out.

use super::clock::{Clock, DAY};
use super::{forecast, judged, lists, parts};
use crate::program::{Fold, State};
use crate::{Value, ValueRef};

/// A row of a source.
type Row = (Option<&'static str>, Value, Value);

fn cell(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Integer(v) => ValueRef::Integer(*v),
        Value::Real(v) => ValueRef::Real(*v),
        Value::Text(v) => ValueRef::Text(v),
        Value::Blob(v) => ValueRef::Blob(v),
    }
}

fn read(fold: &Fold, spec: &str, rows: &[Row]) -> Box<dyn State> {
    let mut state = fold.start(spec).unwrap();
    for (key, time, value) in rows {
        let key = key.map_or(ValueRef::Null, ValueRef::Text);
        state.row(&[key, cell(time), cell(value)]).unwrap();
    }
    state
}

fn rows_of(state: &dyn State) -> Result<Vec<Vec<Value>>, String> {
    let mut found = Vec::new();
    let ended = state.finish(&mut |row| {
        found.push(row);
        Ok(())
    });
    ended.map(|()| found).map_err(|e| e.to_string())
}

/// The rows of an answer, which are as many as the columns of the fold say, and all numbers of it finite.
fn answer(fold: &Fold, spec: &str, rows: &[Row]) -> Vec<Vec<Value>> {
    let found = rows_of(&*read(fold, spec, rows)).unwrap();
    for row in &found {
        assert_eq!(row.len(), fold.output.len());
        for cell in row {
            assert!(!matches!(cell, Value::Real(v) if !v.is_finite()), "{row:?}");
        }
    }
    found
}

fn ahead(horizon: usize, options: &str, rows: &[Row]) -> Vec<Vec<Value>> {
    let spec = format!("{{\"horizon\": {horizon}, \"options\": {options}}}");
    answer(&forecast::FORECAST, &spec, rows)
}

fn day(day: i64) -> Value {
    Clock::Date.write(day * DAY)
}

/// A series of days from 1970 on; what is NaN is NULL.
fn days(values: &[f64]) -> Vec<Row> {
    let value = |v: &f64| {
        if v.is_nan() {
            Value::Null
        } else {
            Value::Real(*v)
        }
    };
    let rows = (0..).zip(values);
    rows.map(|(i, v)| (None, day(i), value(v))).collect()
}

fn numbers(rows: &[Row]) -> Vec<Row> {
    let row = |(i, row): (i64, &Row)| (row.0, Value::Integer(i), row.2.clone());
    (0..).zip(rows).map(row).collect()
}

/// The note of a forecast, which its components follow, or the explanation of others.
fn note(row: &[Value]) -> String {
    match row[7..]
        .iter()
        .rev()
        .find(|cell| matches!(cell, Value::Text(_)))
    {
        Some(Value::Text(note)) => note.clone(),
        _ => String::new(),
    }
}

fn real(value: &Value) -> f64 {
    match value {
        Value::Real(v) => *v,
        other => panic!("{other:?} is no number"),
    }
}

/// Numbers that look random, the same ones in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.next(i as u64 + 1) as usize);
        }
    }
}

/// Of all functions: anomalies and change points by these options, a forecast and its backtest by defaults.
fn everything(rows: &[Row]) -> Vec<Vec<Vec<Value>>> {
    vec![
        ahead(3, "{}", rows),
        answer(
            &forecast::BACKTEST,
            r#"{"horizon": 2, "options": {}}"#,
            rows,
        ),
        answer(&judged::ANOMALIES, "{}", rows),
        answer(&judged::CHANGEPOINTS, "{}", rows),
    ]
}

#[test]
fn no_series_is_lost() {
    let mut chance = Chance(7);
    for case in 0..60 {
        let n = 1 + chance.next(40) as usize;
        let kind = chance.next(8);
        let values: Vec<f64> = (0..n)
            .map(|i| match kind {
                0 => 5.0,
                1 => 0.0,
                2 => chance.next(100) as f64 - 50.0,
                3 => [f64::NAN, 1e308, -1e308, f64::INFINITY, 3.0][chance.next(5) as usize],
                4 => f64::from(u8::from(chance.next(10) == 0)),
                5 => 1e-300 * chance.next(9) as f64,
                6 => (i % 7) as f64 + 1e15,
                _ => 100.0 * libm::exp(chance.next(100) as f64 / 10.0),
            })
            .collect();
        let mut rows = days(&values);
        if chance.next(3) == 0 {
            rows = numbers(&rows);
        }
        for (i, row) in rows.iter_mut().enumerate() {
            row.0 = [None, Some("a"), Some("b")][chance.next(3) as usize];
            if chance.next(20) == 0 {
                row.1 = Value::Null;
            }
            if chance.next(25) == 0 && i > 0 {
                row.1 = Value::Text("1970-03-01 12:00:00".into());
            }
        }
        let keys: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0).collect();
        let found = everything(&rows);
        for (i, rows) in found.iter().enumerate().take(2) {
            let answered: std::collections::BTreeSet<_> =
                rows.iter().map(|row| format!("{:?}", row[0])).collect();
            assert_eq!(answered.len(), keys.len(), "case {case}, function {i}");
        }
    }
}

#[test]
fn the_order_of_rows_and_their_threads_do_not_matter() {
    let mut chance = Chance(3);
    let mut rows = Vec::new();
    for key in [None, Some("a"), Some("b")] {
        for i in 0..90 {
            let value = 0.1 * chance.next(1000) as f64 + if i == 70 { 500.0 } else { 0.0 };
            rows.push((key, day(i - 40), Value::Real(value)));
            if i % 9 == 0 {
                // Times that come twice, with different values.
                rows.push((key, day(i - 40), Value::Real(value * 1e17)));
                rows.push((key, day(i - 40), Value::Real(-value * 1e17)));
            }
        }
    }
    let expected = everything(&rows);
    for _ in 0..5 {
        chance.shuffle(&mut rows);
        assert_eq!(everything(&rows), expected);
    }
    // As two threads see it, whichever takes over the other.
    let spec = r#"{"horizon": 3, "options": {}}"#;
    let (one, other) = rows.split_at(100);
    for (one, other) in [(one, other), (other, one)] {
        let mut state = read(&forecast::FORECAST, spec, one);
        state
            .merge(&*read(&forecast::FORECAST, spec, other))
            .unwrap();
        assert_eq!(rows_of(&*state).unwrap(), expected[0]);
    }
}

#[test]
fn constants_stay() {
    let [next, _, odd, changes] = everything(&days(&[7.0; 60])).try_into().unwrap();
    assert!(
        next.iter()
            .all(|row| row[3..6] == [Value::Real(7.0), Value::Real(7.0), Value::Real(7.0)])
    );
    assert!(odd.iter().all(|row| row[7] == Value::Integer(0)) && odd.len() == 60);
    assert!(changes.is_empty());
}

#[test]
fn periods_of_any_size_are_taken() {
    let values: Vec<f64> = (0..50).map(|i| 20.0 + f64::from(i % 5)).collect();
    for period in [
        "0", "1", "2", "5", "24", "25", "26", "49", "50", "51", "1000000", "[5, 25]", "[5, 40]",
        "[5, 5]", "null",
    ] {
        let options = format!("{{\"period\": {period}}}");
        assert_eq!(ahead(4, &options, &days(&values)).len(), 4, "{period}");
        let odd = answer(&judged::ANOMALIES, &options, &days(&values));
        assert_eq!(odd.len(), 50, "{period}");
        let back = format!("{{\"horizon\": 4, \"options\": {options}}}");
        assert!(
            answer(&forecast::BACKTEST, &back, &days(&values)).len() >= 3,
            "{period}"
        );
    }
}

#[test]
fn an_hour_that_comes_twice_or_is_missing_keeps_the_day() {
    // Two weeks of hours in local time: the clock goes back on the 8th day and forward on the 11th.
    let mut rows = Vec::new();
    for hour in 0..(14 * 24) {
        let value = if hour % 24 == 9 { 50.0 } else { 10.0 };
        let time = |hour: i64| Clock::Timestamp.write(hour * 3_600_000_000);
        match hour {
            170 => rows.extend([
                (None, time(hour), Value::Real(10.5)),
                (None, time(hour), Value::Real(9.5)),
            ]),
            242 => {}
            _ => rows.push((None, time(hour), Value::Real(value))),
        }
    }
    let next = ahead(24, "{}", &rows);
    for (hour, row) in next.iter().enumerate() {
        let busy = real(&row[3]) > 40.0;
        assert_eq!(busy, hour == 9, "{hour}: {row:?}");
    }
    assert_eq!(
        note(&next[0]),
        "2 rows put together with others of the same time; 1 row missing and filled"
            .replacen("2 rows", "1 row", 1)
    );
}

#[test]
fn gaps_and_a_missing_cycle_are_filled() {
    let wave = |i: i64| 100.0 + [0.0, 5.0, 9.0, 4.0, 0.0, -30.0, -40.0][(i % 7) as usize];
    for (gone, noted) in [
        (vec![30], "1 row missing and filled"),
        (vec![30, 31, 32], "3 rows missing and filled"),
        ((28..35).collect::<Vec<i64>>(), "7 rows missing and filled"),
    ] {
        let there = (0..84).filter(|i| !gone.contains(i));
        let rows: Vec<Row> = there
            .map(|i| (None, day(i), Value::Real(wave(i))))
            .collect();
        let next = ahead(7, "{}", &rows);
        assert_eq!(note(&next[0]), noted);
        for (i, row) in (84..).zip(&next) {
            assert!((real(&row[3]) - wave(i)).abs() < 8.0, "{row:?}");
        }
        // Only rows that were there are judged.
        let odd = answer(&judged::ANOMALIES, "{}", &rows);
        assert_eq!(odd.len(), rows.len());
    }
    // More than half is missing: no season is made of it.
    let there = (0..84).filter(|i| i % 5 < 2 || *i == 83);
    let rows: Vec<Row> = there
        .map(|i| (None, day(i), Value::Real(wave(i))))
        .collect();
    assert_eq!(ahead(7, "{\"step\": \"1 day\"}", &rows).len(), 7);
}

#[test]
fn a_row_far_away_is_named() {
    let mut rows = days(&[1.0, 2.0, 3.0, 4.0]);
    rows.iter_mut().for_each(|row| row.0 = Some("a"));
    for time in ["0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999"] {
        let mut rows = rows.clone();
        rows.push((Some("a"), Value::Text(time.into()), Value::Real(1.0)));
        rows.push((Some("b"), day(5), Value::Real(2.0)));
        let next = ahead(1, r#"{"step": "1 second"}"#, &rows);
        let said = format!("a row of {time} is more than 10000000 steps from the others");
        assert!(note(&next[0]).starts_with(&said), "{:?}", next[0]);
        assert_eq!(
            next[1][0],
            Value::Text("b".into()),
            "the other series answers"
        );
    }
    // Seconds and milliseconds are not guessed apart.
    let times = [
        1_700_000_000,
        1_700_000_060,
        1_700_000_120,
        1_700_000_180_000,
    ];
    let rows = times.map(|t| (None, Value::Integer(t), Value::Real(1.0)));
    let next = ahead(1, r#"{"step": 60}"#, &rows);
    assert!(note(&next[0]).contains("a row of 1700000180000 is more than"));
}

#[test]
fn one_bad_series_leaves_the_others() {
    let mut rows: Vec<Row> = Vec::new();
    for i in 0..10 {
        rows.push((Some("good"), day(i), Value::Real(i as f64)));
        rows.push((Some("numbered"), Value::Integer(i), Value::Real(i as f64)));
        rows.push((Some("words"), Value::Text("May".into()), Value::Real(1.0)));
        let mixed = if i % 2 == 0 {
            day(i)
        } else {
            Value::Integer(i)
        };
        rows.push((Some("mixed"), mixed, Value::Real(1.0)));
        let some = if i == 5 {
            Value::Text("June".into())
        } else {
            day(i)
        };
        rows.push((Some("some"), some, Value::Real(2.0)));
    }
    let next = ahead(1, "{}", &rows);
    let of = |key: &str| {
        let key = Value::Text(key.into());
        next.iter().find(|row| row[0] == key).unwrap()
    };
    assert_eq!(of("good")[2], day(10));
    assert_eq!(of("numbered")[2], Value::Integer(10));
    assert_eq!(
        note(of("words")),
        "10 rows whose time cannot be read left out; no value in any row"
    );
    assert!(note(of("mixed")).starts_with("some times are whole numbers and some are dates"));
    assert_eq!(
        note(of("some")),
        "1 row whose time cannot be read left out; 1 row missing and filled"
    );
    let odd = answer(&judged::ANOMALIES, "{}", &rows);
    let said = odd
        .iter()
        .filter(|row| row[1] == Value::Null)
        .map(|row| note(row));
    assert_eq!(said.count(), 2, "of mixed and of some");
    // Where no row has a time, the columns are in another order.
    let state = read(
        &forecast::FORECAST,
        r#"{"horizon": 1, "options": {}}"#,
        &rows[2..3],
    );
    let refused = rows_of(&*state).unwrap_err();
    assert!(
        refused.starts_with("\"May\" is no time; give a date"),
        "{refused}"
    );
}

#[test]
fn a_late_shift_widens_the_interval() {
    let mut values: Vec<f64> = (0..60).map(|i| 50.0 + f64::from(i * 7 % 5)).collect();
    let width = |values: &[f64]| {
        let row = &ahead(1, "{}", &days(values))[0];
        real(&row[5]) - real(&row[4])
    };
    let before = width(&values);
    values[57..].iter_mut().for_each(|v| *v += 100.0);
    assert!(width(&values) > 2.0 * before);
}

#[test]
fn what_was_never_negative_stays_so() {
    let falling: Vec<f64> = (0..40).map(|i| f64::from(40 - i) * 2.0).collect();
    let mut below = falling.clone();
    below[3] = -1.0;
    for model in ["auto", "theta", "ets", "rws", "snaive", "croston"] {
        let options = format!("{{\"model\": \"{model}\"}}");
        let least = |values: &[f64]| {
            let rows = ahead(30, &options, &days(values));
            rows.iter()
                .map(|row| real(&row[4]))
                .fold(f64::INFINITY, f64::min)
        };
        assert!(least(&falling) >= 0.0, "{model}");
        assert!(least(&below) < 0.0, "{model}");
    }
}

#[test]
fn steps_go_on_over_1970_leap_days_and_long_years() {
    // To the last day of 1969, the 28th of February 2024, and the weeks of 2026, which has 53.
    for (last, step) in [(-1, 1), (19_781, 1), (20_811, 7)] {
        let rows: Vec<Row> = (0..30)
            .map(|i| (None, day(last - i * step), Value::Real(i as f64)))
            .collect();
        for (i, row) in (1..).zip(ahead(3, "{}", &rows)) {
            assert_eq!(row[2], day(last + i * step));
        }
    }
}

#[test]
fn large_whole_numbers_are_noted() {
    let values: Vec<f64> = (0..10).map(|i| 9.1e15 + f64::from(i)).collect();
    assert!(
        note(&ahead(1, "{}", &days(&values))[0]).contains("beyond 9007199254740992 may be rounded")
    );
    assert_eq!(
        note(&ahead(1, "{}", &days(&[1e300, 2e300, 3e300, 5e300]))[0]),
        ""
    );
}

#[test]
fn drift_is_told_once_and_what_is_odd_stays_in_the_history() {
    let anomalies = |values: &[f64]| {
        let odd = answer(&judged::ANOMALIES, r#"{"period": 0}"#, &days(values));
        odd.iter().filter(|row| row[7] == Value::Integer(1)).count()
    };
    let mut chance = Chance(11);
    let drift: Vec<f64> = (0..1_000)
        .map(|i| f64::from(i) * 0.05 + chance.next(100) as f64 / 50.0)
        .collect();
    assert!(anomalies(&drift) <= 5);
    // A level that stays is odd while it begins, not for ever.
    let shift: Vec<f64> = (0..400)
        .map(|i| chance.next(10) as f64 + if i < 200 { 0.0 } else { 60.0 })
        .collect();
    let found = anomalies(&shift);
    assert!((1..=3).contains(&found), "{found}");
}

#[test]
fn changes_near_the_ends_and_of_few_rows_are_none() {
    let changes = |values: &[f64]| answer(&judged::CHANGEPOINTS, "{}", &days(values)).len();
    let mut values: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 5)).collect();
    values[59] = 5.0;
    values[0] = 5.0;
    for n in 0..16 {
        assert_eq!(changes(&values[..n]), 0);
    }
    assert_eq!(changes(&values), 0);
}

#[test]
fn both_languages_have_the_same_numbers() {
    let mut chance = Chance(5);
    let mut rows: Vec<Row> = (0..80)
        .map(|i| {
            let value = 1000.0 + chance.next(200) as f64 + if i > 50 { 9000.5 } else { 0.0 };
            (None, day(i), Value::Real(value))
        })
        .collect();
    rows.remove(20);
    rows.push((None, Value::Null, Value::Real(1.0)));
    rows.push((None, day(9), Value::Null));
    rows.push((None, day(9), Value::Real(12_345.0)));
    let digits = |text: String| -> Vec<String> {
        let is_digit = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
        let words = text
            .split(|c| !is_digit(c))
            .map(|w| w.trim_matches([',', '.']));
        words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let said = |fold: &Fold, language: &str, horizon: bool| {
        let options = format!("{{\"lang\": \"{language}\"}}");
        let spec = if horizon {
            format!("{{\"horizon\": 2, \"options\": {options}}}")
        } else {
            options
        };
        let notes: Vec<String> = answer(fold, &spec, &rows)
            .iter()
            .map(|row| note(row))
            .collect();
        let foreign = notes.iter().any(|text| !text.is_ascii());
        assert_eq!(foreign, language == "zh");
        notes.into_iter().map(digits).collect::<Vec<_>>()
    };
    for (fold, horizon) in [
        (&forecast::FORECAST, true),
        (&forecast::BACKTEST, true),
        (&judged::ANOMALIES, false),
        (&judged::CHANGEPOINTS, false),
    ] {
        let english = said(fold, "en", horizon);
        assert!(english.iter().any(|numbers| !numbers.is_empty()));
        assert_eq!(english, said(fold, "zh", horizon));
    }
}

#[test]
fn what_takes_long_is_stopped() {
    use std::cell::Cell;
    let values: Vec<f64> = (0..3_000).map(|i| f64::from(i * i % 97)).collect();
    let rows = days(&values);
    for (fold, spec) in [
        (&forecast::FORECAST, r#"{"horizon": 5, "options": {}}"#),
        (&forecast::BACKTEST, r#"{"horizon": 5, "options": {}}"#),
        (&judged::ANOMALIES, "{}"),
        (&judged::CHANGEPOINTS, "{}"),
    ] {
        let state = read(fold, spec, &rows);
        let looks = Cell::new(0);
        let stopped = || {
            looks.set(looks.get() + 1);
            looks.get() > 1
        };
        let ended = state.finish_until(&stopped, &mut |_| Ok(()));
        assert_eq!(
            ended.unwrap_err().to_string(),
            "interrupted",
            "{}",
            fold.name
        );
        assert_eq!(looks.get(), 2, "{}", fold.name);
    }
}

#[test]
fn giving_many_rows_is_stopped_too() {
    use std::cell::Cell;
    let rows = days(&[5.0; 5_000]);
    for (fold, spec) in [
        (
            &forecast::FORECAST,
            r#"{"horizon": 5, "options": {"history": true}}"#,
        ),
        (&judged::ANOMALIES, "{}"),
        (&judged::ANOMALIES, r#"{"mode": "batch"}"#),
        (&parts::DECOMPOSE, "{}"),
    ] {
        let state = read(fold, spec, &rows);
        let given = Cell::new(0);
        let ended = state.finish_until(&|| given.get() > 0, &mut |_| {
            given.set(given.get() + 1);
            Ok(())
        });
        assert_eq!(
            ended.unwrap_err().to_string(),
            "interrupted",
            "{}",
            fold.name
        );
        assert!(given.get() < 2_000, "{}: {}", fold.name, given.get());
    }
    // And what is made of lists.
    let stopped = lists::answer(&judged::ANOMALIES, "{}", "[1, 2]", "[3, 4]", &|| true);
    assert_eq!(stopped.unwrap_err().to_string(), "interrupted");
}

#[test]
fn parts_of_the_rows_give_the_same_as_all() {
    let mut chance = Chance(9);
    let mut rows: Vec<Row> = Vec::new();
    for key in ["a", "b", "c"] {
        for i in 0..60 {
            rows.push((Some(key), day(i), Value::Real(chance.next(100) as f64)));
        }
    }
    rows.push((Some("words"), Value::Text("May".into()), Value::Real(1.0)));
    for (fold, spec) in [
        (&forecast::FORECAST, r#"{"horizon": 2, "options": {}}"#),
        (&judged::ANOMALIES, "{}"),
    ] {
        let whole = answer(fold, spec, &rows);
        let mut parted = Vec::new();
        for key in ["a", "b", "c", "words"] {
            let part: Vec<Row> = rows.iter().filter(|r| r.0 == Some(key)).cloned().collect();
            // A series without any time is no error of a part.
            parted.extend(answer(fold, &format!("part {spec}"), &part));
        }
        assert_eq!(parted, whole);
        let check = format!("check {spec}");
        assert!(answer(fold, &check, &rows).is_empty());
        let refused = rows_of(&*read(fold, &check, &rows[180..])).unwrap_err();
        assert!(refused.starts_with("\"May\" is no time"), "{refused}");
        // As two threads see it.
        let mut state = read(fold, &check, &rows[180..]);
        state.merge(&*read(fold, &check, &rows[..10])).unwrap();
        assert!(rows_of(&*state).unwrap().is_empty());
    }
    let sql = forecast::FORECAST
        .sql("SELECT 1", r#"{"horizon": 2, "options": {}}"#)
        .unwrap();
    assert_eq!(sql.matches("'part {").count(), 16);
    assert_eq!(sql.matches("'check {").count(), 1);
}
