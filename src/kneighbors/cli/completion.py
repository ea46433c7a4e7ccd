# SPDX-License-Identifier: Apache-2.0
"""``kneighbors completion``: the script that teaches a shell the commands and options."""

from __future__ import annotations

import click

from .command import subcommand

__all__ = ["command"]

_SHELLS = ["bash", "zsh", "fish"]


@subcommand("completion", 'eval "$(kneighbors completion bash)"')
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the script that completes commands and options.

    \b
    bash: add to ~/.bashrc   eval "$(kneighbors completion bash)"
    zsh:  add to ~/.zshrc    eval "$(kneighbors completion zsh)"
    fish: kneighbors completion fish > ~/.config/fish/completions/kneighbors.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "kneighbors", "_KNEIGHBORS_COMPLETE").source()
    if as_json:
        from .output import print_json

        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
