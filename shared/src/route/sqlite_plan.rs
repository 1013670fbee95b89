//! What SQLite's plan says of the rows that it visits: the details of EXPLAIN QUERY PLAN, one node a loop.

/// A row of EXPLAIN QUERY PLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: i64,
    /// The number of the node that it belongs to; 0 for the statement.
    pub parent: i64,
    /// What it does.
    pub detail: String,
}

/// What a plan costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Rows that loops visit.
    pub rows: f64,
    /// Rows that go through a temporary index: sorting, grouping, DISTINCT.
    pub sorted: f64,
    /// Every loop finds at most a few rows through a key.
    pub point: bool,
}

/// Rows of a table that nothing is known of.
const UNKNOWN: f64 = 10_000.0;

/// Rows that an index gives for `column = value` when nothing is known, as in SQLite.
const PER_VALUE: f64 = 10.0;

/// Estimates a plan. `rows` gives the number of rows of a table by the name that the plan has for it, and
/// `per_value` the number of rows that an index gives for one value of each of its first `n` columns.
pub fn work(
    nodes: &[Node],
    rows: &dyn Fn(&str) -> Option<f64>,
    per_value: &dyn Fn(&str, usize) -> Option<f64>,
) -> Work {
    let mut work = Work {
        rows: 0.0,
        sorted: 0.0,
        point: true,
    };
    let estimate = Estimate {
        nodes,
        rows,
        per_value,
    };
    estimate.level(0, 1.0, &mut work, 0);
    work
}

struct Estimate<'a> {
    nodes: &'a [Node],
    rows: &'a dyn Fn(&str) -> Option<f64>,
    per_value: &'a dyn Fn(&str, usize) -> Option<f64>,
}

impl Estimate<'_> {
    /// The loops below `parent`, which run `times` times, one inside the other; returns the rows they give.
    fn level(&self, parent: i64, times: f64, work: &mut Work, depth: usize) -> f64 {
        let mut given = times;
        if depth > 50 {
            return given;
        }
        for node in self.nodes.iter().filter(|n| n.parent == parent) {
            let detail = node.detail.as_str();
            if let Some(rest) = detail.strip_prefix("SEARCH ") {
                let (found, point) = self.found(rest);
                work.point &= point;
                given *= found;
                work.rows += given.max(times);
            } else if let Some(rest) = detail.strip_prefix("SCAN ") {
                let name = rest.split(' ').next().unwrap_or_default();
                if rest != "CONSTANT ROW" {
                    work.point = false;
                    given *= (self.rows)(name).unwrap_or(UNKNOWN).max(1.0);
                    work.rows += given;
                }
            } else if detail.starts_with("USE TEMP B-TREE") {
                work.sorted += given;
            } else if detail.starts_with("MULTI-INDEX OR") {
                work.point = false;
                let inner = self.level(node.id, given, work, depth + 1);
                given = inner.max(given);
            } else if detail.starts_with("CORRELATED") {
                work.point = false;
                self.level(node.id, given, work, depth + 1);
            } else {
                // A subquery of its own, which runs once, or a part of a compound.
                let once = self.level(node.id, 1.0, work, depth + 1);
                work.point &= once <= PER_VALUE;
            }
        }
        given
    }

    /// Rows that `SEARCH` finds each time, and whether it is a look-up by a key.
    fn found(&self, rest: &str) -> (f64, bool) {
        let name = rest.split(' ').next().unwrap_or_default();
        let terms = rest
            .rsplit_once('(')
            .map_or("", |(_, t)| t.trim_end_matches(')'));
        let equal = terms.matches("=?").count();
        let table = (self.rows)(name).unwrap_or(UNKNOWN);
        if rest.contains("USING INTEGER PRIMARY KEY (rowid=?)") {
            return (1.0, true);
        }
        if rest.contains("AUTOMATIC") {
            // Built for this run: reads the whole table first.
            return (PER_VALUE, false);
        }
        let range = terms.contains('>') || terms.contains('<');
        if equal == 0 {
            return ((table / 4.0).max(1.0), false);
        }
        let index = rest
            .split_once(" INDEX ")
            .and_then(|(_, r)| r.split(' ').next());
        let known = index.and_then(|index| (self.per_value)(index, equal));
        let point = index.is_none() || known.is_some_and(|k| k <= 1.0);
        let found = known
            .unwrap_or(if index.is_none() { 1.0 } else { PER_VALUE })
            .min(table.max(1.0));
        if range {
            ((found / 4.0).max(1.0), false)
        } else {
            (found, point)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(details: &[(i64, i64, &str)]) -> Work {
        let nodes: Vec<Node> = details
            .iter()
            .map(|(id, parent, detail)| Node {
                id: *id,
                parent: *parent,
                detail: (*detail).into(),
            })
            .collect();
        let rows = |name: &str| (name == "big").then_some(1e6);
        let per_value = |index: &str, _: usize| (index == "unique_b").then_some(1.0);
        work(&nodes, &rows, &per_value)
    }

    #[test]
    fn a_look_up_by_key_is_a_point() {
        let work = plan(&[(3, 0, "SEARCH big USING INTEGER PRIMARY KEY (rowid=?)")]);
        assert_eq!((work.rows, work.point), (1.0, true));
        assert!(plan(&[(3, 0, "SEARCH big USING INDEX unique_b (b=?)")]).point);
        assert!(!plan(&[(3, 0, "SEARCH big USING INDEX by_c (c=?)")]).point);
        assert!(!plan(&[(3, 0, "SEARCH big USING INTEGER PRIMARY KEY (rowid>?)")]).point);
    }

    #[test]
    fn loops_multiply_and_sorts_add() {
        let work = plan(&[
            (4, 0, "SCAN big"),
            (6, 0, "SEARCH small USING INTEGER PRIMARY KEY (rowid=?)"),
            (9, 0, "USE TEMP B-TREE FOR GROUP BY"),
        ]);
        assert_eq!((work.rows, work.sorted, work.point), (2e6, 1e6, false));
    }

    #[test]
    fn subqueries_run_once_or_for_each_row() {
        let once = plan(&[
            (2, 0, "MATERIALIZE q"),
            (5, 2, "SCAN big"),
            (9, 0, "SCAN q"),
        ]);
        assert_eq!(once.rows, 1e6 + 1e4);
        let each = plan(&[
            (2, 0, "SCAN small"),
            (5, 0, "CORRELATED SCALAR SUBQUERY 1"),
            (7, 5, "SCAN big"),
        ]);
        assert!(each.rows >= 1e10);
    }
}
