//! Which of the SELECTs is answered.

use super::*;

fn ballot(of_model: bool, weight: f64, outcome: Outcome, rows: u64) -> Ballot {
    Ballot {
        of_model,
        weight,
        outcome,
        rows,
    }
}

#[test]
fn the_rows_for_which_most_speaks_are_answered() {
    use Outcome::{Empty, Error, Rows};
    let order = |ballots: &[Ballot], insists| {
        let all = vote::order(ballots, insists);
        let places: Vec<usize> = all.iter().map(|c| c.place).collect();
        (
            places,
            all.first().map_or(0.0, |c| (c.confidence * 100.0).round()),
            vote::decision(ballots, &all),
        )
    };
    // Both agree.
    let both = [
        ballot(false, 0.5, Rows, 1),
        ballot(true, 0.7, Rows, 2),
        ballot(true, 0.3, Rows, 1),
    ];
    assert_eq!(order(&both, false), (vec![0, 2, 1], 61.0, "both"));
    // The model alone is never high.
    let alone = [ballot(true, 1.0, Rows, 1)];
    assert_eq!(order(&alone, false), (vec![0], 75.0, "model"));
    // What finds nothing counts half.
    let empty = [
        ballot(false, 0.6, Empty, 0),
        ballot(true, 0.5, Rows, 1),
        ballot(true, 0.5, Error, 0),
    ];
    assert_eq!(order(&empty, false), (vec![1, 0], 38.0, "model"));
    // A parser that is surer than a model of several minds.
    let surer = [
        ballot(false, 0.7, Rows, 1),
        ballot(true, 0.6, Rows, 2),
        ballot(true, 0.4, Rows, 3),
    ];
    assert_eq!(order(&surer, false), (vec![0, 1, 2], 70.0, "parser"));
    assert_eq!(order(&surer, true).0, [1, 2, 0]);
    let fails = [ballot(false, 0.7, Rows, 1), ballot(true, 1.0, Error, 0)];
    assert_eq!(order(&fails, true), (vec![], 0.0, "none"));
    assert_eq!(order(&fails, false), (vec![0], 70.0, "parser"));
    assert_eq!(vote::weights(2), [0.8, 0.2]);
}

#[test]
fn rows_are_compared_in_any_order() {
    let rows = |rows: &[&[Option<&str>]]| {
        let mut all = vote::Rows::default();
        for row in rows {
            all.add(row.iter().map(|v| v.map(Into::into)));
        }
        (all.outcome(), all.hash())
    };
    let (a, b) = (&[Some("a"), None][..], &[Some("b"), Some("")][..]);
    assert_eq!(rows(&[a, b]), rows(&[b, a]));
    for other in [
        &[a][..],
        &[a, b, b],
        &[b, b],
        &[&[Some("a")], b],
        &[&[Some("a"), Some("")], b],
    ] {
        assert_ne!(rows(&[a, b]), rows(other));
    }
    assert_eq!(rows(&[]).0, Outcome::Empty);
    assert_eq!(rows(&[&[None], &[None]]).0, Outcome::Nulls);
    assert_eq!(vote::number(2.0), "2");
    assert_eq!(vote::number(-0.0), "0");
    assert_eq!(vote::number(0.1 + 0.2), vote::number(0.3));
}

#[test]
fn readings_of_both_are_told_apart() {
    let parsed = Reading {
        goes_on: false,
        sql: "SELECT 1".into(),
        query: Query::default(),
        confidence: 0.5,
        assumptions: Vec::new(),
        unmatched: Vec::new(),
    };
    let tier = tier("", &["```\nSELECT 1.0\n```\n```\nSELECT 2\n```"]);
    let found = consult(&tier, "q");
    // Of nothing that it understands, the parser says what is likely in general.
    let guess = Reading {
        confidence: 0.0,
        ..parsed.clone()
    };
    let pool = Pool::new(&tier, &[parsed, guess], &found);
    let said = [(Outcome::Rows, 1), (Outcome::Rows, 1), (Outcome::Rows, 2)];
    let (readings, decision) = pool.decided(&said, false, "m");
    let all: Vec<(&str, &[String])> = readings
        .iter()
        .map(|r| (r.sql.as_str(), &r.assumptions[..]))
        .collect();
    let wrote = ["the model m wrote this SQL".to_owned()];
    let same = ["the model m wrote SQL that gives the same rows".to_owned()];
    assert_eq!(
        all,
        [
            ("SELECT 1", &same[..]),
            ("SELECT 1.0", &wrote),
            ("SELECT 2", &wrote)
        ]
    );
    assert_eq!(decision, "both");
}
