//! Measures the ranking of memories on LoCoMo: `memory_ranking <locomo_dev5.json>`. Each turn is a memory, each question a
//! search within its conversation; recall is the mean share of the evidence among the first so many.

use std::collections::HashMap;
use std::process::ExitCode;

use lumos_core::memory::dates::dates;
use lumos_core::memory::fsrs::{Rating, first, retention};
use lumos_core::memory::moment::DAY;
use lumos_core::memory::names::names;
use lumos_core::memory::rank::{Candidate, Wanted, rank};
use lumos_core::memory::terms::{Terms, query_hashes};
use lumos_core::memory::times::Times;
use lumos_core::text::bm25::CorpusStats;
use serde_json::Value as Json;

/// A turn: its name in the evidence, its session, its place there and its terms.
struct Turn {
    name: String,
    session: String,
    place: i64,
    terms: Terms,
    text: String,
    said: i64,
}

#[derive(Default)]
struct Sums {
    questions: f64,
    recall: [f64; 3],
    hit: f64,
    reciprocal: f64,
}

const DEPTHS: [usize; 3] = [5, 10, 20];

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_default();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(reason) => {
            eprintln!("{path}: {reason}; give the path of locomo_dev5.json");
            return ExitCode::FAILURE;
        }
    };
    let data: Json = match serde_json::from_str(&text) {
        Ok(data) => data,
        Err(reason) => {
            eprintln!("{path}: {reason}");
            return ExitCode::FAILURE;
        }
    };
    for (what, decay, time) in [
        ("without decay and times", 0.0, 0.0),
        ("without decay", 0.0, 0.4),
        ("with decay at the end", 1.0, 0.4),
    ] {
        let (mut all, mut odd) = (Sums::default(), Sums::default());
        for conversation in data.as_array().into_iter().flatten() {
            let turns = turns(&conversation["conversation"]);
            let questions = conversation["qa"].as_array().into_iter().flatten();
            for (i, question) in questions.enumerate() {
                measure(&turns, question, (decay, time), &mut all);
                if i % 2 == 1 {
                    measure(&turns, question, (decay, time), &mut odd);
                }
            }
        }
        print(what, &all);
        print(&format!("{what}, every other question"), &odd);
    }
    ExitCode::SUCCESS
}

fn print(what: &str, sums: &Sums) {
    let mean = |sum: f64| sum / sums.questions;
    println!(
        "{what}: {} questions, R@5 {:.4}, R@10 {:.4}, R@20 {:.4}, hit@10 {:.4}, MRR {:.4}",
        sums.questions,
        mean(sums.recall[0]),
        mean(sums.recall[1]),
        mean(sums.recall[2]),
        mean(sums.hit),
        mean(sums.reciprocal)
    );
}

fn turns(conversation: &Json) -> Vec<Turn> {
    let mut turns = Vec::new();
    for session in 1.. {
        let name = format!("session_{session}");
        let date = conversation[format!("{name}_date_time")].as_str();
        let (Some(date), said) = (date, conversation[&name].as_array()) else {
            break;
        };
        for (turn, place) in said.into_iter().flatten().zip(1..) {
            let part = |field: &str| turn[field].as_str().unwrap_or_default();
            let mut text = format!("{}: {}", part("speaker"), part("text"));
            if !part("blip_caption").is_empty() {
                text.push_str(&format!(" [{}]", part("blip_caption")));
            }
            turns.push(Turn {
                name: part("dia_id").into(),
                session: name.clone(),
                place,
                terms: Terms::of(&text),
                text,
                said: day(date),
            });
        }
    }
    turns
}

/// The beginning of the day of "1:56 pm on 8 May, 2023".
fn day(date: &str) -> i64 {
    dates(date, None).last().map_or(0, |named| named.from)
}

fn measure(turns: &[Turn], question: &Json, (decay, time): (f64, f64), sums: &mut Sums) {
    let mut gold: Vec<&str> = Vec::new();
    let evidence = question["evidence"].as_array().into_iter().flatten();
    for name in evidence
        .filter_map(Json::as_str)
        .flat_map(|e| e.split([';', ',', ' ']))
    {
        if !gold.contains(&name) && turns.iter().any(|t| t.name == name) {
            gold.push(name);
        }
    }
    if gold.is_empty() {
        return;
    }
    let text = question["question"].as_str().unwrap_or_default();
    let (words, named) = (query_hashes(text), names(text));
    let end = turns.iter().map(|t| t.said).max().unwrap_or(0);
    let times = Times::of(text, end);
    let mut corpus = CorpusStats::new(words.len());
    let mut sessions: HashMap<String, u64> = HashMap::new();
    let mut candidates = Vec::new();
    for (turn, id) in turns.iter().zip(0..) {
        let counts = turn.terms.counts(&words);
        corpus.add(1, turn.terms.length, &counts);
        *sessions.entry(turn.session.clone()).or_default() += u64::from(turn.terms.length);
        let faded = retention(
            (end - turn.said) as f64 / DAY,
            first(Rating::Hard).stability,
        );
        candidates.push(Candidate {
            id,
            turn: Some((turn.session.clone(), turn.place)),
            length: turn.terms.length,
            counts,
            names: turn.terms.share(&named),
            near: None,
            time: times.share(turn.said, &turn.text),
            hash: id,
            telling: turn.terms.telling.clone(),
            standing: [faded, 0.5, 0.5, 0.5],
        });
    }
    let wanted = Wanted {
        k: 50,
        min_score: 0.0,
        min_coverage: 0.0,
        decay,
        diversity: 0.0,
        weights: [1.0, 0.0, time],
        pool: 100,
    };
    let found = rank(&candidates, &corpus, &sessions, &wanted);
    let right = |at: usize| gold.contains(&turns[at].name.as_str());
    sums.questions += 1.0;
    for (sum, depth) in sums.recall.iter_mut().zip(DEPTHS) {
        let hits = found.iter().take(depth).filter(|f| right(f.at)).count();
        *sum += hits as f64 / gold.len() as f64;
    }
    sums.hit += f64::from(u8::from(found.iter().take(10).any(|f| right(f.at))));
    if let Some(place) = found.iter().position(|f| right(f.at)) {
        sums.reciprocal += 1.0 / (place + 1) as f64;
    }
}
