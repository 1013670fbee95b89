"""What stands at the places of a mirror's files and is no file of its own: pipes, folders, sockets, links, devices. Each
is refused at once, stays as it is, and is in nobody's way once it is gone."""

import os
import socket
import subprocess
import unittest

import host
from host import child

TRACK = "SELECT lumos_track('Genre')"


def pipe(path, victim):
    os.mkfifo(path)


def folder(path, victim):
    path.mkdir()


def plug(path, victim):
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        # A socket's path has few characters.
        os.chdir(path.parent)
        s.bind(path.name)
        os.chdir(here)


def link_to_nothing(path, victim):
    path.symlink_to(path.parent / "nothing")


def link(path, victim):
    path.symlink_to(victim)


def second_name(path, victim):
    os.link(victim, path)


def device(path, victim):
    path.symlink_to("/dev/null")


def text(path, victim):
    path.write_text("a user's own")


def tree(folder):
    """What is in a folder: kinds, names and bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path] = os.readlink(path)
        elif path.is_file():
            found[path] = (path.stat().st_nlink, path.read_bytes())
        else:
            found[path] = path.stat().st_mode
    return found


class Places(host.Case):
    def setUp(self):
        super().setUp()
        self.victim = self.folder / "victim"
        self.victim.write_text("4711")

    def alone(self, work):
        """In another process: a call that hangs must not hang the test."""
        process, lines = child(lambda say: work())
        with lines:
            said = lines.read().splitlines()
        self.assertEqual((os.waitpid(process, 0)[1], said), (0, []))

    def refused_at(self, ending, make, *words):
        def work():
            place = self.mirror.with_name(self.mirror.name + ending)
            make(place, self.victim)
            db = self.open()
            before = tree(self.folder)
            for statement in (TRACK, "SELECT lumos_attach()", "SELECT c0 FROM lumos_query('SELECT 1')"):
                self.refused(db, statement, *words)
            # Others are not in the way of it, nor it of others.
            other = self.open()
            other.rows("SELECT lumos_attach(':memory:')")
            self.assertEqual(other.query("SELECT 42"), [(42,)])
            other.close()
            self.assertEqual(tree(self.folder), before)
            if place.is_dir() and not place.is_symlink():
                place.rmdir()
            else:
                place.unlink()
            db.rows(TRACK)
            self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(25,)])
            db.close()
            self.assertEqual(self.victim.read_text(), "4711")
            self.mirror.unlink()

        self.setUp()
        with self.subTest(place=ending, kind=make.__name__):
            self.alone(work)

    def test_the_mirror(self):
        self.refused_at("", pipe, "is a pipe")
        self.refused_at("", folder, "is a directory")
        self.refused_at("", plug, "is a socket")
        self.refused_at("", link_to_nothing, "leads to no file")
        self.refused_at("", device, "device")
        self.refused_at("", second_name, "hard links")
        self.refused_at("", link, "not a DuckDB file")
        self.refused_at("", text, "not a DuckDB file")

    def test_the_files_beside_it(self):
        for ending in (".lock", ".wal"):
            self.refused_at(ending, pipe, "is a pipe")
            self.refused_at(ending, folder, "is a directory")
            self.refused_at(ending, plug, "is a socket")
            for make in (link, link_to_nothing, device):
                self.refused_at(ending, make, "is a link")
            self.refused_at(ending, second_name, "hard links")
        self.refused_at(".lock", text, "is no lock file")
        for make in (pipe, plug, link, link_to_nothing, text):
            self.refused_at(".tmp", make, "is no directory")

    def test_names_of_others(self):
        """Names that SQLite or DuckDB would give another file: also by a link, and from within the folder."""
        away = self.folder / "away"
        away.symlink_to(self.folder)
        for folder in (self.folder, away):
            for ending in ("-wal", "-shm", "-journal"):
                db = self.open()
                path = str(folder / self.path.name) + ending
                self.refused(db, "SELECT lumos_attach(?)", "SQLite uses", values=[path])
                self.assertFalse((self.folder / (self.path.name + ending)).exists())
        strange = self.folder / "what?"
        strange.mkdir()
        (self.folder / "plain").symlink_to(strange)
        for path in (strange / "m.duckdb", self.folder / "plain" / "m.duckdb", self.folder / "a?b"):
            with self.nothing_changes():
                self.refused(self.open(), "SELECT lumos_attach(?)", 'has a "?"', ":memory:", values=[str(path)])

    def test_a_link_to_a_mirror_is_that_mirror(self):
        def work():
            away = self.folder / "away"
            away.mkdir()
            db = self.open()
            db.rows(TRACK)
            db.close()
            self.mirror.rename(away / "m.duckdb")
            self.mirror.symlink_to(away / "m.duckdb")
            one, two = self.open(), self.open()
            one.rows("SELECT lumos_attach()")
            two.rows("SELECT lumos_attach(?)", str(away / "m.duckdb"))
            one.rows("INSERT INTO Genre VALUES (99, 'one')")
            for db in (two, one):
                self.assertEqual(db.query("SELECT count(*) FROM Genre"), [(26,)])
            # Its files are beside the file, not beside the link.
            self.assertTrue((away / "m.duckdb.lock").exists())
            self.assertFalse(self.mirror.with_name(self.mirror.name + ".lock").exists())
            one.close(), two.close()
            self.assertEqual(sorted(p.name for p in away.iterdir()), ["m.duckdb"])

        self.alone(work)

    def test_empty_files_stay(self):
        def work():
            lock = self.mirror.with_name(self.mirror.name + ".lock")
            lock.touch()
            db = self.open()
            db.rows(TRACK)
            db.close()
            self.assertEqual(lock.read_bytes(), b"")
            lock.unlink()
            # One that a killed process left has its number in it, and goes.
            lock.write_text("4194304")
            db = self.open()
            db.query("SELECT 1")
            db.close()
            self.assertFalse(lock.exists())
            # One that cannot become a mirror is as it was.
            self.mirror.unlink()
            self.mirror.touch()
            db = self.open()
            self.refused(db, """SELECT lumos_attach(NULL, '{"memory_limit": "much"}')""", "much")
            self.assertEqual(self.mirror.read_bytes(), b"")
            db.rows(TRACK)
            db.close()
            self.assertGreater(self.mirror.stat().st_size, 0)

        self.alone(work)

    def test_a_folder_that_takes_no_file(self):
        for path in ("/proc/m.duckdb", "/dev/null", "/dev/null/m.duckdb", str(self.folder / "no" / "m.duckdb")):
            db = self.open()
            with self.nothing_changes():
                self.refused(db, f"SELECT lumos_attach('{path}')", path.split("/")[-1])
            self.assertEqual(db.value("SELECT lumos_scalar('SELECT 42')"), 42)
            db.rows("SELECT lumos_detach()")
            self.mirror.unlink()

    def test_cold_files(self):
        def work(make):
            cold = self.folder / "cold"
            cold.mkdir()
            db = self.open()
            db.rows("SELECT lumos_attach(NULL, ?)", f'{{"allow_files": ["{cold}"]}}')
            db.rows("SELECT lumos_track('Invoice')")
            db.rows("SELECT lumos_tier('Invoice', 'InvoiceDate', '2100-01-01', ?)", str(cold))
            file = next(cold.iterdir())
            kept = file.read_bytes()
            file.unlink()
            make(file, self.victim)
            for _ in range(2):
                self.refused(db, "SELECT c0 FROM lumos_query('SELECT count(*) FROM Invoice')", file.name)
            file.rmdir() if make is folder else file.unlink()
            file.write_bytes(kept)
            self.assertEqual(db.query("SELECT count(*) FROM Invoice"), db.rows("SELECT count(*) FROM Invoice"))

        for make in (pipe, folder, plug, link_to_nothing, link, device, second_name, text):
            self.setUp()
            with self.subTest(make.__name__):
                self.alone(lambda: work(make))

    def test_programs_that_are_started_inherit_nothing(self):
        def work():
            db = self.open()
            db.rows(TRACK)
            open_here = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
            self.assertTrue(any("lumos.duckdb" in path for path in open_here), open_here)
            listed = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True)
            self.assertNotIn("lumos.duckdb", listed.stdout)

        self.alone(work)


if __name__ == "__main__":
    unittest.main()
