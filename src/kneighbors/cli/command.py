# SPDX-License-Identifier: Apache-2.0
"""What all commands share: help in sections with an example, and the options every command has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["Command", "SectionOption", "common_options", "subcommand"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class SectionOption(click.Option):
    """An option that ``--help`` shows under a heading."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command with an example in its help, and its options in sections."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        rest = sections.pop("Options", [])
        for heading, records in [*sections.items(), ("Options", rest)]:
            with formatter.section(heading):
                formatter.write_dl(records, col_max=26)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                formatter.write_text("\b\n" + self.example)


def subcommand(name: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command, with the options that every command has."""

    def decorate(function: Callable[..., Any]) -> Command:
        return click.command(
            name,
            cls=Command,
            example=example,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )(common_options(function))

    return decorate


def common_options(function: _Function) -> _Function:
    """``--json`` and ``--debug``; the latter is read where failures are reported."""
    for option in (
        click.option(
            "--debug",
            cls=SectionOption,
            is_flag=True,
            expose_value=False,
            help="Show the traceback of an error.",
        ),
        click.option(
            "--json",
            "as_json",
            cls=SectionOption,
            is_flag=True,
            help="Print JSON to standard output, for other programs.",
        ),
    ):
        function = option(function)
    return function
