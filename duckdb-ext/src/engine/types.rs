//! The types of a result's columns.

use std::ffi::c_void;

use libduckdb_sys as ffi;

/// A column's type, with what reading its values needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogicalType {
    /// The type of a bare NULL.
    Null,
    /// BOOLEAN.
    Boolean,
    /// TINYINT to BIGINT: signed, with this many bytes.
    Integer(u8),
    /// UTINYINT to UBIGINT: unsigned, with this many bytes.
    Unsigned(u8),
    /// HUGEINT.
    HugeInt,
    /// UHUGEINT.
    UnsignedHugeInt,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL with its scale, stored in this many bytes.
    Decimal {
        /// Digits after the point.
        scale: u8,
        /// Bytes of the stored integer: 2, 4, 8 or 16.
        bytes: u8,
    },
    /// DATE.
    Date,
    /// TIME in microseconds.
    Time,
    /// TIMESTAMP with this many units a second (1, 1,000, 1,000,000 or 1,000,000,000).
    Timestamp(i64),
    /// TIMESTAMP WITH TIME ZONE, microseconds.
    TimestampTz,
    /// VARCHAR.
    Text,
    /// JSON: text that is JSON already.
    Json,
    /// BLOB.
    Blob,
    /// UUID.
    Uuid,
    /// ENUM with its words, whose codes take this many bytes.
    Enum(u8, Vec<String>),
    /// LIST.
    List(Box<LogicalType>),
    /// ARRAY with its length.
    Array(Box<LogicalType>, usize),
    /// STRUCT with its fields.
    Struct(Vec<(String, LogicalType)>),
    /// MAP.
    Map(Box<LogicalType>, Box<LogicalType>),
    /// UNION with its members.
    Union(Vec<(String, LogicalType)>),
    /// BIGNUM: integers of any length, read through a cast to VARCHAR, see [`Self::Digits`].
    BigNum,
    /// Whole numbers as the texts of their digits: what a BIGNUM is cast to, see `Rows::take_for_digits`.
    Digits,
    /// A rare type (BIT, INTERVAL, TIMETZ, VARIANT and so on), by its number: read through a cast to VARCHAR.
    Other(u32),
}

impl LogicalType {
    /// Reads the type and frees the handle.
    ///
    /// # Safety
    /// `raw` is null or a live handle that the caller owns and does not use again.
    pub(crate) unsafe fn take(mut raw: ffi::duckdb_logical_type) -> LogicalType {
        // SAFETY: by contract; children are handles of their own, each taken in turn.
        unsafe {
            let ty = Self::read(raw);
            ffi::duckdb_destroy_logical_type(&mut raw);
            ty
        }
    }

    /// True if values of this type, or inside it, can only be read through a cast.
    pub fn needs_cast(&self) -> bool {
        match self {
            LogicalType::BigNum | LogicalType::Other(_) => true,
            LogicalType::List(t) | LogicalType::Array(t, _) => t.needs_cast(),
            LogicalType::Map(k, v) => k.needs_cast() || v.needs_cast(),
            LogicalType::Struct(fields) | LogicalType::Union(fields) => {
                fields.iter().any(|(_, t)| t.needs_cast())
            }
            _ => false,
        }
    }

    /// # Safety
    /// `raw` is a live handle.
    unsafe fn read(raw: ffi::duckdb_logical_type) -> LogicalType {
        // SAFETY: every call below is one that DuckDB allows for the type just found.
        unsafe {
            match ffi::duckdb_get_type_id(raw) {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL => LogicalType::Null,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => LogicalType::Boolean,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT => LogicalType::Integer(1),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => LogicalType::Integer(2),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER => LogicalType::Integer(4),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => LogicalType::Integer(8),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => LogicalType::Unsigned(1),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => LogicalType::Unsigned(2),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER => LogicalType::Unsigned(4),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT => LogicalType::Unsigned(8),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT => LogicalType::HugeInt,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT => LogicalType::UnsignedHugeInt,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT => LogicalType::Float,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => LogicalType::Double,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL => LogicalType::Decimal {
                    scale: ffi::duckdb_decimal_scale(raw),
                    bytes: match ffi::duckdb_decimal_internal_type(raw) {
                        ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => 2,
                        ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER => 4,
                        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => 8,
                        _ => 16,
                    },
                },
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => LogicalType::Date,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME => LogicalType::Time,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S => LogicalType::Timestamp(1),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS => LogicalType::Timestamp(1_000),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP => LogicalType::Timestamp(1_000_000),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS => LogicalType::Timestamp(1_000_000_000),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => LogicalType::TimestampTz,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR => {
                    match owned(ffi::duckdb_logical_type_get_alias(raw)).as_str() {
                        "JSON" => LogicalType::Json,
                        _ => LogicalType::Text,
                    }
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB => LogicalType::Blob,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => LogicalType::Uuid,
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_ENUM => {
                    let words = (0..u64::from(ffi::duckdb_enum_dictionary_size(raw)))
                        .map(|i| owned(ffi::duckdb_enum_dictionary_value(raw, i)))
                        .collect();
                    let bytes = match ffi::duckdb_enum_internal_type(raw) {
                        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => 1,
                        ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => 2,
                        _ => 4,
                    };
                    LogicalType::Enum(bytes, words)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => {
                    LogicalType::List(Box::new(Self::take(ffi::duckdb_list_type_child_type(raw))))
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => LogicalType::Array(
                    Box::new(Self::take(ffi::duckdb_array_type_child_type(raw))),
                    ffi::duckdb_array_type_array_size(raw) as usize,
                ),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRUCT => LogicalType::Struct(
                    (0..ffi::duckdb_struct_type_child_count(raw))
                        .map(|i| {
                            let name = owned(ffi::duckdb_struct_type_child_name(raw, i));
                            (name, Self::take(ffi::duckdb_struct_type_child_type(raw, i)))
                        })
                        .collect(),
                ),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_MAP => LogicalType::Map(
                    Box::new(Self::take(ffi::duckdb_map_type_key_type(raw))),
                    Box::new(Self::take(ffi::duckdb_map_type_value_type(raw))),
                ),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UNION => LogicalType::Union(
                    (0..ffi::duckdb_union_type_member_count(raw))
                        .map(|i| {
                            let name = owned(ffi::duckdb_union_type_member_name(raw, i));
                            (name, Self::take(ffi::duckdb_union_type_member_type(raw, i)))
                        })
                        .collect(),
                ),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGNUM => LogicalType::BigNum,
                other => LogicalType::Other(other),
            }
        }
    }
}

/// Copies a string of DuckDB's and frees it; null is empty.
///
/// # Safety
/// `raw` is null or a string that the caller owns.
unsafe fn owned(raw: *mut std::ffi::c_char) -> String {
    // SAFETY: by contract.
    unsafe {
        let copy = super::text(raw);
        ffi::duckdb_free(raw.cast::<c_void>());
        copy
    }
}
