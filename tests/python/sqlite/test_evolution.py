"""A mirrored table changes as its source does: by ALTER TABLE without a copy where nothing else can have happened."""

import unittest

import host
import model

COPIED = "copied: "


class Evolution(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.plain = self.open(load=False)
        self.plain.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c DECIMAL(10,2))")
        self.plain.rows("INSERT INTO t VALUES (1, 'x', 1, 0.5), (2, 'y', NULL, 1), (3, 'z', 3, 2.25)")
        self.db = self.open()
        self.db.rows("SELECT lumos_track('*')")

    def events(self):
        return [event for (event,) in self.db.query("SELECT event FROM _lumos.schema_log ORDER BY seq")]

    def happens(self, *statements, events):
        """After all of the statements, the mirror equals the source, and remembers these events."""
        before = len(self.events())
        for statement in statements:
            self.plain.rows(statement)
        self.db.rows("SELECT lumos_sync()")
        self.assertEqual(model.differences(self.db), [], statements)
        self.assertEqual(self.events()[before:], events)
        # And it goes on from there, also in a new process.
        tables = [name for (name,) in self.plain.rows("SELECT name FROM _lumos_tables WHERE name IN (SELECT name FROM sqlite_schema)")]
        for table in map(model.quote, tables):
            self.plain.rows(f"UPDATE {table} SET rowid = rowid + 100 WHERE rowid = 1")
        self.db.close()
        self.db = self.open()
        self.assertEqual(model.differences(self.db), [])
        for table in map(model.quote, tables):
            self.plain.rows(f"UPDATE {table} SET rowid = 1 WHERE rowid = 101")
        self.db.rows("SELECT lumos_sync()")
        self.assertEqual(self.events()[before:], events)

    def test_a_new_column_has_its_default(self):
        for i, (definition, value) in enumerate([
            ("INT", None), ("TEXT DEFAULT 'it''s'", "it's"), ("INTEGER NOT NULL DEFAULT -7", -7), ("REAL DEFAULT 2", 2.0),
            ("DECIMAL(10,2) DEFAULT 0.99", 0.99), ("DATE DEFAULT '2024-02-29'", "2024-02-29"), ("DEFAULT 'text'", "text"),
            ("TEXT DEFAULT 5", "5"), ("INT DEFAULT '6'", 6), ("BOOLEAN DEFAULT TRUE", 1), ("REAL DEFAULT 1e300", 1e300),
            ("DATETIME DEFAULT '2024-02-29T10:00'", "2024-02-29T10:00"), ("INT DEFAULT 'none'", "none"),
            ("INT DEFAULT 9223372036854775807", 2**63 - 1), ("BLOB", None),
        ]):
            with self.subTest(definition):
                self.happens(f"ALTER TABLE t ADD COLUMN n{i} {definition}", events=[f"added column n{i}"])
                self.assertEqual(self.db.query(f"SELECT DISTINCT n{i} FROM t"), [(value,)])

    def test_a_default_that_cannot_be_written_is_copied(self):
        copied = [COPIED + "the default of a new column cannot be read"]
        self.happens("ALTER TABLE t ADD COLUMN n BLOB DEFAULT x'00ff'", events=copied)
        self.happens("ALTER TABLE t ADD COLUMN g AS (b + 1)", events=[COPIED + "its columns changed"])

    def test_rows_written_meanwhile(self):
        self.happens(
            "INSERT INTO t VALUES (4, 'new', 4, 4)", "ALTER TABLE t ADD COLUMN n INT DEFAULT 5", "UPDATE t SET n = 6 WHERE id = 2",
            "DELETE FROM t WHERE id = 3", "ALTER TABLE t ADD COLUMN m TEXT", "INSERT INTO t VALUES (5, 'v', 5, 5, 5, 'm')",
            events=["added column n", "added column m"],
        )
        self.happens("ALTER TABLE t ADD COLUMN o INT DEFAULT 5", "UPDATE t SET o = 'all' || id", events=["added column o"])
        self.happens("DELETE FROM t", "ALTER TABLE t ADD COLUMN p INT DEFAULT 5", events=["added column p"])
        self.happens("INSERT INTO t(id, p) VALUES (1, 0.5)", "ALTER TABLE t ADD COLUMN q", events=["added column q"])

    def test_a_column_takes_the_type_of_its_first_values(self):
        self.happens("ALTER TABLE t ADD COLUMN n INT", events=["added column n"])
        self.plain.rows("UPDATE t SET n = 1 WHERE id = 1")
        self.plain.rows("UPDATE t SET n = 0.25 WHERE id = 2")
        self.assertEqual(self.db.query("SELECT typeof(n), n FROM t ORDER BY id", 2), [("DOUBLE", 1.0), ("DOUBLE", 0.25), ("DOUBLE", None)])
        self.assertEqual(self.events(), ["tracked", "added column n"])

    def test_columns_dropped_and_renamed(self):
        self.happens("ALTER TABLE t DROP COLUMN b", events=["dropped column b"])
        self.happens("ALTER TABLE t RENAME COLUMN a TO b", events=["renamed column a to b"])
        self.happens("UPDATE t SET b = 'w' WHERE id = 2", "ALTER TABLE t RENAME COLUMN id TO \"the key\"", "DELETE FROM t WHERE \"the key\" = 3",
                     events=["renamed column id to the key"])
        self.happens("ALTER TABLE t RENAME COLUMN \"the key\" TO k", "ALTER TABLE t RENAME COLUMN c TO \"x\"\"y\"",
                     events=["renamed column the key to k", "renamed column c to x\"y"])
        self.happens("ALTER TABLE t RENAME COLUMN k TO K", events=[COPIED + "its columns changed"])

    def test_tables_renamed(self):
        self.plain.rows("CREATE TABLE u(id INTEGER PRIMARY KEY, up REFERENCES t(id))")
        self.db.rows("SELECT lumos_track('u')")
        self.happens("ALTER TABLE t RENAME TO \"T t\"", events=["renamed from t"])
        self.happens("INSERT INTO u VALUES (1, 1)", "ALTER TABLE u RENAME TO t", "ALTER TABLE t RENAME COLUMN up TO t",
                     events=["renamed from u", "renamed column up to t"])
        self.happens("ALTER TABLE t RENAME TO u", "ALTER TABLE \"T t\" RENAME TO t", "ALTER TABLE u RENAME TO \"T t\"",
                     events=[COPIED + "its definition changed along with others"] * 2)

    def test_what_happens_besides_makes_a_rename_unsure(self):
        self.happens("ALTER TABLE t RENAME COLUMN a TO n", "CREATE INDEX i ON t(b)", events=[COPIED + "its definition changed along with others"])
        self.happens("ALTER TABLE t ADD COLUMN m DEFAULT 1", "CREATE INDEX j ON t(m)", "CREATE TABLE other(x)", "VACUUM",
                     events=["added column m"])

    def test_a_column_dropped_and_added_again(self):
        again = [COPIED + "a column may have been dropped and added again"]
        self.happens("ALTER TABLE t DROP COLUMN c", "ALTER TABLE t ADD COLUMN c DECIMAL(10,2)", events=again)
        # All have the same value now, so that nothing is lost if it happens once more.
        self.happens("ALTER TABLE t DROP COLUMN c", "ALTER TABLE t ADD COLUMN c DECIMAL(10,2)", events=[])
        self.happens("UPDATE t SET c = id", events=[])
        self.happens("ALTER TABLE t DROP COLUMN b", "ALTER TABLE t DROP COLUMN c", "UPDATE t SET a = 'w' WHERE id = 2",
                     "ALTER TABLE t ADD COLUMN b INT", "ALTER TABLE t ADD COLUMN c DECIMAL(10,2)", "ALTER TABLE t ADD COLUMN d", events=again)
        self.happens("CREATE TABLE o(x)", "DROP TABLE o", events=[])

    def test_a_table_made_anew(self):
        sql = self.plain.value("SELECT sql FROM sqlite_schema WHERE name = 't'")
        rebuild = ["CREATE TABLE new" + sql[sql.index("("):], "INSERT INTO new SELECT id + 1, a, b, c FROM t", "DROP TABLE t", "ALTER TABLE new RENAME TO t"]
        self.happens(*rebuild, events=[COPIED + "its triggers were gone"])
        self.happens("DROP TABLE t", sql, "INSERT INTO t(id) VALUES (9)", events=[COPIED + "its triggers were gone"])
        # A tool that makes the triggers anew as well. The first time the name gets quotes.
        for _ in range(2):
            triggers = [s for (s,) in self.plain.rows("SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")]
            self.happens(*rebuild, *triggers, events=[COPIED + "it may have been created again"])
        self.happens("DROP TABLE t", events=["dropped"])

    def test_another_mirror_does_not_miss_what_no_trigger_saw(self):
        other = self.open()
        other.rows("SELECT lumos_attach(?)", str(self.folder / "other.duckdb"))
        other.rows("SELECT lumos_sync()")
        names = self.plain.rows("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        self.happens(*(f"DROP TRIGGER {name}" for (name,) in names), "UPDATE t SET a = 'unseen' WHERE id = 2",
                     events=[COPIED + "its triggers were gone"])
        other.rows("SELECT lumos_sync()")
        self.assertEqual(model.differences(other), [])

    def test_by_rowid(self):
        self.plain.rows("CREATE TABLE bare(a)")
        self.plain.rows("INSERT INTO bare VALUES (1), (2)")
        self.db.rows("SELECT lumos_track('bare', '{\"key\": \"rowid\"}')")
        self.happens("ALTER TABLE bare ADD COLUMN b DEFAULT 'x'", events=["added column b"])
        self.happens("DELETE FROM bare WHERE a = 1", "VACUUM", events=[COPIED + "VACUUM may have changed its rowids"])

    def test_in_a_transaction_that_cannot_write(self):
        self.plain.rows("ALTER TABLE t RENAME COLUMN a TO n")
        self.db.rows("BEGIN")
        for _ in range(2):
            self.assertEqual(self.db.query("SELECT n FROM t WHERE id = 2"), [("y",)])
        self.db.rows("COMMIT")
        self.plain.rows("ALTER TABLE t RENAME COLUMN id TO k")
        self.assertEqual(self.db.query("SELECT n FROM t WHERE k = 2"), [("y",)])
        self.assertEqual(self.db.value("SELECT schema_state FROM lumos_status"), "ok")
        self.assertEqual(self.events(), ["tracked", "renamed column a to n", "renamed column id to k"])


if __name__ == "__main__":
    unittest.main()
