# SPDX-License-Identifier: Apache-2.0
"""The fitted model: plain data that the pipeline fills, asks, saves and loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .index import ChangeLock, Index
from .labels import Labels
from .metrics import Metric
from .settings import Settings

__all__ = ["Model", "Reducer", "Scaler", "StepReport", "check", "reports_from"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class StepReport:
    """What one step did when the model was fitted: rows and columns out, seconds taken, bytes it holds."""

    step: str
    rows: int
    columns: int
    seconds: float
    bytes: int


class Scaler(Protocol):
    """What the scale step leaves behind."""

    def transform(self, rows: Any) -> Any: ...
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...


class Reducer(Protocol):
    """What the reduce step leaves behind."""

    @property
    def variance_kept(self) -> float | None: ...
    def transform(self, rows: Any, n_threads: int = 1) -> Any: ...
    def description(self) -> dict[str, Any]: ...
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...


@dataclass
class Model:
    """A fitted model: everything that answers and is saved.

    A model does not change: rows that are added or removed make another (``pipeline.growing``), and who holds
    this one goes on with it. Ids in the index are places: 0 to n_kept - 1.

    Attributes
    ----------
    settings : Settings
        As they were when fitted.
    metric : Metric
    index : Index
        Over the kept rows.
    n_rows_seen : int
        Rows ever given; ids are their numbers.
    n_features : int
        Columns given to fit; queries have as many.
    row_ids : ndarray of shape (n_kept,) or None
        The ids of the kept rows, ascending; None where all were kept.
    sample_weight : ndarray of shape (n_kept,) or None
        Positive weights; None where each row counts once.
    scaler, reducer : Scaler and Reducer, or None
        What queries go through before they are asked.
    labels : Labels or None
    feature_names : list of str or None
    steps : list of StepReport
    algorithm_reason : str
        Why this kind of index answers.
    changing : ChangeLock
        Held by whoever replaces this model by its successor, who inherits it.
    """

    settings: Settings
    metric: Metric
    index: Index
    n_rows_seen: int
    n_features: int
    row_ids: Ids | None = None
    sample_weight: Floats | None = None
    scaler: Scaler | None = None
    reducer: Reducer | None = None
    labels: Labels | None = None
    feature_names: list[str] | None = None
    steps: list[StepReport] = field(default_factory=list)
    algorithm_reason: str = "It was chosen when the model was fitted."
    changing: ChangeLock = field(default_factory=ChangeLock)

    @property
    def rows(self) -> Any:
        """The kept rows as the index holds them, scaled and reduced: an array or CSR of shape (n_kept,
        n_columns). After rows were added or removed the first look makes one matrix of them.
        """
        rows = self.__dict__.get("_rows")
        if rows is None:
            rows = self.__dict__["_rows"] = cast(Any, self.index).rows
        return rows

    @property
    def n_columns(self) -> int:
        """Columns after the last step."""
        return int(self.index.describe()["n_columns"])

    @property
    def n_kept(self) -> int:
        """Rows that can answer."""
        return self.index.n_rows

    @property
    def dtype(self) -> np.dtype[Any]:
        """The rows' type: float32 or float64."""
        dtype: np.dtype[Any] = np.dtype(self.index.describe()["dtype"])
        return dtype

    @property
    def is_sparse(self) -> bool:
        return bool(self.index.describe().get("sparse", False))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_rows"}

    @property
    def algorithm(self) -> str:
        """scikit-learn's word for how neighbours are found."""
        chosen = self.settings.algorithm
        if isinstance(chosen, str) and chosen == "auto":
            return "kd_tree" if self.index.describe()["kind"] == "kd_tree" else "brute"
        is_tree = isinstance(chosen, str) and chosen in ("kd_tree", "ball_tree") and not self.is_sparse
        return chosen if is_tree else "brute"

    @property
    def limit(self) -> float:
        """The largest k that a query may ask for: kept rows, or their weight."""
        return float(self.n_kept if self.sample_weight is None else self.sample_weight.sum())

    @property
    def counts_copies(self) -> bool:
        """Whether every weight is a whole number, so that a row of weight w is w rows."""
        return self.sample_weight is not None and bool(
            (self.sample_weight == np.floor(self.sample_weight)).all()
        )

    def prepare(self, queries: Any, n_threads: int = 1) -> Any:
        """Queries on the way that the rows took."""
        if self.scaler is not None:
            queries = self.scaler.transform(queries)
        if self.reducer is not None:
            queries = self.reducer.transform(queries, n_threads=n_threads)
        return queries

    def ids(self, places: Ids) -> Ids:
        """Ids, from places among the kept rows."""
        return places if self.row_ids is None else self.row_ids[places]


def reports_from(stored: Any) -> list[StepReport]:
    """The reports that a model's JSON holds."""
    names = sorted(StepReport.__dataclass_fields__)
    if not isinstance(stored, list) or not all(
        isinstance(entry, dict) and sorted(entry) == names for entry in stored
    ):
        raise DataError(f"'steps' must be a list of objects with the keys {', '.join(names)}.")
    return [StepReport(**entry) for entry in stored]


def check(model: Model) -> None:
    """Refuse a model whose parts contradict each other, as a folder's might.

    Raises
    ------
    DataError
        Naming the part.
    """
    n_kept, row_ids, sample_weight = model.n_kept, model.row_ids, model.sample_weight
    if type(model.n_rows_seen) is not int or model.n_rows_seen < n_kept:
        raise DataError(
            f"'n_rows_seen' is {model.n_rows_seen!r}; at least the {n_kept} rows kept are expected."
        )
    if not isinstance(model.algorithm_reason, str):
        raise DataError(f"'algorithm_reason' is {model.algorithm_reason!r}; a sentence is expected.")
    if row_ids is not None and (
        row_ids.shape != (n_kept,)
        or row_ids.dtype != np.int64
        or (np.diff(row_ids) <= 0).any()
        or row_ids[0] < 0
        or row_ids[-1] >= model.n_rows_seen
    ):
        raise DataError(f"The section 'row_ids' must name {n_kept} rows in ascending order.")
    if row_ids is None and model.n_rows_seen != n_kept:
        raise DataError(
            f"The model saw {model.n_rows_seen} rows and keeps {n_kept}, but no section says which."
        )
    if sample_weight is not None and (
        sample_weight.shape != (n_kept,)
        or sample_weight.dtype != np.float64
        or not (np.isfinite(sample_weight) & (sample_weight > 0.0)).all()
    ):
        raise DataError(f"The section 'sample_weight' must hold {n_kept} positive numbers.")
    if model.feature_names is not None and len(model.feature_names) != model.n_features:
        raise DataError(f"There are {len(model.feature_names)} feature names for {model.n_features} columns.")
