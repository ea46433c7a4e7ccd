# SPDX-License-Identifier: Apache-2.0
"""From a model folder back to an estimator."""

from __future__ import annotations

import os
from typing import Any, Literal

from .. import model_files, pipeline
from ..errors import DataError, ModelFileError, ParameterError
from .base import NeighborsEstimator
from .classifier import KNeighborsClassifier
from .nearest import NearestNeighbors
from .regressor import KNeighborsRegressor

__all__ = ["from_model", "load"]

_KINDS: dict[str | None, type[Any]] = {
    "classifier": KNeighborsClassifier,
    "regressor": KNeighborsRegressor,
    None: NearestNeighbors,
}


def load(
    path: str | os.PathLike[str], *, mmap: bool = True, verify: Literal["full", "header"] = "full"
) -> Any:
    """The estimator that a model folder holds; it answers bit for bit as the one that was saved.

    Parameters
    ----------
    path : str or os.PathLike
        The folder of the three files.
    mmap : bool, default=True
        Map the rows instead of reading them. Then the files must not be truncated in place while in use.
    verify : {"full", "header"}, default="full"
        "full" reads everything once and compares each digest; "header" checks structure only.

    Returns
    -------
    KNeighborsClassifier, KNeighborsRegressor or NearestNeighbors
        By the JSON's ``predictor_type``; ``n_neighbors`` is the JSON's ``k``. Both may be edited.

    Raises
    ------
    ModelFileError
        A file is damaged, foreign or too new, k is above the rows, or a regressor is asked for over string
        labels.

    Examples
    --------
    >>> import tempfile, kneighbors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kneighbors.KNeighborsClassifier(1).fit([[0.0], [1.0]], ["no", "yes"]).save(folder + "/model")
    ...     kneighbors.load(folder + "/model").predict([[0.9]])
    array(['yes'], dtype='<U3')
    """
    contents = model_files.read(path, mmap=mmap, verify=verify)
    try:
        return from_model(pipeline.from_contents(contents))
    except (DataError, ParameterError, KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelFileError(what, file=os.path.join(os.fspath(path), "model_algo-1.json")) from error


def from_model(model: pipeline.Model) -> Any:
    """The estimator around a fitted model: a classifier or regressor by its labels, else NearestNeighbors."""
    labels = model.labels
    kind = _KINDS[None if labels is None else "regressor" if labels.classes is None else "classifier"]
    names = set(kind._get_param_names())
    settings = {name: value for name, value in vars(model.settings).items() if name in names}
    estimator: NeighborsEstimator = kind(**settings)
    estimator._check_parameters()
    estimator._adopt(model)
    if isinstance(estimator, KNeighborsClassifier):
        estimator._priors()
    return estimator
