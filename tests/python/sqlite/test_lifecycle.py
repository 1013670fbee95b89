"""Closing, forking, threads: the process that Lumos is a guest in stays whole."""

import os
import pathlib
import signal
import subprocess
import threading
import unittest

import host

READ = "import sys, duckdb; print(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).fetchall())"
SHELL = pathlib.Path(os.environ["LUMOS_SQLITE"]).parent / "hosts" / "duckdb"


class Close(host.Case):
    def test_close_leaves_nothing_held(self):
        threads = len(os.listdir("/proc/self/task"))
        for close in ["close", "detach"]:
            db = self.open()
            db.rows("SELECT lumos_track('Genre')")
            db.rows("INSERT INTO Genre(Name) VALUES ('x')")
            db.query("SELECT count(*) FROM Genre")
            db.rows("SELECT lumos_detach()") if close == "detach" else db.close()
            held = [os.readlink(f) for f in pathlib.Path("/proc/self/fd").iterdir() if f.exists()]
            self.assertEqual([f for f in held if "lumos.duckdb" in f or "lock" in f], [])
            self.assertEqual(len(os.listdir("/proc/self/task")), threads)

    def test_the_mirror_opens_in_other_duckdbs(self):
        db = self.open()
        db.rows("SELECT lumos_track('*')")
        db.rows("DELETE FROM Genre WHERE GenreId > 20")
        db.query("SELECT 1")
        db.close()
        self.assertEqual(host.elsewhere(READ, self.mirror, "SELECT count(*) FROM Genre"), "[(20,)]")
        sql = "SELECT count(*), sum(Total) FROM Invoice"
        shell = [SHELL, "-no-init", "-readonly", "-csv", "-noheader", self.mirror, sql]
        printed = subprocess.run(shell, capture_output=True, text=True, check=True)
        self.assertEqual(printed.stdout.strip(), "412,2328.60")

    def test_a_statement_left_open_does_not_crash_close(self):
        db = host.Database(self.path)
        cursor = db.connection.execute("SELECT c0 FROM lumos_query('SELECT range FROM range(100000)')")
        next(cursor)
        try:
            db.connection.close()
        except host.ERROR:
            cursor.close()
            db.connection.close()
        self.assertEqual(self.open().query("SELECT 1"), [(1,)])

    def test_exit_without_close(self):
        code = (
            "import sys, host\n"
            "db = host.Database(sys.argv[1])\n"
            "db.rows('SELECT lumos_track(?)', '*')\n"
            "cursor = db.connection.execute(\"SELECT c0 FROM lumos_query('FROM range(100000)')\")\n"
            "print(next(cursor)[0])"
        )
        self.assertEqual(host.elsewhere(code, self.path), "0")
        self.assertEqual(self.open().query("SELECT count(*) FROM Genre"), [(25,)])

    def test_killed_while_attached(self):
        code = (
            "import sys, host\n"
            "db = host.Database(sys.argv[1])\n"
            "db.rows('SELECT lumos_track(?)', '*')\n"
            "print('ready', flush=True); sys.stdin.read()"
        )
        with host.process(code, self.path) as other:
            self.assertEqual(other.stdout.readline().strip(), "ready")
            other.kill()
        db = self.open()
        db.rows("DELETE FROM Genre WHERE GenreId > 20")
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(20,)])


class Fork(host.Case):
    def in_child(self, work):
        """What `work` gives in a child process; the child has 30 seconds."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            try:
                told = f"answered {work()}"
            except host.ERROR as error:
                told = f"error {error}"
            os.write(write, told.encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = pipe.read()
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the child died")
        return told

    def test_a_child_gets_an_error_and_the_parent_goes_on(self):
        db = self.open()
        db.rows("SELECT lumos_track('Genre')")
        statements = [
            "SELECT c0 FROM lumos_query('SELECT 1')",
            "SELECT lumos_sync()",
            "SELECT lumos_track('Artist')",
            "SELECT * FROM lumos_status",
        ]
        for sql in statements:
            told = self.in_child(lambda sql=sql: db.rows(sql))
            self.assertIn("error", told)
            self.assertIn("fork", told)
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
        db.rows("INSERT INTO Genre VALUES (26, 'Zydeco')")
        self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(26,)])

    def test_a_child_may_use_what_needs_no_duckdb(self):
        db = self.open()
        db.rows("SELECT lumos_attach()")
        self.assertEqual(
            self.in_child(lambda: db.value("SELECT lumos_l2('[1, 2]', '[4, 6]')")), "answered 5.0"
        )

    def test_a_child_of_a_process_that_only_loaded_it_is_free(self):
        self.open()  # DuckDB starts when first needed, not when loaded.
        told = self.in_child(lambda: host.Database(self.path).query("SELECT 42"))
        self.assertEqual(told, "answered [(42,)]")


class Threads(host.Case):
    def test_connections_in_several_threads_on_one_file(self):
        setup = self.open()
        setup.rows("PRAGMA journal_mode = WAL")
        setup.rows("CREATE TABLE hit(id INTEGER PRIMARY KEY, thread INT)")
        setup.rows("SELECT lumos_track('hit')")
        threads, rounds, failures = 4, 15, []

        def work(number):
            try:
                db = host.Database(self.path)
                for done in range(1, rounds + 1):
                    db.rows("INSERT INTO hit(thread) VALUES (?)", number)
                    mine = db.query(f"SELECT count(*) FROM hit WHERE thread = {number}")
                    if mine != [(done,)]:
                        failures.append(f"thread {number} wrote {done} rows and sees {mine}")
                db.close()
            except Exception as error:
                failures.append(f"thread {number}: {error!r}")

        workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        self.assertEqual(failures, [])
        self.assertEqual(setup.query("SELECT count(*) FROM hit"), [(threads * rounds,)])

    def test_signals_stay_the_hosts(self):
        db = self.open()
        caught = []
        previous = signal.signal(signal.SIGUSR1, lambda *_: caught.append(threading.get_ident()))
        self.addCleanup(signal.signal, signal.SIGUSR1, previous)
        db.query("SELECT sum(range) FROM range(1000000)")
        for task in os.listdir("/proc/self/task"):
            if int(task) == threading.get_native_id():
                continue
            status = pathlib.Path(f"/proc/self/task/{task}/status").read_text()
            blocked = int(status.split("SigBlk:")[1].split()[0], 16)
            self.assertTrue(blocked >> (signal.SIGUSR1 - 1) & 1, f"thread {task} takes signals")
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual(len(caught), 1)


if __name__ == "__main__":
    unittest.main()
