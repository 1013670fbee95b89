"""A guest's manners: interrupts, bounded memory, snapshots, nothing held, other databases."""

import re
import resource
import subprocess
import sys
import unittest

import host

# Runs for hours if nothing stops it.
LONG = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 5"


class Interrupts(host.Case):
    def stopped(self, sql, stop):
        db = self.open()
        db.rows("SELECT * FROM lumos_query('SELECT 1')")
        with host.interrupts(db, by=stop):
            db.rows(sql)
        self.assertEqual(db.query("SELECT 42"), [(42,)])

    def test_an_aggregate_stops_on_interrupt(self):
        self.stopped(f"SELECT * FROM lumos_query('{LONG}')", "interrupt")

    def test_a_stream_without_rows_stops_on_interrupt(self):
        self.stopped("SELECT * FROM lumos_query('SELECT * FROM range(100000000000000) WHERE range < 0')", "interrupt")

    def test_a_scalar_stops_on_interrupt(self):
        self.stopped(f"SELECT lumos_scalar('{LONG}')", "interrupt")

    def test_the_progress_handler_is_honoured(self):
        self.stopped(f"SELECT * FROM lumos_query('{LONG}')", "handler")

    def test_a_sync_stops_on_interrupt_at_any_moment(self):
        db = self.open()
        db.rows("CREATE TABLE big(id TEXT PRIMARY KEY NOT NULL, n INT) WITHOUT ROWID")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200000) INSERT INTO big SELECT 'key ' || i, i FROM c")
        db.rows("SELECT lumos_track('big')")
        db.rows("UPDATE big SET n = n + 1")
        # Reading the rows again takes more than a step each, so the handler is asked a few hundred times.
        for after in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144):
            with host.interrupts(db, after, by="handler"):
                db.rows("SELECT lumos_sync()")
        self.assertEqual(db.query("SELECT count(*), sum(n) FROM big", 2), [(200_000, 200_001 * 100_000 + 200_000)])

    def test_tracking_that_is_interrupted_is_done_by_the_next_query(self):
        db = self.open()
        db.rows("CREATE TABLE big(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT)")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200000) INSERT INTO big SELECT i, 'a' || i, 'b' || i, 'c' || i FROM c")
        for pattern in ("big", "*"):
            with host.interrupts(db, after=300):
                db.rows(f"SELECT lumos_track('{pattern}')")
            self.assertEqual(db.query("SELECT count(*) FROM big"), [(200_000,)])
            db.rows("SELECT lumos_untrack('*')")
        self.assertEqual(db.rows("SELECT name FROM sqlite_schema WHERE name GLOB '_lumos*'"), [])


# Words whenever there are some to say.
TALKING = """
import sys, host
SHOW = '{"progress": 0}'
db = host.Database(sys.argv[1])
db.rows("CREATE TABLE slow(id INTEGER PRIMARY KEY, n INT)")
db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 16384) INSERT INTO slow(id, n) SELECT i, i FROM c")
db.rows("SELECT lumos_track('slow', ?)", SHOW)
db.rows("UPDATE slow SET n = 0")
db.rows("SELECT lumos_sync(NULL, ?)", SHOW)
db.rows("SELECT * FROM lumos_verify('slow', ?)", SHOW)
"""


class Progress(host.Case):
    def test_long_work_says_how_far_it_is(self):
        done = subprocess.run(
            [sys.executable, "-c", TALKING, str(self.folder / "slow.sqlite")], stderr=subprocess.PIPE, text=True, check=True
        )
        lines = set(re.sub(r"\d+", "N", done.stderr).splitlines())
        # Its own percentage DuckDB says only where a statement takes it longer than we wait before we ask.
        lines = {line for line in lines if not line.endswith(": N %")}
        wanted = {
            'lumos_track: table "slow": N of N rows',
            'lumos_sync: table "slow": N keys',
            'lumos_verify: table "slow": N rows of the source',
        }
        self.assertEqual(lines, wanted)


class Bounds(host.Case):
    def test_limit_outside_ends_the_work(self):
        db = self.open()
        # Hours of rows, of which the first three are taken.
        rows = db.rows("SELECT c0 FROM lumos_query('SELECT range FROM range(1000000000000)') LIMIT 3")
        self.assertEqual(rows, [(0,), (1,), (2,)])

    def test_a_large_result_streams(self):
        db = self.open()
        db.query("SELECT 1")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        total = "SELECT sum(c0) FROM lumos_query('SELECT range, repeat(''x'', 100) FROM range(5000000)')"
        self.assertEqual(db.value(total), 12499997500000)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 200_000)


class Writers(host.Case):
    def test_a_long_query_blocks_no_writer(self):
        setup = self.open(load=False)
        setup.rows("PRAGMA journal_mode = WAL")
        setup.close()
        db, writer = self.open(), host.Database(self.path, load=False)
        db.rows("SELECT lumos_track('Genre')")
        rows = db.connection.execute("SELECT c0 FROM lumos_query('SELECT range FROM range(10000000)')")
        next(iter(rows))
        # With no busy timeout a writer that had to wait would fail.
        writer.rows("PRAGMA busy_timeout = 0")
        writer.rows("INSERT INTO Genre VALUES (100, 'x')")
        rows.close()
        writer.close()
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(26,)])

    def test_results_go_into_tables(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        db.rows("INSERT INTO Genre VALUES (100, 'x')")
        db.rows("CREATE TEMP TABLE n AS SELECT c0 FROM lumos_query('SELECT count(*) FROM Genre')")
        db.rows("CREATE TABLE names AS SELECT c0 AS name FROM lumos_query('SELECT Name FROM Genre')")
        self.assertEqual(db.rows("SELECT (SELECT c0 FROM n), (SELECT count(*) FROM names)"), [(26, 26)])
        db.rows("INSERT INTO names SELECT c0 FROM lumos_query('SELECT upper(Name) FROM Genre')")
        self.assertEqual(db.rows("SELECT count(*) FROM names"), [(52,)])

    def test_a_created_table_lives_in_the_schema(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        db.rows("CREATE VIRTUAL TABLE g USING lumos_table('Genre')")
        db.close()
        db = self.open()
        # Reading the schema connects it while changes are looked for.
        db.rows("INSERT INTO Genre VALUES (100, 'x')")
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(26,)])
        self.assertEqual(db.rows("SELECT count(*) FROM g"), [(26,)])
        self.assertIn("Genre", db.value("SELECT lumos_untrack('*')"))

    def test_a_database_in_memory(self):
        db = host.Database(":memory:")
        self.addCleanup(db.close)
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
        db.rows("INSERT INTO t VALUES (1, 'a')")
        self.assertIn('":memory:"', db.value("SELECT lumos_attach()"))
        db.rows("SELECT lumos_track('t')")
        db.rows("INSERT INTO t VALUES (2, 'b')")
        self.assertEqual(db.query("SELECT string_agg(v, '' ORDER BY id) FROM t"), [("ab",)])


if __name__ == "__main__":
    unittest.main()
