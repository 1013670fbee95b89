"""`lumos_auto`: the same answer from both engines, by generated statements; and what a statement that is kept between
calls must not do."""

import collections
import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import answers
import grammar
import host

# Each driver takes a half, with data and statements of its own.
STATEMENTS = int(os.environ.get("LUMOS_STATEMENTS", 3_000))
SEED = {"apsw": 21, "pysqlite3": 22}[host.DRIVER]

# Above the sum of the magnitudes of any sum over the data.
MAGNITUDE = 1e7


def same_rows(a, b):
    return answers.same_rows(a, b, MAGNITUDE)


def same_order(a, b, keys):
    """Equal in what is ordered by; behind a REAL, whose last bits may order rows, the other keys may change places."""
    if any(isinstance(row[k], float) for row in a for k in keys):
        keys = keys[:1]
    number = lambda v: float(v) if isinstance(v, int) else v  # noqa: E731
    return all(answers.same_value(number(x[k]), number(y[k]), MAGNITUDE) for k in keys for x, y in zip(a, b))


class SameAnswers(host.Case):
    def test_generated_statements(self):
        rng = random.Random(SEED)
        db = self.open(":memory:")
        for statement in grammar.SCHEMA.split(";"):
            db.rows(statement)
        for sql, values in grammar.rows(rng):
            db.rows(sql, *values)
        db.rows("""SELECT lumos_attach(NULL, '{"threads": 1}')""")
        db.rows("SELECT lumos_track('*')")
        statements = grammar.Grammar(rng)
        compared, declined, used = 0, collections.Counter(), collections.Counter()
        while compared < STATEMENTS:
            select = statements.select()
            plain = [tuple(row) for row in db.connection.execute(select.sql, select.params)]
            width = len(plain[0]) if plain else 1
            columns = ", ".join(f"c{i}" for i in range(width))
            params = json.dumps(select.params) if select.params else None
            try:
                routed = db.rows(f"SELECT {columns} FROM lumos_auto(?, ?, 'duckdb')", select.sql, params)
            except host.ERROR as e:
                self.assertIn("this statement is for SQLite", str(e), select.sql)
                declined["strange" if "strange" in statements.used else "other"] += 1
                continue
            compared += 1
            used.update(statements.used)
            said = f"{select.sql} {select.params}\nSQLite: {plain[:20]}\nDuckDB: {routed[:20]}"
            self.assertTrue(same_rows(plain, routed), said)
            self.assertTrue(same_order(plain, routed, select.keys), said)
        often = [name for name, times in used.items() if times >= 20]
        self.assertGreaterEqual(len(often), 60, used)
        # What may go to DuckDB mostly does.
        self.assertLess(declined["other"], STATEMENTS * 0.2, declined)
        self.assertGreater(declined["strange"], 50)


class Manners(host.Case):
    def test_the_engine_is_chosen_and_the_answer_is_not(self):
        db = self.open()
        db.rows("SELECT lumos_track('*')")
        sql = (
            "SELECT a.AlbumId, sum(b.Milliseconds), avg(b.Bytes) FROM Track a, Track b "
            "WHERE a.GenreId = b.GenreId GROUP BY a.AlbumId ORDER BY 1"
        )
        self.assertEqual(db.value("SELECT engine FROM lumos_route(?)", sql), "duckdb")
        plain = db.rows(sql)
        for _ in range(5):
            self.assertTrue(same_rows(plain, db.rows("SELECT c0, c1, c2 FROM lumos_auto(?)", sql)))
        self.assertEqual(db.value("SELECT engine FROM lumos_route(?)", sql), "duckdb")
        self.assertIn("earlier runs", db.value("SELECT reason FROM lumos_route(?)", sql))

    def test_closes_with_statements_kept(self):
        for tracked in (False, True):
            db = host.Database(self.path)
            if tracked:
                db.rows("SELECT lumos_track('*')")
            for table in ("Genre", "Track", "Album"):
                db.rows(f"SELECT c0 FROM lumos_auto('SELECT count(*) FROM {table}')")
            # One too that reads lumos_auto itself, by a view that became one that does.
            db.rows("CREATE TEMP VIEW counted AS SELECT 1 AS c0")
            for _ in range(2):
                db.rows("SELECT c0 FROM lumos_auto('SELECT c0 FROM counted')")
                db.rows("DROP VIEW counted")
                db.rows("CREATE TEMP VIEW counted AS SELECT c0 FROM lumos_auto('SELECT count(*) FROM Genre')")
            db.close()
            # Nobody holds the file: another connection may have it for itself.
            other = host.Database(self.path, load=False)
            other.rows("PRAGMA locking_mode = EXCLUSIVE")
            other.rows("BEGIN EXCLUSIVE")
            other.rows("ROLLBACK")
            other.close()

    def test_an_idle_statement_holds_nothing(self):
        db = self.open()
        db.rows("SELECT c0 FROM lumos_auto('SELECT Name FROM Genre WHERE GenreId = 1')")
        db.rows("SELECT c0 FROM lumos_auto('SELECT Name FROM Genre') LIMIT 1")
        other = self.open()
        other.rows("BEGIN EXCLUSIVE")
        other.rows("COMMIT")
        db.rows("VACUUM")
        db.rows("DROP TABLE PlaylistTrack")

    def test_a_changed_schema_is_seen(self):
        db = self.open()
        sql = "SELECT * FROM Genre WHERE GenreId = 1"
        self.assertEqual(db.value("SELECT row FROM lumos_auto(?)", sql), '{"GenreId":1,"Name":"Rock"}')
        db.rows("ALTER TABLE Genre ADD COLUMN x DEFAULT 5")
        self.assertEqual(db.value("SELECT row FROM lumos_auto(?)", sql), '{"GenreId":1,"Name":"Rock","x":5}')
        self.assertEqual(db.value("SELECT c2 FROM lumos_auto(?)", sql), 5)

    def test_a_function_of_the_application_is_its_own(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        sql = "SELECT sum(length(Name)) FROM Genre"
        self.assertEqual(db.value("SELECT c0 FROM lumos_auto(?, NULL, 'duckdb')", sql), 224)
        if host.DRIVER == "apsw":
            db.connection.create_scalar_function("length", lambda text: 1, 1)
        else:
            db.connection.create_function("length", 1, lambda text: 1)
        self.assertEqual(db.value("SELECT c0 FROM lumos_auto(?)", sql), 25)
        self.refused(db, "SELECT c0 FROM lumos_auto(?, NULL, 'duckdb')", "of the application", values=(sql,))

    def test_statements_change_engines_with_the_parameters(self):
        db = self.open()
        db.rows("SELECT lumos_track('*')")
        sql = "SELECT count(*) FROM Track a JOIN Track b ON a.GenreId = b.GenreId WHERE a.Milliseconds > ?"
        for value in (200_000, "200000", 1.5, 2**62, None, True):
            params = json.dumps([value])
            plain = db.value(sql, value)
            self.assertEqual(db.value("SELECT c0 FROM lumos_auto(?, ?)", sql, params), plain, params)

    def test_interrupt(self):
        db = self.open()
        db.rows("SELECT lumos_track('*')")
        slow = "SELECT count(*) FROM Track a, Track b, Track c WHERE a.Bytes + b.Bytes + c.Bytes = 40000001"
        for engine in ("sqlite", "duckdb"):
            with host.interrupts(db):
                db.rows("SELECT c0 FROM lumos_auto(?, NULL, ?)", slow, engine)
            self.assertEqual(db.value("SELECT c0 FROM lumos_auto('SELECT count(*) FROM Genre', NULL, ?)", engine), 25)

    def test_many_statements_and_open_cursors(self):
        db = self.open()
        sql = "SELECT GenreId FROM Genre ORDER BY GenreId"
        cursors = [iter(db.connection.execute("SELECT c0 FROM lumos_auto(?)", (sql,))) for _ in range(3)]
        for i in range(1, 26):
            self.assertEqual([next(c)[0] for c in cursors], [i, i, i])
        for i in range(300):
            self.assertEqual(db.value("SELECT c0 FROM lumos_auto(?)", f"SELECT {i} FROM Genre WHERE GenreId = 1"), i)

    def test_without_a_mirror_at_hand_sqlite_answers(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        other = host.process(
            "import sys, host\n"
            "db = host.Database(sys.argv[1])\n"
            "sql = 'SELECT Name, count(*) FROM Genre GROUP BY Name'\n"
            "print(db.value('SELECT count(*) FROM lumos_auto(?)', sql))\n"
            "print(db.value('SELECT reason FROM lumos_route(?)', sql))\n",
            self.path,
        )
        said = other.communicate(timeout=60)[0]
        self.assertEqual(other.returncode, 0)
        self.assertTrue(said.startswith("25\nthe mirror is not at hand"), said)


if __name__ == "__main__":
    unittest.main()
