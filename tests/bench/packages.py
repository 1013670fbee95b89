"""What people wait for who install the packages: their sizes, installing, importing, loading, the first answer, a table
as Arrow, the MCP server. `make test-packages` makes what is measured, and the Python that has the drivers.
"""

import gzip
import pathlib
import statistics
import subprocess
import tempfile

import common

MADE = common.ROOT / "target/packages"
PYTHON = common.HOSTS / "packages/python/bin/python"
CHINOOK = common.ROOT / "tests/fixtures/chinook.sqlite"

IMPORT = "import time; s = time.perf_counter(); import lumosdb; print((time.perf_counter() - s) * 1000)"

LOAD = """
import apsw, lumosdb, time
db = apsw.Connection(":memory:")
s = time.perf_counter()
lumosdb.load(db)
print((time.perf_counter() - s) * 1000)
"""

FIRST = """
import apsw, lumosdb, sys, time
db = apsw.Connection(sys.argv[1])
lumosdb.load(db)
s = time.perf_counter()
lumosdb.query(db, "SELECT BillingCountry, sum(Total) FROM Invoice GROUP BY ALL")
print((time.perf_counter() - s) * 1000)
"""

ARROW = """
import apsw, lumosdb, time
db = apsw.Connection(":memory:")
lumosdb.load(db)
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT)")
db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) "
           "INSERT INTO t SELECT i, i * 7, i * 0.5, 'name ' || (i % 1000), '2026-01-01' FROM n")
for _ in db.execute("SELECT lumos_track('t')"):
    pass
for _ in range(5):
    s = time.perf_counter()
    assert lumosdb.arrow(db, "SELECT * FROM t").num_rows == 1_000_000
    print((time.perf_counter() - s) * 1000)
"""

# By turns with lumosdb.query on such a connection as the server has, in the client's process.
MCP = """
import asyncio, os, sys, time
import lumosdb
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SQL = "SELECT count(*) AS n FROM Genre"

async def main():
    s = time.perf_counter()
    server = StdioServerParameters(command=sys.executable, args=["-m", "lumosdb", "mcp", sys.argv[1]], env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        ask = lambda: session.call_tool("query", {"sql": SQL})
        await ask()
        print((time.perf_counter() - s) * 1000)
        db = lumosdb.connect(sys.argv[1], read_only=True, mirror="auto")
        lumosdb.query(db, SQL)
        for _ in range(100):
            s = time.perf_counter()
            await ask()
            print((time.perf_counter() - s) * 1000)
            s = time.perf_counter()
            lumosdb.query(db, SQL)
            print((time.perf_counter() - s) * 1000)
        db.close()

asyncio.run(main())
"""

# As `watch` of the npm package asks whether anything has changed.
POLL = """
import apsw, lumosdb, sys, time
db = apsw.Connection(sys.argv[1])
lumosdb.load(db)
(seen,), = db.execute("SELECT lumos_track('Invoice'); SELECT seq FROM lumos_changes()").fetchall()[1:]
for _ in range(20):
    s = time.thread_time()
    for _ in range(1000):
        db.execute("SELECT max(seq) AS seq FROM lumos_changes(?)", (seen,)).fetchall()
    print((time.thread_time() - s) * 1000)
"""


def printed(code, *arguments):
    """The numbers that a process prints, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "chinook.sqlite")
        copy.write_bytes(CHINOOK.read_bytes())
        done = subprocess.run([PYTHON, "-c", code, copy, *arguments], capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def each(code, times=15):
    """The median of a number that so many processes print."""
    return statistics.median(printed(code)[0] for _ in range(times))


def record(measure, figure, unit, bar, details=""):
    common.record(measure, f"{figure:.1f} {unit}", f"<= {bar} {unit}", figure <= bar, details)


def main():
    (wheel,) = MADE.glob("*.whl")
    (npm,) = MADE.glob("lumosdb-linux-x64-*.tgz")
    (extension,) = MADE.glob("duckdb/v*/linux_amd64/*.duckdb_extension")
    for kind, size, bar in [("Python wheel", wheel.stat().st_size, 25), ("npm package of the binaries", npm.stat().st_size, 25),
                            ("DuckDB extension, compressed", len(gzip.compress(extension.read_bytes())), 2)]:
        record(f"size of the {kind}", size / 1e6, "MB", bar)
    with tempfile.TemporaryDirectory() as folder:
        seconds = common.seconds(lambda: subprocess.run(
            [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", folder, wheel], check=True))
    record("installing the wheel by pip", seconds, "s", 5)
    record("import lumosdb", each(IMPORT), "ms", 2, "median of 15 processes")
    record("lumosdb.load", each(LOAD), "ms", 15, "median of 15 processes")
    record("the first lumosdb.query of a process, on Chinook", each(FIRST), "ms", 150, "median of 15 processes; DuckDB starts, eleven tables are copied")
    record("1,000,000 × 5 rows as a table of pyarrow", statistics.median(printed(ARROW)), "ms", 300, "median of 5")
    start, *asked = printed(MCP)
    record("MCP server, from its start to the first answer", start / 1000, "s", 1.5)
    pairs = list(zip(asked[::2], asked[1::2]))
    record("MCP query beyond lumosdb.query", statistics.median(a - b for a, b in pairs), "ms", 5,
           f"median of 100 pairs; {statistics.median(a for a, _ in pairs):.1f} ms against {statistics.median(b for _, b in pairs):.1f} ms")
    record("an idle poll of watch", statistics.median(printed(POLL)), "µs", 10, "processor time, 20,000 calls of lumos_changes through apsw")


if __name__ == "__main__":
    main()
