//! The bodies of the scalar functions that need the connection or the mirror, each beside its definition: arguments
//! in, one call, value out. A function that is in the list and has no body here is an error when Lumos loads.

mod admin;
mod alerts;
mod ask;
mod checks;
mod gate;
mod graph;
mod kept;
mod layout;
mod llm;
mod memory;
mod models;
mod query;
pub mod reports;
mod sessions;
mod suggest;
mod sync;
mod tables;
mod taught;

use std::sync::Arc;

use lumos_core::options::Options;
use lumos_core::{Function, Section};
use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};
use serde_json::Value as Json;

use crate::error::{Error, Result, error};
use crate::host::statement::HostStatement;
use crate::mirror::Mirror;
use crate::program::{HIDING, check_not_hidden, with_way_out};
use crate::progress::Progress;
use crate::session::Session;
use crate::sync::{SyncContext, sync};
use crate::values::{article, utf8};

/// What a function does with a call.
pub type Body = fn(&Call<'_>) -> Result<Value>;

/// The bodies of some functions.
type Bodies = &'static [(&'static Function, Body)];

/// Those that need the mirror, see [`Session::in_turn`].
const OF_MIRROR: [Bodies; 3] = [query::BODIES, sync::BODIES, layout::BODIES];

const OTHERS: [Bodies; 11] = [
    admin::BODIES,
    tables::BODIES,
    models::BODIES,
    memory::BODIES,
    graph::BODIES,
    ask::BODIES,
    llm::BODIES,
    sessions::BODIES,
    taught::BODIES,
    checks::BODIES,
    alerts::BODIES,
];

fn find(lists: &[Bodies], function: &Function) -> Option<Body> {
    let mut all = lists.iter().copied().flatten();
    all.find(|(of, _)| of.name == function.name)
        .map(|(_, body)| *body)
}

/// True if this function has a body here.
pub fn has_body(function: &Function) -> bool {
    find(&OTHERS, function)
        .or(find(&OF_MIRROR, function))
        .is_some()
}

/// What a call gives. Errors if the function has no body here.
pub fn run(call: &Call<'_>) -> Result<Value> {
    if call.function.section == Section::Memory {
        call.statement(HIDING, check_not_hidden)?;
    }
    if let Some(body) = find(&OTHERS, call.function) {
        return body(call);
    }
    let body = find(&OF_MIRROR, call.function).ok_or_else(|| no_body(call.function))?;
    call.session.in_turn(|| body(call))
}

/// One call: its arguments, and the connection that it comes from.
pub struct Call<'a> {
    /// What is called.
    pub function: &'static Function,
    /// The arguments.
    pub arguments: &'a Context<'a>,
    /// The connection.
    pub session: &'a Arc<Session>,
}

impl Call<'_> {
    /// The text of an argument; `None` if it is NULL or left out. Errors if it is something else.
    pub fn text(&self, i: usize) -> Result<Option<&str>> {
        if i >= self.arguments.len() {
            return Ok(None);
        }
        match self.arguments.get_raw(i) {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => Ok(Some(utf8(text)?)),
            other => Err(error(format!(
                "{} is {}; give a text",
                self.name(i),
                article(other.data_type())
            ))),
        }
    }

    /// The same for an argument that must be given.
    pub fn required(&self, i: usize) -> Result<&str> {
        self.text(i)?
            .ok_or_else(|| error(format!("{} is NULL; give a text", self.name(i))))
    }

    /// A value of a column, as text.
    pub fn value(&self, i: usize) -> Result<String> {
        match self.arguments.get_raw(i) {
            ValueRef::Integer(v) => Ok(v.to_string()),
            ValueRef::Real(v) => Ok(format!("{v:?}")),
            _ => self.required(i).map(str::to_owned),
        }
    }

    /// The options of the call.
    pub fn options(&self, i: usize) -> Result<Options> {
        Ok(Options::parse(self.function.options, self.text(i)?)?)
    }

    /// What the call says meanwhile, for a function with no other option.
    pub fn progress(&self, i: usize) -> Result<Progress> {
        Progress::of(self.function.name, &self.options(i)?)
    }

    /// Runs `body` with a statement of this text, which is prepared once for all calls of the running statement.
    fn statement<T>(
        &self,
        sql: &str,
        body: impl FnOnce(&mut HostStatement) -> Result<T>,
    ) -> Result<T> {
        let prepare = || {
            let statement = HostStatement::own(&self.session.connection()?, sql);
            statement.map_err(|e| with_way_out(self.function, e))
        };
        kept::with(self.arguments, sql, prepare, body)
    }

    /// The mirror, with all applied that is pending.
    fn applied(&self) -> Result<(Connection, Arc<Mirror>)> {
        let attached = self.session.attached()?;
        let connection = self.session.connection()?;
        sync(&SyncContext::of(&attached, &connection))?;
        Ok((connection, attached.mirror))
    }

    fn name(&self, i: usize) -> &'static str {
        self.function.params[i].name
    }
}

/// JSON as a shell shows it best: an array of objects has a line for each.
fn json(json: Json) -> Result<Value> {
    Ok(Value::Text(match &json {
        Json::Array(items) if items.len() > 1 && items.iter().all(Json::is_object) => {
            let items: Vec<String> = items.iter().map(Json::to_string).collect();
            format!("[{}]", items.join(",\n "))
        }
        other => other.to_string(),
    }))
}

/// The error for a function of the list that has no body.
pub fn no_body(function: &Function) -> Error {
    Error {
        code: rusqlite::ffi::SQLITE_INTERNAL,
        ..error(format!("{} has no body", function.name))
    }
}
