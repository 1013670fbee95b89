//! A summary of a session that is over, or of a topic: the sentences that say most of what it is about, as they were
//! said.
//!
//! A turn counts by how much it shares with the others (the cosine to their centroid) and by its importance; a question
//! counts half. Of what says the same, one sentence is taken (maximal marginal relevance).

use std::collections::HashMap;

use crate::memory::row::Memory;
use crate::memory::terms::{Terms, likeness};

/// What the `uri` of a topic's summary begins with, before the key of the topic.
pub const TOPIC: &str = "topic:";

/// The turns that a session must have, and the memories that a topic must.
pub const LEAST: i64 = 6;

/// The seconds since the last of them.
pub const OVER: i64 = 4 * 3_600;

/// The most turns that are cited.
const MOST: usize = 5;

/// How much a turn's own worth counts against what it shares with those that are taken.
const RELEVANCE: f64 = 0.7;

/// The bytes of a turn that are looked at, and those of a sentence that are taken.
const LONGEST: (usize, usize) = (4_000, 400);

/// A turn of a session, or a memory of a topic.
#[derive(Clone)]
pub struct Turn {
    /// Its memory.
    pub id: i64,
    /// Its place; in a topic that in time.
    pub turn: i64,
    /// When it happened.
    pub event_time: i64,
    /// 0 to 1.
    pub importance: f64,
    /// The beginning of its text.
    pub content: Box<str>,
    /// What it is about, see [`Terms::telling`].
    pub telling: Box<[u32]>,
    /// What it calls the topic; empty in a session.
    pub topic: Box<str>,
}

/// What a summary is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A session that is over.
    Session(String),
    /// An entity, by its key.
    Topic(String),
}

/// What there is of a session or topic.
#[derive(Clone, Default)]
pub struct About {
    /// The id of the summary, 0 for none.
    pub next: i64,
    /// Its turns or memories.
    pub turns: Vec<Turn>,
    /// The summary that it has.
    pub summary: Option<Memory>,
}

impl About {
    /// The name of the topic, as its first memory has it.
    pub fn topic(&self) -> &str {
        let first = self.turns.iter().min_by_key(|turn| turn.id);
        first.map_or("", |turn| &turn.topic)
    }

    /// Why its old summary is superseded, and why it gets one.
    pub fn reasons(&self, subject: &Subject) -> [String; 2] {
        let (topic, turns) = (self.topic(), self.turns.len());
        match subject {
            Subject::Session(name) => [
                format!("session \"{name}\" went on"),
                format!("session \"{name}\" is over, with {turns} turns"),
            ],
            Subject::Topic(_) => [
                format!("topic \"{topic}\" has newer memories"),
                format!("topic \"{topic}\" has {turns} memories"),
            ],
        }
    }
}

/// What sums them up.
pub struct Summary {
    /// A line for each turn that is cited.
    pub content: String,
    /// The turns that it is made of, in their order.
    pub cited: Vec<i64>,
    /// When the last turn happened.
    pub event_time: i64,
    /// That of the most important turn cited.
    pub importance: f64,
}

/// The beginning of a text, as far as it is looked at.
pub fn beginning(content: &str) -> &str {
    cut(content, LONGEST.0)
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The summary of these turns; `None` if they say nothing.
pub fn summary(turns: &[Turn]) -> Option<Summary> {
    let mut turns: Vec<&Turn> = turns.iter().collect();
    turns.sort_by_key(|turn| (turn.turn, turn.id));
    let mut frequency: HashMap<u32, u64> = HashMap::new();
    for term in turns.iter().flat_map(|turn| &turn.telling) {
        *frequency.entry(*term).or_default() += 1;
    }
    let worth = |turn: &Turn| {
        let question = turn.content.trim_end().ends_with(['?', '？']);
        let half = if question { 0.5 } else { 1.0 };
        shared(&turn.telling, &frequency) * (0.5 + turn.importance) * half
    };
    let mut left: Vec<(f64, &Turn)> = turns.iter().map(|turn| (worth(turn), *turn)).collect();
    left.retain(|(worth, _)| *worth > 0.0);
    let best = left.iter().map(|(worth, _)| *worth).fold(0.0, f64::max);
    let mut taken: Vec<&Turn> = Vec::new();
    while taken.len() < MOST && !left.is_empty() {
        let value = |(worth, turn): &(f64, &Turn)| {
            let like = taken.iter().map(|t| likeness(&t.telling, &turn.telling));
            RELEVANCE * worth / best - (1.0 - RELEVANCE) * like.fold(0.0, f64::max)
        };
        let values: Vec<f64> = left.iter().map(value).collect();
        let better = |a: usize, b: usize| if values[b] > values[a] { b } else { a };
        let at = (0..left.len()).reduce(better)?;
        taken.push(left.remove(at).1);
    }
    taken.sort_by_key(|turn| (turn.turn, turn.id));
    let last = turns.iter().map(|turn| turn.event_time).max()?;
    let importance = taken.iter().map(|turn| turn.importance);
    let lines: Vec<&str> = taken
        .iter()
        .map(|turn| sentence(&turn.content, &frequency))
        .collect();
    (!taken.is_empty()).then(|| Summary {
        content: lines.join("\n"),
        cited: taken.iter().map(|turn| turn.id).collect(),
        event_time: last,
        importance: importance.fold(0.0, f64::max),
    })
}

/// How much a text shares with all, but for a factor that is the same for all texts.
fn shared(telling: &[u32], frequency: &HashMap<u32, u64>) -> f64 {
    let sum: u64 = telling.iter().filter_map(|term| frequency.get(term)).sum();
    sum as f64 / (telling.len().max(1) as f64).sqrt()
}

/// The whole of a short text, the best sentence of a longer one.
fn sentence<'a>(content: &'a str, frequency: &HashMap<u32, u64>) -> &'a str {
    let content = content.trim();
    if content.len() <= LONGEST.1 / 2 && !content.contains('\n') {
        return content;
    }
    let mut best = (0.0, "");
    for sentence in sentences(content) {
        let worth = shared(&Terms::of(sentence).telling, frequency);
        if worth > best.0 {
            best = (worth, sentence);
        }
    }
    match best.1 {
        "" => cut(content.lines().next().unwrap_or_default(), LONGEST.1).trim_end(),
        sentence => cut(sentence, LONGEST.1).trim_end(),
    }
}

/// The sentences of a text, without space around them.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let mut chars = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            let gap = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
            if c == '\n' || "。！？".contains(c) || (gap && ".!?".contains(c)) {
                end = at + c.len_utf8();
                break;
            }
        }
        let sentence;
        (sentence, rest) = rest.split_at(end);
        (!sentence.is_empty()).then(|| sentence.trim_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(texts: &[&str]) -> Vec<Turn> {
        let turn = |(turn, content): (i64, &&str)| Turn {
            id: turn * 10,
            turn,
            event_time: turn,
            importance: 0.5,
            content: (*content).into(),
            telling: Terms::of(content).telling.into(),
            topic: "".into(),
        };
        (1..).zip(texts).map(turn).collect()
    }

    #[test]
    fn a_summary_has_what_the_session_is_about() {
        let texts = [
            "Hello there!",
            "The violin concert in Vienna is on Friday.",
            "Will you come to the concert?",
            "Yes, the concert of the violin in Vienna, I have a ticket. It was cheap.",
            "The violin concert in Vienna is on Friday!",
            "Thanks",
            "Ann plays the violin too",
            "Nice weather today",
        ];
        let mut all = turns(&texts);
        let found = summary(&all).unwrap();
        assert!(found.cited.len() == 5 && found.cited.is_sorted());
        assert!(
            found.cited.contains(&20) && found.cited.contains(&40) && found.cited.contains(&70)
        );
        assert_eq!(found.content.lines().count(), 5);
        assert_eq!(found.event_time, 8);
        // In any order, the same.
        all.reverse();
        assert_eq!(summary(&all).unwrap().content, found.content);
        assert!(summary(&turns(&["", "!!!"])).is_none() && summary(&[]).is_none());
    }

    #[test]
    fn long_turns_give_a_sentence() {
        let long = format!(
            "{} We meet at the station. 我们在车站见面。好的！",
            "Blah blah 3.5. ".repeat(40)
        );
        let mut texts = vec!["the station", "our station", "meet me", "to meet"];
        texts.push(&long);
        let found = summary(&turns(&texts)).unwrap();
        assert!(
            found.content.contains("We meet at the station."),
            "{}",
            found.content
        );
        assert!(found.content.len() < 600);
        let cut: Vec<&str> = sentences("A 3.5 b. C!\nd 好。吗？e").collect();
        assert_eq!(cut, ["A 3.5 b.", "C!", "d 好。", "吗？", "e"]);
        assert_eq!(cut.len(), 5);
        assert_eq!(beginning(&"好".repeat(5_000)).len(), 3_999);
    }
}
