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


_HOMES = ("sqlalchemy", "sqlite_utils", "aiosqlite", "adbc_driver_manager", "duckdb", "_duckdb", "sqlite3", "pysqlite3", "sqlean", "apsw")


def _home(connection: Any) -> str:
    """The package that the class of a connection is from, or is derived from."""
    homes = [kind.__module__.split(".")[0] for kind in type(connection).__mro__]
    return next((home for home in homes if home in _HOMES), homes[0])


def driver_connection(connection: Any) -> Any:
    """The driver's own connection inside one of SQLAlchemy, a session of it, or one of sqlite-utils; any other as it is.

    Raises TypeError for what is no connection.
    """
    home = _home(connection)
    if home == "sqlalchemy":
        if hasattr(connection, "run_sync"):
            raise TypeError("this connection is asynchronous: await connection.run_sync(lambda connection: lumosdb.query(connection, ...))")
        if callable(getattr(connection, "connection", None)):  # A Session's is a method;
            connection = connection.connection()
        connection = getattr(connection, "connection", connection)  # a Connection's is pooled,
        connection = getattr(connection, "dbapi_connection", None) or connection  # and that has the driver's, or a face of it.
    elif home == "sqlite_utils":
        connection = connection.conn
    if not callable(getattr(connection, "cursor", None)):
        raise TypeError(
            f"a {type(connection).__name__} is no connection of a SQLite or DuckDB driver; lumosdb.connect(path) gives one, of SQLAlchemy's engine connect()"
        )
    return connection


def blocking_connection(connection: Any) -> Any:
    """The driver's own connection, as `driver_connection`. Raises TypeError for one of aiosqlite."""
    connection = driver_connection(connection)
    if _home(connection) == "aiosqlite":
        raise TypeError(
            "this connection is asynchronous: await connection.execute(\"SELECT row FROM lumos_query(?, ?)\", (sql, params as JSON)), a JSON object a row"
        )
    return connection


def is_duckdb(connection: Any) -> bool:
    return _home(connection) in ("duckdb", "_duckdb")


def need(module: str, packages: str) -> Any:
    """A module that is no part of the package. Raises ImportError with the command that installs it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{error}; pip install {packages}", name=module) from error


def load(connection: Any) -> Any:
    """Loads Lumos into a connection of sqlite3, pysqlite3, sqlean, apsw, ADBC, SQLAlchemy, sqlite-utils or duckdb.

    Of aiosqlite it returns an awaitable, which loads when it is awaited. Raises RuntimeError if the driver was built
    without extensions. Loading of further extensions is off again afterwards.
    """
    connection = driver_connection(connection)
    if hasattr(connection, "run_async"):  # SQLAlchemy's face of aiosqlite.
        return connection.run_async(load)
    if is_duckdb(connection):
        connection.execute("LOAD '" + duckdb_path().replace("'", "''") + "'")
        return _compare_versions(connection.execute("SELECT lumos_version()").fetchone()[0])
    module = _home(connection)
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
    mirror: str | os.PathLike[str] | None = None,
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
    name = shown = os.fsdecode(path)
    uri = read_only and name != ":memory:"
    if uri:
        name = pathlib.Path(name).absolute().as_uri() + "?mode=ro"
    try:
        connection = module.connect(name, timeout=5, isolation_level=None, check_same_thread=check_same_thread, uri=uri)
    except module.Error as error:
        raise type(error)(f"{error}: {shown!r}{_why_not_opened(shown, read_only)}") from error
    try:
        try:  # The first statement that reads the file.
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1" if read_only else "PRAGMA journal_mode = WAL").close()
        except module.Error as error:
            raise type(error)(f"{error}: {shown!r}{_why_not_opened(shown, read_only)}") from error
        load(connection)
        if mirror is not None or options:
            attach(connection, "file" if mirror is None else mirror, **options)
    except BaseException:
        connection.close()
        raise
    return connection


def _why_not_opened(path: str, read_only: bool) -> str:
    """What a person can do about a database that cannot be opened; "" if that is not to be seen from outside."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"; the folder {folder!r} does not exist"
    if os.path.isdir(path):
        return "; it is a folder"
    if not os.path.exists(path):
        return "; there is no such file" if read_only else f"; it cannot be made in {folder!r}"
    if not os.access(path, os.R_OK):
        return "; it may not be read"
    if os.access(path, os.W_OK) and os.access(folder, os.W_OK):
        return ""
    if read_only:
        return "; it was left in WAL mode, and its folder cannot be written: copy it, or set PRAGMA journal_mode = DELETE where it is written"
    return "; it cannot be written: connect with read_only=True, mirror='memory'"


def attach(connection: Any, mirror: str | os.PathLike[str] = "file", **options: Any) -> dict[str, Any]:
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
    mirror = os.fsdecode(mirror)
    path = {"file": None, "shared": None, "memory": ":memory:"}.get(mirror, mirror)
    if path == mirror != ":memory:" and os.path.basename(mirror) == os.path.splitext(mirror)[0]:  # A word that is mistyped makes no file.
        raise ValueError(f"mirror is {mirror!r}; give 'file', 'shared', 'memory', 'auto', or the path of a file, like './{mirror}.duckdb'")
    if mirror == "shared":
        options["shared"] = True
    said: dict[str, Any] = json.loads(_one(connection, "SELECT lumos_attach(?, ?)", (path, json.dumps(options))))
    return {**said, "kind": mirror}


def _one(connection: Any, sql: str, params: tuple[Any, ...] = ()) -> Any:
    cursor = blocking_connection(connection).cursor()
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

    connection = blocking_connection(connection)
    if read_only and not hasattr(connection, "set_authorizer"):
        raise TypeError(f"{_home(connection)} has no authorizer, by which SQL is kept to reading; take a connection of lumosdb.connect()")
    fixed: dict[str, Any] = json.loads(_one(connection, "SELECT lumos_lock()"))
    if read_only:

        def authorize(action: int, _first: Any, name: Any, _schema: Any, _trigger: Any) -> int:
            return _DENY if action == _FUNCTION and str(name).lower() in _WRITERS else _OK

        connection.set_authorizer(authorize)
    return fixed


def duckdb_connect(path: str | os.PathLike[str] = ":memory:", read_only: bool = False, **config: Any) -> Any:
    """Opens a DuckDB database with Lumos loaded; `config` are DuckDB's settings."""
    duckdb = need("duckdb", "'lumosdb[duckdb]'")
    connection = duckdb.connect(os.fsdecode(path), read_only=read_only, config={"allow_unsigned_extensions": "true", **config})
    try:
        load(connection)
    except BaseException:
        connection.close()
        raise
    return connection
