use super::ast::Literal;
use super::*;
use crate::mirror::MirrorType;

fn catalog() -> Catalog {
    let column = |name: &str, ty, affinity| Column {
        name: name.into(),
        ty,
        affinity,
        binary: name != "nocase",
        unlike: (name == "left out").then_some("is not mirrored"),
    };
    use MirrorType::{BigInt, Blob, Boolean, Date, Decimal, Double, Timestamp, Varchar};
    Catalog {
        failed: vec![],
        tables: vec![
            Table {
                name: "t".into(),
                source: "main.\"t\"".into(),
                columns: vec![
                    column("i", BigInt, Affinity::Numeric),
                    column("j", BigInt, Affinity::Numeric),
                    column("r", Double, Affinity::Real),
                    column("s", Varchar, Affinity::Text),
                    column("b", Blob, Affinity::Blob),
                    column("m", Decimal(10, 2), Affinity::Numeric),
                    column("d", Date, Affinity::Numeric),
                    column("nocase", Varchar, Affinity::Text),
                    column("any", Double, Affinity::Blob),
                    column("left out", BigInt, Affinity::Numeric),
                    column("flag", Boolean, Affinity::Numeric),
                ],
                rows: 1000,
            },
            Table {
                name: "Other".into(),
                source: "main.\"Other\"".into(),
                columns: vec![
                    column("i", BigInt, Affinity::Numeric),
                    column("at", Timestamp, Affinity::Numeric),
                ],
                rows: 10,
            },
        ],
        views: vec!["seen".into()],
        utf16: false,
    }
}

fn translated(sql: &str, params: &[Literal]) -> Result<Translation, Refusal> {
    let tokens = tokens::tokens(sql).ok_or_else(|| Refusal("no tokens".into()))?;
    translate(&parse::parse(&tokens)?, &catalog(), params)
}

fn sql_of(sql: &str) -> String {
    match translated(sql, &[]) {
        Ok(translation) => translation.sql,
        Err(refusal) => format!("refused: {refusal}"),
    }
}

#[test]
fn names_and_values_are_written_plainly() {
    assert_eq!(
        sql_of("SELECT i, s AS x FROM t WHERE i = 5 AND s <> 'it''s'"),
        "SELECT r1.\"i\", r1.\"s\" FROM main.\"t\" AS r1 WHERE ((r1.\"i\" = 5) AND (r1.\"s\" <> 'it''s'))"
    );
    assert_eq!(
        sql_of("select count(*), max(r) from t join other using (i) group by s order by 1 desc"),
        "SELECT count(*), max(r1.\"r\") FROM main.\"t\" AS r1 JOIN main.\"Other\" AS r2 ON (r1.\"i\" = r2.\"i\") GROUP BY r1.\"s\" ORDER BY 1 DESC NULLS LAST"
    );
}

#[test]
fn precedence_is_that_of_sqlite() {
    let filter = |sql: &str| {
        sql_of(&format!("SELECT i FROM t WHERE {sql}"))
            .split_once("WHERE ")
            .map(|(_, rest)| rest.replace("r1.", ""))
            .unwrap_or_default()
    };
    assert_eq!(
        filter("NOT i = j OR i < j AND j >= i"),
        "((NOT (\"i\" = \"j\")) OR ((\"i\" < \"j\") AND (\"j\" >= \"i\")))"
    );
    assert_eq!(
        filter("i - j - i = j * i + j"),
        "(((\"i\" - \"j\") - \"i\") = ((\"j\" * \"i\") + \"j\"))"
    );
    assert_eq!(
        filter("s || s = 'a' || 'b'"),
        "((\"s\" || \"s\") = ('a' || 'b'))"
    );
    assert_eq!(
        filter("i BETWEEN 1 AND 2 AND j"),
        "(((\"i\" >= 1) AND (\"i\" <= 2)) AND (\"j\" <> 0))"
    );
}

#[test]
fn what_differs_stays_and_says_why() {
    for (sql, word) in [
        ("SELECT i / 2 FROM t", "divided"),
        ("SELECT m / 2 FROM t", "divided"),
        ("SELECT i % 2 FROM t", "%"),
        ("SELECT i FROM t WHERE s LIKE s", "LIKE"),
        ("SELECT i FROM t WHERE r LIKE '1%'", "LIKE"),
        ("SELECT i FROM t WHERE s LIKE 'ax%' ESCAPE 'x'", "LIKE"),
        ("SELECT i FROM t WHERE s NOT GLOB 'a*'", "GLOB"),
        ("SELECT i FROM t WHERE b = 1", "blobs"),
        ("SELECT i FROM t WHERE s = r * 2", "reals"),
        ("SELECT i FROM t WHERE s = 1e20", "digits"),
        ("SELECT i FROM t WHERE r IS s", "by IS"),
        ("SELECT i FROM t WHERE nocase = 'a'", "collation"),
        ("SELECT i FROM t ORDER BY s COLLATE NOCASE", "collation"),
        ("SELECT group_concat(s) FROM t", "order of the rows"),
        ("SELECT date('now') FROM t", "dates"),
        ("SELECT CURRENT_DATE FROM t", "clock"),
        ("SELECT at FROM other", "dates"),
        ("SELECT i || s FROM t", "||"),
        ("SELECT CAST(s AS INTEGER) FROM t", "CAST"),
        (
            "SELECT s, (SELECT count(*) FROM other WHERE other.i = t.j) FROM t GROUP BY s",
            "neither grouped",
        ),
        ("SELECT max(i, j) FROM t", "max()"),
        ("SELECT printf('%d', i) FROM t", "printf()"),
        ("SELECT random() FROM t", "every call"),
        ("SELECT rowid FROM t", "rowid"),
        ("SELECT i FROM t LIMIT 5", "LIMIT without ORDER BY"),
        ("SELECT \"rowid\" FROM t", "may be a text"),
        (
            "SELECT s AS x FROM t WHERE EXISTS (SELECT 1 FROM other WHERE \"x\" = s)",
            "may be a text",
        ),
        (
            "SELECT \"count(*)\" FROM (SELECT count(*) FROM t)",
            "may be a text",
        ),
        ("SELECT [text] FROM t", "names no column"),
        ("SELECT any FROM t", "without an affinity"),
        ("SELECT i FROM missing", "not tracked"),
        ("SELECT i FROM Seen", "\"Seen\" is a view"),
        (
            "SELECT (SELECT count(*) FROM t WHERE [left out] > 0) FROM other",
            "is not mirrored",
        ),
        ("SELECT flag FROM t", "other values"),
        ("SELECT upper(s) FROM t", "ASCII"),
        (
            "SELECT row_number() OVER (ORDER BY i) FROM t",
            "order of equal rows",
        ),
        ("SELECT DISTINCT sum(r) FROM t", "last bits"),
        (
            "SELECT i FROM t UNION ALL SELECT r FROM t",
            "different classes",
        ),
        ("SELECT i FROM t NATURAL JOIN other", "NATURAL"),
        ("SELECT 1", "no table"),
        ("SELECT i FROM t WHERE i = ?", "no value"),
        (
            "SELECT sum(r) FROM t WHERE r > 0.12345678901234567",
            "digits",
        ),
        (
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
            "ecursive",
        ),
        (
            "SELECT i FROM t WHERE i IN (SELECT i FROM other LIMIT 2)",
            "LIMIT",
        ),
        ("DELETE FROM t", "DELETE"),
    ] {
        match translated(sql, &[]) {
            Err(Refusal(reason)) => assert!(reason.contains(word), "{sql}: {reason}"),
            Ok(translation) => panic!("{sql}: {}", translation.sql),
        }
    }
}

#[test]
fn values_keep_their_class() {
    let outputs = |sql: &str| translated(sql, &[]).map(|t| t.outputs).unwrap_or_default();
    assert_eq!(
        outputs("SELECT i, r, s, b, m, d, i = j, NULL FROM t"),
        [
            Output::Integer,
            Output::Real,
            Output::Text,
            Output::Blob,
            Output::Number,
            Output::Text,
            Output::Integer,
            Output::Null
        ]
    );
    assert_eq!(
        outputs("SELECT sum(i), sum(r), avg(i), sum(m), max(m), count(s) FROM t"),
        [
            Output::Integer,
            Output::Real,
            Output::Real,
            Output::NumberBy(6),
            Output::Number,
            Output::Integer
        ]
    );
}

#[test]
fn dates_and_decimals_are_compared_as_they_are_stored() {
    let sql = sql_of("SELECT i FROM t WHERE d >= '2010-01-01' AND m < 5.25");
    assert!(sql.contains("r1.\"d\" >= DATE '2010-01-01'"), "{sql}");
    assert!(sql.contains("r1.\"m\" < 5.25"), "{sql}");
    let sql = sql_of("SELECT i FROM t WHERE d >= '2010-13'");
    assert!(
        sql.contains("CAST(r1.\"d\" AS VARCHAR) >= '2010-13'"),
        "{sql}"
    );
}

#[test]
fn parameters_are_written_as_values() {
    let params = [Literal::Text("it's".into()), Literal::Integer(3)];
    let sql = translated(
        "SELECT i FROM t WHERE i > ?2 AND s = ?1 AND r < ?2",
        &params,
    );
    let sql = sql.map(|t| t.sql).unwrap_or_default();
    assert!(sql.contains("r1.\"i\" > 3"), "{sql}");
    assert!(sql.contains("r1.\"s\" = 'it''s'"), "{sql}");
    assert!(sql.contains("r1.\"r\" < 3e0"), "{sql}");
    let text = translated("SELECT i FROM t WHERE i > ?", &[Literal::Text("5".into())]);
    assert!(text.is_ok_and(|t| t.sql.contains("r1.\"i\" > 5")));
    let refused = translated(
        "SELECT i FROM t WHERE s > ?",
        &[Literal::Text("a\0".into())],
    );
    assert!(refused.is_err());
}

#[test]
fn classes_are_compared_by_affinities() {
    let filter = |sql: &str| {
        sql_of(&format!("SELECT i FROM t WHERE {sql}"))
            .split_once("WHERE ")
            .map(|(_, rest)| rest.replace("r1.", ""))
            .unwrap_or_default()
    };
    assert_eq!(filter("i = ' 5 '"), "(\"i\" = 5)");
    assert_eq!(filter("'1.5' < r"), "(1.5e0 < \"r\")");
    assert_eq!(filter("s > 5"), "(\"s\" > '5')");
    assert_eq!(filter("s = 5.0"), "(\"s\" = '5.0')");
    let always = |x: &str, truth: bool| {
        format!("CASE WHEN {x} IS NOT NULL AND 'x' IS NOT NULL THEN {truth} END")
    };
    assert_eq!(filter("i < 'x'"), always("\"i\"", true));
    assert_eq!(filter("'x' < i"), always("\"i\"", false));
    assert_eq!(filter("i <> 'x'"), always("\"i\"", true));
    assert!(filter("i = s").starts_with("(CAST(\"i\" AS VARCHAR) = CASE WHEN regexp"));
    assert!(filter("d = '2010'").ends_with("THEN false END"));
}

#[test]
fn names_in_double_quotes_may_be_texts() {
    let sql = sql_of("SELECT \"s\", \"it's\" FROM t WHERE s = \"S x\" ORDER BY \"r\"");
    assert_eq!(
        sql,
        "SELECT r1.\"s\", 'it''s' FROM main.\"t\" AS r1 WHERE (r1.\"s\" = 'S x') ORDER BY r1.\"r\" ASC NULLS FIRST"
    );
}

#[test]
fn columns_beside_aggregates_have_one_value() {
    let translation = translated("SELECT s, i, count(*) FROM t GROUP BY s", &[]);
    assert!(
        translation.is_ok_and(|t| t.guarded && t.sql.contains("min(r1.\"i\") = max(r1.\"i\")"))
    );
}

#[test]
fn texts_of_utf16_are_not_put_in_order() {
    let catalog = Catalog {
        utf16: true,
        ..catalog()
    };
    let runs = |sql: &str| {
        let tokens = tokens::tokens(sql).unwrap_or_default();
        parse::parse(&tokens)
            .and_then(|s| translate(&s, &catalog, &[]))
            .is_ok()
    };
    for sql in [
        "SELECT i FROM t WHERE s > 'a'",
        "SELECT i FROM t WHERE s > 5",
        "SELECT i FROM t ORDER BY s",
        "SELECT max(s) FROM t",
        "SELECT rank() OVER (ORDER BY s) FROM t",
        "SELECT s FROM t UNION SELECT s FROM t ORDER BY 1",
        "SELECT i FROM t WHERE s BETWEEN 'a' AND 'b'",
    ] {
        assert!(!runs(sql), "{sql}");
    }
    for sql in [
        "SELECT s, count(*) FROM t WHERE s = 'a' OR s LIKE 'b%' GROUP BY s",
        "SELECT max(d) FROM t WHERE d > '2010-01-01' ORDER BY d",
    ] {
        assert!(runs(sql), "{sql}");
    }
}

#[test]
fn a_limit_has_its_ends_checked() {
    let limit = |sql: &str| translated(sql, &[]).ok().and_then(|t| t.limit);
    assert_eq!(
        limit("SELECT s, sum(r) AS x FROM t GROUP BY s ORDER BY x DESC LIMIT 5"),
        Some(Limit {
            count: 5,
            skip_first: false,
            keys: vec![(1, true)]
        })
    );
    assert_eq!(
        limit("SELECT i FROM t ORDER BY j LIMIT 5 OFFSET 2"),
        Some(Limit {
            count: 5,
            skip_first: true,
            keys: vec![(1, false)]
        })
    );
    assert_eq!(
        limit("SELECT i FROM t ORDER BY i LIMIT 5").map(|l| l.keys),
        Some(vec![])
    );
}

#[test]
fn sums_of_reals_decide_only_with_a_guard() {
    let translation = translated("SELECT s FROM t GROUP BY s HAVING sum(r) > 5", &[]);
    assert!(translation.is_ok_and(|t| t.guarded && t.sql.contains("error(")));
    let translation = translated("SELECT s FROM t GROUP BY s HAVING count(*) > 5", &[]);
    assert!(translation.is_ok_and(|t| !t.guarded));
}

#[test]
fn deep_nesting_is_refused() {
    let sql = format!("SELECT {}i{} FROM t", "(".repeat(5000), ")".repeat(5000));
    assert!(translated(&sql, &[]).is_err());
    let sql = format!("SELECT {}i FROM t", "- ".repeat(5000));
    assert!(translated(&sql, &[]).is_err());
    let sql = format!(
        "SELECT {}i{} FROM t",
        "(SELECT max(".repeat(30),
        ") FROM t)".repeat(30)
    );
    assert!(translated(&sql, &[]).is_err());
    // Long chains are no nesting for the reader, but for the writer.
    let sql = format!("SELECT i{} FROM t", " + 1".repeat(50_000));
    assert!(translated(&sql, &[]).is_err());
}
