"""Series in both engines: the same rows give the same bytes, whatever their order and the number of threads."""

import json
import random
import struct
import unittest

import duckdb

import host
from both import Both

CALLS = [
    "lumos_forecast('{source}', 5)",
    "lumos_forecast('{source}', 3, '{{\"model\": \"ets\", \"level\": 0.8, \"lang\": \"zh\"}}')",
    "lumos_backtest('{source}', 3)",
    "lumos_anomalies('{source}', '{{\"threshold\": 2.5}}')",
    "lumos_changepoints('{source}')",
    "lumos_forecast('{source}', 2, '{{\"level\": [0.8, 0.95, 0.5]}}')",
    "lumos_decompose('{source}')",
    "lumos_decompose('{source}', '{{\"holidays\": [\"2024-01-11\", \"2024-02-20\", \"2024-03-08\"]}}')",
    "lumos_seasons('{source}')",
    "lumos_outliers('{source}', '{{\"key\": \"shop\", \"columns\": [\"day\"]}}')",
    "lumos_chart_suggest('{source}')",
    "lumos_chart('{source}', '{{\"kind\": \"line\"}}')",
    "lumos_chart_svg('{source}', '{{\"kind\": \"histogram\", \"x\": \"amount\", \"lang\": \"zh\"}}')",
    "lumos_check_suggest('{source}')",
]

# Their SELECT of the rows that fail is in the engine's own SQL.
CHECKS = """SELECT name, kind, severity, status, rows, failed, unknown, share, keys, explanation FROM {call}
lumos_check_of('sales', '[{"unique": ["day", "shop"]}, {"not_null": "amount", "max_share": 0.1}, {"range": {"column": "amount", "min": 0}}, {"in": {"column": "shop", "values": ["Lyon", ""]}}, {"length": {"column": "shop", "min": 1}, "null": "fail"}, {"glob": {"column": "day", "pattern": "2024-0*"}}, {"type": {"column": "amount", "is": "number"}}, {"row_count": {"max": 99}}, {"freshness": {"column": "day", "within": "9 weeks"}}, {"columns": ["Day", "till"]}, {"aggregate": "min(amount) > -100"}]', '{"now": "2024-04-15", "key": ["shop", "day"], "sample": 9}')"""


def exact(rows):
    """With every double as its bytes."""
    return [tuple(struct.pack("<d", v) if isinstance(v, float) else v for v in row) for row in rows]


def series(chance):
    """Rows of (day, value, shop): waves, steps and noise, with gaps, days that come twice, and NULLs."""
    rows = []
    for shop in ["Lyon", "O'Neil", "", None, "北京"]:
        level = chance.uniform(-5, 500)
        for day in range(chance.choice([1, 3, 12, 40, 90])):
            if chance.random() < 0.05:
                continue
            value = level + 20 * (day % 7 == 5) + chance.gauss(0, 3) + 80 * (day > 60)
            date = f"2024-{day // 28 + 1:02}-{day % 28 + 1:02}"
            rows.append((date, None if chance.random() < 0.03 else value, shop))
            if chance.random() < 0.1:
                rows.append((date, value * 1e15, shop))
    return rows


class Series(Both):
    def make(self, db, rows, table):
        db.execute(f"DROP TABLE IF EXISTS {table}")
        db.execute(f"CREATE TABLE {table}(day TEXT, amount DOUBLE, shop TEXT)")
        db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

    def test_the_same_bytes(self):
        for seed in range(3):
            chance = random.Random(seed)
            rows = series(chance)
            self.make(self.sqlite.connection, rows, "sales")
            expected = {}
            for call in CALLS:
                call = call.format(source="sales")
                expected[call] = exact(self.sqlite.rows(f"SELECT * FROM {call}"))
                self.assertTrue(expected[call] or "change" in call or "check" in call)
            select, call = CHECKS.split("{call}")
            checked = exact(self.sqlite.rows(select + call))
            self.assertEqual(len(checked), 11)
            for threads in (1, 8):
                self.duckdb.execute(f"SET threads = {threads}")
                chance.shuffle(rows)
                # Enough rows of another series that DuckDB shares them out.
                self.make(self.duckdb, rows, "sales")
                for call, answer in expected.items():
                    found = self.duckdb.execute(f"FROM query({call})").fetchall()
                    self.assertEqual(exact(found), answer, (seed, threads, call))
                select, call = CHECKS.split("{call}")
                found = self.duckdb.execute(f"{select} query({call})").fetchall()
                self.assertEqual(exact(found), checked, (seed, threads))

    def test_the_same_bytes_of_what_is_known_ahead(self):
        chance = random.Random(4)
        rows, feasts = [], ["2024-01-11", "2024-02-20", "2024-03-08", "2024-03-27"]
        for shop in ["Lyon", "北京"]:
            for day in range(84):
                date = f"2024-{day // 28 + 1:02}-{day % 28 + 1:02}"
                price = chance.uniform(5, 9)
                value = 500 - 30 * price + 90 * (date in feasts) + chance.gauss(0, 3)
                rows.append((date, value if day < 80 else None, shop, price, chance.random() if day % 9 or day > 79 else None))
        calls = [
            f"""lumos_{call}('moving', 3, '{{"x": ["price", "luck"], "holidays": "{holidays}", "step": "1 day"{more}}}')"""
            for call, more in [("forecast", ', "components": true, "history": true'), ("backtest", "")]
            for holidays in ["feasts", "feasts(day)", "SELECT day, name FROM feasts"]
        ]
        calls += ["""lumos_anomalies('SELECT day, amount, shop FROM moving', '{"mode": "batch", "step": "1 day"}')"""]

        def make(db, day):
            for table in ["moving", "feasts"]:
                db.execute(f"DROP TABLE IF EXISTS {table}")
            db.execute(f"CREATE TABLE moving(day {day}, amount DOUBLE, shop TEXT, price DOUBLE, luck DOUBLE)")
            db.executemany("INSERT INTO moving VALUES (?, ?, ?, ?, ?)", rows)
            db.execute(f"CREATE TABLE feasts(day {day}, name TEXT)")
            db.executemany("INSERT INTO feasts VALUES (?, ?)", [(day, "feast") for day in feasts])

        make(self.sqlite.connection, "TEXT")
        expected = [exact(self.sqlite.rows(f"SELECT * FROM {call}")) for call in calls]
        self.assertTrue(all("with holidays, price" in row[6] for row in expected[0] if row[1] > 0), expected[0][-1])
        for threads, day in [(1, "TEXT"), (8, "DATE")]:
            self.duckdb.execute(f"SET threads = {threads}")
            chance.shuffle(rows)
            make(self.duckdb, day)
            for call, answer in zip(calls, expected):
                columns = "*" if "backtest" in call else "* REPLACE (ts::VARCHAR AS ts)"
                found = self.duckdb.execute(f"SELECT {columns} FROM query({call})").fetchall()
                self.assertEqual(exact(found), answer, (threads, day, call))

    def test_many_rows_are_shared_out_among_threads(self):
        rows = "SELECT i // 50 AS t, (i * 7919 % 1000)::DOUBLE AS v, i % 50 AS k FROM range(300000) r(i)"
        self.duckdb.execute(f"CREATE TABLE many AS {rows}")
        found = []
        for threads, order in [(1, "t, k"), (8, "hash(t, k)"), (3, "k DESC, hash(t)")]:
            self.duckdb.execute(f"SET threads = {threads}")
            self.duckdb.execute(f"CREATE OR REPLACE TABLE turned AS FROM many ORDER BY {order}")
            call = "lumos_forecast('SELECT t, v, k FROM turned WHERE k < 4', 2)"
            found.append(exact(self.duckdb.execute(f"FROM query({call})").fetchall()))
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])
        self.assertEqual(len(found[0]), 8)

    def test_times_of_each_type_come_back(self):
        days = [f"2024-01-{day:02}" for day in range(1, 13)]
        for ty, shown in [
            ("DATE", "2024-01-13"),
            ("TIMESTAMP", "2024-01-13 00:00:00"),
            ("TIMESTAMP_S", "2024-01-13 00:00:00"),
            ("TIMESTAMP_MS", "2024-01-13 00:00:00"),
            ("TIMESTAMP_NS", "2024-01-13 00:00:00"),
            ("VARCHAR", "2024-01-13"),
        ]:
            self.duckdb.execute(f"CREATE OR REPLACE TABLE t AS SELECT unnest({days})::{ty} AS day, 1.5::DECIMAL(38, 10) AS v")
            (found,) = self.duckdb.execute("SELECT ts::VARCHAR FROM query(lumos_forecast('t', 1))").fetchone()
            self.assertEqual(found, shown, ty)
        for ty in ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "DOUBLE", "DECIMAL(9, 2)"]:
            self.duckdb.execute(f"CREATE OR REPLACE TABLE t AS SELECT i::{ty} AS i, i % 2 = 0 AS v FROM range(20) r(i)")
            found = self.duckdb.execute("SELECT ts, typeof(ts) FROM query(lumos_forecast('t', 1))").fetchone()
            self.assertEqual(found, (20, "BIGINT"), ty)

    def test_what_is_wrong_with_a_column_names_the_function_and_a_way_out(self):
        def refused(source, function, words):
            with self.assertRaises(duckdb.Error) as caught:
                self.duckdb.execute(f"FROM query({function.format(source)})").fetchall()
            said = str(caught.exception)
            self.assertIn(f"{function.partition('(')[0]}: {words}", said)
            self.assertNotIn("_lumos_", said)

        # Names of internal columns are none of the caller's either.
        odd = [("TIME", "'10:00'"), ("TIMETZ", "'10:00:00+00'"), ("INTERVAL", "'1 day'"), ("UUID", "'00000000-0000-0000-0000-000000000001'"), ("BIT", "'101'"), ("BLOB", "'x'")]
        nested = [("INTEGER[]", "[1]"), ("DATE[][]", "[['2024-01-01']]"), ("VARCHAR[1]", "['a']"), ("STRUCT(a INTEGER)", "{'a': 1}"), ("MAP(INTEGER, INTEGER)", "MAP {1: 2}"), ("UNION(a INTEGER)", "union_value(a := 1)")]
        others = [("DATE", "'2024-01-01'"), ("TIMESTAMP", "'2024-01-01'")] + nested
        columns = ", ".join(f"{value}::{ty} AS c{i}" for i, (ty, value) in enumerate(odd + others))
        self.duckdb.execute(f"CREATE TABLE odd AS SELECT {columns}, true AS flag, '5' AS text, 'a'::ENUM ('a') AS kind, 1 AS number")
        functions = ["lumos_forecast('{}', 1)", "lumos_backtest('{}', 1)", "lumos_anomalies('{}')", "lumos_changepoints('{}')", "lumos_decompose('{}')", "lumos_seasons('{}')"]
        for function in functions:
            for i, (ty, _) in list(enumerate(odd)) + list(enumerate(nested, len(odd) + 2)):
                ty = ty.replace("TIMETZ", "TIME WITH TIME ZONE").partition("(")[0]
                refused(f"odd(c{i}, number)", function, f"the times are of the type {ty}; give dates like")
                refused(f"SELECT c{i}, number FROM odd", function, f"the times are of the type {ty}; give dates like")
            refused("odd(flag, number)", function, "the times are of the type BOOLEAN; give dates like")
            for column, words in [("text", "a TEXT"), ("kind", "a TEXT"), ("c5", "a BLOB")] + [(f"c{len(odd) + i}", f"of the type {ty}") for i, (ty, _) in enumerate(others)]:
                refused(f"odd(number, {column})", function, f"value is {words}; give a number")
        refused("odd", """lumos_drivers('{}', 'sum(text)', 'number = 1', '["kind"]')""", "value is a TEXT; give a number")
        refused("", """lumos_simulate('concat(a, ''x'')', '{{"a": 1}}', 5, 1)""", "value is a TEXT; give a number")
        self.assertEqual(self.duckdb.execute("FROM query(lumos_forecast('SELECT c0, number FROM odd LIMIT 0', 1))").fetchall(), [])

    def test_an_enum_is_a_text(self):
        self.duckdb.execute("CREATE TABLE t AS SELECT d::ENUM ('2024-01-01', '2024-01-02', '2024-01-03') AS day, 5 AS v FROM (VALUES ('2024-01-02'), ('2024-01-01'), ('2024-01-03')) r(d)")
        self.assertEqual(self.duckdb.execute("SELECT ts, typeof(ts), value FROM query(lumos_forecast('t', 1))").fetchone(), ("2024-01-04", "VARCHAR", 5.0))

    # What follows the two lists.
    CALLS_OF_LISTS = [("forecast", ", 3"), ("anomalies", ""), ("changepoints", "")]

    def test_lists_answer_as_their_json(self):
        chance = random.Random(7)
        rows = [(f"2024-{i // 28 + 1:02}-{i % 28 + 1:02}", i * 7 % 5 + 30 * (i > 50), i % 3) for i in range(84)]
        chance.shuffle(rows)
        rows += [(None, 5, 0), ("2024-01-09", None, 1), (None, None, 2)]
        for db, ty in [(self.sqlite.connection, "TEXT"), (self.duckdb, "DATE")]:
            db.execute(f"CREATE TABLE sales(day {ty}, amount INTEGER, shop INTEGER)")
            db.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
        times = ["DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "VARCHAR"]
        values = ["TINYINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL(9, 2)", "DECIMAL(38, 10)"]
        for of, more in self.CALLS_OF_LISTS:
            query = f"SELECT shop, lumos_{of}_of({{}}{more}) FROM sales GROUP BY shop ORDER BY shop"
            for time, value in [(ty, "INTEGER") for ty in times] + [("DATE", ty) for ty in values]:
                found = self.duckdb.execute(query.format(f"list(day::{time}), list(amount::{value})")).fetchall()
                texts = f"to_json(list(CAST(day::{time} AS VARCHAR))), to_json(list(amount))"
                self.assertEqual(found, self.duckdb.execute(query.format(texts)).fetchall(), (of, time, value))
                self.assertEqual(len(found), 3)
                self.assertTrue(of == "changepoints" or all(answer.startswith("[{") for _, answer in found))
            # Times that are numbers.
            query = f"SELECT lumos_{of}_of({{}}{more}) FROM (SELECT day - DATE '2024-01-01' AS t, amount AS v FROM sales)"
            texts = self.duckdb.execute(query.format("to_json(list(t)), to_json(list(v))")).fetchall()
            for time in ["SMALLINT", "BIGINT", "DOUBLE", "DECIMAL(9, 2)"]:
                self.assertEqual(self.duckdb.execute(query.format(f"list(t::{time}), list(v)")).fetchall(), texts, (of, time))
            # The other engine, which has texts.
            query = f"SELECT shop, lumos_{of}_of({{}}{more}) FROM sales GROUP BY shop ORDER BY shop"
            theirs = self.sqlite.rows(query.format("json_group_array(day), json_group_array(amount)"))
            self.assertEqual(self.duckdb.execute(query.format("list(day), list(amount)")).fetchall(), theirs)

    def test_lists_of_any_shape(self):
        def one(arguments, of="anomalies"):
            return self.duckdb.execute(f"SELECT lumos_{of}_of({arguments})").fetchone()[0]

        for lists in ["[], []", "[]::DATE[], []::DOUBLE[]", "[]::TIME[], []::DOUBLE[]"]:
            self.assertEqual(one(lists), "[]")
        for lists in ["NULL, [1]", "[1], NULL::DOUBLE[]", "NULL::DATE[], '[1]'", "NULL, NULL"]:
            self.assertIsNone(one(lists))
        for lists, texts in [
            ("[NULL], [NULL]", "'[null]', '[null]'"),
            ("[1, 2], '[1, 2]'", "'[1, 2]', [1, 2]"),
            ("[1, 2]::INTEGER[2], [1.5, 'nan'::DOUBLE]::DOUBLE[2]", "'[1, 2]', '[1.5, null]'"),
            ("[1, 2], ['inf'::DOUBLE, 3]", "'[1, 2]', '[null, 3]'"),
            ("[1, 2], [true, NULL]", "'[1, 2]', '[true, null]'"),
            ("['2024-01-01 08:00:00+08'::TIMESTAMPTZ], [1]", "'[\"2024-01-01 00:00:00\"]', '[1]'"),
            ("['2024-01-01 00:00:00.000001999'::TIMESTAMP_NS], [1]", "'[\"2024-01-01 00:00:00.000001\"]', '[1]'"),
            ("[1, 2], [1, 2], '{\"last\": 1}'", "'[1, 2]', '[1, 2]', '{\"last\": 1}'"),
        ]:
            self.assertEqual(one(lists), one(texts), lists)
        until = ", NULL, '{\"until\": 4}'"
        self.assertEqual(one("[1, 2, 3], [5, 5, 5]" + until, "forecast"), one("'[1, 2, 3]', '[5, 5, 5]'" + until, "forecast"))
        # A constant, a part of a list, a list that another function made.
        self.duckdb.execute("CREATE TABLE lists AS SELECT i, CASE WHEN i % 5 > 0 THEN [i, i + 1, i + 2] END AS t, CASE WHEN i % 7 > 0 THEN [i, NULL, 3] END AS v FROM range(5000) r(i)")
        for t, v in [("t", "v"), ("t", "[1, 2, 3]"), ("[1, 2, 3]", "v"), ("t[2:]", "v[:2]"), ("list_reverse(t)", "list_sort(v)"), ("list_filter(t, lambda x: x > 9)", "list_filter(t, lambda x: x > 9)"), ("list_concat(t, [7])", "list_concat(v, [8])"), ("array_value(i, i + 1)", "array_value(1, i)")]:
            query = "SELECT lumos_anomalies_of({}, {}) FROM lists WHERE i % 3 = 1 AND (t IS NULL) = (v IS NULL) ORDER BY i"
            found = self.duckdb.execute(query.format(t, v)).fetchall()
            self.assertEqual(found, self.duckdb.execute(query.format(f"to_json({t})", f"to_json({v})")).fetchall(), (t, v))
        for arguments, words in [
            ("['10:00'::TIME], [1]", "times is of the type TIME[]; give a list of dates, timestamps, numbers or texts, or a JSON array"),
            ("[[1]], [1]", "times is of the type INTEGER[][]; give a list of dates"),
            ("[{'a': 1}], [1]", "times is of the type STRUCT[]; give a list of dates"),
            ("[1], [[1]]", "values is of the type INTEGER[][]; give a list of dates"),
            ("[1], ['x'::BLOB]", "values is of the type BLOB[]; give a list of dates"),
            ("[true], [1]", "times has true, which is no time"),
            ("['May'], [1]", '"May" is no time; give a date'),
            ("[1], ['5']", "value is a TEXT; give a number"),
            ("[1], []", "times has 1 element and values 0; give a value for each time"),
            ("DATE '2024-01-01', [1]", "times is no list; give one, like list(x), or a JSON array"),
            ("1, [1]", "times is no JSON array; give one"),
            ("['infinity'::DATE], [1]", "times has a time outside of the years 1 to 9999"),
        ]:
            for of, more in self.CALLS_OF_LISTS:
                with self.assertRaises(duckdb.Error) as caught:
                    one(arguments + more, of)
                self.assertIn(f"lumos_{of}_of: {words}", str(caught.exception))

    def test_a_list_of_each_of_many_groups(self):
        self.duckdb.execute("CREATE TABLE many AS SELECT i // 20 AS k, DATE '2024-01-01' + (i % 20)::INTEGER AS day, (i * 7919 % 1000)::DOUBLE AS v FROM range(200000) r(i)")
        query = "SELECT k, lumos_changepoints_of({0}), lumos_anomalies_of({0}, '{{\"last\": 1}}') FROM many GROUP BY k ORDER BY k"
        found = []
        for threads in (1, 8):
            self.duckdb.execute(f"SET threads = {threads}")
            found.append(self.duckdb.execute(query.format("list(day), list(v)")).fetchall())
        self.assertEqual(len(found[0]), 10_000)
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], self.duckdb.execute(query.format("to_json(list(day)), to_json(list(v))")).fetchall())

    def test_a_column_may_be_named_twice(self):
        rows = [(f"2024-01-{day:02}", day * 7 % 5 + 1.5, f"s{day % 2}", day % 3) for day in range(1, 29)]
        for db in (self.sqlite.connection, self.duckdb):
            db.execute("CREATE TABLE twice(day TEXT, amount DOUBLE, shop TEXT, Price INTEGER)")
            db.executemany("INSERT INTO twice VALUES (?, ?, ?, ?)", rows)
        for options in ['"x": "amount"', '"x": ["AMOUNT", "price"]', '"by": "amount"', '"by": "Day"', '"by": ["SHOP", "price"]', '"by": "shop", "x": "price"', '"by": []', '"x": "price"']:
            for source in ["twice", "SELECT * FROM twice", "twice(day, amount, shop, price)"]:
                call = f"lumos_forecast('{source}', 1, '{{{options}}}')"
                found = self.duckdb.execute(f"FROM query({call})").fetchall()
                self.assertEqual(exact(found), exact(self.sqlite.rows(f"SELECT * FROM {call}")), call)
        for options, words in [('"x": "nosuch"', "nosuch"), ('"x": "day"', "value is a TEXT; give a number")]:
            with self.assertRaises(host.ERROR) as ours:
                self.sqlite.rows(f"SELECT * FROM lumos_forecast('twice', 1, '{{{options}}}')")
            with self.assertRaises(duckdb.Error) as theirs:
                self.duckdb.execute(f"FROM query(lumos_forecast('twice', 1, '{{{options}}}'))").fetchall()
            for caught in (ours, theirs):
                self.assertIn(words, str(caught.exception))

    def test_what_does_not_fit_the_times_is_said(self):
        for db in (self.sqlite.connection, self.duckdb):
            db.execute("CREATE TABLE days(day TEXT, n INTEGER)")
            db.executemany("INSERT INTO days VALUES (?, ?)", [(f"2024-01-{day:02}", day % 7) for day in range(1, 29)])
            db.execute("CREATE TABLE counted(i INTEGER, n INTEGER)")
            db.executemany("INSERT INTO counted VALUES (?, ?)", [(i, i % 7) for i in range(28)])
        for table, options, words in [
            ("days", '"step": 1', 'dates; give a step like "1 day"'),
            ("days", '"step": "1 hour"', "dates; give a step of days, or times with hours"),
            ("counted", '"step": "1 day"', "whole numbers; give a whole number"),
            ("days", '"start": 5', 'dates; give a time like "2026-05-01"'),
            ("counted", '"end": "2026-01-01"', "whole numbers; give a whole number"),
        ]:
            for function in ["lumos_forecast('{}', 2, '{{{}}}')", "lumos_anomalies('{}', '{{{}}}')", "lumos_decompose('{}', '{{{}}}')"]:
                call = function.format(table, options)
                (row,) = self.sqlite.rows(f"SELECT * FROM {call}")
                self.assertTrue([cell for cell in row if cell and cell.endswith(words)], row)
                self.assertEqual(self.duckdb.execute(f"FROM query({call})").fetchall(), [row])

    def test_a_view_is_made_anew_and_a_prepared_text_stays(self):
        self.make(self.duckdb, [(f"2024-01-{day:02}", 5.0, "a") for day in range(1, 11)], "sales")
        self.duckdb.execute("CREATE VIEW outlook AS SELECT series, value FROM query(lumos_forecast('sales', 1))")
        self.assertEqual(self.duckdb.execute("FROM outlook").fetchall(), [("a", 5.0)])
        self.duckdb.execute("INSERT INTO sales VALUES ('2024-01-01', 1, 'b')")
        self.assertEqual(len(self.duckdb.execute("FROM outlook").fetchall()), 2)


class InSqlite(host.Case):
    def test_in_a_transaction_and_on_a_file_that_is_only_read(self):
        path = self.folder / "series.db"
        db = self.open(path)
        db.rows("CREATE TABLE t(i INTEGER, v REAL)")
        db.rows("BEGIN")
        db.rows("INSERT INTO t VALUES (1, 2.0), (2, 2.0), (3, 2.0)")
        call = "SELECT ts, value FROM lumos_forecast('t', 1)"
        self.assertEqual(db.rows(call), [(4, 2.0)])
        db.rows("COMMIT")
        db.rows("PRAGMA query_only = 1")
        self.assertEqual(db.rows(call), [(4, 2.0)])
        db.rows("PRAGMA query_only = 0")
        # A text that writes is no query.
        for text in ["DELETE FROM t", "SELECT 1, 2; DELETE FROM t", "SELECT 1, 2) UNION SELECT * FROM t; DROP TABLE t --"]:
            with self.assertRaises(host.ERROR):
                db.rows("SELECT * FROM lumos_forecast(?, 1)", text)
        self.assertEqual(db.value("SELECT count(*) FROM t"), 3)

    def test_long_work_is_stopped(self):
        db = self.open()
        db.rows("CREATE TABLE long AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000) SELECT i, i * 7919 % 1000 AS v FROM c")
        # Minutes of work on rows that are read at once.
        for stop in ("handler", "interrupt"):
            with host.interrupts(db, after=60, by=stop):
                db.rows("""SELECT count(*) FROM lumos_backtest('long', 50, '{"windows": 100, "period": [12, 168]}')""")
        # And where the rows are lists.
        lists = json.dumps(list(range(300_000))), json.dumps([i * 7919 % 1000 for i in range(300_000)])
        for stop in ("handler", "interrupt"):
            with host.interrupts(db, after=2, by=stop):
                db.rows("SELECT length(lumos_changepoints_of(?, ?))", *lists)
        self.assertEqual(db.value("SELECT count(*) FROM lumos_forecast('SELECT i, v FROM long WHERE i < 9', 2)"), 2)


if __name__ == "__main__":
    unittest.main()
