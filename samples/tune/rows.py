#!/usr/bin/env python3
"""rows.py REPORT.json ... - what reports of tuff-tune say of each class of devices, as rows for graph/ops/families.def.

For each class and operator the ways are compared over all works and devices: the mean (geometric) of a way's time by the standard way's, over
the works that have it. A way is told where it was measured for at least --least works and is the best; a line says how it compares, so that who
puts it into the table sees what it rests on. Python's standard library alone."""
import argparse
import json
import math
import sys

MACROS = {"matmul": "TUFF_GEMM_CHOICE"}


def read(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    if report.get("tuff_tune") != 1:
        sys.exit(f"{path}: no report of tuff-tune")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", metavar="REPORT.json")
    parser.add_argument("--least", type=int, default=3, metavar="N", help="works that a way must have been measured for (3)")
    options = parser.parse_args()
    seen = {}  # (class, operator) -> way -> [log ratio]
    devices = {}  # class -> names
    for path in options.reports:
        report = read(path)
        devices.setdefault(report["class"], set()).add(f'{report["name"]}, {report["driver_name"]} {report["driver_info"]}')
        for work in report["works"]:
            standard = work["ways"].get(work["standard"], 0)
            for way, ns in work["ways"].items():
                if standard > 0 and ns > 0:
                    key = (report["class"], work["work"].split(" ")[0])
                    seen.setdefault(key, {}).setdefault(way, []).append(math.log(ns / standard))
    for (of, operator), ways in sorted(seen.items()):
        print(f"/* {of}, {operator}: time by that of the standard way, mean over works")
        means = {way: math.exp(sum(logs) / len(logs)) for way, logs in ways.items()}
        for way, mean in sorted(means.items(), key=lambda item: item[1]):
            print(f" *   {way:20} {mean:.2f} in {len(ways[way])} works")
        print(" */")
        enough = [way for way in means if len(ways[way]) >= options.least]
        if not enough:
            continue
        best = min(enough, key=means.get)
        family, _, sizes = best.partition(" ")
        family, name = family.upper().replace("-", "_"), of.upper().replace("-", "_")
        numbers = (sizes.split("x") + ["1", "1"])[:2]
        source = "; ".join(sorted(devices[of])) + ": tuff-tune"
        macro = MACROS.get(operator)
        if macro:
            print(f'{macro}({name}, MATMUL | WORDS, {family}, {numbers[0]}, {numbers[1]}, 0, 0, 4, 0, MEASURED, {json.dumps(source)})')
        else:
            print(f"/* {operator} of {name}: {family} {sizes} ({source}) */")


if __name__ == "__main__":
    main()
