"""Time of aggregate, claims and report over many runs: `python benchmarks/many_runs.py --runs 10000`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.figures.report import build_report
from off2on.methods import METHODS
from tests.unit.synthetic_results import Tree


def main() -> None:
    """Make up the runs, then time the three steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    wanted = parser.parse_args().runs
    tasks, methods = ("halfcheetah", "hopper", "walker2d"), tuple(METHODS)[:16]
    seeds = max(1, wanted // (len(tasks) * 4 * (len(methods) + 1)))
    with tempfile.TemporaryDirectory() as directory:
        tree = Tree(Path(directory), tasks=tasks, methods=methods, seeds=seeds, epochs=5).write()
        paths = [*tree.runs(), *tree.pretrains()]
        print(f"{len(paths)} directories of {len(methods)} methods, {seeds} seeds")
        layout, total = tree.layout, 0.0
        for name, step in (
            ("aggregate", lambda: aggregate(paths, layout.analysis, METHODS)),
            ("claims", lambda: gather_evidence(layout.analysis)),
            ("report", lambda: build_report(layout, [])),
        ):
            start = time.perf_counter()
            step()
            total += time.perf_counter() - start
            print(f"{name:10s} {time.perf_counter() - start:7.1f} s", flush=True)
        print(f"{'together':10s} {total:7.1f} s")


if __name__ == "__main__":
    main()
