# SPDX-License-Identifier: Apache-2.0
"""``kneighbors serve``: a model over HTTP."""

from __future__ import annotations

import logging
import os
import sys

import click

from .command import SectionOption, subcommand
from .options import setting

__all__ = ["command"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@subcommand("serve", "kneighbors serve model/ --port 8080")
@click.argument("model", type=click.Path())
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    cls=SectionOption,
    section="Server",
    help="Address to listen at. Any but this computer's own needs --token-file or --no-auth.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    cls=SectionOption,
    section="Server",
    help="0: any that is free; it is printed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    cls=SectionOption,
    section="Server",
    help="Processes. They share the mapped model.",
)
@click.option(
    "--many",
    is_flag=True,
    cls=SectionOption,
    section="Server",
    help="MODEL is a folder of models, loaded and unloaded by name through /models.",
)
@click.option(
    "--name",
    cls=SectionOption,
    section="Server",
    help="What the model is called in /v2/models. Left out: as its folder is.",
)
@click.option(
    "--allow-host",
    multiple=True,
    cls=SectionOption,
    section="Server",
    help="A further name that clients may call this server by; may be repeated.",
)
@click.option(
    "--token-file",
    type=click.Path(),
    cls=SectionOption,
    section="Server",
    help="A file that holds the token which clients send as Authorization: Bearer.",
)
@click.option(
    "--no-auth",
    is_flag=True,
    cls=SectionOption,
    section="Server",
    help="Serve other computers without a token.",
)
@setting("n_jobs", section="Options")
def command(
    model: str,
    host: str,
    port: int,
    workers: int,
    many: bool,
    name: str | None,
    allow_host: tuple[str, ...],
    token_file: str | None,
    no_auth: bool,
    n_jobs: int | None,
    as_json: bool,
) -> None:
    """Serve a model over HTTP.

    MODEL is a folder that fit has written, or a model.tar.gz of its three files. k and predictor_type in
    its JSON may be edited, and the folder be replaced, while it is served: the next answers come from the new
    model once that is verified, and from the old one where it is damaged. SIGTERM and Ctrl-C answer what was
    asked, then end.
    """
    import json
    from contextlib import nullcontext

    from ..serve import Counters, model_app, serve
    from ..serve.archives import Archive

    is_local = host in _LOOPBACK
    if not is_local and token_file is None and not no_auth:
        raise click.UsageError(
            f"--host {host} was given, which other computers can reach; expected a --token-file with it, or "
            "--no-auth if everyone may ask."
        )
    token = None if token_file is None else _token(token_file)
    if not os.path.lexists(model):
        raise FileNotFoundError(2, "No such file or directory", model)
    if many and (workers > 1 or name is not None):
        raise click.UsageError(
            "--many was given with --workers or --name; expected neither: one process holds the models, each "
            "under its folder's name."
        )
    _log_to_stderr()
    if not is_local and token is None:
        logging.getLogger("kneighbors.serve").warning("Anyone who reaches %s may ask: --no-auth.", host)
    names = ["localhost", "127.0.0.1", "[::1]", host, *allow_host]

    def tell(url: str) -> None:
        print(json.dumps({"url": url}) if as_json else f"Serving {model} at {url}", flush=True)

    counters = Counters(workers)
    with Archive(model) if os.path.isfile(model) else nullcontext(model) as folder:
        serve(
            lambda worker: model_app(
                folder,
                name=name,
                many=many,
                hosts=names,
                token=token,
                n_jobs=n_jobs,
                counters=counters.become(worker),
            ),
            host=host,
            port=port,
            workers=workers,
            ready=tell,
        )


def _token(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        token = file.read(4096).strip()
    if len(token) < 16 or not token.isascii():
        raise click.UsageError(
            f"--token-file {path} holds {len(token)} characters; expected at least 16, ASCII, on one line."
        )
    return token


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
