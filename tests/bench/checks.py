"""What fifty checks of a million rows cost, of the processor, in SQLite and in DuckDB: rules that hold, rules that a hundredth of
the rows breaks, and the suggestions."""

import json

import common
from series import processor


def main():
    n = common.rows_of(1_000_000)
    sqlite = common.sqlite(":memory:", lumos=True, wal=False)
    duckdb = common.duckdb("1.5.5").connect(config={"allow_unsigned_extensions": "true", "threads": 1})
    duckdb.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    columns = "i AS id, i * 7919 % 1000 AS a, i % 97 * 0.5 AS b, 'shop ' || (i % 20) AS c, CASE WHEN i % 100 THEN i END AS d"
    common.run(sqlite, f"CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) SELECT {columns} FROM n")
    duckdb.execute(f"CREATE TABLE t AS SELECT {columns.replace('CASE WHEN i % 100 THEN', 'CASE WHEN i % 100 <> 0 THEN')} FROM range(1, {n + 1}) r(i)")
    shops = [f"shop {i}" for i in range(20)]
    kinds = [
        lambda i: {"range": {"column": "a", "min": 0, "max": 999 + i}},
        lambda i: {"range": {"column": "b", "min": -i}},
        lambda i: {"in": {"column": "c", "values": shops + [f"{i}"]}},
        lambda i: {"length": {"column": "c", "min": 1, "max": 10 + i}},
        lambda i: {"not_null": ["id", "a"]},
    ]
    holds = [kinds[i % 5](i) for i in range(50)]
    fails = [{"not_null": "d"} if i % 10 == 0 else kinds[i % 5](i) for i in range(50)]
    # `unique` is left out: it reads the table once more, and groups it.
    for what, call, bar in [
        (f"50 checks of {n:,} rows that hold", f"lumos_check_of('t', '{json.dumps(holds)}')", 3),
        (f"50 checks of {n:,} rows, a hundredth breaks some", f"lumos_check_of('t', '{json.dumps(fails)}')", 3),
        (f"suggested checks of {n:,} rows of 5 columns", "lumos_check_suggest('t')", None),
    ]:
        for engine, work in [
            ("SQLite", lambda: common.value(sqlite, f"SELECT count(*) FROM {call}")),
            ("DuckDB", lambda: duckdb.execute(f"SELECT count(*) FROM query({call})").fetchone()[0]),
        ]:
            took, rows = processor(work)
            common.record(f"{what}, {engine}", f"{took:.1f} s", f"<= {bar} s" if bar else "none", not bar or took <= bar, f"{rows} rows")


if __name__ == "__main__":
    main()
