//! Arguments out of a chunk and results into one, with no allocation a row for `FLOAT[]` and `FLOAT[n]`.

mod lists;

use std::ffi::c_char;

use libduckdb_sys as ffi;
use lumos_core::series::clock::{Clock, DAY};
use lumos_core::{Error, Param, Result, Type, Value, ValueRef, vector};

use crate::vectors::uuid;
use crate::vectors::view::{self, TypeHandle, Validity, Values};
use lists::Lists;

/// One argument for all rows of a chunk.
pub struct Column<'a> {
    param: Param,
    validity: Validity<'a>,
    values: Values<'a>,
    /// The lists, where the argument takes one and lists are given.
    lists: Option<Box<Lists<'a>>>,
    /// The vector converted last.
    converted: Vec<f32>,
    /// The text of the UUID, the time or the list read last.
    text: String,
    /// Where the vector read last stands. DuckDB repeats the place of a constant in every row, so that
    /// a constant is converted and checked once a chunk.
    last: Option<Place>,
}

/// A vector as it is stored.
pub enum Stored<'a> {
    /// As numbers.
    Floats(&'a [f32]),
    /// In a BLOB.
    Bytes(&'a [[u8; 4]]),
}

/// Offset and length of a list, or the 16 bytes of a string.
type Place = [u64; 2];

impl<'a> Column<'a> {
    /// The argument `param` of `rows` rows.
    ///
    /// # Safety
    /// `vector` is flat, has `rows` rows and is neither changed nor freed during `'a`.
    pub unsafe fn new(param: &Param, vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract.
        let values = unsafe { Values::new(vector, rows) };
        let lists = match param.ty {
            // SAFETY: by contract.
            Type::List => unsafe { Lists::new(param, vector, rows) }.map(Box::new),
            _ => None,
        };
        let validity = match values {
            Values::Null => Validity::ALL_NULL,
            // SAFETY: by contract.
            _ => unsafe { Validity::new(vector, rows) },
        };
        Column {
            param: *param,
            validity,
            values,
            lists,
            converted: Vec::new(),
            text: String::new(),
            last: None,
        }
    }

    /// True if the argument is NULL in `row`.
    pub fn is_null(&self, row: usize) -> bool {
        self.validity.is_null(row)
    }

    /// DuckDB's hash of the vector in `row`, which is not NULL; `None` if it is no vector.
    pub fn hash(&self, row: usize) -> Option<u64> {
        self.values.hash(row)
    }

    /// The argument in `row`, in the form that its type promises to the body.
    pub fn get(&mut self, row: usize) -> Result<ValueRef<'_>> {
        if self.is_null(row) {
            return Ok(ValueRef::Null);
        }
        if let Some(lists) = &mut self.lists {
            lists.write(row, &mut self.text)?;
            return Ok(ValueRef::Text(&self.text));
        }
        match (&self.values, self.param.ty) {
            (_, Type::Vector) => self.vector(row).map(ValueRef::Vector),
            (_, Type::Integer) => self.whole(row).map(ValueRef::Integer),
            (Values::Number(numbers), _) => numbers.value(row).ok_or_else(out_of_bounds),
            (Values::Text(strings), _) => {
                text(strings.get(row).ok_or_else(out_of_bounds)?).map(ValueRef::Text)
            }
            (Values::Blob(strings), _) => strings
                .get(row)
                .map(|s| ValueRef::Blob(view::bytes(s)))
                .ok_or_else(out_of_bounds),
            (Values::Uuid(ids), _) => {
                uuid::write(ids.get(row).ok_or_else(out_of_bounds)?, &mut self.text);
                Ok(ValueRef::Text(&self.text))
            }
            (Values::Days(days), Type::Time) => {
                let day = i64::from(*days.get(row).ok_or_else(out_of_bounds)?);
                self.time(Clock::Date, day.checked_mul(DAY))
            }
            (Values::Moments(times, precision), Type::Time) => {
                let time = *times.get(row).ok_or_else(out_of_bounds)?;
                self.time(Clock::Timestamp, precision.micros(time))
            }
            (_, Type::List) => Err(Error::new(format!(
                "{} is no list; give one, like list(x), or a JSON array",
                self.param.name
            ))),
            _ => Err(Error::new(format!(
                "{} is of a type that is not taken; give a number, text or a BLOB, like CAST(x AS VARCHAR)",
                self.param.name
            ))),
        }
    }

    /// A time as its text.
    fn time(&mut self, clock: Clock, time: Option<i64>) -> Result<ValueRef<'_>> {
        match time.map(|time| clock.write(time)) {
            Some(Value::Text(text)) => {
                self.text = text;
                Ok(ValueRef::Text(&self.text))
            }
            _ => Err(Error::new(format!(
                "{} has a time outside of the years 1 to 9999",
                self.param.name
            ))),
        }
    }

    /// The whole number in `row`, of whatever type: some drivers send all numbers as DOUBLE.
    fn whole(&self, row: usize) -> Result<i64> {
        let (number, shown) = match &self.values {
            Values::Number(numbers) => match numbers.value(row).ok_or_else(out_of_bounds)? {
                ValueRef::Integer(v) => return Ok(v),
                ValueRef::Real(v) => (whole(v), v.to_string()),
                _ => return Err(out_of_bounds()),
            },
            Values::Text(strings) => {
                let text = text(strings.get(row).ok_or_else(out_of_bounds)?)?;
                (text.trim().parse().ok(), vector::excerpt(text))
            }
            _ => (None, "of a type that is not taken".to_owned()),
        };
        number.ok_or_else(|| {
            Error::new(format!(
                "{} is {shown}; give a whole number",
                self.param.name
            ))
        })
    }

    /// True if `row` has what the row before it has and neither is NULL, for what can be told without looking at it.
    pub fn repeats(&self, row: usize) -> bool {
        if row == 0 || self.is_null(row) || self.is_null(row - 1) {
            return false;
        }
        match &self.values {
            Values::Number(numbers) => numbers.value(row) == numbers.value(row - 1),
            _ => matches!((self.place(row), self.place(row - 1)), (Ok(a), Ok(b)) if a == b),
        }
    }

    /// The vector in `row` as it is stored if it is one of 32-bit floats: whether they are finite is not looked at.
    pub fn stored(&mut self, row: usize) -> Result<Stored<'_>> {
        if let Values::Blob(strings) = &self.values
            && let Some(floats) = vector::format::plain(view::bytes(&strings[row]))
        {
            return Ok(Stored::Bytes(floats));
        }
        if let Values::List(_, elements) | Values::Array(_, elements) = &self.values {
            let place = self.place(row)?;
            let range = place[0] as usize..(place[0] + place[1]) as usize;
            if elements.validity.first_null(range.clone()).is_none()
                && let Some(floats) = elements.numbers.floats(range)
            {
                return Ok(Stored::Floats(floats));
            }
        }
        self.vector(row).map(Stored::Floats)
    }

    fn vector(&mut self, row: usize) -> Result<&[f32]> {
        let place = self.place(row)?;
        let fresh = self.last.replace(place) != Some(place);
        if let Values::List(_, elements) | Values::Array(_, elements) = &self.values {
            let range = place[0] as usize..(place[0] + place[1]) as usize;
            if fresh && let Some(i) = elements.validity.first_null(range.clone()) {
                return Err(Error::new(format!(
                    "element {} of the vector is NULL; only finite numbers are allowed",
                    i - range.start + 1
                )));
            }
            if let Some(floats) = elements.numbers.floats(range.clone()) {
                if fresh {
                    vector::check_finite(floats)?;
                }
                return Ok(floats);
            }
            if fresh {
                elements
                    .numbers
                    .convert(range, &mut self.converted)
                    .ok_or_else(out_of_bounds)?;
                vector::check_finite(&self.converted)?;
            }
        } else if fresh {
            match &self.values {
                Values::Blob(strings) => {
                    vector::format::decode(view::bytes(&strings[row]), &mut self.converted)?
                }
                Values::Text(strings) => self.converted = vector::from_json(text(&strings[row])?)?,
                _ => {}
            }
        }
        Ok(&self.converted)
    }

    fn place(&self, row: usize) -> Result<Place> {
        match &self.values {
            Values::List(entries, _) => entries.get(row).map(|e| [e.offset, e.length]),
            Values::Array(size, _) => Some([(row * size) as u64, *size as u64]),
            Values::Text(strings) | Values::Blob(strings) => strings.get(row).map(view::identity),
            _ => {
                let name = self.param.name;
                return Err(Error::new(format!(
                    "{name} is not a vector; give FLOAT[], FLOAT[n], a BLOB of 32-bit floats or JSON like '[1, 2.5]'"
                )));
            }
        }
        .ok_or_else(out_of_bounds)
    }
}

/// The results for all rows of a chunk.
pub struct Output {
    vector: ffi::duckdb_vector,
    ty: Type,
    rows: usize,
    /// The mask of NULLs, once there is one.
    mask: Option<*mut u64>,
}

impl Output {
    /// # Safety
    /// `vector` has room for `rows` rows of what [`result_type`] says of `ty`, and outlives the output.
    pub unsafe fn new(vector: ffi::duckdb_vector, ty: Type, rows: usize) -> Self {
        Output {
            vector,
            ty,
            rows,
            mask: None,
        }
    }

    /// Writes the result of `row`.
    pub fn set(&mut self, row: usize, value: &Value) -> Result<()> {
        if row >= self.rows {
            return Err(out_of_bounds());
        }
        match (value, self.ty) {
            (Value::Null, _) => self.set_null(row),
            // SAFETY: by the contract of `new`, and the row is within bounds.
            (Value::Integer(v), Type::Integer) => unsafe { self.write(row, *v) },
            // SAFETY: as above.
            (Value::Real(v), Type::Real) => unsafe { self.write(row, *v) },
            (Value::Text(v), Type::Text | Type::Json) => self.assign(row, v.as_bytes()),
            (Value::Blob(v), Type::Blob) => self.assign(row, v),
            (Value::Blob(v), Type::Vector) => {
                let floats = vector::format::plain(v);
                self.append(
                    row,
                    floats.ok_or_else(|| Error::new("internal error: no vector"))?,
                )?;
            }
            (value, ty) => {
                return Err(Error::new(format!(
                    "internal error: {value:?} is not of type {}",
                    ty.name()
                )));
            }
        }
        Ok(())
    }

    /// Writes a UUID as the result of `row`, where results are of that type.
    ///
    /// # Safety
    /// The vector is one of UUIDs.
    pub unsafe fn set_uuid(&mut self, row: usize, id: ffi::duckdb_hugeint) -> Result<()> {
        if row >= self.rows {
            return Err(out_of_bounds());
        }
        // SAFETY: by contract, and the row is within bounds.
        unsafe { self.write(row, id) };
        Ok(())
    }

    /// Writes a time, given as text, as the result of `row`: as days if `is_date`, else as microseconds. NULL if it is none.
    ///
    /// # Safety
    /// The vector is one of DATE, or of TIMESTAMP or TIMESTAMPTZ.
    pub unsafe fn set_time(&mut self, row: usize, text: &str, is_date: bool) -> Result<()> {
        if row >= self.rows {
            return Err(out_of_bounds());
        }
        match Clock::read(ValueRef::Text(text)) {
            // SAFETY: by contract, and the row is within bounds. A day of the years 1 to 9999 has 32 bits.
            Ok((_, time)) if is_date => unsafe { self.write(row, time.div_euclid(DAY) as i32) },
            // SAFETY: as above.
            Ok((_, time)) => unsafe { self.write(row, time) },
            Err(_) => self.set_null(row),
        }
        Ok(())
    }

    fn set_null(&mut self, row: usize) {
        // SAFETY: the vector is alive; its mask has a bit for each row once it is made writable.
        unsafe {
            let mask = *self.mask.get_or_insert_with(|| {
                ffi::duckdb_vector_ensure_validity_writable(self.vector);
                ffi::duckdb_vector_get_validity(self.vector)
            });
            ffi::duckdb_validity_set_row_invalid(mask, row as ffi::idx_t);
        }
    }

    /// # Safety
    /// The vector stores `T` and `row` is within bounds.
    unsafe fn write<T>(&mut self, row: usize, value: T) {
        // SAFETY: by contract.
        unsafe {
            ffi::duckdb_vector_get_data(self.vector)
                .cast::<T>()
                .add(row)
                .write(value)
        }
    }

    /// Writes a list of floats, behind those that other rows have.
    fn append(&mut self, row: usize, floats: &[[u8; 4]]) -> Result<()> {
        let short = || Error::new("memory is short for the vectors of the result");
        // SAFETY: only lists of FLOAT come here; their elements have room for as many as were reserved, and the row is
        // within bounds.
        unsafe {
            let offset = ffi::duckdb_list_vector_get_size(self.vector);
            let size = offset + floats.len() as ffi::idx_t;
            if ffi::duckdb_list_vector_reserve(self.vector, size) != ffi::DuckDBSuccess
                || ffi::duckdb_list_vector_set_size(self.vector, size) != ffi::DuckDBSuccess
            {
                return Err(short());
            }
            let elements = ffi::duckdb_list_vector_get_child(self.vector);
            let to = ffi::duckdb_vector_get_data(elements)
                .cast::<f32>()
                .add(offset as usize);
            for (i, bytes) in floats.iter().enumerate() {
                to.add(i).write(f32::from_le_bytes(*bytes));
            }
            let length = floats.len() as u64;
            self.write(row, ffi::duckdb_list_entry { offset, length });
        }
        Ok(())
    }

    fn assign(&mut self, row: usize, bytes: &[u8]) {
        // SAFETY: only strings come here, the row is within bounds, and DuckDB copies the bytes.
        unsafe {
            let (data, len) = (bytes.as_ptr().cast::<c_char>(), bytes.len() as ffi::idx_t);
            ffi::duckdb_vector_assign_string_element_len(self.vector, row as ffi::idx_t, data, len);
        }
    }
}

/// DuckDB's number of an argument's type. A whole number is ANY too: DuckDB casts no DOUBLE to BIGINT by itself.
pub fn param_id(ty: Type) -> ffi::DUCKDB_TYPE {
    match ty {
        Type::Integer => ffi::DUCKDB_TYPE_DUCKDB_TYPE_ANY,
        other => type_id(other),
    }
}

/// DuckDB's number of a type. A vector as an argument is ANY: a vector, text or a BLOB, taken without a cast.
pub fn type_id(ty: Type) -> ffi::DUCKDB_TYPE {
    match ty {
        Type::Integer => ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT,
        Type::Real => ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE,
        Type::Text | Type::Json => ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR,
        Type::Blob => ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB,
        Type::Vector | Type::Time | Type::List | Type::Any => ffi::DUCKDB_TYPE_DUCKDB_TYPE_ANY,
    }
}

/// The second form of a function of vectors, which DuckDB prefers if all of them are `FLOAT[]` or `FLOAT[n]`.
///
/// Its cast of an array to a list copies nothing, and repeats a constant list by its place, where it
/// would copy all elements of a constant array to every row. The first form takes the rest as it is.
pub fn float_list_or(ty: Type) -> TypeHandle {
    match ty {
        Type::Vector => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT).list(),
        other => TypeHandle::simple(param_id(other)),
    }
}

/// The type of a result: a vector is a FLOAT[], which DuckDB casts to FLOAT[n].
pub fn result_type(ty: Type) -> TypeHandle {
    match ty {
        Type::Vector => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT).list(),
        other => TypeHandle::simple(type_id(other)),
    }
}

/// A number without a fraction that 64 bits can hold.
fn whole(value: f64) -> Option<i64> {
    let limit = 2f64.powi(63);
    (value.fract() == 0.0 && value >= -limit && value < limit).then_some(value as i64)
}

fn text(string: &ffi::duckdb_string_t) -> Result<&str> {
    std::str::from_utf8(view::bytes(string)).map_err(|_| Error::new("text is not UTF-8"))
}

fn out_of_bounds() -> Error {
    Error::new("internal error: a row or list is out of bounds")
}
