# SPDX-License-Identifier: Apache-2.0
"""The checks of a preflight: each looks at the rows and may raise a suspicion, with the fixes to try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import KneighborsError
from ..estimators import NearestNeighbors
from ..metrics import Metric
from . import column_faults, geometry, row_faults
from .gains import Fix
from .tables import Table

__all__ = ["Checked", "Suspicion", "all_suspicions"]

LOW_CONTRAST = 1.6
"""Relative contrast below which the nearest row is hardly nearer than any: about that of 2,000 normal rows of
30 columns.
"""
HUBNESS = 2.0
"""Skewness of the occurrences above which few rows answer for many: 2,000 normal rows of 17 columns."""

_NEIGHBOURS = 20
_OCCURRENCES = 10
_IMBALANCE = 10.0
_WIDEST_PCA = 1000  # columns; beyond, ten cross-validated fits take minutes
_LEAST_ROWS = 50  # for what is said about distances


@dataclass(frozen=True)
class Suspicion:
    """Something that looks wrong, before its fix is measured.

    Attributes
    ----------
    name, severity, message, evidence, advice
        As in ``Finding``.
    fixes : list of Fix
        Tried in cross-validation; the best is reported.
    balanced : bool
        Whether each class counts the same in the score.
    stands : bool
        True where the severity holds whatever the fix gains.
    """

    name: str
    severity: str
    message: str
    evidence: dict[str, Any]
    advice: str
    fixes: list[Fix] = field(default_factory=list)
    balanced: bool = False
    stands: bool = False


@dataclass(frozen=True)
class Checked:
    """What is looked at: the table as given, the rows with missing values filled in, and their sample."""

    given: Table
    whole: Table
    sample: Table
    metric: Metric
    settings: dict[str, Any]
    seed: int


def all_suspicions(checked: Checked, n_jobs: int | None) -> tuple[list[Suspicion], dict[str, Any]]:
    """Every suspicion, and the facts."""
    table = checked.whole
    facts: dict[str, Any] = {
        "rows": table.n_rows,
        "columns": table.n_columns,
        "task": table.task,
        "rows_examined": checked.sample.n_rows,
        "identical_rows": row_faults.identical_rows(table.rows),
        "class_rows": None,
    }
    if table.classes is not None:
        counts = np.bincount(table.codes, minlength=len(table.classes)).tolist()
        facts["class_rows"] = {str(name): rows for name, rows in zip(table.classes, counts, strict=True)}
    found = [*_row_suspicions(checked), *_column_suspicions(checked)]
    distances = _distance_facts(checked, n_jobs)
    facts |= distances
    return [*found, *_distance_suspicions(checked, distances)], facts


def _row_suspicions(checked: Checked) -> Iterator[Suspicion]:
    given, table, k = checked.given, checked.whole, checked.settings["n_neighbors"]
    missing = np.isnan(given.rows)
    if missing.any():
        yield _missing(checked, missing)
    if k > table.n_rows:
        yield Suspicion(
            "too_few_rows",
            "error",
            f"n_neighbors is {k}, and there are {table.n_rows} rows: no query can be answered.",
            {"n_neighbors": k, "rows": table.n_rows},
            f"Set n_neighbors to at most {table.n_rows}, or fit more rows.",
        )
    contradictions = row_faults.contradictions(table)
    if contradictions.n_rows:
        share = contradictions.n_rows / table.n_rows
        yield Suspicion(
            "contradicting_rows",
            "warning" if share >= 0.01 else "note",
            f"{contradictions.n_rows:,} rows ({share:.1%}) are identical to others with another label, in "
            f"{contradictions.n_groups:,} groups; {contradictions.lost}.",
            {
                "rows": contradictions.n_rows,
                "groups": contradictions.n_groups,
                "share": share,
                "first_group": contradictions.first,
                "best_score": contradictions.best_score,
            },
            "Correct the labels, or let more neighbours vote.",
            [Fix({"n_neighbors": more}) for more in (2 * k + 1, 4 * k + 1) if more <= 0.8 * table.n_rows],
            stands=True,
        )
    if table.classes is not None:
        yield from _class_suspicions(table, k)


def _missing(checked: Checked, missing: Any) -> Suspicion:
    given = checked.given
    count, rows = int(missing.sum()), int(missing.any(axis=1).sum())
    columns = np.flatnonzero(missing.any(axis=0)).tolist()
    row, column = (int(place) for place in np.argwhere(missing)[0])
    allowed = checked.metric.allows_nan
    return Suspicion(
        "missing_values",
        "note" if allowed else "error",
        f"{count:,} values are missing, in {rows:,} rows and {len(columns)} columns "
        f"({_listed(given.names, columns)}); the first in row {row}, {given.names[column]}."
        + ("" if allowed else " Without metric='nan_euclidean', fit refuses them."),
        {"values": count, "rows": rows, "columns": columns, "first_row": row, "first_column": column},
        "They are skipped by this metric."
        if allowed
        else "Fill them in, leave those rows out, or set metric='nan_euclidean', which skips them. The other "
        "figures here are measured with column medians in their place.",
    )


def _class_suspicions(table: Table, k: int) -> Iterator[Suspicion]:
    assert table.classes is not None
    counts = np.bincount(table.codes, minlength=len(table.classes))
    rare = np.flatnonzero(counts <= k / 2)
    if len(counts) > 1 and len(rare):
        names = [str(table.classes[place]) for place in rare]
        smaller = sorted({1, max(1, 2 * int(counts[rare].min()) - 1)})
        yield Suspicion(
            "rare_classes",
            "warning",
            f"{len(rare)} of {len(counts)} classes have no more than {k // 2} rows, half of n_neighbors={k}: "
            f"they can have no majority anywhere ({_listed(names, range(len(names)))}).",
            {"classes": names, "rows": counts[rare].tolist(), "n_neighbors": k},
            "Set n_neighbors lower, weights='distance', or collect more of their rows.",
            [Fix({"weights": "distance"}), *(Fix({"n_neighbors": less}) for less in smaller if less < k)],
            balanced=True,
            stands=True,
        )
    elif len(counts) > 1 and counts.max() >= _IMBALANCE * counts.min():
        largest, smallest = int(counts.argmax()), int(counts.argmin())
        yield Suspicion(
            "imbalance",
            "note",
            f"Class {table.classes[largest]!s} has {counts.max() / counts.min():.0f} times the rows of class "
            f"{table.classes[smallest]!s} ({counts.max():,} and {counts.min():,}): votes lean to it.",
            {"largest": int(counts.max()), "smallest": int(counts.min())},
            "Judge by balanced accuracy, or set priors to 1 / rows of the class.",
            [Fix({"priors": (1.0 / counts).tolist()})] if counts.min() >= 10 else [],
            balanced=True,
        )


def _column_suspicions(checked: Checked) -> Iterator[Suspicion]:
    rows, names = checked.whole.rows, checked.whole.names
    constant = column_faults.constant_columns(rows)
    if constant and checked.whole.n_rows > 1:
        yield Suspicion(
            "constant_columns",
            "note",
            f"{len(constant)} of {len(names)} columns hold a single value: {_listed(names, constant)}.",
            {"columns": constant},
            "Leave them out.",
            [Fix({}, tuple(constant))],
        )
    groups = column_faults.copied_columns(rows, constant)
    if groups:
        copies = sorted(place for group in groups for place in group[1:])
        first = " = ".join(names[place] for place in groups[0][:3])
        yield Suspicion(
            "copied_columns",
            "note",
            f"{len(copies)} columns repeat another, up to unit and zero, and count again in each distance "
            f"({first}).",
            {"groups": groups},
            "Leave the copies out.",
            [Fix({}, tuple(copies))],
        )
    numbering = column_faults.numbering_columns(rows)
    if numbering:
        yield Suspicion(
            "numbering_columns",
            "warning",
            f"{_listed(names, numbering)}: whole numbers, all different, that number the rows as an id does.",
            {"columns": numbering},
            "Leave it out: a number that was given to a row says nothing about it.",
            [Fix({}, tuple(numbering))],
            stands=True,
        )
    yield from _dominating(checked, numbering)


def _dominating(checked: Checked, numbering: list[int]) -> Iterator[Suspicion]:
    """Looked for among the other columns: a column that numbers the rows is a finding of its own."""
    if checked.settings["scale"] in ("standard", "minmax", "robust"):
        return
    places = np.setdiff1d(np.arange(checked.sample.n_columns), numbering)
    rows = np.ascontiguousarray(checked.sample.rows[:, places])
    try:
        shares = column_faults.column_shares(checked.metric, rows, checked.seed) if len(places) > 1 else None
    except KneighborsError:  # arguments of the metric that are for all columns
        return
    if shares is None:
        return
    found = column_faults.dominating_columns(rows, shares)
    if not found:
        return
    columns = places[found].tolist()
    share = float(shares[found].sum())
    names = checked.sample.names
    others = len(places) - len(columns)
    yield Suspicion(
        "dominating_columns",
        "warning",
        f"{_listed(names, columns)}: {share:.1%} of the mean distance between two rows; the other {others} "
        "columns hardly count.",
        {"columns": columns, "share": share, "shares": [float(one) for one in shares[found]]},
        "Set scale='standard'.",
        [Fix({"scale": scale}) for scale in ("standard", "robust", "minmax")],
    )


def _distance_facts(checked: Checked, n_jobs: int | None) -> dict[str, Any]:
    names = ("intrinsic_dimension", "intrinsic_dimension_likelihood", "relative_contrast", "hubness")
    facts: dict[str, Any] = dict.fromkeys((*names, "largest_hub", "never_neighbours"))
    _, first = np.unique(checked.sample.rows, axis=0, return_index=True)
    rows = checked.sample.rows[np.sort(first)]  # equal rows have no dimension and no contrast
    if len(rows) < _LEAST_ROWS or checked.metric.formula == "inner_product":
        return facts
    settings = {name: checked.settings[name] for name in ("metric", "p", "metric_params", "scale")}
    try:
        model = NearestNeighbors(n_neighbors=_NEIGHBOURS, n_jobs=n_jobs, **settings).fit(rows)
        distances, ids = model.kneighbors()
        metric = checked.metric.fitted(model._fit_X)
        some = np.linspace(0, len(rows) - 1, min(len(rows), 500)).astype(np.int64)
        between = metric.pairwise(model._fit_X[some], model._fit_X)
    except KneighborsError:
        return facts
    between = between[some[:, None] != np.arange(len(rows))]
    counts = geometry.occurrences(ids[:, :_OCCURRENCES], len(rows))
    contrast = geometry.relative_contrast(between, distances[:, 0])
    return facts | {
        "intrinsic_dimension": geometry.two_nn_dimension(distances),
        "intrinsic_dimension_likelihood": geometry.likelihood_dimension(distances),
        "relative_contrast": contrast,
        "hubness": geometry.skewness(counts),
        "largest_hub": int(counts.max()),
        "never_neighbours": float((counts == 0).mean()),
    }


def _distance_suspicions(checked: Checked, facts: dict[str, Any]) -> Iterator[Suspicion]:
    contrast, hubness = facts["relative_contrast"], facts["hubness"]
    dimension = facts["intrinsic_dimension"]
    n_columns = checked.sample.n_columns
    sizes = sorted({size for size in (2, n_columns // 16, n_columns // 4) if 2 <= size < n_columns})
    kinds = ("select", "pca") if n_columns <= _WIDEST_PCA else ("select",)
    fixes = [Fix({"reduce": kind, "reduce_dim": size}) for kind in kinds for size in sizes]
    told = "" if dimension is None else f" The rows fill about {dimension:.0f} dimensions."
    if contrast is not None and contrast < LOW_CONTRAST:
        yield Suspicion(
            "low_contrast",
            "warning",
            f"A row at random is only {contrast:.2f} times as far as the nearest: nearness says little here."
            + told,
            {"relative_contrast": contrast, "intrinsic_dimension": dimension},
            "Keep fewer columns: those that matter (reduce='select'), or main directions (reduce='pca').",
            fixes,
            stands=True,
        )
    elif hubness is not None and hubness > HUBNESS:
        yield Suspicion(
            "hubs",
            "warning",
            f"Few rows are neighbours of many (skewness {hubness:.1f}): one is among the {_OCCURRENCES} "
            f"nearest of {facts['largest_hub']} rows, {facts['never_neighbours']:.1%} of the rows of none."
            + told,
            {name: facts[name] for name in ("hubness", "largest_hub", "never_neighbours")},
            "Keep fewer columns, with reduce='select' or reduce='pca'.",
            fixes,
        )


def _listed(names: Any, places: Any) -> str:
    places = list(places)
    shown = ", ".join(str(names[place]) for place in places[:4])
    return shown if len(places) <= 4 else f"{shown} and {len(places) - 4} more"
