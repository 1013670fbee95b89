"""The one extension file in this version of DuckDB for Python."""

import math
import os
import struct
import unittest

import duckdb

EXTENSION = os.environ["LUMOS_DUCKDB"]
DISTANCES = {
    "lumos_l2": 5.0,
    "lumos_ip": -16.0,
    "lumos_cosine": 1 - 16 / math.sqrt(5 * 52),
    "lumos_l1": 7.0,
    "lumos_hamming": 2.0,
    "lumos_jaccard": 0.0,
}


class Extension(unittest.TestCase):
    def setUp(self):
        self.db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(self.db.close)
        self.db.execute(f"LOAD '{EXTENSION}'")

    def value(self, sql, *values):
        return self.db.execute(sql, values).fetchone()[0]

    def refused(self, sql, *words):
        with self.assertRaises(duckdb.Error) as caught:
            self.db.execute(sql).fetchall()
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_version(self):
        self.assertRegex(self.value("SELECT lumos_version()"), r"^\d+\.\d+\.\d+$")

    def test_debug_names_the_host(self):
        host = self.value("SELECT json_extract_string(lumos_debug(), '$.duckdb')")
        self.assertEqual(host.lstrip("v"), duckdb.__version__)

    def test_every_form_of_a_vector(self):
        a, b = [1, 2], [4, 6]
        blobs = [f"unhex('{struct.pack('<2f', *v).hex()}')" for v in (a, b)]
        forms = [(f"'{a}'", f"'{b}'"), blobs]
        for element in ["FLOAT[]", "FLOAT[2]", "DOUBLE[]", "INTEGER[]", "DECIMAL(4,1)[]", "DOUBLE[2]"]:
            forms.append((f"{a}::{element}", f"{b}::{element}"))
        for kind in ["f32", "f16", "bf16", "i8"]:
            forms.append((f"lumos_vec({a}, '{kind}')", f"lumos_vec({b}, '{kind}')"))
        for name, expected in DISTANCES.items():
            for left, _ in forms:
                for _, right in forms:
                    got = self.value(f"SELECT {name}({left}, {right})")
                    self.assertAlmostEqual(got, expected, places=12, msg=f"{name} {left} {right}")

    def test_null(self):
        for name in DISTANCES:
            for vector in ["'[1]'", "[1]::FLOAT[]", "[1]::FLOAT[1]"]:
                self.assertIsNone(self.value(f"SELECT {name}({vector}, NULL)"))
                self.assertIsNone(self.value(f"SELECT {name}(NULL, {vector})"))
            self.assertIsNone(self.value(f"SELECT {name}(NULL, NULL)"))
            self.assertIsNone(self.value(f"SELECT {name}(NULL::FLOAT[3], [1, 2, 3]::FLOAT[3])"))

    def test_errors(self):
        for name in DISTANCES:
            for a, b, word in [
                ("'[1, 2]'", "'[1, 2, 3]'", "vectors of 2 and 3 dimensions; both must have the same"),
                ("[1]::FLOAT[1]", "[1, 2]::FLOAT[2]", "vectors of 1 and 2 dimensions"),
                ("[]::FLOAT[]", "[]::FLOAT[]", "an empty vector has no dimensions"),
                ("'near'", "'[1]'", "\"near\" is not a vector"),
                ("unhex('0000')", "'[1]'", "a BLOB of 2 bytes is not a vector"),
                ("['inf'::FLOAT]", "'[1]'", "only finite numbers are allowed"),
                ("[1, NULL]::FLOAT[]", "[1, 2]::FLOAT[]", "NULL"),
                ("[1, NULL]::FLOAT[2]", "[1, 2]::FLOAT[2]", "NULL"),
            ]:
                self.refused(f"SELECT {name}({a}, {b})", f"{name}: ", word)
        self.assertEqual(self.value("SELECT lumos_l2('[1]', '[1]')"), 0.0)

    def test_an_error_in_a_late_row(self):
        self.refused(
            "SELECT sum(lumos_l2(CASE WHEN i < 9999 THEN '[1]' ELSE 'late' END, '[1]')) FROM range(10000) t(i)",
            '"late"',
        )

    def test_many_rows_in_many_threads(self):
        self.db.execute("SET threads = 4")
        self.db.execute(
            "CREATE TABLE v AS SELECT i, CASE WHEN i % 7 > 0 THEN [i, i + 1, i + 2]::FLOAT[] END::FLOAT[3] AS a,"
            " [i + 2, i + 2, i + 4]::FLOAT[3] AS b, [0, i % 10, 0]::FLOAT[] AS c FROM range(300000) t(i)"
        )
        got = self.db.execute("SELECT count(*), count(d), min(d), max(d) FROM (SELECT lumos_l2(a, b) AS d FROM v)")
        self.assertEqual(got.fetchone(), (300000, 257142, 3.0, 3.0))
        # Filtered, dictionary and constant vectors beside plain ones.
        got = self.value("SELECT sum(lumos_l2(c, [0, 0, 0]::FLOAT[3])) FROM v WHERE i % 3 = 0 AND i < 30000")
        self.assertEqual(got, 45000.0)
        nearest = self.db.execute("SELECT i FROM v WHERE a IS NOT NULL ORDER BY lumos_l2(a, [100, 101, 102]), i LIMIT 3")
        self.assertEqual(nearest.fetchall(), [(100,), (99,), (101,)])

    def test_topk_equals_sorting(self):
        self.db.execute("SET threads = 4")
        self.db.execute(
            "CREATE TABLE v AS SELECT i, i % 5 AS g, CASE WHEN i % 11 > 0 THEN list_transform(range(9),"
            " lambda x: ((hash(i * 9 + x) % 21)::INTEGER - 10)::FLOAT) END::FLOAT[9] AS e FROM range(200000) t(i)"
        )
        query = [1, -2, 3, -4, 5, -6, 7, -8, 9]
        forms = {f"{query}::FLOAT[9]": [], f"{query}::FLOAT[]": [], f"'{query}'": [], "?": [struct.pack("<9f", *query)]}
        for metric, name in [(name.removeprefix("lumos_"), name) for name in DISTANCES]:
            expected = self.db.execute(
                f"SELECT g, list({{'id': i, 'distance': d}} ORDER BY d, i)[:7] FROM (SELECT i, g, {name}(e, '{query}') AS d"
                " FROM v WHERE e IS NOT NULL) GROUP BY g ORDER BY g"
            ).fetchall()
            for form, values in forms.items():
                got = self.db.execute(f"SELECT g, lumos_topk(i, e, {form}, 7, '{metric}') FROM v GROUP BY g ORDER BY g", values)
                self.assertEqual(got.fetchall(), expected, f"{metric} {form}")

    def test_topk_in_every_place_of_an_aggregate(self):
        self.db.execute("CREATE TABLE v AS SELECT i, [i, 1]::FLOAT[2] AS e FROM range(3000) t(i)")
        topk = "lumos_topk(i, e, [1000, 1]::FLOAT[2], 2)"
        near = [{"id": 1000, "distance": 0.0}, {"id": 999, "distance": 1.0}]
        self.assertEqual(self.value(f"SELECT {topk} FROM v"), near)
        self.assertEqual(self.value(f"SELECT {topk} FILTER (i > 2000) FROM v")[0]["id"], 2001)
        self.assertEqual(self.value(f"SELECT lumos_topk(DISTINCT i, e, [1000, 1]::FLOAT[2], 2) FROM (FROM v UNION ALL FROM v)"), near)
        # As a window each row sees the rows so far.
        sql = f"SELECT {topk} OVER (ORDER BY i) AS near FROM v ORDER BY i LIMIT 1 OFFSET 999"
        self.assertEqual([hit["id"] for hit in self.value(sql)], [999, 998])
        self.assertEqual(self.db.execute(f"SELECT {topk}, count(*) FROM v GROUP BY i ORDER BY i LIMIT 1").fetchall()[0][1], 1)
        self.db.execute("BEGIN; INSERT INTO v VALUES (5000, [1000, 1])")
        self.assertEqual([hit["id"] for hit in self.value(f"SELECT {topk} FROM v")], [1000, 5000])
        self.db.execute("ROLLBACK")
        self.assertEqual(self.value(f"SELECT {topk} FROM v"), near)

    def test_topk_refuses(self):
        for form, word in [
            ("1, [1, 2]::FLOAT[2], [1]::FLOAT[1], 3", "a vector of 2 dimensions and a query of 1; both must have the same"),
            ("1, ['nan']::FLOAT[], [1]::FLOAT[], 3", "element 1 of the vector is NaN"),
            ("1, [1]::FLOAT[], ['inf']::FLOAT[], 3", "element 1 of the vector is inf"),
            ("1, [1, NULL]::FLOAT[2], [1, 2]::FLOAT[2], 3", "element 2 of the vector is NULL"),
            ("1, [1]::FLOAT[], [0]::FLOAT[], 3, 'cosine'", "the query is a zero vector"),
            ("1, [1]::FLOAT[], [1]::FLOAT[], -1", "k is -1; give 0 or more"),
        ]:
            self.refused(f"SELECT lumos_topk({form})", "lumos_topk: ", word)
        self.assertEqual(self.value("SELECT lumos_topk(1, [1]::FLOAT[], [3]::FLOAT[], 9223372036854775807)"), [{"id": 1, "distance": 2.0}])

    def test_long_vectors(self):
        got = self.value(
            "SELECT lumos_ip(list_transform(range(1000), lambda x: x::FLOAT), list_transform(range(1000), lambda x: 2::FLOAT))"
        )
        self.assertEqual(got, -999000.0)

    def test_prepared_statement(self):
        for _ in range(2):
            self.assertEqual(self.value("SELECT lumos_l2(?::FLOAT[], ?::FLOAT[])", [1, 2], [4, 6]), 5.0)

    def test_second_database_in_the_process(self):
        other = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        other.execute(f"LOAD '{EXTENSION}'")
        other.close()
        self.assertEqual(self.value("SELECT lumos_l2('[1]', '[3]')"), 2.0)

    def test_install_then_load_by_name(self):
        self.db.execute("SET extension_directory = ?", [self.enterContext(temporary())])
        self.db.execute(f"INSTALL '{EXTENSION}'")
        self.db.execute("LOAD lumos")


def temporary():
    import tempfile

    return tempfile.TemporaryDirectory()


if __name__ == "__main__":
    unittest.main()
