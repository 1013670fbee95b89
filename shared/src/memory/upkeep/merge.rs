//! Memories that say the same: one is kept and strengthened by the others, which go to the archive.
//!
//! The same is what has the same [`gist`], kind and time: texts that differ in a "not", a number or a name are never
//! merged, however much else they share. The one that is kept cites those that were merged, with their sources, so each
//! is told by lumos_memory_sources and taken back by lumos_memory_restore; what was taken back is not merged again.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::tier::tier;
use crate::memory::fsrs::Rating;
use crate::memory::row::{Cell, Column, Memory, USES, gist};
use crate::memory::{moment, sources};
use crate::{Result, Value};

/// What becomes of memories that say the same.
pub struct Merge {
    /// The one that is kept.
    pub kept: Memory,
    /// The tier that it had.
    pub tier: String,
    /// Those that go to the archive, in the order of their ids.
    pub merged: Vec<Memory>,
}

/// The merges among memories with one hash, given in the order of their ids. Errors if a column of one is damaged.
pub fn merges(memories: &[&Memory], now: i64) -> Result<Vec<Merge>> {
    let mut groups: BTreeMap<_, Vec<&Memory>> = BTreeMap::new();
    for memory in memories {
        let over = |at: Column| memory.integer(at).is_some_and(|at| at <= now);
        let current = memory.integer(Column::superseded_by).is_none()
            && memory.integer(Column::valid_to).is_none()
            && !over(Column::expires_at)
            && memory.text(Column::tier) != Some("archive");
        let kind = memory.text(Column::kind).unwrap_or_default();
        if current && kind != "summary" {
            let says = gist(memory.text(Column::content).unwrap_or_default());
            let times = [Column::valid_from, Column::expires_at].map(|at| memory.integer(at));
            let uri = memory.text(Column::uri);
            groups
                .entry((says, kind, uri, times))
                .or_default()
                .push(memory);
        }
    }
    let mut all = Vec::new();
    for group in groups.into_values() {
        let pinned = |memory: &&&Memory| memory.integer(Column::pinned) == Some(1);
        // A pinned one stays in any case, so it is the one to be kept.
        let Some(kept) = group.iter().find(pinned).or(group.first()) else {
            continue;
        };
        let known = kept.list(Column::sources)?;
        let known: Vec<i64> = known.iter().filter_map(sources::cited).collect();
        let others = group.iter().filter(|memory| {
            let id = memory.integer(Column::id).unwrap_or_default();
            !std::ptr::eq(**memory, *kept) && !pinned(memory) && !known.contains(&id)
        });
        let others: Vec<&Memory> = others.copied().collect();
        if !others.is_empty() {
            all.push(merge(kept, &others, now)?);
        }
    }
    Ok(all)
}

fn merge(kept: &Memory, others: &[&Memory], now: i64) -> Result<Merge> {
    let had = kept.text(Column::tier).unwrap_or_default().to_owned();
    let mut kept = kept.clone();
    let mut merged = Vec::new();
    for other in others {
        take_over(&mut kept, other, now)?;
        let mut other = (*other).clone();
        other.move_to("archive");
        merged.push(other);
    }
    let (becomes, _) = tier(&kept, now)?;
    if becomes != had {
        kept.move_to(becomes);
    }
    Ok(Merge {
        kept,
        tier: had,
        merged,
    })
}

/// What one that says the same gives: a review when it was heard, its uses, ratings, tags and sources.
fn take_over(kept: &mut Memory, other: &Memory, now: i64) -> Result<()> {
    let uses = kept.integer(Column::uses).unwrap_or(0);
    let mut last_uses = kept.list(Column::last_uses)?;
    kept.review(
        Rating::Good,
        other.integer(Column::created_at).unwrap_or(now),
    )?;
    let more = other.integer(Column::uses).unwrap_or(0);
    kept.set(Column::uses, uses.saturating_add(more));
    last_uses.extend(other.list(Column::last_uses)?);
    last_uses.sort_by_key(|at| std::cmp::Reverse(at.as_i64()));
    last_uses.truncate(USES);
    kept.set(
        Column::last_uses,
        Json::from(last_uses).to_string().as_str(),
    );
    let firsts = [&*kept, other].map(|m| m.integer(Column::first_use).unwrap_or(now));
    kept.set(Column::first_use, firsts[0].min(firsts[1]));
    for column in [Column::helpful, Column::harmful] {
        kept.add(column, other.integer(column).unwrap_or(0));
    }
    let importance = kept
        .real(Column::importance)?
        .max(other.real(Column::importance)?);
    kept.set(Column::importance, importance);
    let mut tags = kept.list(Column::tags)?;
    for tag in other.list(Column::tags)? {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    kept.set(Column::tags, Json::from(tags).to_string().as_str());
    if kept.get(Column::embedding) == &Value::Null {
        kept.set(
            Column::embedding,
            Cell(other.get(Column::embedding).clone()),
        );
    }
    let id = other.integer(Column::id).unwrap_or_default();
    let cites = Map::from_iter([
        ("memory".to_owned(), Json::from(id)),
        ("at".to_owned(), Json::from(moment::text(now)?)),
    ]);
    sources::add(kept, Some(cites), None, now)
}
