# SPDX-License-Identifier: Apache-2.0
"""Scores of the test channel, gathered batch by batch in memory that does not grow with it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataTypeError
from ..model import Model
from ..pipeline import classify, regress

__all__ = ["Scores"]


class Scores:
    """Accuracy and macro F1 of a classifier, the mean squared error of a regressor.

    Parameters
    ----------
    model : Model
    k : int
    n_threads : int

    Attributes
    ----------
    n_rows : int
        Rows scored so far.
    """

    def __init__(self, model: Model, k: int, n_threads: int) -> None:
        assert model.labels is not None
        self._model, self._k, self._n_threads = model, k, n_threads
        self._classes = None if model.labels.classes is None else model.labels.classes[0]
        self._right: Counter[Any] = Counter()
        self._true: Counter[Any] = Counter()
        self._predicted: Counter[Any] = Counter()
        self._squares: list[float] = []
        self.n_rows = 0

    def add(self, rows: NDArray[Any], labels: NDArray[Any]) -> None:
        """Score some rows.

        Raises
        ------
        DataTypeError
            Labels that are no numbers where the model's are, or the reverse.
        """
        self.n_rows += len(rows)
        if self._classes is None:
            if labels.dtype.kind not in "biuf":
                raise DataTypeError("Channel test: found text as labels; expected numbers, as in train.")
            errors = regress(self._model, rows, self._k, n_threads=self._n_threads) - labels
            self._squares.append(math.fsum((errors * errors).tolist()))
            return
        found = classify(self._model, rows, self._k, n_threads=self._n_threads)
        if (found.dtype.kind in "OU") != (labels.dtype.kind in "OU"):
            raise DataTypeError(
                f"Channel test: found labels of dtype {labels.dtype}; expected the kind of those in train "
                f"({found.dtype})."
            )
        for counter, values in (
            (self._true, labels),
            (self._predicted, found),
            (self._right, found[found == labels]),
        ):
            names, counts = np.unique(values, return_counts=True)
            counter.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))

    def accuracy(self) -> float:
        """The share of rows whose label was found."""
        return sum(self._right.values()) / self.n_rows if self.n_rows else math.nan

    def macro_f(self) -> float:
        """The mean, over every class among true and predicted labels, of its F1."""
        classes = set(self._true) | set(self._predicted)
        each = [2 * self._right[c] / (self._true[c] + self._predicted[c]) for c in classes]
        return math.fsum(each) / len(each) if each else math.nan

    def mean_squared_error(self) -> float:
        """The mean of the squared differences between target and answer."""
        return math.fsum(self._squares) / self.n_rows if self.n_rows else math.nan
