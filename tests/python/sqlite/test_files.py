"""Files in and out: what `lumos_export` writes, `lumos_load` and others read back equal, for each type in each format; a file
goes into a table as SQLite itself would take its texts; and a new table loses nothing."""

import csv
import json
import os
import random
import re
import struct
import unittest
from decimal import Decimal

import duckdb
import host

SEED = {"apsw": 71, "pysqlite3": 72}[host.DRIVER]
FORMATS = ["csv", "json", "jsonl", "parquet"]

# Values of DuckDB's types, as its expressions.
TYPES = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "INTEGER": ["-2147483648", "0"],
    "BIGINT": ["'-9223372036854775808'", "9223372036854775807"],
    "UINTEGER": ["4294967295", "0"],
    "UBIGINT": ["18446744073709551615", "1"],
    "UBIGINT small": ["7", "1"],
    "HUGEINT": ["-99999999999999999999999999999999999999", "9223372036854775808", "3"],
    "HUGEINT small": ["5", "-6"],
    "UHUGEINT": ["99999999999999999999999999999999999999", "0"],
    "FLOAT": ["0.1", "-3.5", "'inf'"],
    "DOUBLE": ["0.1", "1e300", "5e-324", "-0.5", "1e16", "123456789.123456789", "3.0"],
    "DOUBLE edge": ["'inf'", "'-inf'", "'nan'", "0.30000000000000004"],
    "DECIMAL(4,1)": ["1.5", "-99.0"],
    "DECIMAL(10,2)": ["1.10", "20.00", "0.05"],
    "DECIMAL(18,3)": ["123456789012.345", "0.500"],
    "DECIMAL(38,10)": ["1234567890123456789.0123456789", "0.0000000001"],
    "DECIMAL(20,0)": ["12345678901234567890", "1"],
    "DATE": ["'2024-02-29'", "'0001-01-01'", "'0044-03-15 (BC)'", "'infinity'", "'-infinity'", "'12024-01-01'"],
    "TIME": ["'23:59:59.123456'", "'00:00:00'"],
    "TIMETZ": ["'23:59:59+05:30'"],
    "TIMESTAMP": ["'2024-02-29 12:00:00.5'", "'1969-12-31 23:59:59'", "'infinity'"],
    "TIMESTAMP_S": ["'2024-02-29 12:00:00'", "'1969-12-31 23:59:59'"],
    "TIMESTAMP_MS": ["'2024-02-29 12:00:00.123'"],
    "TIMESTAMP_NS": ["'2024-02-29 12:00:00.123456789'"],
    "TIMESTAMPTZ": ["'2024-02-29 12:00:00+02'"],
    "INTERVAL": ["'13 months 2 days'", "'1 hour 0.000001 seconds'"],
    "UUID": ["'c0ffee00-1234-5678-9abc-def012345678'"],
    "BIT": ["'10101'"],
    "ENUM('a', 'b,c', '1')": ["'a'", "'b,c'", "'1'"],
    "VARCHAR": ["'a'", "''", "'#no comment'", "'a,b'", "'\"'", "chr(10)", "chr(13) || chr(10) || 'x'", "' x '", "'中文 😀'"],
    "VARCHAR number": ["'1'", "'1.10'", "'9e999'"],
    "VARCHAR mixed": ["'007'", "'true'", "'01/02/2024'", "'12e3'", "'NULL'", "'nan'", "'x' || chr(0) || 'y'"],
    "JSON": ["'{\"a\": [1, 2.50, null]}'", "'[]'"],
    "INTEGER[]": ["[1, NULL, 3]", "[]"],
    "VARCHAR[]": ["['a', '\"', 'b,c']"],
    "DOUBLE[2]": ["[0.5, 1e300]"],
    "STRUCT(a INTEGER, b VARCHAR)": ["{'a': 1, 'b': 'x'}", "{'a': NULL, 'b': ''}"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'k': 1}"],
    # Written as JSON by those that have no such type.
    "UNION(n INTEGER[], t VARCHAR[])": ["[1]::INTEGER[]", "['x']"],
    "INTERVAL[]": ["['1 day'::INTERVAL]"],
    "HUGEINT[]": ["[99999999999999999999::HUGEINT]"],
    "BLOB": ["'a\\xFF'::BLOB", "''::BLOB"],
}
WITHOUT_BLOBS = ["csv", "json", "jsonl"]


def same(kind, loaded, given, form):
    """The value loaded is the one that `lumos_query` gives."""
    if (kind.startswith("DECIMAL") or isinstance(given, Decimal)) and None not in (loaded, given):
        return Decimal(str(loaded)) == Decimal(str(given))
    if kind == "FLOAT" and form.startswith("json") and None not in (loaded, given):
        return struct.pack("f", loaded) == struct.pack("f", given)
    if kind.startswith("UNION") and form == "parquet" and given is not None:
        return json.loads(given) in json.loads(loaded).values()
    # A column of CSV has one class.
    if form == "csv" and type(loaded) is str and given is not None:
        return loaded == str(given)
    return loaded == given and type(loaded) is type(given)


class FilesCase(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        self.db.rows("SELECT lumos_attach(':memory:', ?)", json.dumps({"allow_files": [str(self.folder)]}))

    def write(self, name, content):
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(self.folder / name)

    def load(self, path, table="t", **options):
        return self.db.value("SELECT lumos_load(?, ?, ?)", str(path), table, json.dumps(options))

    def declared(self, table="t"):
        return [ty for (ty,) in self.db.rows("SELECT type FROM pragma_table_info(?)", table)]


class RoundTrip(FilesCase):
    def test_each_type_in_each_format(self):
        for kind, values in TYPES.items():
            ty = re.sub(r" (small|edge|number|mixed)$", "", kind)
            for values in [values, values[:1], []]:
                rows = [f"({i}, CAST({v} AS {ty}))" for i, v in enumerate([*values, "NULL"])]
                sql = f"SELECT * FROM (VALUES {', '.join(rows)}) t(i, v) ORDER BY i"
                try:
                    given = self.db.query(sql, 2)
                except host.ERROR as e:
                    # A number that SQLite has not: its digits.
                    self.assertIn("more digits", str(e))
                    given = [(i, v and Decimal(v)) for i, v in self.db.query(f"SELECT i, v::VARCHAR FROM ({sql})", 2)]
                for form in FORMATS:
                    with self.subTest(kind=kind, values=values, form=form):
                        self.round_trip(kind, sql, given, form)

    def round_trip(self, kind, sql, given, form):
        path = self.folder / f"x.{form}"
        if kind == "BLOB" and form in WITHOUT_BLOBS:
            self.refused(self.db, f"SELECT lumos_export(?, '{path}')", "BLOB", "hex(", values=(sql,))
            self.assertFalse(path.exists())
            return
        self.assertEqual(self.db.value("SELECT lumos_export(?, ?)", sql, str(path)), len(given))
        self.assertEqual(self.load(path), len(given))
        loaded = self.db.rows("SELECT i, v FROM t ORDER BY i")
        self.db.rows("DROP TABLE t")
        for (_, a), (_, b) in zip(loaded, given, strict=True):
            self.assertTrue(same(kind, a, b, form), f"{a!r} is not {b!r}")
        self.assertEqual([p.name for p in self.folder.glob("*.part")], [])
        self.read_by_others(path, given, form)
        path.unlink()

    def read_by_others(self, path, given, form):
        text = path.read_bytes().decode() if form != "parquet" else ""
        if form == "csv" and "\0" not in text:
            rows = list(csv.reader(text.splitlines(keepends=True)))
            self.assertEqual(rows[0], ["i", "v"])
            for (_, read), (_, value) in zip(rows[1:], given, strict=True):
                if isinstance(value, Decimal):
                    self.assertEqual(Decimal(read), value)
                elif isinstance(value, (str, int, type(None))):
                    self.assertEqual(read, "" if value is None else str(value))
                else:
                    self.assertEqual(float(read), value)
        if form == "parquet":
            rows = duckdb.sql(f"SELECT i, CAST(v AS VARCHAR) FROM read_parquet('{path}') ORDER BY i").fetchall()
            for (_, read), (_, value) in zip(rows, given, strict=True):
                if type(value) in (int, type(None)) and read != "nan":
                    self.assertIn(read, [value if value is None else str(value), {1: "true", 0: "false"}.get(value)])
                if type(value) is float and "inf" not in str(value):
                    self.assertAlmostEqual(float(read) / value, 1, places=7)
        if form == "json":
            self.assertEqual(len(json.loads(text)), len(given))
        if form == "jsonl":
            self.assertEqual([json.loads(line)["i"] for line in text.splitlines()], [i for i, _ in given])

    def test_one_column_and_no_row(self):
        for form in FORMATS:
            for sql, expected in [("SELECT NULL::VARCHAR AS v UNION ALL SELECT ''", [None, ""]), ("SELECT 1 AS v WHERE false", [])]:
                path = self.folder / f"y.{form}"
                self.db.rows("SELECT lumos_export(?, ?)", sql, str(path))
                if expected == [] and form.startswith("json"):
                    self.refused(self.db, f"SELECT lumos_load('{path}', 't')", "has no columns", "create the table first")
                    self.db.rows("CREATE TABLE t(v)")
                self.load(path)
                self.assertEqual(sorted(self.db.rows("SELECT v FROM t"), key=repr), sorted([(v,) for v in expected], key=repr))
                self.db.rows("DROP TABLE t")

    def test_names(self):
        sql = 'SELECT 1 AS "a,b", 2 AS "q""x", 3 AS "1", 4 AS "中", 5 AS "A,B"'
        for form in FORMATS:
            path = self.folder / f"n.{form}"
            self.db.rows("SELECT lumos_export(?, ?)", sql, str(path))
            self.load(path)
            names = [n for (n,) in self.db.rows("SELECT name FROM pragma_table_info('t')")]
            self.assertEqual(names[:4], ["a,b", 'q"x', "1", "中"])
            self.assertEqual(self.db.rows("SELECT * FROM t"), [(1, 2, 3, 4, 5)])
            self.db.rows("DROP TABLE t")


# Fields of CSV, as texts.
FIELDS = {
    "integer": ["0", "7", "-12", "9223372036854775807", "-9223372036854775808"],
    "large": ["9223372036854775808", "18446744073709551615", "123456789012345678901234567890"],
    "real": ["1.5", "-0.25", "1e300", "2.0", "0.30000000000000004", "9007199254740993"],
    "money": ["1.10", "-20.00", "0.05", "12345678901.99"],
    "padded": ["007", "+1", "1.", ".5", "1.50", "-0", "1e5", "1E5", "0x1F", "1_000", "1,5"],
    "words": ["a", "true", "false", "NULL", "nan", "inf", "#x", "it's", "中文", " 1", "1 ", "'1'"],
    "dates": ["2024-01-02", "01/02/2024", "2024-01-02T03:04:05Z", "12:30"],
}
AFFINITIES = ["TEXT", "VARCHAR(9)", "INTEGER", "REAL", "NUMERIC", "DECIMAL(10,2)", "BLOB", "", "DATE", "BOOLEAN"]


class Loading(FilesCase):
    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)

    def written(self, rows):
        def field(value):
            quote = value is not None and (value == "" or any(c in value for c in ',"\r\n') or self.rng.random() < 0.1)
            return ('"' + value.replace('"', '""') + '"' if quote else value or ""), quote

        lines, quoted = [], []
        for row in rows:
            fields = [field(v) for v in row]
            lines.append(",".join(f for f, _ in fields))
            quoted.append([q for _, q in fields])
        return self.rng.choice(["\n", "\r\n"]).join(lines) + "\n", quoted

    def column(self, rows):
        kinds = self.rng.choices(sorted(FIELDS), k=self.rng.choice([1, 1, 1, 2]))
        pool = [v for k in kinds for v in FIELDS[k]] + ["", None][: self.rng.randint(0, 2)]
        return [self.rng.choice(pool) for _ in range(rows)]

    def test_a_new_table_loses_nothing(self):
        for n in range(150):
            with self.subTest(n=n):
                rows = self.rng.choice([1, 2, 5, 30])
                columns = [self.column(rows) for _ in range(3)]
                text, quoted = self.written([["a", "b", "c"], *zip(*columns)])
                self.load(self.write("x.csv", text))
                types = self.declared()
                for i, (values, ty) in enumerate(zip(columns, types)):
                    stored = [v for (v,) in self.db.rows(f"SELECT {'abc'[i]} FROM t ORDER BY rowid")]
                    for k, (value, was) in enumerate(zip(stored, values, strict=True)):
                        self.lossless(value, was, ty, quoted[k + 1][i])
                    # Text only where a number would lose something.
                    known = [v for v in values if v is not None]
                    plain = not any(q[i] for q in quoted[1:])
                    if known and plain and all(v in FIELDS["integer"] for v in known):
                        self.assertEqual(ty, "INTEGER")
                    if known and plain and all(v in FIELDS["money"] for v in known):
                        self.assertIn(ty, ["DECIMAL(15,2)", "REAL"])
                self.db.rows("DROP TABLE t")

    def lossless(self, value, was, ty, quoted):
        if value is None or was is None:
            self.assertEqual((value, ty), (was, ty))
        elif isinstance(value, str):
            self.assertEqual((value, ty), (was, "TEXT"))
        else:
            self.assertFalse(quoted, was)
            self.assertEqual(Decimal(repr(value)), Decimal(was))
            if ty == "INTEGER":
                self.assertEqual(str(value), was)
            if ty.startswith("DECIMAL"):
                self.assertEqual(f"{value:.{ty[-2]}f}", was)

    def test_a_table_takes_texts_as_sqlite_does(self):
        declared = ", ".join(f"c{i} {a}" for i, a in enumerate(AFFINITIES))
        marks = ", ".join("?" * len(AFFINITIES))
        self.db.rows(f"CREATE TABLE t({declared})")
        self.db.rows(f"CREATE TABLE oracle({declared})")
        texts = sorted({v for values in FIELDS.values() for v in values} | {"", "a,b", '"', "x\ny"}) + [None]
        text, _ = self.written([[f"c{i}" for i in range(len(AFFINITIES))], *([v] * len(AFFINITIES) for v in texts)])
        self.load(self.write("x.csv", text))
        for value in texts:
            self.db.rows(f"INSERT INTO oracle VALUES({marks})", *[value] * len(AFFINITIES))
        columns = ", ".join(f"c{i}, typeof(c{i})" for i in range(len(AFFINITIES)))
        self.assertEqual(
            self.db.rows(f"SELECT {columns} FROM t ORDER BY rowid"),
            self.db.rows(f"SELECT {columns} FROM oracle ORDER BY rowid"),
        )

    def test_json_keeps_its_classes(self):
        values = ["1", "-1.5", "1.10", "18446744073709551615", "3.14159265358979323846", '"1"', '"\\u00e9\\n"', "true", "false",
                  "null", '{"a": 1.10}', "[1,  2]", "1e2", "9e999", '"infinity"', "-0.0", "9007199254740993"]
        expected = [1, -1.5, 1.1, "18446744073709551615", "3.14159265358979323846", "1", "é\n", 1, 0,
                    None, '{"a": 1.10}', "[1,  2]", 100.0, float("inf"), "infinity", 0.0, 9007199254740993]
        rows = [f'{{"v": {v}}}' for v in values]
        for name, content in [("x.json", "[" + ",\n".join(rows) + "]"), ("x.jsonl", "\n".join(rows)), ("y.json", " ".join(rows))]:
            self.load(self.write(name, content))
            loaded = [v for (v,) in self.db.rows("SELECT v FROM t ORDER BY rowid")]
            self.assertEqual([(v, type(v)) for v in loaded], [(v, type(v)) for v in expected])
            self.db.rows("DROP TABLE t")
            self.db.rows("CREATE TABLE t(v TEXT)")
            self.load(self.folder / name)
            # As it is written.
            texts = [v if v is None else json.loads(raw) if raw[0] == '"' else raw for v, raw in zip(expected, values)]
            self.assertEqual([v for (v,) in self.db.rows("SELECT v FROM t ORDER BY rowid")], texts)
            self.db.rows("DROP TABLE t")
        self.load(self.write("z.jsonl", '{"a": 1}\n{"b": "x"}\n{"a": 2.5, "b": "y"}\n{}'))
        self.assertEqual(self.db.rows("SELECT a, b FROM t"), [(1.0, None), (None, "x"), (2.5, "y"), (None, None)])
        self.assertEqual(self.declared(), ["REAL", "TEXT"])

    def test_a_type_is_chosen_by_the_last_row_too(self):
        lines = ["n,d"] + [f"{i},{i % 100}.50" for i in range(30_000)]
        self.load(self.write("x.csv", "\n".join([*lines, "1.5,1.25"])), "a")
        self.assertEqual(self.db.rows("SELECT max(rowid), sum(n), sum(d) FROM a")[0][0], 30_001)
        self.assertEqual(self.declared("a"), ["REAL", "DECIMAL(15,2)"])
        self.assertEqual(self.db.rows("SELECT n, d FROM a ORDER BY rowid DESC LIMIT 1"), [(1.5, 1.25)])
        self.load(self.write("x.csv", "\n".join([*lines, "x,1.2"])), "b")
        self.assertEqual(self.declared("b"), ["TEXT", "TEXT"])
        self.assertEqual(self.db.rows("SELECT n, d FROM b WHERE rowid IN (1, 30001)"), [("0", "0.50"), ("x", "1.2")])

    def test_options(self):
        path = self.write("x.csv", "a;b\n'x;1';NA\n;''\n")
        self.load(path, delimiter=";", quote="'", null="NA")
        self.assertEqual(self.db.rows("SELECT a, b FROM t"), [("x;1", None), ("", "")])
        self.db.rows("DROP TABLE t")
        self.load(self.write("x.csv", "1,\n2,\"\"\n"), header=False, all_text=True, null=None)
        self.assertEqual(self.db.rows("SELECT c0, c1 FROM t"), [("1", ""), ("2", "")])
        self.load(self.write("x.csv", "3,4\n"), header=False)
        self.assertEqual(self.db.rows("SELECT c0, c1 FROM t WHERE c1 = '4'"), [("3", "4")])
        self.db.rows("DROP TABLE t")
        self.load(self.write("x.csv", 'a\n5" pipe\n"x\n'), quote="")
        self.assertEqual(self.db.rows("SELECT a FROM t"), [('5" pipe',), ('"x',)])
        self.db.rows("DROP TABLE t")
        self.load(self.write("x.json", '[{"a": 1, "b": 1.10, "c": true}]'), all_text=True)
        self.assertEqual(self.db.rows("SELECT a, b, c FROM t"), [("1", "1.10", "true")])

    def test_refusals(self):
        self.db.rows("CREATE TABLE t(a, b)")
        for name, content, options, words in [
            ("x.csv", "a,b\n1\n", {}, ["line 2 has 1 fields, not 2"]),
            ("x.csv", "a,b\n1,2,3\n", {}, ["line 2 has 3 fields"]),
            ("x.csv", 'a,b\n1,2\n"x,2\n', {}, ["line 3", "quote that is not closed"]),
            ("x.csv", 'a,b\n"x"y,2\n', {}, ["line 2", "text after a closed quote"]),
            ("x.csv", b"a,b\n1,\xff\n", {}, ["line 2", "UTF-8"]),
            ("x.csv", "a,a\n1,2\n", {}, ['two columns "a"']),
            ("x.csv", "a,z\n1,2\n", {}, ["no column named z"]),
            ("x.csv", "", {}, ["is empty"]),
            ("x.csv", "a,b\n", {"delimiter": "ab"}, ["delimiter"]),
            ("x.csv", "a,b\n", {"delimiter": '"'}, ["the same"]),
            ("x.csv", "a,b\n", {"nulls": ""}, ["unknown option"]),
            ("x.json", "[]", {"header": True}, ["option of .csv"]),
            ("x.json", '[{"a": 1}, 5]', {}, ["array of objects", "line 1"]),
            ("x.json", '[{"a": 1}', {}, ["array of objects"]),
            ("x.json", '[{"a": 1}] x', {}, ["array of objects"]),
            ("x.jsonl", '{"a": 1}\n{"a": }', {}, ["line 2"]),
            ("x.jsonl", "[" * 100_000, {}, ["lumos_load"]),
            ("x.jsonl", '{"a":' * 100_000, {}, ["lumos_load"]),
            ("x.parquet", "PAR1", {}, ["lumos_load"]),
            ("x[1].parquet", "PAR1", {}, ["characters"]),
        ]:
            with self.subTest(name=name, content=content[:20]):
                path = self.write(name, content)
                self.refused(self.db, "SELECT lumos_load(?, 't', ?)", *words, values=(path, json.dumps(options)))
                self.assertEqual(self.db.value("SELECT count(*) FROM t"), 0)
        os.mkfifo(self.folder / "pipe.csv")
        for sql in ["SELECT lumos_load(?, 't')", "SELECT lumos_export('SELECT 1', ?)"]:
            self.refused(self.db, sql, "no ordinary file", values=(str(self.folder / "pipe.csv"),))
        # A link beside the target is replaced, not followed.
        (self.folder / "y.csv.part").symlink_to("/dev/full")
        self.assertEqual(self.db.value("SELECT lumos_export('SELECT 1 AS a', ?)", str(self.folder / "y.csv")), 1)
        self.assertEqual((self.folder / "y.csv").read_text(), "a\n1\n")
        # All or none.
        self.db.rows("CREATE TABLE u(a INTEGER PRIMARY KEY)")
        self.refused(self.db, "SELECT lumos_load(?, 'u')", "UNIQUE", values=(self.write("x.csv", "a\n1\n2\n1\n"),))
        self.assertEqual(self.db.value("SELECT count(*) FROM u"), 0)

    def test_a_select_cannot_write(self):
        self.db.rows("SELECT lumos_exec('CREATE TABLE own AS SELECT 1 AS a')")
        for form in FORMATS:
            path = str(self.folder / f"w.{form}")
            for sql in [
                "WITH x AS (INSERT INTO own VALUES (2) RETURNING a) SELECT * FROM x",
                "DELETE FROM own",
                "SELECT 1) TO '/dev/null' (FORMAT csv); COPY (SELECT 2",
                "SELECT 1; DELETE FROM own",
            ]:
                self.refused(self.db, "SELECT lumos_export(?, ?)", "lumos_export", values=(sql, path))
        self.assertEqual(self.db.query("SELECT count(*) FROM own"), [(1,)])
        self.assertEqual([p.name for p in self.folder.glob("w.*")], [])


if __name__ == "__main__":
    unittest.main()
