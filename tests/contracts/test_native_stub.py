# SPDX-License-Identifier: Apache-2.0
"""``_native.pyi`` says what the built module offers: the same names, arguments, kinds and defaults.

mypy's own stubtest cannot read nanobind's functions, so their signatures are parsed from nanobind's text.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import pytest

from kneighbors import _native
from tests.contracts.tree import PACKAGE

STUB = ast.parse((PACKAGE / "_native.pyi").read_text())


@dataclass(frozen=True)
class Argument:
    name: str
    kind: str
    default: str | None


def function_stubs() -> dict[str, ast.FunctionDef]:
    """Every function of the stub by its full name; properties and constructors too."""
    found = {}
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    found[f"{node.name}.{member.name}"] = member
    return found


STUBS = function_stubs()


def is_property(stub: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in stub.decorator_list)


def built(name: str):
    value = _native
    for part in name.split("."):
        value = getattr(value, part)
    return value


def arguments_of(definition: ast.FunctionDef, kinds: dict[str, str]) -> list[Argument]:
    positional = definition.args.posonlyargs + definition.args.args
    defaults = [None] * (len(positional) - len(definition.args.defaults)) + [*definition.args.defaults]
    pairs = [
        *zip(positional, defaults, strict=True),
        *zip(definition.args.kwonlyargs, definition.args.kw_defaults, strict=True),
    ]
    return [
        Argument(
            argument.arg,
            kind_of(ast.unparse(argument.annotation), kinds) if argument.annotation else "",
            None if default is None else ast.unparse(default),
        )
        for argument, default in pairs
    ]


def kind_of(annotation: str, kinds: dict[str, str]) -> str:
    """The common ground of both spellings: int, float, str, float rows, int64, None where allowed."""
    for alias, meaning in kinds.items():
        annotation = re.sub(rf"\b{alias}\b", meaning, annotation)
    optional = " or None" if re.search(r"\bNone\b", annotation) else ""
    container = re.match(r"tuple|list|dict", annotation)
    if container:
        return container.group()
    if "NDArray" in annotation or "ndarray" in annotation:
        # nanobind writes no dtype for an argument that takes both float32 and float64.
        integers = re.search(r"u?int(8|16|32|64)\b", annotation)
        return f"array of {integers.group() if integers else 'floats'}{optional}"
    if "Literal" in annotation:
        return f"str{optional}"
    word = re.search(r"\b(int|float|str|bool|tuple|dict|list)\b", annotation)
    return (word.group() if word else "None") + ("" if not word else optional)


def aliases() -> dict[str, str]:
    return {
        node.targets[0].id: f"({ast.unparse(node.value)})"
        for node in STUB.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def built_signature(name: str) -> ast.FunctionDef:
    """nanobind's text of a function: its defaults are numbered and kept apart."""
    ((text, _, defaults),) = built(name).__nb_signature__
    for place, value in enumerate(defaults or ()):
        text = text.replace(f"\\{place}", repr(value))
    # What nanobind writes inside ndarray[...] is no Python: shape=(*, *). Only the dtype matters here.
    text = re.sub(r"ndarray\[([^\]]*)\]", lambda match: f"ndarray[{dtype_in(match[1])!r}]", text)
    return ast.parse(f"{text}: ...").body[0]


def dtype_in(inside: str) -> str:
    found = re.search(r"dtype=(\w+)", inside)
    return found[1] if found else "floats"


def test_names_agree():
    offered = {name for name in dir(_native) if not name.startswith("_")}
    written = {name for name in STUBS if "." not in name} | {
        node.name for node in STUB.body if isinstance(node, ast.ClassDef)
    }
    assert offered == written


@pytest.mark.parametrize("name", [node.name for node in STUB.body if isinstance(node, ast.ClassDef)])
def test_members_agree(name):
    offered = {member for member in dir(getattr(_native, name)) if not member.startswith("_")}
    written = {stub.split(".")[1] for stub in STUBS if stub.startswith(f"{name}.")} - {"__init__"}
    assert offered == {member for member in written if not member.startswith("__")}


@pytest.mark.parametrize("name", STUBS)
def test_signatures_agree(name):
    stub = STUBS[name]
    if is_property(stub):
        assert isinstance(built(name), property)
        return
    ours, theirs = arguments_of(stub, aliases()), arguments_of(built_signature(name), {})
    if "." in name:
        ours, theirs = ours[1:], theirs[1:]  # self
    assert ours == theirs
    if stub.returns is not None and not name.endswith("__init__"):
        returned = built_signature(name).returns
        assert kind_of(ast.unparse(stub.returns), aliases()) == kind_of(ast.unparse(returned), {})


def test_answers_have_the_stated_dtypes():
    import numpy as np

    rows = np.eye(4, dtype=np.float32)
    scan = _native.FlatScan(rows, "sqeuclidean")
    kinds = [array.dtype for array in (*scan.search(rows, 2), *scan.search_radius(rows, 1.0))]
    assert kinds == [np.float64, np.int64, np.int64, np.float64, np.int64]
    assert _native.pairwise_rows(rows, rows, "cosine").dtype == np.float64


def test_wrong_dtypes_and_layouts_are_refused_not_converted():
    """The stub promises C-contiguous float32 or float64; a silent copy would hide a cost."""
    import numpy as np

    rows = np.zeros((4, 3))
    for wrong in (
        rows.T,
        rows[:, ::2],
        rows.astype(np.int64),
        rows.astype(np.float16),
        rows[0],
        rows.astype(object),
    ):
        with pytest.raises(TypeError):
            _native.FlatScan(wrong, "sqeuclidean")
    with pytest.raises(ValueError, match="metric 'l3'"):
        _native.FlatScan(rows, "l3")
