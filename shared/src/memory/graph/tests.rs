use super::view::{Alias, Names, edges};
use super::*;

struct Draw(u64);

impl Draw {
    fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as i64
    }
}

fn fact(id: i64, subject: &str, predicate: &str, object: &str, now: i64) -> Fact {
    Fact {
        id,
        subject: subject.into(),
        predicate: predicate.into(),
        object: object.into(),
        functional: true,
        valid_from: Some(now),
        valid_to: None,
        created_at: now,
        expired_at: None,
        confidence: 1.0,
        memory: None,
        source: None,
    }
}

/// The table after a call: rows by their numbers.
fn write(table: &mut Vec<Fact>, new: Fact) {
    let known = |f: &&Fact| {
        f.expired_at.is_none()
            && f.predicate == new.predicate
            && key(&f.subject) == key(&new.subject)
    };
    let known: Vec<Fact> = table.iter().filter(known).cloned().collect();
    for row in history::add(&known, new, &Names::default()).unwrap() {
        match table.iter_mut().find(|f| f.id == row.id) {
            Some(old) => {
                // Nothing of a row changes but that it expires.
                assert!(old.expired_at.is_none());
                let expired = Fact {
                    expired_at: row.expired_at,
                    ..old.clone()
                };
                assert_eq!(row, expired);
                *old = row;
            }
            None => table.push(row),
        }
    }
}

/// The last second of the model, behind all that is given.
const END: i64 = 30;

/// What holds in each second: an object, and where its fact begins. The plainest way to say what a new fact does.
type Model = Vec<Option<(i64, i64)>>;

fn said(model: &mut Model, object: i64, from: i64, to: Option<i64>) {
    let mut start = from;
    if let Some((known, begins)) = model[from as usize]
        && known == object
    {
        let whole = |cell: &Option<(i64, i64)>| *cell == Some((object, begins));
        let Some(end) = to else { return };
        if model.iter().rposition(whole) == Some(end as usize - 1) {
            return;
        }
        for cell in model.iter_mut().filter(|c| **c == Some((object, begins))) {
            *cell = None;
        }
        start = begins;
    }
    let next = model
        .iter()
        .flatten()
        .map(|(_, begins)| *begins)
        .filter(|b| *b > start)
        .min();
    let end = to.or(next).unwrap_or(END + 1);
    for second in start..=END {
        let cell = &mut model[second as usize];
        if second < end {
            *cell = Some((object, start));
        } else if let Some((_, begins)) = cell {
            *begins = (*begins).max(if *begins < end { end } else { *begins });
        }
    }
}

/// Random histories of a functional predicate: at every time, as known at every time, what the model says.
#[test]
fn histories_are_those_of_a_naive_replay() {
    let mut draw = Draw(5);
    for round in 0..60 {
        let mut table = Vec::new();
        let mut model: Model = vec![None; END as usize + 1];
        let mut replay = Vec::new();
        for now in 0..12 {
            let (object, from) = (draw.below(3), draw.below(END));
            let to = (draw.below(3) == 0).then(|| from + 1 + draw.below(END - from));
            said(&mut model, object, from, to);
            let id = table.len() as i64 + 1;
            let new = Fact {
                valid_from: Some(from),
                valid_to: to,
                ..fact(id, "Ann", "lives_in", &object.to_string(), now)
            };
            write(&mut table, new);
            replay.push(model.clone());
            for (known, model) in replay.iter().enumerate() {
                for (second, cell) in model.iter().enumerate() {
                    let found = edges(
                        &table,
                        &Names::default(),
                        Some(known as i64),
                        Some(second as i64),
                    );
                    let found: Vec<(String, i64)> = found
                        .iter()
                        .map(|e| (e.fact.object.clone(), e.fact.from()))
                        .collect();
                    let expected: Vec<(String, i64)> = cell
                        .iter()
                        .map(|(object, begins)| (object.to_string(), *begins))
                        .collect();
                    assert_eq!(
                        found, expected,
                        "round {round}, now {now}, known {known}, at {second}: {table:?}"
                    );
                }
            }
        }
    }
}

/// Others hold side by side, each once at a time.
#[test]
fn others_hold_side_by_side() {
    let mut draw = Draw(6);
    for _ in 0..50 {
        let mut table = Vec::new();
        let mut models: Vec<Model> = vec![vec![None; END as usize + 1]; 3];
        for now in 0..12 {
            let (object, from) = (draw.below(3), draw.below(END));
            let to = (draw.below(3) == 0).then(|| from + 1 + draw.below(END - from));
            said(&mut models[object as usize], object, from, to);
            let new = Fact {
                valid_from: Some(from),
                valid_to: to,
                functional: false,
                ..fact(
                    table.len() as i64 + 1,
                    "Ann",
                    "likes",
                    &object.to_string(),
                    now,
                )
            };
            write(&mut table, new);
        }
        for second in 0..=END {
            let mut found: Vec<String> = edges(&table, &Names::default(), None, Some(second))
                .into_iter()
                .map(|e| e.fact.object)
                .collect();
            found.sort();
            let expected = models.iter().filter_map(|m| m[second as usize]);
            let expected: Vec<String> = expected.map(|(object, _)| object.to_string()).collect();
            assert_eq!(found, expected);
        }
    }
}

/// Whatever is said in whichever order, what holds at a time has every source that has said so since it is known to.
#[test]
fn every_source_is_kept() {
    let mut draw = Draw(7);
    for round in 0..200 {
        let mut table = Vec::new();
        // What holds in each second, and who has said it of that second.
        let mut model: Vec<(String, Vec<i64>)> = vec![Default::default(); END as usize];
        for now in 0..10 {
            let (object, source) = (draw.below(3).to_string(), draw.below(3));
            let from = [now, draw.below(now + 1)][draw.below(2) as usize];
            let new = Fact {
                valid_from: Some(from),
                valid_to: (draw.below(4) == 0).then(|| from + 1 + draw.below(END - from)),
                memory: Some(source),
                ..fact(table.len() as i64 + 1, "Ann", "lives_in", &object, now)
            };
            write(&mut table, new);
            let known = edges(&table, &Names::default(), None, None);
            for (at, (held, by)) in (0..).zip(&mut model) {
                let holding = |edge: &&view::Edge| edge.fact.from() <= at && at < edge.fact.to();
                let mut holding = known.iter().filter(holding);
                let Some(edge) = holding.next() else {
                    *held = String::new();
                    continue;
                };
                assert!(holding.next().is_none(), "round {round}: {table:?}");
                if *held != edge.object {
                    (*held, *by) = (edge.object.clone(), Vec::new());
                }
                if at == from {
                    assert_eq!(edge.object, object);
                    by.push(source);
                }
                let told = std::iter::once(&edge.fact).chain(&edge.others);
                let mut told: Vec<i64> = told.filter_map(|f| f.memory).collect();
                assert!(
                    by.iter().all(|s| told.contains(s)),
                    "{round} {at}: {by:?} {edge:?}"
                );
                let all = told.len();
                told.sort_unstable();
                told.dedup();
                assert_eq!(told.len(), all, "round {round}: {edge:?}");
            }
        }
    }
    // Forgetting one of two memories leaves the fact by the other.
    let mut table = Vec::new();
    for (memory, now) in [(1, 5), (2, 7), (1, 9)] {
        let id = table.len() as i64 + 1;
        let new = Fact {
            memory: Some(memory),
            ..fact(id, "Ann", "likes", "tea", now)
        };
        write(&mut table, new);
    }
    assert_eq!(table.len(), 2);
    assert_eq!(
        (table[1].memory, table[1].valid_from, table[1].created_at),
        (Some(2), Some(5), 7)
    );
    table.retain(|f| f.memory != Some(1));
    assert_eq!(edges(&table, &Names::default(), None, Some(6)).len(), 1);
}

#[test]
fn what_cannot_be() {
    let names = Names::default();
    let ends = Fact {
        valid_to: Some(5),
        ..fact(1, "Ann", "lives_in", "Oslo", 5)
    };
    assert_eq!(
        history::add(&[], ends, &names).unwrap_err().to_string(),
        "valid_to is 1970-01-01 00:00:05, which is not after valid_from, 1970-01-01 00:00:05; give a later time"
    );
    let back = Fact {
        created_at: 3,
        valid_from: Some(8),
        ..fact(2, "Ann", "lives_in", "Rome", 3)
    };
    assert_eq!(
        history::add(&[fact(1, "Ann", "lives_in", "Oslo", 5)], back, &names)
            .unwrap_err()
            .to_string(),
        "now is 1970-01-01 00:00:03, but fact 1, which it changes, was made at 1970-01-01 00:00:05; give a later now"
    );
}

#[test]
fn names_are_the_same_by_their_keys() {
    assert_eq!(key("  Ann\u{3000}SMITH "), "ann smith");
    assert_eq!(key("ＡＢＣ"), "abc");
    assert_eq!(predicate("Works at").unwrap(), "works_at");
    assert_eq!(predicate("works-AT_").unwrap(), "works_at");
    assert!(predicate(" _ ").is_err());
}

fn alias(alias: &str, name: &str, created_at: i64) -> Alias {
    Alias {
        alias: alias.into(),
        name: name.into(),
        created_at,
    }
}

#[test]
fn merged_entities_are_one_since_it_is_known() {
    let aliases = [alias("Bob", "Rob", 10), alias("Rob", "Robert", 20)];
    let facts = [
        fact(1, "Bob", "lives_in", "Oslo", 1),
        fact(2, "Robert", "lives_in", "Rome", 5),
        fact(3, "bob", "likes", "tea", 6),
    ];
    let shown = |as_known: Option<i64>, as_of| -> Vec<String> {
        let names = Names::new(&aliases, as_known);
        let edges = edges(&facts, &names, as_known, as_of);
        edges
            .iter()
            .map(|e| format!("{} {}", e.fact.subject, e.fact.object))
            .collect()
    };
    assert_eq!(shown(None, Some(30)), ["Robert Rome", "Robert tea"]);
    assert_eq!(
        shown(Some(15), Some(30)),
        ["Rob Oslo", "Robert Rome", "Rob tea"]
    );
    assert_eq!(
        shown(Some(9), Some(30)),
        ["Bob Oslo", "Robert Rome", "bob tea"]
    );
    assert_eq!(shown(None, Some(3)), ["Robert Oslo"]);
    // A circle, which only others can write, ends.
    let circle = Names::new(&[alias("a", "b", 0), alias("b", "a", 0)], None);
    assert!(["a", "b"].contains(&circle.entity("a").as_str()));
}

fn graph(pairs: &[(&str, &str)]) -> Vec<view::Edge> {
    let facts: Vec<Fact> = pairs
        .iter()
        .enumerate()
        .map(|(i, (a, b))| Fact {
            functional: false,
            ..fact(i as i64 + 1, a, "knows", b, 0)
        })
        .collect();
    edges(&facts, &Names::default(), None, None)
}

#[test]
fn neighbours_are_found_by_depth() {
    let edges = graph(&[
        ("a", "b"),
        ("c", "b"),
        ("c", "d"),
        ("a", "e"),
        ("x", "y"),
        ("a", "a"),
    ]);
    let near = |depth| -> Vec<String> {
        let near = walk::neighbours(&edges, "a", depth);
        near.iter()
            .map(|n| format!("{}{}{}", n.through, n.depth, n.name))
            .collect()
    };
    assert_eq!(near(1), ["a1b", "a1e"]);
    assert_eq!(near(100), ["a1b", "a1e", "b2c", "c3d"]);
    assert!(walk::neighbours(&edges, "nobody", 3).is_empty());
}

/// Paths against all sequences of facts that there are, in small random graphs.
#[test]
fn paths_are_all_that_there_are() {
    let mut draw = Draw(9);
    let letters = ["a", "b", "c", "d", "e"];
    for _ in 0..100 {
        let mut pairs: Vec<(&str, &str)> = (0..draw.below(8))
            .map(|_| {
                (
                    letters[draw.below(5) as usize],
                    letters[draw.below(5) as usize],
                )
            })
            .collect();
        // The same fact again is no other way.
        pairs.sort_unstable();
        pairs.dedup();
        let edges = graph(&pairs);
        let mut expected: Vec<Vec<usize>> = Vec::new();
        let mut open = vec![(vec!["a"], Vec::new())];
        while let Some((nodes, used)) = open.pop() {
            let at = nodes[nodes.len() - 1];
            if at == "e" {
                expected.push(used);
                continue;
            }
            for (i, (a, b)) in pairs.iter().enumerate() {
                for (here, there) in [(a, b), (b, a)] {
                    if *here == at && !nodes.contains(there) {
                        open.push(([&nodes[..], &[*there]].concat(), [&used[..], &[i]].concat()));
                    }
                }
            }
        }
        expected.sort_by_key(|p| (p.len(), p.clone()));
        let mut found = walk::paths(&edges, "a", "e", 10, 1000);
        assert!(found.is_sorted_by_key(Vec::len));
        let few = walk::paths(&edges, "a", "e", 10, 2);
        assert_eq!(few, found[..found.len().min(2)]);
        found.sort_by_key(|p| (p.len(), p.clone()));
        assert_eq!(found, expected, "{pairs:?}");
    }
}

#[test]
fn ranks_are_a_distribution_near_the_seeds() {
    let edges = graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("x", "y")]);
    let ranks = walk::pagerank(&edges, &["a".into()]);
    let names: Vec<&str> = ranks.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert!((ranks.iter().map(|(_, r)| r).sum::<f64>() - 1.0).abs() < 1e-9);
    // Of a and b alone: a = 1/2 + b/2, b = a/2.
    let two = walk::pagerank(
        &graph(&[("a", "b")]),
        &["a".into(), "a".into(), "nobody".into()],
    );
    assert!((two[0].1 - 2.0 / 3.0).abs() < 1e-9 && (two[1].1 - 1.0 / 3.0).abs() < 1e-9);
    assert!(walk::pagerank(&edges, &["nobody".into()]).is_empty());
}

/// What a fold makes of the call's row and these facts, as the numbers, starts and ends of the rows to be written.
fn written(spec: &str, facts: &[Fact], now: i64) -> Vec<crate::Value> {
    use crate::ValueRef::{Integer, Null, Real, Text};
    let mut state = folds::ADD.start(spec).unwrap();
    let call = [
        &[Integer(0), Integer(9)][..],
        &[Null; 6],
        &[Integer(now)],
        &[Null; 4],
    ]
    .concat();
    state.row(&call).unwrap();
    for fact in facts {
        let time = |t: Option<i64>| t.map_or(Null, Integer);
        let row = [
            Integer(2),
            Integer(fact.id),
            Text(&fact.subject),
            Text(&fact.predicate),
            Text(&fact.object),
            Integer(1),
            time(fact.valid_from),
            time(fact.valid_to),
            Integer(fact.created_at),
            Null,
            Real(1.0),
            Null,
            Null,
        ];
        state.row(&row).unwrap();
    }
    let mut rows = Vec::new();
    state
        .finish(&mut |row| {
            rows.extend([row[0].clone(), row[8].clone(), row[9].clone()]);
            Ok(())
        })
        .unwrap();
    rows
}

#[test]
fn an_end_in_the_past_is_that_of_what_held_then() {
    use crate::Value::{Integer, Null};
    let args = [
        "Ann",
        "lives in",
        "Oslo",
        "{\"valid_to\": 250, \"now\": 300}",
    ]
    .map(crate::ValueRef::Text);
    let program = query::add(&args, crate::sql::lexer::Dialect::Sqlite).unwrap();
    let known = [fact(3, "Ann", "lives_in", "Oslo", 200)];
    assert_eq!(
        written(&program.spec, &known, 300),
        [
            Integer(3),
            Integer(200),
            Null,
            Integer(9),
            Integer(200),
            Integer(250)
        ]
    );
}
