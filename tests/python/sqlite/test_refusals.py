"""Bad input to the SQLite extension: a clear error with the value and the way out, and nothing
changed."""

import os
import unittest

import host


class Attach(host.Case):
    def refuses(self, path, *words):
        with self.nothing_changes():
            db = host.Database(self.path)
            self.refused(db, "SELECT lumos_attach(?)", "lumos_attach: ", str(path), *words, values=[str(path)])
            db.close()

    def test_a_directory(self):
        self.refuses(self.folder, "directory")

    def test_a_text_file(self):
        text = self.folder / "notes.txt"
        text.write_text("not a database\n" * 1000)
        self.refuses(text, "not a DuckDB")

    def test_a_short_and_a_damaged_file(self):
        for content in [b"x", b"\0" * 5000, os.urandom(64_000)]:
            damaged = self.folder / "damaged.duckdb"
            damaged.write_bytes(content)
            self.refuses(damaged, "not a DuckDB")

    def test_a_sqlite_file_and_the_database_itself(self):
        other = self.folder / "other.sqlite"
        other.write_bytes(host.FIXTURE.read_bytes())
        self.refuses(other, "SQLite")
        self.refuses(self.path, "SQLite")

    def test_a_folder_that_is_missing(self):
        self.refuses(self.folder / "missing" / "mirror.duckdb", "missing")

    def test_options(self):
        for options, word in [
            ("{", "JSON"),
            ("[]", "JSON"),
            ('{"thread": 1}', '"thread"'),
            ('{"threads": 0}', "threads"),
            ('{"threads": "many"}', "threads"),
            ('{"memory_limit": "lots"}', "lots"),
            ('{"auto_sync": "perhaps"}', "auto_sync"),
        ]:
            with self.nothing_changes():
                db = host.Database(self.path)
                self.refused(db, "SELECT lumos_attach(NULL, ?)", "lumos_attach: ", word, values=[options])
                db.close()

    def test_a_refusal_leaves_the_default_usable(self):
        db = self.open()
        self.refused(db, "SELECT lumos_attach(?)", values=[str(self.folder)])
        self.assertEqual(db.query("SELECT 1"), [(1,)])

    def test_a_refusal_keeps_the_attached_mirror(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        self.refused(db, "SELECT lumos_attach(?)", values=[str(self.folder)])
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])

    def test_other_settings_for_a_mirror_that_is_open(self):
        db, second = self.open(), self.open()
        db.rows("SELECT lumos_attach()")
        self.refused(second, "SELECT lumos_attach(NULL, ?)", "threads", values=['{"threads": 3}'])
        self.assertEqual(second.query("SELECT 1"), [(1,)])


class Query(host.Case):
    def setUp(self):
        super().setUp()
        self.db = self.open()

    def test_attaches_the_default_by_itself(self):
        self.assertEqual(self.db.query("SELECT 42"), [(42,)])
        self.assertTrue(self.mirror.exists())

    def test_refused_statements_change_nothing(self):
        self.db.rows("SELECT lumos_track('Genre')")
        for sql, word in [
            ("SELEC 1", "SELEC"),
            ("SELECT 1; SELECT 2", "one"),
            ("SELECT * FROM Gener", "Gener"),
            ("DELETE FROM Genre", "SELECT"),
            ("INSERT INTO Genre VALUES (99, 'x')", "SELECT"),
            ("UPDATE Genre SET Name = 'x' RETURNING *", "SELECT"),
            ("DROP TABLE Genre", "SELECT"),
            ("COPY (SELECT 1) TO 'out.csv'", "SELECT"),
            ("SELECT * FROM read_csv('/etc/passwd')", "lumos_query"),
            ("", "lumos_query"),
        ]:
            self.refused(self.db, "SELECT * FROM lumos_query(?)", "lumos_query: ", word, values=[sql])
        counts = "SELECT count(*), count(*) FILTER (Name = 'x') FROM Genre"
        self.assertEqual(self.db.query(counts, 2), [(25, 0)])
        self.assertFalse(os.path.exists("out.csv"))


class Track(host.Case):
    def refuses(self, table, *words, options=None):
        with self.nothing_changes():
            db = host.Database(self.path)
            sql, values = "SELECT lumos_track(?, ?)", [table, options]
            if options is None:
                sql, values = "SELECT lumos_track(?)", [table]
            self.refused(db, sql, "lumos_track: ", *words, values=values)
            db.close()

    def given(self, *statements):
        db = host.Database(self.path, load=False)
        for statement in statements:
            db.rows(statement)
        db.close()

    def test_a_view(self):
        self.given("CREATE VIEW Loud AS SELECT * FROM Genre")
        self.refuses("Loud", '"Loud"', "view")

    def test_a_virtual_table(self):
        self.given("CREATE VIRTUAL TABLE Words USING fts5(word)")
        self.refuses("Words", '"Words"', "virtual")

    def test_a_missing_table(self):
        self.refuses("Gener", '"Gener"', "sqlite_schema")

    def test_a_table_without_a_key(self):
        self.given("CREATE TABLE Note(text TEXT, rowid, oid, _rowid_)")
        self.refuses("Note", '"Note"', "no usable key", "rename one")

    def test_a_table_of_a_virtual_table(self):
        self.given("CREATE VIRTUAL TABLE Words USING fts5(word)")
        self.refuses("Words_idx", '"Words_idx"', "belongs to a virtual table")

    def test_a_temporary_table(self):
        db = self.open()
        db.rows("CREATE TEMP TABLE Brief(id INTEGER PRIMARY KEY)")
        self.refused(db, "SELECT lumos_track('Brief')", '"Brief"')

    def test_values_that_no_column_holds(self):
        self.given(
            "CREATE TABLE Mixed(id INTEGER PRIMARY KEY, v)",
            "INSERT INTO Mixed VALUES (1, 5), (2, 'five')",
        )
        # The values are found by copying, into a mirror that is there by then.
        db = self.open()
        schema = db.rows("SELECT * FROM sqlite_schema")
        self.refused(db, "SELECT lumos_track('Mixed')", "lumos_track: ", '"Mixed"', '"v"', "'five'", "id = 2")
        self.assertEqual(db.rows("SELECT * FROM sqlite_schema"), schema)
        self.assertEqual(db.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '_lumos_data'"), [(0,)])

    def test_options(self):
        for options in ["{", "[]", '{"keys":"rowid"}', '{"key":"GenreId2"}', '{"key":7}']:
            self.refuses("Genre", options=options)

    def test_an_unreadable_name(self):
        for table in ["", None, "Genre; DROP TABLE Genre", "sqlite_schema"]:
            self.refuses(table)

    def test_inside_a_transaction_that_has_written(self):
        db = self.open()
        db.rows("BEGIN")
        db.rows("INSERT INTO Genre VALUES (99, 'x')")
        self.refused(db, "SELECT lumos_track('Genre')", "lumos_track: ", "COMMIT")
        db.rows("ROLLBACK")
        self.assertEqual(db.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), [(0,)])

    def test_a_database_opened_read_only(self):
        db = self.open()
        db.rows("PRAGMA query_only = 1")
        self.refused(db, "SELECT lumos_track('Genre')", "lumos_track: ")


class Sync(host.Case):
    def test_inside_a_transaction_that_has_written(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        db.rows("BEGIN")
        db.rows("INSERT INTO Genre VALUES (26, 'x')")
        self.refused(db, "SELECT lumos_sync()", "lumos_sync: ", "COMMIT")
        db.rows("ROLLBACK")
        db.rows("INSERT INTO Genre VALUES (26, 'y')")
        self.assertEqual(db.query("SELECT max(Name) FROM Genre WHERE GenreId = 26"), [("y",)])

    def test_a_value_that_does_not_fit_later(self):
        db = self.open()
        db.rows("SELECT lumos_track('Track')")
        db.rows("UPDATE Track SET Milliseconds = 'long' WHERE TrackId = 1")
        self.refused(db, "SELECT lumos_sync()", "lumos_sync: ", '"Track"', '"Milliseconds"')
        db.rows("UPDATE Track SET Milliseconds = 7 WHERE TrackId = 1")
        self.assertEqual(db.query("SELECT Milliseconds FROM Track WHERE TrackId = 1"), [(7,)])


class Hidden(host.Case):
    """A temporary table or view hides a table of the database: SQLite's statements mean the temporary one by its name. What
    writes says so, instead of writing the other."""

    KINDS = ["TABLE {}(id, v)", "VIEW {} AS SELECT 1 AS id, 2 AS v"]

    def test_load(self):
        db = self.open()
        (self.folder / "in.csv").write_text("id,v\n1,2\n")
        db.rows("SELECT lumos_attach(NULL, json_object('allow_files', json_array(?)))", str(self.folder))
        db.rows("CREATE TABLE there(id, v)")
        load = "SELECT lumos_load(?, ?)"
        for kind in self.KINDS:
            for name in ("there", "THERE", "new", "other \"one\""):
                quoted = '"' + name.replace('"', '""') + '"'
                db.rows("CREATE TEMP " + kind.format(quoted))
                self.refused(db, load, "lumos_load: ", name, "temporary", "DROP", values=[str(self.folder / "in.csv"), name])
                db.rows(f"DROP {kind.split()[0]} temp.{quoted}")
                self.assertEqual(db.rows("SELECT count(*) FROM main.there"), [(0,)])
                self.assertEqual(db.value("SELECT count(*) FROM sqlite_schema WHERE name = 'new'"), 0)
        self.assertEqual(db.value(load, str(self.folder / "in.csv"), "there"), 1)

    def test_what_is_remembered(self):
        now = """'{"now": "2026-01-01"}'"""
        calls = [
            "lumos_memory_init()", f"lumos_memory_add('The bus was late', {now})", f"lumos_memory_supersede(1, 'No', {now})", "lumos_memory_pin(1, 1)",
            f"lumos_memory_update(1, {now})", f"lumos_memory_feedback(1, 4, {now})", f"lumos_memory_touch(1, {now})", "lumos_memory_forget(1)",
            "lumos_memory_forget(1, '{\"hard\": true}')", "lumos_memory_restore(1)", f"lumos_memory_consolidate({now})",
            f"lumos_fact_add('Ann', 'likes', 'Bob', {now})", "lumos_entity_merge('Ann', 'Annie')",
        ]
        reads = [f"lumos_memory_search('bus', {now})", f"lumos_memory_context('s', 'bus', 100, {now})", "lumos_memory_history(1)", f"lumos_memory_timeline({now})",
                 f"lumos_memory_review_due({now})", "lumos_memory_stats()", f"lumos_memory_upkeep({now})", "lumos_facts('Ann')", "lumos_neighbors('[\"Ann\"]')",
                 "lumos_pagerank('[\"Ann\"]')"]
        for name in ("lumos_memory", "LUMOS_MEMORY_words", "lumos_memory_scope", "lumos_fact", "Lumos_Alias"):
            for kind in self.KINDS:
                db = self.open(self.folder / f"{name}{len(kind)}.db")
                db.rows("SELECT lumos_memory_init()")
                db.rows(f"SELECT lumos_memory_add('The tram was late', {now})")
                db.rows("CREATE TEMP " + kind.format(name))
                for call in [f"SELECT {c}" for c in calls] + [f"SELECT * FROM {r}" for r in reads]:
                    self.refused(db, call, name, "hides", "DROP")
                db.rows(f"DROP {kind.split()[0]} temp.{name}")
                self.assertEqual(db.rows("SELECT content FROM lumos_memory"), [("The tram was late",)])
                for read in reads:
                    db.rows(f"SELECT * FROM {read}")
                db.close()


if __name__ == "__main__":
    unittest.main()
