# SPDX-License-Identifier: Apache-2.0
"""The door of the reduce step: ``fit`` makes a reducer, ``load`` makes it again from its stored form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError, ParameterTypeError
from ..parameters import REDUCTIONS
from .base import Reducer, as_rows
from .pca import PcaReducer
from .random import FjltReducer, RandomReducer, SignReducer
from .select import SelectReducer

__all__ = ["fit", "load", "seed_from"]

_RANDOM: dict[str, type[RandomReducer]] = {"sign": SignReducer, "fjlt": FjltReducer}
_LARGEST_SEED = 2**32 - 1
_LARGEST_DIM = 2**30


def fit(
    kind: str,
    rows: Any,
    target_dim: int,
    *,
    random_state: Any = 0,
    labels: Any = None,
    task: str | None = None,
    score: str | None = None,
) -> Reducer:
    """Fit a reduction.

    Parameters
    ----------
    kind : {"sign", "fjlt", "pca", "select"}
        Random signs; the fast Johnson-Lindenstrauss transform; principal components; columns picked by score.
    rows : {array-like, sparse matrix} of shape (n, d)
        Finite numbers. "sign" and "fjlt" look at their shape only; "pca" takes no sparse matrix.
    target_dim : int
        Columns to keep, from 1 to d; for "pca" also at most n.
    random_state : int, RandomState, Generator or None, default=0
        An int from 0 to 2**32 - 1 is the seed itself; otherwise a seed is drawn.
    labels : array-like of shape (n,) or (n, n_outputs), default=None
        For "select" only.
    task : {"classifier", "regressor"} or None, default=None
        What the labels are for; None: regression where they are floats. For "select" only.
    score : {"variance", "f", "mutual_info"} or None, default=None
        What "select" ranks by; None is "f" (ANOVA F for classes, F of the correlation for targets) with
        labels and "variance" without.

    Returns
    -------
    Reducer

    Raises
    ------
    ParameterError
        An unknown kind, a ``target_dim`` beyond its range, a score without its labels.
    DataError
        No rows, or rows that are no matrix.

    References
    ----------
    D. Achlioptas: Database-friendly random projections. J. Comput. Syst. Sci. 66, 2003.
    N. Ailon, B. Chazelle: The fast Johnson-Lindenstrauss transform and approximate nearest neighbors. SIAM J.
    Comput. 39, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors import reduce
    >>> rows = np.random.default_rng(0).standard_normal((100, 64))
    >>> reducer = reduce.fit("fjlt", rows, 16)
    >>> reducer.transform(rows).shape
    (100, 16)
    >>> reducer.description()
    {'type': 'fjlt', 'seed': 0, 'input_dim': 64, 'target_dim': 16}
    >>> again = reduce.load(reducer.description(), reducer.arrays())
    >>> bool((again.transform(rows) == reducer.transform(rows)).all())
    True
    """
    if kind not in REDUCTIONS:
        raise ParameterError(
            f"reduce={kind!r} was given; expected {', '.join(map(repr, REDUCTIONS))} or None."
        )
    checked = as_rows(rows, "The rows to fit a reduction")
    n_rows, input_dim = checked.shape
    _check_target(target_dim, input_dim)
    seed = seed_from(random_state)
    if kind in _RANDOM:
        return _RANDOM[kind](seed, input_dim, int(target_dim))
    if n_rows == 0:
        raise DataError(f"reduce={kind!r} learns from rows, and there are none. At least one is needed.")
    if kind == "pca":
        return PcaReducer.fit(checked, int(target_dim), seed)
    return SelectReducer.fit(checked, int(target_dim), seed, score=score, labels=labels, task=task)


def load(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Reducer:
    """A reducer from what ``description`` and ``arrays`` of another gave.

    Nothing in them is believed: numbers, shapes and bounds are checked, and nothing is generated before
    rows come.

    Parameters
    ----------
    description : mapping
        ``type``, ``seed``, ``input_dim``, ``target_dim``, and what the type adds.
    arrays : mapping of str to ndarray
        May be memory-mapped and read-only. Empty for "sign" and "fjlt".

    Raises
    ------
    DataError
        Something is missing, or contradicts the rest.
    """
    kind = description.get("type")
    if kind not in REDUCTIONS:
        raise DataError(
            f"The stored reduction's 'type' is {kind!r}; this version knows "
            f"{', '.join(map(repr, REDUCTIONS))}."
        )
    ranges = {"seed": (0, _LARGEST_SEED), "input_dim": (1, _LARGEST_DIM), "target_dim": (1, _LARGEST_DIM)}
    for name, (least, most) in ranges.items():
        value = description.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise DataError(
                f"The stored reduction's {name!r} is {value!r}; an integer from {least} to {most} is "
                "expected."
            )
    if description["target_dim"] > description["input_dim"]:
        raise DataError(
            f"The stored reduction goes from {description['input_dim']} to {description['target_dim']} "
            "columns; it must "
            "not make more of them."
        )
    if kind in _RANDOM:
        return _RANDOM[kind](description["seed"], description["input_dim"], description["target_dim"])
    return (PcaReducer if kind == "pca" else SelectReducer).load(description, arrays)


def seed_from(random_state: Any) -> int:
    """The seed that ``random_state`` means: itself if it is an int, else one that is drawn."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if not 0 <= int(random_state) <= _LARGEST_SEED:
            raise ParameterError(f"random_state == {random_state}, must be from 0 to {_LARGEST_SEED}.")
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED, endpoint=True))
    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED, endpoint=True))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, _LARGEST_SEED, dtype=np.int64))
    raise ParameterTypeError(
        f"random_state must be an int, a NumPy generator or None. Got {random_state!r}. An int makes the "
        "same "
        "projection every time."
    )


def _check_target(target_dim: Any, input_dim: int) -> None:
    if isinstance(target_dim, (bool, np.bool_)) or not isinstance(target_dim, (int, np.integer)):
        raise ParameterTypeError(
            f"reduce_dim must be an int. Got {target_dim!r}. Give the number of columns to keep."
        )
    if not 1 <= target_dim <= input_dim:
        raise ParameterError(
            f"reduce_dim == {target_dim}, must be from 1 to {input_dim}, the number of columns: a "
            "reduction makes them "
            "fewer."
        )
    if input_dim > _LARGEST_DIM:
        raise DataError(f"Rows of {input_dim} columns were given; at most {_LARGEST_DIM} can be reduced.")
