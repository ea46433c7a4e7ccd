# SPDX-License-Identifier: Apache-2.0
"""One resolved metric: its name, what it needs, and its distances for a block of queries and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from . import formulas
from .whitening import Whitening

__all__ = ["Metric"]

Distances = NDArray[np.float64]

# Formulas that the native core measures, and its name for them; and those that are a Minkowski distance once
# they have weights, with its power.
_TILES = {
    "braycurtis": "braycurtis",
    "canberra": "canberra",
    "chebyshev": "chebyshev",
    "cityblock": "manhattan",
    "dice": "dice",
    "hamming": "hamming",
    "haversine": "haversine",
    "jaccard": "jaccard",
    "nan_euclidean": "nan_euclidean",
    "rogerstanimoto": "rogerstanimoto",
    "russellrao": "russellrao",
    "sokalsneath": "sokalsneath",
}
_POWERS = {"cityblock": 1.0, "euclidean": 2.0}


@dataclass(frozen=True, eq=False)
class Metric:
    """One resolved metric; made by ``resolve``.

    Attributes
    ----------
    name : str
        scikit-learn's ``effective_metric_``: Minkowski with p 1, 2 or infinity is "manhattan", "euclidean" or
        "chebyshev". A function's own name for functions.
    effective : str or callable
        The value for an estimator's ``effective_metric_``: ``name``, or the function itself.
    params : dict
        scikit-learn's ``effective_metric_params_``.
    formula : str
        Which computation it is; names that mean the same share one formula.
    arguments : dict
        What the formula is called with: arrays checked, ``VI`` worked out.
    function : callable or None
        The user's function of two rows.
    native : {"sqeuclidean", "inner_product", "cosine"} or None
        The native scan's name for it, where the scan computes it.
    allows_nan : bool
        True for "nan_euclidean" only.
    is_true_metric : bool
        True where the triangle inequality is known to hold; False for functions.
    """

    name: str
    effective: Any
    params: Mapping[str, Any]
    formula: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., float] | None = None
    native: str | None = None
    allows_nan: bool = False
    is_true_metric: bool = False

    @property
    def takes_booleans(self) -> bool:
        """True where only zero or not zero counts: rows are read as booleans."""
        return self.formula in formulas.BOOLEAN

    @property
    def tile(self) -> tuple[str, float, Distances | None] | None:
        """The native core's name for a metric it measures in tiles of its own, the power and the weights.

        None where it has none: a dot product goes through ``native``, the others through blocks.
        """
        weights = self.arguments.get("w")
        power = float(self.arguments.get("p", _POWERS.get(self.formula, 0.0)))
        if self.function is not None or self.native is not None:
            return None
        if self.formula == "minkowski" or (weights is not None and self.formula in _POWERS):
            return ("minkowski", power, weights) if np.isfinite(power) else None
        if self.formula in _TILES and weights is None:
            return _TILES[self.formula], 0.0, None
        return None

    @property
    def whitens(self) -> bool:
        """True for "seuclidean" and "mahalanobis": Euclidean distance of rows that are moved once."""
        return self.formula in ("seuclidean", "mahalanobis")

    def whitening(self, rows: Any) -> Whitening:
        """How rows are moved, for a metric that ``whitens`` and is ``fitted``."""
        if self.formula == "seuclidean":
            return Whitening.of_variances(rows, self.arguments["V"])
        return Whitening.of_inverse(rows, self.arguments["VI"])

    @property
    def rooted(self) -> bool:
        """True where the reported distance is the square root of the value that fixes the order."""
        return self.native is not None and self.formula == "euclidean"

    @property
    def is_named(self) -> bool:
        """True where the name and the arguments say everything: such a metric can be saved."""
        return self.function is None and self.formula != "distance_metric"

    def fitted(self, rows: Any) -> Metric:
        """Check the arguments against the rows, and estimate from them what the user left open.

        "mahalanobis" without V or VI takes the inverse covariance of ``rows`` (n - 1 in the denominator);
        "seuclidean" without V their variances. Both stay as they are when rows are added later.

        Parameters
        ----------
        rows : array or sparse matrix of shape (n_rows, n_columns)
            The rows that will be searched.

        Returns
        -------
        Metric
            This metric with complete arguments.

        Raises
        ------
        ParameterError
            An argument's shape does not fit the columns, or a covariance has no inverse.
        DataError
            "haversine" with other than two columns.
        """
        n_columns = rows.shape[1]
        if self.formula == "haversine" and n_columns != 2:
            raise DataError(
                "metric='haversine' measures (latitude, longitude) in radians, two columns; "
                f"X has {n_columns}."
            )
        arguments = dict(self.arguments)
        if self.formula == "mahalanobis" and "VI" not in arguments:
            arguments["VI"] = formulas.inverse(formulas.covariance(rows), "the covariance of X")
        if self.formula == "seuclidean" and "V" not in arguments:
            arguments["V"] = formulas.variances(rows)
            constant = np.flatnonzero(~(arguments["V"] > 0))
            if constant.size:
                raise ParameterError(
                    f"metric='seuclidean' divides by each column's variance, and column {constant[0]} of X "
                    f"is constant ({constant.size} such). Drop it, or give metric_params={{'V': variances}}."
                )
        if self.is_named:
            for key, shape in (("w", (n_columns,)), ("V", (n_columns,)), ("VI", (n_columns, n_columns))):
                if key in arguments and np.shape(arguments[key]) != shape:
                    raise ParameterError(
                        f"metric_params {key!r} of metric={self.name!r} has shape "
                        f"{np.shape(arguments[key])}; X has {n_columns} columns, so {shape} is expected."
                    )
        return replace(self, arguments=arguments)

    def ranking(self, queries: Any, rows: Any, n_threads: int = 1) -> Distances:
        """The values that fix the order, float64 of shape (n_queries, n_rows); ``report`` makes distances.

        Each value depends on its query and its row alone: splitting either side changes nothing. Native
        metrics and those with a ``tile`` are summed in the documented order, so they equal the native scans
        bit for bit.
        """
        if self.native is not None:
            from .._native import pairwise_rows

            widened = formulas.widened
            return pairwise_rows(widened(queries), widened(rows), self.native, n_threads)  # type: ignore[arg-type]
        if self.formula == "precomputed":
            raise ParameterError("metric='precomputed' is given distances; nothing is left to measure.")
        if self.function is not None:
            return formulas.function_distances(self.function, self.arguments, queries, rows)
        if self.formula == "distance_metric":
            return formulas.distance_metric_distances(self.effective, queries, rows)
        if self.tile is not None:
            return formulas.tile_distances(self.tile, queries, rows, n_threads)
        return formulas.scipy_distances(self.formula, self.arguments, queries, rows)

    def report(self, values: Distances) -> Distances:
        """Distances in the metric's unit, from values of ``ranking``."""
        return np.sqrt(values) if self.rooted else values

    def pairwise(self, queries: Any, rows: Any) -> Distances:
        """All distances, float64 of shape (n_queries, n_rows), in the metric's unit.

        Parameters
        ----------
        queries, rows : array of shape (n_queries, n_columns) and (n_rows, n_columns)
            Finite values, widened to float64 (NaN for "nan_euclidean"). Sparse matrices for functions only.

        Examples
        --------
        >>> from kneighbors.metrics import resolve
        >>> resolve("manhattan").pairwise([[0.0, 0.0]], [[3.0, 4.0], [1.0, 0.0]])
        array([[7., 1.]])
        """
        if not hasattr(queries, "toarray"):
            queries = np.asarray(queries)
        if not hasattr(rows, "toarray"):
            rows = np.asarray(rows)
        return self.report(self.ranking(queries, rows))
