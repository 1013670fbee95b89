//! Values of DuckDB as JSON and as text.

use std::fmt::Write;

pub(super) fn write_array(
    range: std::ops::Range<usize>,
    out: &mut String,
    mut element: impl FnMut(usize, &mut String),
) {
    out.push('[');
    let start = range.start;
    for i in range {
        if i > start {
            out.push(',');
        }
        element(i, out);
    }
    out.push(']');
}

/// `shown` is the value in its own precision, so that a FLOAT 0.1 is `0.1`.
pub(super) fn write_number(value: f64, shown: impl std::fmt::Debug, out: &mut String) {
    if value.is_finite() {
        let _ = write!(out, "{shown:?}");
    } else {
        out.push_str(if value.is_nan() {
            "null"
        } else if value > 0.0 {
            "9e999"
        } else {
            "-9e999"
        });
    }
}

/// Bytes as DuckDB writes them: text, with `\xAA` for what is not plain ASCII.
pub(super) fn write_json_blob(bytes: &[u8], out: &mut String) {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' '..=b'~' if byte != b'\\' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02X}");
            }
        }
    }
    write_json_string(&text, out);
}

/// Appends a JSON string.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

pub(super) fn write_decimal(value: i128, scale: usize, out: &mut String) {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    let _ = write!(out, "{sign}{whole}{point}{fraction}");
}

/// `rest` goes between the date and the mark of years before 1.
pub(super) fn write_date(days: i64, rest: &str, out: &mut String) {
    // Civil date from days since 1970, by Howard Hinnant's days_from_civil inverse.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (year, mark) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " (BC)")
    };
    let _ = write!(out, "{year:04}-{month:02}-{day:02}{rest}{mark}");
}

pub(super) fn write_time(value: i64, units: i64, out: &mut String) {
    let seconds = value.div_euclid(units);
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let fraction = value.rem_euclid(units);
    if fraction > 0 {
        let width = units.ilog10() as usize;
        let digits = format!(".{fraction:0width$}");
        out.push_str(digits.trim_end_matches('0'));
    }
}

pub(super) fn write_timestamp(value: i64, units: i64, zone: &str, out: &mut String) {
    if value == i64::MAX || value == -i64::MAX {
        return out.push_str(if value > 0 { "infinity" } else { "-infinity" });
    }
    let mut time = String::from(" ");
    write_time(value.rem_euclid(86_400 * units), units, &mut time);
    time.push_str(zone);
    write_date(value.div_euclid(86_400 * units), &time, out);
}
