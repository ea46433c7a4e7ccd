# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the reader: each small change to its source must make a test fail.

Run from the root of the repository::

    python -m tests.model_files.mutation.mutate [module ...]

It prints the survivors and the share that was killed, and exits with 1 below 90 %. The packages the tests
need are imported once; each mutant is a forked child that swaps one module's source and runs the quick
tests until one fails. Strings are left alone: what a message says is the business of the tests that quote
it.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "kneighbors" / "model_files"
# Reader module -> the test file that should notice first.
READERS = {
    "strict_json": "test_strict_json",
    "metadata": "test_metadata",
    "labels": "test_labels",
    "layout": "test_layout",
    "container": "test_container",
    "contents": "test_writing",
    "files": "test_files",
    "reading": "test_files",
    "foreign": "test_foreign",
}
OTHERS = ["test_old_formats", "test_faults"]
ENOUGH = 0.9
WORKERS = os.cpu_count() or 1

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
}


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Each way to change this node: a name for it and the new node."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[place] = COMPARISONS[type(operator)]()
            yield f"{type(operator).__name__} -> {type(new.ops[place]).__name__}", new
    elif isinstance(node, ast.BoolOp):
        new = copy.deepcopy(node)
        new.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield "and <-> or", new
        for place in range(len(node.values)):
            shorter = copy.deepcopy(node)
            del shorter.values[place]
            yield f"without operand {place}", shorter if len(shorter.values) > 1 else shorter.values[0]
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        new = copy.deepcopy(node)
        new.op = ARITHMETIC[type(node.op)]()
        yield f"{type(node.op).__name__} -> {type(new.op).__name__}", new
    elif isinstance(node, ast.UnaryOp):
        yield "without " + type(node.op).__name__, node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "flipped", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "+ 1", ast.Constant(node.value + 1)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        new = copy.deepcopy(node)
        new.test = ast.UnaryOp(ast.Not(), new.test)
        yield "condition negated", new
    elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield "returns None", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Raise):
        yield "does not raise", ast.Pass()
    elif isinstance(node, (ast.Break, ast.Continue)):
        yield "does not leave", ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "not called", ast.Pass()


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Each node that may change, and where it hangs: parent, field, index."""

    def walk(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
        for field, value in ast.iter_fields(parent):
            # Annotations never run; formatted strings are messages.
            if field in ("annotation", "returns") or isinstance(parent, ast.JoinedStr):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST):
                    yield parent, field, index, child
                    yield from walk(child)

    for statement in tree.body:
        skipped = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
        if not skipped:
            yield from walk(statement)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each mutant: what was changed and where, and the new source."""
    tree = ast.parse(source)
    for parent, field, index, node in list(places(tree)):
        for name, new in changes(node):
            ast.fix_missing_locations(ast.copy_location(new, node))
            _set(parent, field, index, new)
            yield f"line {getattr(node, 'lineno', '?')}: {ast.unparse(node)[:70]!r} {name}", ast.unparse(tree)
            _set(parent, field, index, node)


def _set(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


class Swapped(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def run_child(module: str, source: str, folder: str, timeout: int) -> None:
    """In the child: the quick tests over the changed module; the exit code is pytest's.

    A mutant that hangs is as dead as one that fails: the alarm ends it after ``timeout`` seconds.
    """
    import pytest

    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    signal.alarm(timeout)
    sys.meta_path.insert(0, Swapped(f"kneighbors.model_files.{module}", source))
    first = READERS[module]
    order = [first, *(name for name in dict.fromkeys([*READERS.values(), *OTHERS]) if name != first)]
    files = [str(ROOT / "tests" / "model_files" / f"{name}.py") for name in order]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "--basetemp", folder, "-m", "not long"]
    os._exit(int(pytest.main([*options, *files])))


def start(module: str, source: str, timeout: int) -> tuple[int, str]:
    """A child that tests this source: its process id and its folder."""
    folder = tempfile.mkdtemp()
    child = os.fork()
    if child == 0:
        run_child(module, source, folder, timeout)
    return child, folder


def survivors(module: str) -> tuple[list[str], int]:
    """The mutants of a module that no test noticed, and how many there were."""
    source = (PACKAGE / f"{module}.py").read_text("utf-8")
    begin = time.monotonic()
    child, folder = start(module, source, 600)
    status = os.waitpid(child, 0)[1]
    shutil.rmtree(folder, ignore_errors=True)
    if status != 0:
        raise SystemExit(f"the tests fail on the unchanged {module}")
    timeout = 10 + 3 * int(time.monotonic() - begin)

    alive: list[str] = []
    running: dict[int, tuple[str, str]] = {}
    total = 0

    def reap() -> None:
        child, status = os.wait()
        name, folder = running.pop(child)
        shutil.rmtree(folder, ignore_errors=True)
        if status == 0:
            alive.append(f"{module}, {name}")

    for name, mutant in mutants(source):
        while len(running) >= WORKERS:
            reap()
        child, folder = start(module, mutant, timeout)
        running[child] = (name, folder)
        total += 1
    while running:
        reap()
    return alive, total


def main(modules: list[str]) -> int:
    # What every child needs is imported once; kneighbors is not, so that each child meets the changed source.
    import hypothesis
    import msgspec
    import numpy
    import pytest
    import xxhash

    assert all((hypothesis, msgspec, numpy, pytest, xxhash))
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    alive, total = [], 0
    for module in modules or READERS:
        begin = time.monotonic()
        found, count = survivors(module)
        alive += found
        total += count
        print(
            f"{module}: {count - len(found)} of {count} killed, {time.monotonic() - begin:.0f} s", flush=True
        )
        for name in found:
            print(f"  survived: {name}", flush=True)
    killed = (total - len(alive)) / total
    print(f"{total - len(alive)} of {total} mutants killed: {killed:.1%}")
    return 0 if killed >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
