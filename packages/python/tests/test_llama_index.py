"""The store beside LlamaIndex's own in memory: the same queries and filters give the same nodes."""

import itertools

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.simple import SimpleVectorStore
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery, VectorStoreQueryMode

from lumosdb.llama_index import LumosVectorStore

METADATA = [
    {"n": 1, "name": "Ann Lee", "tags": ["a", "b"], "price": 1.5}, {"n": 2, "name": "ann", "tags": ["b"], "price": 2}, {"n": 3, "name": "Bob", "tags": []},
    {"name": "", "tags": ["c", "a"], "price": 0.5}, {"n": 5, "name": "bo\"b'", "odd \"key'": "x"}, {},
]
EMBEDDINGS = [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.5, 0.5, 0.1], [0, 0.2, 1], [0.1, 0, 1]]


def nodes():
    made = []
    for i, (metadata, embedding) in enumerate(zip(METADATA, EMBEDDINGS)):
        node = TextNode(id_=f"node {i}", text=f"text {i} of {'paint the door' if i % 2 else 'book flights'}", metadata=dict(metadata), embedding=[float(x) for x in embedding])
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"doc {i // 2}")
        made.append(node)
    return made


@pytest.fixture
def stores(tmp_path):
    ours, theirs = LumosVectorStore(str(tmp_path / "agent.db")), SimpleVectorStore()
    for store in (ours, theirs):
        store.add(nodes())
    yield ours, theirs
    ours.close()


FILTERS = [
    *[("n", op, 2) for op in ("==", "!=", ">", ">=", "<", "<=")], ("price", ">", 1), ("price", "<=", 1.5), ("name", "==", "Bob"), ("name", "!=", "Bob"),
    ("n", "in", [1, 5]), ("n", "nin", [1, 5]), ("name", "in", ["Bob", "ann"]), ("tags", "contains", "a"), ("tags", "any", ["c", "b"]), ("tags", "all", ["a", "b"]),
    ("name", "text_match", "nn"), ("name", "text_match_insensitive", "ANN"), ("name", "is_empty", None), ("tags", "is_empty", None), ("odd \"key'", "==", "x"),
    ("name", "==", "bo\"b'"),
]


def asked(filters, k=6, **more):
    return VectorStoreQuery(query_embedding=[1.0, 0.2, 0.05], similarity_top_k=k, filters=filters, **more)


@pytest.mark.parametrize("key, operator, value", FILTERS)
def test_a_filter(stores, key, operator, value):
    filters = MetadataFilters(filters=[MetadataFilter(key=key, operator=FilterOperator(operator), value=value)])
    ours, theirs = (store.query(asked(filters)) for store in stores)
    assert ours.ids == theirs.ids
    assert ours.similarities == pytest.approx(theirs.similarities, abs=1e-6)
    assert [node.node_id for node in stores[0].get_nodes(filters=filters)] == sorted(theirs.ids)


@pytest.mark.parametrize("condition", FilterCondition)
def test_filters_together(stores, condition):
    made = [MetadataFilter(key=key, operator=FilterOperator(operator), value=value) for key, operator, value in FILTERS]
    for two in itertools.islice(itertools.combinations(made, 2), 0, None, 7):
        filters = MetadataFilters(filters=list(two), condition=condition)
        ours, theirs = (store.query(asked(filters)) for store in stores)
        assert ours.ids == theirs.ids, two
    nested = MetadataFilters(filters=[made[0], MetadataFilters(filters=[made[8], made[9]], condition=FilterCondition.OR)])
    assert stores[0].query(asked(nested)).ids == ["node 1"]


def test_ids_documents_and_deletion(stores):
    ours, theirs = stores
    assert ours.query(asked(None, node_ids=["node 2", "node 5"])).ids == theirs.query(asked(None, node_ids=["node 2", "node 5"])).ids
    assert set(ours.query(asked(None, doc_ids=["doc 1"])).ids) == {"node 2", "node 3"}
    for store in stores:
        store.delete("doc 1")
        store.delete_nodes(["node 0"])
    assert ours.query(asked(None)).ids == theirs.query(asked(None)).ids
    (node,) = ours.get_nodes(["node 5"])
    assert node.text == nodes()[5].text and node.metadata == {} and node.ref_doc_id == "doc 2"
    ours.add([TextNode(id_="node 5", text="again", embedding=[1.0, 0.2, 0.05])])
    assert ours.query(asked(None, k=1)).nodes[0].text == "again"
    assert "node 5" not in ours.query(VectorStoreQuery(query_str="door", similarity_top_k=9, mode=VectorStoreQueryMode.TEXT_SEARCH)).ids
    ours.clear()
    assert ours.query(asked(None)).ids == [] and ours.get_nodes() == []


def test_modes(stores):
    ours, theirs = stores
    words = VectorStoreQuery(query_str="painting doors", similarity_top_k=9, mode=VectorStoreQueryMode.TEXT_SEARCH)
    assert sorted(ours.query(words).ids) == ["node 1", "node 3", "node 5"]
    hybrid = asked(None, k=3, query_str="painting doors", mode=VectorStoreQueryMode.HYBRID, alpha=0.5)
    assert ours.query(hybrid).ids[0] == "node 1"
    diverse = asked(None, k=3, mode=VectorStoreQueryMode.MMR, mmr_threshold=0.2)
    assert ours.query(diverse).ids == theirs.query(diverse, mmr_threshold=0.2).ids  # In memory it is read from there.
    with pytest.raises(ValueError, match="'svm'; known are default"):
        ours.query(asked(None, mode=VectorStoreQueryMode.SVM))


def test_in_an_index(tmp_path):
    path = str(tmp_path / "agent.db")
    store = LumosVectorStore(path)
    index = VectorStoreIndex(nodes=[], storage_context=StorageContext.from_defaults(vector_store=store), embed_model=MockEmbedding(embed_dim=3))
    index.insert_nodes([TextNode(text="hello", id_="h")])
    store.close()
    again = VectorStoreIndex.from_vector_store(LumosVectorStore(path), embed_model=MockEmbedding(embed_dim=3))
    assert again.as_retriever().retrieve("x")[0].node.text == "hello"
