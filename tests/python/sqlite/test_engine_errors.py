"""DuckDB's errors come as English. Each kind that `engine/error.rs` reads in it is provoked here in the DuckDB that is
built in, so that words which changed show."""

import unittest

import host

# Holds the file that it is given with Python's own DuckDB until its input ends.
HOLDER = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


class EngineErrors(host.Case):
    def tracked(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        return db

    def test_a_table_that_is_missing(self):
        db = self.tracked()
        db.rows("CREATE TABLE new(x); ")
        db.rows("INSERT INTO new VALUES (7)")
        # Read for this query, by the name in the error.
        self.assertEqual(db.query("SELECT x FROM new"), [(7,)])
        self.refused(db, "SELECT * FROM lumos_query('SELECT * FROM nowhere')", "nowhere", "lumos_track adds one")

    def test_a_column_that_is_missing(self):
        db = self.tracked()
        for sql in ['SELECT * FROM Genre WHERE Name = "Rock"', 'SELECT "Rock"']:
            self.refused(db, "SELECT * FROM lumos_query(?)", "If it is meant as a text, write 'Rock'", values=(sql,))

    def test_something_else_that_is_missing(self):
        db = self.tracked()
        db.rows("SELECT lumos_exec('CREATE TABLE mine AS SELECT 1 AS x')")
        db.close()
        own = self.folder / "chinook.sqlite-lumos-own.duckdb"
        own.write_bytes(b"x" * 50_000)
        db = self.open()
        for sql in ["FROM mine", "SELECT nothing(1)"]:
            self.refused(db, "SELECT * FROM lumos_query(?)", "does not exist", "tables of your own cannot be opened", values=(sql,))

    def test_what_may_not_be_written(self):
        db = self.tracked()
        follows = "the statement changes the mirror, which follows SQLite"
        self.refused(db, "SELECT lumos_exec('DELETE FROM _lumos_data.Genre')", follows)
        db.rows("SELECT lumos_exec('CREATE TABLE mine AS SELECT 1 AS x')")
        self.refused(db, "SELECT lumos_exec('DELETE FROM _lumos_data.Genre')", follows)

    def test_what_is_a_view(self):
        db = self.tracked()
        for sql in ["DELETE FROM Genre", "UPDATE Genre SET Name = 'x'", "INSERT INTO Genre VALUES (1, 'x')"]:
            self.refused(db, "SELECT lumos_exec(?)", "A mirrored table is changed in SQLite", values=(sql,))

    def test_what_a_view_raises(self):
        db = self.tracked()
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER)")
        db.rows("SELECT lumos_track('t')")
        db.rows("INSERT INTO t VALUES (1, 1), (2, 'two')")
        told = self.refused(db, "SELECT * FROM lumos_query('SELECT * FROM t')", 'lumos_query: table "t", column "n"')
        self.assertNotIn("Error", told)

    def test_a_file_that_another_process_has(self):
        self.tracked().close()
        db = self.open()
        db.rows("PRAGMA busy_timeout = 1")
        with host.process(HOLDER, self.mirror) as holder:
            self.assertEqual(holder.stdout.readline(), "held\n")
            self.refused(db, "SELECT lumos_attach()", "is in use by another process", f"PID {holder.pid}")
            holder.communicate("")
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])

    def test_a_damaged_file(self):
        db = self.tracked()
        db.rows("CREATE TABLE noise(id INTEGER PRIMARY KEY, x BLOB)")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 4000) INSERT INTO noise SELECT i, randomblob(100) FROM c")
        db.rows("SELECT lumos_track('noise')")
        value = db.value("SELECT x FROM noise WHERE id = 2000")
        db.close()
        content = bytearray(self.mirror.read_bytes())
        # Such values lie in the file as they are.
        self.assertEqual(content.count(value), 1)
        content[content.index(value)] ^= 1
        self.mirror.write_bytes(content)
        db = self.open()
        self.refused(db, "SELECT * FROM lumos_query('SELECT max(x) FROM noise')", "Corrupt", "the mirror is damaged: lumos_resync('*') copies it again")

    def test_an_interrupt(self):
        db = self.tracked()
        with host.interrupts(db):
            db.rows("SELECT * FROM lumos_query('SELECT count(*) FROM range(100000000) a, range(100000) b')")
        # The transaction is over: the next statement of the same connections begins one.
        db.rows("UPDATE Genre SET Name = 'x' WHERE GenreId = 1")
        self.assertEqual(db.query("SELECT Name FROM Genre WHERE GenreId = 1"), [("x",)])

    def test_a_lack_of_memory_is_no_fault_of_a_table(self):
        db = self.open()
        db.rows("""SELECT lumos_attach(':memory:', '{"memory_limit": "40MB"}')""")
        db.rows("CREATE TABLE large(id INTEGER PRIMARY KEY, x)")
        db.rows("SELECT lumos_track('large')")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 40) INSERT INTO large SELECT i, hex(randomblob(1000000)) FROM c")
        self.refused(db, "SELECT lumos_sync()", "Out of Memory Error")
        self.assertNotIn("failed", [row[0] for row in db.rows("SELECT schema_state FROM lumos_status")])
        db.rows("DELETE FROM large WHERE id > 2")
        self.assertEqual(db.query("SELECT count(*) FROM large"), [(2,)])


if __name__ == "__main__":
    unittest.main()
