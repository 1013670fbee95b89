"""The DuckDB extension that packages/cross built for other systems, in their shells: the same bits in every answer.

It needs what Debian has as qemu-user, libc6-arm64-cross, libstdc++6-arm64-cross and wine64.
"""

import os
import pathlib
import platform
import shutil
import subprocess
import sys

import pytest

TARGET = pathlib.Path(__file__).resolve().parents[2] / "target"
VERSION = "1.5.6"

# Texts and digits of everything that computes: distances, searches, embeddings, forecasts, memories, questions.
QUESTIONS = """
CREATE TABLE notes AS SELECT i::BIGINT AS id, 'note ' || i || ' on ' || ['doors', 'flights', '雪山', 'café'][1 + i % 4] AS body FROM range(200) t(i);
CREATE TABLE vectors(id BIGINT, e FLOAT[384], h UBIGINT CHECK (h = hash(e)));
INSERT INTO vectors SELECT id, e, hash(e) FROM (SELECT id, lumos_embed(body)::FLOAT[384] AS e FROM notes);
SELECT md5(string_agg(e::TEXT, ';' ORDER BY id)) FROM vectors;
SELECT id, distance FROM query(lumos_search('vectors(id, e)', lumos_embed('doors to paint'), 5));
SELECT id, distance FROM query(lumos_search('vectors(id, e, h)', lumos_embed('flights'), 5, '{"metric": "cosine"}'));
SELECT * FROM query(lumos_hybrid('notes(id, NULL, body)', NULL, 'café doors 8', 5));
SELECT lumos_cosine([1.5, 2, 3]::FLOAT[3], [3, 2.25, 1]::FLOAT[3]), lumos_l2([0.1, 0.2], [0.3, 0.7]), lumos_dims([1, 2, 3]);
CREATE TABLE sales AS SELECT DATE '2024-01-01' + i::INT AS day, 100 + 20.25 * abs(i % 7 - 3) + i % 5 AS n, 'shop ' || i % 3 AS shop FROM range(300) t(i);
SELECT * FROM query(lumos_forecast('sales(day, n)', 5));
SELECT * FROM query(lumos_backtest('sales(day, n)', 7)) LIMIT 5;
SELECT * FROM query(lumos_decompose('sales(day, n)')) LIMIT 5;
SELECT * FROM query(lumos_seasons('sales(day, n)'));
SELECT * FROM query(lumos_changepoints('sales(day, n)'));
SELECT * FROM query(lumos_profile('sales')) ORDER BY 1;
SELECT * FROM query(lumos_anomalies('sales(day, n)')) LIMIT 5;
SELECT * FROM query(lumos_outliers('sales(n)')) LIMIT 5;
SELECT * FROM query(lumos_correlate('sales'));
SELECT md5(chart) FROM query(lumos_chart('sales'));
SELECT md5(chart) FROM query(lumos_chart_svg('sales(day, n, shop)'));
SELECT md5(chart) FROM query(lumos_chart_svg('sales', '{"x": "shop", "kind": "bar", "agg": "mean", "y": "n"}'));
SELECT lumos_extract('Ann moved from Rome to Paris on 3 May 2026', '{"now": "2026-05-08"}');
SELECT lumos_emotion('I am so glad that it worked'), lumos_importance('my daughter was born today');
SELECT tables FROM query(lumos_learn());
SELECT * FROM query(lumos_learn_values());
SELECT lumos_parse('total n by shop');
SELECT lumos_draw(42, 'price', i, 'normal(10, 2)'), lumos_draw(42, 'units', i, 'poisson(900)') FROM range(5) t(i);
SELECT lumos_risk(n), lumos_var(n, 0.9), lumos_cvar(n, 0.9) FROM sales;
SELECT * FROM query(lumos_ask('how many sales are there?'));
SELECT lumos_vec_json(lumos_normalize([1, 2, 3])), lumos_hamming([1, 0], [1, 1]), lumos_ip([0.1, 0.2], [0.3, 0.7]), lumos_l1([0.1, 0.2], [0.3, 0.7]);
SELECT lumos_fsrs_next(2.3065, 2.118, 2.3065, 3);
SELECT lumos_version();
"""


def shell(system, folder):
    """DuckDB's shell for a system, out of its wheel."""
    wheel = {"linux_amd64": "manylinux2014_x86_64", "linux_arm64": "manylinux2014_aarch64", "windows_amd64": "win_amd64"}[system]
    ask = ["download", "--quiet", "--no-deps", "--disable-pip-version-check", "--only-binary", ":all:", "--platform", wheel]
    subprocess.run([sys.executable, "-m", "pip", *ask, "--dest", folder, f"duckdb-cli=={VERSION}"], check=True)
    (file,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", file, folder], check=True)
    (program,) = [path for path in (folder / "duckdb_cli").iterdir() if path.name in ("duckdb", "duckdb.exe")]
    program.chmod(0o755)
    return program


def emulator(system):
    """What starts a program of a system here."""
    if system == "linux_arm64" and platform.machine() != "aarch64":
        found = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
        assert found, "qemu-aarch64 is missing; apt-get install qemu-user libc6-arm64-cross libstdc++6-arm64-cross"
        return [found, "-L", os.environ.get("LUMOS_ARM64_ROOT", "/usr/aarch64-linux-gnu")]
    if system == "windows_amd64":
        found = shutil.which("wine64") or shutil.which("wine") or "/usr/lib/wine/wine64"
        assert os.path.exists(found), "wine64 is missing; apt-get install wine64"
        return [found]
    return []


# The random numbers of Windows 10, which Rust's hash tables begin with, and Debian's wine does not have.
RANDOM = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return SystemFunction036(data, (ULONG)length); }
"""


def provide_random(folder):
    zig = TARGET / "hosts/packages/zig/ziglang/zig"
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": f"{folder}/zig", "ZIG_LOCAL_CACHE_DIR": f"{folder}/zig"}
    command = [zig, "cc", "-target", "x86_64-windows-gnu", "-shared", "-x", "c", "-", "-ladvapi32", "-o", folder / "duckdb_cli/bcryptprimitives.dll"]
    subprocess.run(command, input=RANDOM, text=True, env=environment, check=True)


def answers(system, extension, folder):
    folder.mkdir()
    shutil.copy(extension, folder / "lumos.duckdb_extension")
    questions = folder / "questions.sql"
    questions.write_text(f"LOAD '{'Z:' * system.startswith('windows')}{folder}/lumos.duckdb_extension';\n{QUESTIONS}", encoding="utf-8")
    command = [*emulator(system), shell(system, folder), "-unsigned", "-bail", "-csv", "-f", questions.name]
    if system.startswith("windows"):
        provide_random(folder)
    environment = {**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": f"{folder}/wine"}
    done = subprocess.run(command, capture_output=True, cwd=folder, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    said = answers("linux_amd64", TARGET / "packages/libraries/lumos.duckdb_extension", tmp_path_factory.mktemp("here") / "x")
    assert said.count("\n") > 90, said
    return said


@pytest.mark.parametrize("system", ["linux_arm64", "windows_amd64"])
def test_a_system_answers_to_the_last_bit(system, here, tmp_path):
    assert answers(system, TARGET / "packages/libraries" / system / "lumos.duckdb_extension", tmp_path / "x") == here
