//! What a call makes of the memory that it is about: the rows to be written.

use serde_json::{Value as Json, json};

use super::{Action, Change};
use crate::memory::estimate::{emotion, importance};
use crate::memory::fsrs::{Rating, first};
use crate::memory::options::{self, MEASURES};
use crate::memory::row::{Cell, Column, Memory, normal};
use crate::memory::{embedding, moment, sources};
use crate::{Error, Result, Value};

impl Change {
    /// The rows to be written. Errors if the memory is not there, or cannot be changed so.
    pub(super) fn changed(&self, now: i64, next: i64, last: i64) -> Result<Vec<Memory>> {
        if self.action == Action::Add {
            return Ok(vec![match &self.row {
                Some(same) => self.again(same.clone(), now)?,
                None => self.new_memory(now, next, last)?,
            }]);
        }
        let id = self.id.unwrap_or_default();
        let Some(mut memory) = self.row.clone() else {
            return Err(sources::gone(id));
        };
        let pinned = memory.integer(Column::pinned) == Some(1);
        if pinned && matches!(self.action, Action::Forget | Action::Supersede) {
            return Err(Error::new(format!(
                "memory {id} is pinned; lumos_memory_pin({id}, 0) unpins it"
            )));
        }
        match self.action {
            Action::Pin => memory.set(Column::pinned, self.number.unwrap_or(0)),
            Action::Touch => memory.review(Rating::Hard, now)?,
            Action::Feedback => {
                let rating = Rating::new(self.number.unwrap_or(0))?;
                match rating {
                    Rating::Again => memory.add(Column::harmful, 1),
                    Rating::Hard => {}
                    Rating::Good | Rating::Easy => memory.add(Column::helpful, 1),
                }
                memory.review(rating, now)?;
            }
            Action::Review => memory.review(Rating::new(self.number.unwrap_or(0))?, now)?,
            Action::Forget => archive(&mut memory),
            Action::Restore => restore(&mut memory),
            Action::Update => self.update(&mut memory, now)?,
            Action::Supersede => return self.supersede(memory, now, next),
            Action::Add => {}
        }
        Ok(vec![memory])
    }

    /// A text that is there already, once more: it is strengthened, and keeps all its sources.
    pub(super) fn again(&self, mut memory: Memory, now: i64) -> Result<Memory> {
        restore(&mut memory);
        memory.review(Rating::Good, now)?;
        let session = self.options.text("session");
        let elsewhere = session.filter(|s| memory.text(Column::session) != Some(*s));
        let mut source = sources::given(&self.options)?;
        // Other words for the same are kept too.
        let said = self.content.as_deref().unwrap_or_default();
        if memory.text(Column::content).map(normal) != Some(normal(said)) {
            source
                .get_or_insert_default()
                .insert("text".into(), said.into());
        }
        sources::add(&mut memory, source, elsewhere, now)?;
        self.embed(&mut memory)?;
        if self.options.flag("pinned") == Some(true) {
            memory.set(Column::pinned, 1);
        }
        Ok(memory)
    }

    /// A text that is new. Errors if the options say what no memory can have.
    pub(super) fn new_memory(&self, now: i64, next: i64, last: i64) -> Result<Memory> {
        let content = self.content.as_deref().unwrap_or_default();
        let mut memory = Memory::empty();
        let session = self.options.text("session");
        memory.set(Column::id, next);
        memory.set(Column::scope, self.scope.as_str());
        memory.set(Column::session, session);
        memory.set(Column::turn, session.map(|_| last.saturating_add(1)));
        memory.set(Column::kind, "episode");
        memory.set(Column::tags, "[]");
        memory.set(Column::sources, "[]");
        memory.set(
            Column::pinned,
            i64::from(self.options.flag("pinned") == Some(true)),
        );
        memory.set(Column::event_time, now);
        self.begin(memory, content, now)
    }

    /// Fills in what a text says by itself, then what the options say, then the strength that follows.
    fn begin(&self, mut memory: Memory, content: &str, now: i64) -> Result<Memory> {
        let felt = emotion(content);
        memory.set(Column::uri, self.options.text("uri"));
        memory.set_content(content);
        memory.set(Column::importance, importance(content));
        memory.set(Column::valence, felt.valence);
        memory.set(Column::arousal, felt.arousal);
        memory.set(Column::created_at, now);
        memory.set(Column::first_use, now);
        memory.set(Column::last_review, now);
        memory.set(Column::last_uses, json!([now]).to_string().as_str());
        memory.set(Column::uses, 1);
        for column in [
            Column::reviews,
            Column::lapses,
            Column::helpful,
            Column::harmful,
        ] {
            memory.set(column, 0);
        }
        self.update(&mut memory, now)?;
        let importance = memory.real(Column::importance)?;
        let pinned = memory.integer(Column::pinned) == Some(1);
        memory.set(
            Column::tier,
            if pinned || importance >= 0.8 {
                "long"
            } else {
                "short"
            },
        );
        let strength = first(match importance {
            i if i < 0.25 => Rating::Again,
            i if i < 0.5 => Rating::Hard,
            i if i < 0.8 => Rating::Good,
            _ => Rating::Easy,
        });
        // What moves lasts longer, twice as long at most.
        let moved = 1.0 + memory.real(Column::valence)?.abs() * memory.real(Column::arousal)?;
        memory.set(Column::stability, strength.stability * moved);
        memory.set(Column::difficulty, strength.difficulty);
        Ok(memory)
    }

    /// Puts in what the options say.
    fn update(&self, memory: &mut Memory, now: i64) -> Result<()> {
        let options = &self.options;
        for (column, name) in [(Column::uri, "uri"), (Column::media_type, "media_type")] {
            if let Some(text) = options.text(name) {
                memory.set(column, text);
            }
        }
        if memory.text(Column::media_type).is_some() && memory.text(Column::uri).is_none() {
            return Err(Error::new(
                "media_type is given without uri; give where the image, sound or file is",
            ));
        }
        if options.text("content").is_some() || options.text("uri").is_some() {
            let content = options.text("content").or(memory.text(Column::content));
            let content = content.unwrap_or_default().to_owned();
            memory.set_content(&content);
        }
        self.embed(memory)?;
        if let Some(kind) = options.text("kind") {
            memory.set(Column::kind, kind);
        }
        for (column, name, _) in MEASURES {
            if let Some(number) = options.number(name) {
                memory.set(column, number);
            }
        }
        if let Some(tags) = options::texts(options, "tags")? {
            memory.set(Column::tags, Json::from(tags).to_string().as_str());
        }
        for (column, name) in [
            (Column::event_time, "event_time"),
            (Column::valid_from, "valid_from"),
            (Column::valid_to, "valid_to"),
            (Column::expires_at, "expires_at"),
        ] {
            if let Some(at) = moment::option(options, name)? {
                memory.set(column, at);
            }
        }
        let (from, to) = (
            memory.integer(Column::valid_from),
            memory.integer(Column::valid_to),
        );
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Error::new(format!(
                "it would be true from {} to {}; give a valid_to that is later",
                moment::text(from)?,
                moment::text(to)?
            )));
        }
        sources::add(memory, sources::given(options)?, None, now)
    }

    /// Puts the embedding in, or takes it away.
    fn embed(&self, memory: &mut Memory) -> Result<()> {
        if let Some(vector) = &self.embedding {
            if let Some(others) = self.dimensions {
                let scope = memory.text(Column::scope).unwrap_or_default();
                embedding::check(vector.len(), scope, others)?;
            }
            memory.set(
                Column::embedding,
                Cell(Value::Blob(embedding::encode(vector))),
            );
        } else if self.options.get("embedding").is_some() {
            memory.set(Column::embedding, Cell(Value::Null));
        }
        Ok(())
    }

    /// The old one, which was true until the new one is, and the new one.
    fn supersede(&self, mut old: Memory, now: i64, next: i64) -> Result<Vec<Memory>> {
        let id = old.integer(Column::id).unwrap_or_default();
        if let Some(by) = old.integer(Column::superseded_by) {
            return Err(Error::new(format!(
                "memory {id} was superseded by {by}; supersede that one"
            )));
        }
        let mut new = Memory::empty();
        new.set(Column::id, next);
        new.set(
            Column::pinned,
            i64::from(self.options.flag("pinned") == Some(true)),
        );
        for column in [Column::scope, Column::kind, Column::tags] {
            new.set(column, Cell(old.get(column).clone()));
        }
        new.set(Column::sources, "[]");
        new.set(Column::event_time, now);
        new.set(Column::valid_from, now);
        let new = self.begin(new, self.content.as_deref().unwrap_or_default(), now)?;
        let since = new.integer(Column::valid_from).unwrap_or(now);
        if let Some(from) = old.integer(Column::valid_from).filter(|from| *from > since) {
            return Err(Error::new(format!(
                "valid_from is {}, but memory {id} is true from {} on; give a time after that",
                moment::text(since)?,
                moment::text(from)?
            )));
        }
        old.set(Column::valid_to, since);
        old.set(Column::expired_at, now);
        old.set(Column::superseded_by, next);
        Ok(vec![old, new])
    }
}

fn archive(memory: &mut Memory) {
    if memory.text(Column::tier) != Some("archive") {
        memory.move_to("archive");
    }
}

/// Archive and restore leave the memory as it was.
fn restore(memory: &mut Memory) {
    if memory.text(Column::tier) == Some("archive") {
        let tier = memory.text(Column::archived_from).unwrap_or("short");
        let tier = tier.to_owned();
        memory.move_to(&tier);
    }
}
