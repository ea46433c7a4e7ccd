# SPDX-License-Identifier: Apache-2.0
"""What a model folder holds, once read: the neutral form between the pipeline and the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ModelContents"]


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
    sections : dict of str to ndarray
        Named arrays for ``model_algo-1``: the rows, class names as UTF-8 bytes and offsets, scaler arrays, ...
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
