# SPDX-License-Identifier: Apache-2.0
"""Options: the settings of a model, made from ``parameters.py``, and how a file is read."""

from __future__ import annotations

import csv
import numbers
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..parameters import PARAMETERS, OneOf, Parameter, Range
from .command import SectionOption

__all__ = ["COLUMN", "LABELS", "SETTINGS", "file_options", "setting", "settings_options"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

SETTINGS = tuple(parameter.name for parameter in PARAMETERS.values() if parameter.option is not None)
"""Settings that have an option, by their names in Python."""


class Column(click.ParamType):  # type: ignore[type-arg]
    """A column: its name, its position, "first", "last" or "none"."""

    name = "column"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int | None:
        words = {"first": 0, "last": -1, "none": None}
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        if value in words:
            return words[value]
        return int(value) if re.fullmatch(r"[+-]?[0-9]+", value, re.ASCII) else value


class ColumnList(click.ParamType):  # type: ignore[type-arg]
    """Names or positions of columns, separated by commas; a name that holds a comma is quoted."""

    name = "columns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str | int]:
        if isinstance(value, list):
            return value
        names = next(csv.reader([value]), [])
        return [int(name) if re.fullmatch(r"-?[0-9]+", name, re.ASCII) else name for name in names]


class Labels(Column):
    """A column, or several separated by commas, for a model that predicts several labels."""

    name = "column[,column...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or "," not in value:
            return super().convert(value, param, ctx)
        return [super(Labels, self).convert(one, param, ctx) for one in next(csv.reader([value]))]


class Metric(click.ParamType):  # type: ignore[type-arg]
    """A metric's name, completed from the list of metrics and checked when the command runs."""

    name = "metric"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..metrics import NAMES

        return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


class Threads(click.ParamType):  # type: ignore[type-arg]
    """A number of threads; negative ones count down from all, 0 has no meaning."""

    name = "threads"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        threads = click.INT.convert(value, param, ctx)
        if threads == 0:
            self.fail("0 has no meaning; give at least 1, or -1 for all.", param, ctx)
        return threads


COLUMN, LABELS = Column(), Labels()
_METAVARS = {
    "p": "POWER",
    "random_state": "SEED",
    "reduce_dim": "COLUMNS",
} | dict.fromkeys(("n_neighbors", "leaf_size", "sample_size"), "ROWS")


def setting(
    name: str, *, default: Any = ..., note: str = "", section: str = "Model"
) -> Callable[[_Function], _Function]:
    """The option of one setting; its spelling, range, default and help are those of the table.

    Parameters
    ----------
    name : str
        As in Python.
    default : object
        Instead of the table's.
    note : str
        Added to the help.
    section : str
        Heading in ``--help``.
    """
    parameter = PARAMETERS[name]
    default = parameter.default if default is ... else default
    assert parameter.option is not None
    return click.option(
        parameter.option,
        name,
        cls=SectionOption,
        section=section,
        type=_type(parameter),
        metavar=_METAVARS.get(name),
        default=default,
        show_default=default is not None,
        help=_help(parameter) + (f" {note}" if note else ""),
    )


def settings_options(function: _Function) -> _Function:
    """All settings, in the order of the table."""
    for name in reversed(SETTINGS):
        function = setting(name)(function)
    return function


def _type(parameter: Parameter) -> click.ParamType:  # type: ignore[type-arg]
    if parameter.name == "metric":
        return Metric()
    if parameter.name == "n_jobs":
        return Threads()
    if parameter.name == "random_state":
        return click.IntRange(min=0)
    for rule in parameter.rules:
        if isinstance(rule, OneOf):
            return click.Choice(rule.options)
        if isinstance(rule, Range):
            kind: Any = click.IntRange if rule.kind is numbers.Integral else click.FloatRange
            return kind(rule.low, rule.high, min_open=rule.closed in ("right", "neither"))  # type: ignore[no-any-return]
    return click.INT


def _help(parameter: Parameter) -> str:
    """The table's sentence, without what only Python can give: functions, and the word None."""
    text = re.sub(r",? or (by )?a function of [^.,;]*", "", parameter.meaning)
    return re.sub(r"\bNone\b", "leaving it out", text)


def file_options(*, labels: bool) -> Callable[[_Function], _Function]:
    """How the file is read; with ``labels``, also how its labels are."""

    def decorate(function: _Function) -> _Function:
        for option in reversed(_FILE_OPTIONS + _LABEL_OPTIONS * labels):
            function = option(function)
        return function

    return decorate


def _file_option(*names: str, **settings: Any) -> Callable[[_Function], _Function]:
    return click.option(*names, cls=SectionOption, section="File", **settings)


_FILE_OPTIONS = (
    _file_option(
        "--header/--no-header",
        default=None,
        help="Whether a CSV begins with names. Left out, its first line decides.",
    ),
    _file_option(
        "--columns", type=ColumnList(), help="Feature columns, separated by commas. Left out: all others."
    ),
    _file_option(
        "--format",
        type=click.Choice(["csv", "parquet", "npy", "recordio", "jsonl"]),
        help="Left out, the name decides, then the content.",
    ),
    _file_option("--delimiter", help="Of a CSV. Left out, the first line decides."),
    _file_option(
        "--dtype",
        type=click.Choice(["float32", "float64"]),
        help="Read features as this. Left out: float64, but float32 where the file, or the model that is "
        "asked, is float32.",
    ),
)

_LABEL_OPTIONS = (
    _file_option(
        "--label-dtype",
        type=click.Choice(["auto", "bool", "int64", "float64", "string"]),
        default="auto",
        show_default=True,
        help="What the labels of a CSV are; string keeps their text as it is.",
    ),
)
