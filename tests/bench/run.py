"""Runs the benchmarks named on the command line, or all, each in a process of its own; then prints the table
of all results so far, as Markdown."""

import json
import pathlib
import subprocess
import sys

import common

ALL = ["queries", "process", "writes", "copying", "applying", "tracking", "scanning", "auto", "vectors", "vector_search", "vector_tables", "vector_million", "memory", "facts", "series", "decisions", "packages", "checks"]


def main():
    """The results of earlier runs stay until their benchmark runs again."""
    folder = pathlib.Path(__file__).parent
    for name in sys.argv[1:] or ALL:
        print(f"{name}:", flush=True)
        subprocess.run([sys.executable, folder / f"{name}.py"], check=True)
    print("\n| measure | figure | bar | met | in the same run |\n|---|---|---|---|---|")
    for measure, result in json.loads(common.RESULTS.read_text()).items():
        met = "yes" if result["met"] else "**no**"
        print(f"| {measure} | {result['figure']} | {result['bar']} | {met} | {result['details']} |")


if __name__ == "__main__":
    main()
