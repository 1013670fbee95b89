"""Packs wheels and npm tarballs anew, as tightly as their formats allow: `tighter.py FILE ...`. The same file gives the same."""

import gzip
import pathlib
import sys
import zipfile

import deflate

LEVEL = 12


class Deflate:
    """What zipfile takes for a compressor."""

    def __init__(self):
        self.parts = []

    def compress(self, data):
        self.parts.append(bytes(data))
        return b""

    def flush(self):
        return deflate.deflate_compress(b"".join(self.parts), LEVEL)


def wheel(path):
    with zipfile.ZipFile(path) as packed:
        files = [(info, packed.read(info)) for info in packed.infolist()]
    zipfile._get_compressor = lambda *_: Deflate()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for info, data in files:
            packed.writestr(info, data)


def tarball(path):
    path.write_bytes(deflate.gzip_compress(gzip.decompress(path.read_bytes()), LEVEL))


if __name__ == "__main__":
    for name in map(pathlib.Path, sys.argv[1:]):
        (wheel if name.suffix == ".whl" else tarball)(name)
