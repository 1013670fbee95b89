//! DuckDB's flat vectors as slices: the layouts of strings, lists, arrays and NULL masks.

use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::{Error, Result};

use crate::vectors::hash;
use crate::vectors::numeric::Numbers;
pub use crate::vectors::raw::{TypeHandle, Validity, slice};

/// The values of a vector.
pub enum Values<'a> {
    /// A column of nothing but NULL.
    Null,
    /// Numbers, booleans among them.
    Number(Numbers<'a>),
    /// VARCHAR.
    Text(&'a [ffi::duckdb_string_t]),
    /// BLOB.
    Blob(&'a [ffi::duckdb_string_t]),
    /// UUID.
    Uuid(&'a [ffi::duckdb_hugeint]),
    /// DATE, as days since 1970.
    Days(&'a [i32]),
    /// TIMESTAMP or TIMESTAMPTZ, of any precision, as integers since 1970.
    Moments(&'a [i64], Precision),
    /// A list of numbers a row.
    List(&'a [ffi::duckdb_list_entry], Elements<'a>),
    /// This many numbers a row.
    Array(usize, Elements<'a>),
    /// Anything else.
    Other,
}

/// What the integers of a vector of times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Seconds.
    Seconds,
    /// Thousandths of seconds.
    Millis,
    /// Millionths.
    Micros,
    /// Thousandths of them.
    Nanos,
}

impl Precision {
    /// The same in microseconds; `None` beyond 64 bits.
    pub fn micros(self, time: i64) -> Option<i64> {
        match self {
            Precision::Seconds => time.checked_mul(1_000_000),
            Precision::Millis => time.checked_mul(1_000),
            Precision::Micros => Some(time),
            Precision::Nanos => Some(time.div_euclid(1_000)),
        }
    }
}

/// The elements of all lists or arrays of a vector.
pub struct Elements<'a> {
    /// The numbers.
    pub numbers: Numbers<'a>,
    /// Which of them are NULL.
    pub validity: Validity<'a>,
}

impl<'a> Values<'a> {
    /// # Safety
    /// `vector` is flat, has `rows` rows and is neither changed nor freed during `'a`.
    pub unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract; a child vector is as long as asked for here and lives as long as its parent.
        unsafe {
            let ty = TypeHandle::own(ffi::duckdb_vector_get_column_type(vector));
            match ty.id() {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL => Values::Null,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR => Values::Text(slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB => Values::Blob(slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => Values::Uuid(slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => Values::Days(slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP
                | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => {
                    Values::Moments(slice(vector, rows), Precision::Micros)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S => {
                    Values::Moments(slice(vector, rows), Precision::Seconds)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS => {
                    Values::Moments(slice(vector, rows), Precision::Millis)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS => {
                    Values::Moments(slice(vector, rows), Precision::Nanos)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => {
                    Values::Number(Numbers::booleans(slice(vector, rows)))
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => {
                    let child_type = TypeHandle::own(ffi::duckdb_list_type_child_type(ty.raw()));
                    let child = ffi::duckdb_list_vector_get_child(vector);
                    let len = ffi::duckdb_list_vector_get_size(vector) as usize;
                    match Elements::new(&child_type, child, len) {
                        Some(elements) => Values::List(slice(vector, rows), elements),
                        None => Values::Other,
                    }
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => {
                    let child_type = TypeHandle::own(ffi::duckdb_array_type_child_type(ty.raw()));
                    let child = ffi::duckdb_array_vector_get_child(vector);
                    let size = ffi::duckdb_array_type_array_size(ty.raw()) as usize;
                    match Elements::new(&child_type, child, rows * size) {
                        Some(elements) => Values::Array(size, elements),
                        None => Values::Other,
                    }
                }
                _ => Numbers::new(&ty, vector, rows).map_or(Values::Other, Values::Number),
            }
        }
    }
}

impl Values<'_> {
    /// DuckDB's hash of the vector in `row`, if it can be one; its elements are not NULL.
    pub fn hash(&self, row: usize) -> Option<u64> {
        match self {
            Values::Text(strings) | Values::Blob(strings) => {
                strings.get(row).map(|s| hash::bytes(bytes(s)))
            }
            Values::List(entries, elements) => {
                let entry = entries.get(row)?;
                let end = entry.offset.checked_add(entry.length)?;
                elements.numbers.hash(entry.offset as usize..end as usize)
            }
            Values::Array(size, elements) => elements.numbers.hash(row * size..(row + 1) * size),
            _ => None,
        }
    }
}

impl<'a> Elements<'a> {
    /// # Safety
    /// As [`Values::new`], with `ty` the type of `vector`.
    unsafe fn new(ty: &TypeHandle, vector: ffi::duckdb_vector, len: usize) -> Option<Self> {
        if ty.id() == ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL {
            return Some(Elements {
                numbers: Numbers::none(),
                validity: Validity::ALL_NULL,
            });
        }
        // SAFETY: by contract.
        unsafe {
            Some(Elements {
                numbers: Numbers::new(ty, vector, len)?,
                validity: Validity::new(vector, len),
            })
        }
    }
}

/// The bytes of a string.
pub fn bytes(string: &ffi::duckdb_string_t) -> &[u8] {
    // SAFETY: the length stands first in both forms; up to 12 bytes follow inside, more are pointed to,
    // and live as long as the vector that the string is in.
    unsafe {
        let len = string.value.inlined.length as usize;
        let start = if len <= 12 {
            string.value.inlined.inlined.as_ptr()
        } else {
            string.value.pointer.ptr.cast_const()
        };
        std::slice::from_raw_parts(start.cast(), len)
    }
}

/// The 16 bytes of a string itself: strings of one vector that agree in them have the same bytes.
pub fn identity(string: &ffi::duckdb_string_t) -> [u64; 2] {
    // SAFETY: 16 initialized bytes, 8-aligned.
    unsafe { ptr::from_ref(string).cast::<[u64; 2]>().read() }
}

/// Strings of which some may be NULL, whose cells hold anything.
pub struct Strings<'a> {
    cells: &'a [ffi::duckdb_string_t],
    validity: Validity<'a>,
}

impl<'a> Strings<'a> {
    /// # Safety
    /// As [`slice`], of texts or BLOBs.
    pub unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract.
        unsafe {
            Strings {
                cells: slice(vector, rows),
                validity: Validity::new(vector, rows),
            }
        }
    }

    /// The bytes in `row`, unless it is NULL.
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        if self.validity.is_null(row) {
            None
        } else {
            self.cells.get(row).map(bytes)
        }
    }

    /// The text in `row`, unless it is NULL.
    pub fn text(&self, row: usize) -> Result<Option<&'a str>> {
        let text = self.get(row).map(std::str::from_utf8).transpose();
        text.map_err(|_| Error::new("text is not UTF-8"))
    }
}

/// The strings of the list in the first row, `None` for NULL; no strings if the list is NULL.
///
/// # Safety
/// As [`slice`], of a list of strings.
pub unsafe fn strings<'a>(vector: ffi::duckdb_vector) -> Vec<Option<&'a [u8]>> {
    // SAFETY: by contract; the child has the elements of all lists.
    unsafe {
        let list = slice::<ffi::duckdb_list_entry>(vector, 1).first();
        let Some(list) = list.filter(|_| !Validity::new(vector, 1).is_null(0)) else {
            return Vec::new();
        };
        let size = ffi::duckdb_list_vector_get_size(vector) as usize;
        let all = Strings::new(ffi::duckdb_list_vector_get_child(vector), size);
        let range = list.offset as usize..(list.offset.saturating_add(list.length)) as usize;
        range.map(|i| all.get(i)).collect()
    }
}
