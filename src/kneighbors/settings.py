# SPDX-License-Identifier: Apache-2.0
"""The settings of a model, and the form in which its JSON keeps them.

Names and defaults are those of `parameters.py`; `tests/test_settings.py` holds them together. Whatever may
be large (arrays of ``metric_params``, priors) goes to sections, the rest to JSON; functions cannot be kept
and are refused.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, ParameterError

__all__ = ["Settings", "from_json", "to_json"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """What a user asked for; see `parameters.py` for the meaning of each."""

    n_neighbors: int | None = 5
    weights: Any = "uniform"
    radius: float | None = 1.0
    algorithm: Any = "auto"
    leaf_size: int = 30
    metric: Any = "minkowski"
    p: float | None = 2
    metric_params: dict[str, Any] | None = None
    priors: Any = None
    random_state: Any = 0
    sample_size: int | None = None
    scale: str | None = None
    reduce: str | None = None
    reduce_dim: int | None = None


# ``reduce`` and ``reduce_dim`` are not among them: the JSON has its own keys for a reduction.
_PLAIN = (
    "weights", "radius", "algorithm", "leaf_size", "metric", "p", "random_state", "sample_size", "scale"
)  # fmt: skip


def to_json(settings: Settings) -> tuple[dict[str, Any], dict[str, Array]]:
    """JSON-able values and sections; ``n_neighbors`` is not among them, it is the JSON's own ``k``.

    Raises
    ------
    ParameterError
        The metric or the weights are a function, or a metric parameter has no stored form.
    """
    for name in ("metric", "weights"):
        if not isinstance(getattr(settings, name), (str, type(None))):
            raise ParameterError(
                f"A model whose {name} is a function cannot be saved: files hold no code. Name a metric "
                "or weights that kneighbors knows, or pickle the estimator for your own use."
            )
    values = {name: _number_to_json(getattr(settings, name)) for name in _PLAIN}
    if not isinstance(settings.algorithm, str):
        values["algorithm"] = "auto"  # an index object: the index itself says what it is
    if not isinstance(settings.random_state, (numbers.Integral, type(None))):
        values["random_state"] = None  # a generator in use; the draws are in the model
    sections: dict[str, Array] = {}
    if settings.metric_params is not None:
        values["metric_params"] = {}
        for key, value in settings.metric_params.items():
            if np.ndim(value) > 0:
                sections[f"metric_params.{key}"] = np.asarray(value, dtype=np.float64)
                values["metric_params"][key] = "section"
            elif isinstance(value, (numbers.Real, np.bool_, type(None))):
                values["metric_params"][key] = _number_to_json(value)
            else:
                raise ParameterError(
                    f"metric_params[{key!r}] is a {type(value).__name__}, which files cannot hold. "
                    "Numbers and arrays can be saved."
                )
    if settings.priors is not None:
        several = _is_nested(settings.priors)
        values["priors"] = len(settings.priors) if several else 0
        for place, prior in enumerate(settings.priors if several else [settings.priors]):
            sections[f"priors.{place}"] = np.asarray(prior, dtype=np.float64)
    return values, sections


def from_json(values: dict[str, Any], sections: dict[str, Array], k: int) -> Settings:
    """The inverse of ``to_json``. Ranges are the estimators' to check; a section that is missing is an
    error here.
    """
    known = {name: _number_from_json(values[name]) for name in _PLAIN if name in values}
    stored = values.get("metric_params")
    if stored is not None:
        if not isinstance(stored, dict):
            raise DataError(f"'metric_params' is {stored!r}, an object is expected.")
        known["metric_params"] = {
            key: _section(sections, f"metric_params.{key}")
            if value == "section"
            else _number_from_json(value)
            for key, value in stored.items()
        }
    if values.get("priors") is not None:
        count = values["priors"]
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= len(sections):
            raise DataError(
                f"'priors' is {count!r}; the number of outputs, or 0 for a single one, is expected."
            )
        arrays = [_section(sections, f"priors.{place}") for place in range(max(1, count))]
        known["priors"] = arrays if count else arrays[0]
    return Settings(n_neighbors=k, **known)


def _is_nested(priors: Any) -> bool:
    return len(priors) > 0 and np.ndim(priors[0]) > 0


def _section(sections: dict[str, Array], name: str) -> Array:
    if name not in sections:
        raise DataError(f"The section '{name}' is missing.")
    return np.array(sections[name])


def _number_to_json(value: Any) -> Any:
    """Plain Python numbers; JSON has no infinity, so that is spelled out."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        return "infinity" if value == float("inf") else value
    return value


def _number_from_json(value: Any) -> Any:
    return float("inf") if value == "infinity" else value
