"""Puts the two built libraries into the wheel, and says for which platform it is.

LUMOSDB_DIR is the folder that has them, `target` by default; LUMOSDB_PLATFORM the platform of the tag, like
`manylinux_2_28_x86_64`, by default this machine as it is, which a registry does not take.
"""

import os
import pathlib
import sysconfig
import tempfile

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibrariesHook(BuildHookInterface):
    def initialize(self, version, build_data):
        folder = pathlib.Path(os.environ.get("LUMOSDB_DIR") or pathlib.Path(self.root, "../../target"))
        platform = os.environ.get("LUMOSDB_PLATFORM") or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        suffix = {"win": "dll", "mac": "dylib"}.get(platform[:3], "so")
        for name in (f"lumos.{suffix}", "lumos.duckdb_extension"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing; run `make build`, or set LUMOSDB_DIR to its folder")
            build_data["force_include"][str(folder / name)] = f"lumosdb/{name}"
        version_file = pathlib.Path(tempfile.mkdtemp(), "_version.py")
        version_file.write_text(f'__version__ = "{self.metadata.version}"\n')
        build_data["force_include"][str(version_file)] = "lumosdb/_version.py"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
