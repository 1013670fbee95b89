"""Adds and searches of an agent's memory in SQLite, with 100,000 memories in one scope, in sessions of 40.

    python memory.py [number of memories]

Measures adds a second, the processor's time of a consolidation that merges one text of a hundred and sums up all
sessions, and the processor's time of a search (the median and the 95th of a hundred) for questions of rare and of
frequent words, now and as of the middle of all; of a time line, and of what is near to a memory. Words are drawn by Zipf's law, as texts have them.
"""

import json
import random
import resource
import statistics
import sys
import time

import common


def text(rng, vocabulary, weights):
    return " ".join(rng.choices(vocabulary, cum_weights=weights, k=rng.randint(8, 24)))


def consolidate(db, count):
    """Every hundredth text is there twice, and every session is over."""
    common.run(db, "SELECT count(lumos_memory_add(line, json_set(options, '$.dedup', json('false')))) FROM said WHERE rowid % 100 = 0")
    for again in ("", " again"):
        start, given = time.process_time(), '{"now": 1702000000}'
        changed = db.execute("SELECT lumos_memory_consolidate(?)", (given,)).fetchall()[0][0]
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
        common.record(f"consolidating {count:,} memories{again}", f"{seconds:.1f} s, {changed:,} changed or new, {peak:.2f} GB at most",
                      "<= 60 s of 1,000,000", seconds <= 60, "time of the processor; the memory with the database in it")


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
    start = time.process_time()
    db.execute("BEGIN")
    common.run(db, "SELECT count(lumos_memory_add(line, options)) FROM said")
    db.execute("COMMIT")
    seconds = time.process_time() - start
    rate = count / seconds
    common.record(f"adding {count:,} memories in one transaction", f"{rate:,.0f} a second", ">= 5,000 a second", rate >= 5000,
                  "texts of 8 to 24 words, SQLite in memory, time of the processor")
    consolidate(db, count)

    def clock(what, bars, sql, values):
        times = []
        for _ in range(100):
            given = values()
            start = time.process_time()
            common.run(db, sql, *given)
            times.append((time.process_time() - start) * 1000)
        times.sort()
        median = statistics.median(times)
        common.record(f"{what} of {count:,} memories", f"{median:.1f} ms, 95th {times[94]:.1f} ms",
                      f"<= {bars[0]} ms, 95th <= {bars[1]} ms of 1,000,000", median <= bars[0] and times[94] <= bars[1], "a hundred calls, time of the processor")

    rare, frequent, between = (2_000, 30_000), (5, 100), (100, 1_000)
    middle = {"as_of": 1_700_000_000 + count // 2}
    for name, ranges in [("rare words", [rare] * 4), ("words of any kind", [(100, 30_000)] * 4), ("frequent words", [frequent] * 4),
                         ("words, a frequent one, two between and a rare one", [frequent, between, between, rare])]:
        def question():
            return " ".join(rng.choice(vocabulary[first:last]) for first, last in ranges)

        for when, more, bars in [("search", {}, (25, 60)), ("search as of then", middle, (20, 60))]:
            options = json.dumps({"now": 1_800_000_000, **more})
            clock(f"{when} for four {name}", bars, "SELECT id, score FROM lumos_memory_search(?, ?)", lambda: (question(), options))
    options = json.dumps({"now": 1_800_000_000, **middle})
    clock("time line as of then", (20, 60), "SELECT id FROM lumos_memory_timeline(?)", lambda: (options,))
    clock("what is near to a memory", (25, 60), "SELECT id FROM lumos_memory_similar(?, ?)", lambda: (rng.randint(1, count), options))


if __name__ == "__main__":
    main()
