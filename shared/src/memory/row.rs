//! A memory: a row of the table `lumos_memory`, in both engines with the columns of [`COLUMNS`].

use serde_json::Value as Json;

use super::fsrs::{Rating, Strength, next};
use super::moment::DAY;
use super::terms::{Terms, fnv};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// Names the columns and their places.
macro_rules! columns {
    ($($name:ident $ty:ident $what:literal),* $(,)?) => {
        /// The columns by their places.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "they are named as the columns are")]
        pub enum Column {
            $(#[doc = $what] $name,)*
        }

        /// Names and types of the columns, in order.
        pub const COLUMNS: [(&str, Type); COUNT] = [$((stringify!($name), Type::$ty),)*];

        const COUNT: usize = [$(stringify!($name)),*].len();
    };
}

columns! {
    id Integer "Its number, never used again.",
    scope Text "Whose it is: a search sees one scope.",
    session Text "The conversation that it is of.",
    turn Integer "Its place in the session, from 1 on.",
    kind Text "episode, fact, preference, procedure or summary.",
    tier Text "short, long or archive.",
    content Text "The text.",
    tags Text "A JSON array of texts.",
    sources Text "A JSON array of where it comes from.",
    importance Real "0 to 1.",
    valence Real "-1 to 1.",
    arousal Real "0 to 1.",
    pinned Integer "1: neither forgotten nor superseded.",
    event_time Integer "When it happened.",
    created_at Integer "When it was added.",
    valid_from Integer "Since when it is true; NULL: ever.",
    valid_to Integer "Until when it was true; NULL: it is.",
    expired_at Integer "When that was learnt.",
    expires_at Integer "When it is over by itself.",
    superseded_by Integer "The memory in its place.",
    stability Real "Days until its retention is 0.9.",
    difficulty Real "1 to 10.",
    last_review Integer "When it was reviewed last.",
    reviews Integer "How often.",
    lapses Integer "How often it was wrong.",
    uses Integer "How often it was added or used.",
    first_use Integer "When first.",
    last_uses Text "A JSON array of the latest ten.",
    helpful Integer "How often it was useful.",
    harmful Integer "How often it was wrong.",
    archived_from Text "Its tier before the archive.",
    hash Integer "Of its normal text.",
    length Integer "In terms.",
    terms Blob "See [`super::terms`].",
    uri Text "Where the image, sound or file is that `content` describes; `topic:` and its key in the summary of a topic.",
    media_type Text "What that is, like image/png.",
    embedding Blob "See [`super::embedding`].",
}

/// The columns for a SELECT from `lumos_memory AS m`.
pub fn columns() -> String {
    COLUMNS.map(|(name, _)| format!("m.{name}")).join(", ")
}

/// The same with NULL for the embedding, for those that need none: it is most of a row.
pub fn columns_without_embedding() -> String {
    columns().replace("m.embedding", "CAST(NULL AS BLOB)")
}

/// The latest uses that are kept with their times.
pub const USES: usize = 10;

/// What a fold is given before the columns of a memory, then these: all may be NULL, for no memory.
pub const fn input<const N: usize, const M: usize>(before: [Param; N]) -> [Param; M] {
    let mut all = [Param::optional("", Type::Integer); M];
    let mut i = 0;
    while i < M {
        all[i] = if i < N {
            before[i]
        } else {
            Param::optional(COLUMNS[i - N].0, COLUMNS[i - N].1)
        };
        i += 1;
    }
    all
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory(Vec<Value>);

impl Memory {
    /// One with nothing in it yet.
    pub fn empty() -> Memory {
        Memory(vec![Value::Null; COUNT])
    }

    /// The row of these values, `None` if it is none: its id is NULL.
    pub fn read(values: &[ValueRef<'_>]) -> Option<Memory> {
        let owned = |value: &ValueRef<'_>| match value {
            ValueRef::Integer(v) => Value::Integer(*v),
            ValueRef::Real(v) => Value::Real(*v),
            ValueRef::Text(v) => Value::Text((*v).to_owned()),
            ValueRef::Blob(v) => Value::Blob((*v).to_owned()),
            ValueRef::Null | ValueRef::Vector(_) => Value::Null,
        };
        let row = Memory(values.iter().map(owned).collect());
        (row.0.len() == COUNT && row.get(Column::id) != &Value::Null).then_some(row)
    }

    /// All values in order.
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }

    /// A value.
    pub fn get(&self, column: Column) -> &Value {
        &self.0[column as usize]
    }

    /// An integer, if it is one.
    pub fn integer(&self, column: Column) -> Option<i64> {
        match self.get(column) {
            Value::Integer(v) => Some(*v),
            _ => None,
        }
    }

    /// A number. Errors if it is none.
    pub fn real(&self, column: Column) -> Result<f64> {
        match self.get(column) {
            Value::Real(v) if v.is_finite() => Ok(*v),
            Value::Integer(v) => Ok(*v as f64),
            _ => Err(self.damaged(column)),
        }
    }

    /// A text, if it is one.
    pub fn text(&self, column: Column) -> Option<&str> {
        match self.get(column) {
            Value::Text(v) => Some(v),
            _ => None,
        }
    }

    /// A JSON array. Errors if it is none.
    pub fn list(&self, column: Column) -> Result<Vec<Json>> {
        match self.text(column).map(serde_json::from_str) {
            Some(Ok(Json::Array(list))) => Ok(list),
            _ => Err(self.damaged(column)),
        }
    }

    fn damaged(&self, column: Column) -> Error {
        let id = self.integer(Column::id).unwrap_or(0);
        let name = COLUMNS[column as usize].0;
        Error::new(format!("the column {name} of memory {id} is damaged"))
    }

    /// Puts a value in.
    pub fn set(&mut self, column: Column, value: impl Into<Cell>) {
        self.0[column as usize] = value.into().0;
    }

    /// Puts the text in, with all that follows from it and from what it describes.
    pub fn set_content(&mut self, content: &str) {
        let terms = Terms::of(content);
        let hash = hash(content, self.text(Column::uri));
        self.set(Column::content, content);
        self.set(Column::hash, hash);
        self.set(Column::length, i64::from(terms.length));
        self.set(Column::terms, Cell(Value::Blob(terms.encode())));
    }

    /// Its strength. Errors if it has none.
    pub fn strength(&self) -> Result<Strength> {
        let (stability, difficulty) = (
            self.real(Column::stability)?,
            self.real(Column::difficulty)?,
        );
        if stability <= 0.0 {
            return Err(self.damaged(Column::stability));
        }
        Ok(Strength {
            stability,
            difficulty,
        })
    }

    /// Notes that it was used now, with this rating. Errors if the strength or the uses that are stored are damaged.
    pub fn review(&mut self, rating: Rating, now: i64) -> Result<()> {
        let last = self.integer(Column::last_review).unwrap_or(now);
        let days = now.saturating_sub(last).max(0) as f64 / DAY;
        let strength = next(self.strength()?, days, rating);
        self.set(Column::stability, Cell(Value::Real(strength.stability)));
        self.set(Column::difficulty, Cell(Value::Real(strength.difficulty)));
        self.set(Column::last_review, now.max(last));
        self.add(Column::reviews, 1);
        if rating == Rating::Again {
            self.add(Column::lapses, 1);
        }
        self.add(Column::uses, 1);
        let mut uses = self.list(Column::last_uses)?;
        uses.insert(0, now.into());
        uses.truncate(USES);
        self.set(Column::last_uses, Json::from(uses).to_string().as_str());
        Ok(())
    }

    /// Moves it to a tier. The archive keeps the tier that it had, so that it comes back as it was.
    pub fn move_to(&mut self, tier: &str) {
        let had = self.text(Column::tier).map(str::to_owned);
        self.set(
            Column::archived_from,
            had.filter(|_| tier == "archive").as_deref(),
        );
        self.set(Column::tier, tier);
    }

    /// Adds to an integer.
    pub fn add(&mut self, column: Column, more: i64) {
        let value = self.integer(column).unwrap_or(0).saturating_add(more);
        self.set(column, value);
    }
}

/// A value that goes into a row.
pub struct Cell(pub Value);

impl From<i64> for Cell {
    fn from(value: i64) -> Cell {
        Cell(Value::Integer(value))
    }
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Cell {
        Cell(value.map_or(Value::Null, Value::Integer))
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Cell {
        Cell(Value::Real(value))
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell(Value::Text(value.to_owned()))
    }
}

impl From<Option<&str>> for Cell {
    fn from(value: Option<&str>) -> Cell {
        Cell(value.map_or(Value::Null, |v| Value::Text(v.to_owned())))
    }
}

/// A text without differences that say nothing: small letters, one space between words, no full stop at the end.
pub fn normal(content: &str) -> String {
    let lower = content.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let joined = words.join(" ");
    joined
        .trim_end_matches(['.', '!', '。', '！', ' '])
        .to_owned()
}

/// Words that add nothing to a sentence, sorted.
const FILLERS: &[&str] = &["a", "actually", "an", "just", "really", "the", "very"];

/// Words that add nothing where a text begins, sorted.
const OPENERS: &[&str] = &[
    "ah", "and", "but", "hey", "hm", "hmm", "oh", "ok", "okay", "so", "uh", "um", "well", "wow",
];

/// What a text says, for finding others that say the same: the normal text without words that add nothing and without
/// marks between words, but for question marks. A "not", a number, a name or a sign as in "C++" stays.
pub fn gist(content: &str) -> String {
    let normal = normal(content).replace('\u{2019}', "'");
    let plain: String = normal
        .chars()
        .filter(|c| !"，。；：！、“”「」（）…".contains(*c))
        .collect();
    let mut words: Vec<&str> = plain
        .split_whitespace()
        .map(|word| {
            let word = word.trim_start_matches(['"', '\'', '(', '[']);
            word.trim_end_matches(['"', '\'', ')', ']', '.', ',', ';', ':', '!'])
        })
        .filter(|word| !word.is_empty())
        .collect();
    let opened = words
        .iter()
        .take_while(|word| OPENERS.binary_search(word).is_ok())
        .count();
    if opened < words.len() {
        words.drain(..opened);
    }
    // The last word is no filler: "plan A", "the Who".
    let last = words.len().saturating_sub(1);
    let kept = words.iter().enumerate();
    let kept = kept.filter(|(i, word)| *i == last || FILLERS.binary_search(word).is_err());
    let kept: Vec<&str> = kept.map(|(_, word)| *word).collect();
    if kept.is_empty() {
        normal
    } else {
        kept.join(" ")
    }
}

/// The hash of what it says, see [`gist`], and of what it describes: captions of two images may be the same.
pub fn hash(content: &str, uri: Option<&str>) -> i64 {
    let mut text = gist(content);
    if let Some(uri) = uri {
        text.push('\0');
        text.push_str(uri);
    }
    fnv(text.as_bytes()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the columns in a CREATE TABLE.
    fn named(sql: &str) -> Vec<&str> {
        let start = sql.find("lumos_memory(").unwrap();
        let body = &sql[start..start + sql[start..].find("\n);").unwrap()];
        body.lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .collect()
    }

    #[test]
    fn both_tables_have_the_columns() {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(named(crate::sql::MEMORY_SQLITE), names);
        assert_eq!(named(crate::sql::MEMORY_DUCKDB), names);
    }

    #[test]
    fn texts_are_the_same_but_for_what_says_nothing() {
        assert_eq!(normal("  She  plays\nthe VIOLIN!"), "she plays the violin");
        let hash = |text: &str| hash(text, None);
        assert_ne!(hash("I write C"), hash("I write C++"));
        assert_ne!(hash("it is 3.5"), hash("it is 35"));
        assert_eq!(hash("好。"), hash("好"));
        assert_ne!(hash("a cat"), super::hash("a cat", Some("1.png")));
        assert!(FILLERS.is_sorted() && OPENERS.is_sorted());
    }

    #[test]
    fn a_gist_is_what_a_text_says() {
        for (text, other) in [
            ("The user really likes the coffee", "user likes coffee."),
            (
                "Oh well, Ann’s cat (Tom) is black",
                "Ann's cat Tom is black!",
            ),
            ("我喜欢茶，真的。", "我喜欢茶真的"),
            ("So", "so!"),
            ("!!!", ""),
        ] {
            assert_eq!(gist(text), gist(other));
        }
        for (text, other) in [
            ("I like tea", "I do not like tea"),
            ("You like tea?", "You like tea"),
            ("plan A", "plan"),
            ("3.5", "35"),
            ("-5", "5"),
            ("C", "C++"),
            ("from Rome", "to Rome"),
            ("Ann told Bob", "Bob told Ann"),
            ("你喜欢茶吗", "你喜欢茶"),
        ] {
            assert_ne!(gist(text), gist(other));
        }
    }
}
