"""How often `lumos_patterns` sees something in noise, and misses what is there: 1,000 series of 200 days of each kind, drawn from
a seed. Whatever is said of noise is a false alarm, but for the key that the days are, and for gaps and outliers where the noise
has them."""

import collections
import random

import common

ROWS = 200


def noise(kind, chance):
    """Numbers without any pattern."""
    if kind == "normal":
        return [chance.gauss(0, 1) for _ in range(ROWS)]
    if kind == "lognormal":
        return [chance.lognormvariate(0, 1) for _ in range(ROWS)]
    if kind == "counts":
        # Of a mean of 3, by its probabilities.
        return [sum(chance.random() < 0.03 for _ in range(100)) for _ in range(ROWS)]
    if kind == "autoregressive":
        values = [0.0]
        while len(values) < ROWS:
            values.append(0.5 * values[-1] + chance.gauss(0, 1))
        return values
    values = [0.0]
    while len(values) < ROWS:
        values.append(values[-1] + chance.gauss(0, 1))
    return values


def planted(kind, chance):
    """Normal noise with a pattern: pairs of numbers, a day each."""
    values = noise("normal", chance)
    others = noise("normal", chance)
    if kind == "trend":
        values = [v + 2 * i / ROWS for i, v in enumerate(values)]
    elif kind == "season":
        values = [v + 1.5 * (i % 7 in (5, 6)) for i, v in enumerate(values)]
    elif kind == "change":
        at = chance.randrange(50, 150)
        values = [v + 2 * (i >= at) for i, v in enumerate(values)]
    elif kind == "outliers":
        for at in chance.sample(range(ROWS), 3):
            values[at] += chance.choice([-8, 8])
    elif kind == "correlation":
        others = [0.4 * v + o for v, o in zip(values, others)]
    return list(zip(values, others))


def kinds(db, pairs):
    """The kinds of patterns that are told of them."""
    db.execute("DELETE FROM series")
    db.executemany("INSERT INTO series VALUES (date('2024-01-01', ? || ' days'), ?, ?)", [(i, *pair) for i, pair in enumerate(pairs)])
    return [kind for (kind,) in db.execute("SELECT kind FROM lumos_patterns('series')") if kind != "key"]


def main():
    db = common.sqlite(":memory:", lumos=True, wal=False)
    db.execute("CREATE TABLE series(day TEXT, value REAL, other REAL)")
    count = max(20, int(1_000 * common.SCALE))
    chance = random.Random(1)
    for kind in ["normal", "lognormal", "counts", "autoregressive", "walk"]:
        told, alarms = collections.Counter(), 0
        for _ in range(count):
            seen = set(kinds(db, zip(noise(kind, chance), noise(kind, chance))))
            told.update(seen)
            alarms += bool(seen)
        # A walk has levels and slopes, whatever made them, and a lognormal has outliers.
        bar = "<= 5 %" if kind in ("normal", "counts") else "none"
        shown = ", ".join(f"{name} {100 * n / count:.1f} %" for name, n in told.most_common())
        common.record(f"patterns in {count:,} pairs of series of {kind} noise", f"{100 * alarms / count:.1f} % with any", bar, bar == "none" or alarms <= 0.05 * count, shown)
    for kind in ["trend", "season", "change", "outliers", "correlation"]:
        found = sum(kind in kinds(db, planted(kind, chance)) for _ in range(count))
        common.record(f"a planted {kind}, {count:,} series", f"{100 * found / count:.1f} % found", ">= 90 %", found >= 0.9 * count, "")


if __name__ == "__main__":
    main()
