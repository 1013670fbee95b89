//! Writes a statement in DuckDB's SQL: the whole, and the SELECTs inside it.

use super::ast::{Body, Core, Cte, Expr, Literal, Query};
use super::catalog::Catalog;
use super::scope::{Field, Relation, Scope};
use super::typed_expr::{Typed, Whole, same};
use super::{Refusal, refuse};

/// Rows that LIMIT and OFFSET may ask for: they are checked for ties before the first is given out.
const LIMITED: u64 = 10_000;

/// The state of writing one statement.
pub(super) struct Writer<'a> {
    pub(super) catalog: &'a Catalog,
    /// The values of the parameters.
    pub(super) params: &'a [Literal],
    /// The names that the statement gives to columns.
    pub(super) names: &'a [String],
    /// Something written may raise an error, after which the statement is for SQLite.
    pub(super) guarded: bool,
    /// The tables read, with the names that SQLite's plan gives them.
    pub(super) tables: Vec<(String, String)>,
    pub(super) functions: Vec<String>,
    pub(super) aggregates: usize,
    /// The common table expressions that can be named here, the nearest last.
    pub(super) ctes: Vec<(String, Written)>,
    aliases: usize,
    /// Expressions so far.
    pub(super) written: usize,
}

/// A column that a SELECT gives.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) typed: Result<Typed, Refusal>,
}

/// A SELECT inside another: its columns are `c0`, `c1` and so on; beside them `w0`, which says whether `c0` is whole.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) sql: String,
    /// The name to give it, or that it has as a common table expression.
    pub(super) alias: String,
    /// The columns, qualified by the alias.
    pub(super) fields: Vec<Field>,
}

/// A SELECT whose parts are written.
pub(super) struct Select {
    pub(super) outputs: Vec<Output>,
    pub(super) distinct: bool,
    /// FROM to HAVING.
    pub(super) rest: String,
    /// At most one row.
    pub(super) single: bool,
    /// What it is grouped by.
    pub(super) keys: Vec<Typed>,
    pub(super) relations: Vec<Relation>,
}

/// A key of ORDER BY.
pub(super) struct Key {
    /// The output that it is, if it is one.
    pub(super) output: Option<usize>,
    pub(super) sql: String,
    pub(super) inexact: bool,
    pub(super) direction: &'static str,
}

/// A whole statement with what its reader needs.
pub(super) struct Top {
    pub(super) sql: String,
    pub(super) outputs: Vec<Typed>,
    /// Which column of the result is the companion of an output, from the first after the outputs.
    pub(super) companions: Vec<Option<usize>>,
    /// The columns of the result to compare at the ends of LIMIT, each with true if it is inexact.
    pub(super) keys: Vec<(usize, bool)>,
    pub(super) limit: Option<(u64, u64)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        params: &'a [Literal],
        names: &'a [String],
    ) -> Writer<'a> {
        Writer {
            catalog,
            params,
            names,
            guarded: false,
            tables: Vec::new(),
            functions: Vec::new(),
            aggregates: 0,
            ctes: Vec::new(),
            aliases: 0,
            written: 0,
        }
    }

    /// A name for a relation that nothing else has.
    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    /// Writes the common table expressions; the caller takes them out of `self.ctes` again.
    fn with(&mut self, ctes: &[Cte]) -> Result<String, Refusal> {
        let mut parts = Vec::new();
        for cte in ctes {
            let mut written = self.subquery(&cte.query, None)?;
            if !cte.columns.is_empty() {
                if cte.columns.len() != written.fields.len() {
                    return refuse("a common table expression names another number of columns");
                }
                for (field, name) in written.fields.iter_mut().zip(&cte.columns) {
                    field.name.clone_from(name);
                }
            }
            parts.push(format!("{} AS ({})", written.alias, written.sql));
            self.ctes.push((cte.name.clone(), written));
        }
        Ok(if parts.is_empty() {
            String::new()
        } else {
            format!("WITH {} ", parts.join(", "))
        })
    }

    /// Writes a SELECT inside another. Its order does not matter, as it has no LIMIT.
    pub(super) fn subquery(
        &mut self,
        query: &Query,
        parent: Option<&Scope<'_>>,
    ) -> Result<Written, Refusal> {
        let visible = self.ctes.len();
        let with = self.with(&query.ctes)?;
        let (sql, outputs) = match &query.body {
            Body::Core(core) => {
                let select = self.core(core, parent)?;
                if query.limit.is_some() && !(select.single && is_no_limit(query)) {
                    let (sql, output) = self.first(core, query, &select, parent)?;
                    self.ctes.truncate(visible);
                    let alias = self.alias();
                    return Ok(Written {
                        sql: format!("{with}{sql}"),
                        fields: fields(&[output], &alias),
                        alias,
                    });
                }
                let mut columns = Vec::new();
                for (i, output) in select.outputs.iter().enumerate() {
                    match &output.typed {
                        Ok(t) => {
                            let t = t.clone().value();
                            if select.distinct {
                                t.check_groupable()?;
                            }
                            columns.push(format!("{} AS c{i}", t.key()));
                            if let Whole::Where(whole) = &t.whole {
                                columns.push(format!("{whole} AS w{i}"));
                            }
                        }
                        Err(refusal) if select.distinct => return Err(refusal.clone()),
                        // Nobody may ask for it.
                        Err(_) => columns.push(format!("NULL AS c{i}")),
                    }
                }
                (select.sql(&columns), select.outputs)
            }
            _ if query.limit.is_some() => {
                return refuse("LIMIT in a SELECT inside another may give any rows");
            }
            compound => self.compound(compound, parent)?,
        };
        self.ctes.truncate(visible);
        let alias = self.alias();
        Ok(Written {
            sql: format!("{with}{sql}"),
            fields: fields(&outputs, &alias),
            alias,
        })
    }

    /// The first row of a SELECT inside another: a guard where several rows are first and differ.
    fn first(
        &mut self,
        core: &Core,
        query: &Query,
        select: &Select,
        parent: Option<&Scope<'_>>,
    ) -> Result<(String, Output), Refusal> {
        let [output] = select.outputs.as_slice() else {
            return refuse("LIMIT in a SELECT inside another may give any rows");
        };
        let typed = output.typed.clone()?.value();
        let keys = self.core_keys(
            core,
            &query.order,
            select,
            std::slice::from_ref(&typed),
            parent,
        )?;
        if query.limit != Some(1) || query.offset > 0 || select.distinct || keys.is_empty() {
            return refuse("LIMIT in a SELECT inside another may give any rows");
        }
        if keys.iter().any(|k| k.inexact) {
            return refuse("LIMIT in a SELECT inside another depends on sums of reals");
        }
        let order: Vec<String> = keys
            .iter()
            .map(|k| format!("{}{}", k.sql, k.direction))
            .collect();
        let ranked = select.sql(&[
            format!("{} AS c0", typed.key()),
            format!("rank() OVER (ORDER BY {}) AS place", order.join(", ")),
        ]);
        let inner = self.alias();
        let sql = format!(
            "SELECT {} AS c0 FROM ({ranked}) AS {inner} WHERE place = 1 HAVING count(*) > 0",
            same(&format!("{inner}.c0"))
        );
        self.guarded = true;
        let output = Output {
            name: output.name.clone(),
            typed: typed.same_in_group(),
        };
        Ok((sql, output))
    }

    /// The fields of a common table expression under another alias.
    pub(super) fn reference(&mut self, name: &str) -> Option<(String, Relation)> {
        let found = self
            .ctes
            .iter()
            .rev()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))?
            .1
            .clone();
        let alias = self.alias();
        let outputs: Vec<Output> = found
            .fields
            .iter()
            .map(|f| Output {
                name: f.name.clone(),
                typed: f.typed.clone(),
            })
            .collect();
        let relation = Relation {
            name: name.to_owned(),
            fields: fields(&outputs, &alias),
        };
        Some((format!("{} AS {alias}", found.alias), relation))
    }

    /// Writes the whole statement.
    pub(super) fn top(&mut self, query: &Query) -> Result<Top, Refusal> {
        let with = self.with(&query.ctes)?;
        if query.limit.is_some_and(|n| n > LIMITED) || query.offset > LIMITED {
            return refuse("LIMIT asks for many rows");
        }
        let (mut columns, outputs, keys, select, single) = match &query.body {
            Body::Core(core) => {
                let select = self.core(core, None)?;
                let mut outputs = Vec::new();
                for output in &select.outputs {
                    let typed = output.typed.clone()?.value();
                    if select.distinct {
                        typed.check_groupable()?;
                    }
                    outputs.push(typed);
                }
                let keys = self.core_keys(core, &query.order, &select, &outputs, None)?;
                let columns: Vec<String> = outputs.iter().map(|t| t.sql.clone()).collect();
                let single = select.single;
                (columns, outputs, keys, Ok(select), single)
            }
            compound => {
                let (sql, outputs) = self.compound(compound, None)?;
                let keys = self.output_keys(&query.order, &outputs)?;
                let typed = outputs
                    .into_iter()
                    .map(|o| o.typed)
                    .collect::<Result<Vec<_>, _>>()?;
                let columns = (0..typed.len()).map(|i| format!("c{i}")).collect();
                (columns, typed, keys, Err(sql), false)
            }
        };
        let shown = outputs.len();
        let mut companions = Vec::new();
        for output in &outputs {
            companions.push(match &output.whole {
                Whole::Where(sql) => {
                    columns.push(sql.clone());
                    Some(columns.len() - 1)
                }
                Whole::ByValue => None,
            });
        }
        let mut checked = Vec::new();
        // Rows that are equal in all that is shown may be exchanged, if equal means the same.
        let all_shown = (0..shown).all(|i| {
            outputs[i].check_groupable().is_ok() && keys.iter().any(|k| k.output == Some(i))
        });
        let mut limit = None;
        if let Some(count) = query.limit {
            if keys.is_empty() && !single {
                return refuse("LIMIT without ORDER BY may give any rows");
            }
            limit = Some((count, query.offset));
            if !single && !all_shown {
                for key in &keys {
                    let column = key.output.unwrap_or(columns.len());
                    if key.output.is_none() {
                        columns.push(key.sql.clone());
                    }
                    checked.push((column, key.inexact));
                }
            }
        }
        let mut sql = with;
        match select {
            Ok(select) => sql.push_str(&select.sql(&columns)),
            Err(compound) => sql.push_str(&format!("SELECT * FROM ({compound})")),
        }
        let order: Vec<String> = keys
            .iter()
            .map(|k| match k.output {
                Some(i) => format!("{}{}", i + 1, k.direction),
                None => format!("{}{}", k.sql, k.direction),
            })
            .collect();
        if !order.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        if let Some((count, offset)) = limit {
            // One row before and one behind, to see whether the ends are ties.
            let before = u64::from(offset > 0);
            sql.push_str(&format!(
                " LIMIT {} OFFSET {}",
                count + before + 1,
                offset - before
            ));
        }
        Ok(Top {
            sql,
            outputs,
            companions,
            keys: checked,
            limit,
        })
    }
}

impl Select {
    /// The SELECT with these columns.
    pub(super) fn sql(&self, columns: &[String]) -> String {
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        format!("SELECT {distinct}{}{}", columns.join(", "), self.rest)
    }
}

/// True if LIMIT leaves every row of a SELECT that gives one.
pub(super) fn is_no_limit(query: &Query) -> bool {
    query.limit.is_some_and(|n| n > 0) && query.offset == 0
}

/// The outputs of a SELECT as columns of the relation `alias`.
fn fields(outputs: &[Output], alias: &str) -> Vec<Field> {
    let field = |(i, output): (usize, &Output)| {
        let typed = output.typed.clone().map(|t| {
            let t = t.value();
            let sql = format!("{alias}.c{i}");
            let mut field = match &t.raw {
                Some(raw) => Typed::from_raw(raw.of(sql)),
                None => Typed::new(sql, t.class).inexact_if(t.inexact),
            };
            field.affinity = t.affinity;
            if let Whole::Where(_) = t.whole {
                field.whole = Whole::Where(format!("{alias}.w{i}"));
            }
            field
        });
        Field {
            name: output.name.clone(),
            typed,
            merged: false,
        }
    };
    outputs.iter().enumerate().map(field).collect()
}

/// The expressions that a SELECT shows, with their aliases.
pub(super) fn aliases(core: &Core) -> impl Iterator<Item = (&str, &Expr)> {
    core.columns.iter().filter_map(|c| match c {
        super::ast::ResultColumn::Expr(e, Some(alias)) => Some((alias.as_str(), e)),
        _ => None,
    })
}
