"""Forecasts of M3 and of 1,000 series of 200 months beside those of `statsforecast`, in one run, in processor time of one
thread: `series_peers.py FOLDER`, which has `m3.csv`. Its models that are nearest: the dynamic optimised theta model, and
exponential smoothing with the form found by AICc, the latter on every tenth series of M3, since it takes long.

Every forecast is scored by the same code: OWA of the M4 competition, the share of the truth within intervals of 95 %."""

import csv
import resource
import sys

import common
import numpy
from series import months


def processor(work):
    """The processor time of this process in seconds, and what the work gave."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found


def seasonal(values, period):
    """Whether values repeat with a period, by the test of the M4 benchmarks."""
    n = len(values)
    if period < 2 or n < 3 * period:
        return False
    left = values - values.mean()
    r = numpy.array([(left[lag:] * left[:-lag]).sum() / (left * left).sum() for lag in range(1, period + 1)])
    return abs(r[-1]) > 1.645 * numpy.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / n)


def naive2(values, period, horizon):
    """The last value, without its season and with that of the steps ahead."""
    n = len(values)
    if not seasonal(values, period):
        return numpy.full(horizon, values[-1])
    # Half weights at the ends of an even period.
    weights = numpy.ones(period) if period % 2 else numpy.r_[0.5, numpy.ones(period - 1), 0.5]
    level = numpy.convolve(values, weights / period, "valid")
    ratios = numpy.full(n, numpy.nan)
    ratios[period // 2 : period // 2 + len(level)] = values[period // 2 : period // 2 + len(level)] / level
    index = numpy.array([numpy.nanmean(ratios[phase::period]) for phase in range(period)])
    index /= index.mean()
    return values[-1] / index[(n - 1) % period] * index[(n + numpy.arange(horizon)) % period]


class Scores:
    """The errors of one way to forecast."""

    def __init__(self):
        self.smape, self.mase, self.held = [], [], []

    def add(self, series, values, low=None, high=None):
        """Of one series: `train`, `test`, `period`."""
        train, test, period = series
        size = numpy.abs(values) + numpy.abs(test)
        self.smape.append(numpy.mean(200 * numpy.abs(values - test) / numpy.where(size > 0, size, 1)))
        lag = period if len(train) > period else 1
        scale = numpy.abs(train[lag:] - train[:-lag]).mean()
        self.mase.append(numpy.abs(values - test).mean() / scale if scale > 0 else numpy.nan)
        if low is not None:
            self.held.append(numpy.mean((low <= test) & (test <= high)))

    def owa(self, naive):
        """Relative to the other."""
        return (numpy.mean(self.smape) / numpy.mean(naive.smape) + numpy.nanmean(self.mase) / numpy.nanmean(naive.mase)) / 2


def m3(folder):
    """The series of M3 by their kind: period, horizon, and train and test by their names."""
    kinds = {}
    with open(f"{folder}/m3.csv") as lines:
        for row in csv.DictReader(lines):
            numbers = [numpy.array([float(x) for x in row[part].split(";")]) for part in ("train", "test")]
            _, _, series = kinds.setdefault(row["kind"], (int(row["period"]), int(row["horizon"]), {}))
            series[row["id"]] = numbers
    return kinds


def by_lumos(duckdb, series, period, horizon):
    """Rows of series, value, lo, hi in the order of series and steps; the processor time."""
    rows = [(name, i, y) for name, (train, _) in series.items() for i, y in enumerate(train.tolist())]
    duckdb.execute("CREATE OR REPLACE TABLE m3(name VARCHAR, i BIGINT, y DOUBLE)")
    names, times, values = map(list, zip(*rows))
    duckdb.execute("INSERT INTO m3 SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::DOUBLE[])", [names, times, values])
    options = f'{{"period": {period if period > 1 else 0}, "step": 1}}'
    call = f"lumos_forecast('m3(i, y, name)', {horizon}, '{options}')"
    return processor(lambda: duckdb.execute(f"SELECT series, value, lo, hi FROM query({call}) ORDER BY series, step").fetchall())


def by_statsforecast(model, frame, horizon, freq):
    """The same."""
    from statsforecast import StatsForecast

    took, found = processor(lambda: StatsForecast(models=[model], freq=freq, n_jobs=1).forecast(df=frame, h=horizon, level=[95]))
    name = repr(model)
    columns = ["unique_id", name, f"{name}-lo-95", f"{name}-hi-95"]
    return took, list(found[columns].itertuples(index=False, name=None))


def main():
    import pandas
    from statsforecast.models import AutoETS, DynamicOptimizedTheta

    duckdb = common.duckdb("1.5.5").connect(config={"allow_unsigned_extensions": "true", "threads": 1})
    duckdb.execute(f"LOAD '{common.EXTENSION}.duckdb_extension'")
    scores, naive, times, counts = {}, {}, {}, {}
    every = max(1, round(1 / common.SCALE))
    for period, horizon, series in m3(sys.argv[1]).values():
        season = max(period, 1)
        ways = {"Lumos": (every, None), "DOT": (every, DynamicOptimizedTheta(season_length=season)), "AutoETS": (10 * every, AutoETS(season_length=season)), "Lumos on the same": (10 * every, None)}
        for way, (step, model) in ways.items():
            some = dict(list(series.items())[::step])
            if model is None:
                took, rows = by_lumos(duckdb, some, period, horizon)
            else:
                frame = pandas.DataFrame({"unique_id": name, "ds": i, "y": y} for name, (train, _) in some.items() for i, y in enumerate(train))
                # What is compiled at the first call is no part of the time.
                first = frame[frame["unique_id"] == next(iter(some))]
                by_statsforecast(model, first, horizon, 1)
                took, rows = by_statsforecast(model, frame, horizon, 1)
            times[way] = times.get(way, 0) + took
            counts[way] = counts.get(way, 0) + len(some)
            found = {}
            for name, *numbers in rows:
                found.setdefault(name, []).append(numbers)
            for name, (train, test) in some.items():
                value, low, high = numpy.array(found[name], dtype=float).T
                scores.setdefault(way, Scores()).add((train, test, season), value, low, high)
                naive.setdefault(way, Scores()).add((train, test, season), naive2(train, season, horizon))
    for way, one in scores.items():
        owa, held = one.owa(naive[way]), numpy.mean(one.held)
        met = way != "Lumos" or owa <= 0.825 and 0.91 <= held <= 0.97
        common.record(f"M3, {counts[way]:,} series, {way}", f"OWA {owa:.3f}, cover {held:.3f}, {1e3 * times[way] / counts[way]:.1f} ms a series", "OWA <= 0.825, cover 0.91 to 0.97" if way == "Lumos" else "none", bool(met), f"sMAPE {numpy.mean(one.smape):.2f}, MASE {numpy.nanmean(one.mase):.3f}")

    count = max(10, common.rows_of(200_000) // 200)
    rows = list(months(count, 200))
    duckdb.execute("CREATE TABLE months(day DATE, amount DOUBLE, shop INTEGER)")
    duckdb.execute("INSERT INTO months SELECT unnest(?::DATE[]), unnest(?::DOUBLE[]), unnest(?::INTEGER[])", [list(column) for column in zip(*rows)])
    frame = pandas.DataFrame(rows, columns=["ds", "y", "unique_id"]).astype({"ds": "datetime64[ns]"})
    model = DynamicOptimizedTheta(season_length=12)
    ours, theirs = [], []
    for _ in range(3):
        ours.append(processor(lambda: duckdb.execute("SELECT count(*) FROM query(lumos_forecast('months', 12))").fetchall())[0])
        theirs.append(by_statsforecast(model, frame, 12, "MS")[0])
    ours, theirs = sorted(ours)[1], sorted(theirs)[1]
    common.record(f"forecasts of {count:,} x 200 months beside statsforecast's DOT, by turns", f"{ours:.1f} s, DOT {theirs:.1f} s: {theirs / ours:.1f} times", "<= 6 s", ours <= 6, "weights and intervals of three models; DOT is one of them")


if __name__ == "__main__":
    main()
