//! Pushing a scan of a virtual table down to DuckDB: which columns, constraints, order and limit it takes over.
//!
//! What SQLite is shown is what is tested and sorted. A constraint is taken only where DuckDB's comparison keeps every
//! row that SQLite's would; SQLite checks the rows again. Its two answers differ where storage classes mix, where a
//! collation is not BINARY, and for the types that SQLite gets as text. An order is taken over the values as they are
//! shown, since SQLite does not sort them again.

use lumos_core::sql::identifier;
use lumos_duckdb::engine::{self, Connection as DuckDb, LogicalType, Param};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{DistinctMode, Filters, IndexConstraintOp, IndexInfo};

use crate::error::{Result, error};

/// A table, view or query of DuckDB with its columns.
pub struct Relation {
    /// What stands after FROM.
    pub from: String,
    /// The columns.
    pub columns: Vec<(String, LogicalType)>,
    /// The number of rows, as DuckDB estimates or knows it.
    pub rows: i64,
}

impl Relation {
    /// Asks DuckDB for the columns and its estimate of the rows.
    pub fn describe(duckdb: &DuckDb, from: String) -> Result<Relation> {
        duckdb.execute("BEGIN TRANSACTION READ ONLY")?;
        let described = Relation::read(duckdb, from);
        duckdb.execute("ROLLBACK")?;
        described
    }

    fn read(duckdb: &DuckDb, from: String) -> Result<Relation> {
        let sql = format!("SELECT * FROM {from}");
        let statement = duckdb.prepare(&sql)?;
        if statement.param_count() > 0 {
            return Err(error(
                "a virtual table takes no parameters; write the values into the query",
            ));
        }
        let columns = statement.columns();
        let rows = estimate(duckdb, &sql).unwrap_or(UNKNOWN_ROWS);
        Ok(Relation {
            from,
            columns,
            rows,
        })
    }

    /// The table as SQLite declares it.
    pub fn declaration(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, ty)| format!("{} {}", identifier(name), declared(ty)))
            .collect();
        format!("CREATE TABLE x({})", columns.join(", "))
    }
}

/// Rows of a query that DuckDB does not estimate.
const UNKNOWN_ROWS: i64 = 10_000;

/// The rows that DuckDB's planner expects.
fn estimate(duckdb: &DuckDb, sql: &str) -> Option<i64> {
    let plan = duckdb.rows(&format!("EXPLAIN (FORMAT json) {sql}")).ok()?;
    let engine::Value::Text(json) = plan.first()?.last()? else {
        return None;
    };
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    json.get(0)?
        .get("extra_info")?
        .get("Estimated Cardinality")?
        .as_str()?
        .parse()
        .ok()
}

/// The declared type that gives SQLite the affinity for what [`crate::query::output`] hands over.
pub fn declared(ty: &LogicalType) -> &'static str {
    match ty {
        LogicalType::Boolean | LogicalType::Integer(_) | LogicalType::Unsigned(_) => "INTEGER",
        LogicalType::HugeInt
        | LogicalType::UnsignedHugeInt
        | LogicalType::BigNum
        | LogicalType::Decimal { .. } => "NUMERIC",
        LogicalType::Float | LogicalType::Double => "REAL",
        LogicalType::Blob => "BLOB",
        _ => "TEXT",
    }
}

/// How SQLite compares values of a column.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Boolean,
    Integer,
    Real,
    Text,
    /// Compared otherwise in DuckDB.
    Other,
}

fn class(ty: &LogicalType) -> Class {
    match ty {
        LogicalType::Boolean => Class::Boolean,
        LogicalType::Integer(_) | LogicalType::Unsigned(1 | 2 | 4) => Class::Integer,
        LogicalType::Float | LogicalType::Double => Class::Real,
        LogicalType::Text => Class::Text,
        _ => Class::Other,
    }
}

/// DuckDB's expression whose order is the one that SQLite gives the shown values of a column; `None` if only SQLite
/// can sort them.
fn sorted_as(column: &str, ty: &LogicalType) -> Option<String> {
    match ty {
        LogicalType::Boolean
        | LogicalType::Integer(_)
        | LogicalType::Unsigned(_)
        | LogicalType::HugeInt
        | LogicalType::UnsignedHugeInt
        | LogicalType::Decimal { .. }
        | LogicalType::Text
        | LogicalType::Blob
        | LogicalType::Uuid => Some(column.to_owned()),
        // NaN is shown as NULL.
        LogicalType::Float | LogicalType::Double => {
            Some(format!("CASE WHEN NOT isnan({column}) THEN {column} END"))
        }
        LogicalType::Enum(..)
        | LogicalType::Date
        | LogicalType::Time
        | LogicalType::Timestamp(_)
        | LogicalType::TimestampTz => Some(format!("CAST({column} AS VARCHAR)")),
        _ => None,
    }
}

/// What one scan takes over from SQLite: made by `xBestIndex`, carried by SQLite as text, read by `xFilter`.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// The columns to fetch.
    columns: Vec<usize>,
    /// Column and operator, in the order of the arguments.
    constraints: Vec<(usize, Operator)>,
    /// Column and whether descending.
    order: Vec<(usize, bool)>,
    distinct: bool,
    limit: bool,
    offset: bool,
}

/// A comparison, named by its letter in the plan's text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Eq = b'=' as isize,
    In = b'i' as isize,
    Gt = b'>' as isize,
    Ge = b'g' as isize,
    Lt = b'<' as isize,
    Le = b'l' as isize,
    Like = b'~' as isize,
    Glob = b'*' as isize,
    IsNull = b'n' as isize,
    IsNotNull = b'v' as isize,
}

impl Operator {
    const ALL: [Operator; 10] = [
        Operator::Eq,
        Operator::In,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
        Operator::Like,
        Operator::Glob,
        Operator::IsNull,
        Operator::IsNotNull,
    ];

    fn letter(self) -> char {
        char::from(self as u8)
    }
}

impl Plan {
    /// Chooses what to take over, and tells SQLite what it costs.
    pub fn choose(relation: &Relation, info: &mut IndexInfo) -> Result<Plan> {
        let mut plan = Plan::default();
        let used = info.col_used();
        // Bit 63 stands for column 63 and all after it.
        plan.columns = (0..relation.columns.len())
            .filter(|i| used >> (*i).min(63) & 1 == 1)
            .collect();
        let mut selectivity = 1.0;
        let mut taken = Vec::new();
        let (mut limit, mut offset, mut others) = (None, None, false);
        for (i, constraint) in info.constraints().enumerate() {
            match constraint.operator() {
                IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LIMIT => {
                    limit = constraint.is_usable().then_some(i)
                }
                IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_OFFSET => {
                    offset = constraint.is_usable().then_some(i)
                }
                op => {
                    others = true;
                    let column = constraint.column();
                    let operator = operator(&op).filter(|_| constraint.is_usable() && column >= 0);
                    if let Some(operator) = operator {
                        taken.push((i, column as usize, operator));
                    }
                }
            }
        }
        let mut argv = 0;
        for (i, column, operator) in taken {
            let Some((_, ty)) = relation.columns.get(column) else {
                continue;
            };
            let operator = match operator {
                Operator::Eq if info.is_in_constraint(i)? => Operator::In,
                other => other,
            };
            let comparable = match class(ty) {
                Class::Other => {
                    matches!(operator, Operator::IsNull | Operator::IsNotNull) && !ty.needs_cast()
                }
                Class::Text => {
                    matches!(operator, Operator::Like | Operator::Glob)
                        || info.collation(i)? == "BINARY"
                }
                _ => !matches!(operator, Operator::Like | Operator::Glob),
            };
            if !comparable {
                continue;
            }
            if operator == Operator::In {
                info.set_in_constraint(i, true)?;
            }
            argv += 1;
            info.constraint_usage(i).set_argv_index(argv);
            plan.constraints.push((column, operator));
            selectivity *= match operator {
                Operator::Eq => 0.001,
                Operator::In | Operator::IsNull => 0.01,
                Operator::IsNotNull => 0.9,
                _ => 0.3,
            };
        }
        let order: Vec<(usize, bool)> = info
            .order_bys()
            .map(|o| (o.column().max(0) as usize, o.is_order_by_desc()))
            .collect();
        let sortable = info.order_bys().all(|o| {
            let column = usize::try_from(o.column()).ok();
            let column = column.and_then(|c| relation.columns.get(c));
            column.is_some_and(|(_, ty)| sorted_as("", ty).is_some())
        });
        if sortable && !order.is_empty() {
            info.set_order_by_consumed(true);
            plan.order = order;
        }
        // With DISTINCT the terms of ORDER BY are the columns that it is about; more columns would tell more rows apart.
        let unique = matches!(
            info.distinct(),
            DistinctMode::Distinct | DistinctMode::DistinctOrdered
        );
        plan.distinct = unique
            && !plan.order.is_empty()
            && plan
                .columns
                .iter()
                .all(|c| plan.order.iter().any(|(o, _)| o == c));
        // SQLite checks constraints after us, so a limit is ours only when there are none.
        let ordered = info.num_of_order_by() == plan.order.len();
        if let (Some(i), true, true) = (limit, ordered, !others) {
            argv += 1;
            info.constraint_usage(i).set_argv_index(argv);
            plan.limit = true;
            if let Some(i) = offset {
                argv += 1;
                let mut usage = info.constraint_usage(i);
                usage.set_argv_index(argv);
                // Skipping twice would be wrong, so SQLite must not.
                usage.set_omit(true);
                plan.offset = true;
            }
        }
        let rows = (relation.rows as f64 * selectivity).max(1.0);
        info.set_estimated_rows(rows as i64);
        // Starting a query costs about as much as SQLite needs for some thousand rows; then rows stream by.
        info.set_estimated_cost(5_000.0 + relation.rows as f64 * 0.05 + rows);
        Ok(plan)
    }

    /// The plan as text: columns, constraints, order, limits, with `|` between.
    pub fn encode(&self) -> String {
        let list = |items: Vec<String>| items.join(",");
        format!(
            "{}|{}|{}|{}{}{}",
            list(self.columns.iter().map(usize::to_string).collect()),
            list(
                self.constraints
                    .iter()
                    .map(|(c, op)| format!("{c}{}", op.letter()))
                    .collect()
            ),
            list(
                self.order
                    .iter()
                    .map(|(c, desc)| format!("{c}{}", if *desc { '-' } else { '+' }))
                    .collect()
            ),
            if self.distinct { "D" } else { "" },
            if self.limit { "L" } else { "" },
            if self.offset { "O" } else { "" },
        )
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(text: &str) -> Option<Plan> {
        let parts: Vec<&str> = text.split('|').collect();
        let [columns, constraints, order, limits] = parts.as_slice() else {
            return None;
        };
        let items = |part: &str| {
            part.split(',')
                .filter(|i| !i.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let marked = |item: String| {
            let (mark, number) = (
                item.chars().last()?,
                item.get(..item.len() - 1)?.parse().ok()?,
            );
            Some((number, mark))
        };
        let operator =
            |(c, mark)| Some((c, Operator::ALL.into_iter().find(|op| op.letter() == mark)?));
        Some(Plan {
            columns: items(columns)
                .iter()
                .map(|c| c.parse().ok())
                .collect::<Option<_>>()?,
            constraints: items(constraints)
                .into_iter()
                .map(|i| operator(marked(i)?))
                .collect::<Option<_>>()?,
            order: items(order)
                .into_iter()
                .map(|i| marked(i).map(|(c, m)| (c, m == '-')))
                .collect::<Option<_>>()?,
            distinct: limits.contains('D'),
            limit: limits.contains('L'),
            offset: limits.contains('O'),
        })
    }

    /// The columns that the query fetches, in its order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The query of this plan with these arguments, and its parameters.
    pub fn query(
        &self,
        relation: &Relation,
        args: &Filters<'_>,
    ) -> Result<(String, Vec<Param<'static>>)> {
        let name = |column: usize| {
            relation
                .columns
                .get(column)
                .map(|(name, _)| identifier(name))
        };
        let missing = || error("the plan names a column that is not there");
        let mut list: Vec<String> = self
            .columns
            .iter()
            .map(|c| name(*c).ok_or_else(missing))
            .collect::<Result<_>>()?;
        if list.is_empty() {
            list.push("1".into());
        }
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let mut sql = format!(
            "SELECT {distinct}{} FROM {}",
            list.join(", "),
            relation.from
        );
        let mut params = Vec::new();
        let mut tests = Vec::new();
        for (i, (column, operator)) in self.constraints.iter().enumerate() {
            let (quoted, class) = (
                name(*column).ok_or_else(missing)?,
                class(&relation.columns[*column].1),
            );
            let values = match operator {
                Operator::In => list_values(args, i)?,
                _ => vec![args.iter().nth(i).and_then(owned)],
            };
            if let Some((test, more)) = test(&quoted, *operator, class, values) {
                tests.push(test);
                params.extend(more);
            }
        }
        if !tests.is_empty() {
            sql.push_str(&format!(" WHERE {}", tests.join(" AND ")));
        }
        if !self.order.is_empty() {
            let order = self.order.iter().map(|(c, desc)| {
                let column = name(*c).ok_or_else(missing)?;
                let (_, ty) = relation.columns.get(*c).ok_or_else(missing)?;
                let sorted = sorted_as(&column, ty).ok_or_else(missing)?;
                Ok(format!("{sorted}{}", if *desc { " DESC" } else { "" }))
            });
            sql.push_str(&format!(
                " ORDER BY {}",
                order.collect::<Result<Vec<_>>>()?.join(", ")
            ));
        }
        let mut rest = args.iter().skip(self.constraints.len());
        for (wanted, word) in [(self.limit, "LIMIT"), (self.offset, "OFFSET")] {
            if wanted
                && let Some(ValueRef::Integer(n)) = rest.next()
                && n >= 0
            {
                sql.push_str(&format!(" {word} {n}"));
            }
        }
        Ok((sql, params))
    }
}

fn operator(op: &IndexConstraintOp) -> Option<Operator> {
    Some(match op {
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Operator::Eq,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT => Operator::Gt,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => Operator::Ge,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT => Operator::Lt,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Operator::Le,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LIKE => Operator::Like,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GLOB => Operator::Glob,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_ISNULL => Operator::IsNull,
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_ISNOTNULL => Operator::IsNotNull,
        _ => return None,
    })
}

/// The values of a list. SQLite shows one at a time: each must be copied before the next.
fn list_values(args: &Filters<'_>, i: usize) -> Result<Vec<Option<Value>>> {
    use rusqlite::fallible_iterator::FallibleIterator;
    Ok(args.in_values(i)?.map(|value| Ok(owned(value))).collect()?)
}

/// A copy of the value; `None` for text that is not UTF-8.
fn owned(value: ValueRef<'_>) -> Option<Value> {
    value.try_into().ok()
}

/// The largest integer up to which a double holds every integer.
const EXACT_DOUBLE: u64 = 1 << 53;

/// The test in DuckDB's SQL, or `None` if SQLite alone can decide it for these values.
fn test(
    column: &str,
    operator: Operator,
    class: Class,
    values: Vec<Option<Value>>,
) -> Option<(String, Vec<Param<'static>>)> {
    let (is_null, is_not_null) = match class {
        // NaN is shown as NULL.
        Class::Real => (
            format!("({column} IS NULL OR isnan({column}))"),
            format!("({column} IS NOT NULL AND NOT isnan({column}))"),
        ),
        _ => (format!("{column} IS NULL"), format!("{column} IS NOT NULL")),
    };
    match operator {
        Operator::IsNull => return Some((is_null, Vec::new())),
        Operator::IsNotNull => return Some((is_not_null, Vec::new())),
        _ => {}
    }
    let mut params = Vec::new();
    for value in values {
        params.push(match (class, value?) {
            (_, Value::Null) => Param::Null,
            (Class::Boolean | Class::Integer, Value::Integer(v)) => Param::Integer(v),
            // Between the two, DuckDB compares as doubles: exact only where doubles are.
            (Class::Boolean | Class::Integer, Value::Real(v)) if v.abs() < EXACT_DOUBLE as f64 => {
                Param::Real(v)
            }
            (Class::Real, Value::Integer(v)) if v.unsigned_abs() <= EXACT_DOUBLE => {
                Param::Real(v as f64)
            }
            (Class::Real, Value::Real(v)) => Param::Real(v),
            (Class::Text, Value::Text(v)) => Param::Text(v.into()),
            _ => return None,
        });
    }
    let sign = match operator {
        Operator::Eq => "=",
        Operator::Gt => ">",
        Operator::Ge => ">=",
        Operator::Lt => "<",
        Operator::Le => "<=",
        Operator::In => "IN",
        // SQLite's LIKE ignores the case of ASCII letters, ILIKE that of all: rows too many, never too few.
        Operator::Like => "ILIKE",
        Operator::Glob => "GLOB",
        Operator::IsNull | Operator::IsNotNull => return None,
    };
    let column = match class {
        Class::Boolean => format!("CAST({column} AS TINYINT)"),
        _ => column.to_owned(),
    };
    if let (Operator::Like | Operator::Glob, [Param::Text(pattern)]) = (operator, &params[..]) {
        // Brackets negate with ^ in SQLite and with ! in DuckDB, where ? is a byte. SQLite ends texts at NUL.
        let others: &[char] = match operator {
            Operator::Glob => &['?', '[', '\\', '\0'],
            _ => &['\0'],
        };
        let test = format!("({column} {sign} ? OR contains({column}, chr(0)))");
        return (!pattern.contains(others)).then_some((test, params));
    }
    let marks = match (operator, params.len()) {
        (Operator::In, 0) => return Some(("false".into(), params)),
        (Operator::In, count) => format!("({})", vec!["?"; count].join(", ")),
        _ => "?".into(),
    };
    Some((format!("{column} {sign} {marks}"), params))
}
