# SPDX-License-Identifier: Apache-2.0
"""From a state to a fitted estimator; the last few are remembered, so that a moving slider never fits."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from ..errors import DataError
from ..estimators import KNeighborsClassifier, KNeighborsRegressor
from .state import State

__all__ = ["Recent", "estimator", "fit_key", "parameters"]

_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """The last few values by key; safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Any, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> _Value | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Any, value: _Value) -> _Value:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


_FITTED: Recent[Any] = Recent(24)


def parameters(state: State) -> dict[str, Any]:
    """The estimator's parameters that a state sets, those that differ from the defaults only.

    Examples
    --------
    >>> parameters(State(n_neighbors=3, metric="minkowski", p=1.5))
    {'n_neighbors': 3, 'metric': 'minkowski', 'p': 1.5}
    """
    chosen: dict[str, Any] = {"n_neighbors": state.n_neighbors}
    if state.weights != "uniform":
        chosen["weights"] = state.weights
    chosen["metric"] = state.metric
    if state.metric == "minkowski":
        chosen["p"] = state.p
    if state.scale is not None:
        chosen["scale"] = state.scale
    if state.reduce is not None and state.noise:
        chosen |= {"reduce": state.reduce, "reduce_dim": 2}
        if state.random_state:
            chosen["random_state"] = state.random_state
    if state.algorithm != "auto":
        chosen["algorithm"] = state.algorithm
    return chosen


def fit_key(state: State) -> bytes:
    """What the fit depends on: everything but k and the weights."""
    return msgspec.json.encode(msgspec.structs.replace(state, n_neighbors=1, weights="uniform"))


def estimator(state: State) -> Any:
    """A fitted classifier or regressor for this state.

    Raises
    ------
    DataError
        There are no points.
    """
    if not state.points:
        raise DataError("There are no points yet: add one, or choose a preset.")
    key = fit_key(state)
    fitted = _FITTED.get(key)
    if fitted is None:
        kind = KNeighborsClassifier if state.task == "classification" else KNeighborsRegressor
        rows = np.ascontiguousarray(state.columns)
        fitted = _FITTED.put(key, kind(**parameters(state)).fit(rows, state.labels))
    chosen = copy.copy(fitted)  # k and the weights belong to the question, not to the fit
    return chosen.set_params(n_neighbors=state.n_neighbors, weights=state.weights)
