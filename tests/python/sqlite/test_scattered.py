"""Changes that lie anywhere in a table of several row groups: the mirror finds the rows by what it knows of each vector,
and that is never old."""

import os
import pathlib
import random
import unittest

import host
import model

WITH_FAULTS = str(pathlib.Path(host.EXTENSION).with_name("lumos-faults"))

# Two full row groups of DuckDB and a part of a third.
ROWS = 2 * 122_880 + 5_000
ROUNDS = 12
FILL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) INSERT INTO {} SELECT {} FROM n"
# Their keys, from the least to the greatest: with gaps, and in the order of the rows or in none.
TABLES = {
    "ordered": ("id INTEGER PRIMARY KEY, v INT", "i * 7 - 900000, i"),
    "mixed": ("k INT NOT NULL UNIQUE, v INT", "(i * 7919) % 1000003 - 500000, i"),
    "rowids": ("v INT", "i"),
}
ENDS = [-(2**63), 2**63 - 1]


class Scattered(host.Case):
    def start(self, extension=host.EXTENSION):
        db = self.db = host.Database(self.folder / "app.sqlite", extension=extension)
        self.addCleanup(db.close)
        self.random = random.Random(4)
        db.rows("PRAGMA journal_mode = WAL")
        db.rows("PRAGMA synchronous = OFF")
        for table, (columns, values) in TABLES.items():
            db.rows(f"CREATE TABLE {table}({columns})")
            db.rows(FILL.format(ROWS, table, values))
            db.rows("SELECT lumos_track(?)", table)

    def key(self, table):
        return {"ordered": "id", "mixed": "k", "rowids": "rowid"}[table]

    def change(self, table):
        """Changes rows in one of the ways that there are, one or many of them."""
        db, key, draw = self.db, self.key(table), self.random
        first, last = db.rows(f"SELECT min({key}), max({key}) FROM {table}")[0]
        number = draw.choice([1, 2, 50, 1000, 1900])
        keys = sorted({draw.randint(max(first, -(10**6)), min(last, 2 * 10**6)) for _ in range(number)})
        way = draw.randrange(5)
        db.rows("BEGIN")
        for k in keys:
            if way == 0:
                db.rows(f"DELETE FROM {table} WHERE {key} = ?", k)
            elif way == 1:
                db.rows(f"REPLACE INTO {table}({key}, v) VALUES (?, ?)", k, draw.randrange(10**6))
            elif way == 2:
                db.rows(f"UPDATE OR IGNORE {table} SET {key} = {key} + 1 WHERE {key} = ?", k)
            else:
                db.rows(f"UPDATE {table} SET v = v + 1 WHERE {key} >= ? AND {key} < ?", k, k + 5)
        db.rows("COMMIT")

    def same(self, when):
        for table in TABLES:
            columns = "count(*), sum(v), sum(v % 1013 * (v % 7))"
            key = "" if table == "rowids" else f", CAST(sum({self.key(table)} % 10007) AS BIGINT)"
            sql = f"SELECT {columns}{key} FROM {table}"
            self.assertEqual(self.db.query(sql, 4 if key else 3), self.db.rows(sql), f"{table}, {when}")

    def test_any_of_many_rows(self):
        self.start()
        for number in range(ROUNDS):
            for table in TABLES:
                self.change(table)
                if self.random.randrange(2):
                    self.db.rows("SELECT lumos_sync()")
            if number % 4 == 2:
                # Read from the file again, where all is in its place.
                self.db.rows("SELECT lumos_detach()")
            if number % 4 == 3:
                # One table is sorted, and with it everything goes to its place in the file.
                self.db.rows("SELECT lumos_optimize('rowids')")
            self.same(number)
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_the_ends_of_all_keys(self):
        self.start()
        self.db.rows("SELECT lumos_untrack('*')")
        for table in ("ordered", "mixed"):
            self.db.rows(f"UPDATE {table} SET v = 1 WHERE {self.key(table)} > 100000")
            self.db.rows("SELECT lumos_track(?)", table)
        for step in ["INSERT INTO {} VALUES (?, 5)", "UPDATE {} SET v = 7 WHERE {} = ?", "DELETE FROM {} WHERE {} = ?"]:
            for table in ("ordered", "mixed"):
                for end in ENDS:
                    self.db.rows(step.format(table, self.key(table)), end)
                found = f"SELECT count(*), max(v) FROM {table} WHERE {self.key(table)} IN ({ENDS[0]}, {ENDS[1]})"
                self.assertEqual(self.db.query(found, 2), self.db.rows(found), step)
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_a_transaction_that_is_rolled_back(self):
        self.start(WITH_FAULTS)
        for number in range(4):
            for table in TABLES:
                self.change(table)
            for step in ("few keys deleted", "before COMMIT"):
                os.environ["LUMOS_FAULT"] = f"1 error {step}"
                self.refused(self.db, "SELECT lumos_sync()", step)
                del os.environ["LUMOS_FAULT"]
            self.same(number)
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_a_value_that_does_not_fit(self):
        self.start()
        for number, value in enumerate(["x", 0.5, b"\x00"]):
            self.db.rows("UPDATE ordered SET v = v + 1 WHERE id % 3001 = 0")
            self.db.rows("UPDATE ordered SET v = ? WHERE id = 7 - 900000", value)
            self.refused(self.db, "SELECT * FROM lumos_query('SELECT sum(v) FROM ordered')", '"v"')
            self.db.rows("UPDATE ordered SET v = 3 WHERE id = 7 - 900000")
            self.same(number)
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])


class LongLog(host.Case):
    KEYS = ["id INTEGER PRIMARY KEY", "id TEXT NOT NULL PRIMARY KEY", "id INT", "id INT NOT NULL, j INT NOT NULL DEFAULT 3, UNIQUE(id, j)"]

    def test_few_changes_of_many_tables_among_those_of_one(self):
        db = self.open(self.folder / "app.sqlite")
        db.rows("PRAGMA synchronous = OFF")
        db.rows("CREATE TABLE hot(id INTEGER PRIMARY KEY, v INT)")
        db.rows(FILL.format(3000, "hot", "i, i"))
        for i in range(12):
            key, *rest = self.KEYS[i % 4].split(", ", 1)
            db.rows(f"CREATE TABLE t{i}({key}, v INT{''.join(', ' + r for r in rest)})")
            db.rows(FILL.format(50, f"t{i}(id, v)", "i, i"))
        db.rows("SELECT lumos_track('*')")
        for number in range(3):
            db.rows("BEGIN")
            for i in range(12):
                db.rows(f"UPDATE t{i} SET v = v + 1 WHERE id = 1 + ?", i)
                db.rows("UPDATE hot SET v = v + 1 WHERE id % 3 = ?", i % 3)
                db.rows(f"DELETE FROM t{i} WHERE id = 20 + ?", number)
                db.rows(f"INSERT INTO t{i}(id, v) VALUES (?, 0)", 100 + number)
            # Once more, and rows that were there before in a table that has changed.
            db.rows("UPDATE t4 SET v = 7 WHERE id = 5")
            if number == 1:
                db.rows("ALTER TABLE t5 ADD COLUMN w INT")
                db.rows("UPDATE t5 SET w = id")
            if number == 2:
                db.rows("ALTER TABLE t6 DROP COLUMN v")
            db.rows("COMMIT")
            db.rows("SELECT lumos_sync()")
            self.assertEqual(model.differences(db), [])
        self.assertEqual(db.rows("SELECT * FROM lumos_verify('*')"), [])


if __name__ == "__main__":
    unittest.main()
