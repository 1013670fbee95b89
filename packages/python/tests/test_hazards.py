"""The hazards P1 to P15 that were met when drivers were tried, as far as Python meets them; Node's and Go's tests have the rest."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

import lumosdb
from conftest import FIRST, REVENUE, ROOT, run, stock_python


def test_a_real_counts_as_an_integer(chinook):
    """P1: hosts that bind every number as REAL."""
    db = lumosdb.connect(chinook, mirror="memory", threads=2.0)
    vector = lumosdb.vector([1, 2])
    db.execute("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])")
    db.execute("INSERT INTO v VALUES (?, ?)", (7.0, vector))
    assert db.execute("SELECT id FROM v WHERE e MATCH ? AND k = ?", (vector, 3.0)).fetchall() == [(7,)]
    assert db.execute("SELECT id FROM lumos_search('v', ?, ?)", (vector, 3.0)).fetchall() == [(7,)]
    with pytest.raises(Exception, match="k is 3.5; give a whole number"):
        db.execute("SELECT id FROM lumos_search('v', ?, ?)", (vector, 3.5))
    db.close()


@pytest.mark.parametrize("params", [[2], [2.5], ["2"], [None], [True], {"p": 2}])
@pytest.mark.parametrize("place", [
    "? + 0", "coalesce(?, 1)", "?", "CASE WHEN true THEN ? END", "abs(?::INTEGER)", "'a' || ?", "lower(?)", "[?, ?]", "{'a': ?}", "-(?)",
    "n = ?", "n IN (?, 7)", "n BETWEEN ? AND 3", "'a' LIKE ?", "CASE ? WHEN 2 THEN 'two' END", "n ORDER BY ? + n", "n LIMIT ?",
])
def test_a_parameter_keeps_names_and_types_of_columns(params, place):
    """P2: against DuckDB's own client, which refuses some pairs of a place and a value as we do."""
    import duckdb

    value = next(iter(params.values())) if isinstance(params, dict) else params[0]
    clause = place[1:] if place.startswith(("n ORDER", "n LIMIT")) else ""
    sql = f"SELECT 'Pop' AS name, {'n' if clause else place} AS x, 9 AS id FROM (VALUES (2)) t(n){clause}"
    named = sql.replace("?", "$p")
    try:
        expected = [dict(zip(("name", "x", "id"), row)) for row in duckdb.execute(named, {"p": value}).fetchall()]
    except duckdb.Error:
        expected = None
    db = lumosdb.connect()
    given = (named, params) if isinstance(params, dict) else (sql, params * sql.count("?"))
    if expected is None:
        with pytest.raises(Exception):
            lumosdb.query(db, *given)
    else:
        rows = lumosdb.query(db, *given)
        assert rows == expected and all(list(row) == ["name", "x", "id"] for row in rows)
    db.close()


ATTACKS = [
    """SELECT lumos_attach(NULL, '{"allow_files": ["/"]}')""",
    "SELECT lumos_attach('/tmp/elsewhere.duckdb')",
    "SELECT lumos_detach()",
    "SELECT lumos_export('SELECT 1', '/tmp/out.csv')",
    "SELECT lumos_load('/etc/passwd', 'x')",
    "SELECT lumos_exec('CREATE TABLE x AS SELECT 1')",
    "SELECT lumos_exec('COPY (SELECT 1) TO ''/tmp/out.csv''')",
    "SELECT lumos_model_add('m', '/etc')",
    "SELECT lumos_track('*')",
    "SELECT lumos_optimize('Invoice', 'Total')",
    "SELECT lumos_tier('Invoice', '{}')",
    "SELECT * FROM lumos_query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM lumos_query('SELECT * FROM read_csv(''/etc/passwd'')')",
    "SELECT * FROM lumos_query('COPY (SELECT 1) TO ''/tmp/out.csv''')",
    "SELECT * FROM lumos_query('SELECT * FROM glob(''/*'')')",
    "SELECT * FROM lumos_query('ATTACH ''/tmp/x.duckdb''')",
    "SELECT * FROM lumos_query('INSTALL httpfs')",
    "SELECT * FROM lumos_auto('SELECT lumos_attach(NULL)')",
    "SELECT lumos_scalar('SELECT getenv(''HOME'')')",
]


def contents(folder):
    return {path: path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_locked_connection_refuses(attack, chinook, tmp_path):
    """P3, and no file appears or changes."""
    db = lumosdb.connect(chinook, read_only=True, mirror="memory")
    assert lumosdb.lock(db, read_only=True)["allow_files"] == []
    before = contents(tmp_path)
    with pytest.raises(Exception):
        db.execute(attack).fetchall()
    assert lumosdb.query(db, REVENUE) == FIRST
    db.close()
    assert contents(tmp_path) == before


def test_datasette_answers_and_refuses(chinook, tmp_path):
    """P3: the plugin, over HTTP, with a limit of time."""
    before = contents(tmp_path)
    out = run(f"""
import asyncio, json, sys
from datasette.app import Datasette
async def main():
    datasette = Datasette([], immutables=[sys.argv[1]], settings={{"sql_time_limit_ms": 1000}})
    async def ask(sql):
        answer = await datasette.client.get("/chinook.json", params={{"sql": sql, "_shape": "arrays"}})
        return answer.json()
    print('@', json.dumps((await ask("SELECT row FROM lumos_query('" + {REVENUE!r} + "')"))["rows"]))
    print('@', json.dumps([(await ask(attack)).get("ok") for attack in json.loads(sys.argv[2])]))
    print('@', (await ask("SELECT lumos_scalar('SELECT count(*) FROM range(100000000000) t(i) WHERE i * i % 7 = 3')"))["error"].replace("\\n", " "))
asyncio.run(main())
""", chinook, json.dumps(ATTACKS))
    rows, refused, limit = (line[2:] for line in out.splitlines() if line.startswith("@"))  # Datasette prints errors.
    assert [json.loads(row) for (row,) in json.loads(rows)] == FIRST
    assert json.loads(refused) == [False] * len(ATTACKS)
    assert "took too long" in limit
    assert contents(tmp_path) == before


WORKER = f"""
import sys, lumosdb, time
db = lumosdb.connect(sys.argv[1], read_only=True, mirror="auto")
print("ready", flush=True)
for line in sys.stdin:
    print(lumosdb.query(db, {REVENUE!r} + " OFFSET " + line)[0]["BillingCountry"], flush=True)
"""


def test_four_workers_of_which_one_is_killed(chinook):
    """P4: several processes of a server ask one file, beside a process that has its own mirror."""
    owner = lumosdb.connect(chinook)
    owner.execute("SELECT lumos_track('*')").fetchall()
    assert lumosdb.query(owner, REVENUE) == FIRST
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, chinook], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    def ask(worker):
        worker.stdin.write("1\n")
        worker.stdin.flush()
        return worker.stdout.readline()

    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
    assert [ask(worker) for worker in workers] == ["Canada\n"] * 4
    workers[0].send_signal(signal.SIGKILL)
    workers[0].wait()
    owner.execute("UPDATE Invoice SET Total = Total + 1000 WHERE BillingCountry = 'Norway'")
    assert [ask(worker) for worker in workers[1:]] == ["USA\n"] * 3
    for worker in workers:
        worker.stdin.close()
        worker.wait()
        worker.stdout.close()
    owner.close()


def test_attach_says_which_mirror_it_took(chinook):
    db = lumosdb.connect(chinook)
    assert lumosdb.attach(db, "auto")["kind"] == "memory"
    db.close()
    db = lumosdb.connect(chinook)
    lumosdb._drivers._MEMORY_MIRROR_BYTES, kept = 1000, lumosdb._drivers._MEMORY_MIRROR_BYTES
    try:
        assert lumosdb.attach(db, "auto")["kind"] == "shared"
    finally:
        lumosdb._drivers._MEMORY_MIRROR_BYTES = kept
    db.close()


def test_a_cursor_left_open_and_a_process_that_ends_without_close(chinook):
    """P5: what is left behind hinders no other process; query leaves no cursor open."""
    leave = f"""
import os, sys, lumosdb
db = lumosdb.connect(sys.argv[1])
lumosdb.query(db, {REVENUE!r})
cursor = db.execute("SELECT c0 FROM lumos_query('SELECT * FROM range(100000)')")
cursor.fetchone()
os._exit(0)
"""
    run(leave, chinook)
    close = f"""
import sys, lumosdb
db = lumosdb.connect(sys.argv[1])
print(len(lumosdb.query(db, {REVENUE!r})))
db.close()
other = __import__("subprocess").run([sys.executable, "-m", "lumosdb", "query", sys.argv[1], "SELECT 1 AS a", "--mirror", "file"], capture_output=True, text=True)
print(other.stdout, other.stderr)
"""
    assert run(close, chinook).split() == ["2", '{"a":', "1}"]
    assert run(close, chinook, python=stock_python()).split() == ["2", '{"a":', "1}"]


DRIVERS = {
    "pysqlite3": "from pysqlite3.dbapi2 import connect",
    "sqlean": "from sqlean.dbapi2 import connect",
    "apsw": "from apsw import Connection as connect",
    "adbc": "from adbc_driver_sqlite.dbapi import connect",
}


@pytest.mark.parametrize("second", DRIVERS)
@pytest.mark.parametrize("first", DRIVERS)
def test_two_sqlite_libraries_in_a_process(first, second):
    """P6: the second one is refused with words."""
    if first == second:
        return
    out = run(f"""
import lumosdb
{DRIVERS[first]}
a = connect(":memory:")
lumosdb.load(a)
{DRIVERS[second]}
b = connect(":memory:")
try:
    lumosdb.load(b)
    print("loaded")
except Exception as error:
    print(error)
b.close()
a.close()
""")
    assert "another SQLite" in out, out


def test_a_transaction_that_has_written(chinook):
    """P7: lumos_query says what to do, auto answers."""
    db = lumosdb.connect(chinook)
    db.execute("SELECT lumos_track('Genre')").fetchall()
    db.execute("BEGIN")
    db.execute("UPDATE Genre SET Name = 'Loud' WHERE GenreId = 1")
    with pytest.raises(Exception, match="COMMIT or ROLLBACK first, or ask lumos_auto"):
        lumosdb.query(db, "SELECT Name FROM Genre WHERE GenreId = 1")
    assert lumosdb.auto(db, "SELECT Name FROM Genre WHERE GenreId = 1") == [{"Name": "Loud"}]
    with pytest.raises(Exception, match="transaction"):
        db.execute("SELECT lumos_track('Artist')").fetchall()
    db.execute("ROLLBACK")
    assert lumosdb.query(db, "SELECT Name FROM Genre WHERE GenreId = 1") == [{"Name": "Rock"}]
    db.close()


def test_a_session_of_sqlalchemy_after_flush(chinook):
    """P7: a transaction that nobody has begun in so many words."""
    out = run("""
import sys, lumosdb, lumosdb.sqlalchemy
from pysqlite3 import dbapi2
from sqlalchemy import create_engine
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session
engine = lumosdb.sqlalchemy.install(create_engine("sqlite:///" + sys.argv[1], module=dbapi2), mirror="memory")
base = automap_base()
base.prepare(autoload_with=engine)
with Session(engine) as session:
    session.connection().exec_driver_sql("SELECT lumos_track('Genre')").close()
    session.commit()
    print(lumosdb.query(session.connection(), "SELECT count(*) AS n FROM Genre"))
    session.add(base.classes.Genre(Name="Loud"))
    session.flush()
    try:
        lumosdb.query(session.connection(), "SELECT count(*) AS n FROM Genre")
    except Exception as error:
        print("ask lumos_auto" in str(error))
    print(lumosdb.auto(session.connection(), "SELECT count(*) AS n FROM Genre"))
    session.commit()
    print(lumosdb.query(session.connection(), "SELECT count(*) AS n FROM Genre"))
engine.dispose()
""", chinook)
    assert out == "[{'n': 25}]\nTrue\n[{'n': 26}]\n[{'n': 26}]\n"


def test_alembic_leaves_the_tables_of_lumos_alone(chinook):
    """P8."""
    out = run("""
import sys, lumosdb, lumosdb.sqlalchemy
from pysqlite3 import dbapi2
from sqlalchemy import MetaData, create_engine, text
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
engine = lumosdb.sqlalchemy.install(create_engine("sqlite:///" + sys.argv[1], module=dbapi2, isolation_level="AUTOCOMMIT"))
with engine.connect() as connection:
    metadata = MetaData()
    metadata.reflect(connection)
    for sql in ("SELECT lumos_track('*')", "SELECT lumos_memory_init()", "CREATE TABLE doc_rows(a)",
                "CREATE VIRTUAL TABLE doc USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[4], +body)".replace("doc ", "docs "),
                "CREATE VIRTUAL TABLE words USING fts5(body)"):
        connection.execute(text(sql)).close()
    def differences(include):
        context = MigrationContext.configure(connection, opts={"include_object": include})
        return [(change[0], change[1].name) for change in compare_metadata(context, metadata)]
    print(len(differences(lambda *_: True)) > 10)
    print(differences(lumosdb.sqlalchemy.include_object(connection)))
""", chinook)
    assert out == "True\n[('remove_table', 'doc_rows')]\n"


def test_numpys_numbers_in_place_of_floats():
    """P9: the error says what to do, vector() does it."""
    import numpy

    db = lumosdb.connect()
    db.execute("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[4])")
    numbers = numpy.array([1.0, 2, 3, 4])
    with pytest.raises(Exception, match=r"64-bit floats have; give 32-bit floats, in numpy by .astype\('float32'\)"):
        db.execute("INSERT INTO v VALUES (?, ?)", (1, numbers))
    with pytest.raises(Exception, match="the id is a BLOB; give an integer"):
        db.execute("INSERT INTO v VALUES (?, ?)", (bytes(8), lumosdb.vector(numbers)))
    db.execute("INSERT INTO v VALUES (?, ?)", (1, lumosdb.vector(numbers)))
    db.close()


def test_a_second_copy_of_the_library(chinook, tmp_path):
    """P11: it loads; on one mirror it is refused."""
    shutil.copy(lumosdb.loadable_path() + ".so", tmp_path / "lumos.so")
    out = run("""
import os, sys, lumosdb
a, b = lumosdb.connect(sys.argv[1]), None
lumosdb.load(a)
print(lumosdb.query(a, "SELECT 1 AS x"))
os.environ["LUMOSDB_DIR"] = sys.argv[2]
b = lumosdb.connect(sys.argv[1])
try:
    print(lumosdb.query(b, "SELECT 1 AS x"))
except Exception as error:
    print(error)
""", chinook, tmp_path)
    first, second = out.splitlines()
    assert first == "[{'x': 1}]"
    assert "open in this process already" in second or second == first, second


@pytest.mark.parametrize("name", ["with space", "with'quote", 'with"quotes', "mit Ümläut 数据"])
def test_folders_with_odd_names(name, chinook, tmp_path):
    """P12: of the library and of the database."""
    folder = tmp_path / name
    folder.mkdir()
    for library in ("lumos.so", "lumos.duckdb_extension"):
        os.link(pathlib.Path(lumosdb.duckdb_path()).parent / library, folder / library) if _same_device(folder) else shutil.copy(
            pathlib.Path(lumosdb.duckdb_path()).parent / library, folder / library
        )
    shutil.copy(chinook, folder / "a b.sqlite")
    out = run(f"""
import os, sys, lumosdb
os.environ["LUMOSDB_DIR"] = sys.argv[1]
db = lumosdb.connect(os.path.join(sys.argv[1], "a b.sqlite"))
print(lumosdb.query(db, {REVENUE!r})[0]["BillingCountry"])
db.close()
print(lumosdb.query(lumosdb.duckdb_connect(), "SELECT lumos_dims([1, 2]) AS n"))
""", folder)
    assert out == "USA\n[{'n': 2}]\n"


def test_a_package_inside_a_zip(tmp_path):
    """P12: a library cannot be loaded out of an archive, and the error says what to do."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for source in pathlib.Path(lumosdb.__file__).parent.glob("*.py"):
            packed.write(source, f"lumosdb/{source.name}")
    out = run(f"""
import sys
sys.path.insert(0, {str(tmp_path / "packed.zip")!r})
import lumosdb
try:
    lumosdb.loadable_path()
except FileNotFoundError as error:
    print(error)
""")
    assert "packed.zip/lumosdb/lumos.so is missing; install a wheel of lumosdb" in out


def _same_device(folder):
    return os.stat(folder).st_dev == os.stat(lumosdb.duckdb_path()).st_dev


def test_a_folder_that_cannot_be_written(chinook, tmp_path):
    """P13: the error names the mirror's path and :memory:, which works there."""
    ask = """
import json, os, pathlib, sys, lumosdb
lumosdb.connect().close()  # What it imports may lie where nobody may read.
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for mirror in ("file", "memory"):
    try:
        db = lumosdb.connect(sys.argv[1], read_only=True, mirror=mirror)
        print(lumosdb.query(db, "SELECT count(*) AS n FROM Invoice"))
    except Exception as error:
        print(error)
"""
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    try:
        refused, answered = run(ask, chinook).splitlines()
    finally:
        tmp_path.chmod(0o755)
    assert f"{chinook}-lumos.duckdb" in refused and ":memory:" in refused
    assert answered == "[{'n': 412}]"


def test_a_library_of_another_version(monkeypatch):
    """P14: a warning, which the tests make an error."""
    monkeypatch.setattr(lumosdb, "__version__", "0.0.9")
    with pytest.warns(RuntimeWarning, match="lumos_version.. is .*, the package is 0.0.9"):
        lumosdb.connect().close()


def test_the_library_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("LUMOSDB_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="lumos.so is missing; install a wheel of lumosdb"):
        lumosdb.loadable_path()


def test_attach_with_other_options(chinook):
    """P15: attaching again changes what is given; where another connection is in the way, the options are named."""
    a, b = lumosdb.connect(chinook, memory_limit="1GB"), lumosdb.connect(chinook)
    assert lumosdb.query(a, REVENUE) == FIRST
    assert lumosdb.attach(b, threads=a.execute("SELECT lumos_attach() ->> 'threads'").fetchone()[0])["memory_limit"] == "1GB"
    with pytest.raises(Exception, match="with another memory_limit and allow_files; end them, or lumos_detach"):
        lumosdb.attach(b, memory_limit="500MB", allow_files=[str(chinook.parent)])
    with pytest.raises(Exception, match="with another allow_files; end them"):
        lumosdb.attach(b, allow_files=[str(chinook.parent)])
    a.close()
    assert lumosdb.attach(b, memory_limit="500MB")["memory_limit"] == "500MB"
    b.close()
