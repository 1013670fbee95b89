use super::*;
use crate::looking::scan::tests::{rows, run};

#[test]
fn columns_that_go_together_come_first() {
    let mut rows = rows();
    let found = run(&CORRELATE, "{}", &rows).unwrap();
    assert_eq!(
        found[0][..3],
        ["x", "y", "spearman"].map(|text| Value::Text(text.into()))
    );
    assert_eq!(found[1][2], Value::Text("pearson".into()));
    let eta = |row: &&Vec<Value>| row[2] == Value::Text("eta".into());
    let eta = found.iter().find(eta).unwrap();
    assert_eq!(
        eta[..2],
        ["kind", "by_kind"].map(|text| Value::Text(text.into()))
    );
    let of_flat = |row: &&Vec<Value>| row[..2].contains(&Value::Text("flat".into()));
    assert!(
        found
            .iter()
            .filter(of_flat)
            .all(|row| row[3] == Value::Null)
    );
    let last = found.last().unwrap();
    assert_eq!(
        (&last[0], &last[1]),
        (&Value::Text("list".into()), &Value::Null)
    );
    rows.reverse();
    assert_eq!(run(&CORRELATE, "{}", &rows).unwrap(), found);
    let only = run(
        &CORRELATE,
        r#"{"measure": "information", "adjust": "none"}"#,
        &rows,
    )
    .unwrap();
    assert!(
        only.iter()
            .all(|row| row[2] == Value::Text("information".into()) || row[1] == Value::Null)
    );
    let p_is_q = |row: &Vec<Value>| row[5] == row[6];
    assert!(only.iter().all(p_is_q));
    assert!(run(&CORRELATE, "{}", &[]).unwrap().is_empty());
    let chinese = run(&CORRELATE, r#"{"lang": "zh"}"#, &rows[..5]).unwrap();
    assert!(
        chinese
            .iter()
            .any(|row| row[8] == Value::Text("仅 5 行".into()))
    );
}
