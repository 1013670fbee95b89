"""A host that runs SQL, or opens a file, of somebody whom it does not trust."""

import json
import unittest

import host

SECRET = "what nobody may read"
OFF, ON = "PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema = ON"


class Stored(host.Case):
    """Virtual tables that a file brings along have SQL of whoever wrote the file."""

    def setUp(self):
        super().setUp()
        (self.folder / "open").mkdir()
        (self.folder / "open" / "secret.txt").write_text(SECRET)
        self.options = json.dumps({"allow_files": [str(self.folder / "open")]})
        db = self.attached()
        db.rows("SELECT lumos_track('Genre')")
        # Both kinds, and one that would read a file as soon as it is described.
        self.tables = {
            "q": ("lumos_query(SELECT count(*) AS n FROM Genre)", 25),
            "f": (f"lumos_query(SELECT content AS n FROM read_text('{self.folder}/open/secret.txt'))", SECRET),
            "t": ("lumos_table('Genre')", None),
        }
        for name, (using, _) in self.tables.items():
            db.rows(f"CREATE VIRTUAL TABLE {name} USING {using}")
        db.close()

    def attached(self):
        db = self.open()
        db.rows("SELECT lumos_attach(NULL, ?)", self.options)
        return db

    def all_refused(self, db, schema="main"):
        for name in self.tables:
            for sql in [f"SELECT * FROM {schema}.{name}", f"SELECT count(*) FROM {schema}.{name}", f"SELECT 1 WHERE EXISTS(SELECT 1 FROM {schema}.{name})"]:
                said = self.refused(db, sql, "trusted_schema", name)
                self.assertNotIn(SECRET, said)

    def all_work(self, db):
        for name, (_, expected) in self.tables.items():
            got = db.value(f"SELECT {'n' if expected is not None else 'count(*)'} FROM {name}")
            self.assertEqual(got, expected if expected is not None else 25)

    def test_refused_from_the_first_statement(self):
        db = self.attached()
        db.rows(OFF)
        self.all_refused(db)
        # Not for ever.
        db.rows(ON)
        self.all_work(db)
        db.rows(OFF)
        self.all_refused(db)

    def test_refused_in_a_database_that_is_attached(self):
        other = self.folder / "other.db"
        db = self.open(other)
        db.rows("SELECT lumos_attach(NULL, ?)", self.options)
        db.rows("CREATE TABLE mine(id INTEGER PRIMARY KEY)")
        db.rows(OFF)
        db.rows("ATTACH ? AS theirs", str(self.path))
        self.all_refused(db, "theirs")

    def test_what_the_connection_makes_for_itself(self):
        db = self.attached()
        db.rows(OFF)
        for name, (using, _) in self.tables.items():
            self.refused(db, f"CREATE VIRTUAL TABLE main.new_{name} USING {using}", "trusted_schema", "temp")
            db.rows(f"CREATE VIRTUAL TABLE temp.new_{name} USING {using}")
            self.assertEqual(len(db.rows(f"SELECT * FROM new_{name} LIMIT 1")), 1)
        self.assertEqual(db.value("SELECT c0 FROM lumos_query('SELECT count(*) FROM Genre')"), 25)
        db.rows("SELECT lumos_import('main', 'm_')")
        self.assertEqual(db.value("SELECT count(*) FROM m_Genre"), 25)


class Lock(host.Case):
    def test_what_sql_can_reach_is_fixed(self):
        folder = self.folder / "open"
        folder.mkdir()
        db = self.open()
        db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(folder)]}))
        db.rows("SELECT lumos_track('Genre')")
        fixed = json.loads(db.value("SELECT lumos_lock()"))
        self.assertEqual(fixed["mirror"], str(self.mirror))
        self.assertEqual(fixed["allow_files"], [str(folder)])
        everywhere = json.dumps({"allow_files": ["/"]})
        for sql, values in [
            ("SELECT lumos_detach()", []),
            ("SELECT lumos_attach()", []),
            ("SELECT lumos_attach(NULL, ?)", [everywhere]),
            ("SELECT lumos_attach(':memory:', ?)", [everywhere]),
            ("SELECT lumos_attach(?)", [str(self.folder / "elsewhere.duckdb")]),
            ("SELECT lumos_attach(NULL, '{\"plaintext\": true}')", []),
            ("SELECT lumos_model_add('m', ?)", [str(self.folder)]),
            ("SELECT lumos_model_add('m', 'http://localhost:1/v1/embeddings', '{\"model\": \"m\"}')", []),
            ("SELECT lumos_model_remove('m')", []),
        ]:
            with self.subTest(sql=sql):
                self.refused(db, sql, "lumos_lock()", values=values)
        self.assertFalse((self.folder / "elsewhere.duckdb").exists())
        # What it could reach before, it can reach still, and nothing else.
        self.assertEqual(db.value("SELECT lumos_export('FROM Genre', ?)", str(folder / "genres.csv")), 25)
        self.assertEqual(db.query(f"SELECT count(*) FROM read_csv('{folder}/genres.csv')"), [(25,)])
        self.refused(db, "SELECT lumos_export('FROM Genre', ?)", values=[str(self.folder / "genres.csv")])
        # Asked again it says the same; another connection is not locked.
        self.assertEqual(json.loads(db.value("SELECT lumos_lock()")), fixed)
        other = self.open()
        other.rows("SELECT lumos_attach(NULL, '{\"auto_sync\": true}')")
        self.assertEqual(other.rows("SELECT lumos_detach()"), [(1,)])

    def test_before_anything_is_attached(self):
        db = self.open()
        self.assertIsNone(json.loads(db.value("SELECT lumos_lock()"))["mirror"])
        db.rows("SELECT lumos_track('Genre')")
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
        self.refused(db, f"SELECT * FROM lumos_query('SELECT * FROM read_text(''{self.path}'')')")
        self.refused(db, "SELECT lumos_detach()", "lumos_lock()")


if __name__ == "__main__":
    unittest.main()
