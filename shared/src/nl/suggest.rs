//! What may be asked: how a question may go on, and questions about a table that are understood.

use super::answer::{Considered, HIGH};
use super::catalog::{Catalog, Column, ColumnKind, ColumnRef, words};
use super::reader::Reader;
use super::tokens::fold;
use crate::{Type, Value};

/// The columns of `lumos_autocomplete`.
pub const COMPLETIONS: &[(&str, Type)] = &[
    ("suggestion", Type::Text),
    ("start", Type::Integer),
    ("kind", Type::Text),
];

/// The columns of `lumos_suggest_questions`.
pub const QUESTIONS: &[(&str, Type)] = &[
    ("question", Type::Text),
    ("sql", Type::Text),
    ("confidence", Type::Real),
];

/// The most words of a name that a question may have begun.
const WORDS: usize = 3;

/// Most distinct values of a column that groups are made by.
const GROUPS: u64 = 50;

/// How a question may go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completion {
    /// The character of the question that the suggestion begins at, in place of all after it.
    pub start: usize,
    /// `table`, `column`, `metric`, `synonym` or `value`, by their order.
    pub kind: (usize, &'static str),
    /// The words.
    pub suggestion: String,
}

impl Completion {
    /// The row of `lumos_autocomplete`.
    pub fn row(&self) -> Vec<Value> {
        vec![
            Value::Text(self.suggestion.clone()),
            Value::Integer(self.start as i64),
            Value::Text(self.kind.1.to_owned()),
        ]
    }
}

/// How a question may go on: names and values that begin with its last words. All tables where it has no word yet, or
/// ends with a space.
pub fn completions(catalog: &Catalog, prefix: &str, most: usize) -> Vec<Completion> {
    let mut all = Vec::new();
    let starts = starts(prefix);
    if starts.is_empty() {
        let start = prefix.chars().count();
        all.extend(tables_at(catalog, start));
    }
    for (start, tail) in &starts {
        let tail = fold(tail);
        if tail.is_empty() {
            continue;
        }
        let mut add = |kind, text: String| {
            if fold(&text).starts_with(&tail) {
                all.push(Completion {
                    start: *start,
                    kind,
                    suggestion: text,
                });
            }
        };
        for table in &catalog.tables {
            add((0, "table"), words(&table.name).join(" "));
            for column in &table.columns {
                add((1, "column"), words(&column.name).join(" "));
            }
        }
        for metric in &catalog.metrics {
            add((2, "metric"), metric.name.clone());
        }
        for synonym in &catalog.synonyms {
            add((3, "synonym"), synonym.phrase.clone());
        }
        let first = tail.chars().next();
        let near = catalog.values.all().filter(|(_, value)| {
            value
                .chars()
                .find(|c| c.is_alphanumeric())
                .is_some_and(|c| !c.is_ascii() || Some(c.to_ascii_lowercase()) == first)
        });
        for (_, value) in near {
            add((4, "value"), value.to_owned());
        }
    }
    // Chinese has no space that says that a word has ended.
    if all.is_empty() && prefix.ends_with(super::tokens::is_han) {
        let start = prefix.chars().count();
        all.extend(tables_at(catalog, start));
    }
    all.sort();
    all.dedup();
    all.truncate(most);
    all
}

fn tables_at(catalog: &Catalog, start: usize) -> impl Iterator<Item = Completion> {
    catalog.tables.iter().map(move |t| Completion {
        start,
        kind: (0, "table"),
        suggestion: words(&t.name).join(" "),
    })
}

/// Where the last words of a question begin, by characters, and what follows: the longest first.
fn starts(prefix: &str) -> Vec<(usize, &str)> {
    if prefix.ends_with(char::is_whitespace) {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut before = ' ';
    for (place, (byte, c)) in prefix.char_indices().enumerate() {
        let begins = c.is_alphanumeric() && (!before.is_alphanumeric() || super::tokens::is_han(c));
        if begins {
            all.push((place, &prefix[byte..]));
        }
        before = c;
    }
    all.split_off(all.len().saturating_sub(WORDS))
}

fn plural(name: &str) -> String {
    if ["s", "x", "sh", "ch"].iter().any(|end| name.ends_with(end)) {
        return format!("{name}es");
    }
    match name.strip_suffix('y') {
        Some(head) if !head.ends_with(['a', 'e', 'o', 'u']) => format!("{head}ies"),
        _ => format!("{name}s"),
    }
}

/// One of what a name in the plural means: "categories", "order items".
fn singular(name: &str) -> String {
    let ends = |all: &[&str]| all.iter().any(|end| name.ends_with(end));
    if ends(&["series", "species"]) {
        return name.to_owned();
    }
    if let Some(head) = name.strip_suffix("ies").filter(|head| head.len() > 2) {
        return format!("{head}y");
    }
    if ends(&["sses", "shes", "ches", "xes", "uses"]) {
        return name[..name.len() - 2].to_owned();
    }
    match name.strip_suffix('s') {
        Some(head) if !ends(&["ss", "us", "is", "news"]) => head.to_owned(),
        _ => name.to_owned(),
    }
}

/// Questions about a table in plain words, in Chinese if that is what it is called in.
fn questions(catalog: &Catalog, table: usize) -> Vec<String> {
    let t = &catalog.tables[table];
    let name = words(&t.name).join(" ");
    let say: &dyn Fn(Ask<'_>) -> String = if name.chars().any(super::tokens::is_han) {
        &chinese
    } else {
        &english
    };
    let own: Vec<(ColumnRef, &Column)> = t
        .columns
        .iter()
        .enumerate()
        .map(|(column, c)| (ColumnRef { table, column }, c))
        .filter(|(column, _)| !catalog.is_key(*column))
        .collect();
    let called = |c: &Column| words(&c.name).join(" ");
    let name = name.as_str();
    let mut all = vec![say(Ask::HowMany(name))];
    let numbers = own.iter().filter(|(_, c)| c.kind.is_number());
    for (_, c) in numbers.take(2) {
        all.push(say(Ask::Average(name, &called(c))));
        all.push(say(Ask::Highest(name, &called(c))));
    }
    let groups = own.iter().filter(|(_, c)| {
        c.kind == ColumnKind::Text
            && c.distinct
                .is_some_and(|n| n <= GROUPS && t.rows.is_none_or(|rows| n < rows))
    });
    for (column, c) in groups.take(2) {
        all.push(say(Ask::Each(name, &called(c))));
        let mut values = catalog
            .values
            .all()
            .filter(|(of, _)| of == column)
            .map(|(_, v)| v);
        if let Some(value) = values.by_ref().min() {
            all.push(say(Ask::With(name, &called(c), value)));
        }
    }
    for key in catalog.keys.iter().filter(|key| key.columns.len() == 1) {
        let (from, to) = key.columns[0];
        if from.table == table && to.table != table {
            let other = words(&catalog.tables[to.table].name).join(" ");
            all.push(say(Ask::OfEach(name, &other)));
        }
    }
    all
}

/// What is asked, with the names of the table, of a column or of another table, and a value.
#[derive(Clone, Copy)]
enum Ask<'a> {
    HowMany(&'a str),
    Average(&'a str, &'a str),
    Highest(&'a str, &'a str),
    Each(&'a str, &'a str),
    With(&'a str, &'a str, &'a str),
    OfEach(&'a str, &'a str),
}

fn english(ask: Ask<'_>) -> String {
    let many = |name: &str| plural(&singular(name));
    match ask {
        Ask::HowMany(t) => format!("How many {} are there?", many(t)),
        Ask::Average(t, c) => format!("What is the average {c} of {}?", many(t)),
        Ask::Highest(t, c) => format!("Which {} has the highest {c}?", singular(t)),
        Ask::Each(t, c) => format!("How many {} are there for each {c}?", many(t)),
        Ask::With(t, c, v) => format!("How many {} have the {c} \"{v}\"?", many(t)),
        Ask::OfEach(t, o) => format!("How many {} does each {} have?", many(t), singular(o)),
    }
}

fn chinese(ask: Ask<'_>) -> String {
    match ask {
        Ask::HowMany(t) => format!("有多少{t}？"),
        Ask::Average(t, c) => format!("{t}的平均{c}是多少？"),
        Ask::Highest(t, c) => format!("{c}最高的{t}是哪个？"),
        Ask::Each(t, c) => format!("每个{c}有多少{t}？"),
        Ask::With(t, c, v) => format!("{c}是“{v}”的{t}有多少？"),
        Ask::OfEach(t, o) => format!("每个{o}有多少{t}？"),
    }
}

/// A question, the SQL that it is read as, and how sure that is.
pub type Suggested = (String, String, f64);

/// Questions about a table that are understood, at most so many. `is_refused` is the gate. Errors as that does.
pub fn suggested<E>(
    reader: &Reader<'_>,
    table: usize,
    most: usize,
    is_refused: &mut dyn FnMut(&str) -> Result<bool, E>,
) -> Result<Vec<Suggested>, E> {
    let mut all = Vec::new();
    for question in questions(reader.catalog, table) {
        if all.len() >= most {
            break;
        }
        let readings = Considered::new(reader, &question).readings;
        let Some(reading) = readings.into_iter().next() else {
            continue;
        };
        if reading.confidence >= HIGH && !is_refused(&reading.sql)? {
            all.push((question, reading.sql, reading.confidence));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Table;
    use super::*;

    #[test]
    fn questions_go_on_with_names_and_values() {
        let mut catalog = Catalog {
            tables: vec![Table {
                name: "InvoiceLine".into(),
                columns: vec![Column {
                    name: "unit_price".into(),
                    ..Column::default()
                }],
                ..Table::default()
            }],
            ..Catalog::default()
        };
        let column = ColumnRef {
            table: 0,
            column: 0,
        };
        catalog.values.add(column, "Île-de-France");
        catalog.values.add(column, "Unit 7");
        catalog.values.finish();
        let found = |prefix: &str| -> Vec<(usize, String)> {
            let all = completions(&catalog, prefix, 10);
            all.into_iter().map(|c| (c.start, c.suggestion)).collect()
        };
        assert_eq!(found("how many inv"), [(9, "invoice line".to_owned())]);
        assert_eq!(
            found("how many invoice l"),
            [(9, "invoice line".to_owned())]
        );
        assert_eq!(
            found("the un"),
            [(4, "unit price".to_owned()), (4, "Unit 7".to_owned())]
        );
        assert_eq!(found("in île"), [(3, "Île-de-France".to_owned())]);
        assert_eq!(found("how many "), [(9, "invoice line".to_owned())]);
        assert_eq!(found(""), [(0, "invoice line".to_owned())]);
        assert_eq!(found("xyz"), []);
        assert_eq!(found("?!"), [(2, "invoice line".to_owned())]);
    }

    #[test]
    fn names_have_plurals() {
        for (one, many) in [
            ("city", "cities"),
            ("day", "days"),
            ("invoice", "invoices"),
            ("order item", "order items"),
            ("box", "boxes"),
            ("class", "classes"),
            ("status", "statuses"),
        ] {
            assert_eq!(plural(one), many);
            assert_eq!(plural(&singular(many)), many);
        }
        for (many, one) in [
            ("categories", "category"),
            ("status", "status"),
            ("series", "series"),
        ] {
            assert_eq!(singular(many), one);
        }
    }
}
