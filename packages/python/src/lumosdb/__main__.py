"""`python -m lumosdb`: paths, a look at the drivers, one query, the MCP server."""

from __future__ import annotations

import argparse
import json
import os
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


def _doctor(_arguments: argparse.Namespace) -> int:
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
        for row in lumosdb.query(connection, arguments.sql, arguments.params):
            print(json.dumps(row, ensure_ascii=False))
    finally:
        connection.close()
    return 0


def _mcp(arguments: argparse.Namespace) -> int:
    from .mcp import serve

    serve(arguments.database, write=arguments.write, max_rows=arguments.max_rows, timeout=arguments.timeout)
    return 0


def _path(arguments: argparse.Namespace) -> int:
    print(lumosdb.loadable_path() if arguments.command == "path" else lumosdb.duckdb_path())
    return 0


_COMMANDS = {"path": _path, "duckdb-path": _path, "doctor": _doctor, "query": _query, "mcp": _mcp}


def _params(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON ({error}); give an array like [1, \"a\"], or an object") from error


def _rows(text: str) -> int:
    rows = int(text) if text.isdecimal() else 0
    if not 1 <= rows <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}; give a whole number from 1 to 1000000")
    return rows


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r}; give a number of seconds, up to 86400")
    return seconds


def main(argv: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):  # Rows are UTF-8, whatever a console takes.
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="lumosdb", description="Lumos for SQLite and DuckDB")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("path", help="print the path of the SQLite extension, for load_extension")
    commands.add_parser("duckdb-path", help="print the path of the DuckDB extension, for LOAD")
    commands.add_parser("doctor", help="print which drivers here load Lumos")
    query = commands.add_parser("query", help="print the rows of one SELECT in DuckDB's SQL, a JSON object a line")
    query.add_argument("database")
    query.add_argument("sql")
    query.add_argument("--params", type=_params, help="a JSON array for ?, a JSON object for $name")
    query.add_argument("--mirror", default="auto", help="file, shared, memory, auto (default) or a path: see lumosdb.attach")
    mcp = commands.add_parser("mcp", help="serve a database to an agent by the Model Context Protocol, on stdin and stdout")
    mcp.add_argument("database")
    mcp.add_argument("--write", action="store_true", help="also tools that change the database and its memory")
    mcp.add_argument("--max-rows", type=_rows, default=1000, help="the most rows of an answer (default 1000)")
    mcp.add_argument("--timeout", type=_seconds, default=30, help="the most seconds of a statement (default 30)")
    arguments: Any = parser.parse_args(argv)
    try:
        code = _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # Whoever reads has enough; Python shall not complain of that when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # A driver's own class, whichever driver that is.
        print(f"lumosdb {arguments.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
