"""`lumos_search` in DuckDB through its index, against DuckDB's own sort by distance and against HNSW of `vss`; building
it also against `usearch`.

The data of `vectors.py`, all three in one process of DuckDB 1.5.5, on one table, for which the wheel
`duckdb-extension-vss` is made.
"""

import array
import subprocess
import sys
import tempfile
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


USEARCH = """
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy
from usearch.index import Index
rows = numpy.fromfile(sys.argv[2], numpy.float32).reshape(-1, int(sys.argv[3]))
index = Index(ndim=rows.shape[1], metric="l2sq", dtype="f32")
start = time.process_time()
index.add(numpy.arange(len(rows)), rows)
print(time.process_time() - start)
"""


def usearch(rows, dims):
    """The seconds of processor time in which `usearch` builds its index, in a process of its own."""
    with tempfile.NamedTemporaryFile() as file:
        for row in rows:
            file.write(row)
        file.flush()
        command = [sys.executable, "-c", USEARCH, common.HOSTS / "bench-usearch", file.name, str(dims)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def resident():
    """Bytes of memory that the process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def connect():
    duckdb = common.duckdb("1.5.5")
    db = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": common.THREADS, "memory_limit": common.MEMORY_LIMIT})
    db.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    db.execute(f"LOAD '{common.duckdb_extension('vss')}'")
    db.execute("SET enable_progress_bar = false")
    return db


def search(table):
    """The SQL of a search of ours. With a full name, which DuckDB plans faster."""
    return f"SELECT id, distance FROM query(lumos_search('{table}(id, v, h)', ?::BLOB, {K}))"


def sort(table, dims):
    return f"SELECT id, array_distance(v, ?::FLOAT[{dims}]) AS d FROM {table} ORDER BY d LIMIT {K}"


def written(query):
    return "[" + ",".join(map(repr, array.array("f", query))) + "]"


def grown(side, path, query):
    """Prints the bytes by which this process grows when it builds the index of one side; called in a process of its
    own, where no memory is left over from other work."""
    query = bytes.fromhex(query)
    db, dims = connect(), len(query) // 4
    db.execute(f"ATTACH '{path}' AS f (READ_ONLY)")
    db.execute("CREATE TABLE peer AS SELECT id, v FROM f.t")
    for table in ["peer", "f.t"]:
        db.execute(sort(table, dims), [written(query)]).fetchall()
    before = resident()
    if side == "ours":
        db.execute(search("f.main.t"), [query]).fetchall()
    else:
        db.execute("CREATE INDEX hnsw ON peer USING HNSW (v)")
    print(resident() - before)


def memory(rows, query):
    """The bytes that the index of each side takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/t.duckdb"
        db = connect()
        db.execute(f"ATTACH '{path}' AS f; USE f")
        table(db, rows, len(query) // 4)
        db.close()
        command = lambda side: [sys.executable, __file__, side, path, query.hex()]
        return [int(subprocess.run(command(side), check=True, capture_output=True, text=True).stdout) for side in ["ours", "vss"]]


def recall(answers, exact):
    """The share of the exact answers' rows that came out; equal distances may come as other rows."""
    hits = sum(1 for answer, truth in zip(answers, exact, strict=True) for _, d in answer if d <= truth[-1][1] * (1 + 1e-6))
    return hits / sum(len(truth) for truth in exact)


def measure(name, rows, queries, native_bar, peer_bar):
    size, peer_size = memory(rows, queries[0])
    db, dims = connect(), len(rows[0]) // 4
    table(db, rows, dims)
    text = {q: written(q) for q in queries}
    ours = lambda q: db.execute(search("memory.main.t"), [q]).fetchall()
    native = lambda q: db.execute(sort("t", dims), [text[q]]).fetchall()
    peer = lambda q: db.execute(sort("peer", dims), [text[q]]).fetchall()

    def built(work):
        """The seconds of processor time that building takes."""
        start = time.process_time()
        work()
        return time.process_time() - start

    native(queries[0])
    build = built(lambda: ours(queries[0]))
    what = f"{name} x {len(rows):,}, index in DuckDB"
    exact = [native(q) for q in queries]
    found = recall([ours(q) for q in queries], exact)
    common.record(f"{what}, recall@{K}", f"{found:.3f}", ">= 0.99", found >= 0.99)
    compare(f"{what}, against array_distance ... ORDER BY LIMIT", ours, native, queries, native_bar)
    peer_build = built(lambda: db.execute("CREATE INDEX hnsw ON peer USING HNSW (v)"))
    peer_recall = recall([peer(q) for q in queries], exact)
    compare(f"{what}, against HNSW of vss (recall {peer_recall:.3f})", ours, peer, queries, peer_bar)
    share = size / peer_size
    common.record(f"{what}, memory against vss", f"{share:.2f}", "<= 0.25", share <= 0.25, f"{size / 1e6:.0f} MB against {peer_size / 1e6:.0f} MB")
    for peer_name, seconds in [("vss", peer_build), ("usearch", usearch(rows, dims))]:
        ratio = seconds / build
        common.record(f"{what}, building, against {peer_name}", f"{ratio:.1f} times faster", ">= 10", ratio >= 10, f"{build:.1f} s against {seconds:.1f} s of processor time")


def compare(what, ours, theirs, queries, bar):
    """Medians of the seconds of the queries, asked of both sides in turn. Not of processor time: Python's thread turns
    in a loop while DuckDB's work."""
    times = ([], [])
    for i, query in enumerate(queries * 3):
        for side in (0, 1) if i % 2 else (1, 0):
            start = time.perf_counter()
            (ours, theirs)[side](query)
            times[side].append(time.perf_counter() - start)
    ours, theirs = (sorted(side)[len(side) // 2] for side in times)
    ratio = theirs / ours
    common.record(what, f"{ratio:.2f} times faster", f">= {bar}", ratio >= bar, f"{ours * 1e3:.1f} ms against {theirs * 1e3:.1f} ms")


def main():
    """Bars: 20 times DuckDB's own, 5 times HNSW."""
    for data in [vectors.fashion, vectors.glove]:
        measure(*data(), 20, 5)


if __name__ == "__main__":
    grown(*sys.argv[1:]) if sys.argv[1:] else main()
