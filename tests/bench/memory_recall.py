"""How much of what answers a question an agent's memory finds, with each embedder and beside its peers.

    python memory_recall.py FOLDER [--peers] [--minilm FOLDER]

FOLDER has `locomo/locomo_dev5.json`, `madial/{zh,en}-{memory,dialogue}.json` and `precisionmembench/`, as their
repositories have them. Each turn of LoCoMo is a memory and each question a search within its conversation; in MADial
the memories are a user's, and the question is what the user has said before the first turn that a memory answers.
Recall is the mean share of the evidence among the first so many. Peers need `pip install mem0ai langchain-core`; all get
the same vectors of the same embedder, and no language model.
"""

import argparse
import collections
import json
import pathlib
import re
import statistics
import struct
import time

import common

DEPTHS = (5, 10, 20)


class Item:
    """A memory: its name in the evidence, its text, session and time."""

    def __init__(self, name, text, session=None, said="2024-01-01"):
        self.name, self.text, self.session, self.said = name, text, session, said


def locomo(folder):
    """(memories, [(question, evidence, now)]) of each conversation."""
    months = "January February March April May June July August September October November December".split()
    for one in json.loads((folder / "locomo" / "locomo_dev5.json").read_text()):
        talk, items = one["conversation"], []
        for number in range(1, 1000):
            name = f"session_{number}"
            if f"{name}_date_time" not in talk:
                break
            day, month, year = re.search(r"on (\d+) (\w+), (\d+)", talk[f"{name}_date_time"]).groups()
            said = f"{year}-{months.index(month) + 1:02}-{int(day):02}"
            for turn in talk.get(name, []):
                caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
                items.append(Item(turn["dia_id"], f"{turn['speaker']}: {turn['text']}{caption}", name, said))
        names, now = {item.name for item in items}, max(item.said for item in items)
        questions = []
        for asked in one["qa"]:
            evidence = {part for text in asked["evidence"] for part in re.split("[;, ]", text)} & names
            if evidence:
                questions.append((asked["question"], evidence, now))
        yield items, questions


def madial(folder, language):
    """The same of each user."""
    def lines(name):
        return [json.loads(line) for line in (folder / "madial" / name).read_text().splitlines()]

    def merged(name):
        return {key: value for line in lines(name) for key, value in line.items()}

    users = {key: memory["user-id"] for key, memory in merged("zh-memory.json").items()}
    memories, dialogues = merged(f"{language}-memory.json"), lines(f"{language}-dialogue.json")
    for user in sorted(set(users.values())):
        items = [Item(key, memory["event"], said=memory["time"]) for key, memory in memories.items() if users[key] == user]
        names, questions = {item.name for item in items}, []
        for dialogue in dialogues:
            said = [turn.strip() for turn in dialogue["dialogue"][1 : dialogue["test-turn"][0]] if not turn.startswith("<Assistant")]
            question = " ".join(re.sub(r"^<[^>]+>[:：]\s*", "", turn).strip('"') for turn in said)
            evidence = {str(number) for number in dialogue["relevant-id"]} & names
            if dialogue["user-id"] == user and evidence:
                questions.append((question, evidence, "2024-06-01"))
        yield items, questions


class Embedder:
    """A model of Lumos, each text once."""

    def __init__(self, db, model):
        self.db, self.model, self.known = db, model, {}

    def __call__(self, text):
        if text not in self.known:
            self.known[text] = common.value(self.db, "SELECT lumos_vec(lumos_embed(?, ?))", text, self.model)
        return self.known[text]

    def floats(self, text):
        blob = self(text)
        return list(struct.unpack(f"<{len(blob) // 4}f", blob))


class Lumos:
    def __init__(self, embedder=None, weights=None):
        self.embedder, self.weights = embedder, weights
        self.db = common.sqlite(":memory:", lumos=True, wal=False)
        common.run(self.db, "SELECT lumos_memory_init()")

    def given(self, text, options):
        if self.embedder:
            options["embedding"] = self.embedder(text).hex()
        return json.dumps(options)

    def add(self, items):
        self.names = {}
        with self.db:
            for item in items:
                options = {"session": item.session, "now": item.said, "dedup": False, "importance": 0.5}
                number = common.value(self.db, "SELECT lumos_memory_add(?, ?)", item.text, self.given(item.text, options))
                self.names[number] = item.name

    def search(self, question, now, k):
        options = {"now": now, "k": k}
        if self.embedder and self.weights:
            options["weights"] = self.weights
        given = self.given(question, options)
        start = time.perf_counter()
        found = common.run(self.db, "SELECT id FROM lumos_memory_search(?, ?)", question, given)
        self.times.append(time.perf_counter() - start)
        return [self.names[number] for (number,) in found]


class LangChain:
    """What its memory of a vector store does: the nearest by cosine."""

    def __init__(self, embedder):
        from langchain_core.embeddings import Embeddings
        from langchain_core.vectorstores import InMemoryVectorStore

        class Same(Embeddings):
            def embed_documents(self, texts):
                return [embedder.floats(text) for text in texts]

            def embed_query(self, text):
                return embedder.floats(text)

        self.embedder, self.store = embedder, InMemoryVectorStore(Same())

    def add(self, items):
        self.store.add_texts([item.text for item in items], metadatas=[{"name": item.name} for item in items])

    def search(self, question, now, k):
        self.embedder(question)
        start = time.perf_counter()
        found = self.store.similarity_search(question, k=k)
        self.times.append(time.perf_counter() - start)
        return [document.metadata["name"] for document in found]


class Mem0:
    """mem0 with a local Qdrant, its texts stored as they are (`infer=False`)."""

    count = 0

    def __init__(self, embedder):
        import os
        import tempfile

        os.environ.update(MEM0_TELEMETRY="False", OPENAI_API_KEY="none")
        from mem0 import Memory
        from langchain_core.embeddings import Embeddings

        class Same(Embeddings):
            def embed_documents(self, texts):
                return [embedder.floats(text) for text in texts]

            def embed_query(self, text):
                return embedder.floats(text)

        Mem0.count += 1
        self.embedder = embedder
        dimensions = len(embedder.floats("a"))
        self.memory = Memory.from_config({
            "embedder": {"provider": "langchain", "config": {"model": Same(), "embedding_dims": dimensions}},
            "vector_store": {"provider": "qdrant", "config": {"path": tempfile.mkdtemp(), "embedding_model_dims": dimensions, "collection_name": f"c{Mem0.count}"}},
            "history_db_path": ":memory:",
        })

    def add(self, items):
        for item in items:
            self.memory.add(item.text, user_id="u", infer=False, metadata={"name": item.name})

    def search(self, question, now, k):
        self.embedder(question)
        start = time.perf_counter()
        try:
            found = self.memory.search(question, filters={"user_id": "u"}, top_k=k, threshold=0.0)
        except (TypeError, ValueError):
            found = self.memory.search(question, user_id="u", limit=k)
        self.times.append(time.perf_counter() - start)
        return [one["metadata"]["name"] for one in found["results"]]


def measure(conversations, make):
    """Recall at each depth and the mean reciprocal rank, of all questions and of every other; the times of a search."""
    sums = {0: collections.Counter(), 1: collections.Counter()}
    times = []
    for items, questions in conversations:
        system = make()
        system.times = times
        system.add(items)
        for i, (question, evidence, now) in enumerate(questions):
            found = system.search(question, now, max(DEPTHS))
            half = sums[i % 2]
            half["n"] += 1
            for depth in DEPTHS:
                half[depth] += len(evidence & set(found[:depth])) / len(evidence)
            half["mrr"] += next((1 / place for place, name in enumerate(found, 1) if name in evidence), 0)

    def means(counter):
        return [round(counter[key] / counter["n"], 3) for key in (*DEPTHS, "mrr")]

    return means(sums[0] + sums[1]), means(sums[1]), statistics.median(times) * 1000


def precision(folder, embedder=None):
    """How many of the cases of PrecisionMemBench are met, by kind: nothing that is not expected, and all that is.

    A user is a scope; the scopes of a belief are its tags, and a name and its aliases are part of its text. What is
    pinned comes by a SELECT, questions that are open by the tag of their type; what is superseded is so here too.
    """
    base = folder / "precisionmembench"
    beliefs = json.loads((base / "beliefs.seed.json").read_text())
    cases = json.loads((base / "retrieval.cases.json").read_text())
    db = common.sqlite(":memory:", lumos=True, wal=False)
    common.run(db, "SELECT lumos_memory_init()")
    names, numbers = {}, {}
    for belief in sorted(beliefs, key=lambda b: b["_id"]):
        text = f"{belief['canonical_name'].replace('_', ' ')} ({', '.join(belief['aliases'])}): {belief['content']}"
        options = {"scope": belief["user_id"], "tags": [*belief["scope"], belief["type"]], "pinned": belief["pinned"], "now": "2026-10-02",
                   "event_time": belief["created_at"], "importance": 0.5, "kind": "preference" if belief["type"] == "preference" else "fact"}
        if belief["resolved_at"]:
            options["expires_at"] = belief["resolved_at"]
        number = common.value(db, "SELECT lumos_memory_add(?, ?)", text, json.dumps(options))
        names[number], numbers[belief["_id"]] = belief["_id"], number
    for belief in beliefs:
        if belief["superseded_by"]:
            # The one in its place is there already.
            common.run(db, "UPDATE lumos_memory SET superseded_by = ?, valid_to = 0, expired_at = 0 WHERE id = ?",
                       numbers[belief["superseded_by"]], numbers[belief["_id"]])
    met, of, strangers = collections.Counter(), collections.Counter(), 0
    of_name = {belief["_id"]: belief for belief in beliefs}
    for case in cases:
        user = case.get("userId", "test-user")

        def listed(condition, tags):
            sql = f"SELECT id FROM lumos_memory WHERE scope = ? AND {condition} AND valid_to IS NULL AND (expires_at IS NULL OR expires_at > unixepoch('2026-10-03')) AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN (SELECT value FROM json_each(?)))"
            return {names[number] for (number,) in common.run(db, sql, user, json.dumps(tags))}

        kinds = {belief["_id"]: belief["type"] for belief in beliefs}
        pinned = {name for name in listed("pinned", case["scope"]) if kinds[name] != "open_question"}
        opened = {name for name in listed("pinned", case["scope"]) if kinds[name] == "open_question"}
        prelude = listed("true", ["user:universal"])
        limit = case.get("budget", {}).get("maxBeliefs", 50)
        found = common.run(db, "SELECT id FROM lumos_memory_search(?, ?)", case["query"], json.dumps(
            {"scope": user, "tags": [tag for tag in case["scope"] if tag != "user:universal"], "now": "2026-10-03", "k": 50, **GATE}))
        relevant = [names[number] for (number,) in found]
        strangers += sum(
            belief["user_id"] != user or bool(belief["superseded_by"]) or not set(belief["scope"]) & set(case["scope"])
            for belief in map(of_name.get, relevant)
        )
        relevant = [name for name in relevant if name not in pinned | opened | prelude][: max(0, limit - len(pinned | opened))]
        expect = case["expect"]
        good = True
        for part, got in (("pinnedFacts", pinned), ("openQuestions", opened), ("relevantBeliefs", set(relevant))):
            if part not in expect:
                continue
            wanted = expect[part]
            right = set(wanted.get("mustInclude", [])) <= got and not set(wanted.get("mustExclude", [])) & got
            if "shouldOnlyInclude" in wanted:
                right &= got == set(wanted["shouldOnlyInclude"])
            of[part] += 1
            met[part] += right
            good &= right
        of[case["category"]] += 1
        met[case["category"]] += good
        if not good and VERBOSE:
            print(case["caseId"], "|", case["query"][:80], "|", relevant, "|", expect.get("relevantBeliefs"))
        of["all"] += 1
        met["all"] += good
    return met, of, strangers


# What has less than half of the best one's score is left out.
GATE = {"min_score": 0.5}
VERBOSE = False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--minilm", help="the folder of the model all-MiniLM-L6-v2")
    given = parser.parse_args()
    db = common.sqlite(":memory:", lumos=True, wal=False)
    embedders = {"no embedder": None, "hash embedder": Embedder(db, "hash")}
    if given.minilm:
        common.run(db, "SELECT lumos_model_add('minilm', ?)", given.minilm)
        embedders["MiniLM"] = Embedder(db, "minilm")
    sets = {"LoCoMo": lambda: locomo(given.folder), "MADial zh": lambda: madial(given.folder, "zh"), "MADial en": lambda: madial(given.folder, "en")}
    bars = {("LoCoMo", "no embedder"): 0.78, ("LoCoMo", "MiniLM"): 0.82, ("MADial zh", "no embedder"): 0.62}
    for data, conversations in sets.items():
        for name, embedder in embedders.items():
            if data == "MADial zh" and name == "MiniLM":
                continue  # an English model
            makers = {"lumos": lambda: Lumos(embedder, {"words": 0.85, "vector": 0.15} if name == "hash embedder" else None)}
            if given.peers and embedder:
                makers |= {"langchain": lambda: LangChain(embedder), "mem0": lambda: Mem0(embedder)}
            for system, make in makers.items():
                everything, half, milliseconds = measure(conversations(), make)
                bar = bars.get((data, name)) if system == "lumos" else None
                common.record(f"{data}, {name}, {system}: evidence among 5, 10, 20, MRR", f"{everything}, every other question {half}; a search {milliseconds:.1f} ms",
                              f">= {bar} of 10" if bar else "", bar is None or everything[1] >= bar, "")
    met, of, strangers = precision(given.folder)
    common.record("PrecisionMemBench: found of another user or scope, or superseded", f"{strangers}", "0", strangers == 0, "in 77 cases")
    common.record("PrecisionMemBench: cases met", f"{met['all']} of {of['all']}", ">= 40", met["all"] >= 40, ", ".join(f"{kind} {met[kind]}/{of[kind]}" for kind in of))


if __name__ == "__main__":
    main()
