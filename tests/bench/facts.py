"""A graph of facts in SQLite and in DuckDB 1.5.5: what a question about one entity costs, and what adding a fact costs.

    python facts.py [number of facts]

Entities are a quarter as many as facts; some have many times as many facts as others.
"""

import random
import statistics
import sys
import time

import common

NOW = '{"now": 1700000000%s}'
CALLS = [
    ("lumos_facts", "lumos_facts('{a}', '{o}')", "", 20),
    ("lumos_facts as of a time, as known at one", "lumos_facts('{a}', '{o}')", ', "as_of": 1620000000, "as_known": 1640000000', 20),
    ("lumos_neighbors to a depth of 2", "lumos_neighbors('{a}', '{o}')", ', "depth": 2', 50),
    ("lumos_paths of at most 4 facts", "lumos_paths('{a}', '{b}', '{o}')", "", 50),
    ("lumos_pagerank", "lumos_pagerank('{a}', '{o}')", "", 1000),
]


def facts(count, rng):
    def entity():
        return int(count // 4 * rng.random() ** 1.5)

    for i in range(count):
        a, b = entity(), entity()
        since = 1_600_000_000 + i % 50_000_000
        said = rng.choice(["knows", "likes", "met", "works with", "wrote to"])
        yield i + 1, "default", f"Entity {a}", f"entity {a}", said, f"Entity {b}", f"entity {b}", 0, since, None, since, None, 1.0, None, None


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else common.rows_of(1_000_000)
    common.FOLDER.mkdir(parents=True, exist_ok=True)
    sqlite = common.sqlite(":memory:", lumos=True, wal=False)
    common.run(sqlite, "SELECT lumos_memory_init()")
    sqlite.execute("BEGIN")
    common.run(sqlite, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
               "SELECT count(lumos_fact_add('Ann ' || (i % 2000), 'knows', 'Bob ' || i, json_object('now', i))) FROM c")
    start = time.process_time()
    common.run(sqlite, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
               "SELECT count(lumos_fact_add('Eve ' || (i % 2000), 'knows', 'Bob ' || i, json_object('now', i))) FROM c")
    rate = 20_000 / (time.process_time() - start)
    sqlite.execute("ROLLBACK")
    common.record("adding 20,000 facts in one statement", f"{rate:,.0f} a second of the processor", ">= 5,000", rate >= 5000)
    sqlite.execute("BEGIN")
    sqlite.executemany(f"INSERT INTO lumos_fact VALUES ({', '.join('?' * 15)})", facts(count, random.Random(5)))
    sqlite.execute("COMMIT")
    module = common.duckdb("1.5.5")
    duckdb = module.connect(config={"allow_unsigned_extensions": "true"})
    duckdb.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    duckdb.execute(duckdb.execute("SELECT lumos_memory_ddl()").fetchone()[0])
    path = common.FOLDER / "facts.csv"
    with path.open("w") as file:
        for row in facts(count, random.Random(5)):
            file.write(",".join("" if value is None else str(value) for value in row) + "\n")
    duckdb.execute(f"INSERT INTO lumos_fact SELECT * FROM read_csv('{path}', header = false, all_varchar = true, nullstr = '')")
    path.unlink()
    engines = [("SQLite", lambda call: common.run(sqlite, f"SELECT * FROM {call}")),
               ("DuckDB", lambda call: duckdb.execute(f"FROM query({call})").fetchall())]
    for name, call, options, bar in CALLS:
        for engine, rows in engines:
            rng, times, found = random.Random(7), [], []
            for _ in range(10):
                a, b = (f"Entity {rng.randrange(count // 40, count // 4)}" for _ in range(2))
                start = time.process_time()
                found.append(len(rows(call.format(a=a, b=b, o=NOW % options))))
                times.append((time.process_time() - start) * 1000)
            median = statistics.median(times)
            common.record(f"{name}, {count:,} facts, {engine}", f"{median:.1f} ms of the processor, at most {max(times):.0f} ms",
                          f"<= {bar} ms", median <= bar, f"{sum(found) / 10:.0f} rows, 10 entities")


if __name__ == "__main__":
    main()
