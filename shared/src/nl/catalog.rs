//! What is known of a database: tables, columns, keys, values, and what people have said of them.
//!
//! The adapters fill it from the engine; [`Catalog::finish`] finds foreign keys that nobody declared.

use super::feedback::Weights;
use super::lexicon::ABBREVIATIONS;
pub use super::place::ColumnRef;
use super::tokens::stem;
use super::values::ValueIndex;
use crate::gate::policy::Policy;

/// Tables, keys, values and meaning.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The tables and views that may be asked about.
    pub tables: Vec<Table>,
    /// Which columns refer to which.
    pub keys: Vec<ForeignKey>,
    /// Words that people use for a table, a column or a metric.
    pub synonyms: Vec<Synonym>,
    /// Quantities with a name, as expressions of SQL.
    pub metrics: Vec<Metric>,
    /// The distinct short texts of the columns.
    pub values: ValueIndex,
    /// Questions, in the form by which they are compared, with the SQL that somebody verified.
    pub verified: Vec<(String, String)>,
    /// What right and wrong answers say.
    pub weights: Weights,
}

/// A table or a view.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// As the engine writes it.
    pub name: String,
    /// What people said that it holds.
    pub description: Option<String>,
    /// In the order of the table.
    pub columns: Vec<Column>,
    /// Places of the columns of the primary key.
    pub primary_key: Vec<usize>,
    /// How many rows it has, if that is known.
    pub rows: Option<u64>,
}

/// A column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// As the engine writes it.
    pub name: String,
    /// What people said that it means.
    pub description: Option<String>,
    /// What its values are.
    pub kind: ColumnKind,
    /// How many distinct values it has, if that is known.
    pub distinct: Option<u64>,
    /// The least and the greatest value, if they are known; adapters give those of dates and texts.
    pub range: Option<(String, String)>,
}

impl Column {
    /// The least and the greatest time in seconds since 1970, if the column has times as ISO texts.
    pub fn times(&self) -> Option<(i64, i64)> {
        let (least, greatest) = self.range.as_ref()?;
        Some((iso(least)?, iso(greatest)?))
    }
}

/// The seconds since 1970 of a date in ISO form, its time cut off.
pub fn iso(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let digits: Vec<&str> = day.split('-').collect();
    let [year, month, of_month] = digits[..] else {
        return None;
    };
    let fits = year.len() == 4
        && month.len() == 2
        && rest.chars().next().is_none_or(|c| matches!(c, ' ' | 'T'));
    let number = |text: &str| text.parse::<i64>().ok();
    let day = crate::calendar::day_of(number(year)?, number(month)?, number(of_month)?)?;
    fits.then_some(day * crate::calendar::DAY)
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnKind {
    /// Texts.
    #[default]
    Text,
    /// Whole numbers.
    Integer,
    /// Other numbers.
    Real,
    /// Days, or days with a time.
    Date,
    /// True and false.
    Boolean,
    /// Bytes, lists and other values that no question compares.
    Other,
}

impl ColumnKind {
    /// The kind for the type that a column was declared with, in either engine.
    pub fn declared(name: &str) -> ColumnKind {
        let name = name.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let first = name.split(['(', ' ', '[']).next().unwrap_or_default();
        if first == "ENUM" && !name.ends_with(']') {
            // Its values may be called as types are.
            ColumnKind::Text
        } else if ["TIME", "TIMETZ", "TIME_NS"].contains(&first)
            || has(&["[]", "STRUCT", "MAP(", "BLOB", "UNION(", "INTERVAL"])
        {
            ColumnKind::Other
        } else if has(&["BOOL"]) || name == "BIT" {
            ColumnKind::Boolean
        } else if has(&["DATE", "TIME", "YEAR("]) {
            ColumnKind::Date
        } else if has(&["CHAR", "TEXT", "CLOB", "STRING", "ENUM", "UUID"]) {
            ColumnKind::Text
        } else if has(&["INT"]) || name == "YEAR" {
            ColumnKind::Integer
        } else if has(&["REAL", "FLOA", "DOUB", "DEC", "NUM", "MONEY"]) {
            ColumnKind::Real
        } else {
            ColumnKind::Text
        }
    }

    /// True for what can be summed.
    pub fn is_number(self) -> bool {
        matches!(self, ColumnKind::Integer | ColumnKind::Real)
    }
}

/// Columns that hold keys of another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The columns that refer, and what each refers to.
    pub columns: Vec<(ColumnRef, ColumnRef)>,
    /// False if it was inferred.
    pub declared: bool,
}

/// A word for something of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// What people say.
    pub phrase: String,
    /// What they mean.
    pub target: Target,
}

/// Something of the catalog that words can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The table at this place.
    Table(usize),
    /// A column.
    Column(ColumnRef),
    /// The metric at this place.
    Metric(usize),
}

/// A quantity with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// What people call it.
    pub name: String,
    /// An aggregate expression over columns of `table`, which passed the gate.
    pub sql: String,
    /// The place of the table that it is over.
    pub table: usize,
}

/// A column of a foreign key as an engine says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The table that refers.
    pub table: String,
    /// The number of the key among those of its table.
    pub number: i64,
    /// The place of the column in the key.
    pub position: i64,
    /// The column.
    pub column: String,
    /// The table that it refers to.
    pub other: String,
    /// The column there; empty for its key.
    pub to: String,
}

impl Catalog {
    /// Takes the declared keys. What they name must be there.
    pub fn declare(&mut self, mut rows: Vec<Declared>) {
        let place = |row: &Declared| (self.table(&row.table), row.number, row.position);
        rows.sort_by_cached_key(place);
        let mut last = None;
        for row in rows {
            let Some(table) = self.table(&row.table) else {
                continue;
            };
            let (Some(from), Some(other)) =
                (self.column(table, &row.column), self.table(&row.other))
            else {
                continue;
            };
            let key = self.tables[other].primary_key.first().copied();
            let to = match key {
                Some(column) if row.to.is_empty() => Some(ColumnRef {
                    table: other,
                    column,
                }),
                _ => self.column(other, &row.to),
            };
            let Some(to) = to else { continue };
            match self.keys.last_mut() {
                Some(key) if last == Some((table, row.number)) => key.columns.push((from, to)),
                _ => self.keys.push(ForeignKey {
                    columns: vec![(from, to)],
                    declared: true,
                }),
            }
            last = Some((table, row.number));
        }
    }

    /// What of it may be read.
    pub fn restricted(&self, policy: &Policy) -> Catalog {
        let mut part = Catalog {
            verified: self.verified.clone(),
            weights: self.weights.clone(),
            ..Catalog::default()
        };
        let mut places: Vec<Option<usize>> = Vec::new();
        let mut columns: Vec<Vec<Option<usize>>> = Vec::new();
        for table in &self.tables {
            let mut kept = Table {
                columns: Vec::new(),
                ..table.clone()
            };
            let mut of_table = Vec::new();
            for column in &table.columns {
                let allowed = policy.allows_column(&table.name, &column.name);
                of_table.push(allowed.then_some(kept.columns.len()));
                if allowed {
                    kept.columns.push(column.clone());
                }
            }
            let keys = table.primary_key.iter();
            kept.primary_key = keys.filter_map(|c| *of_table.get(*c)?).collect();
            let allowed = policy.allows_table(&table.name) && !kept.columns.is_empty();
            places.push(allowed.then_some(part.tables.len()));
            columns.push(of_table);
            if allowed {
                part.tables.push(kept);
            }
        }
        let moved = |c: ColumnRef| {
            let table = (*places.get(c.table)?)?;
            let column = (*columns.get(c.table)?.get(c.column)?)?;
            Some(ColumnRef { table, column })
        };
        for key in &self.keys {
            let pairs = key.columns.iter();
            let pairs: Option<Vec<_>> = pairs
                .map(|(from, to)| Some((moved(*from)?, moved(*to)?)))
                .collect();
            part.keys.extend(pairs.map(|columns| ForeignKey {
                columns,
                declared: key.declared,
            }));
        }
        let mut metrics: Vec<Option<usize>> = Vec::new();
        for metric in &self.metrics {
            let table = places.get(metric.table).copied().flatten();
            metrics.push(table.map(|_| part.metrics.len()));
            part.metrics.extend(table.map(|table| Metric {
                table,
                ..metric.clone()
            }));
        }
        for synonym in &self.synonyms {
            let target = match synonym.target {
                Target::Table(table) => places.get(table).copied().flatten().map(Target::Table),
                Target::Column(column) => moved(column).map(Target::Column),
                Target::Metric(i) => metrics.get(i).copied().flatten().map(Target::Metric),
            };
            part.synonyms.extend(target.map(|target| Synonym {
                phrase: synonym.phrase.clone(),
                target,
            }));
        }
        for (column, text) in self.values.all() {
            if let Some(column) = moved(column) {
                part.values.add(column, text);
            }
        }
        part.values.finish();
        part
    }

    /// The table with this name, in any case.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables
            .iter()
            .position(|t| t.name.eq_ignore_ascii_case(name))
    }

    /// The column with this name, in any case.
    pub fn column(&self, table: usize, name: &str) -> Option<ColumnRef> {
        let columns = &self.tables.get(table)?.columns;
        let column = columns
            .iter()
            .position(|c| c.name.eq_ignore_ascii_case(name))?;
        Some(ColumnRef { table, column })
    }

    /// The column at this place.
    pub fn at(&self, column: ColumnRef) -> &Column {
        &self.tables[column.table].columns[column.column]
    }

    /// What a column is called, with its table.
    pub fn named(&self, column: ColumnRef) -> String {
        format!(
            "{}.{}",
            self.tables[column.table].name,
            self.at(column).name
        )
    }

    /// The columns of a table that hold times.
    pub fn dates(&self, table: usize) -> impl Iterator<Item = ColumnRef> {
        let columns = self.tables[table].columns.iter().enumerate();
        columns
            .filter(|(_, c)| c.kind == ColumnKind::Date)
            .map(move |(column, _)| ColumnRef { table, column })
    }

    /// The column that alone is the primary key of a table.
    pub fn key(&self, table: usize) -> Option<ColumnRef> {
        match self.tables[table].primary_key[..] {
            [column] => Some(ColumnRef { table, column }),
            _ => None,
        }
    }

    /// Whether a column alone is the primary key of its table.
    pub fn is_primary(&self, column: ColumnRef) -> bool {
        self.key(column.table) == Some(column)
    }

    /// Whether a column says when someone was born.
    pub fn is_birth(&self, column: ColumnRef) -> bool {
        let named = ["birth", "born", "birthday", "dob"];
        let name = words(&self.at(column).name);
        name.iter().any(|w| named.contains(&w.as_str()))
    }

    /// True for a column of the primary key, or one that refers to another table.
    pub fn is_key(&self, column: ColumnRef) -> bool {
        self.tables[column.table]
            .primary_key
            .contains(&column.column)
            || self
                .keys
                .iter()
                .any(|key| key.columns.iter().any(|(from, _)| *from == column))
    }

    /// What is done when all tables are there: a table without a primary key gets the column that others refer to, or
    /// the first that looks like one; a column that is called like the key of another table, or has values of it
    /// alone, refers to it.
    pub fn finish(&mut self) {
        // Texts from one ISO date to another are dates, whatever the column was declared as.
        for column in self.tables.iter_mut().flat_map(|t| &mut t.columns) {
            if column.kind == ColumnKind::Text && column.times().is_some() {
                column.kind = ColumnKind::Date;
            }
        }
        for table in 0..self.tables.len() {
            if self.tables[table].primary_key.is_empty() {
                self.tables[table].primary_key = self.likely_key(table).into_iter().collect();
            }
        }
        let mut found = Vec::new();
        for (table, t) in self.tables.iter().enumerate() {
            for column in 0..t.columns.len() {
                let from = ColumnRef { table, column };
                if self.refers(from).is_none() {
                    found.extend(self.referred(from).map(|to| (from, to)));
                }
            }
        }
        for (from, to) in self.included() {
            if !found.iter().any(|(f, _)| *f == from) && self.refers(from).is_none() {
                found.push((from, to));
            }
        }
        for pair in found {
            self.keys.push(ForeignKey {
                columns: vec![pair],
                declared: false,
            });
        }
    }

    /// The column that tells the rows of a table apart, as far as one can see.
    fn likely_key(&self, table: usize) -> Option<usize> {
        let t = &self.tables[table];
        let mut to = self
            .keys
            .iter()
            .flat_map(|key| key.columns.iter().map(|(_, to)| *to));
        if let Some(c) = to.find(|to| to.table == table) {
            return Some(c.column);
        }
        let unique = |c: &Column| c.distinct.is_some() && c.distinct == t.rows && t.rows > Some(1);
        let named = |c: &Column| {
            let last = words(&c.name).pop().unwrap_or_default();
            ["id", "code", "key", "number"].contains(&last.as_str()) || last.ends_with("id")
        };
        let first = t.columns.first()?;
        if named(first) && (unique(first) || t.rows.is_none_or(|n| n < 2)) || unique(first) {
            return Some(0);
        }
        t.columns.iter().position(|c| named(c) && unique(c))
    }

    /// True for a key that has its table in its name, as `state_name` of `state`.
    fn is_called_after(&self, key: ColumnRef) -> bool {
        let table = words(&self.tables[key.table].name);
        let column = words(&self.at(key).name);
        table
            .iter()
            .all(|w| column.iter().any(|c| stem(c) == stem(w)))
    }

    /// Text columns all of whose values are keys of another table.
    fn included(&self) -> Vec<(ColumnRef, ColumnRef)> {
        use std::collections::HashMap;
        let keys = (0..self.tables.len()).filter_map(|table| self.key(table));
        let is_text = |key: &ColumnRef| self.at(*key).kind == ColumnKind::Text;
        let keys: Vec<ColumnRef> = keys.filter(is_text).collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let mut shared: HashMap<(ColumnRef, ColumnRef), u64> = HashMap::new();
        self.values.groups(&mut |columns| {
            for to in columns.iter().filter(|c| keys.contains(c)) {
                for from in columns.iter().filter(|c| c.table != to.table) {
                    *shared.entry((*from, *to)).or_default() += 1;
                }
            }
        });
        let mut all: Vec<(ColumnRef, ColumnRef)> = shared
            .into_iter()
            .filter(|((from, _), count)| {
                let distinct = self.at(*from).distinct.unwrap_or(0);
                *count >= 3 && *count >= distinct
            })
            .map(|(pair, _)| pair)
            .collect();
        all.sort_unstable_by_key(|(from, to)| (*from, !self.is_called_after(*to), *to));
        all.dedup_by_key(|(from, _)| *from);
        all
    }

    /// The column that this one refers to by a key.
    pub fn refers(&self, from: ColumnRef) -> Option<ColumnRef> {
        let pairs = self.keys.iter().flat_map(|key| key.columns.iter());
        pairs.filter(|(f, _)| *f == from).map(|(_, to)| *to).next()
    }

    /// The one column with the totals of what happens at times to other things, as of invoices; `None` if there are
    /// several.
    pub fn total_of_facts(&self) -> Option<ColumnRef> {
        let is_fact = |table: usize| {
            let mut keys = self.keys.iter().flat_map(|key| &key.columns);
            self.dates(table).next().is_some() && keys.any(|(from, _)| from.table == table)
        };
        let tables = (0..self.tables.len()).filter(|table| is_fact(*table));
        let columns = tables.flat_map(|table| {
            let columns = 0..self.tables[table].columns.len();
            columns.map(move |column| ColumnRef { table, column })
        });
        let mut totals = columns.filter(|c| {
            let named = words(&self.at(*c).name);
            let total = named.iter().any(|w| w == "total" || w == "amount");
            total && self.at(*c).kind.is_number() && !self.is_key(*c)
        });
        totals.next().filter(|_| totals.next().is_none())
    }

    /// Whether the rows of a table belong to one thing and to another, by a key to either.
    pub fn links(&self, link: usize, one: usize, other: usize) -> bool {
        let to = |table: usize| {
            let mut pairs = self.keys.iter().flat_map(|key| &key.columns);
            pairs.any(|(a, b)| a.table == link && b.table == table)
        };
        to(one) && to(other)
    }

    fn referred(&self, from: ColumnRef) -> Option<ColumnRef> {
        let t = &self.tables[from.table];
        let column = &t.columns[from.column];
        if self.is_primary(from) {
            return None;
        }
        let words = words(&column.name);
        let last = words.last()?;
        if !["id", "code", "key", "number", "name"].contains(&last.as_str())
            && !last.ends_with("id")
        {
            return None;
        }
        let joined = words.concat();
        let all = self.tables.iter().enumerate().filter_map(|(table, other)| {
            if table == from.table {
                return None;
            }
            let key = self.key(table)?;
            let to = self.at(key);
            let same_kind = to.kind == column.kind;
            let key_words = self::words(&to.name);
            let named = to.name.eq_ignore_ascii_case(&column.name) && key_words.len() > 1
                || joined
                    == self::words(&other.name)
                        .iter()
                        .map(|w| stem(w))
                        .collect::<String>()
                        + &key_words.concat();
            (same_kind && named).then_some(key)
        });
        let all: Vec<ColumnRef> = all.collect();
        match all[..] {
            [one] => Some(one),
            // Of several that have such a key, the one that the key is called after.
            _ => all.into_iter().find(|to| self.is_called_after(*to)),
        }
    }
}

/// A name cut into lower-case words, abbreviations written out: `DeptName_2` is `department`, `name`, `2`.
pub fn words(name: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (i, &c) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| letters[j]);
        let after = letters.get(i + 1);
        let cut = before.is_some_and(|b| {
            (c.is_uppercase() && (b.is_lowercase() || b.is_numeric()))
                || (c.is_uppercase() && b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
                || (c.is_numeric() != b.is_numeric())
        });
        if !c.is_alphanumeric() || cut {
            push(&mut all, &mut word);
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    push(&mut all, &mut word);
    all
}

/// What several of an abbreviated thing are called: `appts` are appointments.
fn several(short: &str) -> Option<String> {
    let (_, full) = ABBREVIATIONS.iter().find(|(s, _)| *s == short)?;
    (short.len() > 2).then(|| format!("{full}s"))
}

fn push(all: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let full = ABBREVIATIONS.iter().find(|(short, _)| short == word);
    match full {
        Some((_, full)) => all.extend(full.split(' ').map(str::to_owned)),
        None => match word.strip_suffix('s').and_then(several) {
            Some(full) => all.push(full),
            None => all.push(word.clone()),
        },
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_are_cut_into_words() {
        assert_eq!(words("DeptName"), ["department", "name"]);
        assert_eq!(words("first_name"), ["first", "name"]);
        assert_eq!(words("HTTPCode2"), ["http", "code", "2"]);
        assert_eq!(words("tbl_appts"), ["tbl", "appointments"]);
        assert_eq!(words("客户 姓名"), ["客户", "姓名"]);
    }
}
