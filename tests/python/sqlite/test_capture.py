"""What SQLite does around triggers, fact by fact: how the log sees it, and that the writer does not see the log."""

import itertools
import os
import subprocess
import unittest

import host
import model

POLICIES = ["", " OR ABORT", " OR FAIL", " OR IGNORE", " OR REPLACE", " OR ROLLBACK"]

# A second hand that goes back an hour with each look: what asks for the time of day gets an older one.
CLOCK = r"""
#include <time.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <unistd.h>
static long back;
int clock_gettime(clockid_t id, struct timespec *t) {
  long result = syscall(SYS_clock_gettime, id, t);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec -= 3600 * __atomic_add_fetch(&back, 1, __ATOMIC_SEQ_CST);
  return result;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (t) *t = now.tv_sec;
  return now.tv_sec;
}
"""

UNDER_THE_CLOCK = """
import sys, time, host, model
assert time.time() - time.time() > 3000
db = host.Database(sys.argv[1])
db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
db.rows("SELECT lumos_track('t')")
for round in range(3):
    db.rows("INSERT INTO t(id, v) VALUES (?, 0)", round)
    db.rows("UPDATE t SET v = v + 1")
    db.rows("SELECT lumos_sync()")
    assert model.differences(db) == []
    db.rows("ALTER TABLE t ADD COLUMN c%d" % round)
    assert model.differences(db) == []
    db.rows("SELECT lumos_detach()")
    assert model.differences(db) == []
print(db.query("SELECT count(*), sum(v) FROM t", 2))
"""


class CaptureCase(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()

    def start(self, *statements):
        for statement in statements:
            self.db.rows(statement)
        self.db.rows("SELECT lumos_track('*')")

    def try_each(self, writer, *statements):
        """Each may fail; after each the mirror equals the source."""
        failed = []
        for statement in statements:
            try:
                writer.rows(statement)
            except host.ERROR:
                failed.append(statement)
                if writer.connection.in_transaction:
                    writer.rows("ROLLBACK")
            self.db.rows("SELECT lumos_sync()")
            self.assertEqual(model.differences(self.db), [], statement)
        return failed


class Facts(CaptureCase):
    def test_the_policy_of_the_outer_statement_rules(self):
        self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT UNIQUE, n INT NOT NULL)",
            "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)",
        )
        plain = self.open(load=False)
        for number, policy in enumerate(POLICIES):
            new = 10 * number + 10
            self.try_each(
                plain,
                f"INSERT{policy} INTO t VALUES ({new}, {new}, 1), ({new + 1}, {new}, 2), ({new + 2}, 2, 3)",
                f"UPDATE{policy} t SET u = 1 WHERE id > 2",
                f"UPDATE{policy} t SET id = 3, n = NULL WHERE id = 2",
                f"UPDATE{policy} t SET id = id + 1 WHERE u IS NOT NULL",
                f"INSERT{policy} INTO t SELECT id, u + 1, n FROM t WHERE true ON CONFLICT DO UPDATE SET n = n + 1",
                f"DELETE FROM t WHERE id = {new}",
            )

    def test_the_writer_does_not_see_the_log(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)", "INSERT INTO t VALUES (1, 1), (2, 2)")
        self.db.rows("INSERT INTO t(u) VALUES (3), (4)")
        self.assertEqual(self.db.rows("SELECT last_insert_rowid(), changes()"), [(4, 2)])
        self.db.rows("REPLACE INTO t(u) VALUES (3)")
        self.assertEqual(self.db.rows("SELECT last_insert_rowid(), changes()"), [(5, 1)])
        self.db.rows("UPDATE t SET u = u + 10")
        self.assertEqual(self.db.value("SELECT changes()"), 4)
        self.db.rows("DELETE FROM t")
        self.assertEqual(self.db.value("SELECT changes()"), 4)

    def test_triggers_are_plain_sql(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)", "CREATE UNIQUE INDEX x ON t(lower(u)) WHERE u > 1")
        for (sql,) in self.db.rows("SELECT sql FROM sqlite_schema WHERE type = 'trigger'"):
            self.assertNotRegex(sql.replace("_lumos_", ""), "lumos_|pragma_")
        # The shell knows neither Lumos nor this driver's SQLite.
        writes = "PRAGMA trusted_schema = off; INSERT INTO t VALUES (1, 1), (2, 2); REPLACE INTO t VALUES (3, 2); DELETE FROM t WHERE id = 1"
        subprocess.run(["sqlite3", "-batch", "-bail", self.path, writes], check=True)
        self.assertEqual(model.differences(self.db), [])
        self.assertEqual(self.db.query("SELECT id FROM t"), [(3,)])

    def test_a_default_for_null_under_replace(self):
        for default in ["'x'", "('x' || 1)", "CURRENT_DATE"]:
            with self.subTest(default=default):
                self.db.rows("DROP TABLE IF EXISTS t")
                self.start(
                    f"CREATE TABLE t(id INTEGER PRIMARY KEY, u NOT NULL DEFAULT {default} UNIQUE, v)",
                    "INSERT INTO t(v) VALUES (1)",
                    "INSERT INTO t VALUES (7, 'other', 1)",
                )
                self.try_each(self.db, "INSERT OR REPLACE INTO t VALUES (2, NULL, 3)", "UPDATE OR REPLACE t SET u = NULL WHERE id = 7")
                self.assertEqual(self.db.query("SELECT id FROM t"), [(7,)])

    def test_a_key_of_minus_one(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (-1, 0)")
        self.try_each(self.db, "INSERT INTO t(v) VALUES (1)", "REPLACE INTO t VALUES (-1, 2)", "UPDATE t SET id = -1 WHERE id = 1", "DELETE FROM t")

    def test_values_are_compared_as_stored(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT UNIQUE, s TEXT UNIQUE)", "INSERT INTO t VALUES (1, 5, '7'), (2, 6, NULL)")
        self.try_each(self.db, "REPLACE INTO t VALUES (3, '5', NULL)", "REPLACE INTO t(s, n) VALUES (7, 6.0)", "REPLACE INTO t(n) VALUES (NULL), (NULL)")
        self.assertEqual(self.db.query("SELECT count(*) FROM t"), [(4,)])

    def test_a_cascade_of_a_replaced_row(self):
        self.db.rows("PRAGMA foreign_keys = on")
        self.start(
            "CREATE TABLE up(id INTEGER PRIMARY KEY, name UNIQUE)",
            "CREATE TABLE down(id INTEGER PRIMARY KEY, up REFERENCES up ON DELETE CASCADE ON UPDATE SET NULL)",
            "INSERT INTO up(id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
            "INSERT INTO down VALUES (1, 1), (2, 2), (3, 3)",
        )
        self.try_each(self.db, "REPLACE INTO up VALUES (7, 'a')", "UPDATE up SET id = 8 WHERE id = 2", "DELETE FROM up")
        self.assertEqual(self.db.query("SELECT id FROM down"), [(2,)])

    def test_a_column_in_a_trigger_can_be_dropped(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c)", "CREATE UNIQUE INDEX u ON t(b)", "INSERT INTO t VALUES (1, 1, 1, 1)")
        failed = self.try_each(self.db, "ALTER TABLE t DROP COLUMN a", "DROP INDEX u", "ALTER TABLE t DROP COLUMN c")
        self.assertEqual(failed, [])

    def test_ignored_rows_are_harmless(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, n CHECK (n > 0))", "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)")
        self.try_each(self.db, "INSERT OR IGNORE INTO t VALUES (1, 9, 9), (9, 1, 9), (9, 9, -1)", "UPDATE OR IGNORE t SET u = 1, n = -1")

    def test_rows_that_exchange_their_keys(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)", "INSERT INTO t SELECT value, value FROM json_each('[1,2,3,4]')")
        exchange = ["BEGIN", "UPDATE t SET id = -id, u = -u", "UPDATE t SET id = 5 + id, u = 5 + u", "COMMIT"]
        for statement in exchange:
            self.db.rows(statement)
        self.assertEqual(model.differences(self.db), [])

    def test_a_trigger_that_ends_the_statement_after_a_write(self):
        self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
            "CREATE TABLE k(code TEXT NOT NULL DEFAULT 'd' PRIMARY KEY, v)",
            "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
            "INSERT INTO k VALUES ('a', 1), ('b', 2), ('c', 3)",
        )
        for table in "tk":
            for action, event in itertools.product(["IGNORE", "FAIL, 'stop'"], ["UPDATE", "DELETE"]):
                name = f"{table}_{action[0]}_{event}"
                self.db.rows(f"CREATE TRIGGER {name} AFTER {event} ON {table} WHEN OLD.v > 1 BEGIN SELECT RAISE({action}); END")
                self.try_each(
                    self.db,
                    f"UPDATE {table} SET v = v + 10",
                    "UPDATE t SET id = id + 10",
                    "UPDATE k SET code = code || '!'",
                    "UPDATE OR REPLACE k SET code = NULL WHERE v > 1",
                    f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})",
                )
                self.db.rows(f"DROP TRIGGER {name}")

    def test_writes_of_triggers_and_views(self):
        self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)",
            "CREATE TABLE audit(n INTEGER PRIMARY KEY, t UNIQUE)",
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT OR REPLACE INTO audit(t) VALUES (NEW.u % 3); END",
            "CREATE TRIGGER b BEFORE DELETE ON t BEGIN UPDATE OR REPLACE audit SET t = 0; END",
            "CREATE VIEW v AS SELECT u FROM t",
            "CREATE TRIGGER c INSTEAD OF INSERT ON v BEGIN REPLACE INTO t(u) VALUES (NEW.u); END",
        )
        self.try_each(self.db, "INSERT INTO t(u) VALUES (1), (2), (3), (4)", "INSERT INTO v VALUES (2), (9)", "DELETE FROM t WHERE u = 9", "DELETE FROM t")

    def test_a_writer_that_attaches_the_database(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)", "INSERT INTO t VALUES (1, 1), (2, 2)")
        other = host.Database(":memory:", load=False)
        self.addCleanup(other.close)
        other.rows("ATTACH ? AS app", str(self.path))
        other.rows("CREATE TABLE mine(id INTEGER PRIMARY KEY)")
        self.try_each(other, "REPLACE INTO app.t VALUES (3, 2)", "INSERT INTO t(u) SELECT 7", "DELETE FROM app.t WHERE u = 1")

    def test_functions_are_not_for_views_and_triggers(self):
        self.start("CREATE TABLE t(id INTEGER PRIMARY KEY)")
        self.db.rows("CREATE VIEW v AS SELECT lumos_sync()")
        self.db.rows("CREATE VIEW w AS SELECT * FROM lumos_query('SELECT 1')")
        self.db.rows("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT lumos_untrack('t'); END")
        for sql in ["SELECT * FROM v", "SELECT * FROM w", "INSERT INTO t VALUES (1)"]:
            self.refused(self.db, sql, "unsafe use")


class Settings(CaptureCase):
    """What a connection may have set, for writer and reader alike."""

    TABLES = [
        "CREATE TABLE up(id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
        "CREATE TABLE down(k TEXT, l INT, up REFERENCES up(id) ON DELETE CASCADE ON UPDATE CASCADE, PRIMARY KEY (k, l)) WITHOUT ROWID",
        "CREATE UNIQUE INDEX low ON up(lower(name)) WHERE name > ''",
        "INSERT INTO up(id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO down VALUES ('x', 1, 1), ('y', 2, 2), ('z', 3, 3)",
    ]
    WRITES = [
        "REPLACE INTO up(id, name) VALUES (4, 'A')",
        "UPDATE OR REPLACE up SET name = 'B' WHERE id = 3",
        "UPDATE up SET id = id + 10",
        "INSERT INTO up VALUES (20, 'n') ON CONFLICT DO UPDATE SET name = 'm'",
        "REPLACE INTO down VALUES ('y', 2, NULL), ('q', 4, 20)",
        "ALTER TABLE up ADD COLUMN more DEFAULT 3",
        "DELETE FROM up WHERE id = 20",
        "DELETE FROM down",
        "DELETE FROM up",
    ]

    def under(self, *settings):
        def configure(db):
            for setting in settings:
                setting(db) if callable(setting) else db.rows(setting)

        configure(self.db)
        self.start(*self.TABLES)
        writer = self.open(load=False)
        configure(writer)
        self.assertEqual(self.try_each(writer, *self.WRITES), [])
        self.assertEqual(self.try_each(self.db, *self.TABLES[3:], *self.WRITES[:3]), [])
        self.db.rows("SELECT lumos_resync('*')")
        self.assertEqual(model.differences(self.db), [])

    def defensive(self, db):
        # The other driver cannot set it; there the shell writes.
        if host.DRIVER == "apsw":
            db.connection.config(host.apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)

    def test_a_schema_that_is_not_trusted(self):
        self.under("PRAGMA trusted_schema = off")

    def test_defensive(self):
        self.under(self.defensive)
        shell = ["sqlite3", "-batch", "-bail", "-cmd", ".dbconfig defensive on", self.path, "REPLACE INTO up(id, name) VALUES (9, 'b')"]
        subprocess.run(shell, check=True, capture_output=True)
        self.assertEqual(model.differences(self.db), [])

    def test_foreign_keys(self):
        self.under("PRAGMA foreign_keys = on")

    def test_recursive_triggers(self):
        self.under("PRAGMA recursive_triggers = on")

    def test_all_together(self):
        self.under("PRAGMA trusted_schema = off", self.defensive, "PRAGMA foreign_keys = on", "PRAGMA recursive_triggers = on")

    def test_others(self):
        for setting in ["cell_size_check = on", "ignore_check_constraints = on", "case_sensitive_like = on", "legacy_alter_table = on",
                        "locking_mode = normal", "secure_delete = on", "temp_store = memory", "automatic_index = off", "encoding = 'UTF-16'"]:
            with self.subTest(setting=setting):
                self.db.close()
                for file in self.folder.iterdir():
                    file.unlink()
                self.db = self.open()
                self.under(f"PRAGMA {setting}")


class Clock(CaptureCase):
    def test_a_clock_that_goes_back(self):
        shim = self.folder / "clock.so"
        subprocess.run(["gcc", "-x", "c", "-shared", "-fPIC", "-o", shim, "-"], input=CLOCK, text=True, check=True)
        os.environ["LD_PRELOAD"] = str(shim)
        try:
            told = host.elsewhere(UNDER_THE_CLOCK, self.path)
        finally:
            del os.environ["LD_PRELOAD"]
        self.assertEqual(told, "[(3, 6)]")


class Readers(CaptureCase):
    def test_each_connection_of_a_process_reads_its_own_commits(self):
        self.start("PRAGMA journal_mode = WAL", "CREATE TABLE t(id INTEGER PRIMARY KEY, who INT)")
        readers = [self.open() for _ in range(4)]
        for round, (number, db) in itertools.product(range(5), enumerate(readers)):
            db.rows("INSERT INTO t(who) VALUES (?)", number)
            self.assertEqual(db.query(f"SELECT count(*) FROM t WHERE who = {number}"), [(round + 1,)])
            for other in readers:
                self.assertEqual(model.differences(other), [])


if __name__ == "__main__":
    unittest.main()
