//! Whether rules hold of the rows of a source, and which would.
//!
//! All rules of a call are looked at in one scan: a row of which all of them hold costs one comparison for each, and only
//! a row that breaks one says which, by a letter for each rule. [`rule`] reads the rules and writes them as SQL,
//! [`count`] judges them by what the scan gives, [`suggest`] proposes some for the rows that there are. [`alert`] is what becomes of an alert from one run to the next.

use serde_json::{Value as Json, json};

use crate::looking::cells;
use crate::memory::moment;
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Program};
use crate::series::words::LANG;
use crate::source::{self, Source, column};
use crate::sql::lexer::Dialect;
use crate::sql::{identifier, literal, qualified};
use crate::{Error, Result, Type};

pub mod alert;
pub mod count;
pub mod drift;
pub mod parts;
pub mod regexp;
pub mod rule;
pub mod suggest;
pub mod sum;

use count::{FAILS, HOLDS, NOT_MEANT, NOW, OF_GROUP, ROW, UNKNOWN};
use drift::{OF_BASELINE, OF_ROWS};
use rule::{Baseline, Rule, Sum, SumTo, Test};

/// The options of a run.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "key",
        ty: OptionType::Json("the name of a column, or a list of names"),
        default: "the first column",
        doc: "what names a row in `keys`",
    },
    OptionDef {
        name: "sample",
        ty: OptionType::Integer(0, 1000),
        default: "5",
        doc: "the most keys of rows that fail, the smallest first",
    },
    OptionDef {
        name: "now",
        ty: OptionType::Json(moment::MOMENT),
        default: "the clock",
        doc: "the moment at which `freshness` looks",
    },
    LANG,
];

/// The columns of a run.
pub const COLUMNS: &[(&str, Type)] = &[
    ("name", Type::Text),
    ("kind", Type::Text),
    ("severity", Type::Text),
    ("status", Type::Text),
    ("rows", Type::Integer),
    ("failed", Type::Integer),
    ("unknown", Type::Integer),
    ("share", Type::Real),
    ("keys", Type::Json),
    ("sql", Type::Text),
    ("explanation", Type::Text),
];

/// Writes the SELECT that looks at rules. Errors if the source, a rule or an option is wrong.
pub fn program(
    text: &str,
    rules: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let program = program_of_kept(text, rules, options, database)?;
    let spec: Json = serde_json::from_str(&program.spec).unwrap_or_default();
    let rules = spec["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let wrong = rules.iter().enumerate();
    match wrong
        .filter_map(|(i, rule)| Some((i, rule["error"].as_str()?)))
        .next()
    {
        Some((_, wrong)) if rules.len() == 1 => Err(Error::new(wrong)),
        Some((i, wrong)) => Err(Error::new(format!("rule {}: {wrong}", i + 1))),
        None => Ok(program),
    }
}

/// The same of rules that are kept: one whose SQL is wrong by now is a row of the answer that says so. Errors as
/// [`program`] does, in DuckDB of such a rule too when the SELECT is run.
pub fn program_of_kept(
    text: &str,
    rules: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let options = Options::parse(OPTIONS, options)?;
    let now = moment::option(&options, "now")?;
    let dialect = database.dialect();
    let source = Source::parse(text, dialect)?;
    let known = source.columns(database)?;
    let rules = rule::rules(rules, source.from(), dialect)?;
    let sql = Sql { source, dialect };
    let errors: Vec<Option<String>> = rules.iter().map(|rule| sql.error(rule, database)).collect();
    let sound = |i: usize| errors.get(i).is_some_and(Option::is_none);
    let rows: Vec<&Rule> = rules
        .iter()
        .enumerate()
        .filter(|(i, rule)| matches!(rule.test, Test::Row(_)) && rule.by.is_empty() && sound(*i))
        .map(|(_, rule)| rule)
        .collect();
    let key = sql.key(&options, known.as_deref())?;
    let mut parts = vec![sql.rows(&rows, &key)];
    let mut rules_of = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
        let all = if rule.by.is_empty() {
            sql.all(rule, i, known.as_deref())
        } else {
            sql.groups(rule, i, now)
        };
        if let Some((part, true)) = all.as_ref().map(|all| (all, sound(i))) {
            parts.push(part.clone());
        }
        let error = errors.get(i).and_then(Option::as_deref);
        rules_of.push(spoken(rule, Some(sql.shown(rule)), error));
    }
    if rules
        .iter()
        .any(|rule| matches!(rule.test, Test::Newest(..)))
    {
        parts.push(format!("SELECT {NOW}, {}", sql.now(now)));
    }
    Ok(Program {
        read: parts.join("\nUNION ALL "),
        parameters: Vec::new(),
        spec: json!({
            "rules": rules_of,
            "sample": options.integer("sample").unwrap_or(5),
            "lang": options.text("lang"),
        })
        .to_string(),
    })
}

/// What a fold needs to know of a rule.
fn spoken(rule: &Rule, sql: Option<String>, error: Option<&str>) -> Json {
    json!({
        "name": rule.name,
        "kind": rule.kind,
        "severity": rule.severity.name(),
        "says": [rule.says.0, rule.says.1],
        "test": test(rule),
        "by": (!rule.by.is_empty()).then(|| rule.by.join(", ")),
        "max_rows": rule.max_rows,
        "max_share": rule.max_share,
        "null_fails": rule.null_fails,
        "sql": sql,
        "error": error,
    })
}

/// What it needs to know of the test.
fn test(rule: &Rule) -> Json {
    match &rule.test {
        Test::Row(_) => json!("row"),
        Test::All(_) => json!("all"),
        Test::Count(min, max) => json!({"count": [min, max]}),
        Test::Newest(_, seconds) => json!({"newest": seconds}),
        Test::Columns(names) => json!({"columns": names}),
        Test::Sum(sum) => json!({"sum": {"within": sum.within}}),
        Test::Distribution(of) => json!({
            "measure": of.measure,
            "max": of.max,
            "kept": match &of.baseline {
                Baseline::Kept(profile) => profile,
                Baseline::Rows(..) => &Json::Null,
            },
        }),
    }
}

/// Writes SQL over a source.
struct Sql {
    source: Source,
    dialect: Dialect,
}

impl Sql {
    fn text(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "TEXT",
            Dialect::DuckDb => "VARCHAR",
        }
    }

    /// An expression that is true, false or NULL in this engine.
    fn truth(&self, sql: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("({sql})"),
            Dialect::DuckDb => format!("CAST(({sql}) AS BOOLEAN)"),
        }
    }

    fn letter(&self, rule: &Rule, sql: &str) -> String {
        let letter = self.verdict(sql);
        match &rule.only {
            None => letter,
            Some(only) => format!(
                "CASE WHEN {} THEN {letter} ELSE '{NOT_MEANT}' END",
                self.truth(only)
            ),
        }
    }

    /// What names a row, as JSON.
    fn key(&self, options: &Options, known: Option<&[String]>) -> Result<String> {
        let names = source::names(options, "key")?;
        let names = match (names, known) {
            (Some(names), _) if names.is_empty() => {
                return Err(options.wrong("key", "the name of a column, or a list of names"));
            }
            (Some(names), _) => Some(names),
            (None, Some(known)) => Some(known.iter().take(1).cloned().collect()),
            (None, None) => None,
        };
        match names {
            Some(names) if names.is_empty() => Err(Error::new(format!(
                "{} has no columns",
                self.source.shown()
            ))),
            Some(names) => Ok(self.named(&names)),
            None => Ok(source::FIRST.to_owned()),
        }
    }

    /// The values of these columns as JSON.
    fn named(&self, names: &[String]) -> String {
        let columns: Vec<String> = names.iter().map(|n| column(n)).collect();
        match (columns.as_slice(), self.dialect) {
            ([one], Dialect::Sqlite) => format!("json_quote({})", printable(one)),
            (several, Dialect::Sqlite) => {
                let several: Vec<String> = several.iter().map(|c| printable(c)).collect();
                format!("json_array({})", several.join(", "))
            }
            ([one], _) => format!("CAST(to_json({one}) AS VARCHAR)"),
            (several, _) => format!("CAST(json_array({}) AS VARCHAR)", several.join(", ")),
        }
    }

    /// The moment of a run, as text.
    fn now(&self, given: Option<i64>) -> String {
        let now = match (given, self.dialect) {
            (Some(now), _) => now.to_string(),
            (None, Dialect::Sqlite) => "unixepoch()".into(),
            (None, Dialect::DuckDb) => "CAST(epoch(now()) AS BIGINT)".into(),
        };
        format!("CAST({now} AS {})", self.text())
    }

    /// The part of a rule that judges groups: of each its key, and what [`count`] judges it by. `None` of a rule without groups.
    fn groups(&self, rule: &Rule, number: usize, now: Option<i64>) -> Option<String> {
        let text = self.text();
        let end = match self.dialect {
            Dialect::Sqlite => format!("char({OF_GROUP})"),
            Dialect::DuckDb => format!("chr({OF_GROUP})"),
        };
        let key = format!("coalesce({}, 'null')", self.named(&rule.by));
        let value = match &rule.test {
            Test::Row(sql) => {
                let letter = self.letter(rule, sql);
                let rows = self.source.select(&[
                    &format!("{key} AS lumos_by"),
                    &format!("{letter} AS lumos_letter"),
                ]);
                let count = |letters: &str| {
                    format!("CAST(count(*) FILTER (WHERE lumos_letter IN ({letters})) AS {text})")
                };
                let counts = [
                    count(&format!("'{HOLDS}', '{FAILS}', '{UNKNOWN}'")),
                    count(&format!("'{FAILS}'")),
                    count(&format!("'{UNKNOWN}'")),
                ];
                return Some(format!(
                    "SELECT {number}, lumos_by || {end} || {} FROM ({rows}) AS lumos_rows GROUP BY lumos_by",
                    counts.join(" || ' ' || ")
                ));
            }
            Test::All(sql) => self.verdict(sql),
            Test::Count(..) => format!("CAST(count(*) AS {text})"),
            Test::Newest(sql, _) => format!(
                "{} || {end} || coalesce(CAST(max({sql}) AS {text}), '')",
                self.now(now)
            ),
            Test::Sum(sum) => {
                let [own, to] = self.sums(sum, &rule.by);
                format!("{} || ' ' || {}", self.digits(&own), self.digits(&to))
            }
            Test::Columns(_) | Test::Distribution(_) => return None,
        };
        let columns: Vec<String> = rule.by.iter().map(|name| column(name)).collect();
        let select = self
            .source
            .select(&[&format!("{number}, {key} || {end} || {value}")]);
        Some(format!(
            "{select}{} GROUP BY {}",
            self.only(rule),
            columns.join(", ")
        ))
    }

    /// The sum of a column, and what it must be: of the other table the rows of the same group.
    fn sums(&self, sum: &Sum, by: &[String]) -> [String; 2] {
        // Nothing adds up to 0; a number that is none of the sums has none. With a whole number beside it DuckDB takes a BOOLEAN
        // for one, as SQLite does.
        let of = |value: &str| {
            format!(
                "CASE WHEN count({value}) = 0 THEN 0.0 ELSE lumos_sum(coalesce({value}, 0)) END"
            )
        };
        let to = match &sum.to {
            SumTo::Number(number) => number.clone(),
            SumTo::Column(table, name) => {
                let other = |name: &str| format!("lumos_other.{}", identifier(name));
                let same = by.iter().map(|name| {
                    let [own, other] = [column(name), other(name)];
                    match self.dialect {
                        Dialect::Sqlite => format!("{other} IS {own}"),
                        Dialect::DuckDb => format!("{other} IS NOT DISTINCT FROM {own}"),
                    }
                });
                let same: Vec<String> = same.collect();
                let only = if same.is_empty() {
                    String::new()
                } else {
                    format!(" WHERE {}", same.join(" AND "))
                };
                format!(
                    "(SELECT {} FROM {} AS lumos_other{only})",
                    of(&other(name)),
                    qualified(table)
                )
            }
        };
        [of(&sum.column), to]
    }

    /// A number as text with all its digits; nothing of NULL.
    fn digits(&self, number: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => {
                format!("iif({number} IS NULL, '', printf('%!.17g', {number}))")
            }
            Dialect::DuckDb => format!("coalesce(CAST(CAST({number} AS DOUBLE) AS VARCHAR), '')"),
        }
    }

    /// The letter of what holds of all rows together.
    fn verdict(&self, sql: &str) -> String {
        let holds = self.truth(sql);
        format!(
            "CASE WHEN {holds} THEN '{HOLDS}' WHEN NOT {holds} THEN '{FAILS}' ELSE '{UNKNOWN}' END"
        )
    }

    /// The rows: where all rules hold nothing but that.
    fn rows(&self, rules: &[&Rule], key: &str) -> String {
        let mut holds = Vec::new();
        let mut letters = Vec::new();
        for rule in rules {
            if let Test::Row(sql) = &rule.test {
                holds.extend(rule.only.iter().map(|only| self.truth(only)));
                holds.push(self.truth(sql));
                letters.push(self.letter(rule, sql));
            }
        }
        let select = if letters.is_empty() {
            format!("{ROW}, CAST(NULL AS {})", self.text())
        } else {
            format!(
                "{ROW}, CASE WHEN {} THEN NULL ELSE {} || coalesce({key}, 'null') END",
                holds.join(" AND "),
                letters.join(" || ")
            )
        };
        if key == source::FIRST {
            return self.source.select_with_first(&[&select]);
        }
        self.source.select(&[&select])
    }

    fn only(&self, rule: &Rule) -> String {
        match &rule.only {
            Some(only) => format!(" WHERE {}", self.truth(only)),
            None => String::new(),
        }
    }

    /// The part of a rule that looks at all rows together; `None` of one that looks at each.
    fn all(&self, rule: &Rule, number: usize, known: Option<&[String]>) -> Option<String> {
        let text = self.text();
        let value = match &rule.test {
            Test::Row(_) => return None,
            Test::All(sql) => self.verdict(sql),
            Test::Count(..) => format!("CAST(count(*) AS {text})"),
            Test::Newest(sql, _) => format!("CAST(max({sql}) AS {text})"),
            Test::Sum(sum) => {
                let [own, to] = self.sums(sum, &[]);
                format!("{} || ' ' || {}", self.digits(&own), self.digits(&to))
            }
            Test::Distribution(of) => {
                let value = |column: &str| cells::array_sql(&[column.to_owned()], self.dialect);
                let rows = format!("{number}, '{OF_ROWS}' || {}", value(&of.column));
                let rows = self.source.select(&[&rows]) + &self.only(rule);
                return Some(match &of.baseline {
                    Baseline::Kept(_) => rows,
                    Baseline::Rows(from, column) => format!(
                        "{rows}\nUNION ALL SELECT {number}, '{OF_BASELINE}' || {} FROM {from} AS {}",
                        value(column),
                        source::ALIAS
                    ),
                });
            }
            Test::Columns(_) => {
                return Some(match known {
                    Some(names) => {
                        format!("SELECT {number}, {}", literal(&json!(names).to_string()))
                    }
                    None => format!(
                        "SELECT {number}, CAST(to_json(list(column_name)) AS VARCHAR) FROM (DESCRIBE SELECT * FROM {})",
                        self.source.from()
                    ),
                });
            }
        };
        let select = self.source.select(&[&format!("{number}, {value}")]);
        Some(select + &self.only(rule))
    }

    /// A statement with which a person sees what the rule saw: of a rule of rows those that break it.
    fn shown(&self, rule: &Rule) -> String {
        match &rule.test {
            Test::Row(sql) => format!(
                "{} WHERE {}",
                self.source.select(&["*"]),
                self.breaks(rule, sql)
            ),
            Test::All(sql) => self.shown_of_all(rule, sql),
            Test::Count(..) => self.shown_of_all(rule, "count(*)"),
            Test::Newest(sql, _) => self.shown_of_all(rule, &format!("max({sql})")),
            Test::Sum(sum) => self.shown_of_all(rule, &self.sums(sum, &rule.by).join(", ")),
            Test::Columns(_) => self.source.select(&["*"]) + " LIMIT 0",
            Test::Distribution(of) => self.source.select(&[&of.column]) + &self.only(rule),
        }
    }

    fn shown_of_all(&self, rule: &Rule, sql: &str) -> String {
        let by: Vec<String> = rule.by.iter().map(|name| column(name)).collect();
        let columns: Vec<&str> = by.iter().map(String::as_str).chain([sql]).collect();
        let groups = match by.as_slice() {
            [] => String::new(),
            by => format!(" GROUP BY {}", by.join(", ")),
        };
        self.source.select(&columns) + &self.only(rule) + &groups
    }

    fn breaks(&self, rule: &Rule, sql: &str) -> String {
        let holds = self.truth(sql);
        let breaks = if rule.null_fails {
            format!("({holds} IS NOT TRUE)")
        } else {
            format!("NOT {holds}")
        };
        match &rule.only {
            Some(only) => format!("{} AND {breaks}", self.truth(only)),
            None => breaks,
        }
    }

    /// What is wrong with the SQL of a rule, which only SQLite tells before it runs.
    fn error(&self, rule: &Rule, database: &dyn Database) -> Option<String> {
        if self.dialect == Dialect::DuckDb {
            return None;
        }
        let sql = match &rule.test {
            _ if !rule.by.is_empty() => self.groups(rule, 0, None)?,
            // Where an aggregate is an error, too: among the others it would make one row of all.
            Test::Row(sql) => self.source.select(&["1"]) + " WHERE " + &self.letter(rule, sql),
            _ => self.all(rule, 0, Some(&[]))?,
        };
        database
            .columns(&format!("({sql})"))
            .err()
            .map(|e| e.to_string())
    }
}

/// A column of SQLite as one that JSON takes, which has no BLOBs.
fn printable(column: &str) -> String {
    format!("iif(typeof({column}) = 'blob', hex({column}), {column})")
}

/// A rule to be kept: its name, and itself with it. Errors if the source or the rule is wrong, or there are several.
pub fn named(text: &str, rule: &str, database: &dyn Database) -> Result<(String, String)> {
    let dialect = database.dialect();
    let source = Source::parse(text, dialect)?;
    source.columns(database)?;
    let rules = rule::rules(rule, source.from(), dialect)?;
    let (Ok(Json::Object(mut json)), [read]) = (serde_json::from_str(rule), rules.as_slice())
    else {
        return Err(Error::new("a name is of one rule; give one object"));
    };
    let sql = Sql { source, dialect };
    if let Some(wrong) = sql.error(read, database) {
        return Err(Error::new(wrong));
    }
    let name = match json.get("name") {
        Some(Json::String(name)) => name.clone(),
        _ => format!("{} {}", sql.source.shown(), read.name),
    };
    json.insert("name".into(), name.clone().into());
    Ok((name, Json::Object(json).to_string()))
}

/// What [`count::RUN`] begins by where the source of these rules cannot be read, for this reason. Errors if they are no rules.
pub fn unread(rules: &str, options: Option<&str>, reason: &str) -> Result<String> {
    let options = Options::parse(OPTIONS, options)?;
    let rules = rule::rules(rules, "x", Dialect::Sqlite)?;
    let rules: Vec<Json> = rules
        .iter()
        .map(|rule| spoken(rule, None, Some(reason)))
        .collect();
    Ok(json!({"rules": rules, "lang": options.text("lang")}).to_string())
}

/// The rows of a table that break a rule, in SQLite.
#[derive(Debug)]
pub struct Broken {
    /// The table as SQL writes it.
    pub table: String,
    /// The condition, in which the rows are called `lumos_source`.
    pub condition: String,
}

/// The rows of a table that break a rule. Errors if the source is a query, or the rule is none that looks at each row.
pub fn broken(text: &str, rule: &str) -> Result<Broken> {
    let dialect = Dialect::Sqlite;
    let source = Source::parse(text, dialect)?;
    if source.from().starts_with('(') {
        return Err(Error::new(format!(
            "{} is a query; rows are taken out of a table only",
            source.shown()
        )));
    }
    let rules = rule::rules(rule, source.from(), dialect)?;
    match rules.as_slice() {
        [rule] if !rule.by.is_empty() => Err(Error::new(
            "a rule with \"by\" judges groups, and no row of them breaks it",
        )),
        [rule] => {
            let Test::Row(sql) = &rule.test else {
                return Err(Error::new(format!(
                    "a rule of the kind {} looks at all rows together, and none of them breaks it",
                    rule.kind
                )));
            };
            let table = source.from().to_owned();
            let condition = Sql { source, dialect }.breaks(rule, sql);
            Ok(Broken { table, condition })
        }
        _ => Err(Error::new("there are several rules; give one")),
    }
}

#[cfg(test)]
mod tests;
