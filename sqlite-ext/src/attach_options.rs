//! The options of `lumos_attach`.

use std::time::Duration;

use lumos_core::options::Options;

use crate::error::Result;
use crate::mirror::allow_files;
use crate::mirror::settings::Settings;
use crate::progress::Progress;

/// When a query applies pending changes first.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// False: never.
    pub auto_sync: bool,
    /// Not if the mirror equalled its source less than so long ago.
    pub max_staleness: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Freshness {
            auto_sync: true,
            max_staleness: Duration::ZERO,
        }
    }
}

/// What a call gives; what it does not give is the default, but where it says `None`.
#[derive(Default)]
pub struct AttachOptions {
    /// None if none of them is given.
    pub settings: Option<Settings>,
    pub freshness: Freshness,
    pub progress: Progress,
    pub shared: bool,
    /// None if it is not given.
    pub plaintext: Option<bool>,
}

impl AttachOptions {
    /// Reads the options; of the settings, those that are not given are the `old` ones.
    pub fn new(given: &Options, old: &Settings) -> Result<AttachOptions> {
        let mut settings = old.clone();
        if let Some(limit) = given.text("memory_limit") {
            limit.clone_into(&mut settings.memory_limit);
        }
        if let Some(threads) = given.integer("threads") {
            settings.threads = threads as usize;
        }
        if let Some(bytes) = given.integer("cache_bytes") {
            settings.cache_bytes = bytes as usize;
        }
        if let Some(folders) = given.get("allow_files") {
            settings.allow_files = allow_files::folders(folders)?;
        }
        // A century is for ever, and any clock can count it.
        let staleness = given.number("max_staleness").unwrap_or(0.0).min(3.2e9);
        let are_default = given.says_only(&[
            "auto_sync",
            "max_staleness",
            "shared",
            "plaintext",
            "progress",
        ]);
        Ok(AttachOptions {
            settings: (!are_default).then_some(settings),
            freshness: Freshness {
                auto_sync: given.flag("auto_sync").unwrap_or(true),
                max_staleness: Duration::from_secs_f64(staleness),
            },
            progress: Progress::of("lumos", given)?,
            shared: given.flag("shared").unwrap_or(false),
            plaintext: given.flag("plaintext"),
        })
    }
}
