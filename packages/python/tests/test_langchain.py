"""LangChain's own tests of vector stores, and what they leave out."""

from collections.abc import Generator

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from lumosdb.langchain import LumosChatMessageHistory, LumosVectorStore


class TestStandard(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path) -> Generator[VectorStore, None, None]:
        store = LumosVectorStore(self.get_embeddings(), str(tmp_path / "agent.db"))
        yield store
        store.close()


class Words(Embeddings):
    """Which of these words a text has."""

    WORDS = ("red", "green", "blue", "round")

    def embed_documents(self, texts):
        return [[float(word in text) for word in self.WORDS] for text in texts]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


TEXTS = ["a red round ball", "a red box", "a green box", "blue and round"]


def test_filters_scores_and_diversity(tmp_path):
    path = str(tmp_path / "agent.db")
    metadatas = [{"n": i, "shop's \"name\"": "A" if i % 2 else "B", "in": {"stock": True}, "sold": i > 1} for i in range(4)]
    store = LumosVectorStore.from_texts(TEXTS, Words(), metadatas, ids=list("abcd"), path=path, table="odd \"name'")
    found = store.similarity_search_with_score("red round", k=2)
    assert [(document.id, round(distance, 3)) for document, distance in found] == [("a", 0.0), ("b", 0.293)]
    assert found[0][0].metadata == metadatas[0]
    assert [d.id for d in store.similarity_search("red", k=4, filter={"n": 2})] == ["c"]
    assert [d.id for d in store.similarity_search("red", k=4, filter={"sold": True, "n": 3})] == ["d"]
    assert {d.id for d in store.similarity_search("red", filter={"shop's \"name\"": "A"})} == {"b", "d"}
    assert store.similarity_search("red", filter={"n": "' OR 1=1"}) == []
    assert store.similarity_search_with_relevance_scores("red round", k=1)[0][1] == pytest.approx(1)
    assert {d.id for d in store.max_marginal_relevance_search("red round", k=2, lambda_mult=0.1)} == {"a", "c"}
    assert store.as_retriever(search_kwargs={"k": 1}).invoke("blue")[0].id == "d"
    store.close()
    again = LumosVectorStore(Words(), path, table="odd \"name'")
    assert [d.id for d in again.get_by_ids(["d", "x"])] == ["d"]
    again.delete()
    assert again.similarity_search("red") == []
    again.close()


def test_a_batch_is_all_or_nothing(tmp_path):
    store = LumosVectorStore(Words(), str(tmp_path / "agent.db"))
    store.add_texts(["red"], ids=["a"])
    store._embedding.embed_documents = lambda texts: [[1.0, 0, 0, 0], [1.0, 0]]
    with pytest.raises(Exception, match="dimensions"):
        store.add_texts(["green", "blue"], ids=["a", "b"])
    assert [d.page_content for d in store.get_by_ids(["a", "b"])] == ["red"]
    store.close()


def test_chat_history(tmp_path):
    path = str(tmp_path / "agent.db")
    said = [SystemMessage("Be kind."), HumanMessage("什么时候?"), AIMessage("At nine.", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}]), ToolMessage("ok", tool_call_id="1")]
    ann, bob = LumosChatMessageHistory("ann", path), LumosChatMessageHistory("bob", path)
    ann.add_messages(said)
    bob.add_user_message("hello")
    assert LumosChatMessageHistory("ann", path).messages == said
    ann.clear()
    assert ann.messages == [] and [m.content for m in bob.messages] == ["hello"]
