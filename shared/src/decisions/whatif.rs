//! The answers of a query if its tables were other: each changed table is a CTE of the same name, so that nothing is written.

use serde_json::{Map, Value as Json};

use crate::options::shortened;
use crate::sql::lexer::{Dialect, Kind, Token, tokens};
use crate::sql::{begins_like_a_query, identifier, literal, part};
use crate::{Error, Result};

/// The most scenarios, with those of grids.
const MOST: usize = 1000;
const FORM: &str = "write them like {\"dearer\": [{\"table\": \"sales\", \"set\": {\"price\": \"price * 1.1\"}, \"where\": \"region = 'EU'\"}]}";

/// The query over all scenarios, in DuckDB's SQL: a column `scenario` and those of the query, `base` first.
///
/// Errors if the query is none, if a scenario is none, or if it changes a table that the query does not name.
pub fn write(query: &str, scenarios: &str) -> Result<String> {
    let query = query.trim().trim_end_matches(';');
    let wrong = |why: &str| {
        let query = shortened(query);
        Error::new(format!("query {query} {why}; give one SELECT"))
    };
    part::check(query, Dialect::DuckDb).map_err(wrong)?;
    if !begins_like_a_query(query) {
        return Err(wrong("is no SELECT"));
    }
    let scenarios = Scenario::read_all(scenarios)?;
    let tokens = tokens(query, Dialect::DuckDb);
    for change in scenarios.iter().flat_map(|s| &s.changes) {
        check_named(&change.table, query, &tokens)?;
    }
    let mut selects = vec![format!("SELECT 'base' AS scenario, * FROM ({query}\n)")];
    for Scenario { name, changes } in &scenarios {
        let mut tables: Vec<(&str, String)> = Vec::new();
        for change in changes {
            let same = |(table, _): &&mut (&str, String)| table.eq_ignore_ascii_case(&change.table);
            match tables.iter_mut().find(same) {
                Some((_, rows)) => *rows = change.rows(&format!("({rows})")),
                None => {
                    let rows = change.rows(&identifier(&change.table));
                    tables.push((&change.table, rows));
                }
            }
        }
        let tables: Vec<String> = tables
            .iter()
            .map(|(table, rows)| format!("{} AS ({rows})", identifier(table)))
            .collect();
        selects.push(format!(
            "SELECT {} AS scenario, * FROM (WITH {} SELECT * FROM ({query}\n))",
            literal(name),
            tables.join(", ")
        ));
    }
    Ok(selects.join(" UNION ALL "))
}

/// What is in the parentheses, if this token is the name in a WITH, like `t AS (...)`.
fn body_of_with<'a>(name: usize, query: &str, tokens: &'a [Token]) -> Option<&'a [Token]> {
    let mut at = name + 1;
    if !tokens.get(at)?.is(query, "as") {
        return None;
    }
    at += 1;
    while ["not", "materialized"]
        .iter()
        .any(|word| tokens.get(at).is_some_and(|t| t.is(query, word)))
    {
        at += 1;
    }
    let rest = tokens.get(at..)?;
    let mut depth = 0;
    for (i, token) in rest.iter().enumerate() {
        match token.kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(1..i);
        }
    }
    None
}

/// Errors unless the query names the table, without a schema, and no WITH of its own has the name: a scenario would change nothing.
fn check_named(table: &str, query: &str, tokens: &[Token]) -> Result<()> {
    let is_name = |token: &Token| matches!(token.kind, Kind::Word | Kind::DoubleQuoted);
    let named = |token: &Token| is_name(token) && token.unquoted(query).eq_ignore_ascii_case(table);
    let mut found = false;
    for (i, token) in tokens.iter().enumerate().filter(|(_, token)| named(token)) {
        let dotted = i >= 2 && tokens[i - 1].kind == Kind::Sign('.');
        if !dotted {
            found = true;
            if body_of_with(i, query, tokens).is_some_and(|body| !body.iter().any(named)) {
                return Err(Error::new(format!(
                    "the query has a WITH of the name {table}, which hides the table from a scenario; give it another name"
                )));
            }
            continue;
        }
        // The names before it with their dots, and what stands before them.
        let mut first = i - 2;
        while first >= 2 && tokens[first - 1].kind == Kind::Sign('.') {
            first -= 2;
        }
        let before = first.checked_sub(1).map(|before| &tokens[before]);
        let of_from = before.is_some_and(|t| t.is(query, "from") || t.is(query, "join"));
        if of_from || tokens[first].is(query, "main") {
            let written = &query[tokens[first].span.start..token.span.end];
            return Err(Error::new(format!(
                "the query names {written}, which a scenario cannot change; write {table} without its schema"
            )));
        }
    }
    if found {
        Ok(())
    } else {
        Err(Error::new(format!(
            "table \"{table}\" of a scenario is not in the query; a scenario changes the tables that the query itself names, not those behind a view"
        )))
    }
}

/// Changes under a name.
struct Scenario {
    name: String,
    changes: Vec<Change>,
}

/// What is other about a table.
struct Change {
    table: String,
    /// Columns with the expressions of their values.
    set: Vec<(String, String)>,
    /// In which rows.
    condition: Option<String>,
    /// Rows that are left out.
    drop: Option<String>,
    /// A query of rows that come in addition.
    add: Option<String>,
}

impl Scenario {
    fn read_all(text: &str) -> Result<Vec<Scenario>> {
        let wrong = || Error::new(format!("scenarios are {}; {FORM}", shortened(text)));
        let given = match serde_json::from_str(text) {
            Ok(Json::Object(given)) => given,
            // One scenario without a name.
            Ok(changes @ Json::Array(_)) => Map::from_iter([("scenario".to_owned(), changes)]),
            _ => return Err(wrong()),
        };
        if given.is_empty() {
            return Err(wrong());
        }
        let mut scenarios = Vec::new();
        for (name, given) in &given {
            if name.is_empty() || name == "base" {
                return Err(Error::new(format!(
                    "a scenario is called \"{name}\"; give it another name, since base is the data as they are"
                )));
            }
            let (changes, grid) = match given {
                Json::Array(changes) => (changes, None),
                Json::Object(fields) => match (fields.get("changes"), fields.get("grid")) {
                    (Some(Json::Array(changes)), Some(Json::Object(grid)))
                        if fields.len() == 2 && !grid.is_empty() =>
                    {
                        (changes, Some(grid))
                    }
                    _ => {
                        return Err(Error::new(format!(
                            "scenario {name} has other fields than changes and grid; write it like {{\"grid\": {{\"pct\": [-10, 10]}}, \"changes\": [{{\"table\": \"sales\", \"set\": {{\"price\": \"price * (1 + $pct / 100)\"}}}}]}}"
                        )));
                    }
                },
                _ => return Err(wrong()),
            };
            if changes.is_empty() {
                return Err(wrong());
            }
            for (suffix, values) in points(name, grid)? {
                let changes = changes.iter().map(|c| Change::read(name, c, &values));
                scenarios.push(Scenario {
                    name: format!("{name}{suffix}"),
                    changes: changes.collect::<Result<_>>()?,
                });
                if scenarios.len() > MOST {
                    return Err(Error::new(format!(
                        "there are more than {MOST} scenarios; give fewer"
                    )));
                }
            }
        }
        Ok(scenarios)
    }
}

/// A point of a grid: what is behind the scenario's name, and the numbers of its variables.
type Point = (String, Vec<(String, String)>);

/// All of them; one without variables where there is no grid.
fn points(scenario: &str, grid: Option<&Map<String, Json>>) -> Result<Vec<Point>> {
    let mut found: Vec<Point> = vec![(String::new(), Vec::new())];
    for (name, values) in grid.into_iter().flatten() {
        let numbers = values.as_array().map_or(&[][..], Vec::as_slice);
        if numbers.is_empty() || !numbers.iter().all(Json::is_number) {
            return Err(Error::new(format!(
                "grid of scenario {scenario} has {name} {}; give a list of numbers",
                shortened(&values.to_string())
            )));
        }
        if found.len() * numbers.len() > MOST {
            return Err(Error::new(format!(
                "there are more than {MOST} scenarios; give fewer"
            )));
        }
        let with = |(suffix, values): &Point, number: &Json| {
            let mut values = values.clone();
            values.push((name.clone(), number.to_string()));
            (format!("{suffix} {name}={number}"), values)
        };
        found = found
            .iter()
            .flat_map(|point| numbers.iter().map(move |number| with(point, number)))
            .collect();
    }
    Ok(found)
}

impl Change {
    fn read(scenario: &str, given: &Json, grid: &[(String, String)]) -> Result<Change> {
        let wrong = |what: String| {
            Error::new(format!(
                "scenario {scenario} {what}; give \"table\", and \"set\" with \"where\", \"drop\" or \"add\""
            ))
        };
        let Json::Object(fields) = given else {
            return Err(wrong(format!("has {}", shortened(&given.to_string()))));
        };
        let expression = |field: &str, value: &Json| -> Result<String> {
            let text = value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.is_number().then(|| value.to_string()))
                .ok_or_else(|| wrong(format!("has {field} {}", shortened(&value.to_string()))))?;
            let text = filled(&text, grid);
            part::check(&text, Dialect::DuckDb)
                .map_err(|why| wrong(format!("has {field} {}, which {why}", shortened(&text))))?;
            Ok(text)
        };
        let mut change = Change {
            table: String::new(),
            set: Vec::new(),
            condition: None,
            drop: None,
            add: None,
        };
        for (field, value) in fields {
            match (field.as_str(), value) {
                ("table", Json::String(table)) => change.table.clone_from(table),
                ("set", Json::Object(columns)) => {
                    for (column, value) in columns {
                        change
                            .set
                            .push((column.clone(), expression(column, value)?));
                    }
                }
                ("where", value) => change.condition = Some(expression(field, value)?),
                ("drop", value) => change.drop = Some(expression(field, value)?),
                ("add", value) => change.add = Some(expression(field, value)?),
                _ => {
                    let value = shortened(&value.to_string());
                    return Err(wrong(format!("has {} {value}", shortened(field))));
                }
            }
        }
        let does_nothing = change.set.is_empty() && change.drop.is_none() && change.add.is_none();
        if change.table.is_empty() || does_nothing {
            let given = shortened(&given.to_string());
            return Err(wrong(format!("has {given}, which changes nothing")));
        }
        if change.condition.is_some() && change.set.is_empty() {
            return Err(wrong("has \"where\" without \"set\"".into()));
        }
        Ok(change)
    }

    /// The SELECT of the changed rows.
    fn rows(&self, from: &str) -> String {
        let mut rows = format!("SELECT * FROM {from}");
        if !self.set.is_empty() {
            let columns = self.set.iter().map(|(column, value)| {
                let column = identifier(column);
                match &self.condition {
                    Some(condition) => {
                        format!("CASE WHEN ({condition}\n) THEN ({value}\n) ELSE {column} END AS {column}")
                    }
                    None => format!("({value}\n) AS {column}"),
                }
            });
            let columns: Vec<String> = columns.collect();
            rows = format!("SELECT * REPLACE ({}) FROM {from}", columns.join(", "));
        }
        if let Some(drop) = &self.drop {
            rows = format!("SELECT * FROM ({rows}) WHERE ({drop}\n) IS NOT TRUE");
        }
        if let Some(add) = &self.add {
            rows = format!("SELECT * FROM ({rows}) UNION ALL BY NAME SELECT * FROM ({add}\n)");
        }
        rows
    }
}

/// An expression with the numbers of a grid for its `$names`.
fn filled(text: &str, grid: &[(String, String)]) -> String {
    let mut filled = String::new();
    let mut copied = 0;
    for token in tokens(text, Dialect::DuckDb) {
        let name = token.text(text).strip_prefix('$');
        let value = grid
            .iter()
            .find(|(grid, _)| token.kind == Kind::Param && name == Some(grid));
        if let Some((_, value)) = value {
            filled.push_str(&text[copied..token.span.start]);
            filled.push_str(&format!("({value})"));
            copied = token.span.end;
        }
    }
    filled + &text[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_tables_are_shadowed() {
        let sql = write(
            "SELECT sum(price * qty) AS revenue FROM sales s;",
            r#"{"dearer": [{"table": "sales", "set": {"price": "price * 1.1"}, "where": "region = 'EU'"}, {"table": "Sales", "drop": "qty = 0"}]}"#,
        );
        assert_eq!(
            sql.unwrap(),
            "SELECT 'base' AS scenario, * FROM (SELECT sum(price * qty) AS revenue FROM sales s\n) UNION ALL SELECT 'dearer' AS scenario, * FROM (WITH \"sales\" AS (SELECT * FROM (SELECT * FROM (SELECT * REPLACE (CASE WHEN (region = 'EU'\n) THEN (price * 1.1\n) ELSE \"price\" END AS \"price\") FROM \"sales\")) WHERE (qty = 0\n) IS NOT TRUE) SELECT * FROM (SELECT sum(price * qty) AS revenue FROM sales s\n))"
        );
        let grid = write(
            "FROM t",
            r#"{"p": {"grid": {"pct": [-10, 0.5]}, "changes": [{"table": "t", "set": {"a": "a * $pct"}, "add": "SELECT 1 AS a"}]}}"#,
        );
        let grid = grid.unwrap();
        assert!(grid.contains("SELECT 'p pct=-10' AS scenario") && grid.contains("(a * (0.5)\n)"));
        assert!(grid.contains("UNION ALL BY NAME SELECT * FROM (SELECT 1 AS a\n)"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let change = r#"[{"table": "t", "set": {"a": 1}}]"#;
        for (query, scenarios, said) in [
            (
                "DELETE FROM t",
                change,
                "query DELETE FROM t is no SELECT; give one SELECT",
            ),
            (
                "SELECT 1; SELECT 2",
                change,
                "query SELECT 1; SELECT 2 has a semicolon",
            ),
            (
                "SELECT a FROM t) --",
                change,
                "query SELECT a FROM t) -- has a parenthesis",
            ),
            (
                "FROM t WHERE a = ?",
                change,
                "query FROM t WHERE a = ? has a parameter",
            ),
            (
                "FROM main.t",
                change,
                "the query names main.t, which a scenario cannot change; write t without its schema",
            ),
            (
                "WITH u AS (SELECT 1 AS b), T AS MATERIALIZED (SELECT (1) AS a) FROM t JOIN u ON true",
                change,
                "the query has a WITH of the name t, which hides the table from a scenario; give it another name",
            ),
            (
                "FROM u JOIN db.main.T",
                change,
                "the query names db.main.T, which",
            ),
            (
                "SELECT x.t FROM u x",
                change,
                "table \"t\" of a scenario is not in the query",
            ),
            ("FROM t", "x", "scenarios are x; write them like"),
            ("FROM t", "{}", "scenarios are {}; write them like"),
            (
                "FROM t",
                r#"{"base": []}"#,
                "a scenario is called \"base\"; give it another name",
            ),
            (
                "FROM t",
                r#"[{"table": "t"}]"#,
                "scenario scenario has {\"table\":\"t\"}, which changes nothing",
            ),
            (
                "FROM t",
                r#"[{"table": "t", "set": {"a": "1) FROM t --"}}]"#,
                "scenario scenario has a 1) FROM t --, which has a parenthesis",
            ),
            (
                "FROM t",
                r#"[{"table": "t", "drop": "a = 1; DROP TABLE t"}]"#,
                "scenario scenario has drop a = 1; DROP TABLE t, which has a semicolon",
            ),
            (
                "FROM t",
                r#"[{"table": "t", "set": {"a": "$x"}}]"#,
                "scenario scenario has a $x, which has a parameter",
            ),
            (
                "FROM t",
                r#"[{"table": "t", "sett": 1}]"#,
                "scenario scenario has sett 1; give \"table\"",
            ),
            (
                "FROM t",
                r#"{"a": {"changes": []}}"#,
                "scenario a has other fields than changes and grid",
            ),
            (
                "FROM t",
                r#"{"a": {"grid": {"x": []}, "changes": [1]}}"#,
                "grid of scenario a has x []; give a list of numbers",
            ),
        ] {
            let found = write(query, scenarios).unwrap_err().to_string();
            assert!(found.starts_with(said), "{found}");
        }
    }
}
