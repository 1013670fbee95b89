"""What loading and streaming cost the process: seconds of `.load`, and memory of a long result.

Both run in fresh processes: the sqlite3 shell for the load, Python with apsw for the memory.
"""

import statistics
import subprocess
import sys

import common

LOADS = 60
ROWS = 50_000_000


def shell(*commands):
    """Runs the stock sqlite3 shell on a database in memory."""
    subprocess.run(["sqlite3", ":memory:"], input="\n".join(commands).encode(), check=True, capture_output=True)


def load():
    """Bar: 15 ms more than the same process without the extension, DuckDB not started."""
    differences = []
    for _ in range(LOADS):
        without = common.seconds(lambda: shell("SELECT 1;"))
        loaded = common.seconds(lambda: shell(f".load {common.EXTENSION}", "SELECT 1;"))
        differences.append((loaded - without) * 1000)
    median = statistics.median(differences)
    common.record("load of the extension, DuckDB not started", f"{median:.1f} ms", "<= 15 ms", median <= 15,
                  f"median of {LOADS} pairs of processes")


def status(field):
    """A line of /proc/self/status in MB."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def memory():
    """In a process of its own: RSS when loaded, and the most that it became."""
    host = common.sqlite(":memory:", lumos=True, wal=False)
    start = status("VmRSS")
    common.attach(host, ":memory:", memory_limit="1GB")
    sql = f"SELECT range, 'row ' || range FROM range({ROWS})"
    count, total = 0, 0
    for number, _ in host.execute("SELECT c0, c1 FROM lumos_query(?)", (sql,)):
        count, total = count + 1, total + number
    assert (count, total) == (ROWS, ROWS * (ROWS - 1) // 2)
    print(status("VmHWM") - start)


def stream():
    """Bar: 300 MB above the start."""
    out = subprocess.run([sys.executable, __file__, "memory"], check=True, capture_output=True, text=True)
    above = float(out.stdout)
    common.record("memory of a 50 M-row streamed result", f"{above:.0f} MB above start", "<= 300 MB", above <= 300,
                  "an integer and a text a row, read in Python; DuckDB's start included")


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        memory()
    else:
        load()
        stream()
