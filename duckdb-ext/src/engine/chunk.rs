//! Reading a chunk of rows: DuckDB's vectors to plain values and to JSON, exactly.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use libduckdb_sys as ffi;
use lumos_core::mirror::Stored;

use super::json::{
    write_array, write_date, write_decimal, write_json_blob, write_json_string, write_number,
    write_time, write_timestamp,
};
use super::types::LogicalType;

/// Up to 2048 rows of a result, owned.
pub struct Chunk {
    raw: ffi::duckdb_data_chunk,
    len: usize,
    columns: Vec<RawColumn>,
}

// SAFETY: the chunk owns its vectors, and reading them changes nothing.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

#[derive(Clone, Copy)]
struct RawColumn {
    vector: ffi::duckdb_vector,
    data: *const u8,
    validity: *const u64,
}

impl RawColumn {
    /// # Safety
    /// `vector` is flat and lives as long as the column is used.
    unsafe fn new(vector: ffi::duckdb_vector) -> Self {
        // SAFETY: by contract.
        unsafe {
            RawColumn {
                vector,
                data: ffi::duckdb_vector_get_data(vector).cast_const().cast(),
                validity: ffi::duckdb_vector_get_validity(vector).cast_const(),
            }
        }
    }
}

impl Chunk {
    /// Takes over a chunk that DuckDB handed out.
    pub(crate) fn own(raw: ffi::duckdb_data_chunk) -> Chunk {
        // SAFETY: a fetched chunk is flat, and its vectors live as long as it.
        unsafe {
            let columns = (0..ffi::duckdb_data_chunk_get_column_count(raw))
                .map(|i| RawColumn::new(ffi::duckdb_data_chunk_get_vector(raw, i)))
                .collect();
            Chunk {
                raw,
                len: ffi::duckdb_data_chunk_get_size(raw) as usize,
                columns,
            }
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About the memory that it takes: the vectors, and the text that does not fit into them. Nested values count
    /// by their vectors' own width only, tenfold.
    pub fn bytes(&self, types: &[LogicalType]) -> usize {
        let column = |(i, ty): (usize, &LogicalType)| match ty {
            LogicalType::Text | LogicalType::Json | LogicalType::Digits | LogicalType::Blob => {
                let column = self.column(i, ty);
                let long = |row| {
                    if column.is_null(row) {
                        0
                    } else {
                        column.bytes(row).len()
                    }
                };
                16 * self.len + (0..self.len).map(long).sum::<usize>()
            }
            LogicalType::List(_)
            | LogicalType::Array(..)
            | LogicalType::Struct(_)
            | LogicalType::Map(..) => 160 * self.len,
            _ => 16 * self.len,
        };
        types.iter().enumerate().map(column).sum()
    }

    /// Column `index` with its type, as [`super::Rows::types`] gives it.
    pub fn column<'a>(&'a self, index: usize, ty: &'a LogicalType) -> Column<'a> {
        Column {
            raw: self.columns[index],
            len: self.len,
            ty,
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this. Chunks are plain memory: freeing one in a forked child is sound.
        unsafe { ffi::duckdb_destroy_data_chunk(&mut self.raw) }
    }
}

/// A column of a chunk.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    raw: RawColumn,
    len: usize,
    ty: &'a LogicalType,
}

/// A value as SQLite can hold it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL; also NaN, which SQLite stores as NULL.
    Null,
    /// An integer of 64 bits; a boolean as 0 or 1.
    Integer(i64),
    /// A double; also a decimal, or an integer beyond 64 bits, that is what its shortest text says.
    Real(f64),
    /// A decimal or integer that is neither an integer of 64 bits nor the shortest text of a double: its digits.
    Wide(String),
    /// Text; also dates, times and UUIDs, written exactly.
    Text(Cow<'a, str>),
    /// Bytes.
    Blob(&'a [u8]),
    /// A list, struct, map or union, or a value of type JSON.
    Json(Cow<'a, str>),
}

impl Cell<'_> {
    /// Appends the value as JSON, as [`Column::write_json`] does.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Cell::Null => out.push_str("null"),
            Cell::Integer(v) => {
                let _ = write!(out, "{v}");
            }
            Cell::Real(v) => write_number(*v, *v, out),
            Cell::Wide(digits) => out.push_str(digits),
            Cell::Text(v) => write_json_string(v, out),
            Cell::Blob(v) => write_json_blob(v, out),
            Cell::Json(v) => out.push_str(v),
        }
    }
}

impl<'a> Column<'a> {
    /// The value in `row` if it is an integer of at most 64 bits with a sign, without a detour.
    pub fn int64(&self, row: usize) -> Option<i64> {
        match self.ty {
            LogicalType::Integer(8) => Some(self.get::<i64>(row)),
            LogicalType::Integer(4) => Some(self.get::<i32>(row).into()),
            LogicalType::Integer(2) => Some(self.get::<i16>(row).into()),
            LogicalType::Integer(_) => Some(self.get::<i8>(row).into()),
            _ => None,
        }
    }

    /// The value in `row` as a mirror stores it; `None` for a type that no mirror has.
    pub fn stored(&self, row: usize) -> Option<Stored<'a>> {
        if self.is_null(row) {
            return Some(Stored::Null);
        }
        Some(match self.ty {
            LogicalType::Integer(8)
            | LogicalType::Timestamp(1_000_000)
            | LogicalType::Decimal { bytes: 8, .. } => Stored::Int64(self.get(row)),
            LogicalType::Date | LogicalType::Decimal { bytes: 4, .. } => {
                Stored::Int32(self.get(row))
            }
            LogicalType::Decimal { bytes: 2, .. } => Stored::Int16(self.get(row)),
            LogicalType::Decimal { .. } => Stored::Int128(self.get(row)),
            LogicalType::Boolean => Stored::Bool(self.get::<u8>(row) != 0),
            LogicalType::Double => Stored::Double(self.get(row)),
            LogicalType::Text => Stored::Text(std::str::from_utf8(self.bytes(row)).ok()?),
            LogicalType::Blob => Stored::Blob(self.bytes(row)),
            _ => return None,
        })
    }

    /// The value in `row`.
    pub fn cell(&self, row: usize) -> Cell<'a> {
        if self.is_null(row) {
            return Cell::Null;
        }
        match self.ty {
            LogicalType::Null => Cell::Null,
            LogicalType::Boolean => Cell::Integer(i64::from(self.get::<u8>(row) != 0)),
            LogicalType::Integer(_) => Cell::Integer(self.signed(row) as i64),
            LogicalType::Unsigned(_) | LogicalType::HugeInt => integer(self.signed(row)),
            LogicalType::UnsignedHugeInt => match i128::try_from(self.get::<u128>(row)) {
                Ok(v) => integer(v),
                Err(_) => number(self.get::<u128>(row).to_string()),
            },
            LogicalType::Float => real(f64::from(self.get::<f32>(row))),
            LogicalType::Double => real(self.get::<f64>(row)),
            LogicalType::Decimal { scale: 0, .. } => integer(self.signed(row)),
            LogicalType::Decimal { scale, .. } => decimal(self.signed(row), usize::from(*scale)),
            LogicalType::Text => Cell::Text(self.text(row)),
            // No reader knows their form, see `LogicalType::needs_cast`.
            LogicalType::BigNum | LogicalType::Other(_) => Cell::Null,
            LogicalType::Digits => {
                let digits = self.text(row);
                match digits.parse() {
                    Ok(v) => integer(v),
                    Err(_) => number(digits.into_owned()),
                }
            }
            LogicalType::Json => Cell::Json(self.text(row)),
            LogicalType::Blob => Cell::Blob(self.bytes(row)),
            LogicalType::List(_)
            | LogicalType::Array(..)
            | LogicalType::Struct(_)
            | LogicalType::Map(..)
            | LogicalType::Union(_) => {
                let mut json = String::new();
                self.write_json(row, &mut json);
                Cell::Json(json.into())
            }
            LogicalType::Enum(_, words) => {
                let code = self.signed(row) as usize;
                Cell::Text(words.get(code).map_or("", String::as_str).into())
            }
            LogicalType::Date
            | LogicalType::Time
            | LogicalType::Timestamp(_)
            | LogicalType::TimestampTz
            | LogicalType::Uuid => {
                let mut text = String::new();
                self.write_plain(row, &mut text);
                Cell::Text(text.into())
            }
        }
    }

    /// Appends the value in `row` as JSON. Numbers keep all their digits; infinities are `9e999`, as in SQLite.
    pub fn write_json(&self, row: usize, out: &mut String) {
        if self.is_null(row) {
            return out.push_str("null");
        }
        match self.ty {
            LogicalType::Null | LogicalType::BigNum | LogicalType::Other(_) => out.push_str("null"),
            LogicalType::Boolean => out.push_str(if self.get::<u8>(row) != 0 {
                "true"
            } else {
                "false"
            }),
            LogicalType::Integer(_)
            | LogicalType::Unsigned(_)
            | LogicalType::HugeInt
            | LogicalType::UnsignedHugeInt
            | LogicalType::Decimal { .. } => self.write_plain(row, out),
            LogicalType::Float => {
                write_number(f64::from(self.get::<f32>(row)), self.get::<f32>(row), out)
            }
            LogicalType::Double => write_number(self.get::<f64>(row), self.get::<f64>(row), out),
            LogicalType::Text => write_json_string(&self.text(row), out),
            LogicalType::Json | LogicalType::Digits => out.push_str(&self.text(row)),
            LogicalType::Blob => write_json_blob(self.bytes(row), out),
            LogicalType::List(_) | LogicalType::Array(..) => {
                if let Some((child, range)) = self.elements(row) {
                    write_array(range, out, |i, out| child.write_json(i, out));
                }
            }
            // Of `row(1, 2)`.
            LogicalType::Struct(fields) if fields.iter().all(|(name, _)| name.is_empty()) => {
                write_array(0..fields.len(), out, |i, out| {
                    self.field(i, &fields[i].1).write_json(row, out)
                });
            }
            LogicalType::Struct(fields) => {
                for (i, (name, ty)) in fields.iter().enumerate() {
                    out.push(if i == 0 { '{' } else { ',' });
                    write_json_string(name, out);
                    out.push(':');
                    self.field(i, ty).write_json(row, out);
                }
                out.push('}');
            }
            LogicalType::Map(key, value) => {
                let [offset, len] = self.get::<[u64; 2]>(row).map(|v| v as usize);
                // SAFETY: a MAP is a list of structs of key and value.
                let (keys, values) = unsafe {
                    let entries = ffi::duckdb_list_vector_get_child(self.raw.vector);
                    (
                        self.child(
                            ffi::duckdb_struct_vector_get_child(entries, 0),
                            offset + len,
                            key,
                        ),
                        self.child(
                            ffi::duckdb_struct_vector_get_child(entries, 1),
                            offset + len,
                            value,
                        ),
                    )
                };
                out.push('{');
                for i in offset..offset + len {
                    if i > offset {
                        out.push(',');
                    }
                    match keys.cell(i) {
                        Cell::Text(text) => write_json_string(&text, out),
                        _ => {
                            let mut text = String::new();
                            keys.write_json(i, &mut text);
                            write_json_string(&text, out);
                        }
                    }
                    out.push(':');
                    values.write_json(i, out);
                }
                out.push('}');
            }
            LogicalType::Union(members) => {
                // A UNION is a struct of its tag and then its members.
                let tag = self.field(0, &LogicalType::Unsigned(1)).signed(row) as usize;
                match members.get(tag) {
                    Some((_, ty)) => self.field(tag + 1, ty).write_json(row, out),
                    None => out.push_str("null"),
                }
            }
            LogicalType::Enum(_, words) => write_json_string(
                words
                    .get(self.signed(row) as usize)
                    .map_or("", String::as_str),
                out,
            ),
            LogicalType::Date
            | LogicalType::Time
            | LogicalType::Timestamp(_)
            | LogicalType::TimestampTz
            | LogicalType::Uuid => {
                out.push('"');
                self.write_plain(row, out);
                out.push('"');
            }
        }
    }

    /// Appends a number, date, time or UUID as DuckDB writes it.
    fn write_plain(&self, row: usize, out: &mut String) {
        match self.ty {
            LogicalType::UnsignedHugeInt => {
                let _ = write!(out, "{}", self.get::<u128>(row));
            }
            LogicalType::Decimal { scale, .. } => {
                write_decimal(self.signed(row), usize::from(*scale), out)
            }
            LogicalType::Date => match self.get::<i32>(row) {
                i32::MAX => out.push_str("infinity"),
                days if days == -i32::MAX => out.push_str("-infinity"),
                days => write_date(i64::from(days), "", out),
            },
            LogicalType::Time => write_time(self.get::<i64>(row), 1_000_000, out),
            LogicalType::Timestamp(units) => write_timestamp(self.get::<i64>(row), *units, "", out),
            LogicalType::TimestampTz => {
                write_timestamp(self.get::<i64>(row), 1_000_000, "+00", out)
            }
            LogicalType::Uuid => {
                // Stored with the first bit flipped, so that signed order is text order.
                let v = self.get::<u128>(row) ^ (1 << 127);
                let hex = format!("{v:032x}");
                let groups = [
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..],
                ];
                out.push_str(&groups.join("-"));
            }
            _ => {
                let _ = write!(out, "{}", self.signed(row));
            }
        }
    }

    /// True if the value in `row` is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        debug_assert!(row < self.len);
        // SAFETY: a validity mask has a bit for each row; null means that all are valid.
        !self.raw.validity.is_null()
            && unsafe { *self.raw.validity.add(row / 64) } >> (row % 64) & 1 == 0
    }

    /// The type.
    pub(super) fn ty(&self) -> &'a LogicalType {
        self.ty
    }

    /// The stored integer, whatever its width.
    pub(super) fn signed(&self, row: usize) -> i128 {
        match self.ty {
            LogicalType::Integer(1) => self.get::<i8>(row).into(),
            LogicalType::Integer(2) | LogicalType::Decimal { bytes: 2, .. } => {
                self.get::<i16>(row).into()
            }
            LogicalType::Integer(4) | LogicalType::Decimal { bytes: 4, .. } => {
                self.get::<i32>(row).into()
            }
            LogicalType::Integer(_) | LogicalType::Decimal { bytes: 8, .. } => {
                self.get::<i64>(row).into()
            }
            LogicalType::Unsigned(1) | LogicalType::Enum(1, _) => self.get::<u8>(row).into(),
            LogicalType::Unsigned(2) | LogicalType::Enum(2, _) => self.get::<u16>(row).into(),
            LogicalType::Unsigned(4) | LogicalType::Enum(..) => self.get::<u32>(row).into(),
            LogicalType::Unsigned(_) => self.get::<u64>(row).into(),
            _ => self.get::<i128>(row),
        }
    }

    pub(super) fn text(&self, row: usize) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes(row))
    }

    pub(super) fn bytes(&self, row: usize) -> &'a [u8] {
        // SAFETY: the column's values are 16-byte strings: a length, then up to 12 bytes inline or 4 bytes of
        // prefix and a pointer to bytes that live as long as the chunk.
        unsafe {
            let string = self.raw.data.add(row * 16);
            let len = string.cast::<u32>().read() as usize;
            let bytes = if len <= 12 {
                string.add(4)
            } else {
                string.add(8).cast::<*const u8>().read()
            };
            std::slice::from_raw_parts(bytes, len)
        }
    }

    /// Whether any value is NULL.
    pub(super) fn has_nulls(&self) -> bool {
        !self.raw.validity.is_null() && (0..self.len).any(|row| self.is_null(row))
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All values of a type that DuckDB stores in so many bytes each.
    pub(super) fn data(&self, width: usize) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller picks the width by the column's type, and a vector has a value for each row, also of NULL.
        unsafe { std::slice::from_raw_parts(self.raw.data, self.len * width) }
    }

    /// Reads the fixed-width value of `row`; `T` is what DuckDB stores for the column's type.
    pub(super) fn get<T: Copy>(&self, row: usize) -> T {
        // SAFETY: the callers above pick `T` by the column's type, and DuckDB aligns vectors to it or more.
        unsafe { self.raw.data.cast::<T>().add(row).read_unaligned() }
    }

    /// Where the elements of the list or array in `row` are; `None` of another type.
    pub(super) fn elements(&self, row: usize) -> Option<(Column<'a>, Range<usize>)> {
        match self.ty {
            LogicalType::List(child) => {
                let [offset, len] = self.get::<[u64; 2]>(row).map(|v| v as usize);
                let end = offset + len;
                // SAFETY: a LIST vector has a child that lives as long as it, with at least `end` values.
                let child = unsafe {
                    let vector = ffi::duckdb_list_vector_get_child(self.raw.vector);
                    self.child(vector, end, child)
                };
                Some((child, offset..end))
            }
            LogicalType::Array(child, size) => {
                // SAFETY: an ARRAY vector has a child with `size` values a row.
                let child = unsafe {
                    let vector = ffi::duckdb_array_vector_get_child(self.raw.vector);
                    self.child(vector, self.len * size, child)
                };
                Some((child, row * size..(row + 1) * size))
            }
            _ => None,
        }
    }

    pub(super) fn field(&self, index: usize, ty: &'a LogicalType) -> Column<'a> {
        // SAFETY: STRUCT and UNION vectors have a child a field, as long as themselves.
        unsafe {
            self.child(
                ffi::duckdb_struct_vector_get_child(self.raw.vector, index as ffi::idx_t),
                self.len,
                ty,
            )
        }
    }

    /// # Safety
    /// `vector` is a child of this column with at least `len` values of type `ty`.
    unsafe fn child(
        &self,
        vector: ffi::duckdb_vector,
        len: usize,
        ty: &'a LogicalType,
    ) -> Column<'a> {
        // SAFETY: a child lives as long as its parent.
        let raw = unsafe { RawColumn::new(vector) };
        Column { raw, len, ty }
    }
}

fn integer<'a>(value: i128) -> Cell<'a> {
    i64::try_from(value).map_or_else(|_| number(value.to_string()), Cell::Integer)
}

/// Decimals below this have at most 15 digits, which a double always gives back.
const FIFTEEN_DIGITS: u128 = 1_000_000_000_000_000;

/// Powers of ten up to this are doubles, and dividing by one rounds once.
const EXACT_POWER: usize = 22;

fn decimal<'a>(value: i128, scale: usize) -> Cell<'a> {
    if value.unsigned_abs() < FIFTEEN_DIGITS && scale <= EXACT_POWER {
        return Cell::Real(value as f64 / 10_f64.powi(scale as i32));
    }
    let mut digits = String::new();
    write_decimal(value, scale, &mut digits);
    number(digits)
}

/// A number by its digits: the double whose shortest text they are, or an integer of 64 bits.
fn number<'a>(digits: String) -> Cell<'a> {
    let shortest = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    match (shortest.parse::<f64>(), shortest.parse()) {
        (Ok(v), _) if v.to_string() == shortest => Cell::Real(v),
        (_, Ok(v)) => Cell::Integer(v),
        _ => Cell::Wide(digits),
    }
}

fn real<'a>(value: f64) -> Cell<'a> {
    if value.is_nan() {
        Cell::Null
    } else {
        Cell::Real(value)
    }
}
