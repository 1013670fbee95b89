"""The repository that packages/build made, in the DuckDB that takes keys of others."""

import os
import pathlib
import shutil
import subprocess
import sys

import duckdb

from repository import this_platform

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "target/packages/duckdb"

TRY = """
import sys, duckdb
connection = duckdb.connect()
connection.execute("SET allow_extension_repositories = 'allowed'")
connection.execute(f"CREATE EXTENSION REPOSITORY lumos WITH PREFIX '{sys.argv[1]}'")
connection.execute("INSTALL lumos FROM lumos")
connection.execute("LOAD lumos FROM lumos")
print(connection.execute("SELECT lumos_dims([1, 2, 3])").fetchone())
"""


def install(folder, home):
    """In a home of its own, since DuckDB remembers repositories there."""
    home.mkdir()
    return subprocess.run([sys.executable, "-c", TRY, folder], capture_output=True, text=True, env={**os.environ, "HOME": str(home)})


def test_install_and_load(tmp_path):
    done = install(FOLDER, tmp_path / "home")
    assert done.stdout == "(3,)\n", done.stderr


def test_a_changed_file_is_refused(tmp_path):
    copy = shutil.copytree(FOLDER, tmp_path / "repository")
    (file,) = copy.glob(f"v{duckdb.__version__}/{this_platform()}/lumos.duckdb_extension")
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    done = install(copy, tmp_path / "home")
    assert done.returncode == 1 and "signature" in done.stderr, done.stderr
