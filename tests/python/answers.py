"""Whether two engines gave the same answer."""

# Sums of REALs may differ by this, relative to the sum of the magnitudes.
TOLERANCE = 1e-15


def same_value(a, b, magnitude):
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b), magnitude)
    return a == b


def sort_key(row):
    """REALs last, whose last bits may differ."""
    key = [(str(type(v)), 0 if v is None or isinstance(v, float) else v) for v in row]
    return key, [v for v in row if isinstance(v, float)]


def same_rows(a, b, magnitude):
    """Equal as multisets, where no sum has terms whose magnitudes sum to more than `magnitude`."""
    pairs = zip(sorted(a, key=sort_key), sorted(b, key=sort_key))
    same = lambda x, y: len(x) == len(y) and all(same_value(v, w, magnitude) for v, w in zip(x, y))  # noqa: E731
    return len(a) == len(b) and all(same(x, y) for x, y in pairs)
