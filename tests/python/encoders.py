"""Sentence encoders in numpy, the reference for `lumos_embed`, and the files of their numbers."""

import json
import math
import struct

import numpy

DTYPES = {"F32": numpy.dtype("<f4"), "F16": numpy.dtype("<f2")}


def tensors(path):
    """The tensors of a file, by name."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if entry.get("dtype") in DTYPES:
            start, end = (8 + length + i for i in entry["data_offsets"])
            found[name] = numpy.frombuffer(data[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return found


def write_tensors(path, arrays):
    """The file of these tensors, by name; those that are not halves become floats."""
    header, parts, at = {}, [], 0
    for name, array in arrays.items():
        dtype = next((name for name, kind in DTYPES.items() if array.dtype == kind), "F32")
        part = numpy.ascontiguousarray(array, DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header).encode()
    path.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *parts]))


def encode(t, ids, skipped=0):
    """BERT in double precision with heads of 32 numbers, mean of the last layer's rows, length 1."""

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * t[name + ".weight"] + t[name + ".bias"]

    def linear(x, name):
        return x @ t[name + ".weight"].T.astype("f8", copy=False) + t[name + ".bias"]

    x = t["embeddings.word_embeddings.weight"][ids].astype("f8")
    x += t["embeddings.position_embeddings.weight"][skipped : skipped + len(ids)] + t["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(sum(name.endswith("intermediate.dense.bias") for name in t)):
        at = f"encoder.layer.{layer}."
        q, k, v = (linear(x, at + "attention.self." + name) for name in ("query", "key", "value"))
        seen = numpy.zeros_like(q)
        for head in range(q.shape[1] // 32):
            part = slice(head * 32, head * 32 + 32)
            weights = numpy.exp(q[:, part] @ k[:, part].T / math.sqrt(32))
            seen[:, part] = weights / weights.sum(-1, keepdims=True) @ v[:, part]
        x = norm(linear(seen, at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
        wide = linear(x, at + "intermediate.dense")
        wide = 0.5 * wide * (1 + numpy.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(linear(wide, at + "output.dense") + x, at + "output.LayerNorm")
    mean = x.mean(0)
    return mean / numpy.linalg.norm(mean)
