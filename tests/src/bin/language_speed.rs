//! How long a question takes over a schema of 100 tables with a million distinct values:
//! `language_speed [rounds]`. No engine takes part: reading alone is measured, as it is before the first candidate runs.

use std::time::Instant;

use lumos_core::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, Table};
use lumos_core::nl::link::Vocabulary;
use lumos_core::nl::model;
use lumos_core::nl::parse::candidates;
use lumos_core::nl::print::Dialect;
use lumos_core::nl::reader::Reader;

const THINGS: &[&str] = &[
    "customer",
    "order",
    "product",
    "supplier",
    "invoice",
    "payment",
    "employee",
    "department",
    "project",
    "task",
];

const PARTS: &[&str] = &[
    "", "archive", "detail", "history", "region", "contract", "review", "plan", "budget", "note",
];

const QUESTIONS: &[&str] = &[
    "How many customers are there in Value 4711 of City?",
    "Show the names of all products with a price above 100",
    "total amount of orders by month in 2023",
    "Which supplier has the most contracts?",
    "average amount of payments per department last quarter",
    "customers without orders",
    "top 3 products by price for each supplier",
    "What is the highest amount of an invoice?",
    "list the employees hired after 2019 ordered by name",
    "number of tasks by status and region",
    "what percentage of invoices are \"name 77\"",
    "year over year growth of the total amount of orders",
    "有多少客户?",
    "上个月的订单总金额",
    "按月统计发票总金额",
    "价格最高的5个产品",
    "每个部门有多少员工",
    "customers with more than 5 orders",
    "the cheapest product of each supplier",
    "Which projects have no tasks?",
];

/// A hundred tables of six columns; each refers to the one of its kind and the kind before; ten thousand values each.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for part in PARTS {
        for thing in THINGS {
            let name = if part.is_empty() {
                (*thing).to_owned()
            } else {
                format!("{thing}_{part}")
            };
            let before = catalog.tables.len();
            let mut columns = vec![
                (format!("{name}_id"), ColumnKind::Integer),
                ("name".to_owned(), ColumnKind::Text),
                ("status".to_owned(), ColumnKind::Text),
                ("amount".to_owned(), ColumnKind::Real),
                ("price".to_owned(), ColumnKind::Real),
                (format!("{thing}_date"), ColumnKind::Date),
            ];
            if before > 0 {
                let other = catalog.tables[before - 1].name.clone();
                columns.push((format!("{other}_id"), ColumnKind::Integer));
            }
            if !part.is_empty() {
                columns.push((format!("{thing}_id"), ColumnKind::Integer));
            }
            let columns = columns.into_iter().map(|(name, kind)| Column {
                range: (kind == ColumnKind::Date)
                    .then(|| ("2018-01-01".into(), "2024-12-31".into())),
                distinct: Some(if kind == ColumnKind::Text {
                    5_000
                } else {
                    1_000
                }),
                name,
                kind,
                ..Column::default()
            });
            catalog.tables.push(Table {
                name,
                columns: columns.collect(),
                primary_key: vec![0],
                rows: Some(10_000),
                ..Table::default()
            });
        }
    }
    for table in 0..catalog.tables.len() {
        for column in [1, 2] {
            for i in 0..5_000 {
                catalog.values.add(
                    ColumnRef { table, column },
                    &format!("Value {i} of {column} {table}"),
                );
            }
        }
    }
    catalog.values.finish();
    catalog.finish();
    catalog
}

fn main() {
    let rounds: usize = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .unwrap_or(3);
    let began = Instant::now();
    let catalog = catalog();
    let vocabulary = Vocabulary::new(&catalog);
    println!(
        "{} tables, {} keys, {} values, read in {:.1} s",
        catalog.tables.len(),
        catalog.keys.len(),
        catalog.values.len(),
        began.elapsed().as_secs_f64()
    );
    let reader = Reader {
        catalog: &catalog,
        vocabulary: &vocabulary,
        model: model(),
        dialect: Dialect::Sqlite,
        now: None,
        stopped: &|| false,
    };
    let mut times: Vec<(f64, &str)> = Vec::new();
    for question in QUESTIONS.iter().cycle().take(rounds * QUESTIONS.len()) {
        let began = Instant::now();
        let found = candidates(&reader, question, 40);
        times.push((began.elapsed().as_secs_f64() * 1000.0, question));
        std::hint::black_box(found);
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].0;
    println!(
        "p50 {:.1} ms, p95 {:.1} ms, slowest {:.1} ms: {}",
        at(50),
        at(95),
        times.last().map_or(0.0, |t| t.0),
        times.last().map_or("", |t| t.1)
    );
}
