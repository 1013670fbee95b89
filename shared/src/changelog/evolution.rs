//! What ALTER TABLE did to a table's columns, read from the columns before and after.
//!
//! ADD COLUMN puts the new column last, DROP and RENAME keep the order, and each is one change of the schema. More than
//! one history can lead to the same columns: so it matters too how many changes there were.

use super::{Column, Key};

/// The shortest history that leads from one list of columns to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evolution {
    /// Columns with another name: the old and the new.
    pub renamed: Vec<(String, String)>,
    /// Columns that are gone.
    pub dropped: Vec<String>,
    /// So many of the last columns are new.
    pub added: usize,
}

impl Evolution {
    /// The history from `old` to `new`; `None` if these are no changes of ALTER TABLE alone, or if another history of as
    /// many changes leads there too.
    pub fn between(old: &[Column], new: &[Column]) -> Option<Evolution> {
        if new.len() < old.len() {
            let mut rest = new.iter().peekable();
            let dropped = old.iter().filter(|o| rest.next_if_eq(o).is_none());
            let dropped: Vec<String> = dropped.map(|o| o.name.clone()).collect();
            return rest.peek().is_none().then_some(Evolution {
                dropped,
                ..Evolution::default()
            });
        }
        let (kept, added) = new.split_at(old.len());
        let mut renamed = Vec::new();
        for (o, k) in old.iter().zip(kept) {
            let same_but_for_name = Column {
                name: o.name.clone(),
                ..k.clone()
            };
            if same_but_for_name != *o {
                return None;
            }
            if o.name != k.name {
                // Otherwise columns may have changed places: one dropped, and one of its name added.
                let taken = |c: &Column| c.name.eq_ignore_ascii_case(&k.name);
                if old.iter().any(taken) {
                    return None;
                }
                renamed.push((o.name.clone(), k.name.clone()));
            }
        }
        let writable = |c: &Column| !c.generated && c.pk == 0;
        (added.iter().all(writable) && (added.is_empty() || renamed.is_empty())).then_some(
            Evolution {
                renamed,
                dropped: Vec::new(),
                added: added.len(),
            },
        )
    }

    /// How many changes of the schema it takes.
    pub fn changes(&self) -> usize {
        self.renamed.len() + self.dropped.len() + self.added
    }

    /// The key after it.
    pub fn key(&self, old: &Key) -> Key {
        match old {
            Key::Columns(names) => Key::Columns(names.iter().map(|n| self.new_name(n)).collect()),
            Key::Rowid(name) => Key::Rowid(name),
        }
    }

    /// What it did, for people.
    pub fn events(&self, new: &[Column]) -> Vec<String> {
        let renamed = self.renamed.iter();
        let renamed = renamed.map(|(old, new)| format!("renamed column {old} to {new}"));
        let dropped = self.dropped.iter().map(|c| format!("dropped column {c}"));
        let added = &new[new.len() - self.added.min(new.len())..];
        let added = added.iter().map(|c| format!("added column {}", c.name));
        renamed.chain(dropped).chain(added).collect()
    }

    /// The name that a column has after it.
    pub fn new_name(&self, old: &str) -> String {
        let renamed = self.renamed.iter().find(|(o, _)| o == old);
        renamed.map_or(old, |(_, new)| new).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a:INT b` to columns.
    fn columns(text: &str) -> Vec<Column> {
        let column = |word: &str| {
            let (name, declared) = word.split_once(':').unwrap_or((word, "TEXT"));
            Column {
                name: name.into(),
                declared: declared.into(),
                ..Column::default()
            }
        };
        text.split_whitespace().map(column).collect()
    }

    fn between(old: &str, new: &str) -> Option<String> {
        let new = columns(new);
        Evolution::between(&columns(old), &new).map(|e| e.events(&new).join(", "))
    }

    #[test]
    fn one_kind_of_change_is_read() {
        for (old, new, events) in [
            ("a b", "a b", ""),
            ("a b", "a b c d:INT", "added column c, added column d"),
            ("a b c", "a c", "dropped column b"),
            ("a b c", "b", "dropped column a, dropped column c"),
            (
                "a b c",
                "a x y",
                "renamed column b to x, renamed column c to y",
            ),
        ] {
            assert_eq!(between(old, new).as_deref(), Some(events), "{old} to {new}");
        }
    }

    #[test]
    fn what_may_have_come_about_otherwise_is_not() {
        for (old, new) in [
            // Renamed in a circle, or `a` dropped and added.
            ("a b", "b a"),
            // Renamed and then added, or one dropped and two added.
            ("a b", "a x c"),
            ("a b", "a b:INT"),
            ("a b:INT", "a c:TEXT"),
            ("a b c", "c a"),
            ("a b", "x"),
            ("a b", "a B"),
        ] {
            assert_eq!(between(old, new), None, "{old} to {new}");
        }
    }

    #[test]
    fn a_new_column_is_an_ordinary_one() {
        let old = columns("a");
        let mut new = columns("a b");
        new[1].generated = true;
        assert_eq!(Evolution::between(&old, &new), None);
    }

    #[test]
    fn the_key_follows_its_columns() {
        let (old, new) = (columns("a b"), columns("a k"));
        let evolution = Evolution::between(&old, &new).unwrap();
        let key = Key::Columns(vec!["b".into(), "a".into()]);
        assert_eq!(evolution.key(&key).names(), ["k", "a"]);
    }
}
