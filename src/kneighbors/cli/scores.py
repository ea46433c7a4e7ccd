# SPDX-License-Identifier: Apache-2.0
"""Scores of predictions against known labels, summed batch by batch in memory that does not grow.

The numbers are those of scikit-learn's ``accuracy_score``, ``f1_score(average="macro")``, ``r2_score``,
``mean_squared_error`` and ``mean_absolute_error`` over all rows at once (a share of nothing counts as 0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClassScores", "SeveralScores", "ValueScores"]


class ClassScores:
    """Counts of (true class, predicted class)."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Any, Any]] = Counter()

    def update(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """One batch of labels, each of shape (n,)."""
        names, codes = np.unique(truth, return_inverse=True)
        other_names, other_codes = np.unique(predicted, return_inverse=True)
        pairs, counts = np.unique(codes * len(other_names) + other_codes, return_counts=True)
        true_class, predicted_class = np.divmod(pairs, max(1, len(other_names)))
        keys = zip(names[true_class].tolist(), other_names[predicted_class].tolist(), strict=True)
        self._counts.update(dict(zip(keys, counts.tolist(), strict=True)))

    def result(self) -> dict[str, Any]:
        """``rows``, ``accuracy``, ``macro_f1`` and ``classes``, the worst first.

        Each class has its ``rows``, ``precision``, ``recall``, ``f1``, and ``taken_for``: the wrong classes
        its rows were given, most rows first.
        """
        n_rows = sum(self._counts.values())
        right: Counter[Any] = Counter()
        true_rows: Counter[Any] = Counter()
        predicted_rows: Counter[Any] = Counter()
        wrong: dict[Any, list[tuple[int, Any]]] = {}
        for (truth, predicted), count in self._counts.items():
            true_rows[truth] += count
            predicted_rows[predicted] += count
            if truth == predicted:
                right[truth] += count
            else:
                wrong.setdefault(truth, []).append((count, predicted))
        classes = []
        for name in sorted(true_rows.keys() | predicted_rows.keys()):
            classes.append(
                {
                    "class": name,
                    "rows": true_rows[name],
                    "precision": _share(right[name], predicted_rows[name]),
                    "recall": _share(right[name], true_rows[name]),
                    "f1": _share(2 * right[name], true_rows[name] + predicted_rows[name]),
                    "taken_for": [
                        {"class": other, "rows": count}
                        for count, other in sorted(wrong.get(name, []), key=lambda pair: -pair[0])
                    ],
                }
            )
        return {
            "rows": n_rows,
            "accuracy": _share(sum(right.values()), n_rows),
            "macro_f1": _share(sum(one["f1"] for one in classes), len(classes)),
            "classes": sorted(classes, key=lambda one: one["f1"]),
        }


class ValueScores:
    """Sums of errors, and the spread of the truth by the parallel rule (Chan, Golub and LeVeque, 1979)."""

    def __init__(self) -> None:
        self._n_rows = 0
        self._origin: float | None = None
        self._mean = self._spread = self._squares = self._absolute = 0.0

    def update(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """One batch of values, each of shape (n,)."""
        if len(truth) == 0:
            return
        truth = truth.astype(np.float64)
        errors = truth - predicted
        if self._origin is None:
            self._origin = float(truth[0])
        truth = truth - self._origin  # the spread of values far from zero would drown in their rounding
        self._squares += float(errors @ errors)
        self._absolute += float(np.abs(errors).sum())
        mean = float(truth.mean())
        spread = float(((truth - mean) ** 2).sum())
        together = self._n_rows + len(truth)
        step = mean - self._mean
        self._spread += spread + step * step * self._n_rows * len(truth) / together
        self._mean += step * len(truth) / together
        self._n_rows = together

    def result(self) -> dict[str, Any]:
        """``rows``, ``r2`` (None for a single row, where it has no meaning), ``mse`` and ``mae``."""
        if self._spread > 0.0:
            r2: float | None = 1.0 - self._squares / self._spread
        else:
            r2 = None if self._n_rows < 2 else float(self._squares == 0.0)
        return {
            "rows": self._n_rows,
            "r2": r2,
            "mse": _share(self._squares, self._n_rows),
            "mae": _share(self._absolute, self._n_rows),
        }


class SeveralScores:
    """The scores of each of several labels, and of all together.

    Parameters
    ----------
    one_output : ClassScores or ValueScores
    n_outputs : int
    """

    def __init__(self, one_output: Callable[[], ClassScores | ValueScores], n_outputs: int) -> None:
        self._outputs = [one_output() for _ in range(n_outputs)]
        self._n_rows = self._n_right = 0

    def update(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """One batch of labels, each of shape (n, n_outputs); of a single output also (n,)."""
        truth, predicted = truth.reshape(len(truth), -1), predicted.reshape(len(predicted), -1)
        for output, scores in enumerate(self._outputs):
            scores.update(truth[:, output], predicted[:, output])
        self._n_rows += len(truth)
        self._n_right += int((truth == predicted).all(axis=1).sum())

    def result(self) -> dict[str, Any]:
        """``rows``, ``outputs`` (the result of each) and the score of all: ``accuracy``, the share of rows
        that are right throughout, or ``r2``, the mean of the outputs'.
        """
        outputs = [scores.result() for scores in self._outputs]
        together: dict[str, Any] = {"rows": self._n_rows}
        if "accuracy" in outputs[0]:
            together["accuracy"] = _share(self._n_right, self._n_rows)
        else:
            known = [one["r2"] for one in outputs if one["r2"] is not None]
            together["r2"] = _share(sum(known), len(known)) if known else None
        return {**together, "outputs": outputs}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
