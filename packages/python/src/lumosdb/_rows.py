"""Rows in Python's shapes: dictionaries, Arrow, pandas, polars; and vectors in SQL's."""

from __future__ import annotations

import sys

from ._drivers import blocking_connection, first, is_duckdb, need

TYPE_CHECKING = False  # See _drivers.
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Sequence, Union

    import pandas
    import polars
    import pyarrow

    Params = Union[Sequence[Any], Mapping[str, Any], None]


def query(connection: Any, sql: str, params: Params = None) -> list[dict[str, Any]]:
    """The rows of one SELECT in DuckDB's SQL, dictionaries by column names; `params` fill `?`, `$1` or `$name`.

    In SQLite through lumos_query. All rows are fetched, so nothing keeps the connection busy afterwards.
    """
    connection = blocking_connection(connection)
    if is_duckdb(connection):
        return _duckdb_rows(connection, sql, params)
    return _json_rows(connection, "SELECT row FROM lumos_query(?, ?)", sql, params)


def auto(connection: Any, sql: str, params: Params = None) -> list[dict[str, Any]]:
    """The rows of one SELECT in SQLite's SQL, from SQLite or from the mirror, whichever is faster.

    Inside a transaction that has written, SQLite answers. On a duckdb connection it is `query`.
    """
    connection = blocking_connection(connection)
    if is_duckdb(connection):
        return _duckdb_rows(connection, sql, params)
    return _json_rows(connection, "SELECT row FROM lumos_auto(?, ?)", sql, params)


def arrow(connection: Any, sql: str, params: Params = None) -> pyarrow.Table:
    """The rows of one SELECT in DuckDB's SQL as a pyarrow.Table."""
    connection = blocking_connection(connection)
    if is_duckdb(connection):
        need("pyarrow", "'lumosdb[arrow]'")
        return connection.sql(sql, params=_listed(params)).to_arrow_table()
    ipc = need("pyarrow.ipc", "'lumosdb[arrow]'")
    return ipc.open_stream(_arrow_stream(connection, sql, params)).read_all()


def df(connection: Any, sql: str, params: Params = None) -> pandas.DataFrame:
    """The rows of one SELECT in DuckDB's SQL as a pandas.DataFrame; decimals are float64, as in DuckDB's own."""
    connection = blocking_connection(connection)
    if is_duckdb(connection):
        need("pandas", "pandas")
        result: pandas.DataFrame = connection.sql(sql, params=_listed(params)).df()
        return result
    need("pandas", "pandas pyarrow")
    pyarrow = need("pyarrow", "pandas pyarrow")
    table = arrow(connection, sql, params)
    for i, field in enumerate(table.schema):
        if pyarrow.types.is_decimal(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pyarrow.float64()))
    frame: pandas.DataFrame = table.to_pandas()
    return frame


def pl(connection: Any, sql: str, params: Params = None) -> polars.DataFrame:
    """The rows of one SELECT in DuckDB's SQL as a polars.DataFrame."""
    connection = blocking_connection(connection)
    if is_duckdb(connection):
        for module in ("polars", "pyarrow"):
            need(module, "polars pyarrow")
        frame: polars.DataFrame = connection.sql(sql, params=_listed(params)).pl()
        return frame
    read: polars.DataFrame = need("polars", "polars").read_ipc_stream(_arrow_stream(connection, sql, params))
    return read


def vector(numbers: Iterable[float]) -> bytes:
    """The BLOB of a vector, 32-bit floats, from a list, an array, or an array of numpy of any type.

    Raises ValueError if it has more than one dimension.
    """
    shape = getattr(numbers, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(f"a vector has one dimension, this array has the shape {tuple(shape)}")
    if hasattr(numbers, "astype"):
        return bytes(numbers.astype("<f4").tobytes())
    from array import array

    floats = array("f", numbers)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def as_json(params: Params) -> str | None:
    """Parameters as the JSON that lumos_query takes. Raises TypeError or ValueError on a value that JSON has no form for."""
    import json

    try:
        return None if params is None else json.dumps(_listed(params), default=_plain, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"a parameter of a query has no form in JSON ({error}); write nan and inf into the SQL, as 'nan'::DOUBLE") from error


def _listed(params: Params) -> list[Any] | dict[str, Any] | None:
    """Parameters as a list or a dictionary. Raises TypeError for what is neither, as a text, of which each letter would be one."""
    if params is None:
        return None
    if hasattr(params, "keys"):
        return dict(params)
    if isinstance(params, (str, bytes, bytearray, memoryview, set, frozenset)) or not hasattr(params, "__iter__"):
        raise TypeError(f"the parameters of a query are a {type(params).__name__}; give a list for ? and $1, or a dictionary for $name")
    return list(params)


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
    if hasattr(value, "tolist"):  # numpy's scalars and arrays.
        return value.tolist()
    if type(value).__name__ == "Decimal":
        return float(value) if type(value)(repr(float(value))) == value else str(value)
    if type(value).__name__ == "UUID":
        return str(value)
    raise TypeError(f"a parameter of a query is a {type(value).__name__}; give a number, a text, a boolean, None, a date, or a list or dictionary of them")


def _json_rows(connection: Any, statement: str, sql: str, params: Params) -> list[dict[str, Any]]:
    import json

    cursor = connection.cursor()
    try:
        cursor.execute(statement, (sql, as_json(params)))
        return [json.loads(first(row)) for row in cursor.fetchall()]
    finally:
        cursor.close()


def _duckdb_rows(connection: Any, sql: str, params: Params) -> list[dict[str, Any]]:
    result = connection.execute(sql, _listed(params))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


def _arrow_stream(connection: Any, sql: str, params: Params) -> bytes:
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT lumos_arrow(?, ?)", (sql, as_json(params)))
        return bytes(first(cursor.fetchall()[0]))
    finally:
        cursor.close()
