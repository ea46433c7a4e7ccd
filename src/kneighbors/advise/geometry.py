# SPDX-License-Identifier: Apache-2.0
"""What the distances between rows say about the data: dimension, contrast, hubs.

``two_nn_dimension``
    E. Facco, M. d'Errico, A. Rodriguez, A. Laio: Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information. Scientific Reports 7, 2017.
``likelihood_dimension``
    E. Levina, P. J. Bickel: Maximum likelihood estimation of intrinsic dimension. NIPS 2004; averaged as
    D. J. C. MacKay and Z. Ghahramani correct it (2005).
``relative_contrast``
    J. He, S. Kumar, S.-F. Chang: On the difficulty of nearest neighbor search. ICML 2012. The question is
    that of K. Beyer, J. Goldstein, R. Ramakrishnan, U. Shaft: When is "nearest neighbor" meaningful? ICDT
    1999.
``occurrences``
    M. Radovanovic, A. Nanopoulos, M. Ivanovic: Hubs in space: popular nearest neighbors in high-dimensional
    data. JMLR 11, 2010.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["likelihood_dimension", "occurrences", "relative_contrast", "skewness", "two_nn_dimension"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_KEPT = 0.9  # the largest tenth of the ratios is left out: the paper's advice against outliers


def two_nn_dimension(distances: Floats) -> float | None:
    """Intrinsic dimension from the ratio of the second to the first neighbour's distance.

    The ratios follow a Pareto law whose exponent is the dimension: a line through the origin is fitted to
    -log(1 - F(ratio)) over log(ratio).

    Parameters
    ----------
    distances : ndarray of shape (n, k)
        To the other rows, nearest first, k at least 2. Rows with an equal row are left out.

    Returns
    -------
    float or None
        None where fewer than ten rows are left.
    """
    first, second = distances[:, 0], distances[:, 1]
    usable = (first > 0.0) & np.isfinite(second)
    if usable.sum() < 10:
        return None
    ratios = np.sort(np.log(second[usable] / first[usable]))
    n = len(ratios)
    kept = int(_KEPT * n)
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    square = float(x @ x)
    return float(x @ y) / square if square > 0.0 else None


def likelihood_dimension(distances: Floats) -> float | None:
    """Intrinsic dimension of largest likelihood, if rows are spread evenly within their k-th neighbour.

    Parameters
    ----------
    distances : ndarray of shape (n, k)
        As for ``two_nn_dimension``, k at least 3.
    """
    usable = (distances[:, 0] > 0.0) & np.isfinite(distances[:, -1])
    if usable.sum() < 10 or distances.shape[1] < 3:
        return None
    inside, farthest = distances[usable, :-1], distances[usable, -1:]
    inverse = float(np.log(farthest / inside).mean())
    return 1.0 / inverse if inverse > 0.0 else None


def relative_contrast(between: Floats, nearest: Floats) -> float | None:
    """How much farther a row at random is than the nearest: the mean distance over the mean nearest one.

    Near 1, every row is about as far as the nearest, and "nearest" says little.

    Parameters
    ----------
    between : ndarray
        Distances between pairs of different rows.
    nearest : ndarray of shape (n,)
        Of each row, to the nearest other that is not equal to it.
    """
    if len(nearest) == 0 or not np.isfinite(between).all() or not nearest.mean() > 0.0:
        return None
    return float(between.mean() / nearest.mean())


def occurrences(ids: Ids, n_rows: int) -> Ids:
    """How often each row is among the k nearest of another."""
    return np.bincount(ids.ravel(), minlength=n_rows)


def skewness(values: NDArray[np.number]) -> float:
    """The third standardised moment; 0 where nothing varies.

    Examples
    --------
    >>> skewness(np.array([1, 1, 1, 1, 6]))
    1.5
    """
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean()) / spread**3 if spread > 0.0 else 0.0
