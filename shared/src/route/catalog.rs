//! The mirrored tables as a statement sees them: what SQLite says of a column's values, and what DuckDB stores.

use super::affinity::Affinity;
use super::typed_expr::{Class, EXACT, GUARD, Raw, Typed};
use super::{Refusal, refuse};
use crate::mirror::MirrorType;
use crate::sql::identifier;

/// Decimals with more digits need not compare as the doubles that they stand for.
const DIGITS: u8 = 15;

/// A column of a mirrored table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in the mirror, which all its values have exactly; any if `unlike` says why not.
    pub ty: MirrorType,
    /// Its affinity in SQLite.
    pub affinity: Affinity,
    /// Texts compare byte by byte.
    pub binary: bool,
    /// Why the mirror does not have its values as they are, if an option of `lumos_track` made it so.
    pub unlike: Option<&'static str>,
}

impl Column {
    /// The column of the relation `alias`, or why it is for SQLite alone.
    pub fn typed(&self, alias: &str) -> Result<Typed, Refusal> {
        if let Some(why) = self.unlike {
            return refuse(format!("column \"{}\" {why}", self.name));
        }
        let sql = format!("{alias}.{}", identifier(&self.name));
        let typed = match self.ty {
            MirrorType::Varchar | MirrorType::Date if !self.binary => {
                return refuse(format!("column {} has a collation", self.name));
            }
            MirrorType::BigInt => Typed::new(sql, Class::Int),
            MirrorType::Double => match self.affinity {
                Affinity::Real => Typed::new(sql, Class::Real),
                Affinity::Numeric => Typed::new(sql, Class::Num),
                Affinity::Text | Affinity::Blob | Affinity::None => {
                    return refuse(format!(
                        "column {} holds INTEGER and REAL values without an affinity",
                        self.name
                    ));
                }
            },
            MirrorType::Decimal(width, _)
                if width <= DIGITS && self.affinity == Affinity::Numeric =>
            {
                Typed::from_raw(Raw::Decimal(sql))
            }
            // A REAL that is stored is the double nearest to the decimal, and so comes back; only integers may be larger.
            MirrorType::Decimal(width, scale) if self.affinity == Affinity::Numeric => {
                let double = format!("CAST({sql} AS DOUBLE)");
                if width - scale <= DIGITS {
                    Typed::new(double, Class::Num)
                } else {
                    Typed::new(
                        format!("CASE WHEN abs({sql}) > {EXACT} THEN {GUARD} ELSE {double} END"),
                        Class::Num,
                    )
                }
            }
            MirrorType::Decimal(..) => {
                return refuse(format!(
                    "column {} has decimals without the affinity of numbers",
                    self.name
                ));
            }
            MirrorType::Date => Typed::from_raw(Raw::Date(sql)),
            MirrorType::Timestamp => {
                return refuse(format!(
                    "column {} holds dates with times, which SQLite compares as texts",
                    self.name
                ));
            }
            MirrorType::Varchar => Typed::new(sql, Class::Text),
            MirrorType::Blob => Typed::new(sql, Class::Blob),
            MirrorType::Moment(_) | MirrorType::Boolean | MirrorType::AnyText => {
                return refuse(format!(
                    "column {} has other values in the mirror",
                    self.name
                ));
            }
        };
        Ok(Typed {
            affinity: Some(self.affinity),
            ..typed
        })
    }
}

/// A mirrored table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What DuckDB calls it: the rows themselves, not the view of them, which is bound slower.
    pub source: String,
    /// Its columns in the order of `*`.
    pub columns: Vec<Column>,
    /// Its rows when they were last counted.
    pub rows: u64,
}

/// The mirrored tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// In no order.
    pub tables: Vec<Table>,
    /// The names of the source's views, which only it reads.
    pub views: Vec<String>,
    /// Tracked tables that cannot be mirrored now, each with why.
    pub failed: Vec<(String, String)>,
    /// SQLite keeps texts as UTF-16, and compares their bytes.
    pub utf16: bool,
}

impl Catalog {
    /// Why there is no table with this name.
    pub fn missing(&self, name: &str) -> String {
        if self.views.iter().any(|v| v.eq_ignore_ascii_case(name)) {
            return format!("\"{name}\" is a view, which SQLite reads");
        }
        let failed = self
            .failed
            .iter()
            .find(|(f, _)| f.eq_ignore_ascii_case(name));
        failed.map_or_else(
            || format!("table \"{name}\" is not tracked"),
            |(_, why)| why.clone(),
        )
    }

    /// The table with this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|t| t.name.eq_ignore_ascii_case(name))
    }
}
