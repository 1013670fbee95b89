use super::*;

fn fold(fold: &Fold, spec: &str, rows: &[(i64, Option<f64>)]) -> Result<Vec<Vec<Value>>> {
    let mut states = [fold.start(spec)?, fold.start(spec)?];
    for (i, (run, value)) in rows.iter().enumerate() {
        let value = value.map_or(ValueRef::Null, ValueRef::Real);
        states[i % 2].row(&[ValueRef::Integer(*run), value])?;
    }
    let [mut all, other] = states;
    all.merge(&*other)?;
    let mut found = Vec::new();
    all.finish(&mut |row| {
        found.push(row);
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn runs_are_told() {
    let rows = [
        (0, Some(4.0)),
        (1, None),
        (2, Some(-2.0)),
        (3, Some(f64::NAN)),
        (4, Some(1.0)),
    ];
    let asked = spec(5, r#"{"quantiles": [0.5]}"#);
    let found = fold(&SIMULATE, &asked, &rows).unwrap();
    let found: Vec<(String, Value)> = found
        .into_iter()
        .map(|row| match &row[..] {
            [Value::Text(name), value, Value::Null, Value::Null] => (name.clone(), value.clone()),
            row => panic!("{row:?}"),
        })
        .collect();
    let known = [
        ("runs", 5.0),
        ("missing", 2.0),
        ("mean", 1.0),
        ("sd", 3.0),
        ("se", 3.0 / 3.0_f64.sqrt()),
        ("min", -2.0),
        ("q0.5", 1.0),
        ("max", 4.0),
        ("p_negative", 1.0 / 3.0),
        ("bin -2 to 0", 1.0),
        ("bin 0 to 2", 1.0),
        ("bin 2 to 4", 0.0),
        ("bin 4 to 6", 1.0),
    ];
    assert_eq!(
        found,
        known.map(|(name, value)| (name.to_owned(), Value::Real(value)))
    );
    let none = fold(&SIMULATE, &spec(0, "{}"), &[]).unwrap();
    assert_eq!(none[0][1], Value::Real(0.0));
    assert!(none[2..].iter().all(|row| row[1] == Value::Null));
    assert!(fold(&SIMULATE, &spec(0, r#"{"quantiles": [2]}"#), &[]).is_err());
    assert!(fold(&SIMULATE, "{}", &[]).is_err());
    // SQLite makes one row of sum(x).
    for options in ["{}", r#"{"runs": true}"#] {
        let refused = fold(&SIMULATE, &spec(5, options), &rows[..1]).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("formula gives 1 in all, for 5 runs")
        );
    }
}

fn spec(runs: i64, options: &str) -> String {
    json!([r#"{"b": "normal(0, 1)", "a": 3}"#, runs, 7, options]).to_string()
}

/// Each with what its variables were, in their order.
#[test]
fn runs_are_rows() {
    let rows = [
        (2, Some(4.0)),
        (0, None),
        (1, Some(f64::INFINITY)),
        (3, Some(-0.0)),
    ];
    for lhs in [false, true] {
        let spec = spec(4, &format!(r#"{{"runs": true, "lhs": {lhs}}}"#));
        let found = fold(&SIMULATE, &spec, &rows).unwrap();
        let asked = Simulation::read(&serde_json::from_str(&spec).unwrap()).unwrap();
        let mut shares = asked.runs.shares(&asked.variables[0]);
        let known = [None, None, Some(4.0), Some(0.0)].into_iter().zip(0..);
        let known: Vec<Vec<Value>> = known
            .map(|(value, run)| {
                let b = asked.variables[0].distribution.quantile(shares.at(run));
                vec![
                    Value::Text("run".into()),
                    value.map_or(Value::Null, Value::Real),
                    Value::Integer(run),
                    Value::Text(format!(r#"{{"b":{b:?},"a":3.0}}"#)),
                ]
            })
            .collect();
        assert_eq!(found, known);
    }
}

/// Bins have every number once, whatever they are.
#[test]
fn every_number_is_in_a_bin() {
    let mut random = crate::stats::random::Stream::new(1, "bins");
    for (from, width) in [
        (0.0, 1.0),
        (-1e9, 0.3),
        (5.0, 0.0),
        (0.0, 0.0),
        (1e-200, 1e-201),
        (-1e300, 2e300),
        (-7.0, 1e6),
        (0.1, 1e-9),
    ] {
        for count in [1, 2, 50, 3000] {
            let mut numbers: Vec<f64> = (0..count)
                .map(|_| from + width * random.draw() * random.draw())
                .collect();
            numbers.sort_by(f64::total_cmp);
            for most in [1, 5, 20, 1000] {
                let bins = histogram(&numbers, most);
                let all: f64 = bins.iter().filter_map(|(_, n)| *n).sum();
                assert_eq!(
                    all,
                    f64::from(count),
                    "{from} {width} {count} {most}: {bins:?}"
                );
                assert!(bins.len() as i64 <= most + 2);
                assert!(bins[0].1 > Some(0.0) && bins[bins.len() - 1].1 > Some(0.0));
            }
        }
    }
    assert!(histogram(&[1.0], 0).is_empty() && histogram(&[], 5).is_empty());
    assert!(histogram(&[-1.7e308, 1.7e308], 5).is_empty());
    assert_eq!(histogram(&[0.05, 0.31], 20)[0].0, "bin 0.04 to 0.06");
}

/// Of `2 * a + b`, by hand: b runs from 0.1 to 0.9.
#[test]
fn variables_are_ranked_by_their_swing() {
    let variables = r#"{"b": "uniform(0, 1)", "a": "uniform(0, 1)", "c": "constant(1)"}"#;
    let asked = Asked::read(variables, None).unwrap();
    let mut rows = vec![
        (-1, 1.1),
        (-2, 1.9),
        (-3, 0.7),
        (-4, 2.3),
        (-5, 1.5),
        (-6, 1.5),
    ];
    for run in 0..1000 {
        let draw = |i: usize| {
            let variable = &asked.variables[i];
            let share = asked.runs.shares(variable).at(run);
            variable.distribution.quantile(share)
        };
        rows.push((run, 2.0 * draw(1) + draw(0)));
    }
    let rows: Vec<(i64, Option<f64>)> = rows.into_iter().map(|(r, v)| (r, Some(v))).collect();
    let spec = json!([variables, null]).to_string();
    let found = fold(&SENSITIVITY, &spec, &rows).unwrap();
    let names: Vec<&Value> = found.iter().map(|row| &row[0]).collect();
    assert_eq!(
        names,
        ["a", "b", "c"].map(|n| Value::Text(n.into())).each_ref()
    );
    match (&found[0][3], &found[0][4], &found[2][3], &found[2][4]) {
        (Value::Real(swing), Value::Real(share), Value::Real(none), Value::Real(nothing)) => {
            assert!((swing - 1.6).abs() < 1e-12 && (share - 0.8).abs() < 0.05);
            assert_eq!((*none, *nothing), (0.0, 0.0));
        }
        other => panic!("{other:?}"),
    }
    match &found[0][5] {
        Value::Text(text) => assert!(
            text.starts_with(
                "from a low to a high a the result goes from 0.7 to 2.3, by 1.6; a share of 0.78"
            ),
            "{text}"
        ),
        other => panic!("{other:?}"),
    }
    let chinese = json!([variables, r#"{"lang": "zh", "runs": 0}"#]).to_string();
    let found = fold(&SENSITIVITY, &chinese, &rows[..6]).unwrap();
    assert_eq!(
        found[0][5],
        Value::Text("a 由低到高时，结果从 0.7 变为 2.3，相差 1.6".into())
    );
    assert!(fold(&SENSITIVITY, "x", &[]).is_err());
    assert!(fold(&SENSITIVITY, &spec, &[]).unwrap().is_empty());
}
