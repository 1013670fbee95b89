"""What ships loads elsewhere: in the folder, the wheel, the npm package and DuckDB's repository; and what would not is seen."""

import io
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from libraries import wrong

TARGET = pathlib.Path(__file__).resolve().parents[2] / "target"
PACKAGES = TARGET / "packages"
FLOOR = (2, 28)


def unpacked(form, folder):
    """The libraries in one of the forms in which people get them."""
    if form == "folder":
        return [PACKAGES / "libraries" / name for name in ("lumos.so", "lumos.duckdb_extension")]
    if form == "repository":
        return list((PACKAGES / "duckdb").glob("v*/linux_*/lumos.duckdb_extension"))
    if form == "wheel":
        (file,) = PACKAGES.glob("*.whl")
        with zipfile.ZipFile(file) as packed:
            packed.extractall(folder)
    else:
        (file,) = PACKAGES.glob("lumosdb-linux-*.tgz")
        with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as packed:
            packed.extractall(folder, filter="data")
    return [path for path in folder.rglob("lumos.*") if path.suffix in (".so", ".duckdb_extension")]


@pytest.mark.parametrize("form, count", [("folder", 2), ("wheel", 2), ("npm", 2), ("repository", 1)])
def test_what_ships(form, count, tmp_path):
    found = unpacked(form, tmp_path)
    assert len(found) >= count
    for path in found:
        assert wrong(path, FLOOR)[0] == []


def test_the_wheel_is_what_its_name_says():
    (wheel,) = PACKAGES.glob("*.whl")
    said = subprocess.run([sys.executable, "-m", "auditwheel", "show", wheel], capture_output=True, text=True, check=True).stdout
    platform = wheel.stem.rsplit("-", 1)[1]
    assert platform.startswith("manylinux_2_28_") and f'"{platform}"' in said.replace("\n", " "), said


def test_what_make_build_made_would_not_ship():
    said = " ".join(wrong(TARGET / "lumos.so", FLOOR)[0])
    assert "needs libstdc++" in said and "which is newer than 2.28" in said
    assert wrong(TARGET / "lumos.so", None)[0] == []


@pytest.mark.parametrize("code, options, fault", [
    ("int sqlite3_lumos_init; int sqlite3_extension_init; int other;", [], "exports 3 symbols"),
    ("int sqlite3_lumos_init;", [], "exports 1 symbols"),
    ("int sqlite3_lumos_init; int sqlite3_extension_init;", ["-Wl,--no-as-needed", "-lstdc++"], "needs libstdc++.so.6"),
])
def test_a_fault_is_seen(code, options, fault, tmp_path):
    path = tmp_path / "lumos.so"
    subprocess.run([shutil.which("cc"), "-shared", "-x", "c", "-", "-o", path, *options], input=code, text=True, check=True)
    assert any(fault in said for said in wrong(path, FLOOR)[0])
