"""A guest's manners: interrupts, bounded memory, snapshots, nothing held, other databases."""

import resource
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
