"""`lumosdb mcp DB`: a database for an agent, by the Model Context Protocol on stdin and stdout.

What reads goes through one connection that is open for reading only, locked, and has a mirror that several servers on
one file can have at once; what writes, under `--write`, through a second one. Nothing of SQLite's is passed on without
that, and no file but the database is opened.
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Awaitable, Callable, Iterator

from ._drivers import need

need("mcp.server.mcpserver", "'lumosdb[mcp]'")

import anyio
import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from . import __version__, attach, connect, lock
from ._rows import as_json

Rows = list[dict[str, Any]]
Tool = Callable[..., dict[str, Any]]

_MAX_CHARACTERS = 50_000
_SAMPLES = 3
_INTERRUPT_SECONDS = 0.02

# SQLite's numbers of actions, and what writing SQL of an agent may not do: reach other files, or loosen the connection.
_ATTACH, _PRAGMA, _FUNCTION, _OK, _DENY = 24, 19, 31, 0, 1
_CLOSED_PRAGMAS = frozenset({
    "data_store_directory", "journal_mode", "key", "legacy_alter_table", "locking_mode", "mmap_size", "rekey", "temp_store_directory",
    "trusted_schema", "wal_checkpoint", "writable_schema",
})
_CLOSED_FUNCTIONS = frozenset({"lumos_export", "lumos_load", "lumos_model_add", "lumos_model_remove", "lumos_tier", "lumos_tier_run"})

_INSTRUCTIONS = """A SQLite database with Lumos. `query` takes one SELECT in DuckDB's SQL (GROUP BY ALL, QUALIFY, window
functions, date_trunc) and never changes anything; give "sqlite" as dialect for SQLite's own SQL. Begin with list_tables
and describe_table. Pass values as params (? in the text), not in the text. """


class Call:
    """A call of a client, which it may take back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._cancelled = False

    @contextmanager
    def using(self, connection: Any) -> Iterator[None]:
        """As long as it asks a connection, that is what `cancel` interrupts. Raises ToolError if it was cancelled before."""
        with self._lock:
            if self._cancelled:
                raise ToolError("the call was cancelled")
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.interrupt()


_call: ContextVar[Call] = ContextVar("call")


def cancellable(tool: Tool) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The tool in a thread, so that the server hears its client meanwhile, which ends when the client takes the call back."""

    @functools.wraps(tool)
    async def called(*args: Any, **arguments: Any) -> dict[str, Any]:
        call, done, failed, answer = Call(), False, None, {}
        _call.set(call)

        async def cancel() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                # Again until it has ended: an interrupt before a statement has begun is forgotten.
                with anyio.CancelScope(shield=True):
                    while not done:
                        call.cancel()
                        await anyio.sleep(_INTERRUPT_SECONDS)

        async with anyio.create_task_group() as group:
            group.start_soon(cancel)
            try:
                answer = await anyio.to_thread.run_sync(functools.partial(tool, *args, **arguments))
            except Exception as error:
                failed = error
            finally:
                done = True
                group.cancel_scope.cancel()
        if failed is not None:
            raise failed
        return answer

    return called


class Database:
    """A database as an agent sees it: one connection that reads, one that writes once it is asked to."""

    def __init__(self, path: str, write: bool, max_rows: int, timeout: float) -> None:
        self.path, self.max_rows, self.timeout = path, max_rows, timeout
        if write and not os.path.exists(path):
            connect(path).close()
        elif not os.path.isfile(path):
            raise SystemExit(f"lumosdb mcp: {path!r} is not a file; give the path of a SQLite database, or --write to make one")
        self._turn = threading.Lock()
        self._writer: Any = None
        self._reader = connect(path, read_only=True, check_same_thread=False)
        attach(self._reader, "auto")
        lock(self._reader, read_only=True)
        names = self._reader.execute("SELECT name FROM pragma_function_list UNION SELECT name FROM pragma_module_list").fetchall()
        self.functions = {name for (name,) in names}

    def close(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()

    @contextmanager
    def statement(self, write: bool = False) -> Iterator[Any]:
        """A cursor for one call: no longer than the timeout, and any error with its words for the model."""
        with self._turn, _call.get().using(connection := self._connection(write)):
            cursor = connection.cursor()
            ended = threading.Timer(self.timeout, connection.interrupt)
            ended.daemon = True
            ended.start()
            try:
                yield cursor
            except ToolError:
                raise
            except Exception as error:
                raise ToolError(f"{error}{self._advice(str(error).lower())}") from error
            finally:
                ended.cancel()
                cursor.close()
                if connection.in_transaction:
                    connection.rollback()

    def _advice(self, error: str) -> str:
        if "interrupt" in error:
            return f" (stopped after {self.timeout:g} s; ask for less)"
        if "not authorized" in error or "authorization denied" in error or "prohibited" in error:
            return " (SQL reaches no file but the database here, and changes no setting of the connection)"
        return ""

    def _connection(self, write: bool) -> Any:
        if not write:
            return self._reader
        if self._writer is None:
            writer = connect(self.path, check_same_thread=False, mirror="memory")
            lock(writer)
            writer.set_authorizer(_authorize_writes)
            self._writer = writer
        return self._writer

    def fetch(self, sql: str, params: Any = (), write: bool = False) -> list[Any]:
        with self.statement(write) as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def records(self, sql: str, params: Any = (), write: bool = False) -> Rows:
        """Rows by the names of their columns, BLOBs by their length; one more than an answer may have, if there are more."""
        with self.statement(write) as cursor:
            cursor.execute(sql, params)
            return _records(cursor, self.max_rows + 1)

    def answer(self, rows: Rows) -> dict[str, Any]:
        """Rows as many as an answer may have, up to 50,000 characters, and whether there are more."""
        kept: Rows = []
        characters, more = 0, len(rows) > self.max_rows
        for row in rows[: self.max_rows]:
            characters += _characters(row)
            if characters > _MAX_CHARACTERS:
                more = True
                if not kept:  # One that is too long alone is shown as far as it goes.
                    kept.append(_cut(row, _MAX_CHARACTERS // 2))
                break
            kept.append(row)
        answer: dict[str, Any] = {"rows": kept, "truncated": more}
        if more:
            answer["note"] = f"only the first {len(kept)} rows; aggregate, or ask for fewer columns or rows"
        return answer

    def table(self, name: str) -> tuple[str, str]:
        """The name as it is written in the database, and the statement that made it. Raises ToolError without one."""
        found = self.fetch("SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE", (name,))
        if not found:
            raise ToolError(f"there is no table {name!r}; list_tables lists them")
        return found[0][0], found[0][1]


def _authorize_writes(action: int, what: Any, name: Any, _schema: Any, _trigger: Any) -> int:
    closed = (
        action == _ATTACH
        or (action == _PRAGMA and str(what).lower() in _CLOSED_PRAGMAS and name is not None)
        or (action == _FUNCTION and str(name).lower() in _CLOSED_FUNCTIONS)
    )
    return _DENY if closed else _OK


def _records(cursor: Any, most: int) -> Rows:
    names = [column[0] for column in cursor.description or ()]
    return [
        {name: f"<{len(value)} bytes>" if isinstance(value, bytes) else value for name, value in zip(names, row)}
        for row in cursor.fetchmany(most)
    ]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _characters(row: dict[str, Any]) -> int:
    return len(json.dumps(row, ensure_ascii=False, default=str))


def _cut(row: dict[str, Any], most: int) -> dict[str, Any]:
    """A row whose long values are cut, so that all together have about so many characters."""
    if _characters(row) <= most:
        return row
    each = max(most // len(row), 20)
    texts = {name: value if isinstance(value, (str, int, float, type(None))) else json.dumps(value, ensure_ascii=False) for name, value in row.items()}
    return {
        name: f"{value[:each]}… ({len(value)} characters)" if isinstance(value, str) and len(value) > each else value for name, value in texts.items()
    }


def make_server(path: str, write: bool = False, max_rows: int = 1000, timeout: float = 30) -> MCPServer[Any]:
    """The server of one database. Raises SystemExit if the file is not there."""
    database = Database(path, write, max_rows, timeout)
    memory = "lumos_memory_search" in database.functions
    instructions = _INSTRUCTIONS
    if memory:
        instructions += "recall finds what was remembered" + (", remember keeps a text, forget takes it away. " if write else ". ")
    server: MCPServer[Any] = MCPServer("lumosdb", instructions=instructions, version=__version__, log_level="WARNING")

    def tool(read_only: bool = True, destructive: bool = False) -> Callable[[Tool], Tool]:
        hints = ToolAnnotations(read_only_hint=read_only, destructive_hint=destructive, open_world_hint=False)
        added = server.tool(annotations=hints, structured_output=True)

        def add(function: Tool) -> Tool:
            added(cancellable(function))
            return function

        return add

    @tool()
    def list_tables() -> dict[str, Any]:
        """Lists the tables and views with their kind and number of columns, without those that Lumos keeps for itself."""
        hidden = "name LIKE 'sqlite\\_%' ESCAPE '\\' OR name LIKE '\\_lumos\\_%' ESCAPE '\\'"
        rows = database.records(
            f"SELECT name, type AS kind, ncol AS columns FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' AND NOT ({hidden}) ORDER BY name"
        )
        made = dict(database.fetch("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        vectors = [name for name, sql in made.items() if _virtual(sql, "lumos_vec")]
        parts = {f"{name}_{part}" for name in vectors for part in ("rows", "vectors", "blocks", "meta")}
        return database.answer([row for row in rows if row["name"] not in parts])

    @tool()
    def describe_table(table: str) -> dict[str, Any]:
        """Describes one table or view: columns with types and keys, foreign keys, the number of rows, three of them."""
        name, made = database.table(table)
        columns = database.records("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1", (name,))
        keys = database.records('SELECT "from" AS "column", "table" AS refers_to, "to" AS its_column FROM pragma_foreign_key_list(?)', (name,))
        rows = database.fetch(f"SELECT count(*) FROM {_quote(name)}")[0][0]
        samples = [_cut(row, _MAX_CHARACTERS // 10) for row in database.records(f"SELECT * FROM {_quote(name)} LIMIT {_SAMPLES}")]
        return {"table": name, "columns": columns, "foreign_keys": keys, "rows": rows, "samples": samples, "sql": made}

    @tool()
    def query(sql: str, params: list[Any] | dict[str, Any] | None = None, dialect: str = "duckdb") -> dict[str, Any]:
        """Runs one SELECT in DuckDB's SQL, or in SQLite's with dialect "sqlite", and returns its rows.

        It changes nothing. params fill ? (a list) or $name (an object).
        """
        function = {"duckdb": "lumos_query", "sqlite": "lumos_auto"}.get(dialect)
        if function is None:
            raise ToolError(f"dialect is {dialect!r}; give \"duckdb\" or \"sqlite\"")
        with database.statement() as cursor:
            cursor.execute(f"SELECT row FROM {function}(?, ?)", (sql, as_json(params)))
            fetched = cursor.fetchmany(max_rows + 1)
        return database.answer([json.loads(row) for (row,) in fetched])

    @tool()
    def search(table: str, text: str, k: int = 10, model: str = "hash", filter: str | None = None) -> dict[str, Any]:
        """Finds the k best rows for a text in a table of vectors (lumos_vec) or of words (FTS5).

        model is that of the vectors: "hash", built in, or one that the database's owner added. filter is a condition in
        SQL on the columns of a table of vectors.
        """
        name, made = database.table(table)
        quoted = _quote(name)
        if _virtual(made, "lumos_vec"):
            key = database.fetch("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 AND pk > 0", (name,))
            column = _quote(key[0][0]) if key else _vec_key(made)
            options = json.dumps({} if filter is None else {"filter": filter})
            rows = database.records(
                f"SELECT s.rank, s.distance, t.* FROM lumos_search(?, lumos_embed(?, ?), ?, ?) s JOIN {quoted} t ON t.{column} = s.id ORDER BY s.rank",
                (quoted, text, model, k, options),
            )
        elif _virtual(made, "fts5"):
            words = " OR ".join(_quote(word) for word in re.findall(r"\w+", text))
            if not words:
                return database.answer([])
            rows = database.records(f"SELECT rowid AS id, bm25({quoted}) AS score, * FROM {quoted} WHERE {quoted} MATCH ? ORDER BY rank LIMIT ?", (words, k))
        else:
            raise ToolError(f"{name!r} has neither vectors nor an index of words; search it with query and LIKE or regexp_matches")
        return database.answer(rows)

    _tools_of_the_library(database, tool)
    if memory:
        _memory_tools(database, tool, write)
    if write:

        @tool(read_only=False, destructive=True)
        def execute(sql: str, params: list[Any] | dict[str, Any] | None = None) -> dict[str, Any]:
            """Runs one statement in SQLite's SQL that may change the database, and returns how many rows changed."""
            with database.statement(write=True) as cursor:
                before = cursor.connection.total_changes
                cursor.execute(sql, () if params is None else params)
                rows = _records(cursor, max_rows + 1)
                for _ in cursor:  # A statement that changes and returns rows has done so at its last one.
                    pass
                return {"changed": cursor.connection.total_changes - before, **(database.answer(rows) if rows else {})}

    return server


def _virtual(sql: str | None, module: str) -> bool:
    return re.match(rf"\s*CREATE\s+VIRTUAL\s+TABLE\s.*?\sUSING\s+{module}\b", sql or "", re.IGNORECASE | re.DOTALL) is not None


def _vec_key(sql: str) -> str:
    """The key column of a table of lumos_vec, by the statement that made it; "rowid" without one."""
    key = re.search(r'("(?:[^"]|"")+"|\w+)\s+(?:INTEGER|TEXT)\s+PRIMARY\s+KEY', sql, re.IGNORECASE)
    return key.group(1) if key else "rowid"


def _tools_of_the_library(database: Database, tool: Callable[..., Callable[[Tool], Tool]]) -> None:
    """What the loaded library has besides: questions in words, forecasts, profiles."""
    if "lumos_ask" in database.functions:

        @tool()
        def ask(question: str, tables: list[str] | None = None) -> dict[str, Any]:
            """Answers a question in plain English by SQL, which it shows with how sure it is and what it takes for granted."""
            options = json.dumps({} if tables is None else {"tables": tables})
            rows = database.fetch("SELECT row, sql, confidence, assumptions FROM lumos_ask(?, ?) LIMIT ?", (question, options, database.max_rows + 1))
            said = {"sql": rows[0][1], "confidence": rows[0][2], "assumptions": json.loads(rows[0][3] or "[]")} if rows else {}
            return {**database.answer([json.loads(row[0]) for row in rows if row[0] is not None]), **said}

    if "lumos_forecast" in database.functions:

        @tool()
        def forecast(source: str, horizon: int, level: float = 0.9) -> dict[str, Any]:
            """Forecasts a series: source is a table with its columns of time, value and keys, like sales(day, amount, shop)."""
            rows = database.records("SELECT * FROM lumos_forecast(?, ?, ?)", (source, horizon, json.dumps({"level": level})))
            return database.answer(rows)

    if "lumos_profile" in database.functions:

        @tool()
        def profile(source: str) -> dict[str, Any]:
            """Says of each column of a table or query what is in it: types, NULLs, distinct values, range, what stands out."""
            return database.answer(database.records("SELECT * FROM lumos_profile(?)", (source,)))


def _memory_tools(database: Database, tool: Callable[..., Callable[[Tool], Tool]], write: bool) -> None:
    """What an agent remembers, in the tables of lumos_memory_init."""

    @tool()
    def recall(question: str, scope: str = "default", k: int = 10) -> dict[str, Any]:
        """Finds what was remembered in a scope and answers a question, best first. Ask in the words of the question."""
        if not database.fetch("SELECT 1 FROM sqlite_master WHERE name = 'lumos_memory'"):
            return database.answer([])
        options = json.dumps({"scope": scope, "k": k})
        rows = database.records("SELECT id, content, score, kind, session, event_time, sources FROM lumos_memory_search(?, ?)", (question, options))
        return database.answer(rows)

    if not write:
        return

    @tool(read_only=False)
    def remember(
        content: str, scope: str = "default", session: str | None = None, kind: str | None = None, importance: float | None = None,
        tags: list[str] | None = None, source: str | None = None,
    ) -> dict[str, Any]:
        """Remembers a text, one fact, preference or event at a time, and returns its id.

        kind is "episode" (default), "fact", "preference" or "procedure"; importance is from 0 to 1, by default
        estimated; source says where it comes from.
        """
        given = {"scope": scope, "session": session, "kind": kind, "importance": importance, "tags": tags, "source": source}
        options = json.dumps({name: value for name, value in given.items() if value is not None})
        with database.statement(write=True) as cursor:
            cursor.execute("SELECT lumos_memory_init()").fetchall()
            ((id,),) = cursor.execute("SELECT lumos_memory_add(?, ?)", (content, options)).fetchall()
        return {"id": id}

    @tool(read_only=False, destructive=True)
    def forget(id: int, for_ever: bool = False) -> dict[str, Any]:
        """Takes a memory away: to the archive, from where lumos_memory_restore brings it back, or for ever."""
        options = json.dumps({"hard": True} if for_ever else {})
        ((forgotten,),) = database.fetch("SELECT lumos_memory_forget(?, ?)", (id, options), write=True)
        return {"id": forgotten}


def serve(path: str, write: bool = False, max_rows: int = 1000, timeout: float = 30) -> None:
    """Serves a database on stdin and stdout until the client closes them."""
    make_server(path, write, max_rows, timeout).run("stdio")
