"""Differences between a table and its mirror that no trigger saw: all are named, and nothing else is."""

import json
import random
import resource
import subprocess
import threading
import unittest

import host
import model

# Tables with every kind of key, and a row number `n` in each.
TABLES = {
    "plain": "(id INTEGER PRIMARY KEY, n INT, v TEXT)",
    "texts": "(k TEXT NOT NULL PRIMARY KEY, n INT, v TEXT)",
    "pair": "(a TEXT, b INTEGER, n INT, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "bare": "(n INT, v TEXT)",
    "reals": "(r REAL NOT NULL PRIMARY KEY, n INT, v TEXT) WITHOUT ROWID",
    "blobs": "(v TEXT, n INT, b BLOB NOT NULL UNIQUE)",
    "days": "(day DATE NOT NULL, at DATETIME NOT NULL, price DECIMAL(10,2) NOT NULL, n INT, v TEXT, PRIMARY KEY (day, at, price))",
    "nocase": "(k TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, n INT, v TEXT) WITHOUT ROWID",
}
ROWS = 60


def fill(table, n):
    """The key of a row."""
    return {
        "plain": (n,),
        "texts": (f"k{n}" if n % 3 else f"K\0{n}",),
        "pair": (f"é{n % 7}", -n),
        "bare": (n,),
        "reals": (n / 4,),
        "blobs": (bytes([n, 0, 255]),),
        "days": (f"2024-01-{n % 28 + 1:02}", f"2024-02-03 04:05:{n % 60:02}", n / 4),
        "nocase": (f"{'k' if n % 2 else 'K'}{n}",),
    }[table]


KEYS = {"plain": "id", "texts": "k", "pair": "a, b", "bare": "rowid", "reals": "r", "blobs": "b", "days": "day, at, price", "nocase": "k"}


def literal(value):
    if isinstance(value, str):
        return f"CAST({literal(value.encode())} AS TEXT)"
    return "NULL" if value is None else f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


def insertion(table, n, v):
    values = ", ".join(map(literal, (*fill(table, n), n, v)))
    return f"INSERT INTO {table}({KEYS[table]}, n, v) VALUES ({values})"


def unseen(path, *statements):
    """Runs statements that no trigger sees."""
    script = ["PRAGMA synchronous = OFF", *statements]
    subprocess.run(["sqlite3", "-bail", str(path)], check=True, text=True, stdout=subprocess.DEVNULL,
                   input=".dbconfig enable_trigger off\n.timeout 20000\n" + ";\n".join(script) + ";\n")


def verify(db, pattern, options=None):
    """(key, difference, columns) of each difference."""
    found = db.rows("SELECT key, difference, columns FROM lumos_verify(?, ?)", pattern, options)
    return [(tuple(json.loads(key).values()), kind, columns and json.loads(columns)) for key, kind, columns in found]


class Verify(host.Case):
    def open(self, *arguments, **options):
        db = super().open(*arguments, **options)
        db.rows("PRAGMA synchronous = OFF")
        return db

    def start(self):
        db = self.open()
        db.rows("BEGIN")
        for table, body in TABLES.items():
            db.rows(f"CREATE TABLE {table}{body}")
            for n in range(1, ROWS + 1):
                db.rows(insertion(table, n, f"v{n}" if n % 5 else None))
        db.rows("COMMIT")
        for table in TABLES:
            db.rows("SELECT lumos_track(?)", table)
        return db

    def edit_mirror(self, *statements):
        """Changes the file with another DuckDB, while no one has it attached."""
        host.elsewhere(
            "import sys, duckdb\n"
            "db = duckdb.connect(sys.argv[1])\n"
            "for statement in sys.argv[2:]: db.execute(statement)",
            self.mirror, *statements)

    def shown(self, table, *ns):
        """The keys of rows as lumos_verify shows them."""
        def show(value):
            if isinstance(value, bytes):
                return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in value)
            return value
        return [tuple(map(show, fill(table, n))) for n in ns]

    def test_equal_sides_are_clean(self):
        db = self.start()
        self.assertEqual(verify(db, "*"), [])
        for table in TABLES:
            db.rows(f"UPDATE {table} SET v = 'new' WHERE n < 9")
            db.rows(f"DELETE FROM {table} WHERE n > 50")
            self.assertEqual(verify(db, table), [], table)
        for sample in (0.001, 0.1, 0.9):
            self.assertEqual(verify(db, "*", json.dumps({"sample": sample})), [])

    def test_unusual_values_are_clean(self):
        db = self.open()
        db.rows("CREATE TABLE odd(k TEXT NOT NULL PRIMARY KEY, r REAL, b BLOB, t TEXT, i INT)")
        rows = [("a", -0.0, b"", "", 0), ("A", 0.0, b"\0", "\0", -1), ("a ", 9e999, None, "a\0b", 2**63 - 1),
                ("", -9e999, b"a" * 5000, "é" * 3000, -(2**63)), ("\0", 5e-324, b"x", None, None), ("é", 1e308, b"x", "\U0001f600", 1)]
        for row in rows:
            db.rows("INSERT INTO odd VALUES (?, ?, ?, ?, ?)", *row)
        db.rows("SELECT lumos_track('odd')")
        self.assertEqual(verify(db, "odd"), [])
        db.rows("UPDATE odd SET r = 0.0 - r")
        self.assertEqual(verify(db, "odd"), [])

    def test_writes_without_triggers_are_named(self):
        db = self.start()
        for table in TABLES:
            unseen(self.path, f"DELETE FROM {table} WHERE n = 7", f"UPDATE {table} SET v = 'x', n = n + 0 WHERE n = 8",
                   f"UPDATE {table} SET v = NULL WHERE n = 9", insertion(table, 70, "new"))
            (deleted,), (added,) = self.shown(table, 7), self.shown(table, 70)
            eighth, ninth = self.shown(table, 8, 9)
            expected = [(deleted, "extra", None), (eighth, "different", ["v"]), (ninth, "different", ["v"]), (added, "missing", None)]
            self.assertEqual(sorted(verify(db, table), key=str), sorted(expected, key=str), table)

    def test_edits_of_the_mirror_are_named(self):
        db = self.start()
        db.rows("SELECT lumos_detach()")
        self.edit_mirror(*(s for t in TABLES for s in (
            f"DELETE FROM _lumos_data.{t} WHERE n = 3",
            f"UPDATE _lumos_data.{t} SET n = 1000, v = 'edited' WHERE n = 4",
            f"INSERT INTO _lumos_data.{t} FROM _lumos_data.{t} WHERE n = 5")))
        for table in TABLES:
            third, fourth, fifth = self.shown(table, 3, 4, 5)
            found = sorted(verify(db, table), key=str)
            expected = sorted([(third, "missing", None), (fourth, "different", ["n", "v"]), (fifth, "extra", None)], key=str)
            self.assertEqual([(k, d, c and sorted(c)) for k, d, c in found], expected, table)

    def test_what_is_found_is_cured_by_key(self):
        db = self.start()
        for table in TABLES:
            unseen(self.path, f"DELETE FROM {table} WHERE n = 7", f"UPDATE {table} SET v = 'x' WHERE n = 8", insertion(table, 70, "new"))
        db.rows("SELECT lumos_detach()")
        self.edit_mirror(*(s for t in TABLES for s in (
            f"DELETE FROM _lumos_data.{t} WHERE n = 3",
            f"UPDATE _lumos_data.{t} SET v = 'edited' WHERE n = 4",
            f"INSERT INTO _lumos_data.{t} FROM _lumos_data.{t} WHERE n = 5")))
        report = json.loads(db.value("SELECT lumos_repair('*')"))
        self.assertEqual(sorted(one.pop("table") for one in report), sorted(TABLES))
        for one in report:
            self.assertEqual(one, {"missing": 2, "extra": 2, "different": 2, "copied": False})
        self.assertEqual(verify(db, "*"), [])
        self.assertEqual(model.differences(db), [])
        # Nothing is left to do, and a second mirror is none the worse.
        self.assertEqual(db.value("SELECT lumos_lag()"), 0)
        db.rows("SELECT lumos_attach(?)", str(self.folder / "other.duckdb"))
        self.assertEqual(verify(db, "*"), [])

    def test_what_keys_do_not_cure_is_copied(self):
        db = self.start()
        db.rows("SELECT lumos_detach()")
        self.edit_mirror("INSERT INTO _lumos_data.plain VALUES (NULL, 1, 'x')", "DELETE FROM _lumos_data.pair",
                         "DROP VIEW main.texts", "ALTER TABLE _lumos_data.texts DROP COLUMN v", "DROP TABLE _lumos_data.nocase CASCADE")
        report = {one["table"]: one for one in json.loads(db.value("SELECT lumos_repair('*')"))}
        self.assertEqual({t for t, one in report.items() if one["copied"]}, {"plain", "texts", "nocase"}, report)
        self.assertEqual((report["plain"]["extra"], report["pair"]["missing"], report["texts"]["missing"]), (1, ROWS, None))
        self.assertEqual(verify(db, "*"), [])
        self.assertEqual(model.differences(db), [])

    def test_an_empty_mirror_lacks_every_row(self):
        db = self.start()
        db.rows("SELECT lumos_detach()")
        self.edit_mirror(*(f"DELETE FROM _lumos_data.{t}" for t in TABLES))
        self.assertEqual({d for _, d, _ in verify(db, "*")}, {"missing"})
        self.assertEqual(len(verify(db, "*")), ROWS * len(TABLES))

    def test_a_mirror_with_other_columns_is_an_error(self):
        db = self.start()
        db.rows("SELECT lumos_detach()")
        self.edit_mirror("DROP VIEW main.plain", "ALTER TABLE _lumos_data.plain DROP COLUMN v", "DROP TABLE _lumos_data.texts CASCADE")
        self.refused(db, "SELECT * FROM lumos_verify('plain')", "lumos_verify", "lumos_resync('plain')")
        self.refused(db, "SELECT * FROM lumos_verify('texts')", "lumos_verify", "lumos_resync('texts')")

    def test_samples_find_their_share(self):
        db = self.open()
        db.rows("CREATE TABLE big(id INTEGER PRIMARY KEY, v TEXT); ")
        db.rows("CREATE TABLE words(k TEXT NOT NULL PRIMARY KEY)")
        db.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) INSERT INTO big SELECT i, 'v' || i FROM n")
        db.rows("INSERT INTO words SELECT v FROM big")
        db.rows("SELECT lumos_track('big'), lumos_track('words')")
        unseen(self.path, "UPDATE big SET v = 'x' WHERE id % 2 = 0")
        unseen(self.path, "DELETE FROM words WHERE rowid % 2 = 0")
        for table in ("big", "words"):
            found = [verify(db, table, json.dumps({"sample": 0.1, "seed": seed})) for seed in (1, 1, 2)]
            self.assertEqual(found[0], found[1])
            self.assertNotEqual(found[0], found[2])
            for one in found:
                self.assertLess(abs(len(one) - 1000), 150)
            self.assertEqual(len(verify(db, table)), 10_000)

    def test_other_connections_may_write_meanwhile(self):
        setup = self.open(load=False)
        setup.rows("PRAGMA journal_mode = WAL")
        setup.rows("CREATE TABLE busy(id INTEGER PRIMARY KEY, v INT)")
        setup.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) INSERT INTO busy SELECT i, i FROM n")
        db = self.open()
        db.rows("SELECT lumos_track('busy')")
        stop = threading.Event()

        def write():
            # The second connection applies what it writes to the mirror that both have.
            other = host.Database(self.path)
            other.rows("PRAGMA synchronous = OFF")
            draw = random.Random(3)
            while not stop.is_set():
                other.rows("UPDATE busy SET v = v + 1 WHERE id BETWEEN ? AND ?1 + 50", draw.randrange(20000))
                other.query("SELECT count(*) FROM busy")
            other.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            compared = 0
            while compared < 15:
                try:
                    self.assertEqual(verify(db, "busy"), [])
                    compared += 1
                except host.ERROR as error:
                    # The statement began before the other connection applied its changes.
                    self.assertIn("try again", str(error))
        finally:
            stop.set()
            writer.join()

    def test_rows_come_one_by_one_and_memory_stays_bounded(self):
        db = self.open()
        db.rows("CREATE TABLE many(id INTEGER PRIMARY KEY, v INT)")
        db.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1500000) INSERT INTO many SELECT i, i FROM n")
        db.rows("SELECT lumos_track('many')")
        unseen(self.path, "UPDATE many SET v = v + 1")
        self.assertEqual(len(db.rows("SELECT * FROM lumos_verify('many') LIMIT 3")), 3)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertEqual(db.value("SELECT count(*) FROM lumos_verify('many')"), 1_500_000)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 250_000)
        # It can be stopped, and the connection goes on.
        with host.interrupts(db, after=500, by="handler"):
            db.rows("SELECT count(*) FROM lumos_verify('many')")
        self.assertEqual(db.query("SELECT count(*) FROM many"), [(1_500_000,)])


if __name__ == "__main__":
    unittest.main()
