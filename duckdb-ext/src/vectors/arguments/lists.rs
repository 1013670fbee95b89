//! Lists and arrays as JSON texts, which the functions of lists read in every engine.

use std::fmt::Write;
use std::ops::Range;

use libduckdb_sys as ffi;
use lumos_core::{Error, Param, Result, Type, ValueRef};
use serde_json::Value as Json;

use super::{Column, out_of_bounds};
use crate::vectors::view::{TypeHandle, Values, slice};

/// The lists of all rows of a chunk.
pub struct Lists<'a> {
    name: &'static str,
    places: Places<'a>,
    /// The elements of all lists, one behind the other.
    elements: Column<'a>,
    /// What they are, if it is nothing that a list may have.
    refused: Option<String>,
    booleans: bool,
}

/// Where the elements of a row stand.
enum Places<'a> {
    /// Wherever the row says.
    Anywhere(&'a [ffi::duckdb_list_entry]),
    /// This many for each row.
    Evenly(usize),
}

impl<'a> Lists<'a> {
    /// `None` if the vector is one of neither lists nor arrays.
    ///
    /// # Safety
    /// `vector` is flat, has `rows` rows and is neither changed nor freed during `'a`.
    pub unsafe fn new(param: &Param, vector: ffi::duckdb_vector, rows: usize) -> Option<Self> {
        // SAFETY: by contract; the child is as long as asked for here and lives as long as its parent.
        unsafe {
            let ty = TypeHandle::own(ffi::duckdb_vector_get_column_type(vector));
            let (places, child, length) = match ty.id() {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => (
                    Places::Anywhere(slice(vector, rows)),
                    ffi::duckdb_list_vector_get_child(vector),
                    ffi::duckdb_list_vector_get_size(vector) as usize,
                ),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => {
                    let size = ffi::duckdb_array_type_array_size(ty.raw()) as usize;
                    (
                        Places::Evenly(size),
                        ffi::duckdb_array_vector_get_child(vector),
                        rows.saturating_mul(size),
                    )
                }
                _ => return None,
            };
            let of = TypeHandle::own(ffi::duckdb_vector_get_column_type(child));
            let taken = matches!(
                Values::new(child, length),
                Values::Null
                    | Values::Number(_)
                    | Values::Text(_)
                    | Values::Days(_)
                    | Values::Moments(..)
            );
            Some(Lists {
                name: param.name,
                places,
                elements: Column::new(&Param::new(param.name, Type::Time), child, length),
                refused: (!taken).then(|| of.name()),
                booleans: of.id() == ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN,
            })
        }
    }

    /// Replaces what `out` holds by the list in `row`, which is not NULL, as JSON: times as their texts, in UTC. A number that is
    /// not finite is NULL, as in JSON. Errors if the elements are of a type that JSON has no values for.
    pub fn write(&mut self, row: usize, out: &mut String) -> Result<()> {
        let range = self.range(row).ok_or_else(out_of_bounds)?;
        if let Some(ty) = self.refused.as_ref().filter(|_| !range.is_empty()) {
            return Err(Error::new(format!(
                "{} is of the type {ty}[]; give a list of dates, timestamps, numbers or texts, or a JSON array",
                self.name
            )));
        }
        out.clear();
        out.push('[');
        let start = range.start;
        for i in range {
            if i > start {
                out.push(',');
            }
            match self.elements.get(i)? {
                ValueRef::Integer(v) if self.booleans => {
                    out.push_str(if v == 0 { "false" } else { "true" });
                }
                ValueRef::Integer(v) => {
                    let _ = write!(out, "{v}");
                }
                ValueRef::Real(v) if v.is_finite() => {
                    let _ = write!(out, "{v:?}");
                }
                ValueRef::Text(text) => {
                    let _ = write!(out, "{}", Json::from(text));
                }
                _ => out.push_str("null"),
            }
        }
        out.push(']');
        Ok(())
    }

    fn range(&self, row: usize) -> Option<Range<usize>> {
        match self.places {
            Places::Anywhere(entries) => {
                let entry = entries.get(row)?;
                let end = entry.offset.checked_add(entry.length)?;
                Some(entry.offset as usize..end as usize)
            }
            Places::Evenly(size) => {
                Some(row.checked_mul(size)?..row.checked_add(1)?.checked_mul(size)?)
            }
        }
    }
}
