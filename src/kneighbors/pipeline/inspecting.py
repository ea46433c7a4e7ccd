# SPDX-License-Identifier: Apache-2.0
"""Inspect: what happened to the data, step by step, and what the model is made of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..model import Model

__all__ = ["inspect"]


def inspect(model: Model) -> dict[str, Any]:
    """A JSON-able account of a fitted or loaded model.

    Returns
    -------
    dict
        ``rows_seen``, ``rows_kept``, ``columns_in``, ``columns_kept``, ``feature_names``; ``task``,
        ``classes`` (per output, where there are any); ``metric``, ``weights``, ``scale``; ``reduce``, with
        the share of variance kept where it is known; ``index``, as the index describes itself,
        and ``algorithm_reason``, why it is this kind; ``steps``:
        rows and columns after each step of the fit, its seconds and the bytes it holds.
    """
    labels = model.labels
    reduction = None
    if model.reducer is not None:
        reduction = {**model.reducer.description(), "variance_kept": model.reducer.variance_kept}
    return {
        "rows_seen": model.n_rows_seen,
        "rows_kept": model.n_kept,
        "columns_in": model.n_features,
        "columns_kept": model.n_columns,
        "feature_names": model.feature_names,
        "task": None if labels is None else "regressor" if labels.classes is None else "classifier",
        "classes": None
        if labels is None or labels.classes is None
        else [classes.tolist() for classes in labels.classes],
        "n_neighbors": model.settings.n_neighbors,
        "metric": str(model.metric.effective),
        "weights": str(model.settings.weights),
        "scale": model.settings.scale,
        "reduce": reduction,
        "index": model.index.describe(),
        "algorithm_reason": model.algorithm_reason,
        "steps": [asdict(report) for report in model.steps],
    }
