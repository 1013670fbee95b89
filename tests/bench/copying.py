"""The first copy of a table: `lumos_track` of 10 M rows of 8 columns, against DuckDB's own `sqlite` extension
(1.5.5, its wheel from PyPI) that makes a table of the same rows of the same file.

Each copy runs in a fresh process with the same memory limit and threads, into a file of its own; the times
are those of the statement alone. The table's file is kept for the next run.
"""

import statistics
import subprocess
import sys

import common

ROWS = common.rows_of(10_000_000)
PAIRS = 3
SOURCE = common.FOLDER / f"copy-{ROWS}.sqlite"

TABLE = """CREATE TABLE t(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, product INTEGER NOT NULL,
  amount DECIMAL(12,2) NOT NULL, weight REAL, day DATE NOT NULL, city VARCHAR(20), note TEXT)"""

FILL = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO t SELECT i, i * 7919 % 100003, i % 1000, (i * 104729 % 1000000) / 100.0, i * 0.37,
  date('2020-01-01', (i % 2000) || ' days'), 'city ' || (i % 200), 'the note of row ' || i FROM n"""


def source():
    """The table in SQLite; made when it is not there."""
    if not SOURCE.exists():
        path = common.fresh(SOURCE.name + ".part")
        maker = common.sqlite(path)
        common.run(maker, TABLE + ";" + FILL + "; PRAGMA wal_checkpoint(TRUNCATE)")
        maker.close()
        path.rename(SOURCE)
    return SOURCE


def ours():
    """Seconds of `lumos_track`, in a process of its own."""
    host = common.sqlite(SOURCE, lumos=True)
    if "_lumos_meta" in [name for (name,) in common.run(host, "SELECT name FROM sqlite_schema")]:
        common.attach(host, ":memory:")
        common.run(host, "SELECT lumos_untrack('*')")
        common.run(host, "SELECT lumos_detach()")
    common.attach(host, common.fresh("copy-lumos.duckdb"))
    print(common.seconds(lambda: common.run(host, "SELECT lumos_track('t')")))


def theirs():
    """Seconds of CREATE TABLE AS through the `sqlite` extension, in a process of its own."""
    settings = {"memory_limit": common.MEMORY_LIMIT, "threads": common.THREADS}
    db = common.duckdb("1.5.5").connect(str(common.fresh("copy-native.duckdb")), config=settings)
    db.execute("SET enable_progress_bar = false")
    db.execute(f"LOAD '{common.duckdb_extension('sqlite_scanner')}'")
    db.execute(f"ATTACH '{SOURCE}' AS source (TYPE sqlite, READ_ONLY)")
    print(common.seconds(lambda: db.execute("CREATE TABLE t AS FROM source.t")))


def main():
    """The ratio of the medians."""
    source()
    times = {"ours": [], "theirs": []}
    for _ in range(PAIRS):
        for side, seconds in times.items():
            out = subprocess.run([sys.executable, __file__, side], check=True, capture_output=True, text=True)
            seconds.append(float(out.stdout))
    mine, peer = (statistics.median(times[side]) for side in ("ours", "theirs"))
    common.record(f"initial copy of {ROWS:,} rows of 8 columns against DuckDB's sqlite extension 1.5.5",
                  f"{mine / peer:.2f}", "<= 1.0", mine / peer <= 1, f"{mine:.1f} s against {peer:.1f} s")


if __name__ == "__main__":
    {"ours": ours, "theirs": theirs}.get("".join(sys.argv[1:]), main)()
