# SPDX-License-Identifier: Apache-2.0
"""No code in data: nothing that a file says is ever unpickled, evaluated, imported or run."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "kneighbors"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "jsonpickle",
}
CALLS = {"eval", "exec", "compile", "__import__"}
# Names fixed in the source, never taken from a file.
# Each looks the name up in a fixed table of its own first.
LAZY_IMPORTS = {"__init__.py", "program.py"}


def findings(tree: ast.AST, name: str) -> list[str]:
    """What this source does that a load path must not."""
    found = []
    for node in ast.walk(tree):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            imported = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        found += [f"imports {module}" for module in imported if module.split(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        called = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if isinstance(function, ast.Name) and called in CALLS:
            found.append(f"calls {called}")
        if (
            called == "import_module"
            and name not in LAZY_IMPORTS
            and not isinstance(node.args[0], ast.Constant)
        ):
            found.append("imports a module by a name that is computed")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        allowed = keywords.get("allow_pickle")
        if allowed is not None and not (isinstance(allowed, ast.Constant) and allowed.value is False):
            found.append("allows pickle")
        if ast.unparse(function) in ("np.load", "numpy.load") and allowed is None:
            found.append("calls np.load without allow_pickle=False")
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_p6_no_module_unpickles_or_evaluates(path):
    assert findings(ast.parse(path.read_text("utf-8")), path.name) == []


@pytest.mark.parametrize(
    "bad",
    [
        "import pickle",
        "from joblib import load",
        "import yaml as y",
        "from cloudpickle.cloudpickle import loads",
        "eval('1')",
        "exec(text)",
        "__import__(name)",
        "np.load(path)",
        "numpy.load(path, mmap_mode='r')",
        "np.load(path, allow_pickle=True)",
        "read(path, allow_pickle=flag)",
        "importlib.import_module(name)",
    ],
)
def test_the_check_itself_sees_what_it_looks_for(bad):
    assert findings(ast.parse(bad), "x.py") != []


def test_the_check_itself_lets_the_rest_pass():
    fine = "import json\nnp.load(p, allow_pickle=False)\nre.compile('x')\nmodel.load(p)\nimport_module('a')"
    assert findings(ast.parse(fine), "x.py") == []


WATCH = """
import sys
import numpy
from kneighbors import model_files
path = sys.argv[1]
for round in range(2):
    if round == 1:
        sys.addaudithook(lambda event, _: print(event) if event.split(".")[0] in
            ("pickle", "marshal", "exec", "compile", "import", "ctypes", "subprocess", "socket") else None)
    for mmap in (True, False):
        model_files.read(path, mmap=mmap)
print("done")
"""


def test_p6_a_load_runs_nothing(tmp_path):
    """While a model is read the interpreter unpickles, compiles, imports and connects to nothing."""
    from tests.model_files.small_models import saved

    saved(tmp_path / "m")
    told = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path / "m")], capture_output=True, text=True, check=True
    )
    assert told.stdout == "done\n", told.stdout
