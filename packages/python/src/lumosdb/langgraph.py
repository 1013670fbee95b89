"""LangGraph: a store of items by namespace and key in a SQLite file, searched by meaning with an index of vectors.

    from lumosdb.langgraph import LumosStore
    store = LumosStore("agent.db", index={"dims": 384, "embed": embeddings, "fields": ["text"]})
"""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import datetime, timezone
from typing import Any, Iterable, Sequence

from ._drivers import need

need("langgraph.store.base", "'lumosdb[langgraph]'")

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    ensure_embeddings,
    get_text_at_path,
)

from . import connect, vector

_OPERATORS = {"$eq": "IS", "$ne": "IS NOT", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_ITEM = "id, namespace, key, value, created_at, updated_at"


class LumosStore(BaseStore):
    """Items in the table langgraph_items, their vectors in langgraph_vectors. One batch is one transaction."""

    def __init__(self, path: str = ":memory:", *, index: IndexConfig | None = None, connection: Any = None) -> None:
        """`connection`, in place of `path`, is one of lumosdb.connect(..., check_same_thread=False)."""
        self._connection = connection if connection is not None else connect(path, check_same_thread=False)
        self._turn = threading.RLock()
        self._fields = (index or {}).get("fields") or ["$"]
        self._embeddings = ensure_embeddings(index.get("embed")) if index else None
        self._rows(
            """CREATE TABLE IF NOT EXISTS langgraph_items(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL,
               value TEXT NOT NULL, vectors INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE(namespace, key))"""
        )
        if index:
            self._rows(
                f"CREATE VIRTUAL TABLE IF NOT EXISTS langgraph_vectors USING lumos_vec(id INTEGER PRIMARY KEY, embedding FLOAT[{int(index['dims'])}] metric=cosine, item INTEGER)"
            )

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        return list(self._connection.execute(sql, params).fetchall())

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        ops = list(ops)
        queries = _queries(ops)
        texts = self._texts(ops)
        embed = self._embeddings
        asked = {query: embed.embed_query(query) for query in queries} if embed else {}
        vectors = embed.embed_documents(list(texts)) if embed and texts else []
        return self._run(ops, asked, dict(zip(texts, vectors)))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        ops = list(ops)
        queries = _queries(ops)
        texts = self._texts(ops)
        embed = self._embeddings
        asked = dict(zip(queries, await asyncio.gather(*map(embed.aembed_query, queries)))) if embed else {}
        vectors = await embed.aembed_documents(list(texts)) if embed and texts else []
        return await asyncio.to_thread(self._run, ops, asked, dict(zip(texts, vectors)))

    def _texts(self, ops: list[Op]) -> dict[str, None]:
        """The texts that are to be embedded, each once."""
        if self._embeddings is None:
            return {}
        return {text: None for op in _last_puts(ops).values() for text in self._texts_of(op)}

    def _texts_of(self, op: PutOp) -> list[str]:
        if op.value is None or op.index is False:
            return []
        return [text for path in (op.index or self._fields) for text in get_text_at_path(op.value, path)]

    def _run(self, ops: list[Op], queries: dict[str, list[float]], vectors: dict[str, list[float]]) -> list[Result]:
        """What reads sees what was there before the batch; of several puts of a key the last one counts."""
        with self._turn:
            self._rows("BEGIN IMMEDIATE" if any(isinstance(op, PutOp) for op in ops) else "BEGIN")
            try:
                results: list[Result] = []
                for op in ops:
                    if isinstance(op, GetOp):
                        results.append(self._get(op))
                    elif isinstance(op, SearchOp):
                        results.append(self._search(op, queries.get(op.query or "")))
                    elif isinstance(op, ListNamespacesOp):
                        results.append(self._namespaces(op))
                    elif isinstance(op, PutOp):
                        results.append(None)
                    else:
                        raise ValueError(f"unknown operation {type(op).__name__}")
                for put in _last_puts(ops).values():
                    self._put(put, [vectors[text] for text in self._texts_of(put) if text in vectors])
                self._rows("COMMIT")
            except BaseException:
                self._rows("ROLLBACK")
                raise
            return results

    def _get(self, op: GetOp) -> Item | None:
        rows = self._rows(f"SELECT {_ITEM} FROM langgraph_items WHERE namespace = ? AND key = ?", (json.dumps(op.namespace), op.key))
        return Item(**_fields(rows[0])) if rows else None

    def _put(self, op: PutOp, vectors: list[list[float]]) -> None:
        key = (json.dumps(op.namespace), op.key)
        known = self._rows("SELECT id FROM langgraph_items WHERE namespace = ? AND key = ?", key)
        if known and self._embeddings is not None:
            self._rows("DELETE FROM langgraph_vectors WHERE item = ?", known[0])
        if op.value is None:
            self._rows("DELETE FROM langgraph_items WHERE namespace = ? AND key = ?", key)
            return
        now = datetime.now(timezone.utc).isoformat()
        self._rows(
            """INSERT INTO langgraph_items(namespace, key, value, vectors, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET value = excluded.value, vectors = excluded.vectors, updated_at = excluded.updated_at""",
            (*key, json.dumps(dict(op.value)), len(vectors), now, now),
        )
        ((id,),) = self._rows("SELECT id FROM langgraph_items WHERE namespace = ? AND key = ?", key)
        for embedding in vectors:
            self._rows("INSERT INTO langgraph_vectors(embedding, item) VALUES (?, ?)", (vector(embedding), id))

    def _search(self, op: SearchOp, query: list[float] | None) -> list[SearchItem]:
        condition, params = _prefix(op.namespace_prefix)
        for name, wanted in (op.filter or {}).items():
            more, values = _compare(name, wanted)
            condition, params = f"{condition} AND {more}", [*params, *values]
        chosen = f"SELECT id FROM langgraph_items WHERE {condition}"
        if query is None:
            sql = f"SELECT {_ITEM}, NULL FROM langgraph_items WHERE id IN ({chosen}) ORDER BY id LIMIT ? OFFSET ?"
            rows = self._rows(sql, (*params, op.limit, op.offset))
            return [SearchItem(**_fields(row), score=None) for row in rows]
        # An item has as many vectors as it has texts: so many rows hold this many items.
        ((most,),) = self._rows("SELECT coalesce(max(vectors), 0) FROM langgraph_items")
        rows = self._rows(
            f"""WITH near AS (SELECT item, min(distance) AS distance FROM
                    (SELECT item, distance FROM langgraph_vectors WHERE embedding MATCH ? AND k = ? AND item IN ({chosen})) GROUP BY item)
                SELECT {_ITEM}, 1 - distance FROM langgraph_items LEFT JOIN near ON item = id
                WHERE id IN ({chosen}) AND (distance IS NOT NULL OR vectors = 0)
                ORDER BY distance IS NULL, distance, id LIMIT ? OFFSET ?""",
            (vector(query), max(most, 1) * (op.limit + op.offset), *params, *params, op.limit, op.offset),
        )
        return [SearchItem(**_fields(row), score=row[6]) for row in rows]

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        rows = self._rows("SELECT DISTINCT namespace FROM langgraph_items")
        found = {tuple(json.loads(namespace)) for (namespace,) in rows}
        matching = {ns for ns in found if all(_matches(condition, ns) for condition in op.match_conditions or ())}
        cut = sorted({ns[: op.max_depth] for ns in matching} if op.max_depth is not None else matching)
        return cut[op.offset : op.offset + op.limit]


def _queries(ops: list[Op]) -> list[str]:
    return list({op.query: None for op in ops if isinstance(op, SearchOp) and op.query})


def _last_puts(ops: list[Op]) -> dict[tuple[Any, str], PutOp]:
    return {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}


def _fields(row: Any) -> dict[str, Any]:
    _, namespace, key, value, created, updated = row[:6]
    return {
        "namespace": tuple(json.loads(namespace)), "key": key, "value": json.loads(value),
        "created_at": datetime.fromisoformat(created), "updated_at": datetime.fromisoformat(updated),
    }


def _prefix(namespace: tuple[str, ...]) -> tuple[str, list[Any]]:
    """A condition on the JSON of a namespace: that it is this one, or goes on after it."""
    if not namespace:
        return "1", []
    begin = json.dumps(namespace)[:-1]
    return "(namespace = ? OR substr(namespace, 1, ?) = ?)", [begin + "]", len(begin) + 1, begin + ","]


def _compare(name: str, wanted: Any) -> tuple[str, list[Any]]:
    """A condition on a field of the value, by the operators of a dictionary that has some."""
    operators = wanted if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted) else {"$eq": wanted}
    conditions, values = [], []
    for operator, value in operators.items():
        if operator not in _OPERATORS:
            raise ValueError(f"the filter of {name!r} has the operator {operator!r}; known are {', '.join(_OPERATORS)}")
        nested = isinstance(value, (dict, list))
        conditions.append(f"(SELECT e.value FROM json_each(langgraph_items.value) e WHERE e.key = ?) {_OPERATORS[operator]} {'json(?)' if nested else '?'}")
        values += [name, json.dumps(value) if nested else value]
    return " AND ".join(conditions), values


def _matches(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", given) for wanted, given in zip(path, part))
