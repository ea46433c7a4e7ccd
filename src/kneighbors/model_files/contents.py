# SPDX-License-Identifier: Apache-2.0
"""What a model folder holds, once read: the neutral form between the pipeline and the files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LABEL_KINDS", "PREDICTOR_TYPES", "ModelContents", "find_problem"]

PREDICTOR_TYPES = ("classifier", "regressor")
LABEL_KINDS = ("none", "number", "boolean", "string", "mixed")
_ROUNDING = 2.0**-40  # weights of 0.1 miss their exact sum by a little
REDUCTION_KEYS = ("type", "seed", "target_dim", "input_dim")


@dataclass
class ModelContents:
    """The three files as plain values.

    Attributes
    ----------
    k : int
        Neighbours asked for; editable in the JSON.
    predictor_type : {"classifier", "regressor"} or None
        The task; editable in the JSON. None: a model without labels.
    dimension_reduction : dict or None
        ``type``, ``seed``, ``target_dim``, ``input_dim``; None when nothing is reduced.
    normalize : bool
        True exactly when the metric is cosine.
    settings : dict
        JSON-able values for the JSON's ``kneighbors`` key: algorithm, metric, estimator parameters, sizes.
        Three of them are read here too, where they are given:

        ``n_rows`` (int)
            Rows that can answer; ``k`` may not exceed it, or the weight of the rows where there is a section
            ``sample_weight``: k counts weight then. Without it the labels are counted, or else the
            section called ``rows``. All of these that are there must agree.
        ``label_kind`` ({"none", "number", "boolean", "string", "mixed"})
            What the labels stand for, whatever form ``labels`` has: "string" and "mixed" (outputs of several
            kinds) refuse an edit of ``predictor_type`` to "regressor". "none" exactly when there are no
            labels. Without it labels count as numbers.
        ``metric`` (str)
            Must be "cosine" exactly when ``normalize`` is True.

        ``format_version``, ``little_endian`` and ``files`` are names of the file format and may not be used.
        Tuples come back as lists. Strings may hold no control characters.
    sections : dict of str to ndarray
        Named arrays for ``model_algo-1``: the rows, class names as UTF-8 bytes and offsets, scaler arrays...
        Names are letters, digits, ``_``, ``-`` and ``.``; dtypes are signed and unsigned integers of 8 to 64
        bits, float32 and float64. Once read they are read-only; with ``mmap=True``, views of the file.
    labels : ndarray or None
        For ``.labels``: class codes (int64) or targets, of shape (n,) or (n, n_outputs). None: no labels.
    """

    k: int
    predictor_type: str | None
    dimension_reduction: dict[str, Any] | None
    normalize: bool
    settings: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, NDArray[Any]] = field(default_factory=dict)
    labels: NDArray[np.float32] | NDArray[np.float64] | NDArray[np.int64] | None = None

    def k_limit(self) -> float:
        """The largest ``k``: rows that can answer, or their weight."""
        n_rows = next(iter(self.row_counts().values()))
        weights = self.sections.get("sample_weight")
        if weights is None or weights.dtype != np.float64:
            return float(n_rows)
        total = float(weights.sum())
        return total if math.isfinite(total) else float(n_rows)

    def row_counts(self) -> dict[str, Any]:
        """Every place that says how many rows can answer, by its name."""
        counts: dict[str, Any] = {}
        if "n_rows" in self.settings:
            counts["kneighbors.n_rows"] = self.settings["n_rows"]
        if self.labels is not None:
            counts["labels"] = self.labels.shape[0]
        if "rows" in self.sections:
            counts["section 'rows'"] = self.sections["rows"].shape[0]
        return counts


def find_problem(contents: ModelContents) -> tuple[str, str] | None:
    """What keeps these contents from being a model: the JSON key at fault and a message, or None.

    The same question is asked before writing and after reading, so nothing is written that could not be read.
    """
    checks = (_counts_problem, _k_problem, _predictor_problem, _label_kind_problem, _reduction_problem)
    for check in checks:
        found = check(contents)
        if found is not None:
            return found
    return _normalize_problem(contents)


Problem = tuple[str, str] | None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _counts_problem(contents: ModelContents) -> Problem:
    counts = contents.row_counts()
    if not counts:
        return "kneighbors.n_rows", "nothing says how many rows can answer; n_rows must be an integer"
    for place, count in counts.items():
        if not _is_int(count) or count < 1:
            return "kneighbors.n_rows", f"{place} gives {count!r} rows; a model has at least 1"
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{place}: {count}" for place, count in counts.items())
        return "kneighbors.n_rows", f"the counts of rows disagree ({told})"
    return None


def _k_problem(contents: ModelContents) -> Problem:
    limit = contents.k_limit()
    what = "the weight of the rows" if "sample_weight" in contents.sections else "the number of rows"
    if not _is_int(contents.k):
        return "k", f"k is {contents.k!r}; it must be an integer from 1 to {limit:.15g}, {what}"
    if contents.k < 1 or contents.k * (1.0 - _ROUNDING) > limit:
        return "k", f"k is {contents.k}; it must be from 1 to {limit:.15g}, {what}"
    return None


def _predictor_problem(contents: ModelContents) -> Problem:
    given = contents.predictor_type
    if given is not None and given not in PREDICTOR_TYPES:
        return "predictor_type", f"predictor_type is {given!r}; it must be 'classifier', 'regressor' or null"
    if given is None and contents.labels is not None:
        return (
            "predictor_type",
            "predictor_type is null but there are labels; set 'classifier' or 'regressor'",
        )
    if given is not None and contents.labels is None:
        return "predictor_type", f"predictor_type is {given!r} but the model has no labels; set it to null"
    return None


def _label_kind_problem(contents: ModelContents) -> Problem:
    kind = contents.settings.get("label_kind", "none" if contents.labels is None else "number")
    if kind not in LABEL_KINDS:
        return "kneighbors.label_kind", f"label_kind is {kind!r}; it must be one of {', '.join(LABEL_KINDS)}"
    if (kind == "none") != (contents.labels is None):
        return "kneighbors.label_kind", f"label_kind {kind!r} does not fit a model that has " + (
            "no labels" if contents.labels is None else "labels"
        )
    if kind in ("string", "mixed") and contents.predictor_type == "regressor":
        return "predictor_type", "predictor_type is 'regressor' but the labels are strings; set 'classifier'"
    return None


def _reduction_problem(contents: ModelContents) -> Problem:
    reduction = contents.dimension_reduction
    if reduction is None:
        return None
    if not isinstance(reduction, dict) or sorted(reduction) != sorted(REDUCTION_KEYS):
        keys = ", ".join(REDUCTION_KEYS)
        return "dimension_reduction", f"dimension_reduction must be null or have exactly the keys {keys}"
    if not isinstance(reduction["type"], str):
        return (
            "dimension_reduction",
            f"dimension_reduction.type is {reduction['type']!r}; it must be a string",
        )
    if reduction["seed"] is not None and not _is_int(reduction["seed"]):
        return (
            "dimension_reduction",
            f"dimension_reduction.seed is {reduction['seed']!r}; it must be an integer",
        )
    for key in ("target_dim", "input_dim"):
        if not _is_int(reduction[key]) or reduction[key] < 1:
            return (
                "dimension_reduction",
                f"dimension_reduction.{key} is {reduction[key]!r}; it must be 1 or more",
            )
    return None


def _normalize_problem(contents: ModelContents) -> Problem:
    normalize: Any = contents.normalize
    if not isinstance(normalize, bool):
        return "normalize", f"normalize is {normalize!r}; it must be true or false"
    metric = contents.settings.get("metric")
    if isinstance(metric, str) and (metric == "cosine") != normalize:
        return "normalize", f"normalize is {normalize} but the metric is {metric!r}"
    return None
