"""A mirror that was damaged, a disk that is full, a folder that cannot be written: a clear error or the right rows,
never a wrong one, and the way out works."""

import os
import pathlib
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import unittest

import host
import model

FLIPS = 16

FILL = (
    "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 9000) "
    "REPLACE INTO t SELECT i, hex(randomblob(120)) FROM n"
)
NOBODY = 65534
FULL_DISK = pathlib.Path(host.__file__).with_name("full_disk.c")


def in_child(work):
    """What `work` gives in a process of its own, as text; this process never opens the mirror."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            told = f"{work()}"
        except host.ERROR as error:
            told = f"error: {error}"
        except BaseException as error:
            told = f"failed: {error!r}"
        os.write(write, told.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    return told if status == 0 else f"died with {status}: {told}"


class Damage(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.mirror = self.folder / "app.sqlite-lumos.duckdb"

    def start(self, path=None):
        db = host.Database(path or self.path)
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
        db.rows("CREATE TABLE u(k TEXT NOT NULL PRIMARY KEY, d DECIMAL(10,2))")
        db.rows(FILL)
        db.rows("INSERT INTO u SELECT 'k' || id, id / 4.0 FROM t WHERE id < 3000")
        db.rows("SELECT lumos_track('*')")
        return db

    def check(self, statement="SELECT lumos_sync()"):
        """`equal`, or the error."""
        db = host.Database(self.path)
        db.rows(statement)
        return model.differences(db) or "equal"

    def test_bits_and_ends_of_the_mirror(self):
        self.assertEqual(in_child(lambda: self.start().close()), "None")
        whole, draw = self.mirror.read_bytes(), random.Random(7)
        found = 0
        for number in range(FLIPS):
            damaged = bytearray(whole)
            if number % 4 == 0:
                what = f"cut at {(cut := draw.randrange(1, len(whole)))}"
                del damaged[cut:]
            else:
                at = draw.randrange(12_288 if number % 4 == 1 else len(whole))
                damaged[at] ^= 1 << draw.randrange(8)
                what = f"byte {at} flipped"
            for file in self.folder.glob("*lumos.duckdb*"):
                file.unlink()
            self.mirror.write_bytes(damaged)
            told = in_child(self.check)
            if told != "equal":
                found += 1
                self.assertTrue(told.startswith("error: "), f"{what}: {told}")
                self.assertIn("remove", told, what)
                # The file's own way out, or that of last resort.
                if in_child(lambda: self.check("SELECT lumos_resync('*')")) != "equal":
                    self.mirror.unlink()
                    pathlib.Path(f"{self.mirror}.wal").unlink(missing_ok=True)
            self.assertEqual(in_child(self.check), "equal", what)
        self.assertGreater(found, FLIPS // 2)

    def test_the_log_of_the_mirror_itself(self):
        def dies(folder):
            db = self.start(folder / "app.sqlite")
            db.rows("UPDATE t SET v = 'new' WHERE id < 100")
            db.rows("SELECT lumos_sync()")
            os.kill(os.getpid(), signal.SIGKILL)

        self.assertIn("died with 9", in_child(lambda: dies(self.folder)))
        log = pathlib.Path(f"{self.mirror}.wal")
        whole, file, draw = log.read_bytes(), self.mirror.read_bytes(), random.Random(8)
        for number in range(8):
            damaged = bytearray(whole)
            at = draw.randrange(len(whole))
            if number % 2:
                damaged[at] ^= 1 << draw.randrange(8)
            else:
                del damaged[at:]
            self.mirror.write_bytes(file)
            log.write_bytes(damaged)
            told = in_child(self.check)
            if told != "equal":
                self.assertTrue(told.startswith("error: "), told)
                self.assertIn("remove", told)
                self.mirror.unlink()
                log.unlink(missing_ok=True)
                self.assertEqual(in_child(self.check), "equal")

    def fills_up(self, db, limit, free):
        """The disk is full for a while: errors, and afterwards all is well."""
        db.rows(FILL)
        limit()
        told = self.refused(db, "SELECT lumos_sync()", "lumos_sync: ")
        self.refused(db, "SELECT * FROM lumos_query('SELECT 1')", "lumos_query: ")
        free()
        self.assertEqual(model.differences(db), [], told)
        db.rows("SELECT lumos_detach()")
        self.assertEqual(model.differences(db), [], told)
        return "done"

    def test_files_that_may_not_grow(self):
        def work():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            size = lambda soft: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
            return self.fills_up(self.start(), lambda: size(400_000), lambda: size(resource.RLIM_INFINITY))

        self.assertEqual(in_child(work), "done")

    def test_a_full_disk(self):
        # A library between this process and the disk says that it is full once a file is there, so that no disk
        # must be mounted.
        library, full = self.folder / "full_disk.so", self.folder / "full"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, FULL_DISK, "-ldl"], check=True)
        told = subprocess.run(
            [sys.executable, "-c", "import sys, test_damage; test_damage.on_a_full_disk(*sys.argv[1:])", self.folder, full],
            env={**os.environ, "LD_PRELOAD": str(library), "LUMOS_FULL": str(full)},
            capture_output=True,
            text=True,
        )
        self.assertEqual((told.returncode, told.stdout), (0, "done\n"), told.stderr)

    def test_a_folder_that_cannot_be_written(self):
        self.assertEqual(in_child(lambda: self.start().close()), "None")
        for file in self.folder.glob("*lumos.duckdb*"):
            file.unlink()
        self.folder.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        self.addCleanup(self.folder.chmod, stat.S_IRWXU)

        def work():
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            db = host.Database(self.path)
            told = self.refused(db, "SELECT * FROM lumos_query('FROM t')", "cannot create", "give a path")
            db.rows("SELECT lumos_attach(':memory:')")
            return model.differences(db) or told

        self.assertIn("cannot create", in_child(work))
        self.assertEqual([f.name for f in self.folder.iterdir() if "duckdb" in f.name], [])


def on_a_full_disk(folder, full):
    """The body of `test_a_full_disk`, in a process whose disk is full as long as the file `full` is there."""
    case = Damage()
    case.folder, full = pathlib.Path(folder), pathlib.Path(full)
    print(case.fills_up(case.start(case.folder / "app.sqlite"), full.touch, full.unlink))


if __name__ == "__main__":
    unittest.main()
