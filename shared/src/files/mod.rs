//! Files of rows: the fields that they have, the type of a column for them, and CSV.
//!
//! A type is chosen by all values of a column, and only one under which every value stays what it was: see [`Column`].

pub mod csv;

use crate::route::Affinity;

/// A field of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// No value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// A number as it is written, of any size.
    Number(&'a str),
    /// Text.
    Text(&'a str),
    /// Text that does not say what it is: a field of CSV without quotes.
    Plain(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// The most digits of a number that is a double and back itself.
const EXACT_DIGITS: usize = 15;

/// The largest integer up to which every integer is a double.
const EXACT_DOUBLE: u64 = 1 << 53;

/// What the fields of a column have in common, as far as they were seen.
#[derive(Debug, Clone)]
pub struct Column {
    empty: bool,
    integers: bool,
    numbers: bool,
    texts: bool,
    blobs: bool,
    /// The digits after the point, if all have as many.
    scale: Option<usize>,
    scaled: bool,
}

impl Default for Column {
    fn default() -> Self {
        Column {
            empty: true,
            integers: true,
            numbers: true,
            texts: true,
            blobs: true,
            scale: None,
            scaled: true,
        }
    }
}

impl Column {
    /// Takes one more field into account.
    pub fn see(&mut self, field: Field<'_>) {
        let (mut integer, mut number, mut text, mut blob, mut scale) =
            (false, false, false, false, None);
        match field {
            Field::Null => return,
            Field::Boolean(_) => integer = true,
            Field::Integer(v) => {
                (integer, number) = (true, v.unsigned_abs() <= EXACT_DOUBLE);
            }
            Field::Real(_) => number = true,
            Field::Text(_) => text = true,
            Field::Blob(_) => blob = true,
            Field::Number(v) => {
                (integer, number) = (whole(v).is_some(), double(v).is_some());
            }
            Field::Plain(v) => {
                (integer, number, text) = (whole(v).is_some(), shortest(v).is_some(), true);
                scale = fixed(v);
            }
        }
        if self.empty {
            self.scale = scale;
        }
        self.empty = false;
        self.integers &= integer;
        self.numbers &= number;
        self.texts &= text;
        self.blobs &= blob;
        self.scaled &= scale.is_some() && scale == self.scale;
    }

    /// The type to declare: the first that leaves all fields what they are. Without one, each keeps its own class.
    pub fn declared(&self) -> String {
        match self.scale {
            _ if self.empty => String::new(),
            _ if self.integers => "INTEGER".into(),
            _ if self.numbers => "REAL".into(),
            Some(scale) if self.scaled => format!("DECIMAL({EXACT_DIGITS},{scale})"),
            _ if self.texts => "TEXT".into(),
            _ if self.blobs => "BLOB".into(),
            _ => String::new(),
        }
    }

    /// True if a field of CSV with this text could make a number of it.
    pub fn is_number(text: &str) -> bool {
        whole(text).is_some() || shortest(text).is_some() || fixed(text).is_some()
    }
}

impl<'a> Field<'a> {
    /// The field for a column that was declared by [`Column::declared`], or has no type.
    pub fn typed(self, declared: &str) -> Field<'a> {
        let value = match (self, declared) {
            (Field::Plain(v), "TEXT" | "") => Field::Text(v),
            (Field::Number(v) | Field::Plain(v), _) => match (whole(v), declared) {
                (Some(v), "INTEGER" | "") => Field::Integer(v),
                // Nothing but a number is in a column of numbers.
                (_, "") => double(v).map_or(Field::Text(v), Field::Real),
                _ => v.parse().map_or(Field::Text(v), Field::Real),
            },
            (field, _) => field,
        };
        match value {
            Field::Boolean(v) => Field::Integer(v.into()),
            value => value,
        }
    }

    /// The field for a column that was there before: numbers of any form go in as they are written where the column
    /// holds text, or where they are written like nothing that SQLite has.
    pub fn as_written(self, holds_text: bool) -> Field<'a> {
        match self {
            Field::Plain(v) => Field::Text(v),
            Field::Number(v) if holds_text => Field::Text(v),
            Field::Boolean(v) if holds_text => Field::Text(if v { "true" } else { "false" }),
            field => field.typed(""),
        }
    }
}

/// True if a column declared like this turns numbers into text.
pub fn holds_text(declared: &str) -> bool {
    Affinity::declared(declared) == Affinity::Text
}

/// Digits without a zero in front, unless there is one digit.
fn is_plain_whole(digits: &str) -> bool {
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
}

/// An integer of 64 bits as SQLite writes it.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (is_plain_whole(digits) && text != "-0").then_some(())?;
    text.parse().ok()
}

/// A double, if it is the number that is written, with all its digits.
fn double(text: &str) -> Option<f64> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    if plain == "9e999" {
        // As SQLite writes infinity where it must be a number.
        return text.parse().ok();
    }
    let (number, exponent) = plain.split_once(['e', 'E']).unwrap_or((plain, "0"));
    let power: i32 = exponent
        .strip_prefix('+')
        .unwrap_or(exponent)
        .parse()
        .ok()?;
    let (before, after) = number.split_once('.').unwrap_or((number, "0"));
    let digits = !after.is_empty() && after.bytes().all(|b| b.is_ascii_digit());
    (is_plain_whole(before) && digits).then_some(())?;
    let value: f64 = text.parse().ok()?;
    let all = format!("{before}{after}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let significant = all.trim_matches('0');
    if significant.is_empty() {
        return Some(value);
    }
    // The digits that count, and the power of ten of the first, on both sides.
    let first = (before.len() as i32 - 1 - leading as i32).checked_add(power)?;
    let shortest = format!("{:e}", value.abs());
    let (digits, shortest_power) = shortest.split_once('e')?;
    let same = digits.replace('.', "").trim_end_matches('0') == significant
        && shortest_power.parse() == Ok(first);
    same.then_some(value)
}

/// As [`double`], if programs write the number so: with no zero at its end but one after the point, and with an exponent
/// only where it is large. `12E3` may be the name of a thing.
fn shortest(text: &str) -> Option<f64> {
    let (number, exponent) = match text.split_once('e') {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let padded = after.len() > 1 && after.ends_with('0');
    let large = exponent == 0 && !text.contains(['e', 'E'])
        || (exponent >= 15 || exponent <= -5) && before.trim_start_matches('-').len() == 1;
    double(text).filter(|_| large && !padded && text != "-0")
}

/// The digits after the point of a decimal without an exponent, two at least, that a double holds.
fn fixed(text: &str) -> Option<usize> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (before, after) = plain.split_once('.')?;
    let digits = after.bytes().all(|b| b.is_ascii_digit());
    let known = before.trim_start_matches('0').len() + after.len() <= EXACT_DIGITS;
    let negative_zero = text.starts_with('-') && plain.bytes().all(|b| matches!(b, b'0' | b'.'));
    (is_plain_whole(before) && digits && after.len() >= 2 && known && !negative_zero)
        .then_some(after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(fields: &[Field<'_>]) -> String {
        let mut column = Column::default();
        for field in fields {
            column.see(*field);
        }
        column.declared()
    }

    fn plain(texts: &[&str]) -> String {
        declared(&texts.iter().map(|t| Field::Plain(t)).collect::<Vec<_>>())
    }

    #[test]
    fn a_column_of_texts_takes_the_type_that_loses_nothing() {
        for (texts, expected) in [
            (&["1", "-7", "9223372036854775807"] as &[&str], "INTEGER"),
            (&["0", "-9223372036854775808"], "INTEGER"),
            (&["01"], "TEXT"),
            (&["+1"], "TEXT"),
            (&["-0"], "TEXT"),
            (&["1 "], "TEXT"),
            (&["9223372036854775808"], "TEXT"),
            (&["18446744073709551615", "1"], "TEXT"),
            (&["1", "1.5"], "REAL"),
            (&["9007199254740993", "1.5"], "TEXT"),
            (&["0.1", "1e300", "1.5e-07", "1.0e+20", "2.0"], "REAL"),
            (&["12e3"], "TEXT"),
            (&["1E20"], "TEXT"),
            (&["12e30"], "TEXT"),
            (&["0.30000000000000004", "5e-324"], "REAL"),
            (&["9e999", "-9e999"], "REAL"),
            (&["1e999"], "TEXT"),
            (&["3.14159265358979323846"], "TEXT"),
            (&["1.10", "2.50"], "DECIMAL(15,2)"),
            (&["1.10", "-12345.00", "0.05"], "DECIMAL(15,2)"),
            (&["1.25", "2.51"], "REAL"),
            (&["1.1", "1.10"], "TEXT"),
            (&["1.10", "2"], "TEXT"),
            (&["1.10", "12345678901234.00"], "TEXT"),
            (&["-0.00"], "TEXT"),
            (&["-0.0", "0.0"], "REAL"),
            (&[".5"], "TEXT"),
            (&["5."], "TEXT"),
            (&["1e"], "TEXT"),
            (&["0x10"], "TEXT"),
            (&["1_000"], "TEXT"),
            (&["inf"], "TEXT"),
            (&["nan"], "TEXT"),
            (&["true", "false"], "TEXT"),
            (&["2024-01-31"], "TEXT"),
            (&["01/02/2024"], "TEXT"),
            (&["１"], "TEXT"),
            (&[""], "TEXT"),
            (&[], ""),
        ] {
            assert_eq!(plain(texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_column_of_values_takes_their_class() {
        use Field::{Blob, Boolean, Integer, Null, Number, Plain, Real, Text};
        for (fields, expected) in [
            (&[Null, Integer(1)] as &[Field<'_>], "INTEGER"),
            (&[Boolean(true), Integer(2)], "INTEGER"),
            (&[Boolean(true), Real(0.5)], ""),
            (&[Integer(1), Real(0.5)], "REAL"),
            (&[Integer(i64::MAX), Real(0.5)], ""),
            (&[Text("1"), Null], "TEXT"),
            (&[Text("1"), Integer(1)], ""),
            (&[Text("1"), Plain("1")], "TEXT"),
            (&[Number("1"), Number("18446744073709551615")], ""),
            (&[Number("1.5"), Number("2")], "REAL"),
            (&[Number("1.10"), Number("1.500e3"), Number("-0")], "REAL"),
            (&[Number("0.1000000000000000055")], ""),
            (&[Blob(b"a")], "BLOB"),
            (&[Blob(b"a"), Text("a")], ""),
            (&[Null], ""),
        ] {
            assert_eq!(declared(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn fields_are_values_of_their_column() {
        use Field::{Integer, Number, Plain, Real, Text};
        assert_eq!(Plain("7").typed("INTEGER"), Integer(7));
        assert_eq!(Plain("7").typed("REAL"), Real(7.0));
        assert_eq!(Plain("7").typed("TEXT"), Text("7"));
        assert_eq!(Plain("1.10").typed("DECIMAL(15,2)"), Real(1.1));
        assert_eq!(Plain("9e999").typed("REAL"), Real(f64::INFINITY));
        assert_eq!(
            Number("18446744073709551615").typed(""),
            Text("18446744073709551615")
        );
        assert_eq!(Number("2").typed(""), Integer(2));
        assert_eq!(Number("1.10").as_written(true), Text("1.10"));
        assert_eq!(Number("1.10").as_written(false), Real(1.1));
        assert_eq!(Plain("1").as_written(false), Text("1"));
        assert_eq!(Field::Boolean(true).as_written(true), Text("true"));
        assert_eq!(Field::Boolean(true).as_written(false), Integer(1));
    }
}
