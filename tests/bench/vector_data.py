"""Vectors to measure with, as BLOBs of 32-bit floats: Fashion-MNIST from Debian's package, GloVe from a wheel, and
clusters from a seed."""

import array
import gzip
import subprocess
import sys

import common

DATA = common.FOLDER / "vectors"
CLUSTERS, CLUSTER_DIMS, DIRECTIONS = 2_000, 384, 24


def fashion():
    """60,000 images of 784 dimensions, and 1,000 others to ask with."""
    folder = DATA / "usr/share/datasets/fashion-mnist"
    if not folder.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        subprocess.run("apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist*.deb .", shell=True, check=True, cwd=DATA)

    def images(name, count):
        data = gzip.decompress((folder / name).read_bytes())[16:]
        count = min(count, len(data) // 784)
        return [array.array("f", list(data[i * 784 : (i + 1) * 784])).tobytes() for i in range(count)]

    return images("train-images-idx3-ubyte.gz", common.rows_of(60_000)), images("t10k-images-idx3-ubyte.gz", 1_000)


def glove():
    """399,000 words of 50 dimensions, and 1,000 others to ask with."""
    path = next((common.HOSTS / "bench-extensions").glob("**/glove_6B_50d_emb.npy"))
    data = path.read_bytes()[128:]
    words = [data[i : i + 200] for i in range(0, len(data), 200)]
    asked = set(range(7, len(words), len(words) // 1_000))
    others = [w for i, w in enumerate(words) if i not in asked]
    return others[: common.rows_of(399_000)], [words[i] for i in sorted(asked)][:1_000]


def clusters(count, seed=1):
    """Vectors in 2,000 clusters of all sizes, which spread in 24 directions more than in the others, as embeddings do;
    made in parts. Seeds draw different ones from the same clusters."""
    sys.path.append(str(common.HOSTS / "models"))
    import numpy

    draw = numpy.random.default_rng(0)
    unit = CLUSTER_DIMS**-0.5
    centres = draw.standard_normal((CLUSTERS, CLUSTER_DIMS), "f4") * unit
    directions = draw.standard_normal((DIRECTIONS, CLUSTER_DIMS), "f4") * unit
    draw = numpy.random.default_rng(seed)
    for first in range(0, count, 20_000):
        rows = min(20_000, count - first)
        part = centres[(draw.random(rows) ** 2 * CLUSTERS).astype(int)]
        part += draw.standard_normal((rows, DIRECTIONS), "f4") @ directions * (0.7 * DIRECTIONS**-0.5)
        part += draw.standard_normal((rows, CLUSTER_DIMS), "f4") * (0.2 * unit)
        yield from (row.tobytes() for row in part)
