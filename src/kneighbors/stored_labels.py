# SPDX-License-Identifier: Apache-2.0
"""Labels in the form that a model folder keeps, and back, for the predictor type that its JSON asks for.

``.labels`` gets one array of numbers. Class names that are not in it go to sections of ``model_algo-1``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .labels import Labels, as_target
from .sections import pack_text, unpack_text

__all__ = ["from_sections", "kind_of", "to_sections"]

Array = NDArray[Any]


def to_sections(labels: Labels) -> tuple[Array, dict[str, Any], dict[str, Array]]:
    """The stored form: the array for ``.labels``, settings for the JSON, and sections for the class names.

    The array holds the label values, so that classes that are numbers can be read as targets and back; class
    codes only where there are strings, or integers that do not fit. The settings say which.
    """
    settings: dict[str, Any] = {"outputs_2d": labels.outputs_2d, "stored": "values"}
    sections: dict[str, Array] = {}
    values = labels.values
    if labels.classes is not None:
        settings["classes"] = []
        for place, classes in enumerate(labels.classes):
            settings["classes"].append("object" if classes.dtype.kind == "O" else classes.dtype.str)
            sections.update(_class_sections(classes, f"classes.{place}"))
        numbers = [as_target(classes) for classes in labels.classes if _is_storable(classes)]
        if len(numbers) == labels.n_outputs and len({classes.dtype for classes in numbers}) == 1:
            columns = [classes[values[:, place]] for place, classes in enumerate(numbers)]
            values = np.stack(columns, axis=1)
        else:
            settings["stored"] = "codes"
    stored = values if labels.outputs_2d else values[:, 0]
    return np.ascontiguousarray(stored), settings, sections


def kind_of(labels: Labels | None) -> str:
    """One word for the model's JSON: "none", "number", "boolean", "string" or "mixed"."""
    if labels is None:
        return "none"
    names = {"U": "string", "O": "string", "b": "boolean"}
    kinds = {names.get(classes.dtype.kind, "number") for classes in labels.classes or [labels.values]}
    if "string" in kinds and len(kinds) > 1:
        return "mixed"
    return kinds.pop() if len(kinds) == 1 else "number"


def from_sections(
    stored: Array, settings: dict[str, Any], sections: dict[str, Array], predictor_type: str
) -> Labels:
    """The inverse of ``to_sections``, for the predictor type that the JSON asks for now.

    A model whose labels are numbers may change its predictor type: the values are the classes, or the
    targets.

    Raises
    ------
    DataError
        The labels do not fit the settings, or a regressor is asked for over string labels.
    """
    values = np.asarray(stored)
    values = values.reshape(len(values), -1)
    outputs_2d = bool(settings.get("outputs_2d", stored.ndim == 2))
    if not outputs_2d and values.shape[1] != 1:
        raise DataError(f"The labels have {values.shape[1]} columns, the settings say one.")
    known = [
        _classes_of(sections, f"classes.{place}", str(dtype))
        for place, dtype in enumerate(settings.get("classes", ()))
    ]
    if known and len(known) != values.shape[1]:
        raise DataError(f"The labels have {values.shape[1]} columns, but there are classes for {len(known)}.")
    coded = settings.get("stored", "values") == "codes"
    if coded:
        _check_codes(values, known)
    elif any(classes.dtype.kind in "UO" for classes in known):
        raise DataError(
            "The classes are strings, so the labels must be codes; the settings say they are values."
        )

    if predictor_type == "classifier":
        if coded:
            return Labels(values.astype(np.int64, copy=False), known, outputs_2d)
        classes = known or [_classes_from_values(values[:, place]) for place in range(values.shape[1])]
        codes = [_codes_of(values[:, place], classes[place]) for place in range(values.shape[1])]
        return Labels(np.stack(codes, axis=1), classes, outputs_2d)

    if any(classes.dtype.kind in "UO" for classes in known):
        raise DataError("predictor_type is regressor, but the labels are strings. Set it back to classifier.")
    if coded:
        columns = [as_target(classes)[values[:, place]] for place, classes in enumerate(known)]
        return Labels(np.stack(columns, axis=1), None, outputs_2d)
    return Labels(values if values.dtype == np.int64 else values.astype(np.float64), None, outputs_2d)


def _is_storable(classes: Array) -> bool:
    return classes.dtype.kind not in "UO" and not (classes.dtype == np.uint64 and classes[-1] > 2**63 - 1)


def _class_sections(classes: Array, name: str) -> dict[str, Array]:
    if classes.dtype.kind in "UO":
        return pack_text(classes, name)
    if classes.dtype.kind == "f":
        return {name: classes.astype(np.float64)}
    return {name: classes.view(np.int64) if classes.dtype == np.uint64 else classes.astype(np.int64)}


def _classes_of(sections: dict[str, Array], name: str, dtype: str) -> Array:
    names = unpack_text(sections, name)
    if names is not None:
        return np.array(names, dtype=object if dtype == "object" else np.str_)
    if name not in sections:
        raise DataError(f"The section '{name}' is missing.")
    stored = np.asarray(sections[name])
    wanted = np.dtype(dtype)
    if wanted.kind not in "biuf":
        raise DataError(f"The classes of section '{name}' cannot have the type {dtype!r}.")
    return stored.view(np.uint64) if wanted == np.uint64 else stored.astype(wanted)


def _classes_from_values(column: Array) -> Array:
    classes = np.unique(column)
    whole = bool((classes == np.floor(classes)).all()) and bool((np.abs(classes) < 2.0**53).all())
    return classes.astype(np.int64) if whole or classes.dtype.kind == "i" else classes.astype(np.float64)


def _codes_of(column: Array, classes: Array) -> NDArray[np.int64]:
    names = classes.astype(column.dtype)  # exact: the values came from these very classes
    codes = np.searchsorted(names, column).astype(np.int64)
    codes[codes == len(names)] = 0
    if not (names[codes] == column).all():
        row = int(np.argmax(names[codes] != column))
        raise DataError(f"The label {column[row]} of row {row} is not among the classes.", row=row)
    return codes


def _check_codes(values: Array, known: list[Array]) -> None:
    if not known or values.dtype.kind not in "iu":
        raise DataError("The labels are class codes, but there are no classes to read them with.")
    for place, classes in enumerate(known):
        column = values[:, place]
        if column.size and (int(column.min()) < 0 or int(column.max()) >= len(classes)):
            raise DataError(f"A class code in column {place} is outside 0 to {len(classes) - 1}.")
