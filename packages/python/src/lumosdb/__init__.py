"""Lumos for SQLite and DuckDB, through the driver that you have.

    import lumosdb
    db = lumosdb.connect("chinook.sqlite")
    print(lumosdb.query(db, "SELECT BillingCountry, sum(Total) FROM Invoice GROUP BY ALL ORDER BY 2 DESC LIMIT 2"))

A write that is not committed yet hinders `query`: COMMIT first, or ask `auto`, which answers inside a transaction too.
`connect` gives connections that commit each statement by themselves; other drivers open transactions on their own.
"""

from ._drivers import attach, connect, duckdb_connect, duckdb_path, load, loadable_path, lock
from ._rows import arrow, auto, df, pl, query, vector

try:
    from ._version import __version__ as __version__  # Written when the wheel is made; importlib.metadata takes 100 times as long.
except ImportError:  # Run from its sources.
    __version__ = ""

__all__ = [
    "arrow", "attach", "auto", "connect", "df", "duckdb_connect", "duckdb_path", "load", "loadable_path", "lock", "pl",
    "query", "vector",
]
