//! Columns of a result as Arrow's.

use lumos_core::arrow::{self, Kind};

use super::chunk::{Cell, Column};
use super::types::LogicalType;

impl LogicalType {
    /// The type that Arrow has for values of this one; of a MAP, a UNION and a STRUCT without names it is their JSON.
    pub fn arrow(&self) -> Kind {
        let integer = |bytes, signed| Kind::Integer { bytes, signed };
        match self {
            LogicalType::Null => Kind::Null,
            LogicalType::Boolean => Kind::Boolean,
            LogicalType::Integer(bytes) => integer(*bytes, true),
            LogicalType::Unsigned(bytes) => integer(*bytes, false),
            LogicalType::HugeInt | LogicalType::UnsignedHugeInt => Kind::Decimal {
                precision: 38,
                scale: 0,
            },
            LogicalType::Float => Kind::Float,
            LogicalType::Double => Kind::Double,
            LogicalType::Decimal { scale, bytes } => Kind::Decimal {
                precision: match bytes {
                    2 => 4,
                    4 => 9,
                    8 => 18,
                    _ => 38,
                },
                scale: *scale,
            },
            LogicalType::Date => Kind::Date,
            LogicalType::Time => Kind::Time,
            LogicalType::Timestamp(units) => Kind::Timestamp {
                units: *units,
                utc: false,
            },
            LogicalType::TimestampTz => Kind::Timestamp {
                units: 1_000_000,
                utc: true,
            },
            LogicalType::Blob => Kind::Blob,
            LogicalType::List(element) => Kind::List(Box::new(element.arrow())),
            LogicalType::Array(element, len) => Kind::Array(Box::new(element.arrow()), *len),
            LogicalType::Struct(fields) if fields.iter().all(|(name, _)| !name.is_empty()) => {
                let fields = fields.iter().map(|(name, ty)| (name.clone(), ty.arrow()));
                Kind::Struct(fields.collect())
            }
            LogicalType::Text
            | LogicalType::Json
            | LogicalType::Digits
            | LogicalType::Uuid
            | LogicalType::Enum(..)
            | LogicalType::Struct(_)
            | LogicalType::Map(..)
            | LogicalType::Union(_)
            | LogicalType::BigNum
            | LogicalType::Other(_) => Kind::Text,
        }
    }
}

impl Column<'_> {
    /// Appends all values to a column of [`LogicalType::arrow`]. Errors as [`Self::append_arrow`] does.
    pub fn append_all_to_arrow(&self, out: &mut arrow::Column) -> lumos_core::Result<()> {
        // Where both lay the values out alike.
        let width = match self.ty() {
            LogicalType::Integer(bytes) | LogicalType::Unsigned(bytes) => Some(*bytes),
            LogicalType::Float | LogicalType::Date => Some(4),
            LogicalType::Double
            | LogicalType::Time
            | LogicalType::Timestamp(_)
            | LogicalType::TimestampTz => Some(8),
            _ => None,
        };
        match width {
            Some(width) if !self.has_nulls() => {
                out.all(self.data(width.into()), self.len());
                Ok(())
            }
            _ => (0..self.len()).try_for_each(|row| self.append_arrow(row, out)),
        }
    }

    /// Appends the value in `row` to a column of [`LogicalType::arrow`]. Errors on a number that Arrow has no type for,
    /// and as Arrow's column does.
    fn append_arrow(&self, row: usize, out: &mut arrow::Column) -> lumos_core::Result<()> {
        if self.is_null(row) {
            out.null();
            return Ok(());
        }
        match self.ty() {
            LogicalType::Null => out.null(),
            LogicalType::Boolean => out.boolean(self.get::<u8>(row) != 0),
            LogicalType::Integer(1) | LogicalType::Unsigned(1) => {
                out.fixed(&self.get::<[u8; 1]>(row))
            }
            LogicalType::Integer(2) | LogicalType::Unsigned(2) => {
                out.fixed(&self.get::<[u8; 2]>(row))
            }
            LogicalType::Integer(4)
            | LogicalType::Unsigned(4)
            | LogicalType::Float
            | LogicalType::Date => out.fixed(&self.get::<[u8; 4]>(row)),
            LogicalType::Integer(_)
            | LogicalType::Unsigned(_)
            | LogicalType::Double
            | LogicalType::Time
            | LogicalType::Timestamp(_)
            | LogicalType::TimestampTz => out.fixed(&self.get::<[u8; 8]>(row)),
            LogicalType::HugeInt | LogicalType::Decimal { .. } => {
                out.fixed(&self.signed(row).to_le_bytes());
            }
            LogicalType::UnsignedHugeInt => {
                let value = self.get::<u128>(row);
                let signed = i128::try_from(value).map_err(|_| {
                    lumos_core::Error::new(format!(
                        "the number {value} has more digits than Arrow's DECIMAL holds; cast it to DOUBLE or VARCHAR"
                    ))
                })?;
                out.fixed(&signed.to_le_bytes());
            }
            LogicalType::Text | LogicalType::Json | LogicalType::Digits | LogicalType::Blob => {
                return out.bytes(self.bytes(row));
            }
            LogicalType::List(_) => {
                self.append_elements(row, out)?;
                return out.list();
            }
            LogicalType::Array(..) => {
                self.append_elements(row, out)?;
                out.composed();
            }
            LogicalType::Struct(fields) if matches!(out.kind(), Kind::Struct(_)) => {
                for (i, (_, ty)) in fields.iter().enumerate() {
                    self.field(i, ty).append_arrow(row, out.child(i))?;
                }
                out.composed();
            }
            LogicalType::Uuid | LogicalType::Enum(..) => {
                if let Cell::Text(text) = self.cell(row) {
                    return out.bytes(text.as_bytes());
                }
                out.null();
            }
            _ => {
                let mut json = String::new();
                self.write_json(row, &mut json);
                return out.bytes(json.as_bytes());
            }
        }
        Ok(())
    }

    fn append_elements(&self, row: usize, out: &mut arrow::Column) -> lumos_core::Result<()> {
        let Some((elements, range)) = self.elements(row) else {
            return Ok(());
        };
        let child = out.child(0);
        range
            .into_iter()
            .try_for_each(|i| elements.append_arrow(i, child))
    }
}
