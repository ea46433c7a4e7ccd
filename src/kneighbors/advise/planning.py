# SPDX-License-Identifier: Apache-2.0
"""Which combinations a scorecard measures, and in which order: the telling ones first, because the budget
may end the list anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import KneighborsError, ParameterError
from ..index import make_index
from ..metrics import Metric
from ..parameters import PARAMETERS, OneOf

__all__ = ["Choice", "algorithms", "plan", "some_of", "usual_dim"]


@dataclass(frozen=True)
class Choice:
    """One combination: an index, a scaling and a reduction, each None where the step is left out."""

    algorithm: str
    scale: str | None = None
    reduce: str | None = None

    @property
    def name(self) -> str:
        """For people: "brute, standard, pca"."""
        return ", ".join(part for part in (self.algorithm, self.scale, self.reduce) if part is not None)


def algorithms(metric: Metric, rows: Any, leaf_size: int = 30) -> tuple[list[str], list[tuple[str, str]]]:
    """Index kinds that exist and measure this metric, and those left out with the reason.

    The names are those of the setting ``algorithm``; an index that joins there is measured from then on.
    Two names whose index describes itself in the same words are one index.

    Parameters
    ----------
    metric : Metric
    rows : ndarray of shape (n, d)
        A few of them, on which each index is tried.
    """
    options = next(rule.options for rule in PARAMETERS["algorithm"].rules if isinstance(rule, OneOf))
    names = ["brute", *(name for name in options if name not in ("auto", "brute"))]
    kept: list[str] = []
    left_out: list[tuple[str, str]] = []
    seen: list[tuple[str, dict[str, Any]]] = []
    for name in names:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                described = make_index(name, metric, leaf_size=leaf_size).fit(rows).describe()
        except KneighborsError as error:
            left_out.append((name, str(error)))
            continue
        same = next((other for other, words in seen if words == described), None)
        if same is not None:
            left_out.append((name, f"answered by the same index as {same} ({described.get('kind')})"))
            continue
        seen.append((name, described))
        kept.append(name)
    return kept, left_out


def usual_dim(n_columns: int, n_rows: int) -> int | None:
    """Columns to reduce to where nobody says: a quarter, at least two; None where there is nothing to
    reduce.

    Examples
    --------
    >>> usual_dim(64, 1000), usual_dim(4, 1000), usual_dim(1, 1000)
    (16, 2, None)
    """
    if n_columns < 2:
        return None
    return min(n_columns - 1, n_rows, max(2, -(-n_columns // 4)))


def plan(
    names: list[str], scalings: list[str], reductions: list[str], best_scale: list[str | None]
) -> Iterator[Choice]:
    """Combinations, the telling ones first.

    Every index alone; every scaling; every reduction of the rows as they come and in the best scaling; then
    all the rest. ``best_scale`` is read when the reductions' turn comes: its last entry is the scaling that
    scored best so far.
    """
    given: list[Choice] = []

    def new(choice: Choice) -> Iterator[Choice]:
        if choice not in given:
            given.append(choice)
            yield choice

    first = names[0]
    for name in names:
        yield from new(Choice(name))
    for scale in scalings:
        yield from new(Choice(first, scale))
    for reduce in reductions:
        yield from new(Choice(first, best_scale[-1], reduce))
    for reduce in reductions:
        yield from new(Choice(first, None, reduce))
    for name in names:
        yield from new(Choice(name, best_scale[-1]))
    for name in names:
        for scale_or_none in (None, *scalings):
            for reduce_or_none in (None, *reductions):
                yield from new(Choice(name, scale_or_none, reduce_or_none))


def some_of(values: Any, options: tuple[str, ...], what: str) -> list[str]:
    """The words that were asked for, or all of them.

    Raises
    ------
    ParameterError
        A word that is none of the options.
    """
    if values is None:
        return list(options)
    wrong = [value for value in values if value not in options]
    if wrong:
        raise ParameterError(f"{what} has {wrong[0]!r}; expected some of {', '.join(map(repr, options))}.")
    return [option for option in options if option in set(values)]
