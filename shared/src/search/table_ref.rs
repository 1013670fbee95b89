//! Where the table is: written so that all parts of a search mean the same one.

use super::target::Target;
use crate::sql::{identifier, literal};
use crate::{Error, Result};

/// Stand in a text for database and schema, as a name and within a literal, where they are known only when the text is
/// bound. Nothing that a user writes has a NUL.
const NAME: &str = "\0n";
const INSIDE: &str = "\0l";

/// Errors if there is a NUL character in the text, which would be mistaken for these.
pub fn check_text(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        Err(Error::new(format!(
            "{what} has a NUL character, which SQL cannot have"
        )))
    } else {
        Ok(())
    }
}

/// Database and schema of a table.
pub struct TableRef<'a>(&'a Target);

impl<'a> TableRef<'a> {
    /// That of this table.
    pub fn of(target: &'a Target) -> TableRef<'a> {
        TableRef(target)
    }

    /// The name by which the text knows the table's columns.
    pub fn alias(&self) -> String {
        identifier(self.0.name())
    }

    /// The table, for FROM.
    pub fn rows(&self) -> String {
        let place = match self.0.table.as_slice() {
            [database, schema, _] => format!("{}.{}", identifier(database), identifier(schema)),
            _ => NAME.to_owned(),
        };
        format!("{place}.{0} AS {0}", self.alias())
    }

    /// A subquery of what DuckDB says of the CHECKs of the tables of this name, for [`proven`].
    pub fn checks(&self) -> String {
        let (table, alias) = (literal(self.0.name()), literal(&self.alias()));
        let place = match self.0.table.as_slice() {
            [database, schema, _] => {
                literal(&format!("{}.{}", identifier(database), identifier(schema)))
            }
            _ => format!("'{INSIDE}'"),
        };
        // DuckDB's names differ in more than the case of ASCII letters; that is seen to afterwards.
        format!(
            "(SELECT concat({place}, '.', {alias}, chr(0), string_agg(concat_ws(chr(1), database_name, schema_name, table_name, constraint_text), chr(0))) \
             FROM duckdb_constraints() WHERE constraint_type = 'CHECK' AND lower(table_name) = lower({table}))"
        )
    }

    /// The whole text of a search. Where database or schema is not given, it is a text within the text, in which the
    /// current ones are filled in when it is bound.
    pub fn finish(&self, sql: String) -> String {
        let quoted = |name: &str| format!("'\"' || replace({name}, '\"', '\"\"') || '\"'");
        let schema = match self.0.table.as_slice() {
            [_, _, _] => return sql,
            [schema, _] => literal(&identifier(schema)),
            _ => quoted("current_schema()"),
        };
        let place = format!("{} || '.' || {schema}", quoted("current_database()"));
        let text = sql.replace('{', "{{").replace('}', "}}");
        let text = text.replace(NAME, "{0}").replace(INSIDE, "{1}");
        format!(
            "FROM query(format({}, {place}, replace({place}, '''', '''''')))",
            literal(&text)
        )
    }
}

/// The full name of the table, if one of its CHECKs is one of these: of what `TableRef::checks` has found.
pub fn proven(check_texts: &str, checks: &[String]) -> Option<String> {
    let mut check_texts = check_texts.split('\0');
    let table = check_texts.next()?.to_ascii_lowercase();
    let proves = check_texts.any(|entry| {
        let parts: Vec<&str> = entry.split('\u{1}').collect();
        let [database, schema, name, check] = parts[..] else {
            return false;
        };
        let names = [database, schema, name].map(identifier).join(".");
        names.to_ascii_lowercase() == table
            && checks.iter().any(|own| own.eq_ignore_ascii_case(check))
    });
    proves.then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_check_of_the_table_itself_proves() {
        let own = ["check((h = hash(e)))".to_owned()];
        let (d, s) = ("\u{1}", "\"d\".\"s\".\"T\"\0");
        let entry = |database: &str, schema: &str, table: &str, check: &str| {
            [database, schema, table, check].join(d)
        };
        let proves = |entries: &[String]| proven(&(s.to_owned() + &entries.join("\0")), &own);
        let right = entry("D", "S", "t", "CHECK((h = hash(e)))");
        let wrong = [
            entry("x", "s", "t", &own[0]),
            entry("d", "x", "t", &own[0]),
            entry("d", "s", "x", &own[0]),
            entry("d", "s", "t", "check(true)"),
            // Names that hold what stands between them.
            entry(&format!("d{d}s{d}t"), &own[0], "x", "y"),
            entry("d", &format!("s{d}t{d}{}", own[0]), "t", "y"),
        ];
        assert_eq!(
            proves(std::slice::from_ref(&right)).unwrap(),
            "\"d\".\"s\".\"t\""
        );
        for entry in &wrong {
            assert_eq!(proves(std::slice::from_ref(entry)), None, "{entry:?}");
        }
        assert!(proves(&[wrong.as_slice(), &[right]].concat()).is_some());
        assert_eq!(proves(&[]), None);
        assert_eq!(proven("", &own), None);
    }
}
