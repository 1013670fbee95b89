//! The options of `lumos_load`.

use lumos_core::files::csv::Dialect;
use serde_json::{Map, Value as Json};

use crate::error::{Result, error};
use crate::progress::Progress;
use crate::query::files::Format;
use crate::session::parse_object;

/// How a file is to be read.
pub struct Options {
    /// How CSV is written.
    pub dialect: Dialect,
    /// The first line of CSV names the columns.
    pub header: bool,
    /// The columns of a new table are TEXT.
    pub all_text: bool,
    /// What the call says meanwhile.
    pub progress: Progress,
}

impl Options {
    /// Reads them. Errors if one does not exist, is no option of the format, or has no such value.
    pub fn parse(text: Option<&str>, format: Format) -> Result<Options> {
        let mut given = text.map_or(Ok(Map::new()), parse_object)?;
        let mut options = Options {
            progress: Progress::take("lumos_load", &mut given)?,
            dialect: Dialect::default(),
            header: true,
            all_text: false,
        };
        for (name, value) in given {
            let of_csv = matches!(name.as_str(), "header" | "delimiter" | "quote" | "null");
            if of_csv && format != Format::Csv {
                return Err(error(format!("{name} is an option of .csv; leave it out")));
            }
            match (name.as_str(), &value) {
                ("header", Json::Bool(on)) => options.header = *on,
                ("all_text", Json::Bool(on)) => options.all_text = *on,
                ("header" | "all_text", _) => {
                    return Err(error(format!("{name} is {value}; give true or false")));
                }
                ("delimiter", Json::String(text)) if character(text).is_some() => {
                    options.dialect.delimiter = character(text).unwrap_or(b',');
                }
                ("delimiter", _) => {
                    return Err(error(format!(
                        "delimiter is {value}; give one ASCII character like \";\" or \"\\t\""
                    )));
                }
                ("quote", Json::String(text)) if text.is_empty() => options.dialect.quote = None,
                ("quote", Json::String(text)) if character(text).is_some() => {
                    options.dialect.quote = character(text);
                }
                ("quote", _) => {
                    return Err(error(format!(
                        "quote is {value}; give one ASCII character, or \"\" for none"
                    )));
                }
                ("null", Json::Null) => options.dialect.null = None,
                ("null", Json::String(text)) => options.dialect.null = Some(text.clone()),
                ("null", _) => {
                    return Err(error(format!(
                        "null is {value}; give the text that stands for NULL, or null if none does"
                    )));
                }
                _ => {
                    return Err(error(format!(
                        "unknown option \"{name}\"; the options are header, delimiter, quote, null, all_text and progress"
                    )));
                }
            }
        }
        if options.dialect.quote == Some(options.dialect.delimiter) {
            return Err(error(
                "delimiter and quote are the same; give two characters",
            ));
        }
        Ok(options)
    }
}

/// The one ASCII character of a text, if that does not end lines.
fn character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}
