# SPDX-License-Identifier: Apache-2.0
"""Text embeddings made offline: TF-IDF and TruncatedSVD over docstring paragraphs of installed packages.

The packages are those that kneighbors or its tests install, so any set-up has them; how many paragraphs they
hold depends on their versions, and the note of the set says how many there were.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["PACKAGES", "embeddings", "paragraphs"]

PACKAGES = (
    "hypothesis",
    "joblib",
    "mypy",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings(folder: Path) -> Iterator[str]:
    """Docstrings of every Python file below a folder, in the order of paths and lines."""
    for path in sorted(folder.rglob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                continue
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
                yield text


def paragraphs(packages: tuple[str, ...] = PACKAGES, at_least: int = 8) -> list[str]:
    """Distinct docstring paragraphs of at least so many words; packages not installed are left out."""
    found: dict[str, None] = {}
    for package in packages:
        specification = importlib.util.find_spec(package)
        for folder in (specification and specification.submodule_search_locations) or []:
            for text in docstrings(Path(folder)):
                for part in re.split(r"\n\s*\n", text):
                    paragraph = " ".join(part.split())
                    if len(re.findall(r"[A-Za-z]{2,}", paragraph)) >= at_least:
                        found.setdefault(paragraph)
    return list(found)


def embeddings(
    n_rows: int, n_queries: int, n_columns: int = 384, texts: list[str] | None = None, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Unit rows and unit queries of shape (<= n_rows, n_columns) and (<= n_queries, n_columns), and a note.

    Where there is too little text, rows and queries shrink alike. Paragraphs without one known word are left
    out.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = paragraphs() if texts is None else texts
    order = np.random.default_rng(seed).permutation(len(found))[: n_rows + n_queries]
    chosen = [found[i] for i in order]
    terms = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=50_000, dtype=np.float32).fit_transform(
        chosen
    )
    values = TruncatedSVD(n_columns, n_iter=4, random_state=seed).fit_transform(terms).astype(np.float32)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    values = (values / np.where(norms > 0, norms, 1))[norms[:, 0] > 0]
    n_kept_rows = min(n_rows, len(values) * n_rows // (n_rows + n_queries))
    note = f"{len(found):,} paragraphs found, {n_kept_rows:,} rows, {terms.shape[1]:,} terms, unit length"
    return values[:n_kept_rows], values[n_kept_rows : n_kept_rows + n_queries], note
