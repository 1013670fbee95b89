"""Loading into a SQLite older than 3.40 is an error, not a crash."""

import os
import pathlib
import subprocess
import unittest

import host

SOURCE = pathlib.Path(host.__file__).with_name("old_host.c")


class OldHost(host.Case):
    def test_it_is_refused_with_a_message(self):
        # An extension of the shell that hands on to Lumos the table of functions of SQLite 3.39.
        old = self.folder / "oldhost.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", old, SOURCE, "-ldl"], check=True)
        for entry in ["sqlite3_lumos_init", "sqlite3_extension_init"]:
            shell = subprocess.run(
                ["sqlite3", "-batch", ":memory:"],
                input=f".load {old.with_suffix('')}\nSELECT 'alive';\n",
                env={**os.environ, "LUMOS_FILE": host.EXTENSION + ".so", "LUMOS_ENTRY": entry},
                capture_output=True,
                text=True,
            )
            self.assertIn("3.39.0", shell.stderr)
            self.assertIn("3.40", shell.stderr)
            self.assertEqual(shell.stdout.strip(), "alive")


if __name__ == "__main__":
    unittest.main()
