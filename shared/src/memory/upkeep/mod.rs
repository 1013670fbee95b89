//! What is done for memories as time passes, see [`upkeep`]: those that say the same become one ([`merge`]), a session
//! that is over gets a summary, and so does a topic ([`summary`]), and each memory comes to the tier that it belongs to ([`tier`]).

mod merge;
mod read;
mod summary;
mod tier;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::merge::merges;
pub use self::read::{Part, upkeep};
pub use self::summary::TOPIC;
use self::summary::{About, Subject, Turn, beginning, summary};
use self::tier::tier;
use super::row::{COLUMNS, Column, Memory, input};
use super::terms::Terms;
use super::{change, moment};
use crate::options::listed;
use crate::program::{Fold, FoldState};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// What a row is read for: its tier, its text, its session, or its topic.
const ROLES: [i64; 4] = [1, 2, 3, 4];

const BEFORE: [Param; 5] = [
    Param::new("now", Type::Integer),
    Param::new("role", Type::Integer),
    // The id for a summary of the session or topic, 0 for none.
    Param::new("next_id", Type::Integer),
    // The key of the topic, and its name as the memory has it.
    Param::optional("topic", Type::Text),
    Param::optional("name", Type::Text),
];
const INPUT: &[Param] = &input::<5, { 5 + COLUMNS.len() }>(BEFORE);

/// Memories into what is to be done, with the reasons.
pub const UPKEEP: Fold = Fold::new::<Upkeep<false>>(
    "memory_upkeep",
    INPUT,
    &[
        ("id", Type::Integer),
        ("scope", Type::Text),
        ("action", Type::Text),
        ("tier", Type::Text),
        ("becomes", Type::Text),
        ("reason", Type::Text),
    ],
);

/// Memories into the rows that change or are new.
pub const CONSOLIDATE: Fold = Fold::new::<Upkeep<true>>("memory_consolidate", INPUT, &COLUMNS);

/// A memory that is to come to another tier.
#[derive(Clone)]
struct Move {
    id: i64,
    scope: String,
    action: &'static str,
    tier: String,
    becomes: &'static str,
    reason: String,
    /// The row, where rows are wanted.
    memory: Option<Memory>,
}

impl Move {
    /// `None` for a memory that is where it belongs.
    fn of(memory: &Memory, now: i64) -> Result<Option<Move>> {
        let had = memory.text(Column::tier).unwrap_or_default();
        let (becomes, reason) = tier(memory, now)?;
        let over = |end: i64| end <= now;
        Ok((becomes != had).then(|| Move {
            id: memory.integer(Column::id).unwrap_or_default(),
            scope: memory.text(Column::scope).unwrap_or_default().to_owned(),
            action: match becomes {
                "archive" if memory.integer(Column::expires_at).is_some_and(over) => "expire",
                "archive" => "archive",
                "long" => "promote",
                _ => "demote",
            },
            tier: had.to_owned(),
            becomes,
            reason,
            memory: None,
        }))
    }
}

/// The state of both folds. `ROWS`: the rows are wanted, else what is done to them.
#[derive(Clone)]
struct Upkeep<const ROWS: bool> {
    now: i64,
    moves: Vec<Move>,
    /// Memories that may say the same, by their scopes and hashes.
    same: BTreeMap<(String, i64), Vec<Memory>>,
    /// What gets a summary, by scopes.
    subjects: BTreeMap<(String, Subject), About>,
}

impl<const ROWS: bool> FoldState for Upkeep<ROWS> {
    fn start(_: &str) -> Result<Self> {
        Ok(Upkeep {
            now: 0,
            moves: Vec::new(),
            same: BTreeMap::new(),
            subjects: BTreeMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [
            ValueRef::Integer(now),
            ValueRef::Integer(role),
            ValueRef::Integer(next),
            topic,
            name,
            columns @ ..,
        ] = row
        else {
            return Err(Error::new("internal error: a row without the moment"));
        };
        self.now = *now;
        if *role == ROLES[2] {
            return self.about(columns, *next, None);
        }
        if let (true, ValueRef::Text(topic)) = (*role == ROLES[3], topic) {
            let name = match name {
                ValueRef::Text(name) => name,
                _ => "",
            };
            return self.about(columns, *next, Some((topic, name)));
        }
        let Some(memory) = Memory::read(columns) else {
            return Ok(());
        };
        if *role == ROLES[1] {
            let scope = memory.text(Column::scope).unwrap_or_default().to_owned();
            let hash = memory.integer(Column::hash).unwrap_or_default();
            self.same.entry((scope, hash)).or_default().push(memory);
        } else if let Some(mut to) = Move::of(&memory, *now)? {
            to.memory = ROWS.then_some(memory);
            self.moves.push(to);
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.now = self.now.max(other.now);
        self.moves.extend_from_slice(&other.moves);
        for (key, memories) in &other.same {
            let all = self.same.entry(key.clone()).or_default();
            all.extend_from_slice(memories);
        }
        for (key, about) in &other.subjects {
            let all = self.subjects.entry(key.clone()).or_default();
            all.next = all.next.max(about.next);
            all.turns.extend_from_slice(&about.turns);
            keep_later(&mut all.summary, about.summary.as_ref());
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut done = Vec::new();
        self.merged(&mut done)?;
        self.summed_up(&mut done)?;
        let changed: BTreeSet<i64> = done.iter().filter_map(|d: &Done| d.id).collect();
        for to in &self.moves {
            if !changed.contains(&to.id) {
                done.push(to.done());
            }
        }
        // New rows come last, in the order of scopes and sessions.
        done.sort_by_key(|done| done.id.unwrap_or(i64::MAX));
        for done in done {
            emit(if ROWS { done.row } else { done.report })?;
        }
        Ok(())
    }
}

/// The later of two summaries of the same.
fn keep_later(kept: &mut Option<Memory>, other: Option<&Memory>) {
    let id = |memory: &Memory| memory.integer(Column::id);
    if let Some(other) = other
        && kept.as_ref().is_none_or(|kept| id(kept) < id(other))
    {
        *kept = Some(other.clone());
    }
}

/// Something that is done, to a memory or for a new one.
struct Done {
    id: Option<i64>,
    row: Vec<Value>,
    report: Vec<Value>,
}

impl Done {
    fn new(
        memory: Memory,
        id: Option<i64>,
        action: &str,
        tier: Option<&str>,
        reason: String,
    ) -> Done {
        let report = vec![
            id.map_or(Value::Null, Value::Integer),
            memory.get(Column::scope).clone(),
            Value::Text(action.into()),
            tier.map_or(Value::Null, |tier| Value::Text(tier.into())),
            memory.get(Column::tier).clone(),
            Value::Text(reason),
        ];
        Done {
            id,
            row: memory.into_values(),
            report,
        }
    }
}

impl Move {
    fn done(&self) -> Done {
        let row = self.memory.clone().map(|mut memory| {
            memory.move_to(self.becomes);
            memory.into_values()
        });
        let text = |text: &str| Value::Text(text.into());
        Done {
            id: Some(self.id),
            row: row.unwrap_or_default(),
            report: vec![
                Value::Integer(self.id),
                text(&self.scope),
                text(self.action),
                text(&self.tier),
                text(self.becomes),
                text(&self.reason),
            ],
        }
    }
}

impl<const ROWS: bool> Upkeep<ROWS> {
    /// Takes a turn of a session that is over or a memory of a topic, whose key and name are given; or a summary of it.
    fn about(
        &mut self,
        columns: &[ValueRef<'_>],
        next: i64,
        topic: Option<(&str, &str)>,
    ) -> Result<()> {
        let text = |column: Column| match columns.get(column as usize) {
            Some(ValueRef::Text(text)) => *text,
            _ => "",
        };
        let integer = |column: Column| match columns.get(column as usize) {
            Some(ValueRef::Integer(v)) => Some(*v),
            _ => None,
        };
        let subject = match topic {
            Some((key, _)) => Subject::Topic(key.to_owned()),
            None => Subject::Session(text(Column::session).to_owned()),
        };
        let key = (text(Column::scope).to_owned(), subject);
        let about = self.subjects.entry(key).or_default();
        about.next = about.next.max(next);
        let ended = [Column::superseded_by, Column::valid_to];
        if ended.into_iter().any(|column| integer(column).is_some()) {
            return Ok(());
        }
        let event_time = integer(Column::event_time).unwrap_or_default();
        // What a topic's memories tell comes in the order of time.
        let place = match topic {
            Some(_) => Some(event_time),
            None => integer(Column::turn),
        };
        let summary = text(Column::kind) == "summary";
        if summary && (topic.is_some() || place.is_none()) {
            keep_later(&mut about.summary, Memory::read(columns).as_ref());
        } else if let (Some(place), false) = (place, summary)
            && text(Column::tier) != "archive"
        {
            let telling = match columns.get(Column::terms as usize) {
                Some(ValueRef::Blob(terms)) => Terms::decode(terms)?.telling,
                _ => Vec::new(),
            };
            about.turns.push(Turn {
                id: integer(Column::id).unwrap_or_default(),
                turn: place,
                event_time,
                importance: match columns.get(Column::importance as usize) {
                    Some(ValueRef::Real(importance)) => *importance,
                    _ => 0.5,
                },
                content: beginning(text(Column::content)).into(),
                telling: telling.into(),
                topic: topic.map_or("", |(_, name)| name).into(),
            });
        }
        Ok(())
    }

    /// Memories that say the same become one.
    fn merged(&self, done: &mut Vec<Done>) -> Result<()> {
        for memories in self.same.values() {
            let mut memories: Vec<&Memory> = memories.iter().collect();
            memories.sort_by_key(|memory| memory.integer(Column::id));
            for merge in merges(&memories, self.now)? {
                let id = merge.kept.integer(Column::id).unwrap_or_default();
                let ids = merge.merged.iter().filter_map(|m| m.integer(Column::id));
                let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
                let reason = match ids.as_slice() {
                    [one] => format!("memory {one} says the same"),
                    many => format!("memories {} say the same", listed(many, "and")),
                };
                for merged in merge.merged {
                    let (number, had) = (
                        merged.integer(Column::id),
                        merged.text(Column::archived_from).map(str::to_owned),
                    );
                    let reason = format!("it says what memory {id} says");
                    done.push(Done::new(merged, number, "merge", had.as_deref(), reason));
                }
                done.push(Done::new(
                    merge.kept,
                    Some(id),
                    "reinforce",
                    Some(&merge.tier),
                    reason,
                ));
            }
        }
        Ok(())
    }

    /// Sessions that are over get their summaries, and topics theirs.
    fn summed_up(&self, done: &mut Vec<Done>) -> Result<()> {
        let mut free: Vec<i64> = self.subjects.values().map(|s| s.next).collect();
        // DuckDB's threads draw ids in no order.
        free.sort_unstable();
        for (((scope, subject), about), id) in self.subjects.iter().zip(free) {
            let Some(summary) = summary(&about.turns) else {
                continue;
            };
            let mut spec = json!({
                "scope": scope, "kind": "summary", "importance": summary.importance, "event_time": summary.event_time,
            });
            if let Subject::Topic(key) = subject {
                spec["uri"] = json!(format!("{TOPIC}{key}"));
                spec["tags"] = json!([about.topic()]);
            }
            let mut memory = change::new_memory(&summary.content, &spec.to_string(), self.now, id)?;
            if let Subject::Session(name) = subject {
                memory.set(Column::session, name.as_str());
            }
            let at = moment::text(self.now)?;
            let sources: Vec<_> = summary
                .cited
                .iter()
                .map(|id| json!({"memory": id, "at": at}))
                .collect();
            memory.set(Column::sources, json!(sources).to_string().as_str());
            let [went_on, is_over] = about.reasons(subject);
            if let Some(mut old) = about.summary.clone()
                && old.integer(Column::pinned) != Some(1)
            {
                old.set(Column::valid_to, self.now);
                old.set(Column::expired_at, self.now);
                old.set(Column::superseded_by, id);
                let (number, had) = (
                    old.integer(Column::id),
                    old.text(Column::tier).map(str::to_owned),
                );
                if let Some(to) = Move::of(&old, self.now)? {
                    old.move_to(to.becomes);
                }
                done.push(Done::new(old, number, "supersede", had.as_deref(), went_on));
            }
            done.push(Done::new(memory, None, "summarize", None, is_over));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100_000;

    fn memory(id: i64, content: &str, options: &str) -> Memory {
        change::new_memory(content, options, 0, id).unwrap()
    }

    /// Gives rows with a role to the fold.
    fn fold<const ROWS: bool>(rows: &[(i64, Memory)]) -> Upkeep<ROWS> {
        let mut fold = Upkeep::<ROWS>::start("").unwrap();
        for (role, memory) in rows {
            let values = memory.clone().into_values();
            let refs = values.iter().map(|value| match value {
                Value::Null => ValueRef::Null,
                Value::Integer(v) => ValueRef::Integer(*v),
                Value::Real(v) => ValueRef::Real(*v),
                Value::Text(v) => ValueRef::Text(v),
                Value::Blob(v) => ValueRef::Blob(v),
            });
            let before = [NOW, *role, 99].map(ValueRef::Integer);
            let topic = ["ann", "Ann"].map(ValueRef::Text);
            let row: Vec<ValueRef<'_>> = before.into_iter().chain(topic).chain(refs).collect();
            fold.row(&row).unwrap();
        }
        fold
    }

    fn given<const ROWS: bool>(fold: &Upkeep<ROWS>) -> Vec<Vec<Value>> {
        let mut all = Vec::new();
        fold.finish(&mut |row| {
            all.push(row);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn what_says_the_same_becomes_one_in_any_order() {
        let source = r#"{"source": "a", "tags": ["x"], "dedup": false}"#;
        let rows = [
            (2, memory(1, "Tea is good", source)),
            (
                2,
                memory(2, "the tea is very good!", r#"{"importance": 0.9}"#),
            ),
            (2, memory(3, "Tea is good", r#"{"kind": "fact"}"#)),
            (2, memory(4, "Tea is good", r#"{"expires_at": 5}"#)),
        ];
        let mut halves = fold::<true>(&rows[1..]);
        halves.merge(&fold::<true>(&rows[..1]));
        let all = given(&fold::<true>(&rows));
        assert_eq!(all, given(&halves));
        let text = |row: &[Value], column: Column| row[column as usize].clone();
        assert_eq!(all.len(), 2);
        assert_eq!(text(&all[0], Column::importance), Value::Real(0.9));
        assert_eq!(text(&all[0], Column::tier), Value::Text("long".into()));
        assert_eq!(text(&all[0], Column::uses), Value::Integer(2));
        assert_eq!(text(&all[1], Column::tier), Value::Text("archive".into()));
        assert_eq!(
            text(&all[1], Column::archived_from),
            Value::Text("long".into())
        );
        let actions: Vec<Value> = given(&fold::<false>(&rows))
            .into_iter()
            .map(|row| row[2].clone())
            .collect();
        assert_eq!(
            actions,
            ["reinforce", "merge"].map(|a| Value::Text(a.into()))
        );
    }

    #[test]
    fn pinned_ones_stay() {
        let pinned = r#"{"pinned": true}"#;
        let rows = [
            (2, memory(1, "Tea is good", "{}")),
            (2, memory(2, "Tea is good", pinned)),
            (2, memory(3, "Tea is good", pinned)),
        ];
        let all = given(&fold::<true>(&rows));
        let ids: Vec<&Value> = all.iter().map(|row| &row[0]).collect();
        assert_eq!(ids, [&Value::Integer(1), &Value::Integer(2)]);
        assert_eq!(all[0][Column::tier as usize], Value::Text("archive".into()));
    }

    #[test]
    fn what_changed_is_not_moved_again() {
        let mut old = memory(1, "Tea is good", "{\"importance\": 0.1}");
        old.set(Column::last_review, -1_000_000_000);
        let other = memory(2, "tea is good", "{}");
        let all = given(&fold::<false>(&[(1, old.clone()), (2, old), (2, other)]));
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn a_topic_gets_a_summary_in_the_order_of_time() {
        let said = |id: i64| {
            let options = format!("{{\"event_time\": {}}}", 100 - id);
            (
                4,
                memory(id, &format!("Ann plays the violin in hall {id}"), &options),
            )
        };
        let mut rows: Vec<(i64, Memory)> = (1..=6).map(said).collect();
        let first = given(&fold::<true>(&rows));
        assert_eq!(first.len(), 1);
        let get = |row: &[Value], column: Column| row[column as usize].clone();
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(get(&first[0], Column::uri), text("topic:ann"));
        assert_eq!(get(&first[0], Column::tags), text("[\"Ann\"]"));
        assert_eq!(
            [Column::session, Column::turn].map(|c| get(&first[0], c)),
            [Value::Null, Value::Null]
        );
        let Value::Text(content) = get(&first[0], Column::content) else {
            panic!("no text");
        };
        let halls: Vec<&str> = content
            .lines()
            .filter_map(|l| l.split(' ').next_back())
            .collect();
        assert!(
            halls.len() == 5 && halls.is_sorted_by(|a, b| a > b),
            "{halls:?}"
        );
        // The summary that it has is superseded; an archived memory is not told.
        let mut old = Memory::empty();
        for (i, (_, value)) in (0..).zip(COLUMNS.iter().zip(&first[0])) {
            let column = [
                Column::id,
                Column::scope,
                Column::kind,
                Column::tier,
                Column::content,
                Column::tags,
                Column::sources,
                Column::importance,
                Column::stability,
                Column::difficulty,
            ];
            if let Some(column) = column.into_iter().find(|c| *c as usize == i) {
                old.set(column, crate::memory::row::Cell(value.clone()));
            }
        }
        rows.push((4, old));
        rows[0].1.move_to("archive");
        rows.reverse();
        let again = given(&fold::<false>(&rows));
        let actions: Vec<[Value; 2]> = again.iter().map(|r| [r[2].clone(), r[5].clone()]).collect();
        assert_eq!(
            actions,
            [
                ["supersede", "topic \"Ann\" has newer memories"],
                ["summarize", "topic \"Ann\" has 5 memories"],
            ]
            .map(|pair| pair.map(text))
        );
    }
}
