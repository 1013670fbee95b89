//! DuckDB's flat vectors as slices: the layouts of strings, lists, arrays and NULL masks.

use std::ffi::CStr;
use std::ops::Range;
use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::{Error, Result};

use crate::vectors::hash;
use crate::vectors::numeric::Numbers;

/// A logical type, freed when dropped.
pub struct TypeHandle(ffi::duckdb_logical_type);

impl TypeHandle {
    /// Takes over a handle that DuckDB handed out.
    ///
    /// # Safety
    /// `raw` is a live handle that nobody else frees.
    pub unsafe fn own(raw: ffi::duckdb_logical_type) -> Self {
        TypeHandle(raw)
    }

    /// The type with this number and no parameters.
    pub fn simple(id: ffi::DUCKDB_TYPE) -> Self {
        // SAFETY: creates a handle that is ours.
        unsafe { Self::own(ffi::duckdb_create_logical_type(id)) }
    }

    /// A list of this type.
    pub fn list(&self) -> Self {
        // SAFETY: the handle is alive, and DuckDB copies the type.
        unsafe { Self::own(ffi::duckdb_create_list_type(self.0)) }
    }

    /// A struct of members of these types.
    pub fn structure(members: &[(TypeHandle, &CStr)]) -> Self {
        let mut types: Vec<_> = members.iter().map(|(ty, _)| ty.0).collect();
        let mut names: Vec<_> = members.iter().map(|(_, name)| name.as_ptr()).collect();
        let count = members.len() as ffi::idx_t;
        // SAFETY: a type and a name for each member, all alive during the call, which copies them.
        unsafe {
            Self::own(ffi::duckdb_create_struct_type(
                types.as_mut_ptr(),
                names.as_mut_ptr(),
                count,
            ))
        }
    }

    /// The handle, valid as long as `self`.
    pub fn raw(&self) -> ffi::duckdb_logical_type {
        self.0
    }

    /// DuckDB's number of the type, without its parameters.
    pub fn id(&self) -> ffi::DUCKDB_TYPE {
        // SAFETY: the handle is alive.
        unsafe { ffi::duckdb_get_type_id(self.0) }
    }
}

impl Drop for TypeHandle {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { ffi::duckdb_destroy_logical_type(&mut self.0) }
    }
}

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
    /// A list of numbers a row.
    List(&'a [ffi::duckdb_list_entry], Elements<'a>),
    /// This many numbers a row.
    Array(usize, Elements<'a>),
    /// Anything else.
    Other,
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

/// Which rows are NULL: a bit for each row, 0 for NULL, as are rows behind the mask; no mask if none is.
pub struct Validity<'a>(Option<&'a [u64]>);

impl Validity<'_> {
    /// Every row.
    pub const ALL_NULL: Validity<'static> = Validity(Some(&[]));

    /// # Safety
    /// As [`Values::new`].
    pub unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract; a mask has whole words.
        unsafe {
            let mask = ffi::duckdb_vector_get_validity(vector);
            Validity((!mask.is_null()).then(|| std::slice::from_raw_parts(mask, rows.div_ceil(64))))
        }
    }

    /// True if `row` is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.0
            .is_some_and(|mask| word(mask, row) >> (row % 64) & 1 == 0)
    }

    /// The first NULL in the range, a word at a time.
    pub fn first_null(&self, range: Range<usize>) -> Option<usize> {
        let mask = self.0?;
        let mut row = range.start;
        while row < range.end {
            let width = (64 - row % 64).min(range.end - row);
            let valid = (word(mask, row) >> (row % 64)).trailing_ones() as usize;
            if valid < width {
                return Some(row + valid);
            }
            row += width;
        }
        None
    }
}

fn word(mask: &[u64], row: usize) -> u64 {
    mask.get(row / 64).copied().unwrap_or(0)
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
        match self.validity.is_null(row) {
            true => None,
            false => self.cells.get(row).map(bytes),
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

/// The cells of a vector.
///
/// # Safety
/// `vector` is flat, stores `T`, has `len` rows and is neither changed nor freed during `'a`.
pub unsafe fn slice<'a, T>(vector: ffi::duckdb_vector, len: usize) -> &'a [T] {
    // SAFETY: by contract; an empty vector may have no memory.
    unsafe {
        match ffi::duckdb_vector_get_data(vector).cast::<T>() {
            data if data.is_null() => &[],
            data => std::slice::from_raw_parts(data, len),
        }
    }
}
