//! The mirror of the connection.

use lumos_core::functions::attach::ATTACH;
use lumos_core::functions::debug::DEBUG;
use lumos_core::functions::detach::DETACH;
use lumos_core::functions::lock::LOCK;
use rusqlite::types::Value;

use super::{Bodies, json};
use crate::session;

pub const BODIES: Bodies = &[
    (&ATTACH, |call| {
        json(call.session.attach(call.text(0)?, &call.options(1)?)?)
    }),
    (&DETACH, |call| {
        Ok(Value::Integer(call.session.detach()?.into()))
    }),
    (&LOCK, |call| json(call.session.lock()?)),
    (&DEBUG, |call| {
        json(session::debug(&call.session.connection()?)?)
    }),
];
