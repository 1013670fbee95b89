"""Every function and form that the extension registers, called with every type of DuckDB in every place: an error or a
value each time, and the process lives. The calls run in processes of their own, so that a crash names its call."""

import collections
import json
import os
import re
import subprocess
import sys
import unittest

import duckdb

EXTENSION = os.environ["LUMOS_DUCKDB"]

# A value of each type.
VALUES = {
    "BOOLEAN": "true",
    "TINYINT": "(-128)::TINYINT",
    "SMALLINT": "7::SMALLINT",
    "INTEGER": "3",
    "BIGINT": "9223372036854775807",
    "HUGEINT": "170141183460469231731687303715884105727::HUGEINT",
    "UTINYINT": "255::UTINYINT",
    "USMALLINT": "1::USMALLINT",
    "UINTEGER": "4294967295::UINTEGER",
    "UBIGINT": "18446744073709551615::UBIGINT",
    "UHUGEINT": "1::UHUGEINT",
    "FLOAT": "2.5::FLOAT",
    "DOUBLE": "'nan'::DOUBLE",
    "DECIMAL(4,1)": "2.0::DECIMAL(4,1)",
    "DECIMAL(38,10)": "2.5::DECIMAL(38,10)",
    "VARCHAR": "'[1, 2.5]'",
    "BLOB": "lumos_vec('[1, 2]')",
    "BIT": "'101'::BIT",
    "DATE": "DATE '2020-01-01'",
    "TIME": "TIME '10:00'",
    "TIMETZ": "TIMETZ '10:00+01'",
    "TIMESTAMP": "TIMESTAMP '2020-01-01'",
    "TIMESTAMP_S": "TIMESTAMP_S '2020-01-01'",
    "TIMESTAMP_NS": "TIMESTAMP_NS '2020-01-01'",
    "TIMESTAMPTZ": "TIMESTAMPTZ '2020-01-01 00:00:00+00'",
    "INTERVAL": "INTERVAL 13 MONTH",
    "UUID": "'11111111-1111-1111-1111-111111111111'::UUID",
    "ENUM('a', 'b')": "'a'::ENUM('a', 'b')",
    "FLOAT[2]": "[1, 2]::FLOAT[2]",
    "FLOAT[]": "[1, 2]::FLOAT[]",
    "DOUBLE[3]": "[1, 2, 3]::DOUBLE[3]",
    "INTEGER[]": "[1, NULL]::INTEGER[]",
    "BOOLEAN[]": "[true]",
    "DECIMAL(4,1)[]": "[1.5, 2]::DECIMAL(4,1)[]",
    "HUGEINT[]": "[1, 2]::HUGEINT[]",
    "VARCHAR[]": "['a', NULL]",
    "BLOB[]": "[lumos_vec('[1, 2]'), NULL]::BLOB[]",
    "FLOAT[][]": "[[1, 2], NULL]::FLOAT[][]",
    "FLOAT[2][2]": "[[1, 2], [3, 4]]::FLOAT[2][2]",
    "INTERVAL[]": "[INTERVAL 1 DAY]",
    "STRUCT(a INTEGER)": "{'a': 1}",
    "STRUCT(a INTEGER)[]": "[{'a': 1}, NULL]",
    "MAP(VARCHAR, INTEGER)": "MAP {'a': 1}",
    "UNION(a INTEGER, b VARCHAR)": "union_value(a := 1)::UNION(a INTEGER, b VARCHAR)",
    "NULL": "NULL",
}

# Texts that an argument may be, beside what the parts of a search are told.
TEXTS = ["''", "'#1'", "'[]'", "'t(id, e, h)'", "'SELECT 1, ''[1, 2]'''", "'{}'", "'cosine'", "'hash'", "chr(0)", "repeat('x', 100000)", "'é'"]

# Lists that are not laid out as they were written: the elements are chosen, turned and cut by functions.
LISTS = [
    "list_reverse([i, 2, NULL]::FLOAT[])[1:2]",
    "list_filter([i, 2, 3]::FLOAT[], lambda x: x > 1)",
    "list_select([1, 2, 3]::FLOAT[], [3, 1])",
    "([1, 2, 3]::FLOAT[])[2:3]",
    "list_transform([i, 2]::INTEGER[], lambda x: x * 2)",
    "[i, 2]::INTEGER[]::FLOAT[]",
    "CASE WHEN i % 2 = 0 THEN [1, 2]::FLOAT[] END",
    "list_resize([1]::FLOAT[], i::BIGINT % 5)",
    "flatten([[1, i], [2]]::FLOAT[][])",
    "map_values(MAP {'a': 1.5::FLOAT, 'b': i::FLOAT})",
    "{'v': [i, 2]::FLOAT[2]}.v",
    "([[1, 2], [i, 4]]::FLOAT[2][2])[2]",
    "list_sort([i, 2]::FLOAT[])",
    "[x FOR x IN [i, 2, 3]::FLOAT[] IF x > 1]",
    "unnest([[i, 2], [3, 4]]::FLOAT[2][])",
]


def forms(db):
    """Each form of each function: its name and the types of its arguments."""
    sql = "SELECT function_name, parameter_types FROM duckdb_functions() WHERE function_name LIKE 'lumos%' OR function_name LIKE '\\_lumos%' ESCAPE '\\' ORDER BY ALL"
    return db.execute(sql).fetchall()


def fitting(ty):
    """A value that a form takes in this place."""
    right = {ty: VALUES[ty] for ty in ("BIT", "TIME", "INTERVAL")} | {"TIME WITH TIME ZONE": VALUES["TIMETZ"]}
    right |= {"ANY": "[1, 2]::FLOAT[2]", "FLOAT[]": "[1, 2]::FLOAT[]", "BLOB[]": "NULL::BLOB[]", "BIGINT": "1::BIGINT", "UBIGINT": "1::UBIGINT", "BOOLEAN": "true"}
    right |= {ty: VALUES[ty] for ty in TIMES} | {"TIMESTAMP WITH TIME ZONE": VALUES["TIMESTAMPTZ"]}
    right |= {"VARCHAR": "'{plan}'", "UUID": VALUES["UUID"], "BLOB": "''::BLOB", "DOUBLE": "1.0::DOUBLE"}
    right |= {"ENUM('none')": "NULL::ENUM('none')"}
    return right[ty]


# What the folds of functions begin by: what the SQL of a call says to the fold that it calls, and some that others share.
SPECS = {"_lumos_recall": "'1'", "_lumos_fusion": "'0.5 0.5 2'"}
SPECS |= {f"_lumos_{name}": """'{"horizon": 2, "options": {}}'""" for name in ("forecast", "backtest")}
SPECS |= {f"_lumos_{name}": "'{}'" for name in ("anomalies", "changepoints", "decompose", "seasons", "outliers")}
OF_SERIES = [name for name in SPECS if name not in ("_lumos_fusion", "_lumos_recall")]
ASKED = [
    "lumos_memory_context('cat', '', 100)",
    "lumos_memory_search('cat')",
    "lumos_memory_similar(1)",
    "lumos_memory_history(1)",
    "lumos_memory_review_due()",
    "lumos_memory_sources(1)",
    "lumos_memory_stats()",
    "lumos_memory_timeline()",
    "lumos_memory_consolidate()",
    "lumos_memory_upkeep()",
    "lumos_memory_add('x')",
    "lumos_memory_add_many('SELECT 1')",
    "lumos_memory_verify_forgotten(1)",
    "lumos_facts('a')",
    "lumos_fact_add('a', 'b', 'c')",
    "lumos_neighbors('a')",
    "lumos_paths('a', 'b')",
    "lumos_pagerank('{}')",
    "lumos_entity_merge('a', 'b')",
    "lumos_regress('t', 'a')",
    "lumos_features('t', 'a')",
    "lumos_correlate('t')",
    "lumos_profile('t')",
    "lumos_chart('t')",
    "lumos_chart_svg('t')",
    "lumos_chart_suggest('t')",
    "lumos_check_suggest('t')",
    "lumos_learn()",
    "lumos_validate_sql('SELECT 1')",
    "lumos_fix_sql('SELECT 1')",
    """lumos_decide('SELECT 1', '{"a": 1}')""",
    """lumos_sensitivity('x', '{"x": "normal(0, 1)"}')""",
]


def specs(db):
    """What each fold begins by."""
    said = dict(SPECS)
    for call in ASKED:
        sql = db.execute(f"SELECT {call}").fetchone()[0]
        name, spec = re.search(r"\b(_lumos_\w+)\(('(?:[^']|'')*')", sql).groups()
        said[name] = spec
    return said


# The parts of searches, which are told what to do by a plan.
OF_SEARCHES = ("_lumos_knn_", "_lumos_bm25_")

# In place of a type and a value: of a call that DuckDB takes.
FITS = "fits"

# Types of times, of which a fold of series has a form each.
TIMES = ["DATE", "TIMESTAMP"]


def calls(db, plans):
    """All calls: every place of every form takes every value, beside values that fit. Each with the name, the arguments, and
    what DuckDB decides by alone whether it calls the only form of so many arguments: the type and the value of the place."""
    # A NULL of each layout.
    nulls = ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "BLOB", "UUID", "FLOAT[2]", "FLOAT[]", "BLOB[]", "STRUCT(a INTEGER)[]"]
    nulls = [f"NULL::{ty}" for ty in nulls]
    all_forms = forms(db)
    said = specs(db)
    count = collections.Counter((name, len(types)) for name, types in all_forms)
    found = {}
    for name, types in all_forms:
        base = [said.get(name, fitting(ty)) if i == 0 else fitting(ty) for i, ty in enumerate(types)]
        for plan in plans if name.startswith(OF_SEARCHES) else plans[:1]:
            right = [a.replace("{plan}", plan) for a in base]
            found[name, ", ".join(right)] = FITS
            # Many forms differ in the type of the id or of the time alone.
            places = range(1 if "UUID" in types or name == "lumos_topk" and types[0] == "VARCHAR" else len(types))
            # Folds of series read their rows alike.
            if name in OF_SERIES and len(types) == 4:
                text = types[2] == "VARCHAR"
                places = ((0, 1, 2, 3) if text else (2,)) if name == "_lumos_forecast" else (2,) if text else ()
            only = count[name, len(types)] == 1
            for place in places:
                # Cast to the type of the only form, a NULL is the same whatever it was of.
                tried = [*VALUES.values()] + nulls * (not only or types[place] == "ANY") + LISTS * (types[place] in ("ANY", "FLOAT[]"))
                tried = tried + (TEXTS + [f"'{plan}'" for plan in plans]) * (types[place] in ("ANY", "VARCHAR"))
                for value in tried:
                    arguments = ", ".join([*right[:place], value, *right[place + 1 :]])
                    found.setdefault((name, arguments), (types[place], value) if only else None)
            found.setdefault((name, ", ".join(f"NULL::{ty}" if ty != "ANY" else "NULL" for ty in types)), None)
    return [(name, arguments, decides) for (name, arguments), decides in found.items()]


def run(first, last):
    """Calls of this range; prints the number of each before it runs. Run in a process of its own."""
    db = connect()
    db.execute("CREATE TABLE t(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
    counts = [0, 0]
    # Values that DuckDB does not cast to a type: it refuses them before it calls any function that takes that type.
    refused = set()
    for number, (name, arguments, decides) in list(enumerate(calls(db, plans(db))))[first:last]:
        if name.startswith("lumos_model") or decides in refused:
            continue
        print(number, flush=True)
        sql = f"SELECT {name}({arguments}) FROM range(3) r(i)" + " GROUP BY i" * (number % 7 == 0)
        try:
            db.execute(sql).fetchall()
            counts[0] += 1
        except duckdb.Error as error:
            counts[1] += 1
            if "No function matches" in str(error) and decides:
                if decides == FITS:
                    print("internal error: the test knows no value that fits:", sql, flush=True)
                refused.add(decides)
            if "internal error" in str(error).lower() or isinstance(error, (duckdb.FatalException, duckdb.InternalException)):
                print("internal error:", sql, error, flush=True)
    print(json.dumps(counts))


def connect():
    # The calls read three rows, and there are two processes.
    db = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": 1})
    db.execute(f"LOAD '{EXTENSION}'")
    return db


def plans(db):
    """What the parts of a search are told, of vectors and of words."""
    texts = [
        "lumos_search('t(id, e)', '[1, 2]', 3)",
        "lumos_hybrid('t(id, e, b)', NULL, 'cat', 3)",
    ]
    found = []
    for text in texts:
        sql = db.execute(f"SELECT {text}").fetchone()[0]
        found.append(sql.split("'[", 1)[1].split("]'", 1)[0])
    return [f"[{plan}]" for plan in found]


class Calls(unittest.TestCase):
    def test_no_call_hurts(self):
        total = len(calls(connect(), plans(connect())))
        self.assertGreater(total, 3000)
        half = total // 2
        processes = [
            subprocess.Popen([sys.executable, "-B", __file__, str(first), str(last)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for first, last in [(0, half), (half, total)]
        ]
        for process in processes:
            lines = process.communicate()[0].splitlines()
            listed = calls(connect(), plans(connect()))
            at = [line for line in lines if line.isdigit()][-1:]
            self.assertEqual(process.returncode, 0, [listed[int(n)] for n in at] + lines[-3:])
            self.assertEqual([line for line in lines if "internal error" in line], [])
            answers, errors = json.loads(lines[-1])
            self.assertGreater(min(answers, errors), 100)


if __name__ == "__main__":
    run(*map(int, sys.argv[1:])) if len(sys.argv) == 3 and sys.argv[1].isdigit() else unittest.main()
