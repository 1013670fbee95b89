//! Tracking tables and applying changes.

use std::time::Instant;

use lumos_core::functions::lag::LAG;
use lumos_core::functions::repair::REPAIR;
use lumos_core::functions::resync::RESYNC;
use lumos_core::functions::sync::SYNC;
use lumos_core::functions::track::TRACK;
use lumos_core::functions::untrack::UNTRACK;

use super::{Bodies, json};
use crate::sync::{self, SyncContext, lag, repair, resync, track, tracked, untrack};

pub const BODIES: Bodies = &[
    (&TRACK, |call| {
        let connection = call.session.connection()?;
        let (pattern, options) = (call.required(0)?, call.text(1)?);
        let (request, progress) = track::Request::new(&connection, pattern, options)?;
        let attached = call.session.attached()?;
        json(track::track(
            &SyncContext::of(&attached, &connection).showing(progress),
            request,
        )?)
    }),
    (&UNTRACK, |call| {
        let drop_mirror = call.options(1)?.flag("drop_mirror").unwrap_or(true);
        let pattern = call.required(0)?;
        let (attached, connection) = (call.session.attached()?, call.session.connection()?);
        json(untrack::untrack(
            &SyncContext::of(&attached, &connection),
            pattern,
            drop_mirror,
        )?)
    }),
    (&SYNC, |call| {
        let begun = Instant::now();
        let connection = call.session.connection()?;
        let pattern = call.text(0)?;
        let matching = || {
            pattern
                .map(|pattern| tracked::matching_tracked(&connection, pattern))
                .transpose()
        };
        let before = matching()?;
        let progress = call.progress(1)?;
        let attached = call.session.attached()?;
        let report = sync::sync(&SyncContext::of(&attached, &connection).showing(progress))?;
        // Those that were copied anew have another id since.
        let chosen = matching().unwrap_or(before);
        report.check(&connection, chosen.as_deref())?;
        json(report.json(chosen.as_deref(), begun))
    }),
    (&RESYNC, |call| {
        let (pattern, progress) = (call.required(0)?, call.progress(1)?);
        let (attached, connection) = (call.session.attached()?, call.session.connection()?);
        json(resync::resync(
            &SyncContext::of(&attached, &connection).showing(progress),
            pattern,
        )?)
    }),
    (&REPAIR, |call| {
        json(repair::repair(
            call.session,
            call.required(0)?,
            call.progress(1)?,
        )?)
    }),
    (&LAG, |call| lag::lag(call.session, call.text(0)?)),
];
