"""LlamaIndex: a vector store in a SQLite file, with hybrid search and filters of metadata.

    from lumosdb.llama_index import LumosVectorStore
    index = VectorStoreIndex.from_documents(documents, storage_context=StorageContext.from_defaults(vector_store=LumosVectorStore("agent.db")))
"""

from __future__ import annotations

import json
import threading
from typing import Any, Sequence

from ._drivers import need

need("llama_index.core", "'lumosdb[llama-index]'")

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from . import connect, vector

_COMPARISONS = {
    FilterOperator.EQ: "=", FilterOperator.GT: ">", FilterOperator.GTE: ">=", FilterOperator.LT: "<", FilterOperator.LTE: "<=", FilterOperator.NE: "IS NOT",
}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class LumosVectorStore(BasePydanticVectorStore):
    """Nodes in a table of lumos_vec, nearest by cosine, with their words in a table of FTS5 beside it.

    The modes are default, text_search, hybrid (`alpha` 1 is by vectors alone, 0 by words alone) and mmr.
    """

    stores_text: bool = True
    flat_metadata: bool = False

    _connection: Any = PrivateAttr()
    _turn: Any = PrivateAttr()
    _name: str = PrivateAttr()
    _table: str = PrivateAttr()
    _words: str = PrivateAttr()

    def __init__(self, path: str = ":memory:", *, table: str = "llama_index_nodes", connection: Any = None) -> None:
        """`connection`, in place of `path`, is one of lumosdb.connect(..., check_same_thread=False)."""
        super().__init__(stores_text=True)
        self._connection = connection if connection is not None else connect(path, check_same_thread=False)
        self._turn = threading.RLock()
        self._name, self._table, self._words = table, _quote(table), _quote(table + "_words")

    @property
    def client(self) -> Any:
        """The connection."""
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._turn:
            return list(self._connection.execute(sql, params).fetchall())

    def _exists(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", (self._name,)))

    def _write(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """All of them, or none."""
        with self._turn:
            self._rows("BEGIN IMMEDIATE")
            try:
                for sql, params in statements:
                    self._rows(sql, params)
                self._rows("COMMIT")
            except BaseException:
                self._rows("ROLLBACK")
                raise

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Adds nodes; one whose id is there already is replaced."""
        if not nodes:
            return []
        statements: list[tuple[str, Sequence[Any]]] = [
            (
                f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._table} USING lumos_vec(id TEXT PRIMARY KEY, embedding FLOAT[{len(nodes[0].get_embedding())}] metric=cosine, +doc, +text, +metadata)",
                (),
            ),
            (f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._words} USING fts5(text, tokenize = 'lumos')", ()),
        ]
        for node in nodes:
            text = node.get_content(metadata_mode=MetadataMode.NONE)
            metadata = json.dumps(node_to_metadata_dict(node, remove_text=True, flat_metadata=self.flat_metadata))
            statements += self._deletes("id = ?", (node.node_id,))
            statements.append((f"INSERT INTO {self._table}(id, embedding, doc, text, metadata) VALUES (?, ?, ?, ?, ?)", (node.node_id, vector(node.get_embedding()), node.ref_doc_id, text, metadata)))
            statements.append((f"INSERT INTO {self._words}(rowid, text) SELECT rowid, ? FROM {self._table} WHERE id = ?", (text, node.node_id)))
        self._write(statements)
        return [node.node_id for node in nodes]

    def _deletes(self, condition: str, params: Sequence[Any]) -> list[tuple[str, Sequence[Any]]]:
        chosen = f"SELECT rowid FROM {self._table} WHERE {condition}"
        return [(f"DELETE FROM {self._words} WHERE rowid IN ({chosen})", params), (f"DELETE FROM {self._table} WHERE rowid IN ({chosen})", params)]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        if self._exists():
            self._write(self._deletes("doc = ?", (ref_doc_id,)))

    def delete_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any) -> None:
        if self._exists():
            self._write(self._deletes(*_chosen(node_ids, None, filters)))

    def clear(self) -> None:
        self._write([(f"DROP TABLE IF EXISTS {name}", ()) for name in (self._words, self._table)])

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        if not self._exists():
            return []
        condition, params = _chosen(node_ids, None, filters)
        rows = self._rows(f"SELECT metadata, text FROM {self._table} WHERE {condition} ORDER BY rowid", params)
        return [metadata_dict_to_node(json.loads(metadata), text) for metadata, text in rows]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Raises ValueError for a mode that it has not."""
        if not self._exists():
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        k, alpha = query.similarity_top_k, 1.0
        if query.mode == VectorStoreQueryMode.HYBRID:
            alpha = 0.5 if query.alpha is None else query.alpha
            k = query.hybrid_top_k or k
        elif query.mode == VectorStoreQueryMode.TEXT_SEARCH:
            alpha = 0.0
        elif query.mode == VectorStoreQueryMode.MMR:
            return self._diverse(query)
        elif query.mode != VectorStoreQueryMode.DEFAULT:
            raise ValueError(f"the mode is {query.mode.value!r}; known are default, text_search, hybrid and mmr")
        found = self._nearest(query, k, alpha)
        return _result([row[:4] for row in found])

    def _nearest(self, query: VectorStoreQuery, k: int, alpha: float = 1.0) -> list[Any]:
        condition, params = _chosen(query.node_ids or None, query.doc_ids or None, query.filters)  # Retrievers pass [] for all.
        ids = f"(SELECT json_group_array(id) FROM {self._table} WHERE {condition})" if condition != "1" else "NULL"
        at = None if query.query_embedding is None or alpha == 0 else vector(query.query_embedding)
        more: list[Any]
        if alpha == 1:
            search, score, more = "lumos_search(?, ?, ?, json_patch('{}', json_object('ids', json(i.ids))))", "1 - s.distance", [at, k]
        else:
            search = "lumos_hybrid(?, ?, ?, ?, json_patch(json_object('fts', ?, 'weights', json_array(?, ?)), json_object('ids', json(i.ids))))"
            score, more = "s.score", [at, query.query_str, k, self._words, alpha, 1 - alpha]
        rows = self._rows(
            f"SELECT t.id, {score}, t.metadata, t.text, t.embedding FROM (SELECT {ids} AS ids) i, {search} s JOIN {self._table} t ON t.id = s.id ORDER BY 2 DESC, 1",
            [*params, self._table, *more],
        )
        return rows[:k]

    def _diverse(self, query: VectorStoreQuery) -> VectorStoreQueryResult:
        import numpy
        from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings

        rows = self._nearest(query, 4 * query.similarity_top_k)
        vectors = [numpy.frombuffer(row[4], "<f4").tolist() for row in rows]
        similarities, places = get_top_k_mmr_embeddings(
            query.query_embedding or [], vectors, similarity_top_k=query.similarity_top_k, embedding_ids=list(range(len(rows))), mmr_threshold=query.mmr_threshold
        )
        return _result([(rows[place][0], similarity, *rows[place][2:4]) for place, similarity in zip(places, similarities)])


def _result(rows: Sequence[Any]) -> VectorStoreQueryResult:
    nodes = [metadata_dict_to_node(json.loads(metadata), text) for _, _, metadata, text in rows]
    return VectorStoreQueryResult(nodes=nodes, similarities=[float(row[1]) for row in rows], ids=[row[0] for row in rows])


def _chosen(node_ids: list[str] | None, doc_ids: list[str] | None, filters: MetadataFilters | None) -> tuple[str, list[Any]]:
    """A condition on the rows, with its values; "1" for all."""
    conditions, values = [], []
    for column, ids in (("id", node_ids), ("doc", doc_ids)):
        if ids is not None:
            conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(ids))
    if filters is not None and filters.filters:
        condition, more = _all_of(filters)
        conditions.append(condition)
        values += more
    return " AND ".join(conditions) or "1", values


def _all_of(filters: MetadataFilters) -> tuple[str, list[Any]]:
    parts = [_all_of(f) if isinstance(f, MetadataFilters) else _one(f) for f in filters.filters]
    joined = (" AND " if filters.condition == FilterCondition.AND else " OR ").join(f"({condition})" for condition, _ in parts)
    values = [value for _, more in parts for value in more]
    return (f"NOT ({joined})" if filters.condition == FilterCondition.NOT else f"({joined})"), values


def _one(filter: MetadataFilter) -> tuple[str, list[Any]]:
    """A condition that is never NULL; a key that is not there fails all but !=, nin and is_empty."""
    key, operator, value = filter.key, filter.operator, filter.value
    field = "(SELECT value FROM json_each(metadata) WHERE key = ?)"
    items = "json_each((SELECT iif(type = 'array', value, '[]') FROM json_each(metadata) WHERE key = ?))"
    if operator in _COMPARISONS:
        return f"coalesce({field} {_COMPARISONS[operator]} ?, 0)", [key, value]
    if operator in (FilterOperator.IN, FilterOperator.NIN):
        condition = f"coalesce({field} IN (SELECT value FROM json_each(?)), 0)"
        return (f"NOT {condition}" if operator == FilterOperator.NIN else condition), [key, json.dumps(value)]
    if operator in (FilterOperator.ANY, FilterOperator.ALL):
        every = operator == FilterOperator.ALL
        found = f"EXISTS (SELECT 1 FROM {items} item WHERE item.value = wanted.value)"
        return f"coalesce((SELECT {'min' if every else 'max'}({found}) FROM json_each(?) wanted), {int(every)})", [key, json.dumps(value)]
    if operator == FilterOperator.CONTAINS:
        return f"EXISTS (SELECT 1 FROM {items} WHERE value = ?)", [key, value]
    if operator == FilterOperator.TEXT_MATCH:
        return f"coalesce(instr({field}, ?) > 0, 0)", [key, value]
    if operator == FilterOperator.TEXT_MATCH_INSENSITIVE:
        return f"coalesce(instr(lower({field}), lower(?)) > 0, 0)", [key, value]
    if operator == FilterOperator.IS_EMPTY:
        return f"coalesce({field} IN ('', '[]'), 1)", [key]
    raise ValueError(f"the filter of {filter.key!r} has the operator {operator!r}")
