"""What a host may set and what may be in the way: progress handlers, busy handlers, other writers, a full database. Each
call ends, with an answer or an error, leaves both stores as they were, and the next call works."""

import os
import unittest

import host

SCHEMA = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER, name TEXT)",
    "CREATE TABLE u(code TEXT NOT NULL PRIMARY KEY, v REAL)",
    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400) INSERT INTO t SELECT i, i % 7, 'name ' || i FROM n",
    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50) INSERT INTO u SELECT 'c' || i, i / 4.0 FROM n",
]
SUM = "SELECT sum(v)::BIGINT FROM t"

# Every kind of call, and what it needs before.
CALLS = {
    "query": (None, f"SELECT c0 FROM lumos_query('{SUM}')"),
    "scalar": (None, f"SELECT lumos_scalar('{SUM}')"),
    "untracked": (None, "SELECT lumos_scalar('SELECT count(*) FROM u')"),
    "explain": (None, f"SELECT lumos_explain('{SUM}')"),
    "auto": (None, "SELECT c0 FROM lumos_auto('SELECT sum(v) FROM t')"),
    "route": (None, "SELECT * FROM lumos_route('SELECT sum(v) FROM t')"),
    "exec": (None, "SELECT lumos_exec('CREATE OR REPLACE TABLE own AS SELECT 1 AS i')"),
    "sync": ("UPDATE t SET v = v + 7 WHERE id < 60", "SELECT lumos_sync()"),
    "sync after DDL": ("ALTER TABLE t ADD COLUMN more INT DEFAULT 3", "SELECT lumos_sync()"),
    "pending": ("UPDATE t SET v = v + 7 WHERE id < 60", f"SELECT c0 FROM lumos_query('{SUM}')"),
    "status": (None, "SELECT * FROM lumos_status"),
    "verify": (None, "SELECT * FROM lumos_verify('*')"),
    "repair": (None, "SELECT lumos_repair('*')"),
    "resync": (None, "SELECT lumos_resync('t')"),
    "optimize": (None, "SELECT lumos_optimize()"),
    "track": (None, "SELECT lumos_track('u')"),
    "track anew": (None, """SELECT lumos_track('t', '{"columns": ["id", "v"]}')"""),
    "untrack": (None, "SELECT lumos_untrack('t')"),
    "attach": ("SELECT lumos_detach()", "SELECT lumos_attach()"),
    "table": (None, "CREATE VIRTUAL TABLE temp.q USING lumos_query(SELECT id, v FROM t)"),
    "import": (None, "SELECT lumos_import('main')"),
}
# The next interrupt comes after so many times as many steps as the last.
GROWTH = float(os.environ.get("LUMOS_OBSTACLES_GROWTH", 12))

# These may be half done: what is tracked is not what it was.
MAY_TRACK = {"track", "track anew", "untrack"}


class Obstacles(host.Case):
    def setUp(self):
        super().setUp()
        self.number = 0

    def fresh(self, mode="WAL", rows=()):
        """A new database with one of its two tables tracked."""
        self.number += 1
        self.path = self.folder / f"{self.number}.sqlite"
        db = self.open(self.path)
        db.rows(f"PRAGMA journal_mode = {mode}")
        db.rows("PRAGMA synchronous = OFF")
        for statement in (*SCHEMA, *rows):
            db.rows(statement)
        db.rows("SELECT lumos_track('t')")
        return db

    def tables(self):
        """What the application has, by a connection without Lumos."""
        db = host.Database(self.path, load=False)
        try:
            return [db.rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("t", "u")]
        finally:
            db.close()

    def tracked(self, db):
        return db.rows("SELECT * FROM main._lumos_tables ORDER BY 1")

    def works(self, db, name):
        """The next call is right on this connection and on a new one."""
        other = self.open(self.path)
        for one in (db, other):
            self.assertEqual(one.query(SUM), one.rows("SELECT sum(v) FROM t"), name)
            self.assertEqual(one.rows("SELECT lumos_sync() IS NOT NULL"), [(1,)])
            if one.rows("SELECT 1 FROM lumos_status"):
                self.assertEqual(one.rows("SELECT * FROM lumos_verify('*')"), [], name)
        self.assertEqual(db.value("PRAGMA integrity_check"), "ok")
        other.close()

    def tried(self, db, name, statement):
        """The error of the statement, if it has one; then the stores are as they were."""
        before, tracked = self.tables(), self.tracked(db)
        try:
            db.rows(statement)
            return None
        except host.ERROR as error:
            self.assertEqual(self.tables(), before, name)
            if name not in MAY_TRACK:
                self.assertEqual([row[0] for row in self.tracked(db)], [row[0] for row in tracked], name)
            return str(error)

    def test_a_progress_handler_that_interrupts_at_any_time(self):
        for name, (before, statement) in CALLS.items():
            with self.subTest(name):
                at, error = 1, "never run"
                while error is not None:
                    db = self.fresh()
                    if before:
                        db.rows(before)
                    calls = [0]

                    def handler():
                        calls[0] += 1
                        return calls[0] == at

                    tables, tracked = self.tables(), self.tracked(db)
                    host.progress(db, handler, 15)
                    try:
                        db.rows(statement)
                        error = None if calls[0] < at else "ended all the same"
                    except host.ERROR as e:
                        error = str(e)
                        self.assertIn("interrupt", error.lower(), name)
                    host.progress(db, None, 0)
                    self.assertEqual(self.tables(), tables, name)
                    if name not in MAY_TRACK:
                        self.assertEqual([r[0] for r in self.tracked(db)], [r[0] for r in tracked])
                    self.works(db, name)
                    db.close()
                    at = int(at * GROWTH) + 1

    def test_another_connection_writes(self):
        for mode, begin in (("WAL", "BEGIN IMMEDIATE"), ("DELETE", "BEGIN EXCLUSIVE")):
            for name, (before, statement) in CALLS.items():
                with self.subTest(f"{name}, {mode}"):
                    db = self.fresh(mode)
                    if before:
                        db.rows(before)
                    db.rows("PRAGMA busy_timeout = 0")
                    other = host.Database(self.path, load=False)
                    other.rows(begin)
                    other.rows("UPDATE t SET v = v + 1 WHERE id = 1")
                    try:
                        db.rows(statement)
                    except host.ERROR as error:
                        self.assertIn("locked", str(error))
                    other.rows("COMMIT")
                    other.close()
                    self.works(db, name)
                    db.close()

    def test_a_busy_handler_of_the_hosts_own_stays(self):
        """apsw can set one; the other driver's `timeout` is the same slot."""
        db = self.fresh("DELETE")
        asked = []
        if host.DRIVER == "apsw":
            db.connection.set_busy_handler(lambda n: asked.append(n) or n < 3)
        for name, (before, statement) in CALLS.items():
            if name in MAY_TRACK:
                continue
            if before:
                db.rows(before)
            db.rows(statement)
        other = host.Database(self.path, load=False)
        other.rows("BEGIN EXCLUSIVE")
        if host.DRIVER == "apsw":
            asked.clear()
            self.refused(db, "SELECT count(*) FROM t", "locked")
            self.assertEqual(asked, [0, 1, 2, 3])
        else:
            self.assertEqual(db.value("PRAGMA busy_timeout"), 20_000)
        other.rows("COMMIT")
        other.close()
        self.works(db, "handler")

    def test_a_full_database(self):
        for name, (before, statement) in CALLS.items():
            with self.subTest(name):
                db = self.fresh(rows=["CREATE TABLE filler(x BLOB)"])
                if before:
                    db.rows(before)
                db.rows(f"PRAGMA max_page_count = {db.value('PRAGMA page_count')}")
                try:
                    while True:
                        db.rows("INSERT INTO filler VALUES (zeroblob(300))")
                except host.ERROR as error:
                    self.assertIn("full", str(error))
                error = self.tried(db, name, statement)
                if error:
                    self.assertIn("full", error)
                db.rows("PRAGMA max_page_count = 1000000")
                self.works(db, name)
                db.close()


if __name__ == "__main__":
    unittest.main()
