"""Makes the Go module that carries the SQLite extension for this platform: `library.py FOLDER`, under lib/<os>-<arch>.

A program that imports it needs no other file: `import _ ".../packages/go/lib/linux-amd64"`. Modules with libraries enter
Git on tags of a repository of their own, since each release is 20 MB a platform. LUMOSDB_DIR has the library.
"""

import gzip
import hashlib
import os
import pathlib
import platform
import sys

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = platform.system().lower()
ARCH = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
LIBRARY = "lumos" + {"windows": ".dll", "darwin": ".dylib"}.get(SYSTEM, ".so")
MODULE = (HERE / "go.mod").read_text().split()[1]


def make(folder):
    name = f"{SYSTEM}-{ARCH}"
    out = pathlib.Path(folder) / "lib" / name
    out.mkdir(parents=True, exist_ok=True)
    data = (pathlib.Path(os.environ.get("LUMOSDB_DIR") or HERE.parents[1] / "target") / LIBRARY).read_bytes()
    (out / f"{LIBRARY}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    (out / "go.mod").write_text(f"module {MODULE}/lib/{name}\n\ngo 1.24\n\nrequire {MODULE} v0.0.0\n")
    (out / "library.go").write_text(f"""// Package library carries Lumos for {SYSTEM} on {ARCH}: import it for that alone.
package library

import (
	_ "embed"

	lumos "{MODULE}"
)

//go:embed {LIBRARY}.gz
var gzipped []byte

func init() {{ lumos.Embed("{hashlib.sha256(data).hexdigest()}", gzipped) }}
""")
    return out


if __name__ == "__main__":
    print(make(sys.argv[1]))
