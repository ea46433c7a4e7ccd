# SPDX-License-Identifier: Apache-2.0
"""``scorecard``: every index, scaling and reduction, measured on the user's own rows.

==============  =========================================================================
``planning``    which combinations, in which order, and which are left out and why
``measuring``   one combination: time, right answers, bytes
``grading``     four scores from the figures, by the formulas that are printed
``picture``     the result as one SVG
==============  =========================================================================
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import DataError, KneighborsError, ParameterError
from ..metrics import resolve
from ..parameters import REDUCTIONS, SCALINGS
from ..threads import resolve_threads
from .grading import FORMULAS, grade
from .measuring import Cell, Exact, measure, quietly
from .picture import draw
from .planning import Choice, algorithms, plan, some_of, usual_dim
from .tables import Split, Table, estimator_of, read_table, split

__all__ = ["FORMAT_VERSION", "Scorecard", "scorecard", "seconds_of"]

FORMAT_VERSION = 1
"""Of the JSON; a change of meaning raises it."""

Progress = Callable[[int, int, str], None]

_MOST_TEST_ROWS = 2000
_LEAST_TEST_ROWS = 50
_LONGEST_BUDGET = 86_400.0
_TELLING = 12  # combinations that a share of the budget is kept for: later ones take what is left


@dataclass(frozen=True)
class Scorecard:
    """What ``scorecard`` measured.

    Attributes
    ----------
    cells : list of Cell
        In the order measured; the first is exact search on the rows as they are.
    left_out : list of (str, str)
        Combinations that were not measured, and why.
    data : dict
        Rows, columns, rows fitted and held out, classes, task.
    settings : dict
        ``n_neighbors``, ``metric`` and so on, the budget and the seed.
    seconds : float
        Taken in all.
    formulas : dict
        How each of the four scores follows from the figures.
    """

    cells: list[Cell]
    left_out: list[tuple[str, str]]
    data: dict[str, Any]
    settings: dict[str, Any]
    seconds: float
    formulas: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the JSON has them; docs/guide/choosing.md explains each key."""
        return {
            "format": "kneighbors-scorecard",
            "version": FORMAT_VERSION,
            "data": self.data,
            "settings": self.settings,
            "seconds": self.seconds,
            "formulas": self.formulas,
            "cells": [cell.to_dict() for cell in self.cells],
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out],
        }

    def to_svg(self) -> str:
        """One picture: the four scores of each combination as bars, with the figures beside them."""
        return draw(self.to_dict())

    def best(self, score: str = "accuracy") -> Cell:
        """The cell with the highest of the four scores; the first of equals.

        Parameters
        ----------
        score : {"inference", "accuracy", "training", "size"}, default="accuracy"
        """
        if score not in self.formulas:
            raise ParameterError(f"score={score!r} was given; expected one of {', '.join(self.formulas)}.")
        return max(self.cells, key=lambda cell: cell.scores[score])

    def __str__(self) -> str:
        lines = [f"{'':<28}{'inference':>10}{'accuracy':>10}{'training':>10}{'size':>10}"]
        for cell in self.cells:
            shown = "".join(f"{cell.scores[name]:>10.2f}" for name in FORMULAS)
            lines.append(f"{cell.name:<28}{shown}")
        return "\n".join(lines)


def scorecard(
    X: Any,
    y: Any,
    *,
    task: str | None = None,
    n_neighbors: int = 5,
    weights: Any = "uniform",
    metric: Any = "minkowski",
    p: float | None = 2,
    metric_params: dict[str, Any] | None = None,
    scalings: Sequence[str] | None = None,
    reductions: Sequence[str] | None = None,
    reduce_dim: int | None = None,
    budget: float | str = 60.0,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Scorecard:
    """Measure every index, scaling and reduction on your own rows.

    A fifth of the rows, at most 2,000, is held out, the same rows for the same ``random_state``. Each
    combination is fitted on the others, asked, timed and really saved. What the budget leaves no room for is
    listed with the reason.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Dense rows.
    y : array-like of shape (n_samples,)
        Labels or targets.
    task : {"classifier", "regressor"} or None, default=None
        None: regressor where ``y`` holds fractions, or more than 50 numbers of fewer than ten rows each.
    n_neighbors, weights, metric, p, metric_params
        As in the estimators; the same for every combination.
    scalings, reductions : sequence of str or None, default=None
        Which of them to try, besides none; None tries every one.
    reduce_dim : int or None, default=None
        Columns after a reduction; None takes a quarter of them, at least two.
    budget : float or str, default=60.0
        Seconds, or a text such as "90s" or "2m". Exact search on the rows as they are is always measured.
    random_state : int, default=0
        Seed of the split, of the reductions and of the bootstrap.
    n_jobs : int or None, default=None
        Threads, as in the estimators.
    progress : callable or None, default=None
        Called before each combination with the number measured, the number planned and the name, and at the
        end with ``"done"``.

    Returns
    -------
    Scorecard

    Raises
    ------
    DataError
        Rows or labels that ``fit`` would refuse, sparse rows, or too few rows for ``n_neighbors``.
    ParameterError
        A setting outside its range.

    Examples
    --------
    >>> import kneighbors
    >>> from sklearn.datasets import load_iris
    >>> card = kneighbors.scorecard(*load_iris(return_X_y=True), budget=2, reductions=["pca"])
    >>> card.cells[0].name, card.cells[0].recall, card.cells[0].agreement
    ('brute', 1.0, 1.0)
    >>> sorted(card.cells[0].scores)
    ['accuracy', 'inference', 'size', 'training']
    """
    started = time.perf_counter()
    allowed = seconds_of(budget)
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise ParameterError(f"random_state={random_state!r} was given; an int of 0 or more is expected.")
    resolved = resolve(metric, p, metric_params)
    if resolved.formula == "precomputed":
        raise ParameterError("metric='precomputed' has no rows to scale or reduce. Name a metric of rows.")
    tried_scalings = some_of(scalings, SCALINGS, "scalings")
    tried_reductions = some_of(reductions, REDUCTIONS, "reductions")
    table = read_table(X, y, task)
    parts = split(table, most=_MOST_TEST_ROWS, seed=int(random_state))
    train, test = table.take(parts.train), table.take(parts.test)
    _check_counts(n_neighbors, train)
    settings = {"n_neighbors": n_neighbors, "weights": weights, "metric": metric, "p": p}
    settings |= {"metric_params": metric_params, "random_state": random_state, "n_jobs": n_jobs}
    dim = usual_dim(table.n_columns, train.n_rows) if reduce_dim is None else reduce_dim
    if reduce_dim is not None and not 1 <= reduce_dim <= table.n_columns:
        raise ParameterError(f"reduce_dim={reduce_dim} was given; expected 1 to {table.n_columns}.")
    names, left_out = algorithms(resolved, train.rows[: max(50, n_neighbors)])
    if dim is None and tried_reductions:
        left_out.append(("reductions", "the rows have one column"))
        tried_reductions = []
    run = _Run(train, test, settings, dim, started + allowed, int(random_state), progress)
    cells, skipped = run.through(names, tried_scalings, tried_reductions)
    shown = {name: value for name, value in settings.items() if name != "metric_params"}
    shown |= {"metric": str(resolved.effective), "weights": str(weights), "reduce_dim": dim}
    shown |= {"budget_seconds": allowed, "n_jobs": resolve_threads(n_jobs)}
    return Scorecard(
        cells=cells,
        left_out=left_out + skipped,
        data=_account(table, parts, run.test),
        settings=shown,
        seconds=time.perf_counter() - started,
        formulas=dict(FORMULAS),
    )


def seconds_of(budget: float | str) -> float:
    """A budget in seconds.

    Examples
    --------
    >>> seconds_of(60), seconds_of("90s"), seconds_of("2m")
    (60.0, 90.0, 120.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)?\s*", str(budget))
    seconds = 0.0 if found is None else float(found[1]) * {"m": 60, "min": 60, "h": 3600}.get(found[2], 1)
    if not 0.0 < seconds <= _LONGEST_BUDGET:
        raise ParameterError(
            f"budget={budget!r} was given; expected seconds above 0, or a text such as '90s' or '2m', up to "
            "a day."
        )
    return seconds


class _Run:
    """One walk through the plan: cells are measured while the budget lasts."""

    def __init__(
        self,
        train: Table,
        test: Table,
        settings: dict[str, Any],
        dim: int | None,
        deadline: float,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self.train, self.test = train, test
        self.settings, self.dim = settings, dim
        self.deadline, self.seed = deadline, seed
        self.progress = progress
        self.yardsticks: dict[str | None, Exact] = {}

    def through(
        self, names: list[str], scalings: list[str], reductions: list[str]
    ) -> tuple[list[Cell], list[tuple[str, str]]]:
        """Cells measured, and the combinations left out with their reasons."""
        total = len(names) * (1 + len(scalings)) * (1 + len(reductions))
        best_scale: list[str | None] = [None]
        best_score = -np.inf
        cells: list[Cell] = []
        left_out: list[tuple[str, str]] = []
        longest = 0.0
        for choice in plan(names, scalings, reductions, best_scale):
            started = time.perf_counter()
            if cells and started + longest > self.deadline:
                left_out.append((choice.name, "the budget was spent"))
                continue
            if self.progress is not None:
                self.progress(len(cells), total, choice.name)
            try:
                with quietly():
                    cell = self._measured(choice, total - len(cells) - len(left_out), first=not cells)
            except (KneighborsError, np.linalg.LinAlgError) as error:  # values too large for PCA's squares
                if not cells:
                    raise
                left_out.append((choice.name, str(error)))
                continue
            cells.append(cell)
            longest = max(longest, min(time.perf_counter() - started, self._needed(cell)))
            if choice.reduce is None and cell.score > best_score:
                best_score, best_scale[-1] = cell.score, choice.scale
        if self.progress is not None:
            self.progress(len(cells), total, "done")
        return cells, left_out

    def _measured(self, choice: Choice, n_left: int, *, first: bool) -> Cell:
        if first:
            self._fit_to_budget(choice, n_left)
        seconds = max(0.0, self.deadline - time.perf_counter()) / min(n_left, _TELLING)
        base = Choice("brute", choice.scale)
        if choice != base and choice.scale not in self.yardsticks:
            self.yardsticks[choice.scale] = self._yardstick(base)
        cell, own = measure(
            choice,
            self.train,
            self.test,
            settings=self.settings,
            reduce_dim=self.dim,
            exact=None if choice == base else self.yardsticks[choice.scale],
            seconds=seconds,
            seed=self.seed,
        )
        if choice == base:
            self.yardsticks[choice.scale] = own
        return replace(cell, scores=grade(cell, int(self.train.rows.nbytes)))

    def _yardstick(self, choice: Choice) -> Exact:
        estimator = estimator_of(
            self.train.task, **self.settings, algorithm=choice.algorithm, scale=choice.scale
        )
        estimator.fit(self.train.rows, self.train.labels)
        return Exact(
            estimator.kneighbors(self.test.rows, return_distance=False), estimator.predict(self.test.rows)
        )

    def _fit_to_budget(self, choice: Choice, n_left: int) -> None:
        """Hold out fewer rows where asking all of them would spend the budget on the first combinations."""
        estimator = estimator_of(self.train.task, **self.settings, algorithm=choice.algorithm)
        estimator.fit(self.train.rows, self.train.labels)
        some = self.test.rows[:16]
        estimator.predict(some[:1])
        started = time.perf_counter()
        estimator.predict(some)
        seconds_per_row = (time.perf_counter() - started) / len(some)
        left = max(0.0, self.deadline - time.perf_counter())
        share = 0.15 * left / min(n_left, _TELLING)  # each row is asked twice: for its label, and for its ids
        affordable = max(_LEAST_TEST_ROWS, int(share / max(seconds_per_row, 1e-9)))
        if affordable < self.test.n_rows:
            places = np.linspace(0, self.test.n_rows - 1, affordable).astype(np.int64)
            self.test = self.test.take(places)

    def _needed(self, cell: Cell) -> float:
        """Seconds that a combination takes at the least, whatever is left of the budget."""
        asked = 2 * self.test.n_rows * cell.single.p50 / 4
        batch = 0.0 if cell.batch is None else 4 * cell.batch.p50
        return cell.fit_seconds + asked + batch


def _check_counts(n_neighbors: Any, train: Table) -> None:
    if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, (int, np.integer)) or n_neighbors < 1:
        raise ParameterError(f"n_neighbors={n_neighbors!r} was given; an int of 1 or more is expected.")
    if train.n_rows < n_neighbors:
        raise DataError(
            f"{train.n_rows} rows are left to fit once a fifth is held out, fewer than n_neighbors="
            f"{n_neighbors}. Give more rows, or ask for fewer neighbours."
        )


def _account(table: Table, parts: Split, test: Table) -> dict[str, Any]:
    return {
        "rows": table.n_rows,
        "columns": table.n_columns,
        "dtype": table.rows.dtype.name,
        "rows_fitted": len(parts.train),
        "rows_held_out": len(parts.test),
        "rows_scored": test.n_rows,
        "task": table.task,
        "score": "accuracy" if table.task == "classifier" else "R2",
        "classes": None if table.classes is None else len(table.classes),
        "bytes_fitted": int(table.rows.itemsize) * len(parts.train) * table.n_columns,
        "cores": os.cpu_count(),
    }
