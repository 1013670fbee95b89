"""What every measurement shares: where things are, connections, paired timing, the results.

`make bench` runs these files with Python of target/hosts; data and results go to target/bench.
LUMOS_BENCH_SCALE (default 1) scales TPC-H and the numbers of rows, for trying things out.
"""

import glob
import importlib
import json
import math
import os
import pathlib
import statistics
import sys
import time

import apsw

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOSTS = ROOT / "target" / "hosts"
FOLDER = ROOT / "target" / "bench"
RESULTS = FOLDER / "results.json"
EXTENSION = str(ROOT / "target" / "lumos")
SCALE = float(os.environ.get("LUMOS_BENCH_SCALE", "1"))

# Both sides of every comparison get the same.
MEMORY_LIMIT = "4GB"
THREADS = os.cpu_count() or 1


def rows_of(number):
    """A number of rows, scaled."""
    return max(5000, int(number * SCALE))


def sqlite(path, lumos=False, wal=True):
    """A connection to SQLite through apsw."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    if wal:
        run(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    if lumos:
        connection.enable_load_extension(True)
        connection.load_extension(EXTENSION)
    return connection


def attach(connection, mirror=None, threads=THREADS, memory_limit=MEMORY_LIMIT):
    """Attaches the mirror with the settings of the comparison; without kept results, which would be no comparison."""
    options = json.dumps({"memory_limit": memory_limit, "threads": threads, "cache_bytes": 0})
    return value(connection, "SELECT lumos_attach(?, ?)", str(mirror) if mirror else None, options)


def run(connection, sql, *values):
    """All rows of one or more statements: apsw goes no further than it is asked to."""
    return list(connection.execute(sql, values))


def value(connection, sql, *values):
    """The first value of the first row."""
    return run(connection, sql, *values)[0][0]


def duckdb(version):
    """Python's `duckdb` of one version; one version a process."""
    sys.path.insert(0, str(HOSTS / f"duckdb-{version}"))
    module = importlib.import_module("duckdb")
    assert module.__version__ == version, module.__version__
    return module


def duckdb_extension(name):
    """The file of an extension for DuckDB 1.5.5, from its wheel."""
    return glob.glob(f"{HOSTS}/bench-extensions/**/{name}.duckdb_extension", recursive=True)[0]


def seconds(work):
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours, theirs, pairs=5, warm=1):
    """Medians of the seconds that both take, run in turn, the first one changing."""
    for _ in range(warm):
        ours()
        theirs()
    times = ([], [])
    for i in range(pairs):
        for side in (0, 1) if i % 2 else (1, 0):
            times[side].append(seconds((ours, theirs)[side]))
    return statistics.median(times[0]), statistics.median(times[1])


def geometric_mean(values):
    """The n-th root of the product."""
    return math.exp(statistics.fmean(map(math.log, values)))


def fresh(name):
    """A path in the folder where nothing is: an earlier file and all beside it are removed."""
    for path in glob.glob(glob.escape(str(FOLDER / name)) + "*"):
        if os.path.isfile(path):
            os.remove(path)
    return FOLDER / name


def record(measure, figure, bar, met, details=""):
    """Prints one result and keeps it for the table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[measure] = {"figure": figure, "bar": bar, "met": met, "details": details}
    RESULTS.write_text(json.dumps(results, indent=1))
    print(f"{'met   ' if met else 'MISSED'} {measure}: {figure} (bar {bar}) {details}", flush=True)
