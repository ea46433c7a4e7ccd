# SPDX-License-Identifier: Apache-2.0
"""``kneighbors inspect``: what happened to the data of a model, step by step."""

from __future__ import annotations

import click

from .command import subcommand

__all__ = ["command"]


@subcommand("inspect", "kneighbors inspect model/")
@click.argument("model", type=click.Path())
def command(model: str, as_json: bool) -> None:
    """Show what happened to the data, step by step.

    MODEL is a folder that fit has written. All its bytes are read and checked. Shown are rows read and kept,
    columns and their names, the variance that a reduction kept, the time and memory of each step, and the
    files.
    """
    import kneighbors

    from . import accounts, output

    account = accounts.account_of(kneighbors.load(model)._model, model)
    if as_json:
        output.print_json(account)
    else:
        accounts.show(account)
