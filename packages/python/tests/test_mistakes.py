"""What a person meets who is new here: each mistake is answered by words that name it and the way out, none by a traceback of ours."""

import asyncio
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import lumosdb
from conftest import FIRST, REVENUE, ROOT, run


@pytest.mark.parametrize("function", ["query", "auto", "arrow", "df", "pl"])
@pytest.mark.parametrize("wrong, said", [
    ("abc", "parameters of a query are a str; give a list for \\? and \\$1, or a dictionary for \\$name"),
    (7, "parameters of a query are a int"),
    (b"x", "parameters of a query are a bytes"),
    ({1}, "parameters of a query are a set"),
])
def test_parameters_that_are_no_list(function, wrong, said):
    for connection in (lumosdb.connect(), lumosdb.duckdb_connect()):
        with pytest.raises(TypeError, match=said):
            getattr(lumosdb, function)(connection, "SELECT ?", wrong)
        connection.close()


def test_parameters_that_json_has_no_form_for():
    db = lumosdb.connect()
    for wrong in (float("nan"), float("inf"), [float("-inf")], {"a": float("nan")}):
        with pytest.raises(ValueError, match="write nan and inf into the SQL, as 'nan'::DOUBLE"):
            lumosdb.query(db, "SELECT ?", [wrong])
    for wrong in (b"x", object(), 1j, {1}):
        with pytest.raises(TypeError, match="a parameter of a query is a "):
            lumosdb.query(db, "SELECT ?", [wrong])
    assert lumosdb.query(db, "SELECT ? + ? AS a", (n for n in (1, 2))) == [{"a": 3}]
    db.close()


@pytest.mark.parametrize("call", [lumosdb.load, lumosdb.lock, lumosdb.attach, lambda c: lumosdb.query(c, "SELECT 1"), lambda c: lumosdb.df(c, "SELECT 1")])
@pytest.mark.parametrize("wrong", ["chinook.sqlite", None, pathlib.Path("x"), 7])
def test_no_connection(call, wrong):
    with pytest.raises(TypeError, match="is no connection of a SQLite or DuckDB driver; lumosdb.connect"):
        call(wrong)


def test_what_of_sqlalchemy_is_a_connection(chinook):
    out = run(f"""
import asyncio, sys, lumosdb, lumosdb.sqlalchemy
from pysqlite3 import dbapi2
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
engine = lumosdb.sqlalchemy.install(create_engine("sqlite:///" + sys.argv[1], module=dbapi2), mirror="memory")
try:
    lumosdb.query(engine, "SELECT 1")
except TypeError as error:
    print("of SQLAlchemy's engine connect()" in str(error))
with Session(engine) as session:
    print(lumosdb.query(session, {REVENUE!r})[0]["BillingCountry"])
print(lumosdb.query(scoped_session(sessionmaker(engine)), {REVENUE!r})[0]["BillingCountry"])
engine.dispose()
""", chinook)
    assert out == "True\nUSA\nUSA\n"


def test_asynchronous_connections(chinook):
    """An engine's takes all functions by run_sync; one of aiosqlite says how to ask."""
    out = run(f"""
import asyncio, sys, lumosdb, lumosdb.sqlalchemy
import pysqlite3.dbapi2, aiosqlite, aiosqlite.core
from sqlalchemy.ext.asyncio import create_async_engine
for name in ("connect", "Connection", "Cursor"):
    setattr(aiosqlite.core.sqlite3, name, getattr(pysqlite3.dbapi2, name))  # This Python's own cannot load.
def refused(function, connection):
    try:
        return function(connection, "SELECT 1")
    except TypeError as error:
        return str(error)
async def main():
    engine = lumosdb.sqlalchemy.install(create_async_engine("sqlite+aiosqlite:///" + sys.argv[1]), mirror="memory")
    async with engine.connect() as connection:
        rows = await connection.run_sync(lambda inner: lumosdb.query(inner, {REVENUE!r}))
        print(rows[0]["BillingCountry"], "run_sync" in refused(lumosdb.query, connection))
    await engine.dispose()
    async with aiosqlite.connect(sys.argv[1]) as connection:
        await lumosdb.load(connection)
        print([("await connection.execute" in refused(f, connection)) for f in (lumosdb.query, lumosdb.auto, lumosdb.arrow, lumosdb.df, lumosdb.pl)])
asyncio.run(main())
""", chinook)
    assert out == "USA True\n[True, True, True, True, True]\n"


def test_a_class_of_ones_own_connections(chinook):
    out = run("""
import sys, lumosdb
from sqlean import dbapi2
class Mine(dbapi2.Connection):
    pass
connection = dbapi2.connect(sys.argv[1], factory=Mine)
lumosdb.load(connection)
print(lumosdb.query(connection, "SELECT count(*) AS n FROM Genre"), type(lumosdb.connect()).__module__.split(".")[0])
""", chinook)
    assert out == "[{'n': 25}] sqlean\n"


def test_files_that_cannot_be_opened(chinook, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100)
    for path, options, said in (
        (tmp_path / "no" / "x.db", {}, "the folder '.*no' does not exist"),
        (tmp_path / "x.db", {"read_only": True}, "x.db'; there is no such file"),
        (tmp_path, {}, "it is a folder"),
        (tmp_path, {"read_only": True}, "it is a folder"),
        (text, {}, "not a database: '.*notes.txt'"),
        (text, {"read_only": True}, "not a database: '.*notes.txt'"),
    ):
        with pytest.raises(Exception, match=said):
            lumosdb.connect(path, **options)
    assert not (tmp_path / "x.db").exists()
    lumosdb.connect(os.fsencode(chinook)).close()


def test_folders_that_cannot_be_written(chinook, tmp_path):
    db = lumosdb.connect(chinook)  # Leaves it in WAL mode.
    db.close()
    ask = f"""
import os, sys, lumosdb
lumosdb.connect().close()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for options in ({{}}, {{"read_only": True, "mirror": "memory"}}):
    try:
        print(lumosdb.query(lumosdb.connect(sys.argv[1], **options), {REVENUE!r}))
    except Exception as error:
        print(error)
"""
    tmp_path.chmod(0o555)
    os.chmod(chinook, 0o444)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    try:
        writing, reading = run(ask, chinook).splitlines()
    finally:
        tmp_path.chmod(0o755)
    assert "it cannot be written: connect with read_only=True, mirror='memory'" in writing
    assert "it was left in WAL mode, and its folder cannot be written" in reading or reading == str(FIRST)


def test_options_that_are_not_there(chinook, tmp_path):
    for options, said in (({"thread": 2}, "thread"), ({"mirror": "memory", "memory_limit": "lots"}, "memory_limit"), ({"driver": "mysql"}, "mysql")):
        with pytest.raises(Exception, match=said):
            lumosdb.connect(chinook, **options)
    for wrong in ("share", "Memory", "", "mirror"):
        with pytest.raises(ValueError, match="give 'file', 'shared', 'memory', 'auto', or the path of a file"):
            lumosdb.connect(chinook, mirror=wrong)
    for mirror in (tmp_path / "a.duckdb", str(tmp_path / "b"), ":memory:"):
        db = lumosdb.connect(chinook, mirror=mirror)
        assert lumosdb.query(db, REVENUE) == FIRST
        db.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.duckdb", "b", "chinook.sqlite"]


@pytest.mark.parametrize("absent, code, said", [
    ("pyarrow", "lumosdb.arrow(lumosdb.connect(), 'SELECT 1')", "pip install 'lumosdb[arrow]'"),
    ("pyarrow", "lumosdb.df(lumosdb.connect(), 'SELECT 1')", "pip install pandas pyarrow"),
    ("pandas", "lumosdb.df(lumosdb.connect(), 'SELECT 1')", "pip install pandas pyarrow"),
    ("polars", "lumosdb.pl(lumosdb.connect(), 'SELECT 1')", "pip install polars"),
    ("pyarrow", "lumosdb.arrow(lumosdb.duckdb_connect(), 'SELECT 1')", "pip install 'lumosdb[arrow]'"),
    ("pandas", "lumosdb.df(lumosdb.duckdb_connect(), 'SELECT 1')", "pip install pandas"),
    ("polars", "lumosdb.pl(lumosdb.duckdb_connect(), 'SELECT 1')", "pip install polars pyarrow"),
    ("duckdb", "lumosdb.duckdb_connect()", "pip install 'lumosdb[duckdb]'"),
    ("sqlalchemy", "import lumosdb.sqlalchemy", "pip install 'lumosdb[sqlalchemy]'"),
    ("langchain_core", "import lumosdb.langchain", "pip install 'lumosdb[langchain]'"),
    ("langgraph", "import lumosdb.langgraph", "pip install 'lumosdb[langgraph]'"),
    ("llama_index", "import lumosdb.llama_index", "pip install 'lumosdb[llama-index]'"),
    ("mcp", "import lumosdb.mcp", "pip install 'lumosdb[mcp]'"),
])
def test_what_is_not_installed(absent, code, said):
    out = run(f"""
import sys, lumosdb
sys.modules[{absent!r}] = None
try:
    {code}
except ImportError as error:
    print(error)
""")
    assert absent in out and said in out


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "lumosdb", *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.mark.parametrize("arguments, said", [
    (["query", "no/x.db", "SELECT 1"], "lumosdb query: unable to open database file: 'no/x.db'; the folder"),
    (["query", "x.db", "SELECT 1"], "there is no such file"),
    (["query", ":memory:", "SELECT ?", "--params", "[1"], "'[1' is no JSON"),
    (["query", ":memory:", "SELECT ?", "--params", "7"], "parameters of a query are a int"),
    (["query", ":memory:", "SELEC"], "syntax error"),
    (["mcp", "no/x.db", "--write"], "lumosdb mcp: unable to open database file: 'no/x.db'; the folder"),
    (["mcp", __file__], "not a database"),
    (["mcp", "x.db", "--max-rows", "0"], "give a whole number from 1 to 1000000"),
    (["mcp", "x.db", "--max-rows", "many"], "give a whole number from 1 to 1000000"),
    (["mcp", "x.db", "--timeout", "-1"], "give a number of seconds, up to 86400"),
    (["mcp", "x.db", "--timeout", "nan"], "give a number of seconds, up to 86400"),
    (["mcp", "x.db", "--timeout", "1e300"], "give a number of seconds, up to 86400"),
    (["path"], "lumosdb path: /nowhere/lumos.so is missing"),
    (["doctor"], "lumosdb doctor: /nowhere/lumos.so is missing"),
])
def test_the_command_line(arguments, said, tmp_path):
    env = {**os.environ, **({"LUMOSDB_DIR": "/nowhere"} if len(arguments) == 1 else {})}
    done = command(*arguments, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 2) and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_output_that_nobody_reads_to_its_end(chinook):
    asked = subprocess.Popen(
        [sys.executable, "-m", "lumosdb", "query", str(chinook), "SELECT i, 'ü' || i AS t FROM range(200000) t(i)"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert asked.stdout.readline() == '{"i": 0, "t": "ü0"}\n'.encode()
    asked.stdout.close()
    assert asked.stderr.read() == b"" and asked.wait() == 0
    asked.stderr.close()


def test_locking_where_there_is_no_authorizer():
    out = run("""
import lumosdb, adbc_driver_sqlite.dbapi
connection = adbc_driver_sqlite.dbapi.connect(":memory:", autocommit=True)
lumosdb.load(connection)
try:
    lumosdb.lock(connection, read_only=True)
except TypeError as error:
    print(error)
print(lumosdb.lock(connection)["allow_files"])
connection.close()
""")
    assert out.startswith("adbc_driver_manager has no authorizer") and out.endswith("\n[]\n")


def test_a_lock_of_apsw(chinook):
    out = run(f"""
import sys, apsw, lumosdb
connection = apsw.Connection(sys.argv[1])
lumosdb.load(connection)
lumosdb.attach(connection, "memory")
lumosdb.lock(connection, read_only=True)
print(lumosdb.query(connection, {REVENUE!r})[0]["BillingCountry"])
try:
    connection.execute("SELECT lumos_exec('CREATE TABLE x(a INTEGER)')").fetchall()
except Exception as error:
    print("not authorized" in str(error).lower() or "prohibited" in str(error).lower())
connection.close()
""", chinook)
    assert out == "USA\nTrue\n"


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_older_and_newer_pythons_import_it(version):
    """Those that are here; what loads in them is the drivers' matter."""
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode != 0:
        return
    code = "import lumosdb, lumosdb.__main__; lumosdb.vector([1]); print(lumosdb.loadable_path())"
    done = subprocess.run([python, "-W", "error", "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "target/packages/plain")})
    assert done.stdout.endswith("lumos\n"), done.stderr
