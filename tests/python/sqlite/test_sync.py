"""What sync once got wrong, or nearly: each a case of its own that a random schedule would meet too rarely."""

import faulthandler
import shutil
import threading
import unittest

import host
import model


class SyncCase(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.mirror = self.folder / "app.sqlite-lumos.duckdb"

    def start(self, *statements):
        """A database with these tables, all tracked."""
        db = self.open()
        for statement in statements:
            db.rows(statement)
        db.rows("SELECT lumos_track('*')")
        return db

    def follows(self, db, *statements):
        """After each statement, run by a connection without Lumos, the mirror equals the source."""
        plain = self.open(load=False)
        for statement in statements:
            plain.rows(statement)
            db.rows("SELECT lumos_sync()")
            self.assertEqual(model.differences(db), [], statement)
        plain.close()


class Replace(SyncCase):
    """REPLACE deletes rows without a delete trigger."""

    def test_a_key_that_compares_without_case(self):
        db = self.start(
            "CREATE TABLE t(code TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, v)",
            "INSERT INTO t VALUES ('abc', 1), ('x', 2)",
        )
        self.follows(db, "REPLACE INTO t VALUES ('ABC', 3)", "UPDATE OR REPLACE t SET code = 'X ' WHERE v = 3")
        self.follows(db, "UPDATE OR REPLACE t SET code = 'X' WHERE v = 3", "DELETE FROM t WHERE code = 'x'")

    def test_a_key_that_compares_without_case_and_has_no_rowid(self):
        db = self.start(
            "CREATE TABLE t(code TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID", "INSERT INTO t VALUES ('abc', NULL)"
        )
        self.follows(db, "REPLACE INTO t VALUES ('ABC', 3)", "UPDATE t SET code = 'abc'")

    def test_an_index_with_a_collation_of_its_own(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, strict TEXT COLLATE NOCASE)",
            "CREATE UNIQUE INDEX loose ON t(name COLLATE NOCASE)",
            "CREATE UNIQUE INDEX exact ON t(strict COLLATE BINARY)",
            "INSERT INTO t VALUES (1, 'abc', 'x'), (2, 'def', 'y')",
        )
        self.follows(
            db,
            "REPLACE INTO t VALUES (3, 'ABC', 'X')",
            "UPDATE OR REPLACE t SET name = 'DEF' WHERE id = 3",
            "UPDATE OR REPLACE t SET name = 'DEF', strict = 'Y' WHERE id = 3",
        )

    def test_expression_and_partial_indexes(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT DEFAULT 0, other)",
            "CREATE UNIQUE INDEX low ON t(lower(name) COLLATE BINARY, (n % 10) -- a comment, (\n)",
            "CREATE UNIQUE INDEX \"some ON (of\" ON t(\"other\" || ')') WHERE other > 'm' AND \"n\" < 100",
            "INSERT INTO t VALUES (1, 'abc', 1, NULL), (2, 'def', 2, 'x'), (3, 'ghi', 3, 'y')",
        )
        self.follows(
            db,
            "REPLACE INTO t(name, n) VALUES ('ABC', 11)",
            "REPLACE INTO t(name, n, other) VALUES ('new', 0, 'x')",
            "UPDATE OR REPLACE t SET name = 'New', n = 30 WHERE id = 3",
            "UPDATE OR REPLACE t SET other = 'x'",
            "ALTER TABLE t RENAME COLUMN name TO title",
            "ALTER TABLE t ADD COLUMN more",
            "ALTER TABLE t DROP COLUMN more",
            "REPLACE INTO t(title, n) VALUES ('NEW', 40)",
        )

    def test_a_row_removed_through_its_rowid(self):
        db = self.start(
            "CREATE TABLE t(code TEXT NOT NULL PRIMARY KEY, v)",
            "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
        )
        self.follows(
            db,
            "REPLACE INTO t(rowid, code) VALUES (2, 'new')",
            "UPDATE OR REPLACE t SET rowid = 3 WHERE code = 'a'",
            "REPLACE INTO t(code) VALUES ('d')",
        )

    def test_an_index_that_took_the_place_of_another(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)",
            "CREATE UNIQUE INDEX u ON t(a)",
            "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)",
        )
        self.follows(db, "DROP INDEX u", "CREATE UNIQUE INDEX u ON t(b)", "REPLACE INTO t VALUES (3, 1, 1)")
        plain = self.open(load=False)
        plain.rows("DROP INDEX u")
        plain.rows("CREATE UNIQUE INDEX u ON t(a)")
        self.follows(db, "REPLACE INTO t VALUES (4, 1, 7)", "REPLACE INTO t VALUES (5, 1, 8)")

    def test_what_is_computed_from_an_id_that_sqlite_gives(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v NOT NULL DEFAULT 'x', half AS (id / 2) UNIQUE, low AS (lower(v)) UNIQUE)",
            "CREATE TABLE u(id INTEGER PRIMARY KEY, v)",
            "CREATE UNIQUE INDEX tens ON u((id / 10))",
            "INSERT INTO t(id, v) VALUES (2, 'a'), (4, 'x'), (7, 'c')",
            "INSERT INTO u VALUES (12, 0), (1, 1)",
        )
        self.follows(
            db,
            "REPLACE INTO t(v) VALUES ('d')",
            "REPLACE INTO t(v) VALUES ('e'), ('f'), ('g')",
            "INSERT OR REPLACE INTO t VALUES (100, NULL)",
            "UPDATE OR REPLACE t SET v = NULL WHERE v = 'e'",
            "REPLACE INTO u(v) VALUES (2)",
            "REPLACE INTO u(v) VALUES (3), (4)",
            "UPDATE OR REPLACE u SET id = 5 WHERE v = 4",
        )
        self.assertLess(db.value("SELECT count(*) FROM u"), 3)

    def test_a_partial_index_costs_no_scan(self):
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", "CREATE UNIQUE INDEX u ON t(a) WHERE a > 5")
        for (sql,) in db.rows("SELECT sql FROM sqlite_schema WHERE name LIKE '\\_lumos\\_%replace%' ESCAPE '\\'"):
            select = sql[sql.index("SELECT 1"):sql.index(") BEGIN")].replace('NEW."a"', "9")
            self.assertIn("INDEX u", str(db.rows(f"EXPLAIN QUERY PLAN {select}")), sql)


class Names(SyncCase):
    def test_a_renamed_table_is_followed(self):
        db = self.start("CREATE TABLE a(id INTEGER PRIMARY KEY, v)", "INSERT INTO a VALUES (1, 1)")
        self.follows(db, "ALTER TABLE a RENAME TO b", "INSERT INTO b VALUES (2, 2)", "ALTER TABLE b RENAME TO \"B b\"")
        self.assertEqual(db.rows('SELECT "table", rows, schema_state FROM lumos_status'), [("B b", 2, "ok")])
        self.assertEqual(db.query("SELECT count(*) FROM \"B b\""), [(2,)])
        self.refused(db, "SELECT lumos_sync() FROM lumos_query('FROM a')", "a")
        self.follows(db, "CREATE TABLE a(id INTEGER PRIMARY KEY)", "INSERT INTO a VALUES (7)", "DELETE FROM \"B b\" WHERE id = 1")
        db.rows("SELECT lumos_track('a')")
        self.assertEqual(db.query("SELECT id FROM a"), [(7,)])

    def test_another_connection_ends_tracking(self):
        db = self.start("CREATE TABLE a(id INTEGER PRIMARY KEY)")
        other = self.open()
        other.rows("SELECT lumos_sync()")
        db.rows("SELECT lumos_untrack('a')")
        # It still has the old schema in memory.
        other.rows("SELECT lumos_sync()")
        self.assertEqual(other.rows("SELECT * FROM lumos_status"), [])

    def test_tables_that_exchange_their_names(self):
        db = self.start("CREATE TABLE a(id INTEGER PRIMARY KEY, v)", "CREATE TABLE b(id INTEGER PRIMARY KEY, v)")
        plain = self.open(load=False)
        for statement in [
            "INSERT INTO a VALUES (1, 1), (2, 2)", "INSERT INTO b VALUES (7, 7)", "ALTER TABLE a RENAME TO c",
            "ALTER TABLE b RENAME TO a", "ALTER TABLE c RENAME TO b", "INSERT INTO a VALUES (8, 8)",
        ]:
            plain.rows(statement)
        self.follows(db, "INSERT INTO b VALUES (3, 3)", "DROP TABLE a", "ALTER TABLE b RENAME TO a")
        self.assertEqual(db.query("SELECT id FROM a ORDER BY 1"), [(1,), (2,), (3,)])

    def test_a_table_rebuilt_in_twelve_steps(self):
        db = self.start("CREATE TABLE a(id INTEGER PRIMARY KEY, v)", "INSERT INTO a VALUES (1, 1), (2, 2)")
        plain = self.open(load=False)
        for statement in ["CREATE TABLE new(id INTEGER PRIMARY KEY, v)", "INSERT INTO new SELECT id, v + 1 FROM a", "DROP TABLE a"]:
            plain.rows(statement)
        self.follows(db, "ALTER TABLE new RENAME TO a", "UPDATE a SET v = 9 WHERE id = 1")
        for statement in ["ALTER TABLE a RENAME TO old", "CREATE TABLE a(v, id INTEGER PRIMARY KEY)", "INSERT INTO a SELECT v, id FROM old"]:
            plain.rows(statement)
        self.follows(db, "DROP TABLE old", "DELETE FROM a WHERE id = 2")

    def test_a_temporary_table_of_the_same_name(self):
        db = self.start("CREATE TABLE a(id INTEGER PRIMARY KEY, v)", "INSERT INTO a VALUES (1, 1)")
        db.rows("CREATE TEMP TABLE a(id INTEGER PRIMARY KEY, v)")
        db.rows("CREATE TEMP TABLE _lumos_log(seq, tbl, op, k1, k2)")
        self.follows(db, "INSERT INTO a VALUES (2, 2)", "UPDATE a SET v = 3")
        db.rows("INSERT INTO main.a VALUES (3, 3)")
        self.assertEqual(db.query("SELECT count(*) FROM a"), [(3,)])


class Values(SyncCase):
    def test_keys_of_bytes(self):
        db = self.start("CREATE TABLE t(k BLOB NOT NULL PRIMARY KEY)", "INSERT INTO t VALUES (x'ff')")
        self.follows(db, "INSERT INTO t VALUES (x'fe00'), (x'')", "UPDATE t SET k = x'80' WHERE k = x''", "DELETE FROM t")

    def test_keys_that_are_the_same_moment(self):
        db = self.start(
            "CREATE TABLE t(at DATETIME NOT NULL PRIMARY KEY, v)",
            "INSERT INTO t VALUES ('2024-02-01', 1), ('2024-02-01 00:00:00', 2), ('2024-02-01T00:00', 3)",
        )
        self.follows(db, "DELETE FROM t WHERE v = 1", "UPDATE t SET v = 4 WHERE v = 2")
        db = self.start(
            "CREATE TABLE later(at DATETIME NOT NULL PRIMARY KEY, v)",
            "INSERT INTO later VALUES ('2024-02-01 00:00:00', 1)",
        )
        db.rows("INSERT INTO later VALUES ('2024-02-01 00:00', 2)")
        self.assertEqual(model.differences(db), [])

    def test_a_table_that_does_not_fit_any_more_can_be_untracked(self):
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1)", "CREATE TABLE u(id INTEGER PRIMARY KEY)")
        db.rows("INSERT INTO t VALUES (2, 'two')")
        db.rows("INSERT INTO u VALUES (1)")
        self.assertEqual(db.query("FROM u"), [(1,)])
        self.refused(db, "SELECT * FROM lumos_query('FROM t')", '"t"', '"n"', "id = 2", "'two'")
        self.assertEqual(db.value("SELECT lumos_untrack('t')"), '["t"]')
        self.assertEqual(db.query("SELECT count(*) FROM u"), [(1,)])


class Identity(SyncCase):
    """The mirror knows when the source is not the database any more that it was made from."""

    def rewound(self, db):
        self.refused(db, "SELECT * FROM lumos_query('SELECT 1')", "lumos_resync('*')")
        db.rows("SELECT lumos_resync('*')")
        self.assertEqual(model.differences(db), [])

    def backup(self, *statements):
        """A database with these statements run, and a copy of its file."""
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1)", *statements)
        db.rows("UPDATE t SET v = 2")
        db.rows("SELECT lumos_sync()")
        db.close()
        shutil.copyfile(self.path, self.folder / "backup")

    def restore(self):
        shutil.copyfile(self.folder / "backup", self.path)

    def test_an_older_backup(self):
        self.backup()
        db = self.open()
        db.rows("UPDATE t SET v = 3")
        db.rows("SELECT lumos_sync()")
        db.close()
        self.restore()
        self.rewound(self.open())

    def test_untracking_all_after_an_older_backup(self):
        """Nothing of Lumos stays in the database, nor its rows in the mirror, and all can be tracked anew."""
        self.backup("CREATE TABLE u(id INTEGER PRIMARY KEY)")
        db = self.open()
        db.rows("UPDATE t SET v = 3")
        db.rows("SELECT lumos_sync()")
        db.close()
        self.restore()
        db = self.open()
        self.refused(db, "SELECT lumos_scalar('SELECT 1')", "went back")
        db.rows("SELECT lumos_untrack('t')")
        self.refused(db, "SELECT lumos_scalar('SELECT 1')", "went back")
        db.rows("SELECT lumos_untrack('*')")
        self.assertEqual(db.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%lumos%'"), [])
        self.assertEqual(db.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_lumos_data'"), [(0,)])
        self.assertEqual(db.query("SELECT v FROM t"), [(2,)])
        db.rows("SELECT lumos_track('*')")
        self.assertEqual(model.differences(db), [])

    def test_untracking_all_leaves_the_mirror_of_another_database(self):
        self.backup()
        other = self.open(self.folder / "other.sqlite")
        other.rows("CREATE TABLE o(id INTEGER PRIMARY KEY)")
        other.rows("SELECT lumos_track('o')")
        other.rows("SELECT lumos_detach()")
        other.rows("SELECT lumos_attach(?)", str(self.path) + "-lumos.duckdb")
        other.rows("SELECT lumos_untrack('*')")
        self.assertEqual(other.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%lumos%'"), [])
        other.close()
        db = self.open()
        self.assertEqual(db.value("SELECT lumos_lag()"), 0)
        self.assertEqual(model.differences(db), [])

    def test_an_older_backup_that_went_on_as_far(self):
        for more in [0, 1, 5]:
            with self.subTest(more=more):
                shutil.rmtree(self.folder)
                self.folder.mkdir()
                self.backup()
                db = self.open()
                for v in range(3):
                    db.rows("UPDATE t SET v = ?", 100 + v)
                db.rows("SELECT lumos_sync()")
                db.close()
                self.restore()
                db = self.open()
                for v in range(3 + more):
                    db.rows("UPDATE t SET v = ?", 200 + v)
                self.rewound(db)
                db.close()

    def test_a_backup_from_before_a_table_was_tracked(self):
        self.backup("CREATE TABLE late(id INTEGER PRIMARY KEY, v)")
        db = self.open()
        db.rows("SELECT lumos_untrack('late')")
        db.rows("SELECT lumos_sync()")
        db.close()
        shutil.copyfile(self.path, self.folder / "backup")
        db = self.open()
        db.rows("INSERT INTO late VALUES (1, 1)")
        db.rows("SELECT lumos_track('late')")
        db.close()
        self.restore()
        db = self.open()
        db.rows("INSERT INTO late VALUES (2, 2)")
        db.rows("SELECT lumos_track('late')")
        self.assertEqual(model.differences(db), [])

    def test_another_database_under_the_name(self):
        for tracked in [True, False]:
            with self.subTest(tracked=tracked):
                shutil.rmtree(self.folder)
                self.folder.mkdir()
                self.backup()
                self.path.unlink()
                other = self.open(self.folder / "other.sqlite")
                other.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)")
                other.rows("INSERT INTO t VALUES (5, 5)")
                if tracked:
                    other.rows("SELECT lumos_track('t')")
                other.close()
                shutil.copyfile(self.folder / "other.sqlite", self.path)
                db = self.open()
                self.rewound(db)
                db.rows("SELECT lumos_track('t')")
                self.assertEqual(model.differences(db), [])
                db.close()

    def test_a_changelog_removed_by_hand(self):
        self.backup()
        plain = self.open(load=False)
        for kind, name in plain.rows("SELECT type, name FROM sqlite_schema WHERE name LIKE '\\_lumos%' ESCAPE '\\' ORDER BY type DESC"):
            plain.rows(f"DROP {kind} {name}")
        db = self.open()
        self.rewound(db)
        self.refused(db, "SELECT lumos_untrack('t')", "not tracked")
        self.assertEqual(db.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_lumos_data'"), [(0,)])
        self.assertEqual(db.query("SELECT count(*) FROM t"), db.rows("SELECT count(*) FROM t"))

    def test_two_mirrors_of_one_database(self):
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1), (2, 2)")
        second = self.folder / "second.duckdb"
        fill = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n LIMIT 11000) INSERT OR REPLACE INTO t SELECT i, ? FROM n"
        for round in range(3):
            db.rows("SELECT lumos_attach(?)", str(second))
            db.rows("SELECT lumos_sync()")
            db.rows("DELETE FROM t WHERE id <= ?", round + 1)
            db.rows("SELECT lumos_attach(?)", str(self.mirror))
            for _ in range(2):
                db.rows(fill, round)
                db.rows("SELECT lumos_sync()")
            self.assertLess(db.value("SELECT count(*) FROM _lumos_log"), 10_001)
            self.assertEqual(model.differences(db), [])
            db.rows("SELECT lumos_attach(?)", str(second))
            self.assertEqual(model.differences(db), [], f"round {round}")
        db.rows("SELECT lumos_attach(?)", str(self.mirror))
        self.assertEqual(model.differences(db), [])


class Large(SyncCase):
    def test_more_than_is_applied_at_a_time(self):
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
        plain = self.open(load=False)
        plain.rows("PRAGMA synchronous = OFF")
        plain.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) INSERT INTO t SELECT i, i FROM n")
        plain.rows("UPDATE t SET v = v + 1")
        plain.rows("ALTER TABLE t ADD COLUMN w DEFAULT 5")
        # Some keys come up three times, in other parts of the log, and are gone in the end.
        plain.rows("UPDATE t SET v = v + 1 WHERE id <= 300000")
        plain.rows("DELETE FROM t WHERE id <= 100000 AND id % 2 = 0")
        self.assertGreater(plain.value("SELECT count(*) FROM _lumos_log"), 2**20)
        db.rows("SELECT lumos_sync()")
        expected = plain.rows("SELECT count(*), sum(id), sum(v), sum(w) FROM t")
        self.assertEqual(db.query("SELECT count(*), CAST(sum(id) AS BIGINT), CAST(sum(v) AS BIGINT), CAST(sum(w) AS BIGINT) FROM t", 4), expected)
        self.assertEqual(db.query("SELECT count(DISTINCT id) FROM t"), [(350_000,)])


class Busy(SyncCase):
    """Another connection writes or reads meanwhile."""

    def setUp(self):
        super().setUp()
        self.db = self.start("PRAGMA journal_mode = WAL", "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (1, 1)")
        self.other = self.open(load=False)

    def test_a_changed_table_is_answered_in_a_transaction(self):
        self.other.rows("ALTER TABLE t ADD COLUMN w DEFAULT 5")
        self.db.rows("BEGIN")
        for id in [2, 3]:
            self.assertEqual(self.db.query("SELECT count(*), sum(w) FROM t", 2), [(1, 5)])
            self.other.rows("INSERT INTO t VALUES (?, 2, 6)", id)
        self.db.rows("COMMIT")
        self.assertEqual(self.db.query("SELECT count(*), sum(w) FROM t", 2), [(3, 17)])
        self.assertEqual(self.db.value("SELECT schema_state FROM lumos_status"), "ok")

    def test_a_rebuilt_table_is_answered_while_another_writes(self):
        for statement in ["CREATE TABLE new(id INTEGER PRIMARY KEY, v)", "DROP TABLE t", "ALTER TABLE new RENAME TO t"]:
            self.other.rows(statement)
        self.db.rows("PRAGMA busy_timeout = 10")
        for id in [1, 2]:
            self.other.rows("BEGIN IMMEDIATE")
            self.other.rows("INSERT INTO t VALUES (?, 2)", id)
            self.assertEqual(self.db.query("SELECT count(*) FROM t"), [(id - 1,)])
            self.other.rows("COMMIT")
            self.assertEqual(self.db.query("SELECT count(*) FROM t") if id == 2 else [(2,)], [(2,)])
        self.other.rows("INSERT INTO t VALUES (3, 2)")
        self.assertEqual(self.db.query("SELECT count(*) FROM t"), [(3,)])

    def test_pruning_does_not_wait_for_a_writer(self):
        self.db.rows("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 11000) INSERT INTO t SELECT i, i FROM n")
        self.other.rows("BEGIN IMMEDIATE")
        # A wait would end with the writer, hence never.
        self.db.rows("PRAGMA busy_timeout = 1000000")
        faulthandler.dump_traceback_later(host.WATCHDOG, exit=True)
        self.assertEqual(self.db.query("SELECT count(*) FROM t"), [(11_001,)])
        faulthandler.cancel_dump_traceback_later()
        self.assertEqual(self.db.value("PRAGMA busy_timeout"), 1_000_000)
        self.other.rows("COMMIT")
        self.db.rows("INSERT INTO t VALUES (0, 0)")
        self.db.rows("SELECT lumos_sync()")
        self.assertEqual(self.db.value("SELECT count(*) FROM _lumos_log"), 1)

    def test_a_reader_in_a_long_transaction(self):
        reader = self.open()
        reader.rows("BEGIN")
        self.assertEqual(reader.query("SELECT count(*) FROM t"), [(1,)])
        self.other.rows("INSERT INTO t VALUES (2, 2)")
        self.assertEqual(self.db.query("SELECT count(*) FROM t"), [(2,)])
        # One mirror for all: it is never older than what a connection sees, and may be newer.
        self.assertEqual(reader.query("SELECT count(*) FROM t"), [(2,)])
        self.other.rows("DROP TABLE t")
        self.refused(self.db, "SELECT * FROM lumos_query('FROM t')", "t")
        # The table is not mirrored any more, and still there in this snapshot: it is read from it.
        self.assertEqual(reader.query("SELECT count(*) FROM t"), [(1,)])
        reader.rows("COMMIT")
        self.refused(reader, "SELECT * FROM lumos_query('FROM t')", "t")

    def test_a_transaction_from_before_the_tables_were_tracked_anew(self):
        reader = self.open()
        for tracked in (True, False):
            if not tracked:
                self.db.rows("SELECT lumos_untrack('t')")
            reader.rows("BEGIN")
            self.assertEqual(reader.query("SELECT count(*) FROM t"), [(1,)])
            if tracked:
                self.db.rows("SELECT lumos_untrack('t')")
            self.db.rows("SELECT lumos_track('t')")
            self.refused(reader, "SELECT lumos_sync()", "tracked anew; COMMIT or ROLLBACK first")
            reader.rows("COMMIT")
            self.assertEqual(reader.query("SELECT count(*) FROM t"), [(1,)])

    def test_threads_that_write_sync_and_alter(self):
        failures, rounds = [], 25

        def work(number):
            try:
                db = host.Database(self.path)
                for done in range(1, rounds + 1):
                    db.rows("INSERT INTO t(v) VALUES (?)", 100 + number)
                    if done % 8 == number:
                        db.rows(f"ALTER TABLE t ADD COLUMN c{number}_{done} DEFAULT 7")
                    mine = db.query(f"SELECT count(*) FROM t WHERE v = {100 + number}")
                    if mine != [(done,)]:
                        failures.append(f"thread {number} wrote {done} rows and sees {mine}")
                db.close()
            except Exception as error:
                failures.append(f"thread {number}: {error!r}")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(failures, [])
        self.db.rows("SELECT lumos_sync()")
        self.assertEqual(model.differences(self.db), [])


if __name__ == "__main__":
    unittest.main()
