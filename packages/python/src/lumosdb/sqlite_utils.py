"""Plugin of sqlite-utils: Lumos in its connections. Found where lumosdb is installed."""

from __future__ import annotations

from typing import Any

from sqlite_utils import hookimpl

from . import load


@hookimpl
def prepare_connection(conn: Any) -> None:
    load(conn)
