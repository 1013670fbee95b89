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

    /// An ENUM of this one value.
    pub fn enumeration(value: &CStr) -> Self {
        let mut names = [value.as_ptr()];
        // SAFETY: one name, alive during the call, which copies it.
        unsafe { Self::own(ffi::duckdb_create_enum_type(names.as_mut_ptr(), 1)) }
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

    /// The name of the type for an error, without its parameters.
    pub fn name(&self) -> String {
        let simple = match self.id() {
            // SAFETY: the handle is one of a list, and the child's is ours.
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => unsafe {
                return Self::own(ffi::duckdb_list_type_child_type(self.0)).name() + "[]";
            },
            // SAFETY: the handle is one of an array, and the child's is ours.
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => unsafe {
                let size = ffi::duckdb_array_type_array_size(self.0);
                let child = Self::own(ffi::duckdb_array_type_child_type(self.0));
                return format!("{}[{size}]", child.name());
            },
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => "BOOLEAN",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT => "TINYINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => "SMALLINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER => "INTEGER",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => "BIGINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT => "HUGEINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => "UTINYINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => "USMALLINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER => "UINTEGER",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT => "UBIGINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT => "UHUGEINT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT => "FLOAT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => "DOUBLE",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL => "DECIMAL",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR => "VARCHAR",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ENUM => "ENUM",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB => "BLOB",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIT => "BIT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => "UUID",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => "DATE",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME => "TIME",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_NS => "TIME_NS",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ => "TIME WITH TIME ZONE",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP => "TIMESTAMP",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => "TIMESTAMP WITH TIME ZONE",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL => "INTERVAL",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRUCT => "STRUCT",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_MAP => "MAP",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UNION => "UNION",
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL => "NULL",
            _ => "that it has",
        };
        simple.to_owned()
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
