# SPDX-License-Identifier: Apache-2.0
"""What the contract tests share: where things lie, and the package's modules as parsed source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "kneighbors"
NATIVE = ROOT / "native"


@dataclass(frozen=True)
class Module:
    """One source file of the package and all it imports, lazy and type-only imports included."""

    name: str
    path: Path
    source: ast.Module = field(repr=False)
    ours: frozenset[str]
    others: frozenset[str]

    @property
    def part(self) -> str:
        """The file or folder below the package: "index" for kneighbors.index.flat, "" for the root."""
        return self.name.split(".")[1] if "." in self.name else ""


@lru_cache(maxsize=1)
def modules() -> tuple[Module, ...]:
    paths = sorted(path for path in PACKAGE.rglob("*.py"))
    names = {_name(path) for path in paths} | {"kneighbors._native"}
    return tuple(_parsed(path, names) for path in paths)


def part_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parsed(path: Path, names: set[str]) -> Module:
    name, source = _name(path), ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported = set(_imported(source, package, names))
    ours = frozenset(target for target in imported if target.split(".")[0] == "kneighbors")
    return Module(name, path, source, ours - {name}, frozenset(imported - ours))


def _imported(source: ast.Module, package: str, names: set[str]) -> Iterator[str]:
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for (
                alias
            ) in node.names:  # "from .. import pipeline" imports the module, not a name of the package
                deeper = f"{base}.{alias.name}"
                yield deeper if deeper in names else base
