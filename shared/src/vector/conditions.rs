//! Whether a search with `k` knows every condition of its statement.
//!
//! SQLite hands a virtual table only conditions like `column = value`. Others (`NOT IN`, `OR`, `EXISTS`, calls) it
//! tests itself, on rows that `k` has counted already, so that fewer than `k` would come out. What was handed over is
//! known; what else stands in the statement, only its text says. A condition that is not understood counts as one that
//! was not handed over.

mod clauses;
mod columns;
#[cfg(test)]
mod tests;

use clauses::{Scope, conjuncts, name, scan, split, text};
use columns::{Own, is_equality};

use crate::route::tokens::{Token, tokens};

/// A search as the engine has planned it.
pub struct Search<'a> {
    /// The table's name.
    pub table: &'a str,
    /// Its columns, hidden ones too.
    pub columns: Vec<&'a str>,
    /// Its column that `rowid` stands for, or `rowid`.
    pub rowid: &'a str,
    /// The conditions that were handed over: the column, and the operator: `=`, `IS`, `<>`, `IS NOT`, `<`,
    /// `<=`, `>`, `>=`, `LIKE`, `GLOB`, `REGEXP`, `MATCH`, `ISNULL`, `NOTNULL` or `IN`.
    pub taken: Vec<(&'a str, &'static str)>,
}

/// What a text says of a search.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// A SELECT in it has all conditions of the search and no other.
    pub agrees: bool,
    /// A condition beside `k` that is never handed over.
    pub left: Option<String>,
}

/// Reads a statement, or the text of a view or a trigger.
pub fn read(sql: &str, search: &Search<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(tokens) = tokens(sql) else {
        return verdict;
    };
    let mut scopes = Vec::new();
    scan(&tokens, &mut scopes);
    for scope in scopes {
        scope.read(search, &mut verdict);
    }
    verdict
}

/// The names in a text, in lower case, among which are those of the views that it reads.
pub fn names(sql: &str) -> Vec<String> {
    let tokens = tokens(sql).unwrap_or_default();
    tokens.iter().filter_map(name).collect()
}

impl Scope<'_> {
    fn read(&self, search: &Search<'_>, verdict: &mut Verdict) {
        let mut conditions = Vec::new();
        for clause in &self.clauses {
            conjuncts(clause, &mut conditions);
        }
        let names = self.own(search);
        for own in &names {
            for conditions in alternatives(&conditions, own) {
                let joins = (self.joins(), names.len() > 1);
                judge(&conditions, own, search, joins, verdict);
            }
        }
    }

    /// True if there is more than one table.
    fn joins(&self) -> bool {
        let from = self.tokens.iter().skip_while(|t| !t.is("FROM")).skip(1);
        let mut from =
            from.take_while(|t| !clauses::is_one_of(t, &["WHERE", "GROUP", "ORDER", "LIMIT"]));
        from.any(|t| t.is("JOIN") || **t == Token::Op(","))
    }

    /// The table by its names here; more than once where it is joined to itself.
    fn own(&self, search: &Search<'_>) -> Vec<Own> {
        let table = search.table.to_lowercase();
        let token = |i: usize| self.tokens.get(i).copied();
        let is_dot = |i: usize| token(i) == Some(&Token::Op("."));
        let mut found = Vec::new();
        for i in 0..self.tokens.len() {
            let before = if i > 1 && is_dot(i - 1) {
                i.checked_sub(3)
            } else {
                i.checked_sub(1)
            };
            let Some(before) = before.and_then(token) else {
                continue;
            };
            let begins = clauses::is_one_of(before, &["FROM", "JOIN", "UPDATE", "INTO"])
                || *before == Token::Op(",");
            let named = token(i).and_then(name).is_some_and(|n| n == table);
            if !begins || !named || is_dot(i + 1) {
                continue;
            }
            let alias = match token(i + 1) {
                Some(t) if t.is("AS") => token(i + 2),
                other => other,
            };
            found.push(match alias {
                Some(Token::Text(alias)) => Some(alias.to_lowercase()),
                Some(alias) if !clauses::is_one_of(alias, &clauses::ENDS) => name(alias),
                _ => None,
            });
        }
        let several = found.len() > 1;
        let columns: Vec<String> = search.columns.iter().map(|c| c.to_lowercase()).collect();
        let own = found.into_iter().map(|alias| Own {
            qualifiers: match alias {
                // The other may be called by the table's name.
                Some(alias) if several => vec![alias],
                alias => alias.into_iter().chain([table.clone()]).collect(),
            },
            columns: columns.clone(),
            rowid: search.rowid.to_lowercase(),
        });
        own.collect()
    }
}

/// The conditions, once for each search that stands under an OR.
fn alternatives<'a>(all: &[&'a [Token]], own: &Own) -> Vec<Vec<&'a [Token]>> {
    let branches = |condition: &'a [Token]| -> Vec<Vec<&'a [Token]>> {
        let branches = split(condition, "OR").into_iter().map(|branch| {
            let mut conditions = Vec::new();
            conjuncts(branch, &mut conditions);
            conditions
        });
        branches.collect()
    };
    let counts = |conditions: &Vec<&[Token]>| conditions.iter().any(|c| own.counts(c));
    let place = all
        .iter()
        .position(|c| split(c, "OR").len() > 1 && branches(c).iter().any(counts));
    let Some(place) = place else {
        return vec![all.to_vec()];
    };
    let searches = branches(all[place]).into_iter().filter(counts);
    let others = || (0..all.len()).filter(|i| *i != place).map(|i| all[i]);
    searches
        .map(|branch| branch.into_iter().chain(others()).collect())
        .collect()
}

/// Looks whether these are the conditions of the search; `joins` says whether there are other tables, and whether the
/// table itself is among them.
fn judge(
    conditions: &[&[Token]],
    own: &Own,
    search: &Search<'_>,
    (joins, several): (bool, bool),
    verdict: &mut Verdict,
) {
    if !conditions.iter().any(|c| own.counts(c)) {
        return;
    }
    let mut taken = search.taken.clone();
    // Conditions that were not handed over, and whether a row of another table comes before.
    let (mut rest, mut lateral) = (Vec::new(), false);
    for condition in conditions {
        match own.simple(condition) {
            Some(simple) if take(&mut taken, &simple.asks) => {
                lateral |= own.foreign(simple.other);
            }
            simple => rest.push((condition, simple.is_some())),
        }
    }
    let mut agrees = true;
    for (condition, is_simple) in rest {
        let harmless = match (own.names(condition), own.foreign(condition)) {
            // The same for all rows.
            (false, false) => true,
            // Of a table that is read before, of another search, or of the statement around it.
            (false, true) => lateral || several || !joins,
            (true, true) => joins && is_equality(condition),
            (true, false) => false,
        };
        if harmless {
            continue;
        }
        agrees = false;
        if !is_simple {
            verdict.left.get_or_insert_with(|| text(condition));
        }
    }
    verdict.agrees |= agrees;
}

/// Takes the conditions that these ask for out of those that were handed over; false if one is not there.
fn take(taken: &mut Vec<(&str, &'static str)>, asks: &[(String, Vec<&'static str>)]) -> bool {
    let mut left = taken.clone();
    for (column, operators) in asks {
        let found = left
            .iter()
            .position(|(c, o)| c.to_lowercase() == *column && operators.contains(o));
        let Some(found) = found else { return false };
        left.remove(found);
    }
    *taken = left;
    true
}
