"""Loading the two libraries into whatever connection there is, and which mirror a connection takes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing itself, like json, takes longer than all the rest of an import.
if TYPE_CHECKING:
    from typing import Any

# The module whose SQLite has Lumos: a process can load it into one SQLite only.
_loaded_by: str | None = None

# Up to here a copy of the whole database in memory is cheaper than taking turns with one mirror.
_MEMORY_MIRROR_BYTES = 100 * 1024 * 1024


def _library(name: str) -> str:
    folder = os.environ.get("LUMOSDB_DIR") or os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{path} is missing; install a wheel of lumosdb for this platform, or set LUMOSDB_DIR to a folder with the built libraries"
        )
    return path


def loadable_path() -> str:
    """The path of the SQLite extension without its suffix, as `load_extension` takes it."""
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    return _library("lumos" + suffix)[: -len(suffix)]


def duckdb_path() -> str:
    """The path of the DuckDB extension."""
    return _library("lumos.duckdb_extension")


def driver_connection(connection: Any) -> Any:
    """The driver's own connection inside one of SQLAlchemy or sqlite-utils; any other as it is."""
    if type(connection).__module__.startswith("sqlalchemy."):
        connection = getattr(connection, "connection", connection)  # A Connection's is pooled,
        return getattr(connection, "driver_connection", None) or connection  # and that has the driver's.
    if type(connection).__module__.startswith("sqlite_utils."):
        return connection.conn
    return connection


def is_duckdb(connection: Any) -> bool:
    return type(connection).__module__.split(".")[0] in ("duckdb", "_duckdb")


def load(connection: Any) -> Any:
    """Loads Lumos into a connection of sqlite3, pysqlite3, sqlean, apsw, ADBC, SQLAlchemy, sqlite-utils or duckdb.

    Of aiosqlite it returns an awaitable, which loads when it is awaited. Raises RuntimeError if the driver was built
    without extensions. Loading of further extensions is off again afterwards.
    """
    if hasattr(connection, "run_async"):  # SQLAlchemy's face of aiosqlite.
        return connection.run_async(load)
    connection = driver_connection(connection)
    if is_duckdb(connection):
        connection.execute("LOAD '" + duckdb_path().replace("'", "''") + "'")
        return _compare_versions(connection.execute("SELECT lumos_version()").fetchone()[0])
    module = type(connection).__module__.split(".")[0]
    if module == "aiosqlite":
        return _load_aiosqlite(connection)
    if module == "adbc_driver_manager":
        _load_adbc(connection)
    elif not hasattr(connection, "enable_load_extension"):
        raise RuntimeError(
            f"this Python's {module} was built without extensions; pip install 'lumosdb[driver]' and use lumosdb.connect()"
        )
    else:
        connection.enable_load_extension(True)
        try:
            connection.load_extension(loadable_path())
        finally:
            connection.enable_load_extension(False)
    global _loaded_by
    _loaded_by = _loaded_by or module
    _compare_versions(_one(connection, "SELECT lumos_version()"))


async def _load_aiosqlite(connection: Any) -> None:
    await connection.enable_load_extension(True)
    try:
        await connection.load_extension(loadable_path())
    finally:
        await connection.enable_load_extension(False)
    async with connection.execute("SELECT lumos_version()") as cursor:
        _compare_versions(first(await cursor.fetchone()))


def _load_adbc(connection: Any) -> None:
    native = connection.adbc_connection
    native.set_options(**{"adbc.sqlite.load_extension.enabled": "true"})
    native.set_options(**{"adbc.sqlite.load_extension.path": loadable_path()})
    native.set_options(**{"adbc.sqlite.load_extension.entrypoint": "sqlite3_lumos_init"})
    native.set_options(**{"adbc.sqlite.load_extension.enabled": "false"})


def first(row: Any) -> Any:
    """The first value of a row, whatever the connection makes of rows."""
    return next(iter(row.values())) if isinstance(row, dict) else row[0]


def _compare_versions(library: str | bytes) -> None:
    from . import __version__

    library = library.decode() if isinstance(library, bytes) else library
    if __version__ and library != __version__:
        import warnings

        warnings.warn(
            f"lumos_version() is {library}, the package is {__version__}: another copy of Lumos was loaded first, or LUMOSDB_DIR has an old one",
            RuntimeWarning,
            stacklevel=3,
        )


def _driver(name: str | None) -> Any:
    """The module to connect by: the one named, that of an earlier load, or the first that can load extensions."""
    import importlib

    names = [name] if name else [_loaded_by] if _loaded_by in ("sqlite3", "pysqlite3", "sqlean") else ["sqlite3", "pysqlite3", "sqlean"]
    for candidate in names:
        try:
            module = importlib.import_module(f"{candidate}.dbapi2")
        except ImportError:
            continue
        if hasattr(module.Connection, "enable_load_extension") and module.sqlite_version_info >= (3, 40):
            return module
    raise RuntimeError(
        f"no SQLite of this Python can load extensions (tried {', '.join(names)}; it takes SQLite 3.40 or newer); pip install 'lumosdb[driver]'"
    )


def connect(
    path: str | os.PathLike[str] = ":memory:",
    *,
    driver: str | None = None,
    mirror: str | None = None,
    read_only: bool = False,
    check_same_thread: bool = True,
    **options: Any,
) -> Any:
    """Opens a SQLite database with Lumos loaded: each statement commits by itself, waits 5 s for others, in WAL.

    `driver` is "sqlite3", "pysqlite3" or "sqlean", by default the first that can load extensions; a process has one.
    `mirror` and `options` are those of `attach`; without any, the first query attaches `<path>-lumos.duckdb`, which one
    process has at a time. The caller closes the connection: until then other processes cannot have that mirror.
    """
    import pathlib

    module = _driver(driver)
    name = os.fspath(path)
    uri = read_only and name != ":memory:"
    if uri:
        name = pathlib.Path(name).absolute().as_uri() + "?mode=ro"
    connection = module.connect(name, timeout=5, isolation_level=None, check_same_thread=check_same_thread, uri=uri)
    try:
        load(connection)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL").close()
        if mirror is not None or options:
            attach(connection, mirror or "file", **options)
    except BaseException:
        connection.close()
        raise
    return connection


def attach(connection: Any, mirror: str = "file", **options: Any) -> dict[str, Any]:
    """Attaches a mirror and returns what lumos_attach says of it, and under "kind" which of these was taken.

    "file": `<database>-lumos.duckdb`, for one process at a time; "shared": the same, in turns with other processes that
    say so too; "memory": one of this connection's own; "auto": "memory" for databases of up to 100 MB, else "shared",
    which is what servers and agents want, of which there are often several. Anything else is the path of a file.
    `options` are those of lumos_attach: `memory_limit`, `threads`, `allow_files`, ...
    """
    import json

    if mirror == "auto":
        pages, size = _one(connection, "PRAGMA page_count"), _one(connection, "PRAGMA page_size")
        mirror = "memory" if pages * size <= _MEMORY_MIRROR_BYTES else "shared"
    path = {"file": None, "shared": None, "memory": ":memory:"}.get(mirror, mirror)
    if mirror == "shared":
        options["shared"] = True
    said: dict[str, Any] = json.loads(_one(connection, "SELECT lumos_attach(?, ?)", (path, json.dumps(options))))
    return {**said, "kind": mirror}


def _one(connection: Any, sql: str, params: tuple[Any, ...] = ()) -> Any:
    cursor = driver_connection(connection).cursor()
    try:
        cursor.execute(sql, params)
        return first(cursor.fetchall()[0])
    finally:
        cursor.close()


# What writes the mirror or files though the database itself is open for reading only.
_WRITERS = frozenset({"lumos_exec", "lumos_export", "lumos_load", "lumos_optimize", "lumos_tier", "lumos_tier_run", "lumos_untier"})
_FUNCTION, _OK, _DENY = 31, 0, 1  # SQLite's numbers, the same in every driver.


def lock(connection: Any, read_only: bool = False) -> dict[str, Any]:
    """Fixes what SQL can reach through a connection: for a program that goes on to run SQL that it does not trust.

    Attach first. From now on lumos_attach and lumos_detach are errors, so no SQL opens a folder; it lasts until the
    connection is closed. `read_only` also refuses, by an authorizer, the functions that write the mirror or files.
    Returns the mirror, the open folders and the models.
    """
    import json

    connection = driver_connection(connection)
    fixed: dict[str, Any] = json.loads(_one(connection, "SELECT lumos_lock()"))
    if read_only:

        def authorize(action: int, _first: Any, name: Any, _schema: Any, _trigger: Any) -> int:
            return _DENY if action == _FUNCTION and str(name).lower() in _WRITERS else _OK

        connection.set_authorizer(authorize)
    return fixed


def duckdb_connect(path: str | os.PathLike[str] = ":memory:", read_only: bool = False, **config: Any) -> Any:
    """Opens a DuckDB database with Lumos loaded; `config` are DuckDB's settings."""
    import duckdb

    connection = duckdb.connect(os.fspath(path), read_only=read_only, config={"allow_unsigned_extensions": "true", **config})
    try:
        load(connection)
    except BaseException:
        connection.close()
        raise
    return connection
