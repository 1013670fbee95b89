use super::*;

/// What is said of `SELECT ... WHERE e MATCH ? AND k = 5 AND <condition>`, where these were handed over too.
fn verdict(condition: &str, more: &[(&'static str, &'static str)]) -> Verdict {
    whole(
        &format!("SELECT id, d.x FROM v JOIN d WHERE e MATCH ? AND k = 5 AND {condition}"),
        more,
    )
}

fn whole(sql: &str, more: &[(&'static str, &'static str)]) -> Verdict {
    let mut taken = vec![("e", "MATCH"), ("k", "=")];
    taken.extend(more);
    let columns = vec!["id", "e", "tag", "n", "body", "distance", "k", "v"];
    let search = Search {
        table: "v",
        columns,
        rowid: "id",
        taken,
    };
    read(sql, &search)
}

#[test]
fn what_was_handed_over_agrees() {
    for (condition, taken) in [
        ("tag = 'a'", &[("tag", "=")][..]),
        ("'a' == v.tag COLLATE NOCASE", &[("tag", "=")]),
        ("5 > n", &[("n", "<")]),
        ("(n >= 3 AND (\"n\" <> ?))", &[("n", ">="), ("n", "<>")]),
        (
            "n BETWEEN 1 AND 2 AND tag LIKE 'a%'",
            &[("n", ">="), ("n", "<="), ("tag", "LIKE"), ("tag", ">=")],
        ),
        (
            "tag IN ('a', 'b') AND rowid IN (SELECT x FROM d WHERE y NOT IN (1))",
            &[("tag", "IN"), ("id", "IN")],
        ),
        ("tag IN ('a')", &[("tag", "=")]),
        ("(tag = 'a' OR tag = 'b')", &[("tag", "IN")]),
        (
            "n IS NULL AND tag IS NOT NULL AND body NOTNULL",
            &[("n", "ISNULL"), ("tag", "NOTNULL"), ("body", "NOTNULL")],
        ),
        (
            "n IS ? AND tag IS NOT DISTINCT FROM 'b' AND body IS NOT 'x'",
            &[("n", "IS"), ("tag", "IS"), ("body", "IS NOT")],
        ),
        (
            "n = -abs(1 + 2) AND n < (SELECT max(z) FROM d WHERE d.y > 3)",
            &[("n", "="), ("n", "<")],
        ),
        (
            "distance < 3 ORDER BY distance, CASE WHEN n > 3 THEN 1 END",
            &[("distance", "<")],
        ),
        (
            "1 = 1 AND ? IS NOT NULL AND NOT EXISTS (SELECT 1 FROM d)",
            &[],
        ),
        ("d.id = v.id", &[]),
        ("d.id = v.tag AND d.status = 'open'", &[("tag", "=")]),
    ] {
        let expected = Verdict {
            agrees: true,
            left: None,
        };
        assert_eq!(verdict(condition, taken), expected, "{condition}");
    }
    for sql in [
        "SELECT (SELECT id FROM v x WHERE x.e MATCH q.e AND x.k = 5 AND q.id > 3) FROM q WHERE q.a NOT IN (1)",
        "WITH c AS (SELECT id FROM main.v AS w WHERE w.k = 5 AND w.e MATCH ?) SELECT * FROM c WHERE n NOT IN (1)",
        "SELECT a.id FROM v a JOIN main.v AS b ON b.e MATCH a.e AND b.k = 5 WHERE a.id NOT IN (1)",
        "SELECT a.id FROM v a, v AS 'b' WHERE a.e MATCH ? AND a.k = 5 AND b.e MATCH ? AND b.k = 5",
        "SELECT id FROM v WHERE e MATCH ? AND k = 5 OR id IN (1) OR (k = 5 AND e MATCH ?)",
        "SELECT 1 FROM q WHERE q.x IN (SELECT id FROM v WHERE e MATCH ? AND k = 5 AND q.y > 3)",
        "SELECT * FROM q LEFT JOIN v ON e MATCH q.e AND k = 5 WHERE q.x IS TRUE",
        "SELECT * FROM v LEFT OUTER JOIN d ON d.id = v.id AND d.x > 3 WHERE e MATCH ? AND k = 5",
        "SELECT 1 UNION SELECT id FROM v WHERE k = 5 AND e MATCH ? UNION SELECT 2 FROM d WHERE n NOT IN (1)",
        "UPDATE v SET tag = CASE WHEN n IS TRUE THEN 1 END WHERE e MATCH ? AND k = 5 RETURNING id",
        "CREATE TRIGGER t AFTER INSERT ON d BEGIN INSERT INTO l SELECT id FROM v WHERE e MATCH new.e AND k = 5; DELETE FROM l WHERE x OR y; END",
        "INSERT INTO l SELECT id FROM v WHERE e MATCH ? AND k = 5 ON CONFLICT DO UPDATE SET x = 1 WHERE y NOT IN (1)",
    ] {
        let expected = Verdict {
            agrees: true,
            left: None,
        };
        assert_eq!(whole(sql, &[]), expected, "{sql}");
    }
}

#[test]
fn what_was_not_is_left() {
    for condition in [
        "tag NOT IN ('a')",
        "tag = 'a' OR n = 3",
        "n IS FALSE",
        "n IS NOT TRUE",
        "n",
        "NOT n = 3",
        "-n = 3",
        "n + 1 = 3",
        "+tag = 'a'",
        "length(tag) > 3",
        "tag LIKE 'a' ESCAPE 'b'",
        "tag NOT LIKE 'a'",
        "n NOT BETWEEN 1 AND 2",
        "EXISTS (SELECT 1 FROM d WHERE d.id = v.id)",
        "+n = CAST('5' AS TEXT)",
        "+tag = \"a\"",
        "(n, tag) = (1, 'a')",
        "n = 1 IS TRUE",
        "CASE n WHEN 1 THEN 1 AND 1 END",
        "d.status = 'open'",
        "n > 2 OR n = 3",
    ] {
        let found = verdict(&format!("({condition})"), &[]);
        assert!(
            !found.agrees && found.left.is_some(),
            "{condition}: {found:?}"
        );
    }
    // Those that can be handed over, but were not.
    for condition in [
        "n = 3",
        "n < tag",
        "d.n > v.n",
        "tag = 'a' OR tag = 'b'",
        "n IN (SELECT x FROM d WHERE d.y = v.n)",
    ] {
        let expected = Verdict {
            agrees: false,
            left: None,
        };
        assert_eq!(
            verdict(&format!("({condition})"), &[]),
            expected,
            "{condition}"
        );
    }
    let of_itself = "SELECT 1 FROM v a, v b WHERE a.e MATCH ? AND a.k = 5 AND b.e MATCH ? AND b.k = 5 AND a.n > b.n";
    assert!(!whole(of_itself, &[]).agrees);
    let under_or = "SELECT id FROM v WHERE (e MATCH ? AND k = 5 AND n NOT IN (1)) OR id = 7";
    assert!(whole(under_or, &[]).left.is_some());
    let correlated = "SELECT (SELECT id FROM v WHERE e MATCH ? AND k = 5 AND +n = q.x) FROM q, d";
    assert!(whole(correlated, &[]).left.is_some());
    assert_eq!(
        verdict("tag NOT IN ('a', \"b\", ?1)", &[]).left.as_deref(),
        Some("tag NOT IN ('a', \"b\", ?1)")
    );
    for sql in [
        "SELECT id FROM w WHERE e MATCH ? AND k = 5",
        "SELECT 1",
        "SELECT # FROM v",
    ] {
        assert_eq!(whole(sql, &[]), Verdict::default());
    }
}

#[test]
fn names_are_read() {
    assert_eq!(
        names("SELECT A.\"b\" FROM c -- d"),
        ["select", "a", "b", "from", "c"]
    );
}
