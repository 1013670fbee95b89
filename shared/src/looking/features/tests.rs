use super::*;
use crate::looking::scan::tests::{rows, run};

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
