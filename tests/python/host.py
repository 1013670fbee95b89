"""The drivers behind one face, and what every test needs: a folder with a copy of Chinook, other
processes, and a look at what a refusal may have left behind.

The harness sets LUMOS_DRIVER (apsw or pysqlite3) and LUMOS_SQLITE (the built library without its
suffix), and puts one version of Python's `duckdb` on PYTHONPATH.
"""

import contextlib
import faulthandler
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

DRIVER = os.environ["LUMOS_DRIVER"]
EXTENSION = os.environ["LUMOS_SQLITE"]
FIXTURE = pathlib.Path(__file__).parent.parent / "fixtures" / "chinook.sqlite"

if DRIVER == "apsw":
    import apsw

    ERROR = apsw.Error
else:
    from pysqlite3 import dbapi2

    ERROR = dbapi2.Error


# Seconds after which a statement that should have ended is a failure on any machine.
WATCHDOG = 300


class Database:
    """A connection in autocommit mode; with Lumos unless `load` is false, and for writes too unless `only_read` is true."""

    def __init__(self, path, load=True, entry=None, extension=EXTENSION, only_read=False):
        if DRIVER == "apsw":
            write = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            self.connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY if only_read else write)
            self.connection.set_busy_timeout(20_000)
        else:
            name = f"file:{path}?mode=ro" if only_read else str(path)
            self.connection = dbapi2.connect(
                name, timeout=20, isolation_level=None, check_same_thread=False, uri=only_read
            )
        if load:
            self.load(entry, extension)

    def load(self, entry=None, extension=EXTENSION):
        # The SQL function takes an entry point in every version of every driver.
        self.connection.enable_load_extension(True)
        if entry is None:
            self.connection.load_extension(extension)
        else:
            self.rows("SELECT load_extension(?, ?)", extension, entry)

    def rows(self, sql, *values):
        return [tuple(row) for row in self.connection.execute(sql, values)]

    def value(self, sql, *values):
        return self.rows(sql, *values)[0][0]

    def query(self, sql, width=1):
        """Rows of a query in the mirror, `width` columns of each."""
        columns = ", ".join(f"c{i}" for i in range(width))
        return self.rows(f"SELECT {columns} FROM lumos_query(?)", sql)

    def close(self):
        self.connection.close()


def process(code, *arguments):
    """Starts another Python with the same drivers; `code` sees its arguments as sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def elsewhere(code, *arguments):
    """Runs another Python to its end and gives what it printed."""
    with process(code, *arguments) as other:
        printed = other.communicate(timeout=60)[0]
        if other.returncode != 0:
            raise AssertionError(f"the other process ended with {other.returncode}")
        return printed.strip()


def child(work):
    """Forks a process that does `work(say)`; `say` sends a line to what this gives beside the process id."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        signal.alarm(600)
        code = 1
        try:
            work(lambda line: os.write(write, f"{line}\n".encode()))
            code = 0
        except BaseException as error:
            os.write(write, f"failed: {type(error).__name__}: {error}\n".encode())
        os._exit(code)
    os.close(write)
    return process, os.fdopen(read)


def plain(path, *statements):
    """Runs statements in another process with a connection that has no Lumos."""
    elsewhere(
        "import sys, host\n"
        "db = host.Database(sys.argv[1], load=False)\n"
        "for statement in sys.argv[2:]: db.rows(statement)",
        path,
        *statements,
    )


class Case(unittest.TestCase):
    """A test in a folder of its own, with Chinook at `self.path`."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lumos-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = self.folder / "chinook.sqlite"
        shutil.copyfile(FIXTURE, self.path)
        self.mirror = self.folder / "chinook.sqlite-lumos.duckdb"

    def open(self, path=None, **options):
        db = Database(path or self.path, **options)
        self.addCleanup(db.close)
        return db

    def refused(self, db, sql, *words, values=()):
        """The statement fails, in words that contain all of these."""
        with self.assertRaises(ERROR, msg=sql) as caught:
            db.rows(sql, *values)
        for word in words:
            self.assertIn(word, str(caught.exception))
        return str(caught.exception)

    def ends(self, *children):
        """What each `child` said, once all ended well."""
        said = []
        for process, lines in children:
            with lines:
                said.append(lines.read().splitlines())
            self.assertEqual((os.waitpid(process, 0)[1], [s for s in said[-1] if s.startswith("failed")]), (0, []))
        return said

    @contextlib.contextmanager
    def nothing_changes(self):
        """Neither files nor the database's schema nor its rows are others afterwards."""
        before = self.everything()
        yield
        self.assertEqual(self.everything(), before)

    def everything(self):
        db = Database(self.path, load=False)
        try:
            schema = db.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2")
            tables = [name for kind, name, _, sql in schema if kind == "table" and "VIRTUAL" not in sql.upper()]
            rows = {t: db.rows(f'SELECT count(*) FROM "{t}"') for t in tables}
        finally:
            db.close()
        files = {
            f.name: f.read_bytes()
            for f in self.folder.iterdir()
            if f.is_file() and not f.name.endswith(("-shm", "-wal"))
        }
        return sorted(files), {n: b for n, b in files.items() if n != self.path.name}, schema, rows


def progress(db, handler, steps):
    """Sets a progress handler, or takes it away."""
    if DRIVER == "apsw":
        db.connection.set_progress_handler(handler, steps or 20)
    else:
        db.connection.set_progress_handler(handler, steps)


@contextlib.contextmanager
def interrupts(db, after=20, by="interrupt", steps=1000):
    """What runs here is interrupted: once SQLite has asked the progress handler `after` times whether to stop,
    each time after so many steps of its machine, the handler says so itself, or another thread calls
    `interrupt()`. No time is measured; what does not heed it is ended with the whole process, by a watchdog."""
    asked, wanted, called = 0, threading.Event(), threading.Event()

    def handler():
        nonlocal asked
        asked += 1
        if asked >= after:
            wanted.set()
            if by == "interrupt":
                # A busy machine may run the other thread only after the statement has ended.
                called.wait()
        return by == "handler" and asked >= after

    def call():
        wanted.wait()
        db.connection.interrupt()
        called.set()

    caller = threading.Thread(target=call)
    if by == "interrupt":
        caller.start()
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    progress(db, handler, steps)
    try:
        try:
            yield
        except ERROR as error:
            assert "interrupt" in str(error).lower(), error
        else:
            raise AssertionError(f"not interrupted; the handler was asked {asked} times")
    finally:
        progress(db, None, 0)
        faulthandler.cancel_dump_traceback_later()
        wanted.set()
        if by == "interrupt":
            caller.join()
