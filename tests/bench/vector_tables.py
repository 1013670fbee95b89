"""Tables of vectors in SQLite, against the extensions sqlite-vec and sqliteai-vector: one query after another with
the query vector as a BLOB, 10 rows each; building; filters; and recall after many changes."""

import random
import statistics
import time

import common
import vector_data

QUERIES = 200
EXACT = '{"exact": true}'


def extension(pattern):
    """The library of a peer, from its wheel, without its suffix."""
    return str(next((common.HOSTS / "bench-extensions").glob(f"**/{pattern}.so")))[:-3]


def opened(name, library):
    connection = common.sqlite(common.fresh(name))
    connection.enable_load_extension(True)
    connection.load_extension(library)
    common.run(connection, "PRAGMA cache_size = -1000000")
    return connection


def fill(connection, create, insert, vectors):
    """Creates and fills a table in one transaction; the seconds it took."""
    common.run(connection, create)

    def work():
        common.run(connection, "BEGIN")
        connection.executemany(insert, enumerate(vectors))
        common.run(connection, "COMMIT")

    return common.seconds(work)


def timed(sides, queries, clock=time.perf_counter):
    """The median seconds of each side, which answer each query in turn."""
    times = {name: [] for name in sides}
    for query in queries[:3]:
        for ask in sides.values():
            ask(query)
    for query in queries:
        for name, ask in sides.items():
            start = clock()
            ask(query)
            times[name].append(clock() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def recall(connection, queries):
    found = 0
    for query in queries:
        near, exact = (
            {r[0] for r in common.run(connection, "SELECT id FROM lumos_search('v', ?, 10, ?)", query, o)}
            for o in ("{}", EXACT)
        )
        found += len(near & exact)
    return found / (10 * len(queries))


def compare(name, vectors, queries, metric, peer_metric):
    dims = len(vectors[0]) // 4
    ours = opened(f"{name}.ours", common.EXTENSION)
    peer = opened(f"{name}.vec0", extension("vec0"))
    scanned = opened(f"{name}.ai", extension("vector"))
    built = fill(ours, f"CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[{dims}] metric={metric})", "INSERT INTO v(id, e) VALUES (?, ?)", vectors)
    peer_built = fill(peer, f"CREATE VIRTUAL TABLE v USING vec0(id INTEGER PRIMARY KEY, e FLOAT[{dims}] distance_metric={peer_metric})", "INSERT INTO v(id, e) VALUES (?, ?)", vectors)
    fill(scanned, "CREATE TABLE v(id INTEGER PRIMARY KEY, e BLOB)", "INSERT INTO v VALUES (?, ?)", vectors)
    common.run(scanned, f"SELECT vector_init('v', 'e', 'type=FLOAT32,dimension={dims},distance={metric.upper()}')")
    common.run(scanned, "SELECT vector_quantize('v', 'e')")
    common.run(scanned, "SELECT vector_quantize_preload('v', 'e')")
    where = "WHERE e MATCH ? AND k = 10"
    times = timed(
        {
            "ours": lambda q: common.run(ours, f"SELECT id, distance FROM v {where}", q),
            "exact": lambda q: common.run(ours, f"SELECT id, distance FROM lumos_search('v', ?, 10, '{EXACT}')", q),
            "vec0": lambda q: common.run(peer, f"SELECT id, distance FROM v {where}", q),
            "ai": lambda q: common.run(scanned, "SELECT rowid, distance FROM vector_quantize_scan('v', 'e', ?, 10)", q),
        },
        queries[:QUERIES],
    )
    share = recall(ours, queries[:100])
    rows = f"{len(vectors):,} x {dims}"
    ratio = times["vec0"] / times["exact"]
    common.record(f"lumos_vec, proven exact, against sqlite-vec, {rows}", f"{ratio:.1f}", ">= 2", ratio >= 2,
                  f"{times['exact'] * 1e3:.2f} ms against {times['vec0'] * 1e3:.2f} ms")
    for peer_name, key, bar in (("sqlite-vec", "vec0", 20), ("sqliteai-vector int8, preloaded", "ai", 1.5)):
        ratio = times[key] / times["ours"]
        common.record(f"lumos_vec against {peer_name}, {rows}", f"{ratio:.1f}", f">= {bar}", ratio >= bar and share >= 0.99,
                      f"{times['ours'] * 1e3:.2f} ms against {times[key] * 1e3:.2f} ms, recall@10 {share:.3f}")
    common.record(f"building lumos_vec, {rows}", f"{built:.1f} s", "none", True, f"sqlite-vec {peer_built:.1f} s")
    return ours


def filters(vectors, queries):
    """The time of a query with a filter against that without."""
    dims = len(vectors[0]) // 4
    ours = opened("filters.ours", common.EXTENSION)
    common.run(ours, f"CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[{dims}], g INTEGER)")
    common.run(ours, "BEGIN")
    ours.executemany("INSERT INTO v(id, e, g) VALUES (?, ?, ?)", ((i, v, i % 1000) for i, v in enumerate(vectors)))
    common.run(ours, "COMMIT")
    sides = {"all": "", "50 %": "AND g < 500", "10 %": "AND g < 100", "1 %": "AND g < 10", "0.1 %": "AND g = 7"}
    asked = {n: (lambda q, w=w: common.run(ours, f"SELECT id FROM v WHERE e MATCH ? AND k = 10 {w}", q)) for n, w in sides.items()}
    times = timed(asked, queries[:QUERIES])
    worst = max(times[n] for n in sides if n != "all") / times["all"]
    common.record("a filter that leaves 50 % to 0.1 %, against none", f"{worst:.2f}", "<= 1.5", worst <= 1.5,
                  ", ".join(f"{n} {t * 1e3:.2f} ms" for n, t in times.items()))


def churn(ours, vectors, queries):
    """Recall after 30 % of the rows were replaced."""
    before = recall(ours, queries[:100])
    draw = random.Random(1)
    count = len(vectors) * 3 // 10
    common.run(ours, "BEGIN")
    for i in draw.sample(range(len(vectors)), count):
        common.run(ours, "DELETE FROM v WHERE id = ?", i)
        common.run(ours, "INSERT INTO v(id, e) VALUES (?, ?)", i + len(vectors), vectors[draw.randrange(len(vectors))])
    common.run(ours, "COMMIT")
    after = recall(ours, queries[:100])
    common.record("recall@10 lost by 30 % churn", f"{before - after:.4f}", "<= 0.005", before - after <= 0.005, f"{before:.3f}, then {after:.3f}")


def main():
    common.FOLDER.mkdir(parents=True, exist_ok=True)
    vectors, queries = vector_data.fashion()
    ours = compare("fashion", vectors, queries, "l2", "l2")
    churn(ours, vectors, queries)
    filters(vectors, queries)
    compare("glove", *vector_data.glove(), "cosine", "cosine")


if __name__ == "__main__":
    main()
