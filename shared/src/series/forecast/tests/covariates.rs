//! Holidays, and columns that are known ahead.

use super::*;

#[test]
fn holidays_are_expected_again() {
    let feasts = [40, 75, 110, 150, 172];
    let mut rows = plain(0..170);
    for feast in feasts {
        if let Some(row) = rows.get_mut(feast) {
            row.1 += 200.0;
            rows[feast - 1].1 += 50.0;
        }
    }
    let without = ahead_by(&rows, &spec("7", "{}"));
    let list: Vec<String> = feasts
        .iter()
        .map(|f| format!("\"{}\"", date(*f as i64)))
        .collect();
    let listed = ahead_by(
        &rows,
        &spec("7", &format!("{{\"holidays\": [{}]}}", list.join(", "))),
    );
    rows.extend(feasts.iter().map(|feast| event(&date(*feast as i64), "")));
    let known = ahead_by(&rows, &spec("7", "{\"holidays\": \"feasts\"}"));
    assert_eq!(known, listed, "from a table or from a list");
    for (i, row) in (170..).zip(&known) {
        let expected = wave(i) + [0.0, 50.0, 200.0, 0.0, 0.0, 0.0, 0.0][(i - 170) as usize];
        assert!(
            (number(&row[3]) - expected).abs() < 12.0,
            "{row:?} for {expected}"
        );
        assert!(format!("{:?}", row[6]).ends_with("with holidays\")"));
    }
    let width = |rows: &[Vec<Value>], at: usize| number(&rows[at][5]) - number(&rows[at][4]);
    assert!(
        width(&known, 4) < width(&without, 4) / 2.0,
        "what is known is no noise"
    );
    // Names tell one kind from another; an event that comes no more only cleans the past.
    for row in rows.iter_mut().filter(|row| row.2.is_some()) {
        row.2 = row.2.take().map(|role| {
            format!(
                "{role}{}",
                if role.contains(&date(172)) { "b" } else { "a" }
            )
        });
    }
    let apart = ahead_by(&rows, &spec("7", "{}"));
    for (i, row) in (170..).zip(&apart) {
        assert!((number(&row[3]) - wave(i)).abs() < 12.0, "{row:?}");
    }
}

#[test]
fn holidays_on_no_date_of_the_grid_change_nothing() {
    let rows = plain(0..90);
    let expected = ahead_by(&rows, &spec("3", "{}"));
    let with = |events: &[&str]| {
        let mut rows = rows.clone();
        rows.extend(events.iter().map(|time| event(time, "x")));
        ahead_by(&rows, &spec("3", "{}"))
    };
    assert_eq!(with(&["1950-01-01", "2100-01-01"]), expected);
    let odd = with(&["May", "17"]);
    assert_eq!(
        note(&odd[0]),
        "2 of the times of holidays left out: not of the kind that the series has"
    );
    assert_eq!(odd[0][3], expected[0][3]);
    // Of steps longer than a day the row that has the day, and of numbers the number itself.
    for (step, months) in [(7, false), (0, true)] {
        let time = |i: i64| {
            if months {
                Clock::Date
                    .write(crate::calendar::months(612 + 12 * 1_940 + i, 1).unwrap().0 * 1_000_000)
            } else {
                day(i * step)
            }
        };
        let mut rows: Vec<(Value, f64, Option<String>)> = (0..60)
            .map(|i| {
                (
                    time(i),
                    wave(0) + if i % 11 == 5 { 90.0 } else { (i % 4) as f64 },
                    None,
                )
            })
            .collect();
        for i in 0..66 {
            let Value::Text(first) = time(i) else {
                panic!()
            };
            let (_, first) = Clock::read(ValueRef::Text(&first)).unwrap();
            if i % 11 == 5 {
                rows.push(event(&Clock::Date.show(first + 3 * DAY), "feast"));
            }
        }
        let next = ahead_by(&rows, &spec("6", "{\"period\": 0}"));
        assert!(number(&next[0][3]) > 170.0, "{next:?}");
        let others = next[1..].iter().map(|row| number(&row[3]));
        assert!(
            others.into_iter().all(|x| (90.0..120.0).contains(&x)),
            "{next:?}"
        );
    }
    let mut rows: Vec<(Value, f64, Option<String>)> = (0..60)
        .map(|i| {
            (
                Value::Integer(i * 10),
                if i % 11 == 6 { 90.0 } else { (i % 4) as f64 },
                None,
            )
        })
        .collect();
    rows.extend((0..5).map(|i| event(&(i * 110 + 60).to_string(), "")));
    let next = ahead_by(&rows, &spec("2", "{\"period\": 0}"));
    assert!(
        number(&next[0][3]) < 20.0 && number(&next[1][3]) < 20.0,
        "{next:?}"
    );
    rows.push(event("610", ""));
    let next = ahead_by(&rows, &spec("2", "{\"period\": 0}"));
    assert!(number(&next[1][3]) > 60.0, "{next:?}");
}

#[test]
fn many_names_are_refused_and_a_name_more_is_not() {
    for (names, is) in [(50, true), (51, false)] {
        let mut state = FORECAST.start(&spec("1", "{}")).unwrap();
        let one = ValueRef::Integer(1);
        state
            .row(&[ValueRef::Null, one, ValueRef::Real(1.0), ValueRef::Null])
            .unwrap();
        for i in 0..names {
            let role = format!("event:{i}|name {i}");
            state
                .row(&[
                    ValueRef::Null,
                    ValueRef::Null,
                    ValueRef::Null,
                    ValueRef::Text(&role),
                ])
                .unwrap();
        }
        let ended = state.finish(&mut |_| Ok(()));
        assert_eq!(ended.is_ok(), is);
        if let Err(said) = ended {
            assert!(
                said.to_string()
                    .starts_with("holidays have 51 names; give all dates")
            );
        }
    }
    let mut state = FORECAST.start(&spec("1", "{}")).unwrap();
    for role in ["y", "x99", "x", "event"] {
        let row = [
            ValueRef::Null,
            ValueRef::Integer(1),
            ValueRef::Real(1.0),
            ValueRef::Text(role),
        ];
        assert!(state.row(&row).is_err(), "{role}");
    }
}

#[test]
fn columns_ahead_are_used() {
    let expected = |i: i64| 300.0 + wave(i) - 15.0 * (10.0 + (i * i % 11) as f64);
    let options = |x: &str| spec("5", &format!("{{\"x\": {x}}}"));
    // Beside nothing; a column that is all NULL, constant, chance, the same again, and of huge numbers.
    for (x, other, said) in [
        ("\"price\"", None, ""),
        (
            "[\"price\", \"b\"]",
            Some(f64::NAN),
            "\"b\" has no number beside a value",
        ),
        ("[\"price\", \"b\"]", Some(5.0), "no clear effect of \"b\""),
        (
            "[\"price\", \"b\"]",
            Some(-1e300),
            "no clear effect of \"b\"",
        ),
    ] {
        let next = ahead_by(&priced(|_| other.unwrap_or(f64::NAN)), &options(x));
        assert_eq!(note(&next[0]), said);
        for (i, row) in (120..).zip(&next) {
            assert!(
                (number(&row[3]) - expected(i)).abs() < 12.0,
                "{row:?} for {}",
                expected(i)
            );
            assert!(number(&row[4]) <= expected(i) && expected(i) <= number(&row[5]));
            assert!(
                format!("{:?}", row[6]).ends_with("with price\")"),
                "{row:?}"
            );
        }
    }
    // One of two that are the same is enough, and the forecast is that of one.
    let twice = ahead_by(
        &priced(|i| 10.0 + (i * i % 11) as f64),
        &options("[\"price\", \"b\"]"),
    );
    for (i, row) in (120..).zip(&twice) {
        assert!((number(&row[3]) - expected(i)).abs() < 12.0, "{row:?}");
    }
    // The order of rows does not matter.
    let mut rows = priced(|i| (i % 3) as f64);
    let found = ahead_by(&rows, &options("[\"price\", \"b\"]"));
    rows.reverse();
    assert_eq!(ahead_by(&rows, &options("[\"price\", \"b\"]")), found);
}

#[test]
fn columns_that_end_too_early_are_named() {
    let rows = priced(|_| 1.0);
    let next = ahead_by(&rows, &spec("6", "{\"x\": \"price\"}"));
    assert_eq!(next.len(), 1);
    assert_eq!(
        note(&next[0]),
        format!(
            "\"price\" has no number at {}; give a row for each step ahead, with NULL for the value",
            date(125)
        )
    );
    let fails = spec("6", "{\"x\": \"price\", \"on_error\": \"error\"}");
    let mut state = FORECAST.start(&fails).unwrap();
    state
        .row(&[
            ValueRef::Text("a"),
            ValueRef::Integer(1),
            ValueRef::Real(1.0),
            ValueRef::Null,
        ])
        .unwrap();
    state
        .row(&[
            ValueRef::Text("a"),
            ValueRef::Integer(1),
            ValueRef::Real(1.0),
            ValueRef::Text("x0"),
        ])
        .unwrap();
    let said = state.finish(&mut |_| Ok(())).unwrap_err().to_string();
    assert!(
        said.starts_with("series \"a\": \"price\" has no number at 2; give"),
        "{said}"
    );
    // Numbers missing in the past lie between their neighbours.
    let mut rows = rows;
    rows.retain(|(time, _, role)| role.is_none() || *time != day(30));
    assert_eq!(ahead_by(&rows, &spec("5", "{\"x\": \"price\"}")).len(), 5);
}

#[test]
fn a_backtest_knows_the_columns_of_its_windows() {
    let mut state = BACKTEST
        .start(&spec("5", "{\"x\": \"price\", \"model\": \"auto\"}"))
        .unwrap();
    let mut blind = BACKTEST.start(&spec("5", "{\"model\": \"auto\"}")).unwrap();
    for (time, value, role) in priced(|_| 1.0) {
        let Value::Text(time) = &time else { panic!() };
        let value = if value.is_nan() {
            ValueRef::Null
        } else {
            ValueRef::Real(value)
        };
        let role = role.as_deref().map_or(ValueRef::Null, ValueRef::Text);
        if role != ValueRef::Text("x1") {
            state
                .row(&[ValueRef::Null, ValueRef::Text(time), value, role])
                .unwrap();
        }
        if role == ValueRef::Null {
            blind
                .row(&[ValueRef::Null, ValueRef::Text(time), value, role])
                .unwrap();
        }
    }
    let mae = |state: &dyn crate::program::State| {
        let mut found = Vec::new();
        state
            .finish(&mut |row| {
                found.push(row);
                Ok(())
            })
            .unwrap();
        assert_eq!(found.len(), 1, "the one that is asked for");
        number(&found[0][3])
    };
    assert!(mae(&*state) < mae(&*blind) / 3.0);
}
