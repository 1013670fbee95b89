"""The MCP server, asked by the SDK's own client over stdin and stdout."""

import json
import os
import shutil
import sys
from contextlib import asynccontextmanager

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import lumosdb
from conftest import FIRST, REVENUE
from test_hazards import ATTACKS, contents


@asynccontextmanager
async def server(path, *arguments):
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "lumosdb", "mcp", str(path), *arguments], env=dict(os.environ))
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


async def call(session, tool, **arguments):
    """What a tool answers. Raises RuntimeError with the words that the model reads."""
    answer = await session.call_tool(tool, arguments)
    text = answer.content[0].text if answer.content else ""
    if answer.is_error:
        raise RuntimeError(text)
    return answer.structured_content


async def test_what_reads(chinook):
    async with server(chinook) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert {"list_tables", "describe_table", "query", "search", "recall"} <= set(tools)
        assert not {"execute", "remember", "forget"} & set(tools)
        assert all(tool.annotations.read_only_hint and not tool.annotations.destructive_hint for tool in tools.values())
        tables = await call(session, "list_tables")
        assert {"name": "Genre", "kind": "table", "columns": 2} in tables["rows"]
        genre = await call(session, "describe_table", table="genre")
        assert (genre["rows"], len(genre["samples"]), genre["columns"][0]["name"]) == (25, 3, "GenreId")
        album = await call(session, "describe_table", table="Album")
        assert album["foreign_keys"] == [{"column": "ArtistId", "refers_to": "Artist", "its_column": "ArtistId"}]
        assert (await call(session, "query", sql=REVENUE))["rows"] == FIRST
        assert (await call(session, "query", sql="SELECT Name FROM Genre WHERE GenreId = ?", params=[2], dialect="sqlite"))["rows"] == [{"Name": "Jazz"}]
        assert (await call(session, "query", sql="SELECT $a + 1 AS b", params={"a": 1}))["rows"] == [{"b": 2}]
        with pytest.raises(RuntimeError, match='Referenced column "Nam" not found'):
            await call(session, "query", sql="SELECT Nam FROM Genre")
        with pytest.raises(RuntimeError, match="there is no table 'x'; list_tables lists them"):
            await call(session, "describe_table", table="x")
        with pytest.raises(RuntimeError, match="neither vectors nor an index of words"):
            await call(session, "search", table="Genre", text="rock")
        assert (await call(session, "recall", question="anything"))["rows"] == []


async def test_answers_are_bounded(chinook):
    async with server(chinook, "--max-rows", "5", "--timeout", "1") as session:
        five = await call(session, "query", sql="SELECT * FROM range(6) t(i)")
        assert len(five["rows"]) == 5 and five["truncated"] and "only the first 5 rows" in five["note"]
        wide = await call(session, "query", sql="SELECT repeat('x', 20000) AS x FROM range(5)")
        assert len(wide["rows"]) == 2 and wide["truncated"]
        with pytest.raises(RuntimeError, match="stopped after 1 s; ask for less"):
            await call(session, "query", sql="SELECT count(*) FROM range(100000000000) t(i) WHERE i * i % 7 = 3")
        assert (await call(session, "query", sql="SELECT 1 AS a"))["rows"] == [{"a": 1}]


async def test_what_writes(chinook, tmp_path):
    async with server(chinook, "--write") as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert tools["execute"].annotations.destructive_hint and not tools["execute"].annotations.read_only_hint
        assert tools["query"].annotations.read_only_hint
        made = await call(session, "execute", sql="INSERT INTO Genre(Name) VALUES (?), (?) RETURNING GenreId", params=["a", "b"])
        assert made["changed"] == 2 and made["rows"] == [{"GenreId": 26}, {"GenreId": 27}]
        assert (await call(session, "query", sql="SELECT count(*) AS n FROM Genre"))["rows"] == [{"n": 27}]
        with pytest.raises(RuntimeError, match="UNIQUE constraint failed"):
            await call(session, "execute", sql="INSERT INTO Genre(GenreId) VALUES (1)")
        before = contents(tmp_path)
        for closed in ("ATTACH '/tmp/other.db' AS other", "VACUUM INTO '/tmp/other.db'", "PRAGMA writable_schema = ON", "PRAGMA journal_mode = DELETE",
                       "SELECT lumos_export('SELECT 1', '/tmp/out.csv')", "SELECT load_extension('/tmp/x')"):
            with pytest.raises(RuntimeError):
                await call(session, "execute", sql=closed)
        assert contents(tmp_path) == before
        with pytest.raises(RuntimeError, match="SQL reaches no file but the database here"):
            await call(session, "execute", sql="ATTACH '/tmp/other.db' AS other")


async def test_search(chinook):
    db = lumosdb.connect(chinook)
    db.executescript("""
        CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[384] metric=cosine, tag TEXT, +body);
        CREATE VIRTUAL TABLE papers USING lumos_vec(doi TEXT PRIMARY KEY, e FLOAT[384] metric=cosine, +body);
        CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'lumos');
        INSERT INTO words(body) VALUES ('Paint the kitchen door white'), ('Book flights to Lisbon'), ('The shed door sticks');
        INSERT INTO notes SELECT rowid, lumos_embed(body), 't' || rowid, body FROM words;
        INSERT INTO papers SELECT 'd' || rowid, lumos_embed(body), body FROM words;
    """)
    db.close()
    async with server(chinook) as session:
        near = await call(session, "search", table="Notes", text="doors to paint", k=1)
        assert [(row["rank"], row["body"]) for row in near["rows"]] == [(1, "Paint the kitchen door white")]
        near = await call(session, "search", table="notes", text="doors to paint", k=1, filter="tag = 't3'")
        assert [row["id"] for row in near["rows"]] == [3]
        near = await call(session, "search", table="papers", text="flights", k=1)
        assert [row["doi"] for row in near["rows"]] == ["d2"]
        found = await call(session, "search", table="words", text="the \"shed' door?", k=2)
        assert found["rows"][0]["id"] == 3
        listed = {row["name"]: row["kind"] for row in (await call(session, "list_tables"))["rows"]}
        assert listed["notes"] == "virtual" and "notes_rows" not in listed and "words_data" not in listed


async def test_what_the_library_has_besides(chinook):
    """Tools of functions that came later are there exactly where the library has the functions."""
    db = lumosdb.connect(chinook)
    has = {name for (name,) in db.execute("SELECT name FROM pragma_module_list").fetchall()}
    db.execute("CREATE TABLE visits AS WITH RECURSIVE d(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM d WHERE i < 60) SELECT date('2026-03-02', i || ' days') AS day, 100 + i AS n FROM d").close()
    db.close()
    async with server(chinook) as session:
        tools = {tool.name for tool in (await session.list_tools()).tools}
        for tool, arguments, key in (
            ("ask", {"question": "How many customers are there in Brazil?"}, "sql"),
            ("forecast", {"source": "visits(day, n)", "horizon": 3}, "rows"),
            ("profile", {"source": "Genre"}, "rows"),
        ):
            assert (tool in tools) == (f"lumos_{tool}" in has)
            if tool in tools:
                answer = await call(session, tool, **arguments)
                assert answer[key] and answer["rows"], answer


async def test_memory(tmp_path):
    path = tmp_path / "agent.db"
    async with server(path, "--write") as session:
        one = await call(session, "remember", content="Ann is allergic to peanuts", scope="ann", kind="fact", tags=["health"], source="chat/7")
        await call(session, "remember", content="Ann's plane leaves at nine", scope="ann")
        found = await call(session, "recall", question="what is Ann allergic to?", scope="ann", k=1)
        assert [(row["id"], row["content"], row["kind"]) for row in found["rows"]] == [(one["id"], "Ann is allergic to peanuts", "fact")]
        assert (await call(session, "recall", question="what is Ann allergic to?", scope="bob"))["rows"] == []
    async with server(path) as session:  # Another process, which only reads.
        found = await call(session, "recall", question="allergic", scope="ann")
        assert found["rows"][0]["id"] == one["id"]
    async with server(path, "--write") as session:
        assert await call(session, "forget", id=one["id"], for_ever=True) == {"id": one["id"]}
        assert all(row["id"] != one["id"] for row in (await call(session, "recall", question="allergic", scope="ann"))["rows"])
        with pytest.raises(RuntimeError, match="importance"):
            await call(session, "remember", content="x", importance=7)


async def test_two_servers_on_one_file(chinook):
    """P4: clients start several, and each answers at once, also what the other wrote."""
    async with server(chinook, "--write") as first, server(chinook, "--write") as second:
        for one, other in ((first, second), (second, first)):
            await call(one, "execute", sql="UPDATE Invoice SET Total = Total + 1 WHERE InvoiceId = 1")
            assert (await call(one, "query", sql=REVENUE))["rows"] == FIRST
            assert (await call(other, "query", sql=REVENUE))["rows"] == FIRST
            await call(one, "remember", content="one of two")
        assert (await call(second, "query", sql="SELECT Total FROM Invoice WHERE InvoiceId = 1"))["rows"] == [{"Total": 3.98}]


HOSTILE = [
    *[("query", {"sql": sql}) for sql in (
        "DELETE FROM Genre", "INSERT INTO Genre VALUES (99, 'x')", "UPDATE Genre SET Name = 'x'", "DROP TABLE Genre", "CREATE TABLE x(a)",
        "ATTACH '/tmp/x.duckdb'", "DETACH memory", "COPY Genre TO '/tmp/x.csv'", "EXPORT DATABASE '/tmp/x'", "INSTALL httpfs", "LOAD httpfs",
        "SET enable_external_access = true", "RESET ALL", "PRAGMA database_list", "CALL pragma_version()", "VACUUM", "CHECKPOINT", "BEGIN", "COMMIT",
        "SELECT 1; DELETE FROM Genre", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/etc/shadow')",
        "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('http://127.0.0.1/x')", "SELECT * FROM read_parquet('s3://x/y')", "SELECT * FROM glob('/**')",
        "SELECT * FROM read_json('/proc/self/environ')", "SELECT getenv('HOME')", "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM query_table('/etc/passwd')", "SELECT * FROM no_such_table", "SELECT", "", ";", "--", "/*", "SELECT '", "\\x00", "x" * 100_000,
        "SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + " + ".join(["1"] * 20000), "PREPARE p AS SELECT 1", "EXECUTE p", "EXPLAIN ANALYZE DELETE FROM Genre",
        "SELECT lumos_exec('x')", "SELECT * FROM lumos_query('SELECT 1')", "CREATE MACRO f() AS 1", "CREATE SECRET s (TYPE s3)", "FROM duckdb_secrets('/x')",
        "SELECT error('boom')", "SELECT repeat('x', 9000000000)",
    )],
    *[("query", {"sql": sql, "dialect": "sqlite"}) for sql in (
        *ATTACKS, "DELETE FROM Genre", "ATTACH '/tmp/x.db' AS x", "PRAGMA writable_schema = ON", "PRAGMA journal_mode = DELETE", "VACUUM INTO '/tmp/x.db'",
        "SELECT load_extension('/tmp/x')", "SELECT fts3_tokenizer('x')", "SELECT 1; DELETE FROM Genre", "BEGIN", "COMMIT", "SAVEPOINT x",
        "SELECT zeroblob(2000000000)", "CREATE TEMP TABLE t(a)", "REINDEX", "EXPLAIN DELETE FROM Genre",
    )],
    ("query", {"sql": "SELECT 1", "dialect": "postgres"}),
    ("query", {"sql": "SELECT ?", "params": []}),
    ("query", {"sql": "SELECT 1", "params": "x"}),
    ("query", {}),
    ("query", {"sql": 7}),
    ("describe_table", {"table": "Genre\"; DROP TABLE Genre; --"}),
    ("describe_table", {"table": ""}),
    ("describe_table", {"table": "sqlite_master'"}),
    ("search", {"table": "notes') --", "text": "x"}),
    ("search", {"table": "Genre", "text": "x", "k": -1}),
    ("search", {"table": "Genre", "text": "x", "filter": "1=1; DROP TABLE Genre"}),
    ("recall", {"question": "x", "k": -5, "scope": "'"}),
    ("execute", {"sql": "DELETE FROM Genre"}),
    ("remember", {"content": "x"}),
    ("forget", {"id": 1}),
    ("no_such_tool", {}),
]


async def test_a_hundred_hostile_calls(chinook, tmp_path):
    """Each is refused with words or answers nothing of value; the server goes on, and no file appears or changes."""
    assert len(HOSTILE) >= 100
    before = contents(tmp_path)
    async with server(chinook, "--timeout", "5") as session:
        for tool, arguments in HOSTILE:
            try:
                answer = await session.call_tool(tool, arguments)
                said = answer.content[0].text if answer.content else ""
                refused = answer.is_error
            except Exception as error:  # The protocol's own refusal, of a tool that is not there.
                said, refused = str(error), True
            assert "root:" not in said and "internal error" not in said.lower(), (tool, arguments, said)
            assert refused or tool == "recall", (tool, arguments, said)  # Of a memory that is not there it recalls nothing.
            assert said, (tool, arguments)
        assert (await call(session, "query", sql=REVENUE))["rows"] == FIRST
    assert contents(tmp_path) == before


async def test_a_file_that_is_not_there(tmp_path):
    import subprocess

    done = subprocess.run([sys.executable, "-m", "lumosdb", "mcp", str(tmp_path / "x.db")], capture_output=True, text=True)
    assert done.returncode == 1 and "is not a file; give the path of a SQLite database, or --write to make one" in done.stderr
    assert done.stdout == ""


SLOW = "SELECT count(*) FROM range(100000000000) t(i) WHERE i * i % 7 = 3"
SLOW_SQLITE = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c WHERE i * i % 7 = 3"


async def test_calls_that_are_taken_back(chinook):
    """One that is cancelled ends at once and not at its limit, whatever it runs or waits for; others go on, a ping too."""
    async with server(chinook, "--write", "--timeout", "60") as session:
        for tool, arguments in (("query", {"sql": SLOW}), ("query", {"sql": SLOW_SQLITE, "dialect": "sqlite"}), ("execute", {"sql": SLOW_SQLITE})):
            with anyio.move_on_after(0.5):
                await session.call_tool(tool, arguments)
            with anyio.fail_after(20):
                assert (await call(session, "query", sql=REVENUE))["rows"] == FIRST
        with anyio.fail_after(20):
            async with anyio.create_task_group() as calls:
                for _ in range(3):  # One runs, two wait for their turn.
                    calls.start_soon(session.call_tool, "query", {"sql": SLOW})
                await anyio.sleep(0.3)
                await session.send_ping()
                calls.cancel_scope.cancel()
            assert (await call(session, "query", sql=REVENUE))["rows"] == FIRST
        made = await call(session, "execute", sql="INSERT INTO Genre(Name) VALUES ('a')")
        assert made["changed"] == 1


async def test_many_calls_at_once(chinook):
    async with server(chinook) as session:
        answers = [None] * 30

        async def ask(i):
            answers[i] = (await call(session, "query", sql="SELECT ? AS i, count(*) AS n FROM Genre", params=[i]))["rows"]

        async with anyio.create_task_group() as calls:
            for i in range(30):
                calls.start_soon(ask, i)
        assert answers == [[{"i": i, "n": 25}] for i in range(30)]


async def test_a_client_that_goes_away(chinook):
    """Its server ends with it, also in the middle of a call."""
    import subprocess

    asked = subprocess.Popen([sys.executable, "-m", "lumosdb", "mcp", str(chinook)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": SLOW}}},
    ):
        asked.stdin.write(json.dumps(message).encode() + b"\n")
        asked.stdin.flush()
    assert json.loads(asked.stdout.readline())["id"] == 1
    await anyio.sleep(0.5)
    asked.stdin.close()
    assert asked.wait(timeout=20) == 0
    assert b"Traceback" not in asked.stderr.read()
    asked.stdout.close()
    asked.stderr.close()


async def test_values_of_every_size(chinook):
    """No answer is longer than a model can take, and none is empty for one long value."""
    db = lumosdb.connect(chinook)
    db.executescript("""
        CREATE TABLE pages(id INTEGER PRIMARY KEY, body TEXT, picture BLOB);
        INSERT INTO pages VALUES (1, printf('%.*c', 300000, 'x'), zeroblob(300000)), (2, 'short', NULL);
    """)
    db.execute("CREATE TABLE wide(" + ", ".join(f"c{i} TEXT" for i in range(1500)) + ")").close()
    db.execute("INSERT INTO wide(c0) VALUES ('x')").close()
    db.close()
    async with server(chinook, "--max-rows", "20") as session:
        for tool, arguments in (
            ("query", {"sql": "SELECT * FROM pages", "dialect": "sqlite"}),
            ("query", {"sql": "SELECT repeat('x', 100000) AS body"}),
            ("query", {"sql": "SELECT range(100000) AS list, {'a': repeat('x', 60000)} AS struct"}),
            ("describe_table", {"table": "pages"}),
            ("describe_table", {"table": "wide"}),
        ):
            answer = await call(session, tool, **arguments)
            assert answer.get("rows") and len(json.dumps(answer)) < 130_000, (tool, arguments)
        assert "characters)" in json.dumps(await call(session, "describe_table", table="pages"), ensure_ascii=False)
        assert await call(session, "query", sql="SELECT 'inf'::DOUBLE AS a, 'nan'::DOUBLE AS b, 170141183460469231731687303715884105727::HUGEINT AS c")
        db = lumosdb.connect(chinook, read_only=True, mirror="memory")
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view')").fetchone()[0]
        db.close()
        listed = await call(session, "list_tables")
        assert len(listed["rows"]) == min(tables, 20)
        first = await call(session, "query", sql="SELECT * FROM range(20)")
        assert len(first["rows"]) == 20 and not first["truncated"]
