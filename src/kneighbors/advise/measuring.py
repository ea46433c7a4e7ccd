# SPDX-License-Identifier: Apache-2.0
"""One cell of a scorecard: fit, ask, save, and write down what it took.

What is timed is what a user calls: ``fit`` up to the first answer (an index may be built at the first
question), ``predict`` with one row and with a batch, through the estimator. Everything is run once before it
is timed. Medians and the 99th percentile are of repetitions whose number is given; no mean, no best of.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from .planning import Choice
from .statistics import bootstrap_r2, percentile, r2, wilson
from .tables import Table, estimator_of

__all__ = ["BATCH", "Cell", "Exact", "Latency", "measure", "quietly"]

BATCH = 1000
"""Rows of the large batch."""

_LONGEST = {"single": 300, "batch": 30, "fit": 5}
_CLOSE = 0.01  # predictions that differ by less, in standard deviations of the target, agree


@dataclass(frozen=True)
class Latency:
    """Seconds of one call of ``predict`` with ``rows`` rows: the median, the 99th percentile, repetitions."""

    rows: int
    p50: float
    p99: float
    repetitions: int


@dataclass(frozen=True)
class Exact:
    """What exact search on unreduced rows answers to the held-out rows: the yardstick."""

    ids: NDArray[np.int64]
    answers: NDArray[Any]


@dataclass(frozen=True)
class Cell:
    """The figures of one combination.

    Attributes
    ----------
    name, algorithm, scale, reduce, reduce_dim
        Which combination. ``index`` is the kind of index that answered.
    fit_seconds : float
        From calling ``fit`` to the first answer, the median of ``fit_repetitions``.
    single, batch : Latency
        One row at a time, and 1,000 at a time; ``batch`` is None where the budget had no room for it.
    queries_per_second : float or None
        In the large batch.
    score, score_low, score_high : float
        Accuracy, or R2 for a regressor, on the held-out rows, with its 95 % interval.
    recall : float
        Share of the true nearest neighbours that were found; true is exact search over the same scaling,
        not reduced.
    agreement : float
        Share of held-out rows answered as exact search over the same scaling, not reduced, answers them;
        for a regressor, to within a hundredth of the target's standard deviation.
    memory_bytes, disk_bytes : int or None
        Rows, index, scaler and reducer in memory; the three files of a model that was really saved, None
        where it cannot be.
    scores : dict
        "inference", "accuracy", "training" and "size", each from 0 to 1 by the formulas of the scorecard.
    """

    name: str
    algorithm: str
    scale: str | None
    reduce: str | None
    reduce_dim: int | None
    index: str
    fit_seconds: float
    fit_repetitions: int
    single: Latency
    batch: Latency | None
    queries_per_second: float | None
    score: float
    score_low: float
    score_high: float
    recall: float
    agreement: float
    memory_bytes: int
    disk_bytes: int | None
    scores: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON has it."""
        return asdict(self)


def measure(
    choice: Choice,
    train: Table,
    test: Table,
    *,
    settings: dict[str, Any],
    reduce_dim: int | None,
    exact: Exact | None,
    seconds: float,
    seed: int,
) -> tuple[Cell, Exact]:
    """Fit one combination and measure it in about ``seconds``; the fit and the held-out rows come first, and
    are always complete.

    Parameters
    ----------
    exact : Exact or None
        The yardstick of this scaling; None where this cell is the yardstick itself.

    Returns
    -------
    cell : Cell
    own : Exact
        What this cell answered.
    """
    until = time.perf_counter() + seconds
    dim = reduce_dim if choice.reduce is not None else None
    chosen = {"algorithm": choice.algorithm, "scale": choice.scale, "reduce": choice.reduce}
    estimator = estimator_of(train.task, **settings, **chosen, reduce_dim=dim)

    def fit() -> None:
        estimator.fit(train.rows, train.labels)
        estimator.predict(test.rows[:1])

    fits = _repeat(fit, _LONGEST["fit"], until - 0.8 * seconds)
    answers = estimator.predict(test.rows)
    ids = estimator.kneighbors(test.rows, return_distance=False)
    own = Exact(ids, answers)
    yardstick = own if exact is None else exact
    score, low, high = _score(test, answers, seed)
    single, batch = _latencies(estimator, test.rows, until)
    model = estimator._model
    return (
        Cell(
            name=choice.name,
            algorithm=choice.algorithm,
            scale=choice.scale,
            reduce=choice.reduce,
            reduce_dim=dim,
            index=str(model.index.describe().get("kind", type(model.index).__name__)),
            fit_seconds=percentile(fits, 50),
            fit_repetitions=len(fits),
            single=single,
            batch=batch,
            queries_per_second=None if batch is None else batch.rows / batch.p50,
            score=score,
            score_low=low,
            score_high=high,
            recall=_recall(ids, yardstick.ids),
            agreement=_agreement(test, answers, yardstick.answers),
            memory_bytes=_memory(model),
            disk_bytes=_disk(estimator),
        ),
        own,
    )


def _repeat(call: Callable[[], Any], most: int, until: float, least: int = 1) -> list[float]:
    """Seconds of each repetition, up to ``most`` of them while there is time."""
    taken: list[float] = []
    while len(taken) < least or (len(taken) < most and time.perf_counter() < until):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken


def _latencies(estimator: Any, rows: NDArray[Any], until: float) -> tuple[Latency, Latency | None]:
    left = max(0.0, until - time.perf_counter())
    place = 0

    def ask_one() -> None:
        nonlocal place
        estimator.predict(rows[place : place + 1])
        place = (place + 1) % len(rows)

    _repeat(ask_one, 3, 0.0)
    singles = _repeat(ask_one, _LONGEST["single"], time.perf_counter() + left / 2, least=5)
    many = np.ascontiguousarray(rows[np.arange(BATCH) % len(rows)])
    single = Latency(1, percentile(singles, 50), percentile(singles, 99), len(singles))
    if single.p50 * BATCH > 4 * left + 0.2:  # no batch costs more than its rows one by one
        started = time.perf_counter()
        estimator.predict(many[: BATCH // 20])
        if 20 * (time.perf_counter() - started) > left:
            return single, None
    estimator.predict(many)
    batches = _repeat(lambda: estimator.predict(many), _LONGEST["batch"], until, least=3)
    return single, Latency(BATCH, percentile(batches, 50), percentile(batches, 99), len(batches))


def _score(test: Table, answers: NDArray[Any], seed: int) -> tuple[float, float, float]:
    if test.task == "classifier":
        n_right = int((answers == test.labels).sum())
        return n_right / test.n_rows, *wilson(n_right, test.n_rows)
    return r2(test.codes, answers), *bootstrap_r2(test.codes, answers, seed)


def _recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    width = 1 + max(int(found.max()), int(true.max()))
    offsets = np.arange(len(found))[:, None] * width
    return float(np.isin(found + offsets, true + offsets).mean())


def _agreement(test: Table, answers: NDArray[Any], exact: NDArray[Any]) -> float:
    if test.task == "classifier":
        return float((answers == exact).mean())
    return float((np.abs(answers - exact) <= _CLOSE * test.codes.std()).mean())


def _memory(model: Any) -> int:
    rows = int(model.rows.nbytes)
    parts = [step for step in (model.scaler, model.reducer) if step is not None]
    held = sum(int(array.nbytes) for step in parts for array in step.arrays().values())
    return rows + int(model.index.memory_bytes) + held


def _disk(estimator: Any) -> int | None:
    """Bytes of the three files; None where the metric or the weights are functions, which files hold not."""
    with tempfile.TemporaryDirectory(prefix="kneighbors-scorecard-") as folder:
        target = Path(folder) / "model"
        try:
            estimator.save(target)
        except ParameterError:
            return None
        return sum(path.stat().st_size for path in target.iterdir())


@contextmanager
def quietly() -> Any:
    """Warnings of trial settings are no news to who asked about all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
