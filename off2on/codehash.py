"""A hash over what a job's code does, so that an edit re-runs exactly the jobs it concerns (docs/decisions/0004).

Snakemake does not see edits inside an imported package. The hash covers the modules of this package that the entry
modules import, directly or not, inside functions too; as syntax trees, without comments, docstrings and the texts
of messages. Nothing is imported to compute it. A module that is only named in a string (a registry) is passed as
one more entry.
"""

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

#: what cannot change a number of a training job, or is a parameter of the job instead (`off2on.jobs.parameters`)
PLUMBING = (
    *("errors", "files", "paths", "provenance", "results", "cli", "selection", "codehash", "jobs"),
    "data.hdf5",
    *("training.rundir", "training.checkpoint", "training.stopping", "training.progress"),
    *("settings", "sections", "scale", "moved", "algorithms", "samplers", "methods", "envs.tasks"),
)
#: calls that only say something
_SAYING = {"say", "warn", "warning", "info", "progress_bar", "set_postfix"}


def code_hash(
    *modules: str, files: Iterable[Path] = (), package: Path = PACKAGE, without: Collection[str] = ()
) -> str:
    """The sha256, in hex, of the code reachable from `modules` and of the bytes of `files`.

    Args:
        modules: dotted names inside the package, such as "off2on.training.collect".
        files: data the code reads, such as templates; their names count, their directories do not.
        package: the package's directory; its name is the first part of the dotted names.
        without: modules, and packages with all their modules, that are left out, named from inside the package:
            `PLUMBING` for a training job.

    Raises:
        ModuleNotFoundError: an entry module has no file.
    """
    digest = hashlib.sha256()
    for module, path in sorted(reachable(modules, package, without).items()):
        digest.update(f"{module}\n{ast.dump(_tree(path))}\n".encode())
    for path in sorted(files, key=lambda path: path.name):
        digest.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


@cache
def names(*modules: str) -> frozenset[str]:
    """The names of all attributes that the code of a training job reads or writes."""
    trees = map(_tree, reachable(modules, PACKAGE, PLUMBING).values())
    return frozenset(node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def reachable(modules: Iterable[str], package: Path = PACKAGE, without: Collection[str] = ()) -> dict[str, Path]:
    """The modules, with their files, that importing `modules` and calling everything in them can load."""
    left_out = tuple(f"{package.name}.{name}" for name in without)
    found: dict[str, Path] = {}
    todo = list(modules)
    for module in todo:
        if _file(module, package) is None:
            raise ModuleNotFoundError(f"no module {module} in {package}")
    while todo:
        module = todo.pop()
        path = _file(module, package)
        if path is None or module in found or f"{module}.".startswith(tuple(f"{name}." for name in left_out)):
            continue
        found[module] = path
        # importing a.b.c also runs a and a.b; the last part may be a function: then it has no file
        todo += [parent for name in (module, *_imports(module, path)) for parent in _parents(name)]
    return found


def _file(module: str, package: Path) -> Path | None:
    """The source of a dotted name; None: it is not a module of the package."""
    root, *parts = module.split(".")
    stem = package.joinpath(*parts)
    candidates = (stem / "__init__.py", stem.with_suffix(".py")) if root == package.name else ()
    return next((path for path in candidates if path.is_file()), None)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _imports(module: str, path: Path) -> tuple[str, ...]:
    """The dotted names that a module imports, at its top or inside functions."""
    return _imported(module, path, path.stat().st_mtime_ns)


@cache
def _imported(module: str, path: Path, changed: int) -> tuple[str, ...]:
    return tuple(_names_of_imports(module, path, _parse(path, changed)))


def _names_of_imports(module: str, path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = node.level - (path.name == "__init__.py")
            package = module.split(".")[: -above or None] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _tree(path: Path) -> ast.Module:
    return _parse(path, path.stat().st_mtime_ns)


@cache
def _parse(path: Path, _changed: int) -> ast.Module:
    """The syntax tree without docstrings and messages; comments and layout are never in it."""
    tree: ast.Module = _Quiet().visit(ast.parse(path.read_text(encoding="utf-8")))
    return tree


class _Quiet(ast.NodeTransformer):
    """Takes out what is only read by people: docstrings, texts of errors and of other messages."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[ast.get_docstring(node, clean=False) is not None :]
        return super().generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        version = any(isinstance(target, ast.Name) and target.id == "__version__" for target in node.targets)
        return None if version else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name.lstrip("_") in _SAYING:
            return ast.Constant(None)
        return self.generic_visit(node)
