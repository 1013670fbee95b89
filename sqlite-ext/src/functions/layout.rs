//! The order of the mirrored rows, and which of them are in files.

use lumos_core::functions::optimize::OPTIMIZE;
use lumos_core::functions::tier::{RUN, TIER, UNTIER};
use rusqlite::types::Value;

use super::{Bodies, json};
use crate::layout::{optimize, policy};

pub const BODIES: Bodies = &[
    (&OPTIMIZE, |call| {
        let options = call.options(1)?;
        let (host, mirror) = call.applied()?;
        json(optimize::optimize(&host, &mirror, call.text(0)?, &options)?)
    }),
    (&TIER, |call| {
        let (older_than, options) = (call.value(2)?, call.options(4)?);
        let arguments = [
            call.required(0)?,
            call.required(1)?,
            &older_than,
            call.required(3)?,
        ];
        let (host, mirror) = call.applied()?;
        json(policy::tier(&host, &mirror, arguments, &options)?)
    }),
    (&RUN, |call| {
        let (now, progress) = (call.required(0)?, call.progress(1)?);
        let (host, mirror) = call.applied()?;
        json(policy::tier_run(&host, &mirror, now, progress)?)
    }),
    (&UNTIER, |call| {
        let (host, mirror) = call.applied()?;
        let rows = policy::untier(&host, &mirror, call.required(0)?)?;
        Ok(Value::Integer(rows))
    }),
];
