"""Makes the files of a signed repository of DuckDB extensions, which any web server or folder then is.

    repository.py FOLDER [VERSION ...]

LUMOSDB_SIGNING_KEY is the private RSA key of 2,048 bits; without it a throwaway one is made in FOLDER, for a try.
LUMOSDB_DIR has lumos.duckdb_extension, and those of other platforms in a folder each (linux_arm64/...). One file serves every
release of DuckDB from 1.4 on, each under a folder of its own; repositories with keys of their own come with 2.0.1.
"""

import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "lumos.duckdb_extension"
VERSIONS = ["v2.0.1"]
SIGNATURE = 256  # Its bytes, the last of the file.
PIECE = 1024 * 1024


def this_platform():
    system = {"Linux": "linux", "Darwin": "osx", "Windows": "windows"}[platform.system()]
    return f"{system}_{ {'x86_64': 'amd64', 'AMD64': 'amd64', 'aarch64': 'arm64', 'arm64': 'arm64'}[platform.machine()] }"


def signed(data, key):
    """The file with its signature: of the hashes of its pieces, without the place of the signature itself."""
    body = data[:-SIGNATURE]
    hashes = b"".join(hashlib.sha256(body[i : i + PIECE]).digest() for i in range(0, len(body), PIECE))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=hashes, capture_output=True, check=True).stdout
    assert len(signature) == SIGNATURE, "the key is not one of 2,048 bits"
    return body + signature


def make(folder, versions):
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / ".well-known").mkdir(parents=True)
    key = os.environ.get("LUMOSDB_SIGNING_KEY")
    if not key:
        key = str(folder.with_suffix(".key.pem"))
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], capture_output=True, check=True)
    public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout"], capture_output=True, check=True, text=True).stdout
    (folder / ".well-known/duckdb-extension-repo.json").write_text(json.dumps({"version": 1, "signature_keys": [public.strip()]}))
    built = pathlib.Path(os.environ.get("LUMOSDB_DIR") or ROOT / "target")
    files = {this_platform(): built / NAME} | {path.parent.name: path for path in built.glob(f"*_*/{NAME}")}
    for system, path in files.items():
        data = signed(path.read_bytes(), key)
        for version in versions:
            place = folder / version / system
            place.mkdir(parents=True)
            (place / NAME).write_bytes(data)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:] or VERSIONS)
