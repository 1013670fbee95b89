"""`lumos_search` in DuckDB through its index, against DuckDB's own sort by distance and against HNSW of `vss`.

The data of `vectors.py`, all three in one process of DuckDB 1.5.5, on one table, for which the wheel
`duckdb-extension-vss` is made.
"""

import array
import time

import common
import vectors

K = vectors.K


def table(db, rows, dims):
    db.execute("CREATE TABLE blobs(id BIGINT, v BLOB)")
    for first in range(0, len(rows), 10_000):
        part = rows[first : first + 10_000]
        db.execute("INSERT INTO blobs SELECT unnest(?::BIGINT[]), unnest(?::BLOB[])", [list(range(first, first + len(part))), part])
    db.execute(f"CREATE TABLE t(id BIGINT, v FLOAT[{dims}], h UBIGINT CHECK (h = hash(v)))")
    db.execute(f"INSERT INTO t SELECT id, v, hash(v) FROM (SELECT id, lumos_vec_json(v)::FLOAT[{dims}] AS v FROM blobs)")
    db.execute(f"CREATE TABLE peer AS SELECT id, v FROM t; DROP TABLE blobs")


def recall(answers, exact):
    """The share of the exact answers' rows that came out; equal distances may come as other rows."""
    hits = sum(1 for answer, truth in zip(answers, exact, strict=True) for _, d in answer if d <= truth[-1][1] * (1 + 1e-6))
    return hits / sum(len(truth) for truth in exact)


def measure(name, rows, queries, native_bar, peer_bar):
    duckdb = common.duckdb("1.5.5")
    dims = len(rows[0]) // 4
    db = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": common.THREADS, "memory_limit": common.MEMORY_LIMIT})
    db.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    db.execute(f"LOAD '{common.duckdb_extension('vss')}'")
    db.execute("SET enable_progress_bar = false")
    table(db, rows, dims)
    text = {q: "[" + ",".join(map(repr, array.array("f", q))) + "]" for q in queries}
    ours = lambda q: db.execute(f"SELECT id, distance FROM query(lumos_search('t(id, v, h)', ?::BLOB, {K}))", [q]).fetchall()
    sort = lambda table: f"SELECT id, array_distance(v, ?::FLOAT[{dims}]) AS d FROM {table} ORDER BY d LIMIT {K}"
    native = lambda q: db.execute(sort("t"), [text[q]]).fetchall()
    peer = lambda q: db.execute(sort("peer"), [text[q]]).fetchall()

    def timed(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    build = timed(lambda: ours(queries[0]))
    what = f"{name} x {len(rows):,}, index in DuckDB"
    exact = [native(q) for q in queries]
    found = recall([ours(q) for q in queries], exact)
    common.record(f"{what}, recall@{K}", f"{found:.3f}", ">= 0.99", found >= 0.99)
    compare(f"{what}, against array_distance ... ORDER BY LIMIT", ours, native, queries, native_bar)
    peer_build = timed(lambda: db.execute("CREATE INDEX hnsw ON peer USING HNSW (v)"))
    peer_recall = recall([peer(q) for q in queries], exact)
    compare(f"{what}, against HNSW of vss (recall {peer_recall:.3f})", ours, peer, queries, peer_bar)
    ratio = peer_build / build
    common.record(f"{what}, building", f"{ratio:.1f} times faster", ">= 10", ratio >= 10, f"{build:.1f} s against {peer_build:.1f} s of processor time")


def compare(what, ours, theirs, queries, bar):
    """Medians of the processor time of the queries, asked of both sides in turn."""
    times = ([], [])
    for i, query in enumerate(queries * 3):
        for side in (0, 1) if i % 2 else (1, 0):
            start = time.process_time()
            (ours, theirs)[side](query)
            times[side].append(time.process_time() - start)
    ours, theirs = (sorted(side)[len(side) // 2] for side in times)
    ratio = theirs / ours
    common.record(what, f"{ratio:.2f} times faster", f">= {bar}", ratio >= bar, f"{ours * 1e3:.1f} ms against {theirs * 1e3:.1f} ms")


def main():
    """Bars: 20 times DuckDB's own, 5 times HNSW."""
    for data in [vectors.fashion, vectors.glove]:
        measure(*data(), 20, 5)


if __name__ == "__main__":
    main()
