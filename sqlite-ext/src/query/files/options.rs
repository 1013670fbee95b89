//! The options of `lumos_load`.

use lumos_core::files::csv::Dialect;
use lumos_core::options::Options;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::progress::Progress;
use crate::query::files::Format;

/// How a file is to be read.
pub struct Reading {
    /// How CSV is written.
    pub dialect: Dialect,
    /// The first line of CSV names the columns.
    pub header: bool,
    /// The columns of a new table are TEXT.
    pub all_text: bool,
    /// What the call says meanwhile.
    pub progress: Progress,
}

impl Reading {
    /// Reads the options. Errors if one is not for this format, or has no such value.
    pub fn new(options: &Options, format: Format) -> Result<Reading> {
        let mut dialect = Dialect::default();
        for name in ["header", "delimiter", "quote", "null"] {
            let Some(value) = options.get(name) else {
                continue;
            };
            if format != Format::Csv {
                return Err(error(format!("{name} is an option of .csv; leave it out")));
            }
            match (name, value) {
                ("delimiter", value) => {
                    let like = "one ASCII character like \";\" or \"\\t\"";
                    let wrong = || options.wrong(name, like);
                    dialect.delimiter = character(value).ok_or_else(wrong)?;
                }
                ("quote", value) if value == "" => dialect.quote = None,
                ("quote", value) => {
                    let wrong = || options.wrong(name, "one ASCII character, or \"\" for none");
                    dialect.quote = Some(character(value).ok_or_else(wrong)?);
                }
                ("null", Json::Null) => dialect.null = None,
                ("null", Json::String(text)) => dialect.null = Some(text.clone()),
                ("null", _) => {
                    let give = "the text that stands for NULL, or null if none does";
                    return Err(options.wrong(name, give).into());
                }
                _ => {}
            }
        }
        if dialect.quote == Some(dialect.delimiter) {
            return Err(error(
                "delimiter and quote are the same; give two characters",
            ));
        }
        Ok(Reading {
            dialect,
            header: options.flag("header").unwrap_or(true),
            all_text: options.flag("all_text").unwrap_or(false),
            progress: Progress::of("lumos_load", options)?,
        })
    }
}

/// The one ASCII character of a text, if that does not end lines.
fn character(value: &Json) -> Option<u8> {
    match value.as_str()?.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}
