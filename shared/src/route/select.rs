//! Writes one SELECT: its tables, conditions, groups, columns and keys.

use super::ast::{Core, Expr, Join, JoinKind, Literal, OrderTerm, ResultColumn, Source};
use super::catalog::Table;
use super::emit::{Key, Output, Select, Writer, aliases};
use super::expr::{direction, is_guarded};
use super::functions::has_aggregate;
use super::scope::{Field, Phase, Relation, Scope};
use super::typed_expr::Typed;
use super::{Refusal, refuse};

impl Writer<'_> {
    /// Writes a SELECT inside `parent`.
    pub(super) fn core(
        &mut self,
        core: &Core,
        parent: Option<&Scope<'_>>,
    ) -> Result<Select, Refusal> {
        let (from, relations) = self.from(&core.from, parent)?;
        let scope = Scope {
            relations: &relations,
            parent,
            phase: Phase::Row,
        };
        let mut rest = from;
        if let Some(filter) = &core.filter {
            let filter = with_aliases(filter, core, &relations);
            let condition = self.expr(&filter, &scope)?.condition()?;
            rest.push_str(&format!(" WHERE {condition}"));
        }
        let keys = self.group_keys(core, &scope)?;
        let aggregate = is_aggregate(core);
        if !keys.is_empty() {
            let by: Vec<&str> = keys.iter().map(Typed::key).collect();
            rest.push_str(&format!(" GROUP BY {}", by.join(", ")));
        }
        let phase = if aggregate {
            Phase::Grouped(&keys)
        } else {
            Phase::Row
        };
        let scope = scope.at(phase);
        if let Some(having) = &core.having {
            let having = with_aliases(having, core, &relations);
            let condition = self.expr(&having, &scope)?.condition()?;
            rest.push_str(&format!(" HAVING {condition}"));
        }
        let mut outputs = Vec::new();
        for column in &core.columns {
            self.outputs(column, &scope, &mut outputs)?;
        }
        Ok(Select {
            outputs,
            distinct: core.distinct,
            rest,
            single: aggregate && keys.is_empty(),
            keys,
            relations,
        })
    }

    fn outputs(
        &mut self,
        column: &ResultColumn,
        scope: &Scope<'_>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let star = match column {
            ResultColumn::Star => None,
            ResultColumn::TableStar(name) => Some(name),
            ResultColumn::Expr(e, alias) => {
                let name = match (alias, e) {
                    (Some(alias), _) => alias.clone(),
                    (None, Expr::Column(_, name) | Expr::Quoted(name)) => name.clone(),
                    _ => String::new(),
                };
                let typed = self.expr(e, scope);
                // A column that nobody may ask for does no harm, as in `SELECT *` inside; others are reported.
                outputs.push(Output { name, typed });
                return Ok(());
            }
        };
        let mut found = false;
        for relation in scope.relations {
            if star.is_some_and(|name| !name.eq_ignore_ascii_case(&relation.name)) {
                continue;
            }
            found = true;
            for field in relation
                .fields
                .iter()
                .filter(|f| star.is_some() || !f.merged)
            {
                let typed = field.typed.clone().and_then(|t| scope.at_phase(t));
                self.guarded |= typed.as_ref().is_ok_and(|t| is_guarded(&t.sql));
                outputs.push(Output {
                    name: field.name.clone(),
                    typed,
                });
            }
        }
        if found {
            Ok(())
        } else {
            refuse("* names no table")
        }
    }

    /// The keys of GROUP BY.
    fn group_keys(&mut self, core: &Core, scope: &Scope<'_>) -> Result<Vec<Typed>, Refusal> {
        let mut keys = Vec::new();
        for term in &core.group_by {
            let term = match term {
                Expr::Literal(Literal::Integer(n)) => nth(core, *n)?.clone(),
                term => with_aliases(term, core, scope.relations),
            };
            let key = self.expr(&term, scope)?.value();
            key.check_groupable()?;
            if key.literal.is_some() {
                return refuse("a constant is grouped by");
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// The keys of ORDER BY of a SELECT that is no part of a compound.
    pub(super) fn core_keys(
        &mut self,
        core: &Core,
        order: &[OrderTerm],
        select: &Select,
        outputs: &[Typed],
        parent: Option<&Scope<'_>>,
    ) -> Result<Vec<Key>, Refusal> {
        let phase = if is_aggregate(core) || has_aggregate(order.iter().map(|t| &t.expr)) {
            Phase::Grouped(&select.keys)
        } else {
            Phase::Row
        };
        if matches!(phase, Phase::Grouped(_)) != is_aggregate(core) {
            return refuse("only ORDER BY has an aggregate");
        }
        let scope = Scope {
            relations: &select.relations,
            parent,
            phase,
        };
        let mut keys = Vec::new();
        for term in order {
            let position = match &term.expr {
                Expr::Literal(Literal::Integer(n)) => {
                    Some(usize::try_from(*n).ok().and_then(|n| n.checked_sub(1)))
                }
                Expr::Column(None, name) | Expr::Quoted(name) => aliases_by_position(core)
                    .find(|(_, alias)| alias.eq_ignore_ascii_case(name))
                    .map(|(i, _)| Some(i)),
                _ => None,
            };
            let output = match position {
                Some(position) => position.filter(|i| *i < outputs.len()),
                None => None,
            };
            let (output, key) = match (position, output) {
                (Some(_), None) => return refuse("ORDER BY has a number without a column"),
                (_, Some(i)) => {
                    self.check_order(&outputs[i])?;
                    (Some(i), outputs[i].clone())
                }
                (None, None) => {
                    let alias = match &term.expr {
                        Expr::Column(None, name) | Expr::Quoted(name) => {
                            aliases(core).find(|(alias, _)| alias.eq_ignore_ascii_case(name))
                        }
                        _ => None,
                    };
                    let term = match alias {
                        // Behind a star; before a column of the same name.
                        Some((_, e)) => e.clone(),
                        None => with_aliases(&term.expr, core, &select.relations),
                    };
                    let key = self.expr(&term, &scope)?.value();
                    self.check_order(&key)?;
                    let output = outputs.iter().position(|o| o.sql == key.sql);
                    (output, key)
                }
            };
            if key.literal.is_some() && output.is_none() {
                // A constant orders nothing.
                continue;
            }
            if output.is_none() && select.distinct {
                return refuse("DISTINCT is ordered by something that is not shown");
            }
            keys.push(Key {
                output,
                sql: key.key().to_owned(),
                inexact: key.inexact,
                direction: direction(term),
            });
        }
        Ok(keys)
    }

    fn from(
        &mut self,
        joins: &[Join],
        parent: Option<&Scope<'_>>,
    ) -> Result<(String, Vec<Relation>), Refusal> {
        let mut sql = String::new();
        let mut relations: Vec<Relation> = Vec::new();
        for (i, join) in joins.iter().enumerate() {
            let (source, mut relation) = self.source(join, parent)?;
            if i == 0 {
                sql = format!(" FROM {source}");
                relations.push(relation);
                continue;
            }
            let mut conditions = Vec::new();
            for name in &join.using {
                if matches!(join.kind, JoinKind::Right | JoinKind::Full) {
                    return refuse("USING of a RIGHT or FULL JOIN shows either side");
                }
                let scope = Scope {
                    relations: &relations,
                    parent: None,
                    phase: Phase::Row,
                };
                let left = scope.column(None, name)?;
                let Some(field) = relation
                    .fields
                    .iter_mut()
                    .find(|f| f.name.eq_ignore_ascii_case(name))
                else {
                    return refuse("USING names a column that is not there");
                };
                field.merged = true;
                let right = field.typed.clone()?;
                let equal = self.comparison(super::ast::Operator::Equal, &left, &right)?;
                conditions.push(equal.sql);
            }
            relations.push(relation);
            if let Some(on) = &join.on {
                let scope = Scope {
                    relations: &relations,
                    parent,
                    phase: Phase::Row,
                };
                conditions.push(self.expr(on, &scope)?.condition()?);
            }
            let kind = match (join.kind, conditions.is_empty()) {
                (JoinKind::Inner, true) => "CROSS JOIN",
                (JoinKind::Inner, false) => "JOIN",
                (JoinKind::Left, _) => "LEFT JOIN",
                (JoinKind::Right, _) => "RIGHT JOIN",
                (JoinKind::Full, _) => "FULL JOIN",
            };
            sql.push_str(&format!(" {kind} {source}"));
            if conditions.is_empty() && kind != "CROSS JOIN" {
                conditions.push("true".into());
            }
            if !conditions.is_empty() {
                sql.push_str(&format!(" ON {}", conditions.join(" AND ")));
            }
        }
        Ok((sql, relations))
    }

    fn source(
        &mut self,
        join: &Join,
        parent: Option<&Scope<'_>>,
    ) -> Result<(String, Relation), Refusal> {
        match &join.source {
            Source::Query(query) => {
                let written = self.subquery(query, parent)?;
                let relation = Relation {
                    name: join.alias.clone().unwrap_or_default(),
                    fields: written.fields,
                };
                Ok((format!("({}) AS {}", written.sql, written.alias), relation))
            }
            Source::Table(name, qualified) => {
                if !qualified && let Some((sql, mut relation)) = self.reference(name) {
                    if let Some(alias) = &join.alias {
                        relation.name.clone_from(alias);
                    }
                    return Ok((sql, relation));
                }
                let Some(table) = self.catalog.table(name) else {
                    return refuse(self.catalog.missing(name));
                };
                let alias = self.alias();
                let relation = Relation {
                    name: join.alias.clone().unwrap_or_else(|| name.clone()),
                    fields: table_fields(table, &alias)?,
                };
                self.tables
                    .push((relation.name.clone(), table.name.clone()));
                Ok((format!("{} AS {alias}", table.source), relation))
            }
        }
    }
}

fn table_fields(table: &Table, alias: &str) -> Result<Vec<Field>, Refusal> {
    let truth = |c: &super::catalog::Column| {
        c.name.eq_ignore_ascii_case("true") || c.name.eq_ignore_ascii_case("false")
    };
    if table.columns.iter().any(truth) {
        return refuse("a column is named true or false");
    }
    Ok(table
        .columns
        .iter()
        .map(|column| Field {
            name: column.name.clone(),
            typed: column.typed(alias),
            merged: false,
        })
        .collect())
}

fn is_aggregate(core: &Core) -> bool {
    let shown = core.columns.iter().filter_map(|c| match c {
        ResultColumn::Expr(e, _) => Some(e),
        _ => None,
    });
    !core.group_by.is_empty() || core.having.is_some() || has_aggregate(shown)
}

/// The shown expression that a number in GROUP BY means.
fn nth(core: &Core, n: i64) -> Result<&Expr, Refusal> {
    let column = usize::try_from(n - 1)
        .ok()
        .and_then(|i| core.columns.get(i));
    let star = core
        .columns
        .iter()
        .any(|c| !matches!(c, ResultColumn::Expr(..)));
    match column {
        Some(ResultColumn::Expr(e, _)) if !star => Ok(e),
        _ => refuse("GROUP BY has a number without a column"),
    }
}

/// The expression with aliases replaced by what they stand for; a column of the same name goes first.
fn with_aliases(e: &Expr, core: &Core, relations: &[Relation]) -> Expr {
    let mut e = e.clone();
    let is_column = |name: &str| {
        relations
            .iter()
            .any(|r| r.fields.iter().any(|f| f.name.eq_ignore_ascii_case(name)))
    };
    e.replace_names(&|name| {
        aliases(core)
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name) && !is_column(name))
            .map(|(_, e)| e.clone())
    });
    e
}

/// Aliases with the position of their output; unknown behind a star.
fn aliases_by_position(core: &Core) -> impl Iterator<Item = (usize, &str)> {
    let expr = |c: &ResultColumn| matches!(c, ResultColumn::Expr(..));
    let known = core.columns.iter().take_while(move |c| expr(c));
    known.enumerate().filter_map(|(i, c)| match c {
        ResultColumn::Expr(_, Some(alias)) => Some((i, alias.as_str())),
        _ => None,
    })
}
