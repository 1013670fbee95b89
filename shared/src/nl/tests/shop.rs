//! A small shop: customers, their orders, what was in them.

use super::super::answer::{Outcome, Reading, readings_after};
use super::super::catalog::{Catalog, ColumnKind, ColumnRef, ForeignKey};
use super::super::link::Vocabulary;
use super::super::model;
use super::super::print::Dialect;
use super::super::reader::Reader;

pub struct Shop {
    pub catalog: Catalog,
    pub vocabulary: Vocabulary,
}

impl Shop {
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            catalog: &self.catalog,
            vocabulary: &self.vocabulary,
            model: model(),
            dialect: Dialect::Sqlite,
            now: None,
            stopped: &|| false,
        }
    }

    pub fn read(&self, before: &[&str], question: &str, dialect: Dialect) -> Vec<Reading> {
        let reader = Reader {
            dialect,
            ..self.reader()
        };
        let before: Vec<String> = before.iter().map(|q| (*q).to_owned()).collect();
        let found: Result<_, ()> =
            readings_after(&reader, &before, question, 3, &mut |_| Ok(Outcome::Rows));
        found.unwrap_or_default()
    }

    /// The SQL of a question after others, without quotes of names.
    pub fn after(&self, before: &[&str], question: &str) -> String {
        let found = self.read(before, question, Dialect::Sqlite);
        found
            .first()
            .map(|r| r.sql.replace('"', ""))
            .unwrap_or_default()
    }
}

/// `customer`, `orders`, `order_line`, `product`, `category`.
pub fn shop() -> Shop {
    let (number, real, text, date) = (
        ColumnKind::Integer,
        ColumnKind::Real,
        ColumnKind::Text,
        ColumnKind::Date,
    );
    let table = |name: &str, rows: u64, columns: &[(&str, ColumnKind)]| {
        let mut table = super::table(name, columns);
        table.rows = Some(rows);
        for column in table.columns.iter_mut().filter(|c| c.kind == date) {
            column.range = Some(("2021-01-04".to_owned(), "2024-11-20".to_owned()));
        }
        table
    };
    let mut catalog = Catalog {
        tables: vec![
            table(
                "customer",
                60,
                &[
                    ("id", number),
                    ("name", text),
                    ("city", text),
                    ("country", text),
                    ("email", text),
                ],
            ),
            table(
                "orders",
                400,
                &[
                    ("id", number),
                    ("customer_id", number),
                    ("order_date", date),
                    ("status", text),
                    ("amount", real),
                ],
            ),
            table(
                "order_line",
                900,
                &[
                    ("id", number),
                    ("order_id", number),
                    ("product_id", number),
                    ("quantity", number),
                ],
            ),
            table(
                "product",
                80,
                &[
                    ("id", number),
                    ("name", text),
                    ("category_id", number),
                    ("price", real),
                    ("weight", real),
                ],
            ),
            table("category", 6, &[("id", number), ("name", text)]),
        ],
        ..Catalog::default()
    };
    catalog.tables[1].columns[3].distinct = Some(3);
    let at = |table: usize, column: usize| ColumnRef { table, column };
    for (from, to) in [
        (at(1, 1), at(0, 0)),
        (at(2, 1), at(1, 0)),
        (at(2, 2), at(3, 0)),
        (at(3, 2), at(4, 0)),
    ] {
        catalog.keys.push(ForeignKey {
            columns: vec![(from, to)],
            declared: true,
        });
    }
    for (column, values) in [
        (at(0, 2), &["Berlin", "Paris", "Lyon", "Oslo", "Graz"][..]),
        (
            at(0, 3),
            &["Germany", "France", "Norway", "Austria", "Brazil"],
        ),
        (at(1, 3), &["paid", "open", "cancelled"]),
        (
            at(3, 1),
            &["Red Kettle", "Blue Kettle", "Oak Table", "Desk Lamp"],
        ),
        (at(4, 1), &["Kitchen", "Furniture", "Lighting", "Garden"]),
    ] {
        for value in values {
            catalog.values.add(column, value);
        }
    }
    catalog.values.finish();
    catalog.finish();
    Shop {
        vocabulary: Vocabulary::new(&catalog),
        catalog,
    }
}
