"""Adds and searches of an agent's memory in SQLite, with 100,000 memories in one scope and the same in sessions.

    python memory.py [number of memories]

Prints adds a second, and the time of a search (the median and the 95th of a hundred) for questions of rare and of
frequent words. Words are drawn by Zipf's law, as texts have them.
"""

import random
import statistics
import sys
import time

import common


def text(rng, vocabulary, weights):
    return " ".join(rng.choices(vocabulary, cum_weights=weights, k=rng.randint(8, 24)))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = random.Random(1)
    vocabulary = [f"w{i}q" for i in range(30_000)]
    weights, total = [], 0.0
    for i in range(len(vocabulary)):
        total += 1 / (i + 5)
        weights.append(total)
    db = common.sqlite(":memory:", lumos=True, wal=False)
    common.run(db, "SELECT lumos_memory_init()")
    db.execute("CREATE TEMP TABLE said(line, options)")
    db.executemany(
        "INSERT INTO said VALUES (?, ?)",
        ((text(rng, vocabulary, weights), f'{{"session": "s{i // 40}", "importance": 0.5, "now": {1_700_000_000 + i}}}') for i in range(count)),
    )
    start = time.perf_counter()
    db.execute("BEGIN")
    common.run(db, "SELECT count(lumos_memory_add(line, options)) FROM said")
    db.execute("COMMIT")
    seconds = time.perf_counter() - start
    print(f"{count} adds: {count / seconds:.0f} a second")
    for name, first, last in [("rare words", 2_000, 30_000), ("words of any kind", 100, 30_000), ("frequent words", 5, 100)]:
        times = []
        for _ in range(100):
            question = " ".join(rng.choice(vocabulary[first:last]) for _ in range(4))
            start = time.perf_counter()
            common.run(db, "SELECT id, score FROM lumos_memory_search(?, ?)", question, '{"now": 1800000000}')
            times.append((time.perf_counter() - start) * 1000)
        times.sort()
        print(f"search, four {name}: median {statistics.median(times):.1f} ms, 95th {times[94]:.1f} ms")


if __name__ == "__main__":
    main()
