"""A guest's manners: interrupts, bounded memory, snapshots, nothing held, other databases."""

import re
import resource
import subprocess
import sys
import threading
import time
import unittest

import host

# Runs for minutes if nothing stops it.
LONG = "SELECT count(*) FROM range(10000000) a, range(100000) b WHERE a.range % 7 = b.range % 5"


class Interrupts(host.Case):
    def stopped(self, sql, stop):
        db = self.open()
        db.rows("SELECT * FROM lumos_query('SELECT 1')")
        began = []

        def later():
            time.sleep(0.5)
            began.append(time.monotonic())
            db.connection.interrupt()

        if stop == "interrupt":
            threading.Thread(target=later).start()
        else:
            limit = time.monotonic() + 0.5

            def handler():
                if time.monotonic() < limit:
                    return 0
                began.append(time.monotonic())
                return 1

            host.progress(db, handler, 1000)
        with self.assertRaises(host.ERROR) as caught:
            db.rows(sql)
        self.assertLess(time.monotonic() - began[0], 0.2)
        self.assertIn("interrupt", str(caught.exception).lower())
        if stop != "interrupt":
            host.progress(db, None, 0)
        self.assertEqual(db.query("SELECT 42"), [(42,)])

    def test_an_aggregate_stops_on_interrupt(self):
        self.stopped(f"SELECT * FROM lumos_query('{LONG}')", "interrupt")

    def test_a_stream_without_rows_stops_on_interrupt(self):
        self.stopped("SELECT * FROM lumos_query('SELECT * FROM range(100000000000) WHERE range < 0')", "interrupt")

    def test_a_scalar_stops_on_interrupt(self):
        self.stopped(f"SELECT lumos_scalar('{LONG}')", "interrupt")

    def test_the_progress_handler_is_honoured(self):
        self.stopped(f"SELECT * FROM lumos_query('{LONG}')", "progress")

    def test_a_sync_stops_on_interrupt_at_any_moment(self):
        db = self.open()
        db.rows("CREATE TABLE big(id TEXT PRIMARY KEY NOT NULL, n INT) WITHOUT ROWID")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200000) INSERT INTO big SELECT 'key ' || i, i FROM c")
        db.rows("SELECT lumos_track('big')")
        db.rows("UPDATE big SET n = n + 1")
        began, stopped = [], 0
        for tries in range(100):
            timer = threading.Timer(0.02 + tries * 0.04, lambda: (began.append(time.monotonic()), db.connection.interrupt()))
            timer.start()
            try:
                db.rows("SELECT lumos_sync()")
                break
            except host.ERROR as error:
                self.assertLess(time.monotonic() - began[-1], 0.5)
                self.assertIn("interrupt", str(error).lower())
                stopped += 1
            finally:
                timer.cancel()
                timer.join()
        self.assertGreater(stopped, 2)
        self.assertEqual(db.query("SELECT count(*), sum(n) FROM big", 2), [(200_000, 200_001 * 100_000 + 200_000)])

    def test_tracking_that_is_interrupted_is_done_by_the_next_query(self):
        db = self.open()
        db.rows("CREATE TABLE big(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT)")
        db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000000) INSERT INTO big SELECT i, 'a' || i, 'b' || i, 'c' || i FROM c")
        for pattern in ("big", "*"):
            timer = threading.Timer(0.3, db.connection.interrupt)
            timer.start()
            self.refused(db, f"SELECT lumos_track('{pattern}')", "interrupted", "lumos_untrack")
            timer.join()
            self.assertEqual(db.query("SELECT count(*) FROM big"), [(1_000_000,)])
            db.rows("SELECT lumos_untrack('*')")
        self.assertEqual(db.rows("SELECT name FROM sqlite_schema WHERE name GLOB '_lumos*'"), [])


# A table that takes long to read, and words while it is read.
SLOW = """
import sys, host
SHOW = '{"progress": true}'
db = host.Database(sys.argv[1])
db.rows("CREATE TABLE slow(id INTEGER PRIMARY KEY, n INT, long INT AS (length(replace(printf('%.*c', 10000 + n % 2, 'x'), 'x', 'yy')) + n))")
db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 16384) INSERT INTO slow(id, n) SELECT i, i FROM c")
db.rows("SELECT lumos_track('slow', ?)", SHOW)
db.rows("UPDATE slow SET n = 0")
db.rows("SELECT lumos_sync(NULL, ?)", SHOW)
db.rows("SELECT * FROM lumos_verify('slow', ?)", SHOW)
"""


class Progress(host.Case):
    def test_long_work_says_how_far_it_is(self):
        done = subprocess.run(
            [sys.executable, "-c", SLOW, str(self.folder / "slow.sqlite")], stderr=subprocess.PIPE, text=True, check=True
        )
        lines = set(re.sub(r"\d+", "N", done.stderr).splitlines())
        wanted = {
            'lumos_track: table "slow": N rows',
            'lumos_sync: table "slow": N keys',
            'lumos_verify: table "slow": N rows of the source',
        }
        self.assertEqual(lines, wanted)


class Bounds(host.Case):
    def test_limit_outside_ends_the_work(self):
        db = self.open()
        began = time.monotonic()
        rows = db.rows("SELECT c0 FROM lumos_query('SELECT range FROM range(1000000000000)') LIMIT 3")
        self.assertEqual(rows, [(0,), (1,), (2,)])
        self.assertLess(time.monotonic() - began, 5)

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
        began = time.monotonic()
        writer.rows("INSERT INTO Genre VALUES (100, 'x')")
        self.assertLess(time.monotonic() - began, 1)
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
