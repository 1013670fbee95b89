use super::*;

fn run(fold: &Fold, spec: &str, rows: &[String]) -> Result<Vec<Vec<Value>>> {
    let mut states = [fold.start(spec)?, fold.start(spec)?];
    for (i, row) in rows.iter().enumerate() {
        states[i % 2].row(&[ValueRef::Text(row)])?;
    }
    let [mut one, other] = states;
    one.merge(&*other)?;
    let mut found = Vec::new();
    let mut keep = |row| {
        found.push(row);
        Ok(())
    };
    one.finish(&mut keep)?;
    Ok(found)
}

fn rows() -> Vec<String> {
    let row = |i: i64| {
        let kind = ["a", "b", "c"][(i % 3) as usize];
        format!(
            r#"{{"x":{i},"y":{},"noise":{},"kind":"{kind}","by_kind":{},"day":"2026-{:02}-{:02}","flat":1,"list":[1]}}"#,
            2 * i + i % 2,
            i * 7919 % 101,
            i % 3 * 10 + i * 31 % 7,
            i % 12 + 1,
            i % 28 + 1,
        )
    };
    (0..200).map(row).collect()
}

#[test]
fn what_tells_of_a_column_comes_first() {
    let spec = r#"{"target": "kind", "options": "{}"}"#;
    let mut rows = rows();
    let found = run(&FOLD, spec, &rows).unwrap();
    assert_eq!(found[0][0], Value::Text("by_kind".into()));
    let of = |name: &str| {
        let named = |row: &&Vec<Value>| row[0] == Value::Text(name.into());
        found.iter().find(named).unwrap().clone()
    };
    // One of both is told by the other.
    assert!((of("y")[6] == Value::Text("x".into())) != (of("x")[6] == Value::Text("y".into())));
    assert_eq!(of("flat")[1], Value::Null);
    assert_eq!(of("list")[2], Value::Null);
    assert!(
        found
            .iter()
            .any(|row| row[0] == Value::Text("day (month)".into()))
    );
    rows.reverse();
    assert_eq!(run(&FOLD, spec, &rows).unwrap(), found);
    let leaks = run(&FOLD, r#"{"target": "y", "options": "{}"}"#, &rows).unwrap();
    assert_eq!(
        (&leaks[0][0], &leaks[0][7]),
        (&Value::Text("x".into()), &Value::Integer(1))
    );
    let refused = run(&FOLD, r#"{"target": "z", "options": "{}"}"#, &rows).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("there is no column \"z\" for the target; there are x, y")
    );
    assert!(run(&FOLD, r#"{"target": "list", "options": "{}"}"#, &rows).is_err());
    assert!(run(&FOLD, spec, &[]).unwrap().is_empty());
    assert!(FOLD.start("{}").is_err() && FOLD.start("x").is_err());
}
