"""The 22 TPC-H queries through `lumos_query`, against native DuckDB 2.0.0 and against SQLite itself.

Both comparisons run in this one process: Lumos inside apsw, Python's duckdb 2.0.0 on a file of its own with
copies of the mirror's tables, and apsw without Lumos. A query of SQLite ends after CAP seconds and counts as CAP.
"""

import subprocess
import sys
import threading

import apsw
import common
import tpch

PAIRS = 7
CAP = 60.0
MIRROR = common.FOLDER / f"{tpch.NAME}-lumos.duckdb"
NATIVE = common.FOLDER / f"{tpch.NAME}-native.duckdb"

# Copies the mirror's tables with their types into a file that DuckDB 2.0.0 makes for itself.
COPY = """
import duckdb, sys
mirror, native, *tables = sys.argv[1:]
db = duckdb.connect(native)
db.execute("SET enable_progress_bar = false")
db.execute(f"ATTACH '{mirror}' AS mirror (READ_ONLY)")
for table in tables:
    db.execute(f"CREATE TABLE {table} AS FROM mirror.main.{table}")
"""


def prepare():
    """Makes both DuckDB files, and returns SQLite's connection with the mirror attached."""
    host = common.sqlite(tpch.database(), lumos=True)
    common.fresh(MIRROR.name)
    common.attach(host, MIRROR)
    took = common.seconds(lambda: common.run(host, "SELECT lumos_track('*'), lumos_sync()"))
    print(f"  the mirror is made in {took:.1f} s", flush=True)
    common.run(host, "SELECT lumos_detach()")
    common.fresh(NATIVE.name)
    environment = {"PYTHONPATH": str(common.HOSTS / "duckdb-2.0.0")}
    subprocess.run([sys.executable, "-c", COPY, MIRROR, NATIVE, *tpch.NAMES], check=True, env=environment)
    common.attach(host, MIRROR)
    return host


def through_lumos(host, sql, width):
    """A function that fetches all rows of the query through the extension."""
    columns = ", ".join(f"c{i}" for i in range(width))
    return lambda: common.run(host, f"SELECT {columns} FROM lumos_query(?)", sql)


def capped(plain, sql):
    """Seconds that SQLite takes, at most CAP."""
    timer = threading.Timer(CAP, plain.interrupt)
    timer.start()
    try:
        return common.seconds(lambda: common.run(plain, sql))
    except apsw.InterruptError:
        return CAP
    finally:
        timer.cancel()


def report(measure, ratios, bar, met, note):
    """One line, with the ratio of each query."""
    each = " ".join(f"Q{n}:{r:.2f}" if r < 10 else f"Q{n}:{r:.0f}" for n, r in ratios.items())
    common.record(measure, note, bar, met, each)


def against_duckdb(host, queries, widths):
    """Bars: geometric mean 1.15, worst 1.5."""
    settings = {"memory_limit": common.MEMORY_LIMIT, "threads": common.THREADS}
    native = common.duckdb("2.0.0").connect(str(NATIVE), read_only=True, config=settings)
    ratios, seconds, native_seconds = {}, {}, {}
    for n, sql in queries.items():
        widths[n] = len(native.execute(sql).description)
        ours, theirs = common.paired(
            through_lumos(host, sql, widths[n]), lambda: native.execute(sql).fetchall(), PAIRS
        )
        ratios[n], seconds[n], native_seconds[n] = ours / theirs, ours, theirs
        print(f"  Q{n}: lumos {ours * 1000:.1f} ms, duckdb {theirs * 1000:.1f} ms", flush=True)
    mean, worst = common.geometric_mean(ratios.values()), max(ratios.values())
    report("22 TPC-H queries against native DuckDB", ratios, "geometric mean <= 1.15, worst <= 1.5",
           mean <= 1.15 and worst <= 1.5, f"geometric mean {mean:.3f}, worst {worst:.2f}")
    native.close()
    return seconds, native_seconds


def against_sqlite(queries, seconds, native_seconds):
    """Bars: geometric mean 20 times faster, none slower than 0.9. One run of SQLite after a warm-up that is
    left out where it took more than 2 seconds."""
    plain = common.sqlite(tpch.database())
    common.run(plain, "PRAGMA cache_size = -1000000")
    ratios, natively, stopped = {}, [], []
    for n, sql in queries.items():
        theirs = capped(plain, tpch.for_sqlite(sql))
        if theirs < 2:
            theirs = min(theirs, capped(plain, tpch.for_sqlite(sql)))
        if theirs >= CAP:
            stopped.append(n)
        ratios[n] = theirs / seconds[n]
        natively.append(theirs / native_seconds[n])
        print(f"  Q{n}: sqlite {theirs:.3f} s, {ratios[n]:.1f} times", flush=True)
    mean, least = common.geometric_mean(ratios.values()), min(ratios.values())
    note = f"geometric mean {mean:.1f} times faster, least {least:.2f}"
    note += f"; native DuckDB {common.geometric_mean(natively):.1f}, {min(natively):.2f}"
    if stopped:
        note += f" (SQLite stopped after {CAP:.0f} s: {', '.join(f'Q{n}' for n in stopped)})"
    report("22 TPC-H queries against SQLite with its indexes", ratios,
           "geometric mean >= 20, least >= 0.9", mean >= 20 and least >= 0.9, note)


def main():
    """Both comparisons with the same seconds of Lumos."""
    host = prepare()
    queries, widths = tpch.queries(), {}
    against_sqlite(queries, *against_duckdb(host, queries, widths))


if __name__ == "__main__":
    main()
