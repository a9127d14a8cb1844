"""Imports only ever point down, and rooms on one line never import each other (CONTRIBUTING.md)."""

import ast
from pathlib import Path

import off2on

PACKAGE = Path(off2on.__file__).parent
#: from the top to the ground; what stands alone on a line is free to import itself
LAYERS = [
    {"__main__"},
    {"cli"},
    {"console"},
    {"adopt", "doctor", "status"},
    {"plan"},
    {"figures", "training"},
    {"benches", "patterns", "scale_jobs", "selection"},
    {"jobs", "scale"},
    {"own_tasks"},
    {"methods"},
    {"agents", "replay", "analysis"},
    {"settings", "sections"},
    {"samplers"},
    {"data", "envs", "nn"},
    {"algorithms", "reading"},
    {"config", "convolutions", "observations", "moved"},
]
#: small tools that any room may use
GROUND = {"errors", "files", "paths", "seeding", "provenance", "results", "codehash", "reproduce", "schema"}
GROUND |= {"gpus", "yaml_file"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("off2on."):
            names.add(node.module.split(".")[1])
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("off2on.")}
    return names - GROUND


def test_imports_only_point_down() -> None:
    rank = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in GROUND or room == "__init__":
            continue
        for other in imported(path) - {room}:
            if rank[other] <= rank[room]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {other}")
    assert wrong == []
