# SPDX-License-Identifier: Apache-2.0
"""Grow and shrink: rows join a fitted model or leave it; scaler and reducer stay as they were fitted.

A model does not change. Each function returns its successor, which shares the rows and whatever was built.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError, ParameterError
from ..index import PlacesIndex, checks
from ..labels import Labels
from ..model import Model

__all__ = ["add_rows", "remove_rows"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def add_rows(
    model: Model,
    rows: Any,
    *,
    labels: Labels | None = None,
    sample_weight: Floats | None = None,
    n_threads: int = 1,
) -> tuple[Model, Ids]:
    """The model with these rows too, and their ids.

    Parameters
    ----------
    model : Model
    rows : ndarray or CSR of shape (n_added, n_features)
        As they would be given to fit. All are kept, also where fit drew a sample.
    labels : Labels or None
        Theirs, where the model has labels. Classes that the model has not seen join its classes.
    sample_weight : ndarray of shape (n_added,) or None
        Positive; None is 1 each.
    n_threads : int, default=1

    Returns
    -------
    Model, ndarray of int64
        The ids go on from ``model.n_rows_seen``.

    Raises
    ------
    DataError
        Rows or labels of another kind than the model's; nothing has changed.
    ParameterError
        Precomputed distances, to which no rows can be added.
    """
    n_added = int(rows.shape[0])
    if (labels is None) != (model.labels is None):
        raise DataError("Rows of a model with labels need labels, and rows of one without cannot have any.")
    if model.metric.formula == "precomputed":
        raise ParameterError(
            "metric='precomputed' cannot take more rows: fit on the larger matrix of distances instead."
        )
    new_ids = np.arange(model.n_rows_seen, model.n_rows_seen + n_added)
    joined = None if labels is None or model.labels is None else _joined(model.labels, labels)
    weights = _joined_weights(model, sample_weight, n_added)
    numbered = isinstance(model.index, PlacesIndex)
    index = copy.copy(model.index.index if isinstance(model.index, PlacesIndex) else model.index)
    index.add(model.prepare(rows, n_threads))
    return (
        replace(
            model,
            index=PlacesIndex(index) if numbered else index,
            n_rows_seen=model.n_rows_seen + n_added,
            row_ids=None if model.row_ids is None else np.concatenate([model.row_ids, new_ids]),
            sample_weight=weights,
            labels=joined,
        ),
        new_ids,
    )


def remove_rows(model: Model, ids: Any) -> Model:
    """The model without these rows. Their ids are not used again; classes stay, even those without rows.

    Raises
    ------
    ParameterError
        An id that is not held or is named twice, all of the rows, or precomputed distances.
    """
    if model.metric.formula == "precomputed":
        raise ParameterError(
            "metric='precomputed' cannot lose rows: fit on the smaller matrix of distances instead."
        )
    wanted = checks.removed_ids(ids)
    places = checks.places_of(wanted, model.row_ids, model.n_kept)
    checks.refuse_absent(wanted[places < 0])
    if places.size == 0:
        return model
    if places.size == model.n_kept:
        raise ParameterError(
            f"All {model.n_kept} rows were named; a model needs at least one. Nothing was removed."
        )
    if isinstance(model.index, PlacesIndex):
        index = copy.copy(model.index.index)
        index.remove(model.index.held_ids[places])
    else:
        index = copy.copy(model.index)
        index.remove(places)
    left = np.delete(np.arange(model.n_kept), places)
    labels = model.labels
    if labels is not None:
        labels = Labels(labels.values[left], labels.classes, labels.outputs_2d)
    return replace(
        model,
        index=PlacesIndex(index),
        row_ids=model.ids(left),
        sample_weight=None if model.sample_weight is None else model.sample_weight[left],
        labels=labels,
    )


def _joined_weights(model: Model, sample_weight: Floats | None, n_added: int) -> Floats | None:
    if sample_weight is None and model.sample_weight is None:
        return None
    new = np.ones(n_added) if sample_weight is None else sample_weight
    if not (new > 0.0).all():
        raise DataError("sample_weight of added rows must be positive: leave out rows that weigh nothing.")
    if model.sample_weight is None and (new == 1.0).all():
        return None
    old = np.ones(model.n_kept) if model.sample_weight is None else model.sample_weight
    return np.concatenate([old, new])


def _joined(old: Labels, new: Labels) -> Labels:
    """Labels of all rows; unseen classes take their place in the sorted order."""
    if old.n_outputs != new.n_outputs:
        raise DataError(f"y has {new.n_outputs} outputs; the model was fitted with {old.n_outputs}.")
    if (old.classes is None) != (new.classes is None):
        raise DataError("Classes and numeric targets do not go together.")
    if old.classes is None or new.classes is None:
        values = _exactly_joined(old.values, new.values, "targets")
        return Labels(values, None, old.outputs_2d)
    columns, classes = [], []
    for output in range(old.n_outputs):
        before, added = old.classes[output], new.classes[output]
        codes, new_codes = old.values[:, output], new.values[:, output]
        if _kind(before) != _kind(added):
            raise DataTypeError(
                f"y holds {_kind(added)} labels in column {output}; the model was fitted with "
                f"{_kind(before)}. Give labels of the same kind."
            )
        union = before
        unseen = ~np.isin(added, before)
        if unseen.any():
            union = np.sort(_exactly_joined(before, added[unseen], "classes"))
            codes = np.searchsorted(union, before)[codes]
        new_codes = np.searchsorted(union, added)[new_codes]
        columns.append(np.concatenate([codes, new_codes]).astype(np.int64, copy=False))
        classes.append(union)
    return Labels(np.stack(columns, axis=1), classes, old.outputs_2d)


def _exactly_joined(old: NDArray[Any], new: NDArray[Any], what: str) -> NDArray[Any]:
    """Both in one array; refused where its type would not hold each value exactly."""
    joined = np.concatenate([old, new])
    parts = ((old, joined[: len(old)]), (new, joined[len(old) :]))
    if any(part.dtype.kind in "iu" and (kept.astype(part.dtype) != part).any() for part, kept in parts):
        raise DataError(
            f"The new {what} are {new.dtype} and the model's {old.dtype}: together they would lose digits. "
            "Give both as the same type."
        )
    return joined


def _kind(classes: NDArray[Any]) -> str:
    return {"U": "string", "O": "string", "b": "boolean"}.get(classes.dtype.kind, "number")
