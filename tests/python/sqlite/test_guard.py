"""What no statement through any door may do: change the mirror, stand in for its tables or for DuckDB's functions, change
what Lumos has set up, open the files of open databases. And what users make of their own, which all this leaves alone."""

import json
import os
import unittest

import host

TABLES = ["_lumos_data.Genre", "mirror._lumos_data.Genre", 'MIRROR."_LUMOS_DATA"."genre"', "_lumos.tables", "mirror._lumos.state", "Genre"]

# Each with the table in question for {t}, one column of which is {c}.
WRITES = [
    "UPDATE {t} SET {c} = {c}",
    "/*'*/ UPDATE {t} SET {c} = NULL WHERE 'x' <> '/*'",
    "-- '\nDELETE FROM {t}",
    "DELETE FROM {t} USING range(3)",
    "TRUNCATE {t}",
    "INSERT INTO {t} FROM {t}",
    "INSERT INTO {t} BY NAME FROM {t} RETURNING *",
    "MERGE INTO {t} x USING {t} y ON x.{c} = y.{c} WHEN MATCHED THEN DELETE",
    "WITH x AS (UPDATE {t} SET {c} = {c} RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM {t} RETURNING *) FROM x",
    "WITH x AS (INSERT INTO {t} FROM {t} RETURNING *) INSERT INTO mine SELECT 1 FROM x",
    "WITH y AS (SELECT 1) UPDATE {t} SET {c} = {c}",
    "EXPLAIN ANALYZE DELETE FROM {t}",
    "EXPLAIN ANALYZE UPDATE {t} SET {c} = {c}",
    "EXPLAIN ANALYZE WITH x AS (DELETE FROM {t} RETURNING *) FROM x",
    "DROP TABLE {t}",
    "DROP TABLE {t} CASCADE",
    "DROP VIEW {t}",
    "ALTER TABLE {t} RENAME TO gone",
    "ALTER VIEW {t} RENAME TO gone",
    "ALTER TABLE {t} ADD COLUMN z INTEGER",
    "ALTER TABLE {t} ADD COLUMN z DOUBLE DEFAULT random()",
    "ALTER TABLE {t} DROP COLUMN {c}",
    "ALTER TABLE {t} ALTER {c} TYPE BLOB",
    "CREATE INDEX i ON {t}({c})",
    "COMMENT ON COLUMN {t}.{c} IS 'x'",
    "COPY {t} FROM '{folder}/rows.csv'",
    "COPY (WITH x AS (DELETE FROM {t} RETURNING *) FROM x) TO '{folder}/rows2.csv'",
    "PIVOT (WITH x AS (DELETE FROM {t} RETURNING *) FROM x) ON {c}",
]

MAKES = [
    "CREATE OR REPLACE VIEW Genre AS SELECT 99 AS GenreId, '_lumos_data.Genre' AS Name",
    "CREATE VIEW Genre AS SELECT 1",
    "CREATE OR REPLACE VIEW mirror.main.Genre AS SELECT 99 AS GenreId, 'x' AS Name",
    "CREATE OR REPLACE VIEW mirror.Genre AS SELECT 99 AS GenreId, 'x' AS Name",
    "CREATE OR REPLACE TABLE _lumos_data.Genre AS SELECT 1",
    "CREATE OR REPLACE TABLE mirror._lumos_data.Genre AS SELECT 1",
    "CREATE TABLE Genre(i INTEGER)",
    "CREATE TABLE main.genre(i INTEGER)",
    "CREATE TABLE own.GENRE(i INTEGER)",
    "CREATE TABLE own.main.Genre(i INTEGER)",
    "ALTER TABLE mine RENAME TO Genre",
    "CREATE TEMP TABLE Genre AS SELECT 1",
    "CREATE TEMP VIEW Genre AS SELECT 1",
    "CREATE TABLE temp.Genre(i INTEGER)",
    "CREATE TABLE mirror.main.x(i INTEGER)",
    "CREATE TABLE mirror.x AS SELECT 1",
    "CREATE TABLE memory.main.x(i INTEGER)",
    "CREATE SCHEMA mirror.s",
    "CREATE SCHEMA _lumos_data",
    "CREATE SCHEMA own._lumos",
    "CREATE SCHEMA IF NOT EXISTS mirror",
    "CREATE SCHEMA own",
    "CREATE SCHEMA system",
    "DROP SCHEMA _lumos_data CASCADE",
    "DROP SCHEMA mirror._lumos CASCADE",
    "DROP SCHEMA mirror.main CASCADE",
    "CREATE SEQUENCE mirror.main.s",
    "CREATE TYPE mirror.main.t AS ENUM ('a')",
    "CREATE TYPE integer AS ENUM ('a')",
    "CREATE MACRO sum(x) AS 42",
    "CREATE OR REPLACE MACRO Upper(x) AS 42",
    "CREATE MACRO count(x) AS 42",
    'CREATE MACRO "+"(a, b) AS 42',
    "CREATE MACRO list_sum(x) AS 42",
    "CREATE MACRO lumos_l2(a, b) AS 42",
    "CREATE MACRO error(x) AS 42",
    "CREATE MACRO own.main.max(x) AS 42",
    "CREATE TEMP MACRO sum(x) AS 42",
    "CREATE MACRO mirror.main.mine(x) AS 42",
    "CREATE MACRO read_parquet(x) AS TABLE SELECT 1",
    "CREATE MACRO range(x) AS TABLE SELECT 1",
    "CREATE TABLE duckdb_views(i INTEGER)",
    "CREATE SECRET s (TYPE http)",
    "CREATE PERSISTENT SECRET s (TYPE http)",
    "DROP SECRET s",
]

SETTINGS = [
    "ATTACH ':memory:' AS x",
    "ATTACH '{mirror}' AS x",
    "ATTACH '{mirror}' AS x (READ_ONLY)",
    "ATTACH '{own}' AS x",
    "ATTACH '{sqlite}' AS x (TYPE sqlite)",
    "DETACH mirror",
    "DETACH own",
    "DETACH memory",
    "USE own",
    "USE memory",
    "SET threads = 1",
    "SET search_path = 'own'",
    "SET schema = 'own.main'",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET threads",
    "RESET search_path",
    "PRAGMA threads = 1",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "PRAGMA import_database('{folder}/exported')",
    "LOAD json",
    "INSTALL httpfs",
    "UPDATE EXTENSIONS",
    "BEGIN",
    "BEGIN TRANSACTION READ ONLY",
    "COMMIT",
    "ROLLBACK",
    "ABORT",
    "CHECKPOINT",
    "CHECKPOINT mirror",
    "FORCE CHECKPOINT mirror",
    "EXPORT DATABASE '{folder}/exported'",
    "IMPORT DATABASE '{folder}/exported'",
    "PREPARE p AS DELETE FROM _lumos_data.Genre",
    "EXECUTE p",
    "DEALLOCATE p",
    "CALL pragma_version()",
    "CALL enable_logging()",
    "SELECT * FROM enable_logging(storage := 'file', storage_path := '{mirror}')",
    "COPY FROM DATABASE own TO mirror",
    "COPY FROM DATABASE mirror TO own",
    "ALTER DATABASE mirror RENAME TO x",
]

ANSWERS = [
    "SELECT count(*) AS n, sum(GenreId) AS s, max(Name) AS m FROM Genre",
    "SELECT upper(Name) AS n, GenreId + 1 AS i FROM main.Genre ORDER BY GenreId",
    "SELECT min(Title) AS t, count(DISTINCT ArtistId) AS n FROM Album WHERE AlbumId % 2 = 1",
]


class Guarded(host.Case):
    def setUp(self):
        super().setUp()
        self.own = self.folder / "chinook.sqlite-lumos-own.duckdb"
        self.db = self.open()

    def allow(self):
        self.db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(self.folder)]}))

    def exec(self, sql, params=None):
        return self.db.value("SELECT lumos_exec(?, ?)", sql, params)

    def scalar(self, sql):
        return self.db.value("SELECT lumos_scalar(?)", sql)

    def using(self, sql):
        try:
            self.db.rows(f"CREATE VIRTUAL TABLE temp.used USING lumos_query({sql})")
            self.db.rows("SELECT * FROM used")
        finally:
            self.db.rows("DROP TABLE IF EXISTS temp.used")

    def doors(self):
        """Each takes a statement of DuckDB's; the first is the one that may write."""
        doors = {
            "exec": self.exec,
            "query": lambda sql: self.db.rows("SELECT * FROM lumos_query(?)", sql),
            "explained": lambda sql: self.db.rows("SELECT * FROM lumos_query('EXPLAIN ANALYZE ' || ?)", sql),
            "scalar": self.scalar,
            "explain": lambda sql: self.db.value("SELECT lumos_explain(?)", sql),
            "timings": lambda sql: self.db.value("SELECT lumos_explain(?, '{\"timings\": true}')", sql),
            "options": lambda sql: self.db.value("SELECT lumos_explain('(FORMAT json) ' || ?, '{\"timings\": true}')", sql),
            "using": self.using,
        }
        for form in ["csv", "parquet"]:
            path = str(self.folder / f"out.{form}")
            doors[form] = lambda sql, path=path: self.db.value("SELECT lumos_export(?, ?)", sql, path)
        return doors

    def mirrored(self):
        """All that the mirror says of itself, and all rows."""
        tables = self.db.query(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'mirror' ORDER BY 1")
        hashes = [f"SELECT '{t}', bit_xor(hash(x))::VARCHAR, count(*) FROM mirror.{t} x" for (t,) in tables]
        catalog = [
            "SELECT group_concat(sql ORDER BY sql), 'views', 0 FROM duckdb_views() WHERE database_name = 'mirror'",
            "SELECT group_concat(database_name ORDER BY 1), 'databases', 0 FROM duckdb_databases()",
            "SELECT group_concat(schema_name ORDER BY 1), 'schemas', 0 FROM duckdb_schemas() WHERE database_name <> 'own'",
            "SELECT group_concat(value ORDER BY name), 'settings', 0 FROM duckdb_settings()",
            "SELECT count(*)::VARCHAR, 'functions', 0 FROM duckdb_functions() WHERE database_name <> 'own'",
        ]
        return self.db.query(" UNION ALL ".join(hashes + catalog), 3)

    def answers(self):
        """The same queries through all that reads, which SQLite answers too."""
        found = []
        for sql in ANSWERS:
            for door in ["lumos_query", "lumos_auto"]:
                found.append(self.db.rows(f"SELECT c0, c1 FROM {door}(?)", sql))
                self.assertEqual(found[-1], [row[:2] for row in self.db.rows(sql)], (sql, door))
        verified = self.db.rows("SELECT * FROM lumos_verify('*')")
        self.assertEqual(verified, [])
        return found, verified

    def state(self):
        return self.mirrored(), self.answers()


class Statements(Guarded):
    def setUp(self):
        super().setUp()
        self.db.rows("SELECT lumos_track('Genre'), lumos_track('Album')")
        self.allow()
        (self.folder / "rows.csv").write_text("1,x\n")
        self.exec("CREATE TABLE mine AS SELECT 1 AS i")
        self.attacks = self.all_on(TABLES)
        self.fewer_attacks = self.all_on([TABLES[0], TABLES[3]])

    def all_on(self, tables):
        names = {"folder": self.folder, "mirror": self.mirror, "own": self.own, "sqlite": self.path}
        columns = {"tables": "name", "state": "seq"}
        return [
            w.format(t=t, c=columns.get(t.split(".")[-1], "Name"), **names)
            for t in tables for w in WRITES if not (t == "Genre" and w.startswith("DROP TABLE"))
        ] + [sql.format(**names) for sql in MAKES + SETTINGS]

    def test_no_statement_changes_the_mirror(self):
        before = self.state()
        files = sorted(self.folder.iterdir())
        for door, call in self.doors().items():
            # The others take nothing that writes, whatever it writes.
            for sql in self.attacks if door == "exec" else self.fewer_attacks:
                with self.subTest(door=door, sql=sql):
                    # One that the door explains is not run.
                    if door == "explain" and sql.startswith(("SELECT", "WITH")):
                        continue
                    with self.assertRaises(host.ERROR):
                        call(sql)
            self.assertEqual(self.state(), before, door)
        self.assertEqual(sorted(self.folder.iterdir()), files)
        self.assertEqual(self.scalar("SELECT sum(i) FROM mine"), 1)
        self.assertEqual(self.exec("INSERT INTO mine VALUES (2)"), 1)

    def test_before_there_is_anything_of_ones_own(self):
        """A select that would write finds no database of the user's to stand in for the mirror."""
        self.exec("DROP TABLE mine")
        self.db.rows("SELECT lumos_detach()")
        self.own.unlink()
        self.allow()
        before = self.state()
        for sql in self.attacks:
            with self.subTest(sql=sql), self.assertRaises(host.ERROR):
                self.exec(sql)
        after = self.state()
        self.assertEqual(after[1], before[1])
        rows = lambda state: [row for row in state[0] if row[1] not in ("databases", "settings")]
        self.assertEqual(rows(after), rows(before))

    def test_the_way_out_is_said(self):
        for sql, words in {
            "DELETE FROM _lumos_data.Genre": "change the table in SQLite",
            "DROP VIEW Genre": "change the table in SQLite",
            "CREATE VIEW Genre AS SELECT 1": "is that of a mirrored table",
            "DELETE FROM Genre": "A mirrored table is changed in SQLite",
            "INSERT INTO Genre VALUES (1, 'x')": "A mirrored table is changed in SQLite",
            "UPDATE Genre SET Name = 'x'": "A mirrored table is changed in SQLite",
            "CREATE MACRO sum(x) AS 42": "is DuckDB's or Lumos' own",
            "CREATE TEMP TABLE x AS SELECT 1": "leave TEMPORARY out",
            "ATTACH 'x' AS x": "takes no ATTACH statement",
            "SET threads = 1": "takes no SET statement",
            "CREATE SECRET s (TYPE http)": "makes no secret",
        }.items():
            self.refused(self.db, "SELECT lumos_exec(?)", "lumos_exec: ", words, values=(sql,))
        self.refused(self.db, "SELECT * FROM lumos_query('DELETE FROM mine')", "lumos_query: takes a SELECT")

    def test_a_statement_that_may_read_does(self):
        for sql in [
            "VALUES (1)", "FROM Genre", "DESCRIBE Genre", "SUMMARIZE Genre", "SHOW TABLES", "(SELECT 1)", "/* x */ SELECT 1;",
            "PIVOT Genre ON Name USING count(*)", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "WITH x AS (SELECT 1) FROM x",
        ]:
            with self.subTest(sql=sql):
                self.assertTrue(self.db.rows("SELECT * FROM lumos_query(?)", sql))
                self.assertEqual(self.exec(sql), 0)


class Files(Guarded):
    def setUp(self):
        super().setUp()
        self.db.rows("PRAGMA journal_mode = WAL")
        self.db.rows("SELECT lumos_track('Genre')")
        self.allow()
        self.exec("CREATE TABLE mine(s VARCHAR)")
        self.other = self.folder / "other.csv"
        self.db.rows("ATTACH ? AS other", str(self.other))
        self.db.rows("CREATE TABLE other.t(x)")
        self.sub = self.folder / "sub"
        self.sub.mkdir()

    def spellings(self, path):
        """Other names of a file, also of one that is not there."""
        name = path.relative_to(self.folder)
        link = self.sub / "link.csv"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        yield str(link)
        yield str(path)
        if not path.is_file():
            return
        yield from [os.path.relpath(path), f"{self.folder}/./{name}", f"{self.sub}/../{name}", f"{self.folder}//{name}"]
        yield from [f"file://{path}", f"file:{path}", f"file://localhost{path}"]
        second = self.sub / "second.csv"
        os.link(path, second)
        try:
            yield str(second)
        finally:
            second.unlink()
        around = self.sub / "around"
        around.symlink_to(self.folder)
        yield str(around / name)
        around.unlink()

    def test_no_query_opens_the_files_of_databases(self):
        (self.folder / (self.mirror.name + ".tmp")).mkdir(exist_ok=True)
        files = [self.mirror.with_name(self.mirror.name + e) for e in ["", ".wal", ".lock", ".tmp"]]
        files.append(files[-1] / "x")
        files += [self.own.with_name(self.own.name + e) for e in ["", ".wal", ".lock"]]
        files += [self.path.with_name(self.path.name + e) for e in ["", "-wal", "-shm", "-journal"]]
        files += [self.other, self.other.with_name(self.other.name + "-journal")]
        before = self.answers(), self.everything()[0]
        for path in files:
            is_there = path.is_file()
            # One that is not there must not be made.
            for name in self.spellings(path):
                for sql in [
                    "COPY (SELECT 1) TO '{}' (FORMAT csv, USE_TMP_FILE false)",
                    "COPY (SELECT 1) TO '{}' (FORMAT csv)",
                    "COPY (SELECT 1) TO '{}' (FORMAT parquet)",
                    "COPY (SELECT 1 AS a, 2 AS b) TO '{}' (FORMAT csv, PARTITION_BY a, OVERWRITE)",
                    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}' (FORMAT json)",
                    *is_there * [
                        "COPY mine FROM '{}'",
                        "INSERT INTO mine SELECT content FROM read_text('{}')",
                        "SELECT * FROM read_duckdb('{}', table_name := 'mine')",
                    ],
                ]:
                    with self.subTest(path=path.name, name=name, sql=sql):
                        self.refused(self.db, "SELECT lumos_exec(?)", "lumos_exec", values=(sql.format(name),))
                for sql in is_there * [
                    "FROM read_blob('{}')",
                    "FROM read_text(['{}'])",
                    "FROM read_csv('{}')",
                    "FROM read_parquet('{}')",
                    "FROM read_json('{}')",
                    "FROM sniff_csv('{}')",
                    "FROM parquet_metadata('{}')",
                ]:
                    with self.subTest(path=path.name, name=name, sql=sql):
                        self.refused(self.db, "SELECT * FROM lumos_query(?)", "lumos_query", values=(sql.format(name),))
                with self.subTest(path=path.name, name=name):
                    self.refused(self.db, "SELECT lumos_export('SELECT 1 AS a', ?)", "lumos_export", values=(name,))
                    self.refused(self.db, "SELECT lumos_load(?, 'loaded')", "lumos_load", values=(name,))
        for sql in ["FROM read_text('{}/*')", "FROM read_blob('{}/chinook*')", "FROM read_text('{}/**')"]:
            self.refused(self.db, "SELECT * FROM lumos_query(?)", "belongs to an open database", values=(sql.format(self.folder),))
        self.refused(self.db, "SELECT lumos_exec(?)", "belongs to an open database", values=(
            f"COPY (SELECT 1) TO '{self.mirror}' (FORMAT csv, USE_TMP_FILE false)",))
        for path in self.sub.iterdir():
            path.unlink()
        self.assertEqual((self.answers(), self.everything()[0]), before)
        # The rest of the folder is open.
        self.assertEqual(self.exec(f"COPY (SELECT 'x' AS s) TO '{self.folder}/x.csv'"), 1)
        self.assertEqual(self.exec(f"COPY mine FROM '{self.folder}/x.csv'"), 1)
        self.assertEqual(self.db.value("SELECT lumos_export('SELECT 1 AS a', ?)", f"{self.folder}/y.csv"), 1)

    def test_without_open_folders(self):
        """DuckDB has the files of what it attached open to itself."""
        self.db.rows("SELECT lumos_detach()")
        self.db.rows("SELECT lumos_attach(NULL, '{\"allow_files\": []}')")
        before = self.mirrored()
        for path in [self.mirror, self.own, self.path]:
            for ending in ["", ".wal", ".wal.checkpoint", ".tmp", ".lock"]:
                for sql in ["COPY (SELECT 1) TO '{}' (FORMAT csv, USE_TMP_FILE false)", "COPY mine FROM '{}'"]:
                    self.refused(self.db, "SELECT lumos_exec(?)", "lumos_exec", values=(sql.format(f"{path}{ending}"),))
                self.refused(self.db, "SELECT * FROM lumos_query(?)", "lumos_query", values=(f"FROM read_csv('{path}{ending}')",))
        self.assertEqual(self.mirrored(), before)

    def test_files_of_another_mirror_of_the_process(self):
        path = self.folder / "second.sqlite"
        second = self.open(path)
        second.rows("CREATE TABLE t(id INTEGER PRIMARY KEY)")
        second.rows("SELECT lumos_track('t'), lumos_exec('CREATE TABLE o(i INTEGER)')")
        for name in [path, f"{path}-lumos.duckdb", f"{path}-lumos-own.duckdb"]:
            self.refused(self.db, "SELECT lumos_exec(?)", "belongs to an open database", values=(f"COPY (SELECT 1) TO '{name}' (FORMAT csv)",))
            self.refused(self.db, "SELECT * FROM lumos_query(?)", "belongs to an open database", values=(f"FROM read_blob('{name}')",))
        second.close()
        self.assertEqual(self.exec(f"COPY (SELECT 1) TO '{path}' (FORMAT csv)"), 1)

    def test_cold_rows_are_read_and_not_written(self):
        cold = self.folder / "cold"
        cold.mkdir()
        self.db.rows("SELECT lumos_tier('Genre', 'GenreId', '10', ?)", str(cold))
        (file,) = cold.iterdir()
        rows = file.read_bytes()
        count = "SELECT count(*), sum(GenreId) FROM Genre"
        self.assertEqual(self.db.query(count, 2), self.db.rows(count))
        for sql in ["COPY (SELECT 1) TO '{}' (FORMAT csv, USE_TMP_FILE false)", "COPY (SELECT 1) TO '{}' (FORMAT parquet)"]:
            self.refused(self.db, "SELECT lumos_exec(?)", "belongs to", values=(sql.format(file),))
        self.refused(self.db, "SELECT lumos_export('SELECT 1 AS a', ?)", "belongs to", values=(str(file),))
        self.refused(self.db, "SELECT lumos_exec(?)", "belongs to", values=(
            f"COPY (SELECT 1 AS a, 2 AS b) TO '{cold}' (FORMAT csv, PARTITION_BY a, OVERWRITE)",))
        self.assertEqual(file.read_bytes(), rows)
        self.assertEqual(self.db.query(f"SELECT count(*) FROM read_parquet('{file}')"), [(9,)])
        self.assertEqual(self.db.query(count, 2), self.db.rows(count))


class Own(Guarded):
    def make(self):
        self.db.rows("SELECT lumos_track('Genre')")
        for sql in [
            "CREATE TABLE notes(id INTEGER PRIMARY KEY, text VARCHAR)",
            "CREATE SCHEMA s",
            "CREATE TABLE s.Genre AS SELECT 7 AS x",
            "CREATE SEQUENCE numbers",
            "CREATE TYPE mood AS ENUM ('good', 'bad')",
            "CREATE TABLE own.moods(m mood)",
            "CREATE MACRO twice(x) AS 2 * x",
            "CREATE MACRO first_ones(n) AS TABLE SELECT * FROM Genre WHERE GenreId <= n",
            "CREATE VIEW own.main.both AS SELECT g.Name, n.text FROM Genre g JOIN notes n ON n.id = g.GenreId",
            "ALTER TABLE notes ADD COLUMN z DOUBLE DEFAULT random()",
            "ALTER TABLE notes DROP COLUMN z",
            "CREATE INDEX by_text ON notes(text)",
            "CREATE TABLE copied AS PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1) USING sum(b)",
        ]:
            self.assertEqual(self.exec(sql), 0, sql)
        self.assertEqual(self.exec("INSERT INTO notes VALUES (1, ?), (2, NULL), (nextval('numbers') + 2, 'c')", '["a"]'), 3)
        self.assertEqual(self.exec("UPDATE own.notes SET text = 'b' WHERE id = 2"), 1)
        self.assertEqual(self.exec("WITH x AS (INSERT INTO notes VALUES (4, 'd') RETURNING id) SELECT * FROM x"), 0)
        self.assertEqual(self.exec("MERGE INTO main.notes USING (SELECT 4 AS id) x USING (id) WHEN MATCHED THEN DELETE"), 1)
        self.assertEqual(self.exec("INSERT INTO moods VALUES ('good')"), 1)

    def check(self):
        for names in ["notes", "own.notes", "own.main.notes", "main.notes"]:
            self.assertEqual(self.db.query(f"SELECT id, text FROM {names} ORDER BY id", 2), [(1, "a"), (2, "b"), (3, "c")])
        self.assertEqual(self.db.query("SELECT Name, text FROM \"both\" ORDER BY 2", 2), [("Rock", "a"), ("Jazz", "b"), ("Metal", "c")])
        self.assertEqual(self.scalar("SELECT twice(21)"), 42)
        self.assertEqual(self.scalar("SELECT count(*) FROM first_ones(3)"), 3)
        self.assertEqual(self.scalar("SELECT count(*) FROM Genre"), 25)
        self.assertEqual(self.scalar("SELECT x FROM s.Genre"), 7)
        self.assertEqual(self.scalar("SELECT x FROM own.s.Genre"), 7)
        self.assertEqual(self.scalar("SELECT m FROM moods"), "good")
        self.db.rows("CREATE VIRTUAL TABLE temp.t USING lumos_table('notes')")
        self.assertEqual(self.db.rows("SELECT count(*), max(text) FROM t"), [(3, "c")])
        self.db.rows("DROP TABLE temp.t")
        self.assertEqual(json.loads(self.db.value("SELECT lumos_import('s')")), ["s_Genre"])
        self.assertEqual(self.db.rows("SELECT x FROM s_Genre"), [(7,)])
        self.assertIn("main_notes", json.loads(self.db.value("SELECT lumos_import('main')")))

    def test_it_lasts(self):
        self.make()
        self.check()
        self.db.rows("SELECT lumos_detach()")
        self.check()
        # The mirror can be made anew, and what users made is not of it.
        self.db.rows("SELECT lumos_detach()")
        self.mirror.unlink()
        self.check()
        self.db.rows("SELECT lumos_untrack('*')")
        self.db.rows("SELECT lumos_track('Genre')")
        self.check()
        self.db.rows("SELECT lumos_resync('*')")
        self.check()
        self.db.rows("SELECT lumos_detach()")
        self.db.rows("SELECT lumos_attach(NULL, '{\"shared\": true}')")
        self.check()
        self.assertEqual(self.exec("DELETE FROM notes"), 3)
        self.assertEqual(self.scalar("SELECT count(*) FROM notes"), 0)
        self.assertEqual(self.db.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%notes%'"), [])

    def test_its_file_comes_with_the_first_write(self):
        self.db.rows("SELECT lumos_track('Genre')")
        for sql in ["SELECT 1", "FROM Genre", "EXPLAIN SELECT 1"]:
            self.exec(sql)
        for sql in ["DELETE FROM nowhere", "DROP TABLE nowhere", "SET threads = 1"]:
            self.refused(self.db, "SELECT lumos_exec(?)", "lumos_exec", values=(sql,))
        self.exec("CREATE TABLE x(i INTEGER)")
        self.assertTrue(self.own.exists())
        # The other connections of the process see it at once.
        self.assertEqual(self.open().query("SELECT count(*) FROM x"), [(0,)])
        self.db.close()

    def test_in_memory(self):
        self.db.rows("SELECT lumos_attach(':memory:')")
        self.make()
        self.check()
        self.db.rows("SELECT lumos_detach()")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["chinook.sqlite"])

    def test_a_table_tracked_under_its_name(self):
        self.db.rows("SELECT lumos_attach(NULL)")
        self.exec("CREATE TABLE Genre AS SELECT 7 AS x")
        self.assertEqual(self.scalar("SELECT x FROM Genre"), 7)
        self.refused(self.db, "SELECT lumos_track('Genre')", "taken in the mirror by a table or view of your own", "another target")
        self.db.rows("SELECT lumos_track('Genre', '{\"target\": \"genres\"}')")
        self.assertEqual(self.db.query("SELECT x, (SELECT count(*) FROM genres) FROM Genre", 2), [(7, 25)])
        # Tracked by a connection that has another mirror: the mirrored table is found first.
        self.db.rows("SELECT lumos_untrack('Genre')")
        self.db.rows("SELECT lumos_detach()")
        other = self.open()
        other.rows("SELECT lumos_attach(':memory:')")
        other.rows("SELECT lumos_track('Genre')")
        other.close()
        self.assertEqual(self.scalar("SELECT count(*) FROM Genre"), 25)
        self.assertEqual(self.scalar("SELECT x FROM own.Genre"), 7)
        self.refused(self.db, "SELECT lumos_untrack('Genre', '{\"drop_mirror\": false}')", "Genre")
        self.assertEqual(self.exec("DROP TABLE own.Genre"), 0)
        self.db.rows("SELECT lumos_untrack('Genre', '{\"drop_mirror\": false}')")
        self.assertEqual(self.scalar("SELECT count(*) FROM own.Genre"), 25)

    def test_a_file_that_cannot_be_opened_hinders_nobody_else(self):
        self.make()
        self.db.rows("SELECT lumos_detach()")
        good = self.own.read_bytes()
        self.own.write_bytes(b"not a database of DuckDB, but of something else" * 100)
        self.assertEqual(self.scalar("SELECT count(*) FROM Genre"), 25)
        for sql in ["SELECT * FROM lumos_query('FROM notes')", "SELECT lumos_exec('CREATE TABLE x(i INTEGER)')"]:
            self.refused(self.db, sql, "the database with the tables of your own cannot be opened", self.own.name)
        self.db.rows("SELECT lumos_detach()")
        self.own.write_bytes(good)
        self.check()

    def test_kept_results_go(self):
        self.db.rows("SELECT lumos_track('Genre')")
        self.exec("CREATE MACRO m() AS 1")
        sql = "SELECT m(), count(*) FROM Genre"
        for n in [1, 2, 3]:
            self.exec(f"CREATE OR REPLACE MACRO m() AS {n}")
            for _ in range(3):
                self.assertEqual(self.db.query(sql, 2), [(n, 25)])
        # One that was being read, and recorded, meanwhile.
        sql = "SELECT m(), GenreId FROM Genre"
        rows = iter(self.db.connection.execute("SELECT c0 FROM lumos_query(?)", (sql,)))
        self.assertEqual(next(rows)[0], 3)
        second = self.open()
        second.rows("SELECT lumos_exec('CREATE OR REPLACE MACRO m() AS 4')")
        self.assertEqual({row[0] for row in rows}, {3})
        self.assertEqual({row[0] for row in self.db.query(sql)}, {4})


if __name__ == "__main__":
    unittest.main()
