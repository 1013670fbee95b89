//! What vectors of DuckDB are made of: types, cells, and masks of NULL.

use std::ffi::CStr;
use std::ops::Range;

use libduckdb_sys as ffi;

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
