"""Each driver of the table in packages/README.md: load, ask, close."""

import asyncio
import json
import pathlib
import subprocess
import sys

import pytest

import lumosdb
from conftest import FIRST, REVENUE, ROOT, run, stock_python

ASK = f"""
import lumosdb, json, sys
path = sys.argv[1]
{{connect}}
print(json.dumps(lumosdb.query(connection, {REVENUE!r})))
print(json.dumps(lumosdb.auto(connection, "SELECT Name FROM Genre WHERE GenreId = ?", [2])))
connection.close()
"""
CONNECT = {
    "pysqlite3": "from pysqlite3 import dbapi2; connection = dbapi2.connect(path); lumosdb.load(connection)",
    "sqlean": "from sqlean import dbapi2; connection = dbapi2.connect(path); lumosdb.load(connection)",
    "apsw": "import apsw; connection = apsw.Connection(path); lumosdb.load(connection)",
    "adbc": "import adbc_driver_sqlite.dbapi as d; connection = d.connect(path, autocommit=True); lumosdb.load(connection)",
    "connect": "connection = lumosdb.connect(path)",
    "connect, shared": "connection = lumosdb.connect(path, mirror='shared', memory_limit='500MB')",
    "connect, sqlean": "connection = lumosdb.connect(path, driver='sqlean', read_only=True, mirror='memory')",
    "rows as dictionaries": "connection = lumosdb.connect(path); connection.row_factory = lambda c, r: dict(zip([d[0] for d in c.description], r))",
}


@pytest.mark.parametrize("driver", CONNECT)
def test_a_driver_loads_and_answers(driver, chinook):
    rows, genre = run(ASK.format(connect=CONNECT[driver]), chinook).splitlines()
    assert json.loads(rows) == FIRST
    assert json.loads(genre) == [{"Name": "Jazz"}]


@pytest.mark.parametrize("connect", [
    "import sqlite3; connection = sqlite3.connect(path); lumosdb.load(connection)",
    "connection = lumosdb.connect(path)",
])
def test_stock_sqlite3_loads_and_answers(connect, chinook):
    rows, genre = run(ASK.format(connect=connect), chinook, python=stock_python()).splitlines()
    assert json.loads(rows) == FIRST
    assert json.loads(genre) == [{"Name": "Jazz"}]


def test_a_sqlite3_without_extensions_says_what_to_install():
    class Connection:
        def cursor(self):
            pass

    with pytest.raises(RuntimeError, match=r"was built without extensions; pip install 'lumosdb\[driver\]'"):
        lumosdb.load(Connection())


def test_connect_takes_the_module_that_has_lumos_already():
    out = run("""
import sqlean.dbapi2, lumosdb
lumosdb.load(sqlean.dbapi2.connect(":memory:"))
print(type(lumosdb.connect()).__module__.split(".")[0])
""")
    assert out == "sqlean\n"


def test_sqlalchemy(chinook):
    out = run(f"""
import json, sys, lumosdb, lumosdb.sqlalchemy
from pysqlite3 import dbapi2
from sqlalchemy import create_engine, text
engine = lumosdb.sqlalchemy.install(create_engine("sqlite:///" + sys.argv[1], module=dbapi2), mirror="memory")
with engine.connect() as connection:
    print(json.dumps(lumosdb.query(connection, {REVENUE!r})))
    print(connection.execute(text("SELECT lumos_scalar('SELECT count(*) FROM Invoice')")).scalar())
engine.dispose()
""", chinook)
    assert out == json.dumps(FIRST) + "\n412\n"


def test_sqlalchemy_over_aiosqlite(chinook):
    out = run("""
import asyncio, sys, lumosdb.sqlalchemy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
import pysqlite3.dbapi2, sqlite3
import aiosqlite.core
for name in ("connect", "Connection", "Cursor"):
    setattr(aiosqlite.core.sqlite3, name, getattr(pysqlite3.dbapi2, name))  # This Python's own cannot load.
async def main():
    engine = lumosdb.sqlalchemy.install(create_async_engine("sqlite+aiosqlite:///" + sys.argv[1]))
    async with engine.connect() as connection:
        print((await connection.execute(text("SELECT lumos_scalar('SELECT count(*) FROM Invoice')"))).scalar())
    await engine.dispose()
asyncio.run(main())
""", chinook)
    assert out == "412\n"


def test_aiosqlite(chinook):
    out = run("""
import asyncio, sys, lumosdb
import pysqlite3.dbapi2
import aiosqlite, aiosqlite.core
aiosqlite.core.sqlite3.connect = pysqlite3.dbapi2.connect
async def main():
    async with aiosqlite.connect(sys.argv[1]) as connection:
        await lumosdb.load(connection)
        async with connection.execute("SELECT lumos_scalar('SELECT count(*) FROM Invoice')") as cursor:
            print((await cursor.fetchone())[0])
asyncio.run(main())
""", chinook)
    assert out == "412\n"


def test_sqlite_utils(chinook):
    ask = ["query", str(chinook), f"SELECT c0, c1 FROM lumos_query('{REVENUE}')", "--csv", "--no-headers"]
    done = subprocess.run([sys.executable, "-m", "sqlite_utils", *ask], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["USA,523.06", "Canada,303.96"], done.stderr
    out = run("""
import sys, sqlite_utils, lumosdb
database = sqlite_utils.Database(sys.argv[1])
print(lumosdb.query(database, "SELECT count(*) AS n FROM Invoice"))
""", chinook)
    assert out == "[{'n': 412}]\n"


def test_duckdb():
    connection = lumosdb.duckdb_connect(threads=2)
    assert lumosdb.query(connection, "SELECT lumos_dims([1, 2, 3]) AS n, ? AS x", ["a"]) == [{"n": 3, "x": "a"}]
    assert lumosdb.arrow(connection, "SELECT 1 AS a").to_pydict() == {"a": [1]}
    assert lumosdb.df(connection, "SELECT 1 AS a").to_dict("list") == {"a": [1]}
    assert lumosdb.pl(connection, "SELECT 1 AS a").to_dict(as_series=False) == {"a": [1]}
    connection.close()


def test_parameters_of_pythons_types(chinook):
    import datetime
    import decimal
    import uuid

    import numpy

    connection = lumosdb.connect(chinook)
    given = [numpy.int64(7), numpy.array([1, 2]), datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4), decimal.Decimal("1.5"), True, None, uuid.UUID(int=1)]
    sql = "SELECT ?::INTEGER AS a, ?::INTEGER[] AS b, ?::DATE AS c, ?::TIMESTAMP AS d, ? AS e, ? AS f, ? AS g, ?::UUID AS h"
    assert lumosdb.query(connection, sql, given) == [
        {"a": 7, "b": [1, 2], "c": "2026-01-02", "d": "2026-01-02 03:04:00", "e": 1.5, "f": True, "g": None, "h": str(uuid.UUID(int=1))}
    ]
    with pytest.raises(TypeError, match="a parameter of a query is a bytes"):
        lumosdb.query(connection, "SELECT ?", [b"x"])
    assert lumosdb.query(connection, "SELECT $a + $b AS c", {"a": 1, "b": 2}) == [{"c": 3}]
    connection.close()


def test_vectors():
    import array

    import numpy

    expected = array.array("f", [1, 2.5]).tobytes()
    for numbers in ([1, 2.5], (1, 2.5), array.array("d", [1, 2.5]), numpy.array([1, 2.5]), numpy.array([1, 2.5], "f2"), (x for x in (1, 2.5))):
        assert lumosdb.vector(numbers) == expected
    with pytest.raises(ValueError, match=r"the shape \(1, 2\)"):
        lumosdb.vector(numpy.array([[1, 2]]))


def test_the_command_line(chinook):
    def command(*arguments):
        return subprocess.run([sys.executable, "-m", "lumosdb", *arguments], capture_output=True, text=True)

    assert pathlib.Path(command("path").stdout.strip() + ".so").is_file()
    assert pathlib.Path(command("duckdb-path").stdout.strip()).is_file()
    asked = command("query", str(chinook), "SELECT Name FROM Genre WHERE GenreId = ?", "--params", "[3]")
    assert asked.stdout == '{"Name": "Metal"}\n', asked.stderr
    wrong = command("query", str(chinook), "SELECT x FROM Genre")
    assert wrong.returncode == 1 and 'Referenced column "x" not found' in wrong.stderr
    doctor = command("doctor")
    assert doctor.returncode == 0
    for name in ("pysqlite3", "sqlean", "apsw", "adbc_driver_sqlite", "duckdb"):
        assert f"{name}: loads" in doctor.stdout


def test_types():
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", str(ROOT / "target/packages/mypy")], cwd=ROOT / "packages/python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_import_is_light():
    """Nothing of typing, json, pandas, pyarrow, a framework or a driver comes with the import alone."""
    out = run("import sys; before = set(sys.modules); import lumosdb; print(sorted(n.split('.')[0] for n in set(sys.modules) - before))")
    assert set(eval(out)) <= {"lumosdb", "__future__"}
