"""What the tests share: a copy of Chinook, and Python in a process of its own, since one takes Lumos in one SQLite."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
REVENUE = "SELECT BillingCountry, sum(Total) AS revenue FROM Invoice GROUP BY ALL ORDER BY revenue DESC LIMIT 2"
FIRST = [{"BillingCountry": "USA", "revenue": 523.06}, {"BillingCountry": "Canada", "revenue": 303.96}]


@pytest.fixture
def chinook(tmp_path):
    return shutil.copy(ROOT / "tests/fixtures/chinook.sqlite", tmp_path / "chinook.sqlite")


def stock_python():
    """A Python whose own sqlite3 loads extensions."""
    probe = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"
    for name in ("/usr/bin/python3", *(f"python3.{minor}" for minor in range(14, 8, -1)), "python3"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", probe], capture_output=True).returncode == 0:
            return path
    pytest.fail("no Python here has a sqlite3 that loads extensions; apt-get install python3, or set PATH to one that has")


def run(code, *arguments, python=sys.executable, check=True):
    """Runs Python code, which finds the installed lumosdb, and returns what it printed, or all of the ended process."""
    import lumosdb

    env = {**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"}
    if python != sys.executable:  # The package alone, without the drivers beside it.
        env["PYTHONPATH"] = str(ROOT / "target/packages/plain")
        assert pathlib.Path(env["PYTHONPATH"], "lumosdb").is_dir(), "make test-packages unpacks the wheel there"
    assert pathlib.Path(lumosdb.__file__).parent.name == "lumosdb"
    done = subprocess.run([python, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=env)
    if check:
        assert done.returncode == 0, done.stderr
        return done.stdout
    return done
