//! What other engines write, and what stands here for it.

use super::*;

fn all(dialect: Dialect, table: &[(&str, &str)]) {
    for (written, now) in table {
        let (sql, changes) = rewritten(written, dialect, &|word| word == "ordr");
        assert_eq!(sql, *now, "{written}");
        assert_eq!(changes.is_empty(), written == now, "{written}: {changes:?}");
    }
}

#[test]
fn sqlite_has_its_own_words() {
    all(
        Dialect::Sqlite,
        &[
            ("SELECT TOP 5 a FROM t", "SELECT a FROM t LIMIT 5"),
            (
                "SELECT TOP (5) a FROM t ORDER BY a;",
                "SELECT a FROM t ORDER BY a LIMIT 5;",
            ),
            (
                "SELECT * FROM (SELECT DISTINCT TOP 3 a FROM t) x",
                "SELECT * FROM (SELECT DISTINCT a FROM t LIMIT 3) x",
            ),
            (
                "SELECT TOP 5 PERCENT a FROM t",
                "SELECT TOP 5 PERCENT a FROM t",
            ),
            (
                "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
                "SELECT a FROM t LIMIT 5",
            ),
            (
                "SELECT a FROM t FETCH NEXT ROW ONLY",
                "SELECT a FROM t LIMIT 1",
            ),
            (
                "SELECT a FROM t OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY",
                "SELECT a FROM t LIMIT 10 OFFSET 5",
            ),
            ("SELECT a, FROM t", "SELECT a FROM t"),
            (
                "SELECT a FROM t WHERE b ILIKE '%x%'",
                "SELECT a FROM t WHERE b LIKE '%x%'",
            ),
            (
                "SELECT a FROM t WHERE b && c",
                "SELECT a FROM t WHERE b AND c",
            ),
            ("SELECT t.a::text FROM t", "SELECT CAST(t.a AS TEXT) FROM t"),
            (
                "SELECT sum(a)::int FROM t",
                "SELECT CAST(sum(a) AS INT) FROM t",
            ),
            ("SELECT (a + 1)::date FROM t", "SELECT date((a + 1)) FROM t"),
            (
                "SELECT YEAR(d) FROM t",
                "SELECT CAST(strftime('%Y', d) AS INTEGER) FROM t",
            ),
            (
                "SELECT EXTRACT(MONTH FROM t.d) FROM t",
                "SELECT CAST(strftime('%m', t.d) AS INTEGER) FROM t",
            ),
            (
                "SELECT date_part('day', d) FROM t",
                "SELECT CAST(strftime('%d', d) AS INTEGER) FROM t",
            ),
            (
                "SELECT DATE_FORMAT(d, '%Y-%m-%d %H:%i') FROM t",
                "SELECT strftime('%Y-%m-%d %H:%M', d) FROM t",
            ),
            (
                "SELECT TO_CHAR(d, 'YYYY-MM') FROM t",
                "SELECT strftime('%Y-%m', d) FROM t",
            ),
            (
                "SELECT TO_CHAR(n, '999.9') FROM t",
                "SELECT TO_CHAR(n, '999.9') FROM t",
            ),
            (
                "SELECT date_format(d, '%W') FROM t",
                "SELECT date_format(d, '%W') FROM t",
            ),
            (
                "SELECT DATE_TRUNC('month', d) FROM t",
                "SELECT strftime('%Y-%m-01', d) FROM t",
            ),
            (
                "SELECT NOW(), GETDATE(), CURDATE()",
                "SELECT datetime('now'), datetime('now'), date('now')",
            ),
            (
                "SELECT DATEDIFF(day, a, b) FROM t",
                "SELECT CAST(julianday(date(b)) - julianday(date(a)) AS INTEGER) FROM t",
            ),
            (
                "SELECT DATEDIFF(b, a) FROM t",
                "SELECT CAST(julianday(date(b)) - julianday(date(a)) AS INTEGER) FROM t",
            ),
            (
                "SELECT DATEADD(month, -3, d) FROM t",
                "SELECT date(d, '-3 months') FROM t",
            ),
            (
                "SELECT a FROM t WHERE d > DATE_SUB(NOW(), INTERVAL 7 DAY)",
                "SELECT a FROM t WHERE d > datetime('now', '-7 days')",
            ),
            (
                "SELECT a FROM t WHERE d > CURRENT_DATE - INTERVAL '2 weeks'",
                "SELECT a FROM t WHERE d > date('now', '-14 days')",
            ),
            (
                "SELECT d + INTERVAL '3' HOUR FROM t",
                "SELECT datetime(d, '+3 hours') FROM t",
            ),
            (
                "SELECT LEFT(a, 2), RIGHT(a, 2) FROM t",
                "SELECT substr(a, 1, 2), substr(a, -(2)) FROM t",
            ),
            (
                "SELECT CHARINDEX('x', a) FROM t",
                "SELECT instr(a, 'x') FROM t",
            ),
            (
                "SELECT POSITION('x' IN a) FROM t",
                "SELECT instr(a, 'x') FROM t",
            ),
            (
                "SELECT SUBSTRING(a FROM 2 FOR 3) FROM t",
                "SELECT substr(a, 2, 3) FROM t",
            ),
            (
                "SELECT ISNULL(a, 0), NVL2(a, 1, 2) FROM t",
                "SELECT ifnull(a, 0), iif(a IS NOT NULL, 1, 2) FROM t",
            ),
            ("SELECT GREATEST(a, b) FROM t", "SELECT max(a, b) FROM t"),
            (
                "SELECT cnt(*), avrage(a), summ(b) FROM t",
                "SELECT count(*), avg(a), sum(b) FROM t",
            ),
            (
                "SELEC a FORM t WHER a = 1 GRUOP BY a ODER BY a",
                "SELECT a FROM t WHERE a = 1 GROUP BY a ORDER BY a",
            ),
            // What the database has a name for, texts and what has no translation stay.
            ("SELECT ordr FROM t", "SELECT ordr FROM t"),
            (
                "SELECT 'SELEC TOP 5 a::text' FROM t LEFT JOIN u ON 1",
                "SELECT 'SELEC TOP 5 a::text' FROM t LEFT JOIN u ON 1",
            ),
            (
                "SELECT a FROM t WHERE a IN (1, 2) AND EXISTS (SELECT 1)",
                "SELECT a FROM t WHERE a IN (1, 2) AND EXISTS (SELECT 1)",
            ),
            (
                "WITH cnt(a) AS (SELECT 1) SELECT a FROM cnt",
                "WITH cnt(a) AS (SELECT 1) SELECT a FROM cnt",
            ),
        ],
    );
}

#[test]
fn duckdb_has_its_own_words() {
    all(
        Dialect::DuckDb,
        &[
            ("SELECT `a b` FROM `t`", "SELECT \"a b\" FROM \"t\""),
            (
                "SELECT [a], t.[b] FROM [t]",
                "SELECT \"a\", t.\"b\" FROM \"t\"",
            ),
            ("SELECT a[1], [1, 2] FROM t", "SELECT a[1], [1, 2] FROM t"),
            (
                "SELECT a FROM t LIMIT 5, 10",
                "SELECT a FROM t LIMIT 10 OFFSET 5",
            ),
            ("SELECT TOP 2 a FROM t", "SELECT a FROM t LIMIT 2"),
            (
                "SELECT GETDATE(), datetime('now'), date('now')",
                "SELECT now(), now(), current_date",
            ),
            (
                "SELECT DATE_FORMAT(d, '%Y-%m') FROM t",
                "SELECT strftime(d, '%Y-%m') FROM t",
            ),
            (
                "SELECT DATEDIFF(day, a, b) FROM t",
                "SELECT date_diff('day', a, b) FROM t",
            ),
            (
                "SELECT DATEADD(month, 2, d) FROM t",
                "SELECT (d + INTERVAL (2) MONTH) FROM t",
            ),
            (
                "SELECT DATE_SUB(d, INTERVAL 7 DAY) FROM t",
                "SELECT (d - INTERVAL 7 DAY) FROM t",
            ),
            (
                "SELECT CHARINDEX('x', a), NVL(a, 0), iif(a, 1, 2) FROM t",
                "SELECT strpos(a, 'x'), ifnull(a, 0), if(a, 1, 2) FROM t",
            ),
            (
                "SELECT year(d), left(a, 2), a::text, a ILIKE 'x' FROM t",
                "SELECT year(d), left(a, 2), a::text, a ILIKE 'x' FROM t",
            ),
        ],
    );
}

#[test]
fn any_text_is_read_and_ends() {
    let pieces = [
        "SELECT",
        "TOP",
        "(",
        ")",
        "5",
        ",",
        "::",
        "x",
        "INTERVAL",
        "'7 days'",
        "FETCH",
        "FIRST",
        "ROWS",
        "ONLY",
        "OFFSET",
        "`",
        "[",
        "]",
        "YEAR(",
        "EXTRACT(",
        "FROM",
        "LIMIT",
        "-",
        "é",
        "DATE_SUB(",
        "&&",
        "left(",
        "''",
        "'",
        ".",
        ";",
        "a:b",
    ];
    let mut state = 0x9e37_79b9_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040);
            text += pieces[(state >> 33) as usize % pieces.len()];
            text.push(' ');
        }
        for dialect in [Dialect::Sqlite, Dialect::DuckDb] {
            let (_, changes) = rewritten(&text, dialect, &|_| false);
            assert!(changes.len() < MOST, "{text}: {changes:?}");
        }
    }
}
