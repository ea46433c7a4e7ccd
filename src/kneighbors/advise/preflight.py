# SPDX-License-Identifier: Apache-2.0
"""``preflight``: what in these rows will mislead a vote of neighbours, and what mending it is worth.

=================  ===========================================================================
``column_faults``  columns that say nothing, say the same twice, drown others, number the rows
``row_faults``     rows that contradict each other, classes too small for k, missing values
``geometry``       intrinsic dimension, relative contrast, hubs
``gains``          what a fix gains, by cross-validation before and after
=================  ===========================================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..metrics import resolve
from ..parameters import PARAMETERS
from .checks import Checked, Suspicion, all_suspicions
from .gains import Fix, Gain, Judge
from .measuring import quietly
from .tables import Table, estimator_of, read_table, split

__all__ = ["FORMAT_VERSION", "Finding", "Preflight", "preflight"]

FORMAT_VERSION = 1
"""Of the JSON; a change of meaning raises it."""

SEVERITIES = ("error", "warning", "note")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    name : str
        "missing_values", "too_few_rows", "dominating_columns", "constant_columns", "copied_columns",
        "numbering_columns", "contradicting_rows", "rare_classes", "imbalance", "low_contrast" or "hubs".
    severity : {"error", "warning", "note"}
        "error": ``fit`` or ``predict`` will refuse. "warning": answers are likely the worse for it. "note":
        worth knowing, or the fix was measured and gains nothing for sure.
    message : str
        What was found, with numbers.
    evidence : dict
        The numbers.
    advice : str
        The fix, in words.
    settings : dict
        The fix, as settings of the estimators.
    drop : list of int
        Columns that the fix leaves out.
    options : str
        The fix, as options of the command line; empty where it has none.
    gain : Gain or None
        What the fix was measured to gain; None where nothing could be measured.
    """

    name: str
    severity: str
    message: str
    evidence: dict[str, Any]
    advice: str
    settings: dict[str, Any] = field(default_factory=dict)
    drop: list[int] = field(default_factory=list)
    options: str = ""
    gain: Gain | None = None


@dataclass(frozen=True)
class Preflight:
    """What ``preflight`` found.

    Attributes
    ----------
    findings : list of Finding
        The gravest first; empty for rows that are fine.
    facts : dict
        Rows, columns, task, classes and their rows, ``identical_rows``; ``intrinsic_dimension`` by two
        nearest neighbours and ``intrinsic_dimension_likelihood``, ``relative_contrast``, ``hubness``
        (skewness of the 10-occurrences), ``largest_hub``, ``never_neighbours``: None where the metric or too
        few rows allow none. ``rows_examined`` is the size of the sample that these and the gains are measured
        on.
    settings : dict
        ``n_neighbors``, ``metric`` and so on.
    seconds : float
    """

    findings: list[Finding]
    facts: dict[str, Any]
    settings: dict[str, Any]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the JSON has them; docs/guide/checking.md explains each key."""
        return {
            "format": "kneighbors-check",
            "version": FORMAT_VERSION,
            "findings": [asdict(one) for one in self.findings],
            "facts": self.facts,
            "settings": self.settings,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        return (
            "\n".join(f"{one.severity}: {one.message} {one.advice}" for one in self.findings) or "no findings"
        )


def preflight(
    X: Any,
    y: Any,
    *,
    task: str | None = None,
    n_neighbors: int = 5,
    weights: Any = "uniform",
    metric: Any = "minkowski",
    p: float | None = 2,
    metric_params: dict[str, Any] | None = None,
    scale: str | None = None,
    feature_names: list[str] | None = None,
    sample_size: int = 2000,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Preflight:
    """Look for what will mislead a vote of neighbours, and measure what mending it gains.

    Columns, missing values, contradicting rows and classes are looked for in all rows; distances and gains
    are measured on a sample. Each gain is cross-validated, before and after the fix, over the same five
    folds.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Dense rows; missing values are found, not refused.
    y : array-like of shape (n_samples,)
        Labels or targets.
    task : {"classifier", "regressor"} or None, default=None
        None: regressor where ``y`` holds fractions, or more than 50 numbers of fewer than ten rows each.
    n_neighbors, weights, metric, p, metric_params, scale
        What the model will be fitted with, as in the estimators.
    feature_names : list of str or None, default=None
        Used in messages; None takes those of a data frame, or "column 0" and so on.
    sample_size : int, default=2000
        Rows of the sample.
    random_state : int, default=0
        Seed of the sample and of the folds.
    n_jobs : int or None, default=None
        Threads, as in the estimators.
    progress : callable or None, default=None
        Called with the number of gains measured, how many there are to measure, and a name.

    Returns
    -------
    Preflight

    Raises
    ------
    DataError
        Rows or labels that cannot be read at all: infinity, text, sparse rows, a missing label.
    ParameterError
        A setting outside its range.

    Examples
    --------
    >>> import kneighbors
    >>> from sklearn.datasets import load_wine
    >>> found = kneighbors.preflight(*load_wine(return_X_y=True)).findings
    >>> [(one.name, one.options) for one in found]
    [('dominating_columns', '--scale standard')]
    >>> bool(found[0].gain.low > 0.1)
    True
    """
    started = time.perf_counter()
    resolved = resolve(metric, p, metric_params)
    if resolved.formula == "precomputed":
        raise ParameterError("metric='precomputed' has no columns to look at. Name a metric of rows.")
    for name, value in (("n_neighbors", n_neighbors), ("sample_size", sample_size)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ParameterError(f"{name}={value!r} was given; an int of 1 or more is expected.")
    table = read_table(X, y, task, allow_nan=True, names=feature_names)
    settings = {"n_neighbors": int(n_neighbors), "weights": weights, "metric": metric, "p": p}
    settings |= {"metric_params": metric_params, "scale": scale}
    judged = {**settings, "n_jobs": n_jobs}
    estimator_of(table.task, **judged)._check_parameters()
    with quietly():
        whole, sample = _prepared(table, int(sample_size), int(random_state))
        checked = Checked(table, whole, sample, resolved, settings, int(random_state))
        suspicions, facts = all_suspicions(checked, n_jobs)
    judge = Judge(sample, judged, int(random_state))
    findings = []
    for place, suspicion in enumerate(suspicions):
        if progress is not None:
            progress(place, len(suspicions), suspicion.name)
        measured = judge.best(suspicion.fixes, balanced=suspicion.balanced) if suspicion.fixes else None
        findings.append(_finding(suspicion, measured, table.names))
    if progress is not None:
        progress(len(suspicions), len(suspicions), "done")
    findings.sort(key=lambda one: SEVERITIES.index(one.severity))
    shown = {name: value for name, value in settings.items() if name != "metric_params"}
    shown |= {"metric": str(resolved.effective), "weights": str(weights)}
    return Preflight(findings, facts, shown, time.perf_counter() - started)


def _prepared(table: Table, sample_size: int, seed: int) -> tuple[Table, Table]:
    """The rows with medians in place of what is missing, and a fair sample of them."""
    rows = table.rows
    if np.isnan(rows).any():
        medians = np.nan_to_num(np.nanmedian(rows, axis=0)).astype(rows.dtype)
        rows = np.where(np.isnan(rows), medians, rows)
    whole = replace(table, rows=np.ascontiguousarray(rows))
    if whole.n_rows <= sample_size:
        return whole, whole
    return whole, whole.take(split(whole, most=sample_size, share=1.0, seed=seed).test)


def _finding(suspicion: Suspicion, measured: tuple[Fix, Gain] | None, names: list[str]) -> Finding:
    """What is told: the measured gain of the fix decides between warning and note, unless the fault stands by
    itself.
    """
    fix, gain = (None, None) if measured is None else measured
    severity = suspicion.severity
    if gain is not None and gain.low is not None:
        if severity == "warning" and not suspicion.stands and not gain.is_sure:
            severity = "note"
        if severity == "note" and gain.is_sure:
            severity = "warning"
    return Finding(
        name=suspicion.name,
        severity=severity,
        message=suspicion.message,
        evidence=suspicion.evidence,
        advice=suspicion.advice if fix is None else _advice(fix, names) or suspicion.advice,
        settings={} if fix is None else dict(fix.settings),
        drop=[] if fix is None else list(fix.drop),
        options="" if fix is None else _options(fix),
        gain=gain,
    )


def _advice(fix: Fix, names: list[str]) -> str:
    parts = [f"{name}={value!r}" for name, value in fix.settings.items()]
    words = f"Set {' and '.join(parts)}." if parts else ""
    if fix.drop:
        shown = ", ".join(names[place] for place in fix.drop[:5]) + (", ..." if len(fix.drop) > 5 else "")
        words = f"{words} Leave out {shown}.".strip()
    return words


def _options(fix: Fix) -> str:
    return " ".join(f"{PARAMETERS[name].option} {value}" for name, value in fix.settings.items())
