# SPDX-License-Identifier: Apache-2.0
"""Rows pasted or dropped as CSV: two columns and a label; more columns are projected on two."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import data
from ..errors import DataError
from .presets import rounded, view_of
from .state import MAX_CLASSES, MAX_POINTS

__all__ = ["MAX_TEXT", "read_points"]

MAX_TEXT = 4 << 20


def read_points(text: str) -> dict[str, Any]:
    """Points from the text of a CSV; the last column is the label, unless there are only two.

    Parameters
    ----------
    text : str
        With or without a header. Labels are classes where there are at most 10 different values that are
        text or whole numbers, and otherwise targets of a regression. Where more than two columns are left,
        they are brought to spread 1 and projected on their two main directions. More than 2,000 rows are
        thinned to 2,000, evenly over the file.

    Returns
    -------
    dict
        ``points``, ``view``, ``task``, ``axes``, and ``note``: what was done.

    Raises
    ------
    DataError
        As for ``kneighbors.data.open``: the message names line and column.

    Examples
    --------
    >>> read = read_points("x,y,kind\\n0,1,cat\\n2,3,dog\\n")
    >>> read["points"], read["task"]
    ([[0.0, 1.0, 0.0], [2.0, 3.0, 1.0]], 'classification')
    """
    if len(text) > MAX_TEXT:
        raise DataError(f"{len(text):,} characters were given; at most {MAX_TEXT:,} can be pasted.")
    if not text.strip():
        raise DataError("The text is empty; expected lines such as 1.5,2.0,cat.")
    content = text.encode()
    n_columns = _columns_of(content)
    label = None if n_columns == 2 else -1
    if n_columns < 2:
        raise DataError("One column was found; expected x, y and, if there is one, a label.", column=0)
    batch = data.open(content, format="csv", label=label).read()
    rows = np.asarray(batch.features, dtype=np.float64)
    labels = np.zeros(len(rows)) if batch.labels is None else np.asarray(batch.labels)
    names = list(_names(content, label))
    notes = [f"{len(rows):,} rows"]
    if len(rows) > MAX_POINTS:
        kept = np.unique(np.linspace(0, len(rows) - 1, MAX_POINTS).astype(np.int64))
        rows, labels = rows[kept], labels[kept]
        notes.append(f"thinned evenly to {len(rows):,}")
    if rows.shape[1] > 2:
        notes.append(f"{rows.shape[1]} columns scaled and projected on their two main directions")
        rows, names = _projected(rows), ["first direction", "second direction"]
    task, values, words = _labels(labels)
    if words:
        notes.append("classes " + ", ".join(f"{number} = {word}" for number, word in enumerate(words)))
    rows = rounded(rows)
    return {
        "points": [[float(x), float(y), float(value)] for (x, y), value in zip(rows, values, strict=True)],
        "view": view_of(rows),
        "task": task,
        "axes": names[:2],
        "note": "; ".join(notes) + ".",
    }


def _columns_of(content: bytes) -> int:
    first = next((line for line in content.splitlines() if line.strip()), b"")
    for delimiter in (b",", b"\t", b";", b"|"):
        if delimiter in first:
            return first.count(delimiter) + 1
    return 1


def _names(content: bytes, label: int | None) -> tuple[str, ...]:
    """The names of the feature columns, or x and y where there is no header."""
    names = data.open(content, format="csv", label=label).feature_names
    return ("x", "y") if names is None else tuple(names)


def _projected(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    if len(rows) < 2:
        raise DataError(
            "One row of many columns has no directions to be projected on; give two rows or more."
        )
    projected: NDArray[np.float64] = PCA(2, svd_solver="full").fit_transform(
        StandardScaler().fit_transform(rows)
    )
    return projected


def _labels(labels: NDArray[Any]) -> tuple[str, NDArray[np.float64], list[str]]:
    """Task, one number per row, and the words of the classes where they are not those numbers."""
    distinct = np.unique(labels)
    is_text = labels.dtype.kind not in "biuf"
    whole = is_text or bool((labels == np.floor(labels.astype(np.float64))).all())
    if is_text and len(distinct) > MAX_CLASSES:
        raise DataError(
            f"The last column holds {len(distinct):,} different words; expected at most {MAX_CLASSES} "
            "classes, or numbers."
        )
    if whole and len(distinct) <= MAX_CLASSES:
        codes = np.searchsorted(distinct, labels).astype(np.float64)
        plain = not is_text and bool(np.isin(distinct.astype(np.float64), np.arange(MAX_CLASSES)).all())
        if plain:
            return "classification", labels.astype(np.float64), []
        return "classification", codes, [str(value) for value in distinct]
    return "regression", labels.astype(np.float64), []
