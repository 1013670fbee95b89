"""SQLAlchemy and Alembic: Lumos in an engine's connections, and migrations that leave its tables alone."""

from __future__ import annotations

from typing import Any, Callable

from ._drivers import need

need("sqlalchemy", "'lumosdb[sqlalchemy]'")

from sqlalchemy import event, text

from . import attach, load


def install(engine: Any, mirror: str | None = None, **options: Any) -> Any:
    """Loads Lumos into each new connection of an engine, also an asynchronous one, and returns the engine.

    With `mirror` or `options` it is attached as by `lumosdb.attach`. A session that has flushed is in a transaction that
    has written: COMMIT before lumos_query, or ask lumos_auto.
    """

    def connected(connection: Any, _record: Any) -> None:
        load(connection)
        if mirror is not None or options:
            attach(connection, "file" if mirror is None else mirror, **options)

    event.listen(getattr(engine, "sync_engine", engine), "connect", connected)
    return engine


def include_object(connection: Any) -> Callable[..., bool]:
    """For Alembic's `context.configure(include_object=...)`: leaves out what Lumos and virtual tables keep for themselves.

    These are the tables of the changelog and of an agent's memory, virtual tables, and the tables in which those of
    lumos_vec and FTS5 keep their rows. Without it autogenerate proposes to drop them all.
    """
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).fetchall()
    left_out = {name for name, _ in rows if name.startswith(("_lumos_", "lumos_"))}
    for name, sql in rows:
        if (sql or "").lstrip()[:14].upper() == "CREATE VIRTUAL":
            left_out.add(name)
            if "lumos_vec" in sql:
                left_out.update(f"{name}_{part}" for part in ("rows", "vectors", "blocks", "meta"))
    kinds = connection.execute(text("SELECT name FROM pragma_table_list WHERE type = 'shadow'"))
    left_out.update(name for (name,) in kinds)

    def include(item: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
        table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
        return table not in left_out

    return include
