"""What tracking costs a writer: insert, update and delete of 1 M rows, tracked against untracked.

The strictest way to ask: one INSERT ... SELECT, UPDATE or DELETE of SQLite, no driver in between; and the
usual one: prepared statements of one row through apsw's executemany. WAL, synchronous = NORMAL, one
transaction each. Both tables are in files of their own, written in turn in one process.
"""

import statistics
import time

import common

ROWS = common.rows_of(1_000_000)
ROUNDS = 3
TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount REAL NOT NULL, note TEXT NOT NULL)"
BARS = {"insert": 1.8, "update": 2.5, "delete": 2.5}

NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
STATEMENTS = {
    "insert": f"{NUMBERS} INSERT INTO t SELECT i, i % 1000, i / 100.0, 'a note of some length ' || i FROM n",
    "update": "UPDATE t SET amount = amount + 1 WHERE id > 0",
    # With a condition: a bare DELETE truncates, which no trigger allows.
    "delete": "DELETE FROM t WHERE id > 0",
}
SINGLE = {
    "insert": (
        "INSERT INTO t VALUES(?, ?, ?, ?)",
        [(i, i % 1000, i / 100, f"a note of some length {i}") for i in range(1, ROWS + 1)],
    ),
    "update": ("UPDATE t SET amount = amount + 1 WHERE id = ?", [(i,) for i in range(1, ROWS + 1)]),
    "delete": ("DELETE FROM t WHERE id = ?", [(i,) for i in range(1, ROWS + 1)]),
}


def database(name, tracked):
    """An empty table. The tracked one is set up by Lumos, and written by a connection without it."""
    path = common.fresh(name)
    plain = common.sqlite(path)
    common.run(plain, TABLE)
    if tracked:
        host = common.sqlite(path, lumos=True)
        common.attach(host, ":memory:")
        common.run(host, "SELECT lumos_track('t')")
        common.run(host, "SELECT lumos_detach()")
        host.close()
    return plain


def measured(connection, work):
    """Seconds that the work takes, and those of the processor: other programs disturb the latter less."""
    common.run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
    start = time.process_time()
    return common.seconds(work), time.process_time() - start


def statement(connection, kind):
    """One statement over all rows."""
    return measured(connection, lambda: common.run(connection, STATEMENTS[kind]))


def single(connection, kind):
    """One transaction of prepared statements."""

    def work():
        sql, values = SINGLE[kind]
        common.run(connection, "BEGIN")
        connection.executemany(sql, values)
        common.run(connection, "COMMIT")

    return measured(connection, work)


def main():
    """Each round has fresh files; the ratio is that of the medians."""
    for way, measure in ((statement, "one statement"), (single, "a statement a row through apsw")):
        times = {kind: ([], []) for kind in BARS}
        for round_ in range(ROUNDS):
            sides = [database("writes-tracked.sqlite", True), database("writes-untracked.sqlite", False)]
            for kind in BARS:
                for side in (0, 1) if round_ % 2 else (1, 0):
                    times[kind][side].append(way(sides[side], kind))
            for side in sides:
                side.close()
        for kind, bar in BARS.items():
            (ours, cpu), (theirs, cpu_theirs) = (map(statistics.median, zip(*side)) for side in times[kind])
            common.record(f"{kind} of {ROWS:,} rows, tracked against untracked, {measure}", f"{ours / theirs:.2f}",
                          f"<= {bar}", ours / theirs <= bar, f"{ours:.2f} s against {theirs:.2f} s; processor time {cpu / cpu_theirs:.2f}")


if __name__ == "__main__":
    main()
