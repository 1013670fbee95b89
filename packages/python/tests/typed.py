"""Checked by mypy --strict in the tests, not run: what a user's own file gets from the package's types."""

import pathlib
from typing import Any

import lumosdb
from typing_extensions import assert_type

db = lumosdb.connect(pathlib.Path("x.db"), mirror="memory", threads=2)
rows = lumosdb.query(db, "SELECT ? AS a", [1, "a", None])
assert_type(rows, list[dict[str, Any]])
assert_type(lumosdb.auto(db, "SELECT $a", {"a": 1}), list[dict[str, Any]])
assert_type(lumosdb.vector([1, 2.5]), bytes)
assert_type(lumosdb.loadable_path(), str)
assert_type(lumosdb.attach(db, "auto"), dict[str, Any])
lumosdb.df(db, "SELECT 1").head()
lumosdb.pl(db, "SELECT 1").head()
lumosdb.query(db, "SELECT ?", 1)  # type: ignore[arg-type]
lumosdb.query(db)  # type: ignore[call-arg]
lumosdb.connect("x.db", read_only="yes")  # type: ignore[arg-type]
lumosdb.no_such_function()  # type: ignore[attr-defined]
