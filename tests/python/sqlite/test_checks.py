"""Checks, the quarantine and alerts among transactions, read-only files, authorizers and interrupts; random rows come back
from the quarantine as they were."""

import json
import random
import struct
import unittest

import host
from test_access import DENY, authorized

POSITIVE = json.dumps({"name": "positive", "range": {"column": "total", "min": 0}})
ALERT = json.dumps({"query": "orders", "when": "total < 0"})


class Checks(host.Case):
    def setUp(self):
        super().setUp()
        self.db = self.open()
        self.db.rows("CREATE TABLE orders(id INTEGER PRIMARY KEY, total)")
        self.db.rows("INSERT INTO orders VALUES (1, 5), (2, -1), (3, -2)")

    def count(self, table):
        return self.db.value(f"SELECT count(*) FROM {table}")

    def test_a_rollback_undoes_all(self):
        self.db.rows("BEGIN")
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        self.assertEqual(self.db.value("SELECT lumos_quarantine('positive', '{\"move\": true}')"), 2)
        self.db.rows("SELECT lumos_alert('negative', ?)", ALERT)
        self.assertEqual((self.count("orders"), self.count("lumos_checks()")), (1, 1))
        self.db.rows("ROLLBACK")
        found = [self.count(table) for table in ("orders", "lumos_checks()", "lumos_alerts()", "lumos_alert_run()")]
        self.assertEqual(found, [3, 0, 0, 0])

    def test_a_read_only_database_can_be_looked_at(self):
        self.db.rows("SELECT lumos_check('orders', ?), lumos_alert('negative', ?)", POSITIVE, ALERT)
        self.db.rows("PRAGMA query_only = 1")
        with self.nothing_changes():
            self.assertEqual(self.db.rows("SELECT failed, keys FROM lumos_check_run()"), [(2, "[2,3]")])
            self.assertEqual(self.db.rows("SELECT failed FROM lumos_check_of('orders', ?)", POSITIVE), [(2,)])
            for call in ["lumos_check('orders', '{\"not_null\": \"id\"}')", "lumos_quarantine('positive')", "lumos_alert_drop('negative')"]:
                self.refused(self.db, f"SELECT {call}", "readonly")
            self.refused(self.db, "SELECT * FROM lumos_alert_run()", "readonly")

    def test_what_the_connection_may_not_read_is_not_looked_at(self):
        self.db.rows("SELECT lumos_check('orders', ?), lumos_alert('negative', ?)", POSITIVE, ALERT)
        with authorized(self.db, ("orders", "total"), DENY):
            self.refused(self.db, "SELECT * FROM lumos_check_of('orders', ?)", "prohibited", values=[POSITIVE])
            status, said = self.db.rows("SELECT status, explanation FROM lumos_check_run()")[0]
            self.assertEqual(status, "error")
            self.assertIn("prohibited", said)
            self.refused(self.db, "SELECT lumos_quarantine('positive')", "prohibited")
            self.assertEqual(self.db.rows("SELECT state FROM lumos_alert_run('2026-01-01')"), [("error",)])
        self.assertEqual(self.db.rows("SELECT state, value FROM lumos_alert_run('2026-01-02')"), [("firing", 2)])

    def test_a_trigger_that_keeps_rows_keeps_all(self):
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        self.db.rows("CREATE TRIGGER keep BEFORE DELETE ON orders WHEN old.id = 3 BEGIN SELECT raise(IGNORE); END")
        self.refused(self.db, "SELECT lumos_quarantine('positive', '{\"move\": true}')", "2 rows break the rule, and 1 were deleted; nothing is moved")
        self.assertEqual(self.count("orders"), 3)
        self.assertEqual(self.count("sqlite_schema WHERE name = '_lumos_quarantine'"), 0)

    def test_long_work_ends(self):
        self.db.rows("CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i, i % 100 AS part FROM n")
        rules = [{"expression": f"i <> {n}"} for n in range(100)]
        self.db.rows("SELECT lumos_check('many', ?)", json.dumps({"unique": "part"}))
        self.db.rows("SELECT lumos_alert('many', '{\"query\": \"many\", \"when\": \"i < 0\"}')")
        for sql in [
            "SELECT * FROM lumos_check_of('many', ?1)",
            "SELECT * FROM lumos_check_suggest('many') WHERE ?1 IS NOT NULL",
            "SELECT * FROM lumos_check_run() WHERE ?1 IS NOT NULL",
            "SELECT * FROM lumos_alert_run() WHERE ?1 IS NOT NULL",
            "SELECT lumos_quarantine('many unique part', '{\"max_rows\": 1000000}') WHERE ?1 IS NOT NULL",
        ]:
            with host.interrupts(self.db, by="handler"):
                self.db.rows(sql, json.dumps(rules))
        self.assertEqual(self.db.value("SELECT state FROM lumos_alerts()"), "ok")

    def test_an_interrupt_leaves_no_transaction(self):
        self.db.rows("CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i, i % 100 AS part FROM n")
        self.db.rows("SELECT lumos_check('many', ?)", json.dumps({"unique": "part"}))
        self.db.rows("SELECT lumos_alert('a first', ?), lumos_alert('many', '{\"query\": \"many\", \"when\": \"i < 0\"}')", ALERT)
        for sql in ["SELECT * FROM lumos_alert_run()", "SELECT lumos_quarantine('many unique part', '{\"max_rows\": 1000000, \"move\": true}')"]:
            with host.interrupts(self.db):
                self.db.rows(sql)
            self.assertFalse(self.db.connection.in_transaction, sql)
        self.assertEqual((self.count("many"), self.count("lumos_alerts() WHERE state <> 'ok'")), (100000, 0))

    def test_an_interrupt_at_any_step_leaves_no_transaction(self):
        """Of all that writes more than one row or table: all of it is there, or nothing, and no savepoint is left."""
        self.db.rows("SELECT lumos_memory_init(), lumos_check('orders', ?), lumos_alert('first', ?)", POSITIVE, ALERT)
        self.db.rows("SELECT lumos_quarantine('positive'), lumos_synonym_add('takings', 'orders.total')")
        state = "SELECT group_concat(name) FROM sqlite_schema UNION ALL SELECT count(*) FROM {} UNION ALL SELECT count(*) FROM orders"
        cases = [
            ("lumos_checks()", "SELECT lumos_check('orders', '{\"name\": \"other\", \"not_null\": \"id\"}')", None),
            ("lumos_alerts()", "SELECT lumos_alert('second', '{\"query\": \"orders\", \"when\": \"0\"}')", None),
            ("_lumos_alert_log", "SELECT * FROM lumos_alert_run()", "UPDATE _lumos_alerts SET state = 'ok', ran = NULL"),
            ("_lumos_quarantine", "SELECT lumos_quarantine('positive', '{\"move\": true}')", None),
            ("_lumos_quarantine", "SELECT lumos_quarantine_restore((SELECT max(id) FROM _lumos_quarantine))", None),
            ("lumos_memory", "SELECT lumos_memory_add('Ada likes tea', '{\"now\": \"2026-01-01\"}')", None),
            ("lumos_language", "SELECT lumos_synonym_add('sales', 'orders.total')", None),
        ]
        for table, call, again in cases:
            ended = 0
            for begin in ["", "BEGIN"]:
                for after in range(1, 2000, 11):
                    before = self.db.rows(state.format(table)) if after > 1 else None
                    if begin:
                        self.db.rows(begin)
                    try:
                        with host.interrupts(self.db, after=after, steps=1):
                            self.db.rows(call)
                    except AssertionError:
                        break
                    else:
                        ended += 1
                    finally:
                        if self.db.connection.in_transaction:
                            self.assertTrue(begin, call)
                            self.refused(self.db, "ROLLBACK TO lumos", "no such savepoint")
                            self.db.rows("ROLLBACK")
                    if before and self.db.rows(state.format(table)) != before:
                        break  # It was done, and the SELECT around it interrupted.
                if again:
                    self.db.rows(again)
            self.assertGreater(ended, 3, call)

    def test_two_hundred_rules_and_a_hundred_columns(self):
        names = [f"c{n}" for n in range(100)]
        self.db.rows(f"CREATE TABLE wide({', '.join(names)})")
        self.db.rows(f"INSERT INTO wide VALUES ({', '.join('?' * 100)})", *range(100))
        rules = [{"not_null": name} for name in names] + [{"unique": name} for name in names]
        found = self.db.rows("SELECT status, failed FROM lumos_check_of('wide', ?)", json.dumps(rules))
        self.assertEqual(found, [("pass", 0)] * 200)
        self.refused(self.db, "SELECT * FROM lumos_check_of('wide', ?)", "there are 201 rules", values=[json.dumps(rules + rules[:1])])

    def test_random_rows_come_back_as_they_were(self):
        chance = random.Random(7)
        value = [
            lambda: None,
            lambda: chance.randrange(-(2**63), 2**63),
            lambda: struct.unpack("<d", chance.randbytes(8))[0],
            lambda: "".join(chr(chance.choice([chance.randrange(1, 128), chance.randrange(0x4E00, 0x9FFF), 0x1F600])) for _ in range(5)),
            lambda: chance.randbytes(chance.randrange(9)),
        ]
        self.db.rows("CREATE TABLE odd(id INTEGER PRIMARY KEY, a, \"b\"\"c\" TEXT, 永 BLOB)")
        for n in range(300):
            self.db.rows("INSERT INTO odd VALUES (?, ?, ?, ?)", n, *(chance.choice(value)() for _ in range(3)))
        everything = "SELECT id, typeof(a), quote(a), typeof(\"b\"\"c\"), quote(\"b\"\"c\"), typeof(永), quote(永) FROM odd ORDER BY id"
        before = self.db.rows(everything)
        self.db.rows("SELECT lumos_check('odd', '{\"name\": \"none\", \"expression\": \"id < 0\"}')")
        self.assertEqual(self.db.value("SELECT lumos_quarantine('none', '{\"move\": true}')"), 300)
        self.assertEqual(self.count("odd"), 0)
        self.db.rows("SELECT lumos_quarantine_restore(id) FROM (SELECT id FROM _lumos_quarantine ORDER BY id LIMIT -1)")
        self.assertEqual(self.db.rows(everything), before)
        self.assertEqual(self.count("_lumos_quarantine"), 0)

    def test_what_is_tracked_is_moved_in_the_mirror_too(self):
        self.db.rows("SELECT lumos_track('orders')")
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        self.assertEqual(self.db.query("SELECT count(*) FROM orders"), [(3,)])
        self.db.rows("SELECT lumos_quarantine('positive', '{\"move\": true}')")
        self.assertEqual(self.db.query("SELECT count(*) FROM orders"), [(1,)])
        self.db.rows("SELECT lumos_quarantine_restore(1)")
        self.assertEqual(self.db.query("SELECT count(*) FROM orders"), [(2,)])

    def test_what_calls_itself_ends_by_an_error(self):
        everything = json.dumps({"not_null": "name"})
        self.db.rows(f"CREATE TEMP VIEW itself AS SELECT * FROM lumos_check_of('itself', '{everything}')")
        self.db.rows("CREATE TEMP VIEW drawn AS SELECT chart AS name FROM lumos_chart('drawn')")
        self.db.rows("CREATE TEMP VIEW routed AS SELECT row AS name FROM lumos_auto('SELECT name FROM routed')")
        for view in ["itself", "drawn", "routed"]:
            self.refused(self.db, f"SELECT * FROM {view}", "16 calls are within one another")
        for source in ["SELECT * FROM lumos_check_run()", "itself"]:
            self.db.rows("SELECT lumos_check(?, ?)", source, everything)
        self.db.rows("SELECT lumos_check('orders', '{\"name\": \"moves\", \"expression\": \"lumos_quarantine(''moves'') > 1\"}')")
        said = self.db.rows("SELECT status, explanation FROM lumos_check_run()")
        self.assertEqual([status for status, _ in said], ["error"] * 3)
        self.assertIn("it is under way already, and was called by what it looks at", " ".join(why for _, why in said))
        self.db.rows("SELECT lumos_alert('first', '{\"query\": \"SELECT * FROM lumos_alert_run()\", \"when\": \"1\"}')")
        self.db.rows("SELECT lumos_alert('negative', ?)", ALERT)
        self.assertEqual(self.db.rows("SELECT name, state FROM lumos_alert_run()"), [("first", "error"), ("negative", "firing")])
        # Calls within one another that end are no error, and nothing is left of those that did.
        self.db.rows("CREATE TEMP VIEW v0 AS SELECT id AS name FROM orders")
        for n in range(1, 17):
            self.db.rows(f"CREATE TEMP VIEW v{n} AS SELECT * FROM lumos_check_of('v{n - 1}', '{everything}')")
        self.assertEqual(self.count("v16"), 1)

    def test_what_an_alert_reads_writes_nothing(self):
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        writing = [
            "SELECT lumos_quarantine('positive', '{\"move\": true}') AS x",
            "SELECT lumos_check_drop('positive') AS x",
            "SELECT lumos_track('orders') AS x",
            "SELECT lumos_memory_init() AS x",
            "SELECT lumos_exec('CREATE TABLE made(i INTEGER)') AS x",
            "SELECT failed AS x FROM lumos_check_of('orders', '{\"expression\": \"lumos_quarantine(''positive'')\"}')",
        ]
        for n, query in enumerate(writing):
            self.db.rows("SELECT lumos_alert(?, ?)", f"a{n}", json.dumps({"query": query, "when": "length(x) >= 0"}))
        self.db.rows("SELECT lumos_alert('reads', ?)", json.dumps({"query": "SELECT * FROM lumos_query('SELECT 1 AS x')", "when": "1"}))
        before = self.db.rows("SELECT name FROM sqlite_schema ORDER BY 1")
        found = self.db.rows("SELECT name, state, message FROM lumos_alert_run()")
        self.assertEqual([state for _, state, _ in found], ["error"] * len(writing) + ["firing"])
        for _, _, why in found[:-1]:
            self.assertIn("it writes, and the query of an alert only reads", why)
        self.assertEqual((self.count("orders"), self.count("lumos_checks()")), (3, 1))
        self.assertEqual(self.db.rows("SELECT name FROM sqlite_schema ORDER BY 1"), before)

    def test_a_row_comes_back_into_the_table_that_it_was_in(self):
        """A temporary table of the same name is another one, and a table that would give up a row for it does not."""
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        self.db.rows("SELECT lumos_quarantine('positive', '{\"move\": true}')")
        self.db.rows("CREATE TEMP TABLE orders(id INTEGER PRIMARY KEY, total)")
        self.db.rows("SELECT lumos_quarantine_restore(1)")
        self.assertEqual((self.count("main.orders"), self.count("temp.orders")), (2, 0))
        self.db.rows("INSERT INTO temp.orders VALUES (7, -7)")
        self.db.rows("SELECT lumos_quarantine('positive', '{\"move\": true}')")
        self.assertEqual((self.count("main.orders"), self.count("temp.orders")), (2, 0))
        self.assertEqual(self.db.value("SELECT source FROM _lumos_quarantine ORDER BY id DESC LIMIT 1"), "temp.orders")
        self.db.rows("DROP TABLE temp.orders")
        self.refused(self.db, "SELECT lumos_quarantine_restore(3)", "there is no table temp.orders any more")
        self.db.rows("CREATE TABLE gives(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, total UNIQUE ON CONFLICT REPLACE)")
        self.db.rows("INSERT INTO gives VALUES (1, -1)")
        self.db.rows("SELECT lumos_check('gives', '{\"name\": \"gives\", \"expression\": \"total > 0\"}'), lumos_quarantine('gives', '{\"move\": true}')")
        self.db.rows("INSERT INTO gives VALUES (1, 5), (2, -1)")
        last = self.db.value("SELECT max(id) FROM _lumos_quarantine")
        self.refused(self.db, f"SELECT lumos_quarantine_restore({last})", "UNIQUE constraint failed")
        self.assertEqual(self.db.rows("SELECT * FROM gives"), [(1, 5), (2, -1)])

    def test_out_of_a_virtual_table_no_row_is_moved(self):
        self.db.rows("CREATE VIRTUAL TABLE found USING rtree(id, a, b)")
        self.db.rows("INSERT INTO found VALUES (1, -1, 1), (2, 3, 4)")
        self.db.rows("SELECT lumos_check('found', '{\"name\": \"found\", \"range\": {\"column\": \"a\", \"min\": 0}}')")
        self.assertEqual(self.db.value("SELECT lumos_quarantine('found')"), 1)
        self.refused(self.db, "SELECT lumos_quarantine('found', '{\"move\": true}')", "found is a virtual table, out of which no row is moved")
        self.assertEqual(self.count("found"), 2)

    def test_a_row_that_its_table_does_not_take_stays_in_the_quarantine(self):
        self.db.rows("CREATE TABLE once(id INTEGER PRIMARY KEY, total UNIQUE ON CONFLICT IGNORE)")
        self.db.rows("CREATE TRIGGER skip BEFORE INSERT ON orders WHEN new.id = 3 BEGIN SELECT raise(IGNORE); END")
        self.db.rows("INSERT INTO once VALUES (1, -1)")
        for table in ["orders", "once"]:
            self.db.rows("SELECT lumos_check(?, ?)", table, json.dumps({"name": table, "range": {"column": "total", "min": 0}}))
            self.db.rows(f"SELECT lumos_quarantine('{table}', '{{\"move\": true}}')")
        self.db.rows("INSERT INTO once VALUES (2, -1)")
        self.assertEqual(self.db.value("SELECT lumos_quarantine_restore(1)"), 1)
        # What its own ON CONFLICT would leave out without a word is an error, whatever it says.
        for row, why in [(2, "orders did not take the row; row 2 stays in the quarantine"), (3, "UNIQUE constraint failed: once.total")]:
            self.refused(self.db, f"SELECT lumos_quarantine_restore({row})", why)
        self.assertEqual((self.count("orders"), self.count("once"), self.count("_lumos_quarantine")), (2, 1, 2))

    def test_what_is_deleted_is_what_was_copied(self):
        self.db.rows("CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n")
        self.db.rows("SELECT lumos_check('many', '{\"name\": \"luck\", \"expression\": \"random() % 2 = 0\"}')")
        for _ in range(20):
            self.refused(self.db, "SELECT lumos_quarantine('luck', '{\"move\": true}')", "nothing is moved")
        self.assertEqual((self.count("many"), self.count("sqlite_schema WHERE name = '_lumos_quarantine'")), (100, 0))
        # A row that a trigger changed before it was deleted is another.
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        self.db.rows("CREATE TRIGGER changes AFTER DELETE ON orders WHEN old.id = 2 BEGIN UPDATE orders SET total = -9 WHERE id = 3; END")
        self.refused(self.db, "SELECT lumos_quarantine('positive', '{\"move\": true}')", "other rows were deleted than those that broke the rule; nothing is moved")
        self.assertEqual(self.count("orders WHERE total > -9"), 3)

    def test_rows_that_follow_a_moved_one_are_not_lost(self):
        self.db.rows("PRAGMA foreign_keys = ON")
        self.db.rows("CREATE TABLE lines(id, part REFERENCES orders ON DELETE CASCADE)")
        self.db.rows("SELECT lumos_check('orders', ?)", POSITIVE)
        move = "SELECT lumos_quarantine('positive', '{\"move\": true}')"
        self.db.rows("INSERT INTO lines VALUES (1, 1), (2, 3)")
        self.refused(self.db, move, "a foreign key to orders with ON DELETE may change other rows")
        self.assertEqual((self.count("orders"), self.count("lines")), (3, 2))
        self.db.rows("DELETE FROM lines WHERE part = 3")
        self.assertEqual(self.db.value(move), 2)

    def test_tables_of_all_shapes_come_back(self):
        self.db.rows("ATTACH ':memory:' AS other")
        shapes = [
            ("temp.t", "CREATE TEMP TABLE t(id, total)"),
            ("other.t", "CREATE TABLE other.t(id PRIMARY KEY, total)"),
            ('"a""b c"', 'CREATE TABLE "a""b c"(id TEXT, total INT, PRIMARY KEY(id, total)) WITHOUT ROWID'),
            ("made", "CREATE TABLE made(id, total, twice AS (total * 2), kept AS (total + 1) STORED)"),
            ("exact", "CREATE TABLE exact(id TEXT, total REAL) STRICT"),
        ]
        for n, (table, create) in enumerate(shapes):
            self.db.rows(create)
            self.db.rows(f"INSERT INTO {table}(id, total) VALUES ('a''b', -1), ('c', 1), ('', -2)")
            before = sorted(self.db.rows(f"SELECT * FROM {table}"))
            self.db.rows("SELECT lumos_check(?, ?)", table, json.dumps({"name": str(n), "range": {"column": "total", "min": 0}}))
            self.assertEqual(self.db.value(f"SELECT lumos_quarantine('{n}', '{{\"move\": true}}')"), 2)
            self.assertEqual(self.count(table), 1)
            self.db.rows("SELECT lumos_quarantine_restore(id) FROM (SELECT id FROM _lumos_quarantine LIMIT -1)")
            self.assertEqual(sorted(self.db.rows(f"SELECT * FROM {table}")), before)

    def test_two_connections_and_a_clock_that_goes_back(self):
        self.db.rows("SELECT lumos_alert('negative', '{\"query\": \"orders\", \"when\": \"total < 0\", \"cooldown\": \"1 hour\"}')")
        other = self.open()
        run = "SELECT state FROM lumos_alert_run('2026-01-01 10:{:02}')"
        self.assertEqual(self.db.rows(run.format(10)), [("firing",)])
        self.assertEqual([other.rows(run.format(minute)) for minute in (10, 9, 0)], [[], [], []])
        other.rows("UPDATE orders SET total = abs(total)")
        self.assertEqual(other.rows(run.format(11)), [("resolved",)])
        other.rows("UPDATE orders SET total = -2 WHERE id = 3")
        self.assertEqual(self.db.rows(run.format(12)), [("pending",)])
        self.assertEqual(self.db.rows("SELECT state FROM lumos_alert_run('2026-01-01 11:10')"), [("firing",)])
        # One that writes meanwhile keeps the other out, and no change is told twice or lost.
        other.rows("BEGIN IMMEDIATE")
        other.rows("UPDATE orders SET total = abs(total)")
        self.refused(self.db, "SELECT * FROM lumos_alert_run('2026-01-01 11:20')", "locked")
        self.assertEqual(other.rows("SELECT state FROM lumos_alert_run('2026-01-01 11:20')"), [("resolved",)])
        other.rows("COMMIT")
        self.assertEqual(self.db.rows("SELECT state FROM lumos_alert_run('2026-01-01 11:20')"), [])
        self.assertEqual(self.db.rows("SELECT state FROM _lumos_alert_log"), [("firing",), ("resolved",), ("pending",), ("firing",), ("resolved",)])


if __name__ == "__main__":
    unittest.main()
