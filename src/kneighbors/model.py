# SPDX-License-Identifier: Apache-2.0
"""The fitted model: plain data that the pipeline fills, asks, saves and loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .index import Index
from .labels import Labels
from .metrics import Metric
from .settings import Settings

__all__ = ["Model", "StepReport"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class StepReport:
    """What one step did when the model was fitted: rows out, seconds taken, bytes held afterwards."""

    step: str
    rows: int
    seconds: float
    bytes: int


@dataclass
class Model:
    """A fitted model: everything that answers and is saved.

    Attributes
    ----------
    settings : Settings
        As they were when fitted.
    metric : Metric
    index : Index
        Over the kept rows.
    rows : ndarray or CSR of shape (n_kept, n_columns)
        The kept rows themselves, which the index shares.
    n_rows_seen : int
        Rows given to fit; ids are their numbers.
    row_ids : ndarray of shape (n_kept,) or None
        The ids of the kept rows, ascending; None where all were kept.
    sample_weight : ndarray of shape (n_kept,) or None
        Positive weights; None where each row counts once.
    labels : Labels or None
    feature_names : list of str or None
    steps : list of StepReport
    """

    settings: Settings
    metric: Metric
    index: Index
    rows: Any
    n_rows_seen: int
    row_ids: Ids | None = None
    sample_weight: Floats | None = None
    labels: Labels | None = None
    feature_names: list[str] | None = None
    steps: list[StepReport] = field(default_factory=list)

    @property
    def n_columns(self) -> int:
        return int(self.rows.shape[1])

    @property
    def n_kept(self) -> int:
        return int(self.rows.shape[0])

    @property
    def algorithm(self) -> str:
        """scikit-learn's word for how neighbours are found."""
        chosen = self.settings.algorithm
        is_tree = (
            isinstance(chosen, str)
            and chosen in ("kd_tree", "ball_tree")
            and not hasattr(self.rows, "toarray")
        )
        return chosen if is_tree else "brute"

    @property
    def limit(self) -> float:
        """The largest k that a query may ask for: kept rows, or their weight."""
        return float(self.n_kept if self.sample_weight is None else self.sample_weight.sum())

    def ids(self, places: Ids) -> Ids:
        """Ids, from places among the kept rows."""
        return places if self.row_ids is None else self.row_ids[places]
