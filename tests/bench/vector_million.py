"""A table of 1,000,000 x 384 vectors in SQLite, without its graph (as kind=flat4) and with it, against sqlite-vec and
sqliteai-vector. Times are of the processor, which other programs disturb less; every side runs in one thread."""

import time

import common
import vector_data
from vector_tables import EXACT, extension, fill, opened, timed

ROWS = common.rows_of(1_000_000)
QUERIES = 200
# sqlite-vec takes a second a query.
FEW = 20


def found(connection, sql, queries):
    """The ids for each query."""
    return [{row[0] for row in common.run(connection, sql, query)} for query in queries]


def share(near, exact):
    return sum(len(a & b) for a, b in zip(near, exact)) / sum(map(len, exact))


def main():
    common.FOLDER.mkdir(parents=True, exist_ok=True)
    dims, size = vector_data.CLUSTER_DIMS, f"{ROWS:,} x {vector_data.CLUSTER_DIMS}"
    queries = list(vector_data.clusters(QUERIES, seed=2))
    ours = opened("million.ours", common.EXTENSION)
    peer = opened("million.vec0", extension("vec0"))
    scanned = opened("million.ai", extension("vector"))
    insert = "INSERT INTO v(id, e) VALUES (?, ?)"
    built = fill(ours, f"CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[{dims}] metric=cosine kind=hnsw)", insert, vector_data.clusters(ROWS))
    peer_built = fill(peer, f"CREATE VIRTUAL TABLE v USING vec0(id INTEGER PRIMARY KEY, e FLOAT[{dims}] distance_metric=cosine)", insert, vector_data.clusters(ROWS))
    fill(scanned, "CREATE TABLE v(id INTEGER PRIMARY KEY, e BLOB)", insert, vector_data.clusters(ROWS))
    common.run(scanned, f"SELECT vector_init('v', 'e', 'type=FLOAT32,dimension={dims},distance=COSINE')")
    common.run(scanned, "SELECT vector_quantize('v', 'e')")
    common.run(scanned, "SELECT vector_quantize_preload('v', 'e')")

    where = "WHERE e MATCH ? AND k = 10"
    near = f"SELECT id, distance FROM v {where}"
    near_scanned = "SELECT rowid, distance FROM vector_quantize_scan('v', 'e', ?, 10)"
    ask = lambda connection, sql: lambda query: common.run(connection, sql, query)
    exact = found(ours, f"SELECT id FROM lumos_search('v', ?, 10, '{EXACT}')", queries)
    peer_time = timed({"vec0": ask(peer, near)}, queries[:FEW], time.process_time)["vec0"]
    peer.close()
    shares = {"ai": share(found(scanned, near_scanned, queries), exact)}

    def measure(name, details):
        sides = {"ours": ask(ours, near), "ai": ask(scanned, near_scanned)}
        times = timed(sides, queries, time.process_time)
        shares[name] = share(found(ours, near, queries), exact)
        for other, theirs, bar, note in (
            ("sqlite-vec", peer_time, 20, "1.000"),
            ("sqliteai-vector int8, preloaded", times["ai"], 1.5, f"{shares['ai']:.3f}"),
        ):
            ratio = theirs / times["ours"]
            common.record(f"lumos_vec ({name}) against {other}, {size}", f"{ratio:.1f}", f">= {bar}", ratio >= bar and shares[name] >= 0.99,
                          f"{times['ours'] * 1e3:.2f} ms against {theirs * 1e3:.2f} ms, recall@10 {shares[name]:.3f} against {note}; {details}")

    megabytes = "SELECT sum(length(data)) / 1e6 FROM v_blocks"
    measure("flat4", f"{common.value(ours, megabytes):.0f} MB, built in {built:.0f} s, sqlite-vec in {peer_built:.0f} s")
    start, wall = time.process_time(), time.perf_counter()
    common.run(ours, "INSERT INTO v(v) VALUES ('optimize')")
    taken = f"{time.process_time() - start:.0f} s of the processor, {time.perf_counter() - wall:.0f} s in all"
    measure("hnsw", f"{common.value(ours, megabytes):.0f} MB, graph made in {taken}")


if __name__ == "__main__":
    main()
