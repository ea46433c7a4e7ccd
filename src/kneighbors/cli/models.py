# SPDX-License-Identifier: Apache-2.0
"""A saved model, made ready to answer the rows of a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError

if TYPE_CHECKING:
    from ..data import Batch, Source

__all__ = [
    "batches",
    "check_probabilities",
    "classes",
    "load",
    "n_classes",
    "quiet_about_names",
    "text_dtype",
]

Progress = Callable[[int, "int | None", int], None]


def load(path: str, *, n_neighbors: int | None, n_jobs: int | None) -> Any:
    """The estimator of a model folder, with another k where one was given.

    Raises
    ------
    ModelFileError
        No model, or a damaged one.
    ParameterError
        A k that the model's rows do not suffice for.
    """
    import kneighbors

    estimator = kneighbors.load(path)
    limit = estimator._model.limit
    if n_neighbors is not None:
        if n_neighbors > limit:
            raise ParameterError(
                f"--k {n_neighbors} was given, but {path} answers with at most {limit:.15g} rows. Give 1 to "
                f"{limit:.15g}, or fit more rows."
            )
        estimator.set_params(n_neighbors=n_neighbors)
    return estimator.set_params(n_jobs=n_jobs)


def check_probabilities(estimator: Any, wanted: bool) -> None:
    """Only a classifier has probabilities."""
    if wanted and not hasattr(estimator, "classes_"):
        kind = "regressor" if hasattr(estimator, "predict") else "model without labels"
        raise ParameterError(
            f"--proba was given, but the model is a {kind}; expected a classifier. Leave --proba out."
        )


def n_classes(estimator: Any) -> int:
    """Classes of all outputs together; 0 where there are none."""
    classes = getattr(estimator, "classes_", ())
    return sum(map(len, classes)) if isinstance(classes, list) else len(classes)


def text_dtype(estimator: Any) -> np.dtype[Any] | None:
    """What holds the name of every class, where classes are text."""
    classes: Any = getattr(estimator, "classes_", ())
    every = classes if isinstance(classes, list) else [classes]
    if not all(getattr(getattr(one, "dtype", None), "kind", "") in ("O", "U") for one in every):
        return None
    return np.concatenate([one.astype(np.str_) for one in every]).dtype


def classes(estimator: Any) -> np.ndarray[Any, Any] | None:
    """The classes of a classifier with one output, sorted."""
    found = getattr(estimator, "classes_", None)
    return found if isinstance(found, np.ndarray) else None


def batches(source: Source, size: int, progress: Progress | None) -> Iterator[Batch]:
    """The source's batches, and where it has no rows an empty one, so that every answer has its columns."""
    from ..data import Batch

    is_empty = True
    for batch in source.batches(size, progress=progress):
        is_empty = False
        yield batch
    if is_empty:
        labels = None if source.label_dtype is None else np.empty(0, source.label_dtype)
        yield Batch(0, np.empty((0, source.n_features), dtype=source.feature_dtype), labels)


@contextmanager
def quiet_about_names() -> Iterator[None]:
    """Columns were matched by name when the file was opened; the rows come without names then."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield
