//! Sessions: questions that are kept by a name, so that the next one goes on from them. In SQLite they stand in a table of
//! the database; in DuckDB, where a function cannot write, an instance keeps them until it is closed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use super::answer::TURNS;
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Fold, FoldState, Kept};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The session that a question belongs to.
pub const SESSION: OptionDef = OptionDef {
    name: "session",
    ty: OptionType::Text(", the name of a session"),
    default: "none",
    doc: "the question goes on from those of the session with this name, as with `after`, and is kept there once it is answered; see lumos_session_history",
};

/// The same for a function that answers nothing.
pub const SESSION_READ: OptionDef = OptionDef {
    doc: "the question goes on from those of the session with this name, as with `after`; it is not kept",
    ..SESSION
};

/// The table in SQLite.
pub const TABLE: &str = "lumos_session";

/// Makes the table in `main`, and what finds a session in it.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS main.lumos_session(turn INTEGER PRIMARY KEY, session TEXT NOT NULL, \
     question TEXT NOT NULL, goes_on INTEGER NOT NULL, sql TEXT NOT NULL); \
     CREATE INDEX IF NOT EXISTS main.lumos_session_turns ON lumos_session(session, turn)";

/// The most questions of all sessions.
pub const MOST: usize = 10_000;

/// The most questions of one session.
pub const EACH: usize = 100;

/// The most bytes that an instance of DuckDB keeps.
const BYTES: usize = 16 << 20;

/// The longest name of a session, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest question of a session, in bytes.
const LONGEST: usize = 4_096;

/// The columns of `lumos_session_history`.
pub const COLUMNS: &[(&str, Type)] = &[
    ("turn", Type::Integer),
    ("question", Type::Text),
    ("goes_on", Type::Integer),
    ("sql", Type::Text),
];

/// A name of a session. Errors if it is empty, too long, or has a NUL character.
pub fn name(name: &str) -> Result<&str> {
    if name.trim().is_empty() {
        return Err(Error::new(
            "the name of the session is empty; give one, like \"a\"",
        ));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::new(format!(
            "the name of the session has {} bytes; it may have {LONGEST_NAME}",
            name.len()
        )));
    }
    if name.contains('\0') {
        return Err(Error::new("the name of the session has a NUL character"));
    }
    Ok(name)
}

/// The session that the options of a question name. Errors if it is none, the questions before are given beside it, or the
/// question cannot be kept.
pub fn of<'a>(options: &'a Options, question: &str) -> Result<Option<&'a str>> {
    let Some(session) = options.text(SESSION.name) else {
        return Ok(None);
    };
    if options.get("after").is_some() {
        return Err(Error::new(
            "a session knows the questions before; give \"session\" or \"after\", not both",
        ));
    }
    if question.len() > LONGEST || question.contains('\0') {
        return Err(Error::new(format!(
            "the question has {} bytes; one that a session keeps may have {LONGEST}, none of them NUL",
            question.len()
        )));
    }
    name(session).map(Some)
}

/// A question of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its number among all sessions, in their order.
    pub number: i64,
    /// As it was asked.
    pub question: String,
    /// Whether it was read as going on from the one before.
    pub goes_on: bool,
    /// What answered it.
    pub sql: String,
}

impl Turn {
    /// The row of `lumos_session_history`.
    pub fn row(self) -> Vec<Value> {
        vec![
            Value::Integer(self.number),
            Value::Text(self.question),
            Value::Integer(self.goes_on.into()),
            Value::Text(self.sql),
        ]
    }
}

/// The sessions that an instance of DuckDB keeps, the oldest turn first.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    turns: VecDeque<(String, Turn)>,
    last: i64,
    bytes: usize,
}

fn size((session, turn): &(String, Turn)) -> usize {
    session.len() + turn.question.len() + turn.sql.len()
}

impl Sessions {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The questions of a session, the oldest first.
    pub fn history(&self, session: &str) -> Vec<Turn> {
        let held = self.held();
        let of = held.turns.iter().filter(|(name, _)| name == session);
        of.map(|(_, turn)| turn.clone()).collect()
    }

    /// The questions that the next one may go on from: from the last that stood by itself.
    pub fn before(&self, session: &str) -> Vec<String> {
        let all = self.history(session);
        let first = all.iter().rposition(|turn| !turn.goes_on).unwrap_or(0);
        let last = all[first..].iter();
        last.map(|turn| turn.question.clone()).collect()
    }

    /// Keeps a question; the oldest of its session and of all make room.
    pub fn keep(&self, session: &str, question: &str, goes_on: bool, sql: &str) {
        let mut held = self.held();
        held.last += 1;
        let turn = Turn {
            number: held.last,
            question: question.to_owned(),
            goes_on,
            sql: sql.to_owned(),
        };
        let kept = (session.to_owned(), turn);
        held.bytes += size(&kept);
        held.turns.push_back(kept);
        let of = held.turns.iter().filter(|(name, _)| name == session);
        if of.count() > EACH
            && let Some(first) = held.turns.iter().position(|(name, _)| name == session)
            && let Some(gone) = held.turns.remove(first)
        {
            held.bytes -= size(&gone);
        }
        while held.turns.len() > MOST || held.bytes > BYTES {
            let Some(gone) = held.turns.pop_front() else {
                break;
            };
            held.bytes -= size(&gone);
        }
    }

    /// Forgets a session; returns how many questions it had.
    pub fn reset(&self, session: &str) -> usize {
        let mut held = self.held();
        let before = held.turns.len();
        held.turns.retain(|(name, _)| name != session);
        held.bytes = held.turns.iter().map(size).sum();
        before - held.turns.len()
    }
}

/// What the folds read: one row, so that they run once.
const ONE: &[Param] = &[Param::new("one", Type::Integer)];

const HISTORY: bool = false;
const RESET: bool = true;

/// The fold of `lumos_session_history`.
pub const HISTORY_FOLD: Fold = Fold::new::<Asked<HISTORY>>("session_history", ONE, COLUMNS);

/// The fold of `lumos_session_reset`.
pub const RESET_FOLD: Fold =
    Fold::new::<Asked<RESET>>("session_reset", ONE, &[("questions", Type::Integer)]);

fn text(fold: &Fold, arguments: &[ValueRef<'_>]) -> Result<String> {
    let session = match arguments.first() {
        Some(ValueRef::Text(session)) => name(session)?,
        None | Some(ValueRef::Null) => return Err(Error::new("session is NULL; give a text")),
        Some(_) => return Err(Error::new("session is no text; give one")),
    };
    fold.sql("SELECT 1", &json!({"session": session}).to_string())
}

/// The query of `lumos_session_history(session)`. Errors if that is no name of a session.
pub fn history_sql(arguments: &[ValueRef<'_>], _: &Kept) -> Result<String> {
    text(&HISTORY_FOLD, arguments)
}

/// The query of `lumos_session_reset(session)`. Errors if that is no name of a session.
pub fn reset_sql(arguments: &[ValueRef<'_>], _: &Kept) -> Result<String> {
    text(&RESET_FOLD, arguments)
}

/// A session whose questions are told, or forgotten, when the statement runs.
#[derive(Debug, Clone)]
struct Asked<const FORGETS: bool> {
    session: String,
    any: bool,
    sessions: Arc<Sessions>,
}

impl<const FORGETS: bool> FoldState for Asked<FORGETS> {
    fn start(spec: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(spec).unwrap_or_default();
        let session = json["session"].as_str();
        let session =
            session.ok_or_else(|| Error::new("it is not what lumos_session_history writes"))?;
        Ok(Asked {
            session: session.to_owned(),
            any: false,
            sessions: Arc::default(),
        })
    }

    fn start_in(spec: &str, kept: &Kept) -> Result<Self> {
        Ok(Asked {
            sessions: kept.of(),
            ..Self::start(spec)?
        })
    }

    fn row(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        self.any = true;
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.any |= other.any;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.any {
            return Ok(());
        }
        if FORGETS {
            let gone = self.sessions.reset(&self.session);
            return emit(vec![Value::Integer(gone as i64)]);
        }
        for turn in self.sessions.history(&self.session) {
            emit(turn.row())?;
        }
        Ok(())
    }
}

/// The SELECT of the questions of a session, `?1`, that the next one may go on from, in SQLite: one more than are read, so that
/// it is seen that there are more.
pub fn before_in_sqlite() -> String {
    format!(
        "SELECT question FROM (SELECT turn, question FROM main.{TABLE} WHERE session = ?1 AND length(question) <= {LONGEST} \
         AND turn >= coalesce((SELECT max(turn) FROM main.{TABLE} WHERE session = ?1 AND goes_on = 0), 0) \
         ORDER BY turn DESC LIMIT {TURNS} + 1) ORDER BY turn"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_on_from_the_last_question_that_stands_by_itself() {
        let sessions = Sessions::default();
        sessions.keep("a", "How many albums are there?", false, "x");
        sessions.keep("a", "How many tracks are there?", false, "x");
        sessions.keep("b", "What is new?", false, "x");
        sessions.keep("a", "only rock", true, "y");
        assert_eq!(
            sessions.before("a"),
            ["How many tracks are there?", "only rock"]
        );
        let numbers = |s| -> Vec<i64> { sessions.history(s).iter().map(|t| t.number).collect() };
        assert_eq!(numbers("a"), [1, 2, 4]);
        assert_eq!((sessions.reset("a"), sessions.reset("a")), (3, 0));
        assert!(sessions.before("a").is_empty());
        assert_eq!(sessions.before("b"), ["What is new?"]);
    }

    #[test]
    fn sessions_are_bounded_in_number_and_in_bytes() {
        let sessions = Sessions::default();
        for i in 0..EACH + 5 {
            sessions.keep("a", &i.to_string(), true, "");
        }
        assert_eq!(sessions.history("a").len(), EACH);
        assert_eq!(sessions.history("a")[0].question, "5");
        let long = "x".repeat(BYTES / 4);
        for i in 0..9 {
            sessions.keep(&i.to_string(), "", false, &long);
        }
        assert!(sessions.history("a").is_empty());
        assert!(sessions.held().bytes <= BYTES);
        let other = Sessions::default();
        for i in 0..MOST + 7 {
            other.keep(&(i / 50).to_string(), "", false, "");
        }
        assert_eq!(other.held().turns.len(), MOST);
    }

    #[test]
    fn names_and_questions_of_sessions_are_checked() {
        let of = |options: &str, question: &str| {
            let known = &[SESSION, super::super::asking::AFTER];
            let options = Options::parse(known, Some(options)).unwrap();
            of(&options, question)
                .map(|session| session.map(str::to_owned))
                .map_err(|e| e.to_string())
        };
        assert_eq!(of("{\"session\": \"a\"}", "x"), Ok(Some("a".into())));
        assert_eq!(of("{}", "x"), Ok(None));
        for (options, question, error) in [
            ("{\"session\": \" \"}", "x", "is empty"),
            ("{\"session\": \"a\", \"after\": []}", "x", "not both"),
            ("{\"session\": \"a\\u0000\"}", "x", "NUL"),
            ("{\"session\": \"a\"}", "a\0", "NUL"),
        ] {
            assert!(of(options, question).unwrap_err().contains(error));
        }
        let long = "x".repeat(5_000);
        assert!(of("{\"session\": \"a\"}", &long).is_err());
        assert!(of(&format!("{{\"session\": \"{long}\"}}"), "x").is_err());
    }
}
