"""Plugin of Datasette: Lumos in every connection, with a mirror of its own or a shared one, locked against visitors.

Found by Datasette where lumosdb is installed. Options of `lumosdb.attach` stand in Datasette's configuration under
plugins: {"lumosdb": {"mirror": "memory", "memory_limit": "500MB"}}.
"""

from __future__ import annotations

from typing import Any

from datasette import hookimpl

from . import attach, load, lock


@hookimpl
def prepare_connection(conn: Any, database: str, datasette: Any) -> None:
    options = datasette.plugin_config("lumosdb", database=database) or {}
    load(conn)
    attach(conn, **{"mirror": "auto", **options})
    lock(conn, read_only=True)
