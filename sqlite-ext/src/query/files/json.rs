//! Rows of JSON: one array of objects, or objects one after another, each read by itself.

use std::fmt;
use std::io::BufRead;

use lumos_core::files::Field;
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Result, error};

/// What is done with each row: its fields have the order of the names, of which it may have fewer.
pub type Each<'a> = dyn FnMut(&[String], &[Field<'_>]) -> Result<()> + 'a;

/// Reads all rows. `names` grows by those that come up.
pub fn read(mut input: impl BufRead, names: &mut Vec<String>, each: &mut Each<'_>) -> Result<()> {
    let first = loop {
        let block = input
            .fill_buf()
            .map_err(|e| error(format!("cannot be read: {e}")))?;
        let Some(byte) = block.first().copied() else {
            return Ok(());
        };
        // White space, and a mark of UTF-8 at the start.
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0xEF | 0xBB | 0xBF) {
            break byte;
        }
        input.consume(1);
    };
    let mut failed = None;
    let mut parser = serde_json::Deserializer::from_reader(input);
    let mut rows = Rows {
        names,
        each,
        failed: &mut failed,
    };
    let done = if first == b'[' {
        parser.deserialize_seq(rows).and_then(|()| parser.end())
    } else {
        loop {
            match parser.end() {
                Ok(()) => break Ok(()),
                Err(_) => {
                    if let Err(e) = rows.row().deserialize(&mut parser) {
                        break Err(e);
                    }
                }
            }
        }
    };
    match (failed, done) {
        (Some(e), _) => Err(e),
        (None, Err(e)) => Err(error(format!("is no array of objects, nor objects: {e}"))),
        (None, Ok(())) => Ok(()),
    }
}

/// All rows of an array.
struct Rows<'a, 'b> {
    names: &'a mut Vec<String>,
    each: &'a mut Each<'b>,
    /// The error that ended the reading, if it was none of JSON's.
    failed: &'a mut Option<Error>,
}

impl<'b> Rows<'_, 'b> {
    fn row(&mut self) -> Row<'_, 'b> {
        Row(Rows {
            names: self.names,
            each: self.each,
            failed: self.failed,
        })
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> std::result::Result<(), A::Error> {
        while items.next_element_seed(self.row())?.is_some() {}
        Ok(())
    }
}

/// One object.
struct Row<'a, 'b>(Rows<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        item: D,
    ) -> std::result::Result<(), D::Error> {
        item.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let Rows {
            names,
            each,
            failed,
        } = self.0;
        let mut values: Vec<Option<Value>> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let raw: Box<RawValue> = map.next_value()?;
            let value = Value::new(raw).map_err(serde::de::Error::custom)?;
            let place = names.iter().position(|n| *n == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            values.resize_with(values.len().max(place + 1), || None);
            if let Some(slot) = values.get_mut(place) {
                *slot = Some(value);
            }
        }
        let fields: Vec<Field<'_>> = values
            .iter()
            .map(|v| v.as_ref().map_or(Field::Null, Value::field))
            .collect();
        each(names, &fields).map_err(|e| {
            *failed = Some(e);
            serde::de::Error::custom("stopped")
        })
    }
}

/// A value of an object.
enum Value {
    Text(String),
    /// As it is written.
    Raw(Box<RawValue>),
}

impl Value {
    fn new(raw: Box<RawValue>) -> serde_json::Result<Value> {
        if raw.get().starts_with('"') {
            return serde_json::from_str(raw.get()).map(Value::Text);
        }
        Ok(Value::Raw(raw))
    }

    fn field(&self) -> Field<'_> {
        match self {
            Value::Text(text) => Field::Text(text),
            Value::Raw(raw) => match raw.get() {
                "null" => Field::Null,
                "true" => Field::Boolean(true),
                "false" => Field::Boolean(false),
                // Arrays and objects stay JSON.
                text if text.starts_with(['[', '{']) => Field::Text(text),
                number => Field::Number(number),
            },
        }
    }
}
