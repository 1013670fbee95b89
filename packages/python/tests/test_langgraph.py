"""The store, beside LangGraph's own in memory: the same calls give the same."""

import asyncio
import random

import pytest
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from lumosdb.langgraph import LumosStore

WORDS = ("red", "green", "blue", "round")


def embed(texts):
    return [[text.count(word) + 0.01 * (i + 1) for i, word in enumerate(WORDS)] for text in texts]


INDEX = {"dims": 4, "embed": embed, "fields": ["text", "parts[*].text"]}


def plain(result):
    """Without what only the clock says."""
    if isinstance(result, list):
        return [plain(item) for item in result]
    if result is None or isinstance(result, tuple):
        return result
    score = getattr(result, "score", None)
    return result.namespace, result.key, result.value, None if score is None else round(score, 4)


def operations(random, count):
    names = [("users",), ("users", "ann"), ("users", "ann", "a,b"), ("users", "an"), ("docs", 'q"]'), ("文",)]
    for _ in range(count):
        namespace, key = random.choice(names), random.choice("abc")
        text = " ".join(random.choices(WORDS, k=random.randint(1, 3)))
        value = {"text": text, "n": random.randint(0, 3), "ok": random.random() < 0.5, "in": {"a": random.randint(0, 1)}, "parts": [{"text": f"part {i} {w}"} for i, w in enumerate(text.split()[1:])]}
        filters = [None, {"n": 2}, {"n": {"$gt": 1}}, {"n": {"$gte": 1, "$lt": 3}}, {"n": {"$ne": 1}}, {"ok": True}, {"in": {"a": 1}}, {"text": "red"}, {"none": None}]
        yield random.choice([
            PutOp(namespace, key, value), PutOp(namespace, key, value, index=False), PutOp(namespace, key, value, index=["text"]), PutOp(namespace, key, None),
            GetOp(namespace, key), SearchOp(namespace[: random.randint(0, 2)], random.choice(filters), limit=50),
            SearchOp(namespace[:1], random.choice(filters), limit=50, query=text),
            ListNamespacesOp(max_depth=random.choice([None, 1, 2])),
            ListNamespacesOp((MatchCondition("prefix", ("users", "*")),)), ListNamespacesOp((MatchCondition("suffix", ("ann",)),)),
        ])


def ordered(op, result):
    """Where the order of equals is nobody's promise."""
    return sorted(result, key=repr) if isinstance(op, SearchOp) else result


@pytest.mark.parametrize("seed", range(6))
def test_the_same_as_in_memory(seed, tmp_path):
    ours, theirs = LumosStore(str(tmp_path / "agent.db"), index=INDEX), InMemoryStore(index=INDEX)
    for op in operations(random.Random(seed), 150):
        if isinstance(op, PutOp):  # In memory, vectors of an earlier value stay.
            theirs.batch([op._replace(value=None)])
        expected, got = theirs.batch([op])[0], ours.batch([op])[0]
        if isinstance(op, ListNamespacesOp):  # In memory, a namespace stays when its last item has gone.
            full = {ns[: op.max_depth] for ns, items in theirs._data.items() if items}
            expected = [ns for ns in expected if ns in full]
        assert ordered(op, plain(got) or []) == ordered(op, plain(expected) or []), (seed, op)
    ours.close()


def test_pages_and_best_scores(tmp_path):
    store = LumosStore(str(tmp_path / "agent.db"), index=INDEX)
    for i in range(20):
        store.put(("docs",), str(i), {"text": "red " * (i % 5) + "green", "parts": [{"text": "blue"}, {"text": "round"}]})
    pages = [item.key for offset in range(0, 20, 7) for item in store.search(("docs",), query="red", limit=7, offset=offset)]
    assert len(pages) == len(set(pages)) == 20
    scores = [item.score for item in store.search(("docs",), query="red", limit=20)]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.9
    store.close()


def test_it_lasts_and_a_batch_is_all_or_nothing(tmp_path):
    path = str(tmp_path / "agent.db")
    store = LumosStore(path, index=INDEX)
    store.put(("a",), "k", {"text": "red"})
    made = store.get(("a",), "k")
    with pytest.raises(ValueError, match="unknown operation"):
        store.batch([PutOp(("a",), "k", {"text": "blue"}), "nonsense"])
    with pytest.raises(ValueError, match="operator '\\$like'; known are"):
        store.search(("a",), filter={"text": {"$like": "x"}})
    store.close()
    store = LumosStore(path, index=INDEX)
    assert store.get(("a",), "k") == made
    store.put(("a",), "k", {"text": "blue"})
    again = store.get(("a",), "k")
    assert again.created_at == made.created_at and again.updated_at > made.updated_at
    assert store.search(("a",), query="blue")[0].score > 0.9
    store.close()


def test_asynchronous_calls(tmp_path):
    async def main():
        store = LumosStore(str(tmp_path / "agent.db"), index=INDEX)
        await asyncio.gather(*(store.aput(("a",), str(i), {"text": WORDS[i % 4]}) for i in range(40)))
        assert len(await store.asearch(("a",), query="red", limit=100)) == 40
        assert (await store.aget(("a",), "3")).value == {"text": "round"}
        await store.adelete(("a",), "3")
        assert await store.aget(("a",), "3") is None
        store.close()

    asyncio.run(main())


def test_without_an_index(tmp_path):
    store = LumosStore(str(tmp_path / "agent.db"))
    store.put(("a",), "k", {"text": "red"})
    assert [item.score for item in store.search(("a",), query="red")] == [None]
    store.close()
