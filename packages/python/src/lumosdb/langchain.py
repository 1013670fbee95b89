"""LangChain: a vector store and a chat history in a SQLite file.

    from lumosdb.langchain import LumosVectorStore
    store = LumosVectorStore(embeddings, "agent.db")
"""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any, Callable, Iterable, Sequence

from ._drivers import need

need("langchain_core", "'lumosdb[langchain]'")

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from . import connect, vector


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class LumosVectorStore(VectorStore):
    """Documents in a table of lumos_vec, nearest by cosine. A filter is a dictionary of metadata that must be equal."""

    def __init__(self, embedding: Embeddings, path: str = ":memory:", *, table: str = "langchain_documents", connection: Any = None) -> None:
        """`connection`, in place of `path`, is one of lumosdb.connect(..., check_same_thread=False)."""
        self._embedding = embedding
        self._connection = connection if connection is not None else connect(path, check_same_thread=False)
        self._table, self._quoted = table, _quote(table)
        # Asynchronous calls come in threads.
        self._turn = threading.RLock()

    @property
    def embeddings(self) -> Embeddings:
        return self._embedding

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._turn:
            return list(self._connection.execute(sql, params).fetchall())

    def _exists(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", (self._table,)))

    def add_texts(
        self, texts: Iterable[str], metadatas: list[dict[str, Any]] | None = None, *, ids: list[str] | None = None, **kwargs: Any
    ) -> list[str]:
        texts = list(texts)
        if not texts:
            return []
        metadatas = metadatas or [{} for _ in texts]
        # Of documents some may have none.
        given = [id or str(uuid.uuid4()) for id in (ids or [""] * len(texts))]
        if not len(texts) == len(metadatas) == len(given):
            raise ValueError(f"{len(texts)} texts have {len(metadatas)} metadatas and {len(given)} ids")
        vectors = self._embedding.embed_documents(texts)
        rows = [(id, vector(v), text, json.dumps(m)) for id, v, text, m in zip(given, vectors, texts, metadatas)]
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(
                    f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._quoted} USING lumos_vec(id TEXT PRIMARY KEY, embedding FLOAT[{len(vectors[0])}] metric=cosine, +text, +metadata)"
                )
                for row in rows:  # An id that is there already, or twice in one call, is replaced.
                    self._connection.execute(f"DELETE FROM {self._quoted} WHERE id = ?", row[:1])
                    self._connection.execute(f"INSERT INTO {self._quoted}(id, embedding, text, metadata) VALUES (?, ?, ?, ?)", row)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        return given

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Deletes these documents, all without `ids`; one that is not there is none."""
        if self._exists():
            if ids is None:
                self._rows(f"DELETE FROM {self._quoted}")
            else:
                self._rows(f"DELETE FROM {self._quoted} WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        if not self._exists():
            return []
        rows = self._rows(f"SELECT id, text, metadata FROM {self._quoted} WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))
        return [_document(*row) for row in rows]

    def _nearest(self, embedding: list[float], k: int, filter: dict[str, Any] | None) -> list[tuple[Document, float, bytes]]:
        if not self._exists():
            return []
        condition = " AND ".join("(SELECT value FROM json_each(metadata) WHERE key = ?) IS ?" for _ in filter or ())
        values = [value for pair in (filter or {}).items() for value in pair]
        ids = f"(SELECT json_group_array(id) FROM {self._quoted} WHERE {condition})" if condition else "NULL"
        sql = (
            f"SELECT t.id, t.text, t.metadata, s.distance, t.embedding FROM (SELECT {ids} AS ids) i, "
            "lumos_search(?, ?, ?, iif(i.ids IS NULL, '{}', json_object('ids', json(i.ids)))) s "
            f"JOIN {self._quoted} t ON t.id = s.id ORDER BY s.rank"
        )
        rows = self._rows(sql, (*values, self._quoted, vector(embedding), k))
        return [(_document(*row[:3]), row[3], row[4]) for row in rows]

    def similarity_search(self, query: str, k: int = 4, *, filter: dict[str, Any] | None = None, **kwargs: Any) -> list[Document]:
        return self.similarity_search_by_vector(self._embedding.embed_query(query), k, filter=filter)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, *, filter: dict[str, Any] | None = None, **kwargs: Any) -> list[Document]:
        return [document for document, _, _ in self._nearest(embedding, k, filter)]

    def similarity_search_with_score(self, query: str, k: int = 4, *, filter: dict[str, Any] | None = None, **kwargs: Any) -> list[tuple[Document, float]]:
        """The score is the distance by cosine: 0 is the same."""
        return [(document, distance) for document, distance, _ in self._nearest(self._embedding.embed_query(query), k, filter)]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return self._cosine_relevance_score_fn

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, *, filter: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Document]:
        import numpy

        found = self._nearest(embedding, fetch_k, filter)
        if not found:
            return []
        vectors = [numpy.frombuffer(v, "<f4").tolist() for _, _, v in found]
        chosen = maximal_marginal_relevance(numpy.array(embedding, "f4"), vectors, lambda_mult, k)
        return [found[i][0] for i in chosen]

    def max_marginal_relevance_search(self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any) -> list[Document]:
        return self.max_marginal_relevance_search_by_vector(self._embedding.embed_query(query), k, fetch_k, lambda_mult, **kwargs)

    @classmethod
    def from_texts(
        cls, texts: list[str], embedding: Embeddings, metadatas: list[dict[str, Any]] | None = None, *, ids: list[str] | None = None, **kwargs: Any
    ) -> LumosVectorStore:
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=list(ids) if ids else None)
        return store


def _document(id: str, text: str, metadata: str) -> Document:
    return Document(id=id, page_content=text, metadata=json.loads(metadata))


class LumosChatMessageHistory(BaseChatMessageHistory):
    """The messages of one session, in a table of a SQLite file that has those of many."""

    def __init__(self, session: str, path: str = ":memory:", *, table: str = "langchain_messages", connection: Any = None) -> None:
        self._session, self._quoted = session, _quote(table)
        self._connection = connection if connection is not None else connect(path, check_same_thread=False)
        self._turn = threading.RLock()
        self._run(f"CREATE TABLE IF NOT EXISTS {self._quoted}(id INTEGER PRIMARY KEY, session TEXT NOT NULL, message TEXT NOT NULL)")
        self._run(f"CREATE INDEX IF NOT EXISTS {_quote(table + '_by_session')} ON {self._quoted}(session, id)")

    def _run(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        with self._turn:
            return list(self._connection.execute(sql, params).fetchall())

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        rows = self._run(f"SELECT message FROM {self._quoted} WHERE session = ? ORDER BY id", (self._session,))
        return messages_from_dict([json.loads(message) for (message,) in rows])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """All or none of them."""
        encoded = json.dumps([json.dumps(message_to_dict(message)) for message in messages])
        self._run(f"INSERT INTO {self._quoted}(session, message) SELECT ?, value FROM json_each(?) ORDER BY key", (self._session, encoded))

    def clear(self) -> None:
        self._run(f"DELETE FROM {self._quoted} WHERE session = ?", (self._session,))
