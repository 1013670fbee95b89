//! Names in a statement: which column of which relation a name means.

use super::typed_expr::Typed;
use super::{Refusal, refuse};

/// A column of a relation: its name, and its expression or why it is for SQLite alone.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name; empty for an expression without an alias.
    pub name: String,
    /// What it is in DuckDB.
    pub typed: Result<Typed, Refusal>,
    /// The right side of USING, which a bare name and `*` leave out.
    pub merged: bool,
}

/// A table, a subquery or a common table expression in FROM.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its alias, or its name.
    pub name: String,
    /// Its columns.
    pub fields: Vec<Field>,
}

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub enum Phase<'a> {
    /// Before grouping: columns, no aggregates.
    Row,
    /// After grouping: aggregates, and these expressions.
    Grouped(&'a [Typed]),
    /// In an aggregate: columns of this SELECT only.
    Argument,
}

/// The relations of one SELECT, inside those of another.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Those of FROM.
    pub relations: &'a [Relation],
    /// The SELECT around this one.
    pub parent: Option<&'a Scope<'a>>,
    /// Where this SELECT's own expression stands in which another SELECT stands.
    pub phase: Phase<'a>,
}

impl Scope<'_> {
    /// The same relations, elsewhere in the SELECT.
    pub fn at<'b>(&'b self, phase: Phase<'b>) -> Scope<'b> {
        Scope { phase, ..*self }
    }

    /// The column that a name means.
    pub fn column(&self, table: Option<&str>, name: &str) -> Result<Typed, Refusal> {
        let mut scope = self;
        loop {
            if let Some(field) = find(scope.relations, table, name)? {
                let typed = field.typed.clone()?;
                return if std::ptr::eq(scope, self) {
                    scope.at_phase(typed)
                } else if scope.is_key(&typed) {
                    Ok(typed)
                } else {
                    refuse(format!(
                        "column {name} is neither grouped nor in an aggregate"
                    ))
                };
            }
            let Some(parent) = scope.parent else {
                return refuse(format!(
                    "{name} names no column of a mirrored table (a text in double quotes, an alias or a rowid)"
                ));
            };
            if matches!(scope.phase, Phase::Argument) {
                return refuse("an aggregate is over columns of another SELECT");
            }
            scope = parent;
        }
    }
}

impl Scope<'_> {
    /// A column of this SELECT as it is where this expression stands: behind GROUP BY, one that is no key must have
    /// the same value in all rows of a group.
    pub fn at_phase(&self, column: Typed) -> Result<Typed, Refusal> {
        if self.is_key(&column) {
            Ok(column)
        } else {
            column.same_in_group()
        }
    }

    fn is_key(&self, column: &Typed) -> bool {
        match self.phase {
            Phase::Grouped(keys) => keys.iter().any(|k| k.sql == column.sql),
            _ => true,
        }
    }

    /// True if a bare name means a column here or in a SELECT around.
    pub fn has_column(&self, name: &str) -> bool {
        self.any_field(&|field| field.name.eq_ignore_ascii_case(name))
    }

    /// True if a column here or in a SELECT around has a name that only SQLite knows.
    pub fn has_unnamed(&self) -> bool {
        self.any_field(&|field| field.name.is_empty())
    }

    fn any_field(&self, is: &dyn Fn(&Field) -> bool) -> bool {
        self.relations.iter().any(|r| r.fields.iter().any(is))
            || self.parent.is_some_and(|parent| parent.any_field(is))
    }
}

fn find<'a>(
    relations: &'a [Relation],
    table: Option<&str>,
    name: &str,
) -> Result<Option<&'a Field>, Refusal> {
    let mut found = None;
    for relation in relations {
        if table.is_some_and(|t| !t.eq_ignore_ascii_case(&relation.name)) {
            continue;
        }
        for field in &relation.fields {
            if !field.name.eq_ignore_ascii_case(name) || (field.merged && table.is_none()) {
                continue;
            }
            if found.is_some() {
                return refuse(format!("{name} may mean several columns"));
            }
            found = Some(field);
        }
    }
    Ok(found)
}
