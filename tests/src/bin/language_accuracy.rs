//! Trains and measures the reading of questions:
//! `language_accuracy <folder of language_data.py> <set> <weights in> <weights out or -> [rounds] [every] [show] [other set]`.
//! The other set is read by the weights of its databases' folds, which its questions did not train.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use lumos_core::nl::answer::{HIGH, Outcome, readings_after};
use lumos_core::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, ForeignKey, Table};
use lumos_core::nl::link::Vocabulary;
use lumos_core::nl::model::{Features, Model};
use lumos_core::nl::parse::candidates;
use lumos_core::nl::print::Dialect;
use lumos_core::nl::reader::Reader;
use serde_json::{Value as Json, json};

/// Candidates that are looked at.
const K: usize = 40;

struct Database {
    path: String,
    catalog: Catalog,
    vocabulary: Vocabulary,
    fold: usize,
}

struct Question {
    db: String,
    text: String,
    gold: String,
    /// The questions before, if it goes on from them.
    after: Vec<String>,
    /// 2 is what nobody has looked at; 0 for sets that have no halves.
    half: u64,
}

/// What runs SQL: a Python process.
struct Executor {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Executor {
    fn start(folder: &str) -> Option<Executor> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/language_execute.py");
        let mut child = Command::new("python3")
            .args([script, &format!("{folder}/cache.pickle")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take()?);
        Some(Executor { child, to, from })
    }

    fn run(&mut self, path: &str, gold: &str, sql: &[&str]) -> Option<Vec<u8>> {
        let line = json!({"path": path, "gold": gold, "sql": sql});
        writeln!(self.to.as_mut()?, "{line}").ok()?;
        self.to.as_mut()?.flush().ok()?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).ok()?;
        Some(answer.trim_end().bytes().collect())
    }

    fn end(mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

fn catalog(json: &Json) -> Catalog {
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    let mut catalog = Catalog::default();
    for t in json["tables"].as_array().into_iter().flatten() {
        let columns = t["columns"].as_array().into_iter().flatten();
        catalog.tables.push(Table {
            name: text(&t["name"]),
            columns: columns
                .map(|c| Column {
                    name: text(&c[0]),
                    kind: ColumnKind::declared(c[1].as_str().unwrap_or_default()),
                    distinct: c[2].as_u64(),
                    range: c[3]
                        .as_str()
                        .zip(c[4].as_str())
                        .map(|(a, b)| (a.to_owned(), b.to_owned())),
                    ..Column::default()
                })
                .collect(),
            primary_key: t["pk"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|c| c.as_u64().map(|c| c as usize))
                .collect(),
            rows: t["rows"].as_u64(),
            ..Table::default()
        });
    }
    for k in json["keys"].as_array().into_iter().flatten() {
        let part = |i: usize| k[i].as_str().unwrap_or_default();
        let Some(from) = catalog
            .table(part(0))
            .and_then(|t| catalog.column(t, part(1)))
        else {
            continue;
        };
        let Some(table) = catalog.table(part(2)) else {
            continue;
        };
        let to = match catalog.column(table, part(3)) {
            Some(to) => to,
            None => match catalog.tables[table].primary_key.first() {
                Some(&column) => ColumnRef { table, column },
                None => continue,
            },
        };
        catalog.keys.push(ForeignKey {
            columns: vec![(from, to)],
            declared: true,
        });
    }
    for v in json["values"].as_array().into_iter().flatten() {
        let place = |i: usize| v[i].as_u64().unwrap_or(0) as usize;
        let column = ColumnRef {
            table: place(0),
            column: place(1),
        };
        for value in v[2].as_array().into_iter().flatten() {
            catalog
                .values
                .add(column, value.as_str().unwrap_or_default());
        }
    }
    catalog.values.finish();
    catalog.finish();
    catalog
}

fn lines(path: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| {
        eprintln!("{path}: {e}; write it by language_data.py");
        String::new()
    });
    text.lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect()
}

struct Read {
    question: usize,
    sql: Vec<String>,
    features: Vec<Features>,
    scores: Vec<f32>,
    outcomes: Vec<u8>,
}

fn right(outcome: u8) -> bool {
    matches!(outcome, b'R' | b'r')
}

/// The candidate that would be answered: the first that errs nowhere and finds something, if one does.
fn choice(read: &Read) -> Option<usize> {
    let fine = |o: u8| !matches!(o, b'E' | b'0' | b'N' | b'r');
    let first = (0..read.sql.len()).find(|&i| read.outcomes[i] != b'E')?;
    if fine(read.outcomes[first]) {
        return Some(first);
    }
    let other = (0..read.sql.len().min(8)).find(|&i| fine(read.outcomes[i]));
    match other {
        Some(i) if read.scores[i] > read.scores[first] - 2.0 => Some(i),
        _ => Some(first),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let get = |i: usize| args.get(i).map_or("", String::as_str);
    let folder = get(0);
    let rounds: usize = get(4).parse().unwrap_or(0);
    let every: usize = get(5).parse().unwrap_or(1);
    let show: usize = get(6).parse().unwrap_or(0);
    let mut databases: HashMap<String, Database> = HashMap::new();
    for (i, json) in lines(&format!("{folder}/catalogs.jsonl"))
        .iter()
        .enumerate()
    {
        let catalog = catalog(json);
        let vocabulary = Vocabulary::new(&catalog);
        let path = json["path"].as_str().unwrap_or_default().to_owned();
        let name = json["db"].as_str().unwrap_or_default().to_owned();
        databases.insert(
            name,
            Database {
                path,
                catalog,
                vocabulary,
                fold: i % 5,
            },
        );
    }
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    let set = |name: &str| -> Vec<Question> {
        lines(&format!("{folder}/{name}.jsonl"))
            .iter()
            .step_by(every)
            .map(|q| Question {
                db: text(&q["db"]),
                text: text(&q["question"]),
                gold: text(&q["gold"]),
                after: q["after"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(text)
                    .collect(),
                half: q["half"].as_u64().unwrap_or(0),
            })
            .collect()
    };
    let questions = set(get(1));
    let start = std::fs::read_to_string(get(2)).unwrap_or_default();
    let Some(mut executor) = Executor::start(folder) else {
        eprintln!("python3 does not start");
        return ExitCode::FAILURE;
    };
    if questions.iter().any(|q| q.half > 0) {
        asked(
            &questions,
            &databases,
            &Model::read(&start),
            &mut executor,
            show,
        );
        executor.end();
        return ExitCode::SUCCESS;
    }
    let fold = |q: &Question| databases.get(&q.db).map_or(0, |d| d.fold);
    let names = std::cell::RefCell::new(HashMap::new());
    // One model a fold, and one of all for the last.
    let models_count = if rounds == 0 { 1 } else { 6 };
    let mut models: Vec<Model> = (0..models_count).map(|_| Model::read(&start)).collect();
    let read = |questions: &[Question], models: &[Model], executor: &mut Executor| {
        let mut all: Vec<Read> = Vec::new();
        let mut slowest = 0.0_f64;
        let mut spent = 0.0;
        for (i, q) in questions.iter().enumerate() {
            let Some(d) = databases.get(&q.db) else {
                continue;
            };
            let mut model = models[if rounds == 0 { 0 } else { fold(q) }].copy();
            model.names = Some(names.take().into());
            let reader = Reader {
                catalog: &d.catalog,
                vocabulary: &d.vocabulary,
                model: &model,
                dialect: if d.path.ends_with(".duckdb") {
                    Dialect::DuckDb
                } else {
                    Dialect::Sqlite
                },
                now: None,
                stopped: &|| false,
            };
            let time = Instant::now();
            let found = candidates(&reader, &q.text, K);
            let time = time.elapsed().as_secs_f64();
            slowest = slowest.max(time);
            spent += time;
            if let Some(known) = model.names.take() {
                names.replace(known.into_inner().unwrap_or_default());
            }
            let sql: Vec<&str> = found.iter().map(|c| c.sql.as_str()).collect();
            let Some(outcomes) = executor.run(&d.path, &q.gold, &sql) else {
                continue;
            };
            all.push(Read {
                question: i,
                sql: found.iter().map(|c| c.sql.clone()).collect(),
                scores: found.iter().map(|c| c.score).collect(),
                features: found.into_iter().map(|c| c.features).collect(),
                outcomes,
            });
        }
        (all, spent, slowest)
    };
    for round in 0..=rounds {
        let began = Instant::now();
        let (all, spent, slowest) = read(&questions, &models, &mut executor);
        print!("round {round}: ");
        shares(&all, questions.len(), spent, slowest);
        println!("; {:.0} s", began.elapsed().as_secs_f64());
        if round == rounds {
            confidence(&all);
            let mut shown = 0;
            for r in all.iter().rev() {
                let ok = choice(r).is_some_and(|i| right(r.outcomes[i]));
                if ok || shown >= show {
                    continue;
                }
                shown += 1;
                let q = &questions[r.question];
                println!("\n{} | {}\n  gold {}", q.db, q.text, q.gold);
                if let Some(i) = choice(r) {
                    println!(
                        "  ours {} ({:.2}, {})",
                        r.sql[i], r.scores[i], r.outcomes[i] as char
                    );
                }
                match r.outcomes.iter().position(|o| right(*o)) {
                    Some(i) => println!("  at {i} {} ({:.2})", r.sql[i], r.scores[i]),
                    None => println!("  not among them"),
                }
            }
            if !get(7).is_empty() {
                let others = set(get(7));
                let (all, spent, slowest) = read(&others, &models, &mut executor);
                print!("{}: ", get(7));
                shares(&all, others.len(), spent, slowest);
                println!();
                confidence(&all);
            }
            break;
        }
        let start_model = Model::read(&start);
        for (m, model) in models.iter_mut().enumerate() {
            let part: Vec<&Read> = all
                .iter()
                .filter(|r| m == 5 || fold(&questions[r.question]) != m)
                .collect();
            train(model, &start_model, &part, &names.borrow());
        }
    }
    executor.end();
    if get(3) != "-" && !get(3).is_empty() {
        let names = names.borrow();
        let mut known: Vec<(&String, f32)> = names
            .iter()
            .map(|(h, n)| (n, models[models_count - 1].weight(*h)))
            .filter(|(_, w)| w.abs() > 0.03)
            .collect();
        known.sort_by(|a, b| a.0.cmp(b.0));
        let text: String = known
            .iter()
            .map(|(n, w)| format!("{n}\t{w:.2}\n"))
            .collect();
        if let Err(e) = std::fs::write(get(3), text) {
            eprintln!("{}: {e}", get(3));
        }
    }
    ExitCode::SUCCESS
}

/// Asks as `lumos_ask` does, each question after those before it, and prints what is wrong of the first half.
fn asked(
    questions: &[Question],
    databases: &HashMap<String, Database>,
    model: &Model,
    executor: &mut Executor,
    show: usize,
) {
    // Of the halves, alone or after others: how many, how many right, how many sure, how many of these right.
    let mut counts: HashMap<(u64, bool), [usize; 4]> = HashMap::new();
    for q in questions {
        let Some(d) = databases.get(&q.db) else {
            continue;
        };
        let reader = Reader {
            catalog: &d.catalog,
            vocabulary: &d.vocabulary,
            model,
            dialect: Dialect::Sqlite,
            now: None,
            stopped: &|| false,
        };
        let mut probe = |sql: &str| -> Result<Outcome, ()> {
            let outcome = executor.run(&d.path, &q.gold, &[sql]).ok_or(())?;
            Ok(match outcome.first() {
                Some(b'E') | None => Outcome::Error,
                Some(b'0' | b'r') => Outcome::Empty,
                Some(b'N') => Outcome::Nulls,
                Some(_) => Outcome::Rows,
            })
        };
        let found = readings_after(&reader, &q.after, &q.text, 1, &mut probe).unwrap_or_default();
        let sql = found.first().map_or("", |r| r.sql.as_str());
        let outcome = executor.run(&d.path, &q.gold, &[sql]).unwrap_or_default();
        let good = outcome.first().is_some_and(|o| right(*o));
        let sure = found.first().is_some_and(|r| r.confidence >= HIGH);
        let count = counts.entry((q.half, !q.after.is_empty())).or_default();
        count[0] += 1;
        count[1] += usize::from(good);
        count[2] += usize::from(sure);
        count[3] += usize::from(sure && good);
        if !good && show > 0 && q.half == 1 {
            println!("{:?} {}\n  gold {}\n  ours {sql}", q.after, q.text, q.gold);
        }
    }
    let mut all: Vec<_> = counts.into_iter().collect();
    all.sort();
    for ((half, after), [count, good, sure, sure_good]) in all {
        println!(
            "half {half}, {}: {good} of {count} right; sure of {sure}, {sure_good} of them right",
            if after { "after others" } else { "alone" }
        );
    }
}

/// How many of so many questions are right.
fn shares(all: &[Read], count: usize, spent: f64, slowest: f64) {
    let count = count as f64;
    let right_of = |which: &dyn Fn(&Read) -> bool| {
        100.0 * all.iter().filter(|r| which(r)).count() as f64 / count
    };
    print!(
        "{:.1} % first, {:.1} % chosen, {:.1} % among {K}; {:.1} ms a question, {:.0} at most",
        right_of(&|r| r.outcomes.first().is_some_and(|o| right(*o))),
        right_of(&|r| choice(r).is_some_and(|i| right(r.outcomes[i]))),
        right_of(&|r| r.outcomes.iter().any(|o| right(*o))),
        1000.0 * spent / count,
        1000.0 * slowest
    );
}

/// How often the answer is right, by how sure it is.
fn confidence(all: &[Read]) {
    let mut sure: Vec<(f32, bool)> = all
        .iter()
        .filter_map(|r| {
            let i = choice(r)?;
            let top = r.scores.iter().copied().fold(f32::MIN, f32::max);
            let sum: f32 = r.scores.iter().map(|s| (s - top).exp()).sum();
            Some(((r.scores[i] - top).exp() / sum, right(r.outcomes[i])))
        })
        .collect();
    sure.sort_by(|a, b| b.0.total_cmp(&a.0));
    for part in [10, 20, 30, 40, 50, 60, 80, 100] {
        let count = sure.len() * part / 100;
        let good = sure[..count].iter().filter(|s| s.1).count();
        let least = sure[..count].last().map_or(0.0, |s| s.0);
        println!(
            "  the surest {part} %: {:.1} % right, confidence from {least:.2} on",
            100.0 * good as f64 / count.max(1) as f64
        );
    }
    for bin in 0..10 {
        let (low, high) = (
            bin as f32 / 10.0,
            (bin + 1) as f32 / 10.0 + if bin == 9 { 0.1 } else { 0.0 },
        );
        let here: Vec<bool> = sure
            .iter()
            .filter(|s| s.0 >= low && s.0 < high)
            .map(|s| s.1)
            .collect();
        let good = here.iter().filter(|g| **g).count();
        println!(
            "  confidence {low:.1}: {} questions, {:.1} % right",
            here.len(),
            100.0 * good as f64 / here.len().max(1) as f64
        );
    }
}

/// Maximizes the likelihood of the right candidates by AdaGrad; weights are drawn towards those of the start.
fn train(model: &mut Model, start: &Model, reads: &[&Read], names: &HashMap<u64, String>) {
    let mut weights: HashMap<u64, f32> = names.keys().map(|h| (*h, model.weight(*h))).collect();
    let mut squares: HashMap<u64, f32> = HashMap::new();
    for epoch in 0..8 {
        let mut order: Vec<usize> = (0..reads.len()).collect();
        let mut seed = 0x9e37_79b9_u64 + epoch;
        for i in (1..order.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, (seed >> 33) as usize % (i + 1));
        }
        for i in order {
            let r = reads[i];
            let good = r.outcomes.iter().filter(|o| right(**o)).count();
            if good == 0 || good == r.outcomes.len() {
                continue;
            }
            let scores: Vec<f32> = r
                .features
                .iter()
                .map(|f| {
                    f.iter()
                        .map(|(h, v)| v * weights.get(h).copied().unwrap_or(0.0))
                        .sum()
                })
                .collect();
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            let odds: Vec<f32> = scores.iter().map(|s| (s - top).exp()).collect();
            let sum: f32 = odds.iter().sum();
            let sum_good: f32 = odds
                .iter()
                .zip(&r.outcomes)
                .filter(|(_, o)| right(**o))
                .map(|(p, _)| p)
                .sum();
            let mut gradient: HashMap<u64, f32> = HashMap::new();
            for ((p, o), features) in odds.iter().zip(&r.outcomes).zip(&r.features) {
                let wanted = if right(*o) {
                    p / sum_good.max(1e-20)
                } else {
                    0.0
                };
                let g = wanted - p / sum;
                if g.abs() > 1e-4 {
                    for (h, v) in features {
                        *gradient.entry(*h).or_default() += g * v;
                    }
                }
            }
            for (h, g) in gradient {
                let w = weights.entry(h).or_default();
                let g = g - 0.001 * (*w - start.weight(h));
                let s = squares.entry(h).or_insert(0.1);
                *s += g * g;
                *w += 0.15 * g / s.sqrt();
            }
        }
    }
    for (h, w) in weights {
        model.set(h, w);
    }
}
