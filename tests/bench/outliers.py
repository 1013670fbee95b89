"""How well `lumos_outliers` tells the rare rows of three tables from the others, through SQLite: the area under the ROC
curve, beside COPOD and IForest of `pyod` in the same run if it is installed. The tables are of scikit-learn, each a class and
a few rows of another: breast cancer (357 benign, 20 malignant), wine (119 of two kinds, 10 of the third) and digits (183
threes, 10 zeros)."""

import importlib

import common
import numpy
from sklearn import datasets
from sklearn.metrics import roc_auc_score


def tables():
    """The name, the rows, and 1 for those that are odd."""
    for name, load, usual, odd, count in (
        ("breast cancer", datasets.load_breast_cancer, [1], 0, 20),
        ("wine", datasets.load_wine, [1, 2], 0, 10),
        ("digits", datasets.load_digits, [3], 0, 10),
    ):
        data, kinds = load(return_X_y=True)
        rows = numpy.vstack([data[numpy.isin(kinds, usual)], data[kinds == odd][:count]])
        truth = numpy.zeros(len(rows), dtype=int)
        truth[-count:] = 1
        yield name, rows, truth


def ours(rows):
    """The score of each row."""
    db = common.sqlite(":memory:", lumos=True, wal=False)
    columns = ", ".join(f"c{i}" for i in range(rows.shape[1]))
    common.run(db, f"CREATE TABLE t(id INTEGER PRIMARY KEY, {columns})")
    marks = ", ".join("?" for _ in range(rows.shape[1] + 1))
    db.executemany(f"INSERT INTO t VALUES ({marks})", [(i, *map(float, row)) for i, row in enumerate(rows)])
    return [score for _, score in sorted((int(key), score) for key, score in db.execute("SELECT key, score FROM lumos_outliers('t')"))]


def peers(rows):
    """The scores that pyod gives; IForest draws by the seed 1."""
    for name, arguments in (("COPOD", {}), ("IForest", {"random_state": 1})):
        try:
            model = getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)(**arguments)
        except ImportError:
            return
        yield name, model.fit(rows).decision_scores_


def main():
    """One row for each table, and the means."""
    found = {}
    for table, rows, truth in tables():
        for name, scores in [("Lumos", ours(rows)), *peers(rows)]:
            found.setdefault(name, []).append(roc_auc_score(truth, scores))
        print(table, rows.shape, {name: round(of[-1], 3) for name, of in found.items()}, flush=True)
    means = {name: float(numpy.mean(of)) for name, of in found.items()}
    others = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items() if name != "Lumos")
    common.record("outliers of three tables, mean area under the curve", f"{means['Lumos']:.3f}", "≥ 0.96", means["Lumos"] >= 0.96, others)


if __name__ == "__main__":
    main()
