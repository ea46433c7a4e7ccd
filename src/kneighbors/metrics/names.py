# SPDX-License-Identifier: Apache-2.0
"""Every metric's name, its arguments and their checks."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ParameterTypeError
from .formulas import inverse
from .metric import Metric

__all__ = ["NAMES", "resolve"]

# Each name and the formula that computes it. Names of one line are the same metric.
_FORMULAS = {
    **dict.fromkeys(("euclidean", "l2"), "euclidean"),
    **dict.fromkeys(("manhattan", "cityblock", "l1"), "cityblock"),
    **dict.fromkeys(("chebyshev", "infinity"), "chebyshev"),
    **dict.fromkeys(("minkowski", "p"), "minkowski"),
    **dict.fromkeys(("rogerstanimoto", "sokalmichener"), "rogerstanimoto"),  # one number under two names
    "braycurtis": "braycurtis",
    "canberra": "canberra",
    "correlation": "correlation",
    "cosine": "cosine",
    "dice": "dice",
    "hamming": "hamming",
    "haversine": "haversine",
    "inner_product": "inner_product",
    "jaccard": "jaccard",
    "jensenshannon": "jensenshannon",
    "mahalanobis": "mahalanobis",
    "nan_euclidean": "nan_euclidean",
    "precomputed": "precomputed",
    "pyfunc": "callable",
    "russellrao": "russellrao",
    "seuclidean": "seuclidean",
    "sokalsneath": "sokalsneath",
    "sqeuclidean": "sqeuclidean",
    "yule": "yule",
}
NAMES = tuple(sorted(_FORMULAS))

_NATIVE = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "inner_product": "inner_product",
    "cosine": "cosine",
}
# Symmetric, zero between equal rows, and the triangle inequality holds (for Minkowski: from p = 1 on).
_TRUE_METRICS = frozenset(
    {
        "canberra",
        "chebyshev",
        "cityblock",
        "euclidean",
        "hamming",
        "haversine",
        "jaccard",
        "jensenshannon",
        "mahalanobis",
        "minkowski",
        "rogerstanimoto",
        "seuclidean",
        "sokalsneath",
    }
)
# Every other formula takes "w", a weight per column.
_ARGUMENTS: dict[str, set[str]] = {
    "haversine": set(),
    "inner_product": set(),
    "jensenshannon": set(),
    "mahalanobis": {"V", "VI"},
    "minkowski": {"p", "w"},
    "nan_euclidean": set(),
    "precomputed": set(),
    "seuclidean": {"V"},
}


def resolve(
    metric: Any,
    p: float | None = 2,
    metric_params: Mapping[str, Any] | None = None,
    *,
    rows: NDArray[Any] | None = None,
) -> Metric:
    """Turn a user's metric into a ``Metric``, by scikit-learn's rules.

    Parameters
    ----------
    metric : str, callable or sklearn.metrics.DistanceMetric
        A name of ``NAMES``, or a function of two rows (and ``metric_params`` as keywords) returning a number.
    p : float or None, default=2
        The power of "minkowski", above 0; None means 2. Other metrics ignore it.
    metric_params : dict or None, default=None
        ``p`` and ``w`` of "minkowski", ``V`` of "seuclidean" (variances), ``V`` (covariance) or ``VI`` (its
        inverse) of "mahalanobis", ``w`` (a weight per column) of scipy's other metrics. A ``p`` here wins
        over the parameter, with a SyntaxWarning, as in scikit-learn.
    rows : array of shape (n_rows, n_columns) or None, default=None
        Where given, the result is ``fitted`` to them.

    Returns
    -------
    Metric
        Not yet fitted unless ``rows`` is given.

    Raises
    ------
    ParameterError
        An unknown name (the closest are offered), an unknown or unusable argument.

    Examples
    --------
    >>> resolve("minkowski", p=1).name
    'manhattan'
    >>> resolve("sqeuclidean").native
    'sqeuclidean'
    """
    params = dict(metric_params or {})
    if "p" in params and p is not None:
        warnings.warn(
            "Parameter p is found in metric_params. The corresponding parameter from __init__ is ignored.",
            SyntaxWarning,
            stacklevel=3,
        )
    if isinstance(metric, str):
        resolved = _named(metric, p, params)
    elif hasattr(metric, "get_metric") and hasattr(metric, "pairwise"):
        resolved = Metric(type(metric).__name__, metric, params, "distance_metric")
    elif callable(metric):
        resolved = _function(metric, params, effective=metric)
    else:
        raise ParameterTypeError(
            f"metric is {metric!r}; a name or a function of two rows is expected. Names: {', '.join(NAMES)}."
        )
    return resolved if rows is None else resolved.fitted(rows)


def _named(name: str, p: float | None, params: dict[str, Any]) -> Metric:
    if name not in _FORMULAS:
        close = difflib.get_close_matches(name.lower(), NAMES, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Names: {', '.join(NAMES)}."
        raise ParameterError(f"metric={name!r} is not known. {hint} A function of two rows works too.")
    if name == "pyfunc":
        function = params.pop("func", None)
        if not callable(function):
            raise ParameterError("metric='pyfunc' needs metric_params={'func': a function of two rows}.")
        return _function(function, params, effective=name)
    if name == "minkowski":
        name, params = _minkowski(params.pop("p", p), params.pop("w", None), params)
    formula = _FORMULAS[name]
    arguments = _checked(name, formula, params)
    return Metric(
        name,
        name,
        params,
        formula,
        arguments,
        native=None if arguments else _NATIVE.get(formula),
        allows_nan=formula == "nan_euclidean",
        is_true_metric=formula in _TRUE_METRICS and arguments.get("p", 1) >= 1,
    )


def _function(function: Callable[..., float], params: dict[str, Any], effective: Any) -> Metric:
    name = getattr(function, "__name__", type(function).__name__)
    return Metric(name, effective, params, "callable", params, function=function)


def _minkowski(p: Any, w: Any, others: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """scikit-learn's rule: a power that has a name of its own goes by it, unless there are weights."""
    p = 2 if p is None else p
    if w is None and not others and p in (1, 2, np.inf):
        return {1: "manhattan", 2: "euclidean"}.get(p, "chebyshev"), {}
    return "minkowski", {**others, "p": p, "w": w}


def _checked(name: str, formula: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as arrays, or a ParameterError that names what would work."""
    known = _ARGUMENTS.get(formula, {"w"})
    unknown = sorted(set(params) - known)
    if unknown:
        options = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise ParameterError(f"metric_params of metric={name!r} has {', '.join(unknown)}; {options}.")
    arguments = {key: value for key, value in params.items() if value is not None}
    if formula == "minkowski":
        p = arguments.setdefault("p", 2)
        if isinstance(p, bool) or not isinstance(p, (int, float, np.integer, np.floating)) or not p > 0:
            raise ParameterError(f"p={p!r} is not a power; a number above 0 is expected (2 is Euclidean).")
    for key in sorted(arguments.keys() & {"w", "V", "VI"}):
        arguments[key] = _numbers(arguments[key], f"metric_params {key!r} of metric={name!r}")
    if "w" in arguments and (arguments["w"] < 0).any():
        raise ParameterError(f"metric_params 'w' of metric={name!r} is negative somewhere; use 0 or more.")
    if formula == "seuclidean" and "V" in arguments and not (arguments["V"] > 0).all():
        raise ParameterError("metric_params 'V' of metric='seuclidean' must hold variances above 0.")
    if formula == "mahalanobis" and "V" in arguments:
        if "VI" in arguments:
            raise ParameterError("metric='mahalanobis' was given both V and its inverse VI; give one.")
        arguments["VI"] = inverse(arguments.pop("V"), "metric_params 'V'")
    if "VI" in arguments and (arguments["VI"].ndim != 2 or np.ptp(arguments["VI"].shape) != 0):
        raise ParameterError(
            f"metric_params 'VI' must be a square matrix; its shape is {arguments['VI'].shape}."
        )
    return arguments


def _numbers(value: Any, what: str) -> NDArray[np.float64]:
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{what} is no array of numbers: {error}.") from None
    if not np.isfinite(array).all():
        raise ParameterError(f"{what} holds NaN or infinity.")
    return array
