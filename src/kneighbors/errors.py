# SPDX-License-Identifier: Apache-2.0
"""Every exception kneighbors raises on purpose.

The tree::

    KneighborsError
    ├── ParameterError (ValueError)       a setting out of its range
    │   └── ParameterTypeError (TypeError)   a setting of the wrong type
    ├── DataError (ValueError)            rows, labels or queries that cannot be used
    │   └── DataTypeError (TypeError)        values of a type that has no distance
    ├── ModelFileError (ValueError)       a model folder that is damaged, foreign or too new
    ├── SaveError (OSError)               a model that could not be written
    └── MissingExtraError (ImportError)   an optional dependency that is not installed

An unfitted estimator raises scikit-learn's ``NotFittedError``.

Messages follow one template: what was given, what would work, and, where there is one, what to do next.
"""

from __future__ import annotations

import os

__all__ = [
    "DataError",
    "DataTypeError",
    "KneighborsError",
    "MissingExtraError",
    "ModelFileError",
    "ParameterError",
    "ParameterTypeError",
    "SaveError",
]


class KneighborsError(Exception):
    """Base of every exception that kneighbors raises on purpose."""


class ParameterError(KneighborsError, ValueError):
    """A setting is outside its documented range."""


class ParameterTypeError(ParameterError, TypeError):
    """A setting has a type that is never allowed, such as a string for ``n_neighbors``."""


class DataError(KneighborsError, ValueError):
    """Rows, labels or queries cannot be used as they are.

    Parameters
    ----------
    message : str
        What was found, what was expected and what to do next.
    row, column : int or None
        Zero-based place of the first offending value, where there is one.
    """

    def __init__(self, message: str, *, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class DataTypeError(DataError, TypeError):
    """Values of a type that has no distance: objects, strings, complex numbers."""


class ModelFileError(KneighborsError, ValueError):
    """A model folder cannot be loaded.

    Parameters
    ----------
    message : str
        What is wrong and what to do next.
    file : str or os.PathLike
        The file that was refused.
    section : str or None
        The section of that file, where the fault lies in one.
    """

    def __init__(self, message: str, *, file: str | os.PathLike[str], section: str | None = None) -> None:
        where = f"{os.fspath(file)}" + (f", section '{section}'" if section else "")
        super().__init__(f"{where}: {message}")
        self.file = os.fspath(file)
        self.section = section


class SaveError(KneighborsError, OSError):
    """A model could not be written; whatever stood at the target before still stands there.

    ``errno`` and ``filename`` are those of the operating system's refusal.
    """


class MissingExtraError(KneighborsError, ImportError):
    """An optional dependency is missing; the message names the command that adds it."""
