# SPDX-License-Identifier: Apache-2.0
"""``kneighbors playground``: the page that shows the engine at work."""

from __future__ import annotations

import sys

import click

from kneighbors.cli.command import SectionOption, subcommand

__all__ = ["command"]


@subcommand("playground", "kneighbors playground")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8642,
    show_default=True,
    cls=SectionOption,
    section="Page",
    help="0: any that is free; it is printed.",
)
@click.option(
    "--browser/--no-browser",
    default=True,
    show_default=True,
    cls=SectionOption,
    section="Page",
    help="Open the page in the web browser.",
)
def command(port: int, browser: bool, as_json: bool) -> None:
    """Open a page that teaches k-NN by playing.

    Put points on a plane and see every region, vote and distance change at once: all of it is computed by
    this library, on this computer, which also is the only one that can reach the page. Ctrl-C ends it.
    """
    import json

    from kneighbors.playground.app import playground_app
    from kneighbors.serve import serve

    app = playground_app()

    def tell(url: str) -> None:
        text = json.dumps({"url": url}) if as_json else f"The playground is at {url} - Ctrl-C ends it."
        print(text, flush=True)
        if browser:
            import webbrowser

            webbrowser.open(url)

    sys.exit(serve(lambda worker: app, port=port, ready=tell))
