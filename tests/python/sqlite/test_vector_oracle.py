"""Searches of a table of vectors against brute force: the same rows in an ordinary table, every kind of condition,
`k` and LIMIT, values of every class, written by this and by another connection. With `k`, a search gives what brute
force gives, or an error that says how to write it; with LIMIT, always what brute force gives."""

import json
import os
import random
import unittest

import host

CHECKS = int(os.environ.get("LUMOS_ORACLE_CHECKS", 1500))
COLUMNS = "id INTEGER PRIMARY KEY, e %s, t TEXT, n INTEGER, r REAL, b %s"
VALUES = [
    None, 0, 1, 5, -1, 5.0, 1.5, 2**53 + 1, 1e300, "5", "05", "5.0", "1.5", "a", "A", "a ", "b", "", "é", "5x",
    b"a", b"5", b"",
]
OPERATORS = ["=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", "IS NOT", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
WAYS_OUT = ("in place of k", "k is the number of rows")


def literal(value):
    match value:
        case None:
            return "NULL"
        case bytes():
            return f"x'{value.hex()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case float() if value == int(value) and abs(value) < 1e15:
            return f"{value:.1f}"
        case _:
            return repr(value)


class Conditions:
    """Random conditions, with the values of their parameters, which begin with ?3."""

    def __init__(self, draw):
        self.draw, self.values = draw, []

    def value(self):
        """As a literal, as a parameter, or as an expression of a type."""
        draw, value = self.draw, self.draw.choice(VALUES)
        how = draw.random()
        if how < 0.45:
            return literal(value)
        if how < 0.9:
            self.values.append(value)
            return f"?{len(self.values) + 2}"
        return draw.choice([f"CAST({literal(value)} AS INTEGER)", f"CAST({literal(value)} AS TEXT)", "(SELECT max(y) FROM d)", "(SELECT z FROM d WHERE y = 5)"])

    def column(self):
        return self.draw.choice(["id", "rowid", "t", "t", "n", "n", "r", "b", "v.t", '"n"'])

    def bound(self):
        self.values.append(self.draw.choice([0, 1, 2.5, 4, "3", "x", None]))
        return f"?{len(self.values) + 2}"

    def one(self):
        draw, column = self.draw, self.column()
        kinds = [
            lambda: f"{column} {draw.choice(OPERATORS)} {self.value()}",
            lambda: f"{column} {draw.choice(OPERATORS[:8])} {self.value()}",
            lambda: f"{self.value()} {draw.choice(OPERATORS[:8])} {column}",
            lambda: f"{column} {draw.choice(['IN', 'IN', 'NOT IN'])} ({', '.join(self.value() for _ in range(draw.randrange(4)))})",
            lambda: f"{column} {draw.choice(['IN', 'NOT IN'])} (SELECT {draw.choice('xyz')} FROM d)",
            lambda: f"{column} {draw.choice(['', 'NOT'])} BETWEEN {self.value()} AND {self.value()}",
            lambda: f"{column} {draw.choice(['IS NULL', 'IS NOT NULL', 'ISNULL', 'NOTNULL', 'NOT NULL', 'IS TRUE', 'IS FALSE', 'IS NOT TRUE'])}",
            lambda: f"{column} {draw.choice(['LIKE', 'NOT LIKE', 'GLOB'])} {self.value()}",
            lambda: f"{column} LIKE {self.value()} ESCAPE '!'",
            lambda: f"t COLLATE {draw.choice(['NOCASE', 'RTRIM', 'BINARY'])} {draw.choice(OPERATORS[:10])} {self.value()}",
            lambda: f"t = {self.value()} COLLATE NOCASE",
            lambda: f"t COLLATE NOCASE IN ({self.value()}, 'A')",
            lambda: f"({column} = {self.value()} OR {column} = {self.value()})",
            lambda: f"({self.one()} OR {self.one()})",
            lambda: f"({self.one()} AND {self.one()})",
            lambda: f"NOT {column} = {self.value()}",
            lambda: f"+{column} = {self.value()}",
            lambda: draw.choice(["n", "n + 1 > 3", "n < r", "t = b", "length(t) = 1", "abs(n) = 1", "typeof(t) = 'text'"]),
            lambda: draw.choice(["EXISTS (SELECT 1 FROM d WHERE d.x = v.id)", "n IN (SELECT y FROM d WHERE d.x = v.id)", "NOT EXISTS (SELECT 1 FROM d WHERE d.y = v.n)"]),
            lambda: f"CASE {column} WHEN {self.value()} THEN 0 ELSE 1 END",
            lambda: f"({column}, n) = ({self.value()}, {self.value()})",
            lambda: f"distance {draw.choice(OPERATORS)} {self.bound()}",
            lambda: f"distance {draw.choice(['IN', 'NOT IN'])} (1, 2, 3.0, '4')",
            lambda: f"distance BETWEEN {self.bound()} AND {self.bound()}",
            lambda: draw.choice(["distance * 2 > 3", "round(distance) = 2", "distance IS NOT NULL", "distance IS NULL", "1 = 1", "NULL", "0"]),
        ]
        return draw.choice(kinds)()


class Oracle(host.Case):
    """`v` is the table of vectors, `p` the ordinary one, `d` another."""

    metric, content = "l2", False

    def make(self, db):
        db.rows(f"CREATE TABLE p({COLUMNS % ('', 'BLOB')})")
        definition = COLUMNS % (f"FLOAT[2] metric={self.metric}", "BLOB")
        definition = definition.replace("b BLOB", "+b BLOB")
        db.rows("CREATE TABLE d(x, y INTEGER, z TEXT)")
        db.rows("INSERT INTO d VALUES (1, 5, '5'), (2, 1, 'a'), (3, NULL, NULL), (700, -1, '05')")
        more = ", content='p', content_rowid='id'" if self.content else ""
        db.rows(f"CREATE VIRTUAL TABLE v USING lumos_vec({definition}{more})")
        if self.content:
            db.rows("CREATE TRIGGER i AFTER INSERT ON p BEGIN INSERT INTO v(rowid) VALUES (new.id); END")
            db.rows("CREATE TRIGGER o AFTER DELETE ON p BEGIN INSERT INTO v(v, rowid) VALUES ('delete', old.id); END")
            db.rows("CREATE TRIGGER u AFTER UPDATE ON p BEGIN INSERT INTO v(rowid) VALUES (new.id); END")

    def write(self, db, sql, *values):
        for table in ("p",) if self.content else ("p", "v"):
            db.rows(sql.replace("TABLE", table), *values)

    def change(self, db, draw):
        """One statement, on both tables."""
        i, value = draw.randrange(200), lambda: draw.choice(VALUES)
        vector = draw.choice([None] + [json.dumps([draw.randrange(-4, 5), draw.randrange(-4, 5)])] * 9)
        row = (i, vector, value(), value(), value(), value())
        what = draw.random()
        if what < 0.5:
            self.write(db, "DELETE FROM TABLE WHERE id = ?", i)
            self.write(db, "INSERT INTO TABLE(id, e, t, n, r, b) VALUES (?, ?, ?, ?, ?, ?)", *row)
        elif what < 0.6 and not self.content:
            self.write(db, "REPLACE INTO TABLE(id, e, t, n, r, b) VALUES (?, ?, ?, ?, ?, ?)", *row)
        elif what < 0.9:
            column = draw.choice("tnrbe")
            self.write(db, f"UPDATE TABLE SET {column} = ? WHERE id = ?", vector if column == "e" else value(), i)
        elif what < 0.95:
            self.write(db, "UPDATE TABLE SET t = ?, n = ? WHERE id BETWEEN ? AND ?", value(), value(), i, i + 3)
        else:
            self.write(db, "DELETE FROM TABLE WHERE id = ?", i)

    def test_every_condition(self):
        draw, path = random.Random(21), self.folder / "o.sqlite"
        first, second = self.open(path), self.open(path)
        first.rows("PRAGMA journal_mode = WAL")
        first.rows("PRAGMA synchronous = OFF")
        self.make(first)
        for _ in range(300):
            self.change(first, draw)
        answered = refused = 0
        for step in range(CHECKS):
            writer, reader = draw.sample([first, second], 2) if draw.random() < 0.5 else [draw.choice([first, second])] * 2
            ended = draw.choice(["COMMIT", "COMMIT", "ROLLBACK", "ROLLBACK TO s"])
            if draw.random() < 0.3:
                writer.rows("BEGIN")
                self.change(writer, draw)
                writer.rows("SAVEPOINT s")
                self.change(writer, draw)
                self.search(writer, draw)
                writer.rows(ended)
                if ended == "ROLLBACK TO s":
                    writer.rows("COMMIT")
            else:
                self.change(writer, draw)
            was_answered = self.search(reader, draw)
            answered, refused = answered + was_answered, refused + (not was_answered)
        # Most of these conditions cannot be handed to a virtual table.
        self.assertGreater(answered, CHECKS // 5)
        self.assertGreater(refused, CHECKS // 5)

    def search(self, db, draw):
        """True if the search with `k` was answered, and not refused."""
        conditions = Conditions(draw)
        condition = " AND ".join(conditions.one() for _ in range(draw.choice([1, 1, 1, 2, 3])))
        query = json.dumps([draw.choice([0.5, 1, -2]), draw.choice([0.25, 1, 3])])
        k = draw.choice([0, 1, 2, 5, 30, 500])
        values = (query, k, *conditions.values)
        source = f"""(SELECT *, CAST(lumos_{self.metric}(e, ?1) AS REAL) AS distance FROM p WHERE e IS NOT NULL)"""
        source = source.replace("*,", "id AS rowid, *,")
        expected = db.rows(f"SELECT id, distance FROM {source} v WHERE {condition} ORDER BY distance, id LIMIT ?2", *values)
        limited = f"SELECT id, distance FROM v WHERE e MATCH ?1 AND {condition} ORDER BY distance, id LIMIT ?2"
        self.assertEqual(db.rows(limited, *values), expected, (limited, values))
        by_k = draw.choice(["k = ?2", "k = ?2", "k <= ?2", "k < ?2 + 1", "?2 = k", "k IS ?2"])
        asked = draw.choice([f"e MATCH ?1 AND {by_k} AND {condition}", f"{condition} AND {by_k} AND e MATCH ?1"])
        sql = draw.choice(["SELECT id, distance FROM v WHERE {} ORDER BY distance", "SELECT id, distance FROM v WHERE {}", "SELECT * FROM (SELECT id, distance FROM v WHERE {})"]).format(asked)
        try:
            self.assertEqual(db.rows(sql, *values[:1], draw.choice([k, float(k)]), *values[2:]), expected, (sql, values))
            return True
        except host.ERROR as e:
            self.assertTrue(any(word in str(e) for word in WAYS_OUT), (sql, values, str(e)))
            return False


class OracleOfContent(Oracle):
    """The same over the rows of another table, whose columns have other types."""

    content = True


class OracleOfIp(Oracle):
    """The same by the inner product."""

    metric = "ip"


class BesideK(host.Case):
    """How a search with `k` is written, and what is said where it cannot be answered."""

    def setUp(self):
        super().setUp()
        self.db = self.open(self.folder / "v.sqlite")
        self.db.rows("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[1], tag TEXT, n INTEGER)")
        self.db.rows("CREATE TABLE d(id INTEGER PRIMARY KEY, status TEXT)")
        numbers = "WITH c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100)"
        self.db.rows(f"INSERT INTO v {numbers} SELECT i, json_array(i), 't' || (i % 3), i FROM c")
        self.db.rows("INSERT INTO d SELECT id, iif(id % 2, 'open', 'done') FROM v")

    def test_what_is_said(self):
        near = "SELECT id FROM v WHERE e MATCH '[0]' AND "
        for condition, words in (
            ("k = 2 AND tag NOT IN ('t1')", ["before this is tested: tag NOT IN ('t1'); write ORDER BY distance LIMIT 2 in place of k"]),
            ("k > 2", ["k is the number of rows"]),
            ("k IN (2, 3)", ["k is a list"]),
            ("k = 2.5", ["k is 2.5; give a whole number"]),
            ("k = x'0200000000000000'", ["k is a BLOB of 8 bytes; give a whole number"]),
            ("k = 'x'", ["k is a TEXT; give a whole number"]),
        ):
            self.refused(self.db, near + condition, *words)
        self.refused(self.db, "SELECT id FROM v WHERE k = 2", "k is the number of rows of a search; write e MATCH ?")
        self.assertEqual(self.db.rows(near + "k = 2.0 AND tag = 't1'"), [(1,), (4,)])
        self.assertEqual(self.db.rows(near + "k <= 2"), [(1,), (2,)])
        self.assertEqual(self.db.rows(near + "k < 3"), [(1,), (2,)])

    def test_joins(self):
        db, near = self.db, "v.e MATCH '[0]' AND k = 3"
        for source in ("v JOIN d ON d.id = v.id", "v JOIN d USING (id)", "v, d", "v LEFT JOIN d ON d.id = v.id AND d.status = 'open'", "d JOIN v ON v.id = d.id"):
            where = f"WHERE {near}" + (" AND v.id = d.id" if source == "v, d" else "")
            self.assertEqual(db.rows(f"SELECT v.id FROM {source} {where}"), [(1,), (2,), (3,)], source)
        self.refused(db, f"SELECT v.id FROM v JOIN d ON d.id = v.id WHERE {near} AND d.status = 'open'", "d.status = 'open'", "in place of k")
        self.assertEqual(
            db.rows("SELECT v.id FROM v JOIN d ON d.id = v.id WHERE v.e MATCH '[0]' AND d.status = 'open' ORDER BY distance LIMIT 3"),
            [(1,), (3,), (5,)],
        )
        # A search for each row of another table.
        lateral = "SELECT d.id, v.id FROM d JOIN v ON v.e MATCH json_array(d.id) AND k = 2 WHERE d.id < 3 AND d.status NOT IN ('done')"
        self.assertEqual(db.rows(lateral), [(1, 1), (1, 2)])
        nested = "SELECT id, (SELECT group_concat(id) FROM (SELECT v.id FROM v WHERE e MATCH json_array(d.id) AND k = 2)) FROM d WHERE id = 7 OR status IS NULL"
        self.assertEqual(db.rows(nested), [(7, "7,6")])

    def test_where_it_stands(self):
        db, good, bad = self.db, "e MATCH '[0]' AND k = 3 AND tag = 't1'", "e MATCH '[0]' AND k = 3 AND tag NOT IN ('t1')"
        db.rows(f"CREATE VIEW good AS SELECT id, n FROM v WHERE {good}")
        db.rows(f"CREATE VIEW bad AS SELECT id, n FROM v WHERE {bad}")
        db.rows("CREATE VIEW over AS SELECT * FROM bad")
        db.rows("CREATE TABLE log(id)")
        db.rows(f"CREATE TRIGGER t AFTER INSERT ON d WHEN new.id > 1000 BEGIN INSERT INTO log SELECT id FROM v WHERE {good}; END")
        db.rows(f"CREATE TRIGGER u AFTER DELETE ON d BEGIN INSERT INTO log SELECT id FROM v WHERE {bad}; END")
        rows = [(1,), (4,), (7,)]
        for sql in (
            "SELECT id FROM good",
            f"WITH c AS (SELECT id FROM v AS w WHERE w.{good}) SELECT * FROM c",
            f"SELECT id FROM (SELECT id FROM main.v WHERE ({good}))",
            f"SELECT id FROM d WHERE id IN (SELECT id FROM v WHERE {good})",
            f"SELECT id FROM v WHERE {good} UNION SELECT id FROM v WHERE e MATCH '[0]' AND k = 1 ORDER BY 1",
            f"SELECT DISTINCT id FROM v WHERE {good} GROUP BY id HAVING n NOT IN (200)",
        ):
            for _ in range(2):
                self.assertEqual(db.rows(sql), rows, sql)
        for sql in (
            "SELECT id FROM bad",
            "SELECT id FROM over",
            f"SELECT id FROM d WHERE id IN (SELECT id FROM v WHERE {bad})",
            f"SELECT id FROM v WHERE {good} UNION SELECT id FROM v WHERE {bad}",
            f"UPDATE v SET tag = 'x' WHERE {bad}",
            f"DELETE FROM v WHERE {bad}",
            f"CREATE TABLE c AS SELECT id FROM v WHERE {bad}",
            "DELETE FROM d WHERE id = 100",
        ):
            self.refused(db, sql, "in place of k")
        db.rows("DROP TRIGGER u")
        db.rows("INSERT INTO d VALUES (1001, 'new')")
        self.assertEqual(db.rows("SELECT id FROM log"), rows)
        self.assertEqual(db.rows("SELECT count(*) FROM v WHERE tag = 'x'"), [(0,)])

    def test_names(self):
        for columns in ("e FLOAT[1], distance REAL", "e FLOAT[1], K INTEGER", "e FLOAT[1], w TEXT", "w FLOAT[1]", "e FLOAT[1], _ID TEXT", "e FLOAT[1], RowID TEXT"):
            self.refused(self.db, f"CREATE VIRTUAL TABLE w USING lumos_vec({columns})", "is taken")
        for name in ("k", "Distance"):
            self.refused(self.db, f"CREATE VIRTUAL TABLE {name} USING lumos_vec(e FLOAT[1])", "is taken by a column")
            self.refused(self.db, f"ALTER TABLE v RENAME TO {name}", "is taken by a column")
        self.refused(self.db, "ALTER TABLE v RENAME TO tag", "is taken by a column")
        self.db.rows("CREATE VIRTUAL TABLE w USING lumos_vec(rank TEXT PRIMARY KEY, score REAL, e FLOAT[1], query TEXT, name TEXT, \"order\" TEXT, oid TEXT)")
        self.db.rows("INSERT INTO w(rank, e, \"order\") VALUES ('r', '[1]', 'o')")
        self.assertEqual(self.db.rows("SELECT rank, \"order\" FROM w WHERE e MATCH '[1]' AND k = 1 AND \"order\" = 'o'"), [("r", "o")])

    def test_what_programs_give(self):
        wide = bytes(8)
        self.refused(self.db, "SELECT id FROM v WHERE e MATCH ? AND k = 1", "the query is a BLOB of 8 bytes, which 1 64-bit floats have", values=(wide,))
        self.refused(self.db, "INSERT INTO v(e) VALUES (?)", "e is a BLOB of 8 bytes, which 1 64-bit floats have", values=(wide,))
        self.refused(self.db, "SELECT id FROM lumos_search('v', ?, 1)", "which 1 64-bit floats have", values=(wide,))

    def test_counts(self):
        db = self.db
        self.assertEqual(db.rows("SELECT count(*) FROM v"), [(100,)])
        self.assertEqual(db.rows("SELECT count(*), max(rowid), sum(rowid) FROM v"), [(100, 100, 5050)])
        db.rows("DELETE FROM v WHERE id % 3 = 0")
        ids = [i for i in range(1, 101) if i % 3]
        self.assertEqual(db.rows("SELECT rowid FROM v"), [(i,) for i in ids])
        self.assertEqual(db.rows("SELECT rowid FROM v ORDER BY rowid DESC LIMIT 2"), [(100,), (98,)])
        self.assertEqual(db.rows("SELECT count(*), min(d.id) FROM v, d"), [(6700, 1)])
        db.rows("INSERT INTO v(id) WITH c(i) AS (SELECT 1000 UNION ALL SELECT i + 2 FROM c LIMIT 5000) SELECT i FROM c")
        ids += range(1000, 11000, 2)
        self.assertEqual(db.rows("SELECT rowid FROM v"), [(i,) for i in ids])
        self.assertEqual(db.rows("SELECT rowid FROM v LIMIT 3 OFFSET 4000"), [(i,) for i in ids[4000:4003]])
        db.rows("DELETE FROM v")
        self.assertEqual(db.rows("SELECT count(*) FROM v"), [(0,)])


if __name__ == "__main__":
    unittest.main()
