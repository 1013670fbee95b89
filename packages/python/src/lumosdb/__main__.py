"""`python -m lumosdb`: paths, a look at the drivers, one query, the MCP server."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from typing import Any

import lumosdb

# Each in a process of its own, since a process takes Lumos in one SQLite only.
_DRIVERS = ("sqlite3", "pysqlite3", "sqlean", "apsw", "adbc_driver_sqlite", "duckdb")
_PROBE = """
import json, sys, lumosdb
name = sys.argv[1]
if name == "apsw":
    import apsw
    connection = apsw.Connection(":memory:")
elif name == "adbc_driver_sqlite":
    import adbc_driver_sqlite.dbapi
    connection = adbc_driver_sqlite.dbapi.connect(":memory:")
elif name == "duckdb":
    import duckdb
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
else:
    import importlib
    connection = importlib.import_module(name + ".dbapi2").connect(":memory:")
lumosdb.load(connection)
cursor = connection.cursor()
cursor.execute("SELECT lumos_debug()")
print(cursor.fetchone()[0])
connection.close()
"""


def _doctor() -> int:
    """Prints what loads Lumos here and what does not, with the reason. Returns 1 if no SQLite does."""
    print(f"lumosdb {lumosdb.__version__}, Python {platform.python_version()} on {platform.platform()}")
    print(f"SQLite extension: {lumosdb.loadable_path()}")
    print(f"DuckDB extension: {lumosdb.duckdb_path()}")
    loads = False
    for name in _DRIVERS:
        probe = subprocess.run([sys.executable, "-c", _PROBE, name], capture_output=True, text=True)
        if probe.returncode == 0:
            loads = loads or name != "duckdb"
            print(f"{name}: loads, {probe.stdout.strip()}")
        else:
            print(f"{name}: {(probe.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
    if not loads:
        print("No SQLite here loads extensions: pip install 'lumosdb[driver]'")
    return 0 if loads else 1


def _query(arguments: argparse.Namespace) -> int:
    connection = lumosdb.connect(arguments.database, mirror=arguments.mirror, read_only=arguments.database != ":memory:")
    try:
        params = None if arguments.params is None else json.loads(arguments.params)
        for row in lumosdb.query(connection, arguments.sql, params):
            print(json.dumps(row, ensure_ascii=False))
    except Exception as error:  # A driver's own class, whichever driver that is.
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()
    return 0


def _mcp(arguments: argparse.Namespace) -> int:
    try:
        from .mcp import serve
    except ImportError as error:
        print(f"{error}; pip install 'lumosdb[mcp]'", file=sys.stderr)
        return 1
    serve(arguments.database, write=arguments.write, max_rows=arguments.max_rows, timeout=arguments.timeout)
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lumosdb", description="Lumos for SQLite and DuckDB")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("path", help="print the path of the SQLite extension, for load_extension")
    commands.add_parser("duckdb-path", help="print the path of the DuckDB extension, for LOAD")
    commands.add_parser("doctor", help="print which drivers here load Lumos")
    query = commands.add_parser("query", help="print the rows of one SELECT in DuckDB's SQL, a JSON object a line")
    query.add_argument("database")
    query.add_argument("sql")
    query.add_argument("--params", help="a JSON array for ?, a JSON object for $name")
    query.add_argument("--mirror", default="auto", help="file, shared, memory, auto (default) or a path: see lumosdb.attach")
    mcp = commands.add_parser("mcp", help="serve a database to an agent by the Model Context Protocol, on stdin and stdout")
    mcp.add_argument("database")
    mcp.add_argument("--write", action="store_true", help="also tools that change the database and its memory")
    mcp.add_argument("--max-rows", type=int, default=1000, help="the most rows of an answer (default 1000)")
    mcp.add_argument("--timeout", type=float, default=30, help="the most seconds of a statement (default 30)")
    arguments: Any = parser.parse_args(argv)
    if arguments.command == "path":
        print(lumosdb.loadable_path())
    elif arguments.command == "duckdb-path":
        print(lumosdb.duckdb_path())
    else:
        return {"doctor": lambda _: _doctor(), "query": _query, "mcp": _mcp}[arguments.command](arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
