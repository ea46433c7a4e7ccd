# SPDX-License-Identifier: Apache-2.0
"""The random projections as scikit-learn transformers, for pipelines that do not end in k-NN."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, InvalidParameterError
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _native
from ..errors import ParameterError, ParameterTypeError
from .base import FloatRows, Reducer
from .make import seed_from
from .random import FjltReducer, RandomReducer, SignReducer

__all__ = ["FastJohnsonLindenstrauss", "SignProjection"]

_LARGEST_DEFAULT = 128


class _RandomProjection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the two; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }
    _kind: ClassVar[type[RandomReducer]]

    def __init__(self, n_components: int | None = None, *, random_state: Any = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Any:
        """Draw the projection. Only the number of columns of ``X`` matters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            More components than columns.
        """
        self._check_parameters()
        checked = _floats(self, X, reset=True)
        n_features = checked.shape[1]
        n_components = (
            min(_LARGEST_DEFAULT, n_features) if self.n_components is None else int(self.n_components)
        )
        if n_components > n_features:
            raise ParameterError(
                f"n_components == {n_components}, must be at most {n_features}, the number of columns: a "
                "projection "
                "makes them fewer."
            )
        self.n_components_ = n_components
        self.reducer_: Reducer = self._kind(seed_from(self.random_state), n_features, n_components)
        return self

    def transform(self, X: Any) -> FloatRows:
        """Project rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components_)
            float32 for float32 rows, else float64. The same bits for any batch and any number of threads.
        """
        check_is_fitted(self)
        return self.reducer_.transform(_floats(self, X, reset=False), _native.get_num_threads())

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def _check_parameters(self) -> None:
        """Refuse settings outside their range, with scikit-learn's message and this library's exceptions."""
        try:
            if isinstance(self.n_components, (bool, np.bool_)):
                raise InvalidParameterError(
                    f"The 'n_components' parameter of {type(self).__name__} must be an int in the range "
                    f"[1, inf) or None. Got {self.n_components!r} instead."
                )
            self._validate_params()
        except InvalidParameterError as error:
            value = getattr(self, str(error).split("'")[1])
            is_integer = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
            raise (ParameterError if is_integer else ParameterTypeError)(str(error)) from None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SignProjection(_RandomProjection):
    """Random signs: ``X R / sqrt(n_components)``, the entries of R being -1 or +1 with equal chance.

    Lengths, distances and inner products are preserved on average, and each within a factor 1 +- eps with
    high probability once ``n_components`` is some ``4 log(n) / (eps**2 / 2 - eps**3 / 3)``. O(n_features *
    n_components) per row.

    Parameters
    ----------
    n_components : int or None, default=None
        Columns to make, at most those there are; None: 128, or all if they are fewer.
    random_state : int, RandomState instance or None, default=0
        Seed; the same seed gives the same projection on every machine.

    Attributes
    ----------
    n_components_ : int
        Columns made.
    reducer_ : kneighbors.reduce.Reducer
        The projection itself.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where ``X`` has string column names.

    See Also
    --------
    FastJohnsonLindenstrauss : O(n_features * log(n_features)) per row.

    References
    ----------
    D. Achlioptas: Database-friendly random projections. J. Comput. Syst. Sci. 66, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.reduce import SignProjection
    >>> X = np.random.default_rng(0).standard_normal((10, 1000))
    >>> SignProjection(n_components=200).fit_transform(X).shape
    (10, 200)
    """

    _kind = SignReducer


class FastJohnsonLindenstrauss(_RandomProjection):
    """Random signs, a Walsh-Hadamard transform, and ``n_components`` positions sampled without replacement.

    Lengths, distances and inner products are preserved on average, and within bounds that hold for any
    data, spiky or not, since the transform spreads every vector evenly first. O(n_features *
    log(n_features)) per row, whatever ``n_components``.

    Parameters
    ----------
    n_components : int or None, default=None
        Columns to make, at most those there are; None: 128, or all if they are fewer.
    random_state : int, RandomState instance or None, default=0
        Seed; the same seed gives the same projection on every machine.

    Attributes
    ----------
    n_components_ : int
        Columns made.
    reducer_ : kneighbors.reduce.Reducer
        The projection itself.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where ``X`` has string column names.

    See Also
    --------
    SignProjection : quicker for few components.

    References
    ----------
    N. Ailon, B. Chazelle: The fast Johnson-Lindenstrauss transform and approximate nearest neighbors. SIAM J.
    Comput. 39, 2009.
    J. A. Tropp: Improved analysis of the subsampled randomized Hadamard transform. Adv. Adapt. Data Anal.
    3, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.reduce import FastJohnsonLindenstrauss
    >>> X = np.eye(4, 1000)
    >>> projected = FastJohnsonLindenstrauss(n_components=256).fit_transform(X)
    >>> np.linalg.norm(projected, axis=1)
    array([1., 1., 1., 1.])
    """

    _kind = FjltReducer


def _floats(transformer: _RandomProjection, X: Any, *, reset: bool) -> Any:
    """Checked rows: float16 and float32 as float32, all others as float64."""
    if getattr(X, "dtype", None) == np.float16:
        X = X.astype(np.float32)
    return validate_data(
        transformer,
        X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
    )
