# SPDX-License-Identifier: Apache-2.0
"""Which columns are features and which are labels, by name or by position."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, ParameterTypeError
from .values import Place

__all__ = ["Column", "Columns", "Selection", "select"]

Column = str | int
Columns = Column | Sequence[Column] | None


@dataclass(frozen=True)
class Selection:
    """Positions of the chosen columns in the source.

    Attributes
    ----------
    features, labels : tuple of int
        Positions in the source, in the order of the matrix and of the labels.
    names : tuple of str or None
        Names of all columns of the source.
    """

    features: tuple[int, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...] | None

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the feature columns, in the order of the matrix."""
        return None if self.names is None else tuple(self.names[position] for position in self.features)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the label columns, in the order of the labels; empty where columns have no names."""
        return () if self.names is None else tuple(self.names[position] for position in self.labels)

    @property
    def label_name(self) -> str | None:
        """Name of the label column, or of several, joined by ", "; None where there is none."""
        return ", ".join(self.label_names) if self.label_names else None


def select(
    n_columns: int,
    names: tuple[str, ...] | None,
    *,
    label: Columns,
    columns: Columns,
    place: Place,
) -> Selection:
    """Resolve ``label`` and ``columns``; without ``columns``, all but the labels are features.

    Positions count from 0; negative ones count from the end.
    """
    if names is not None:
        _refuse_duplicates(names, place)
    labels = _positions(label, "label", n_columns, names, place)
    features = _positions(columns, "columns", n_columns, names, place)
    if columns is None:
        taken = set(labels)
        features = tuple(position for position in range(n_columns) if position not in taken)
    both = next((position for position in features if position in set(labels)), None)
    if both is not None:
        raise place.error(
            "it named both as label and in columns",
            "a column to be either a label or a feature",
            "Leave it out of columns, or choose another label.",
            column=both,
        )
    if not features:
        raise DataError(
            f"{place.source}: found no feature column among {n_columns} columns; expected at least one "
            "beside the label."
        )
    if names is not None:
        nameless = next((position for position in features if not names[position].strip()), None)
        if nameless is not None:
            raise DataError(
                f"{place.source}: column {nameless} (counting from 0) has no name; expected a name for every "
                "feature. It is often a row index that was written along: write the file without it "
                "(pandas: index=False), or choose the features with columns=[...].",
                column=nameless,
            )
    return Selection(features, labels, names)


def _positions(
    wanted: Columns, setting: str, n_columns: int, names: tuple[str, ...] | None, place: Place
) -> tuple[int, ...]:
    if wanted is None:
        return ()
    if isinstance(wanted, (str, int, np.integer)):
        wanted = [wanted]
    elif not isinstance(wanted, (Sequence, np.ndarray)):
        raise ParameterTypeError(
            f"{setting}={wanted!r} was given; expected a column's name, its position, or a list of these."
        )
    found = []
    for column in wanted:
        if isinstance(column, str):
            found.append(_named(column, setting, names, place))
        elif isinstance(column, (int, np.integer)) and not isinstance(column, bool):
            if not -n_columns <= column < n_columns:
                raise DataError(
                    f"{place.source}: {setting} names column {column}, but there are {n_columns} columns; "
                    f"expected a position from 0 to {n_columns - 1}, or from -{n_columns} to -1 to count "
                    "from the end."
                )
            found.append(int(column) % n_columns)
        else:
            raise ParameterTypeError(
                f"{setting} holds {column!r}; expected a column's name (text) or its position (a whole "
                "number). Labels that are values are given beside the rows: open((rows, labels))."
            )
    twice = next((position for position, count in Counter(found).items() if count > 1), None)
    if twice is not None:
        raise place.error(f"it twice in {setting}", "each column once", column=twice)
    return tuple(found)


def _named(column: str, setting: str, names: tuple[str, ...] | None, place: Place) -> int:
    if names is None:
        raise DataError(
            f"{place.source}: {setting} names column {column!r}, but the columns have no names; expected a "
            "position, counting from 0. Where the first line of a CSV holds the names, pass header=True."
        )
    if column in names:
        return names.index(column)
    close = difflib.get_close_matches(column, names, n=3)
    if close:
        advice = f"Did you mean {' or '.join(repr(name) for name in close)}?"
    else:
        known = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
        advice = f"The columns are {known}."
    raise DataError(f"{place.source}: {setting} names column {column!r}, which is not there. {advice}")


def _refuse_duplicates(names: tuple[str, ...], place: Place) -> None:
    if len(set(names)) == len(names):
        return
    name = next(name for name, count in Counter(names).items() if count > 1)
    where = [position for position, other in enumerate(names) if other == name]
    raise DataError(
        f"{place.source}: columns {where[0]} and {where[1]} (counting from 0) are both named {name!r}; "
        "expected each name once. Rename one of them.",
        column=where[1],
    )
