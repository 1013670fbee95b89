//! The tier that a memory belongs to, by its strength and what it matters.

use crate::Result;
use crate::memory::fsrs;
use crate::memory::moment::{self, DAY};
use crate::memory::row::{Column, Memory};

/// Days of stability from which on a memory is for long.
pub const STRONG: f64 = 30.0;

/// The importance from which on a memory is for long, whatever its strength.
pub const IMPORTANT: f64 = 0.8;

/// The importance below which one that has faded goes to the archive.
pub const UNIMPORTANT: f64 = 0.3;

/// The retention below which a strong memory is for long no more, and below which it is archived.
pub const FADED: (f64, f64) = (0.7, 0.5);

/// The tier that a memory belongs to, and why. One in the archive stays there. Errors if a column of it is damaged.
pub fn tier(memory: &Memory, now: i64) -> Result<(&'static str, String)> {
    let pinned = memory.integer(Column::pinned) == Some(1);
    let importance = memory.real(Column::importance)?;
    let stability = memory.strength()?.stability;
    let last = memory.integer(Column::last_review).unwrap_or(now);
    let retention = fsrs::retention(now.saturating_sub(last) as f64 / DAY, stability);
    if memory.text(Column::tier) == Some("archive") {
        return Ok(("archive", "it is there".into()));
    }
    if pinned {
        return Ok(("long", "it is pinned".into()));
    }
    if let Some(end) = memory.integer(Column::expires_at).filter(|end| *end <= now) {
        return Ok(("archive", format!("it was over on {}", moment::text(end)?)));
    }
    if importance >= IMPORTANT {
        return Ok(("long", format!("its importance is {importance:.2}")));
    }
    if stability >= STRONG && retention >= FADED.0 {
        return Ok(("long", format!("its stability is {stability:.0} days")));
    }
    let fact = memory.text(Column::kind) == Some("fact");
    if importance < UNIMPORTANT && retention < FADED.1 && !fact {
        return Ok((
            "archive",
            format!("its importance is {importance:.2} and its retention {retention:.2}"),
        ));
    }
    Ok((
        "short",
        format!("its stability is {stability:.0} days and its retention {retention:.2}"),
    ))
}
