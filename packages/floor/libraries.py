"""Refuses built libraries that another machine could not load: `libraries.py FILE ... [--glibc 2.28]`.

Of each, what it exports and which libraries it needs must be as they are known; with --glibc, no symbol may come from a
newer one, and C++ must be inside. Files are those of Linux, of any processor, and DLLs of Windows.
"""

import argparse
import pathlib
import re
import subprocess
import sys

EXPORTS = {"lumos.so": ["sqlite3_extension_init", "sqlite3_lumos_init"], "lumos.duckdb_extension": ["lumos_init_c_api"]}
GLIBC = r"lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux-[\w-]+\.so\.\d"
GCC = r"libgcc_s\.so\.1"  # The unwinder, which whatever has threads of glibc has too.
CPP = r"libstdc\+\+\.so\.6"
WINDOWS = r"(api-ms-win-[\w-]+|kernel32|ntdll|ws2_32|bcrypt|bcryptprimitives|userenv|advapi32|msvcrt|ucrtbase)\.dll"


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def of_linux(path):
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-dW", path))
    symbols = [line.split() for line in said("readelf", "--dyn-syms", "-W", path).splitlines()]
    symbols = [s for s in symbols if len(s) >= 8 and s[0].rstrip(":").isdigit()]
    exports = [s[7] for s in symbols if s[6] != "UND"]
    glibc = [tuple(map(int, version.split("."))) for s in symbols for version in re.findall(r"@GLIBC_([\d.]+)", s[7])]
    return needed, exports, max(glibc, default=(0,))


def of_windows(path):
    listing = said("objdump", "-p", path)
    names = re.search(r"\[Ordinal/Name Pointer\] Table.*?\n(.*?)\n\n", listing, re.DOTALL)
    exports = re.findall(r"^\t\[ *\d+\].* (\S+)$", names.group(1), re.MULTILINE) if names else []
    return re.findall(r"DLL Name: (.*)", listing), exports, (0,)


def wrong(path, floor):
    """What is wrong with a library, and what is to be known of it."""
    windows = path.read_bytes()[:2] == b"MZ"
    needed, exports, glibc = (of_windows if windows else of_linux)(path)
    known = WINDOWS if windows else f"{GLIBC}|{GCC}" + ("" if floor else f"|{CPP}")
    found = [f"needs {name}" for name in needed if not re.fullmatch(known, name, re.IGNORECASE)]
    if sorted(exports) != EXPORTS[path.name]:
        found.append(f"exports {len(exports)} symbols, {', '.join(sorted(exports)[:5])}; known are {', '.join(EXPORTS[path.name])}")
    if floor and glibc > floor:
        found.append(f"takes symbols of glibc {'.'.join(map(str, glibc))}, which is newer than {'.'.join(map(str, floor))}")
    about = f"{path}: exports {len(exports)}, needs {', '.join(needed)}" + ("" if windows else f"; glibc {'.'.join(map(str, glibc))}")
    return found, about


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--glibc", type=lambda text: tuple(map(int, text.split("."))))
    given = parser.parse_args()
    failed = False
    for path in given.files:
        found, about = wrong(path, given.glibc)
        print(about)
        for fault in found:
            print(f"{path} {fault}", file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
