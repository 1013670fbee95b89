"""Both engines in one test: what one answers, the other must answer too."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

import duckdb
import numpy

import host


class Both(unittest.TestCase):
    """SQLite and DuckDB, and an empty folder."""

    def setUp(self):
        self.sqlite = host.Database(":memory:")
        self.addCleanup(self.sqlite.close)
        self.duckdb = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(self.duckdb.close)
        self.duckdb.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        # Models are those of the process; each engine here has a library of its own.
        for db in (self.sqlite.connection, self.duckdb):
            self.addCleanup(lambda db=db: db.execute("SELECT lumos_model_remove('m')").fetchall())
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def both(self, sql, *values):
        """The one value of a statement, after comparing the engines."""
        ours = self.sqlite.value(sql, *values)
        (theirs,) = self.duckdb.execute(sql, values).fetchone()
        self.assertEqual(ours, theirs)
        return ours

    def refused(self, words, sql, *values):
        with self.assertRaises(host.ERROR) as ours:
            self.sqlite.rows(sql, *values)
        with self.assertRaises(duckdb.Error) as theirs:
            self.duckdb.execute(sql, values).fetchall()
        for caught in (ours, theirs):
            self.assertIn(words, str(caught.exception))

    def models(self):
        sql = "SELECT lumos_models()"
        ours = json.loads(self.sqlite.value(sql))
        self.assertEqual(ours, json.loads(self.duckdb.execute(sql).fetchone()[0]))
        return ours

    def vector(self, text, model):
        return numpy.frombuffer(self.both("SELECT lumos_vec(lumos_embed(?, ?))", text, model), "<f4")
