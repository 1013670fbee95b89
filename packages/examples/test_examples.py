"""Each example from a clean folder, as its first line says to run it, killed once and started again."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NODE = ROOT / "target/hosts/packages/node/node_modules/node24/bin/node"


def assistant(path):
    return subprocess.Popen([sys.executable, HERE / "assistant/assistant.py", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_the_assistant_remembers_after_a_kill(tmp_path):
    path = tmp_path / "agent.db"
    first = assistant(path)
    assert say(first, "Which instrument do you play?") == "I have heard nothing of that."
    assert say(first, "I play the violin since I was six") == "Noted (1)."
    assert say(first, "I am allergic to peanuts, remember that") == "Noted (2)."
    assert say(first, "我明天去上海看大雪") == "Noted (3)."
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = assistant(path)
    assert "violin" in say(second, "which instrument do I play?")
    third = assistant(path)
    assert say(third, "大雪在哪里吗").startswith("我明天去上海看大雪")
    # Meanwhile another process, as an agent's server is, reads the same file.
    ask = "import sys, json, lumosdb; db = lumosdb.connect(sys.argv[1], read_only=True, mirror='memory'); print(db.execute('SELECT content FROM lumos_memory_search(?, ?)', ('allergic', json.dumps({'scope': 'user'}))).fetchall()[0][0])"
    asked = subprocess.run([sys.executable, "-c", ask, path], capture_output=True, text=True)
    assert asked.stdout.strip() == "I am allergic to peanuts, remember that", asked.stderr
    assert say(third, "table").startswith("episode: 3")
    assert say(third, "forget 2") == "Forgotten: 2."
    assert "peanuts" not in say(third, "what am I allergic to?")
    for process in (second, third):
        process.stdin.close()
        assert process.wait() == 0
        process.stdout.close()


def live(address, name):
    """The rows of a query, as often as they change."""
    with urllib.request.urlopen(f"{address}live/{name}", timeout=20) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "analytics"
    shutil.copytree(HERE / "analytics", folder)
    (folder / "node_modules").symlink_to(ROOT / "target/packages/test/node/node_modules")
    running = []

    def start():
        process = subprocess.Popen([NODE, "shop.mjs", "shop.sqlite"], cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True)
        running.append(process)
        return process, process.stdout.readline().strip()

    yield folder, start
    for process in running:
        end(process)


def end(process):
    """Kills a program with what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()


def by_sqlite(path):
    """The revenue of each country, by SQLite alone."""
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT country, round(sum(amount), 2) FROM orders JOIN lines ON order_id = orders.id GROUP BY 1").fetchall()
    db.close()
    return dict(rows)


def test_the_dashboard_follows_and_survives_a_kill(shop):
    folder, start = shop
    process, address = start()
    seen = live(address, "revenue")
    first, second = next(seen), next(seen)
    assert sum(row["revenue"] for row in second) > sum(row["revenue"] for row in first)
    months = next(live(address, "months"))
    assert months[0]["month"] == "2026-01" and len(months) >= 6
    with urllib.request.urlopen(address) as page:
        assert b"EventSource" in page.read()
    with urllib.request.urlopen(f"{address}best") as best:
        assert len({row["country"] for row in json.load(best)}) == len(first)
    end(process)
    # The mirror goes: it is made anew of the database, which lost nothing.
    for file in folder.glob("shop.sqlite-lumos*"):
        file.unlink()
    before = by_sqlite(folder / "shop.sqlite")
    process, address = start()
    again = next(live(address, "revenue"))
    assert sum(row["revenue"] for row in again) >= sum(before.values()) - 0.01
    end(process)
    with subprocess.Popen([sys.executable, "-m", "lumosdb", "query", folder / "shop.sqlite", "SELECT country, round(sum(amount), 2) AS revenue FROM orders JOIN lines ON order_id = orders.id GROUP BY ALL"], stdout=subprocess.PIPE, text=True) as asked:
        rows = [json.loads(line) for line in asked.stdout]
    assert {row["country"]: row["revenue"] for row in rows} == pytest.approx(by_sqlite(folder / "shop.sqlite"))


@pytest.fixture(scope="module")
def automation(tmp_path_factory):
    program = tmp_path_factory.mktemp("automation") / "automation"
    built = subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "automation", capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return program


def worker(program, path, crash=""):
    env = {**os.environ, "LUMOSDB_DIR": str(ROOT / "target/packages/libraries"), "CRASH": crash}
    return subprocess.run([program, path, "once"], capture_output=True, text=True, env=env, timeout=60)


@pytest.mark.parametrize("crash", ["begun", "rule", "written", "committed"])
def test_a_task_exactly_once_whatever_the_step_of_the_kill(automation, crash, tmp_path):
    path = tmp_path / "stock.sqlite"
    assert worker(automation, path).returncode == 0
    with sqlite3.connect(path, isolation_level=None) as db:
        db.executemany("INSERT INTO products(id, name, stock, least) VALUES (?, ?, 10, 5)", [(i, f"product {i}") for i in range(1, 6)])
        db.execute("UPDATE products SET stock = 3 WHERE id IN (2, 4)")
        db.execute("UPDATE products SET stock = 4 WHERE id = 5")
        assert worker(automation, path, crash).returncode == 137
        db.execute("UPDATE products SET stock = 1 WHERE id = 4")
        db.execute("UPDATE products SET stock = 9 WHERE id = 1")
        done = worker(automation, path)
        assert done.returncode == 0, done.stderr
        assert [task[0] for task in db.execute("SELECT product_id FROM tasks ORDER BY 1")] == [2, 4, 5]
        assert done.stdout.splitlines()[0] == "order 2 of product 2"
        db.execute("DELETE FROM tasks WHERE product_id = 2")
        db.execute("UPDATE products SET stock = 0 WHERE id = 2")
        assert worker(automation, path).stdout.splitlines()[0] == "order 5 of product 2"
    db.close()
