//! DuckDB's own tree of a statement, as `json_serialize_sql` gives it, and what the statement reads by it.
//!
//! Only kinds of nodes that are known here pass. Versions of DuckDB call some fields otherwise, so everything is walked, and
//! what counts is found by the node's kind, not by where it stands.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::functions::allows_table_function;
use crate::sql::lexer::Dialect;

/// Kinds of expressions that only compute.
const CLASSES: [&str; 18] = [
    "AGGREGATE",
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
];

/// Kinds of queries, of what stands in FROM, and of what follows a query. Others of DuckDB's write, or come of binding.
const NODES: [&str; 19] = [
    "ASCENDING",
    "BASE_TABLE",
    "CTE_NODE",
    "DESCENDING",
    "DISTINCT_MODIFIER",
    "EMPTY",
    "EXPRESSION_LIST",
    "JOIN",
    "LEGACY_LIMIT_PERCENT_MODIFIER",
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "ORDER_DEFAULT",
    "ORDER_MODIFIER",
    "PIVOT",
    "RECURSIVE_CTE_NODE",
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "SUBQUERY",
    "TABLE_FUNCTION",
];

/// Names that are functions where no column has them.
const CONSTANTS: [&str; 6] = [
    "current_catalog",
    "current_role",
    "current_schema",
    "current_user",
    "session_user",
    "user",
];

/// What a tree names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Tables and views, with the schema or an empty text.
    pub tables: BTreeSet<(String, String)>,
    /// Names of columns, in lower case: each part of each.
    pub columns: BTreeSet<String>,
    /// The last part of each.
    pub last: BTreeSet<String>,
    /// Functions, in lower case.
    pub functions: BTreeSet<String>,
    /// Something takes columns that it does not name: `*`, a whole row, a position, a natural join.
    pub open: bool,
    /// Names by which what stands in FROM is called, in lower case.
    pub aliases: BTreeSet<String>,
}

/// Reads the answer of `json_serialize_sql`. Errors with the reason if the text is no statement that only reads.
pub fn read(tree: &str) -> Result<Found, String> {
    let too_deep = |_| "it is nested too deep".to_owned();
    let tree: Json = serde_json::from_str(tree).map_err(too_deep)?;
    if tree.get("error").and_then(Json::as_bool) != Some(false) {
        let said = tree.get("error_message").and_then(Json::as_str);
        return Err(match said {
            Some(said) if said.starts_with("Only SELECT") => "it is no SELECT".into(),
            Some(said) => first_line(said),
            None => "DuckDB does not read it".into(),
        });
    }
    let statements = tree.get("statements").and_then(Json::as_array);
    let statement = match statements.map(Vec::as_slice) {
        Some([one]) => one,
        Some(several) => return Err(format!("it is {} statements; give one", several.len())),
        None => return Err("DuckDB does not read it".into()),
    };
    let mut walk = Walk::default();
    walk.value(statement)?;
    Ok(walk.found)
}

/// The first line of what an engine says.
pub fn first_line(said: &str) -> String {
    said.lines().next().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Walk {
    found: Found,
    /// The names of WITH that are known where the walk is.
    scope: Vec<String>,
}

impl Walk {
    fn value(&mut self, value: &Json) -> Result<(), String> {
        match value {
            Json::Object(node) => self.node(node),
            Json::Array(values) => values.iter().try_for_each(|value| self.value(value)),
            _ => Ok(()),
        }
    }

    fn node(&mut self, node: &Map<String, Json>) -> Result<(), String> {
        let text = |key: &str| node.get(key).and_then(Json::as_str);
        let given = |key: &str| text(key).is_some_and(|text| !text.is_empty());
        let set = |key: &str| match node.get(key) {
            None | Some(Json::Null) => false,
            Some(Json::Array(values)) => !values.is_empty(),
            Some(Json::Object(values)) => !values.is_empty(),
            Some(_) => true,
        };
        if set("named_param_map") {
            return Err("it has parameters; write values".into());
        }
        match (text("class"), text("type")) {
            (Some("PARAMETER"), _) => return Err("it has parameters; write values".into()),
            (Some("CONSTANT"), _) => return Ok(()),
            (Some(class), _) if !CLASSES.contains(&class) => {
                return Err(format!("the gate does not know {class} in it"));
            }
            (Some("FUNCTION" | "WINDOW" | "AGGREGATE"), _) => self.function(node)?,
            (Some("POSITIONAL_REFERENCE" | "STAR"), _) => self.found.open = true,
            (Some(_), _) | (None, None) => {}
            (None, Some("SHOW_REF")) => return Err("it describes tables; give a SELECT".into()),
            (None, Some(ty)) if !NODES.contains(&ty) => {
                return Err(format!("the gate does not know {ty} in it"));
            }
            (None, Some("BASE_TABLE")) => self.table(node)?,
            (None, Some("PIVOT")) => self.found.open = true,
            (None, Some("TABLE_FUNCTION")) => {
                let function = node.get("function").and_then(Json::as_object);
                let function =
                    function.ok_or("DuckDB's tree of it has a call without a function")?;
                let name = name(function);
                if !allows_table_function(&name, Dialect::DuckDb) || !is_main(function) {
                    return Err(format!("the function {name} may not stand in FROM"));
                }
                self.alias(node);
                self.found.functions.insert(name);
                // Its name is that of a table, so only its arguments are those of an expression.
                for (key, value) in function.iter().chain(node) {
                    if key != "function" {
                        self.value(value)?;
                    }
                }
                return Ok(());
            }
            (None, Some(_)) => self.alias(node),
        }
        if given("ref_type") && text("ref_type") == Some("NATURAL") {
            self.found.open = true;
        }
        for key in ["column_names", "using_columns"] {
            let names = node.get(key).and_then(Json::as_array).into_iter().flatten();
            let names = names.filter_map(Json::as_str).map(str::to_lowercase);
            let names: Vec<String> = names.collect();
            self.found.last.extend(names.last().cloned());
            self.found.columns.extend(names);
        }
        self.children(node)
    }

    /// Walks what is below, with the names that WITH gives it.
    fn children(&mut self, node: &Map<String, Json>) -> Result<(), String> {
        let known = self.scope.len();
        let map = node.get("cte_map").and_then(|map| map.get("map"));
        for entry in map.and_then(Json::as_array).into_iter().flatten() {
            if let Some(query) = entry.get("value") {
                self.value(query)?;
            }
            let key = entry.get("key").and_then(Json::as_str);
            self.scope.extend(key.map(str::to_lowercase));
        }
        let own = node
            .get("cte_name")
            .and_then(Json::as_str)
            .map(str::to_lowercase);
        // The first part of a recursive query does not know the name, nor does a query that is given it.
        for key in ["left", "query"] {
            if own.is_some()
                && let Some(value) = node.get(key)
            {
                self.value(value)?;
            }
        }
        let is_named = own.is_some();
        self.scope.extend(own);
        for (key, value) in node {
            // A type is named, and has no query in it.
            let done = matches!(key.as_str(), "cte_map" | "cast_type")
                || (is_named && (key == "left" || key == "query"));
            if !done {
                self.value(value)?;
            }
        }
        self.scope.truncate(known);
        Ok(())
    }

    fn function(&mut self, node: &Map<String, Json>) -> Result<(), String> {
        let name = name(node);
        if !is_main(node) {
            return Err(format!("the function {name} is called by its schema"));
        }
        self.found.functions.insert(name);
        Ok(())
    }

    fn table(&mut self, node: &Map<String, Json>) -> Result<(), String> {
        let text = |key: &str| node.get(key).and_then(Json::as_str).unwrap_or_default();
        let (catalog, schema, table) = (
            text("catalog_name"),
            text("schema_name"),
            text("table_name"),
        );
        if !catalog.is_empty() {
            return Err(format!(
                "it reads the table \"{table}\" of the database \"{catalog}\""
            ));
        }
        if node.get("at_clause").is_some_and(|at| !at.is_null()) {
            return Err(format!("it reads the table \"{table}\" as of another time"));
        }
        self.alias(node);
        let renamed = node.get("column_name_alias").and_then(Json::as_array);
        if renamed.is_some_and(|names| !names.is_empty()) {
            self.found.open = true;
        }
        let lower = table.to_lowercase();
        if schema.is_empty() && self.scope.contains(&lower) {
            self.found.aliases.insert(lower);
            return Ok(());
        }
        self.found.aliases.insert(lower);
        self.found.tables.insert((schema.into(), table.into()));
        Ok(())
    }

    fn alias(&mut self, node: &Map<String, Json>) {
        let alias = node
            .get("alias")
            .and_then(Json::as_str)
            .filter(|alias| !alias.is_empty());
        self.found.aliases.extend(alias.map(str::to_lowercase));
    }
}

impl Found {
    /// The functions that are called without parentheses, if no column of those that `is_column` knows has their names.
    pub fn constants(&self, is_column: impl Fn(&str) -> bool) -> Vec<String> {
        let named = self
            .last
            .iter()
            .filter(|name| CONSTANTS.contains(&name.as_str()));
        named.filter(|name| !is_column(name)).cloned().collect()
    }

    /// True if the statement may read columns that it does not name, or names one of these.
    pub fn may_read(&self, columns: &[&str]) -> bool {
        let row = || self.last.iter().any(|column| self.aliases.contains(column));
        self.open || columns.iter().any(|column| self.columns.contains(*column)) || row()
    }
}

fn name(function: &Map<String, Json>) -> String {
    let name = function.get("function_name").and_then(Json::as_str);
    name.unwrap_or_default().to_lowercase()
}

fn is_main(function: &Map<String, Json>) -> bool {
    let text = |key: &str| function.get(key).and_then(Json::as_str).unwrap_or_default();
    matches!(text("schema"), "" | "main") && text("catalog").is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(node: &str) -> Result<Found, String> {
        read(&format!(
            r#"{{"error": false, "statements": [{{"node": {node}}}]}}"#
        ))
    }

    const EMPTY: &str = r#""cte_map": {"map": []}, "modifiers": []"#;

    fn table(name: &str) -> String {
        format!(
            r#"{{"type": "BASE_TABLE", "alias": "", "schema_name": "", "table_name": "{name}", "column_name_alias": [], "catalog_name": "", "at_clause": null}}"#
        )
    }

    #[test]
    fn a_name_of_with_is_known_behind_it_and_nowhere_else() {
        let inner = format!(
            r#"{{"type": "SELECT_NODE", {EMPTY}, "from_table": {}}}"#,
            table("T")
        );
        for query in ["query", "query_node"] {
            let with = format!(
                r#""cte_map": {{"map": [{{"key": "t", "value": {{"{query}": {inner}}}}}]}}"#
            );
            let used = format!(
                r#"{{"type": "SELECT_NODE", {with}, "from_table": {}}}"#,
                table("t")
            );
            let found = one(&used).unwrap();
            assert_eq!(found.tables.len(), 1);
            let beside = format!(
                r#"{{"type": "SELECT_NODE", {EMPTY}, "select_list": [{{"class": "SUBQUERY", "type": "SUBQUERY", "subquery": {{"node": {used}}}}}], "from_table": {}}}"#,
                table("t")
            );
            let tables: Vec<String> = one(&beside)
                .unwrap()
                .tables
                .into_iter()
                .map(|t| t.1)
                .collect();
            assert_eq!(tables, ["T", "t"]);
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (node, reason) in [
            (r#"{"type": "INSERT_QUERY_NODE"}"#, "INSERT_QUERY_NODE"),
            (
                r#"{"type": "SELECT_NODE", "from_table": {"type": "SHOW_REF"}}"#,
                "describes",
            ),
            (
                r#"{"type": "SELECT_NODE", "select_list": [{"class": "BOUND_REF", "type": "BOUND_REF"}]}"#,
                "BOUND_REF",
            ),
            (
                r#"{"type": "SELECT_NODE", "select_list": [{"class": "PARAMETER", "type": "VALUE_PARAMETER"}]}"#,
                "parameters",
            ),
            (
                r#"{"type": "SELECT_NODE", "from_table": {"type": "TABLE_FUNCTION", "function": {"class": "FUNCTION", "function_name": "read_text", "schema": ""}}}"#,
                "read_text",
            ),
            (
                r#"{"type": "SELECT_NODE", "select_list": [{"class": "FUNCTION", "function_name": "sum", "schema": "x"}]}"#,
                "by its schema",
            ),
            (
                r#"{"type": "BASE_TABLE", "catalog_name": "other", "table_name": "t"}"#,
                "other",
            ),
        ] {
            let found = one(node).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
        for tree in [
            "",
            "[]",
            "{}",
            r#"{"error": true}"#,
            r#"{"error": false}"#,
            r#"{"error": false, "statements": []}"#,
        ] {
            assert!(read(tree).is_err(), "{tree}");
        }
        assert!(read(&format!("{}1{}", "[".repeat(1000), "]".repeat(1000))).is_err());
    }

    #[test]
    fn values_are_not_read_as_nodes() {
        let node = r#"{"type": "SELECT_NODE", "select_list": [{"class": "CONSTANT", "type": "VALUE_CONSTANT", "value": {"type": "INSERT_QUERY_NODE"}}]}"#;
        assert_eq!(one(node).unwrap(), Found::default());
    }
}
