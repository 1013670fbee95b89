//! The numbers in a vector, whichever of DuckDB's types they are stored in.

use std::ops::Range;

use libduckdb_sys as ffi;
use lumos_core::ValueRef;

use crate::vectors::hash;
use crate::vectors::raw::{TypeHandle, slice};

/// Numbers of one type.
pub struct Numbers<'a> {
    cells: Cells<'a>,
    /// The power of ten by which a DECIMAL's integers are divided.
    divisor: Option<f64>,
}

impl<'a> Numbers<'a> {
    /// No numbers at all.
    pub fn none() -> Self {
        Self::booleans(&[])
    }

    /// Booleans, as 0 and 1.
    pub fn booleans(cells: &'a [u8]) -> Self {
        Numbers {
            cells: Cells::UInt8(cells),
            divisor: None,
        }
    }

    /// `None` if `ty` is not a number.
    ///
    /// # Safety
    /// As [`Values::new`], with `ty` the type of `vector`.
    pub unsafe fn new(ty: &TypeHandle, vector: ffi::duckdb_vector, len: usize) -> Option<Self> {
        let mut id = ty.id();
        let mut divisor = None;
        if id == ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL {
            // SAFETY: the type is a DECIMAL.
            unsafe {
                id = ffi::duckdb_decimal_internal_type(ty.raw());
                divisor = Some(10f64.powi(ffi::duckdb_decimal_scale(ty.raw()).into()));
            }
        }
        // SAFETY: by contract; `id` is the type that the cells are stored in.
        let cells = unsafe { Cells::new(id, vector, len) }?;
        Some(Numbers { cells, divisor })
    }

    /// The floats in the range, if they are stored as such.
    pub fn floats(&self, range: Range<usize>) -> Option<&'a [f32]> {
        match &self.cells {
            Cells::Float(cells) => cells.get(range),
            _ => None,
        }
    }

    /// DuckDB's hash of a list of the numbers in the range; `None` if it is out of bounds.
    pub fn hash(&self, range: Range<usize>) -> Option<u64> {
        self.cells.hash(range)
    }

    /// Replaces what `out` holds by the numbers in the range; `None` if it is out of bounds.
    pub fn convert(&self, range: Range<usize>, out: &mut Vec<f32>) -> Option<()> {
        out.clear();
        match self.divisor {
            None => self.cells.extend(range, out, |v| v as f32),
            Some(divisor) => self.cells.extend(range, out, |v| (v / divisor) as f32),
        }
    }

    /// The number in `row`: an INTEGER if it is a whole type and fits 64 bits.
    pub fn value(&self, row: usize) -> Option<ValueRef<'static>> {
        Some(match (self.cells.value(row)?, self.divisor) {
            (ValueRef::Integer(v), Some(divisor)) => ValueRef::Real(v as f64 / divisor),
            (ValueRef::Real(v), Some(divisor)) => ValueRef::Real(v / divisor),
            (value, _) => value,
        })
    }
}

/// Declares [`Cells`]: for each number type of DuckDB what it is stored as, what value a cell is, and its hash.
macro_rules! cells {
    ($($name:ident: $cell:ty = $id:ident, $value:expr, $hash:expr;)*) => {
        /// The stored numbers.
        enum Cells<'a> { $($name(&'a [$cell]),)* }

        impl<'a> Cells<'a> {
            /// # Safety
            /// As [`Values::new`], with `id` the type that `vector` stores.
            unsafe fn new(id: ffi::DUCKDB_TYPE, vector: ffi::duckdb_vector, len: usize) -> Option<Self> {
                match id {
                    // SAFETY: by contract; the cell is what DuckDB stores for this type.
                    $(ffi::$id => Some(Cells::$name(unsafe { slice(vector, len) })),)*
                    _ => None,
                }
            }

            fn extend(&self, range: Range<usize>, out: &mut Vec<f32>, narrow: impl Fn(f64) -> f32) -> Option<()> {
                match self {
                    $(Cells::$name(cells) => out.extend(cells.get(range)?.iter().map(|cell| narrow(cell.real()))),)*
                }
                Some(())
            }

            fn hash(&self, range: Range<usize>) -> Option<u64> {
                match self {
                    $(Cells::$name(cells) => Some(hash::list(cells.get(range)?.iter().map(|cell| cell.hash()))),)*
                }
            }

            fn value(&self, row: usize) -> Option<ValueRef<'static>> {
                match self {
                    $(Cells::$name(cells) => cells.get(row).map(|cell| cell.value()),)*
                }
            }
        }

        $(impl Cell for $cell {
            fn value(self) -> ValueRef<'static> {
                let value: fn($cell) -> ValueRef<'static> = $value;
                value(self)
            }

            #[inline]
            fn hash(self) -> u64 {
                let bits: fn($cell) -> u64 = $hash;
                bits(self)
            }
        })*
    };
}

cells! {
    Float: f32 = DUCKDB_TYPE_DUCKDB_TYPE_FLOAT, |v| ValueRef::Real(v.into()), |v| hash::number((if v == 0.0 { 0.0 } else { v }).to_bits().into());
    Double: f64 = DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE, ValueRef::Real, |v| hash::number((if v == 0.0 { 0.0 } else { v }).to_bits());
    Int8: i8 = DUCKDB_TYPE_DUCKDB_TYPE_TINYINT, |v| ValueRef::Integer(v.into()), |v| hash::number((v as u32).into());
    Int16: i16 = DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT, |v| ValueRef::Integer(v.into()), |v| hash::number((v as u32).into());
    Int32: i32 = DUCKDB_TYPE_DUCKDB_TYPE_INTEGER, |v| ValueRef::Integer(v.into()), |v| hash::number((v as u32).into());
    Int64: i64 = DUCKDB_TYPE_DUCKDB_TYPE_BIGINT, ValueRef::Integer, |v| hash::number(v as u64);
    UInt8: u8 = DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT, |v| ValueRef::Integer(v.into()), |v| hash::number((v as u32).into());
    UInt16: u16 = DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT, |v| ValueRef::Integer(v.into()), |v| hash::number((v as u32).into());
    UInt32: u32 = DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER, |v| ValueRef::Integer(v.into()), |v| hash::number(v.into());
    UInt64: u64 = DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT, |v| narrowest(v.into()), hash::number;
    Int128: ffi::duckdb_hugeint = DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT, |v| narrowest(i128::from(v.upper) << 64 | i128::from(v.lower)),
        |v| hash::number(v.lower) ^ hash::number(v.upper as u64);
    UInt128: ffi::duckdb_uhugeint = DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT, |v| ValueRef::Real(v.upper as f64 * 2f64.powi(64) + v.lower as f64),
        |v| hash::number(v.lower) ^ hash::number(v.upper);
}

/// A stored number.
trait Cell: Copy {
    fn value(self) -> ValueRef<'static>;

    /// DuckDB's hash of it.
    fn hash(self) -> u64;

    #[inline]
    fn real(self) -> f64 {
        match self.value() {
            ValueRef::Integer(v) => v as f64,
            ValueRef::Real(v) => v,
            _ => f64::NAN,
        }
    }
}

fn narrowest(v: i128) -> ValueRef<'static> {
    i64::try_from(v).map_or(ValueRef::Real(v as f64), ValueRef::Integer)
}
