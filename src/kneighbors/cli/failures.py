# SPDX-License-Identifier: Apache-2.0
"""Exit codes, and errors as one message each, in the words of the shell.

A user's mistake gives a message and no traceback: what was given, what would work, what to do. The library's
messages name Python's parameters (``header=True``); here they become options (``--header``).
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import click

from ..errors import DataError, KneighborsError, ModelFileError
from ..parameters import PARAMETERS

__all__ = [
    "FAULT",
    "FINE",
    "INSTRUCTION_SET",
    "INTERRUPTED",
    "MISTAKE",
    "PIPE",
    "USAGE",
    "ReaderGoneError",
    "exit_code",
    "in_shell_words",
    "printable",
]


class ReaderGoneError(Exception):
    """Whoever read the output went away."""


INSTRUCTION_SET = "KNEIGHBORS_INSTRUCTION_SET"
"""The environment variable that chooses another instruction set."""

FINE, MISTAKE, USAGE, FAULT, INTERRUPTED, PIPE = 0, 1, 2, 70, 130, 141

_FILE_OPTIONS = {
    "label": "--label",
    "columns": "--columns",
    "format": "--format",
    "delimiter": "--delimiter",
    "dtype": "--dtype",
    "label_dtype": "--label-dtype",
    "predictor_type": "--predictor-type",
}
_FIXED = {
    "header=True or header=False": "--header or --no-header",
    "header=True or False": "--header or --no-header",
    "header=True": "--header",
    "header=False": "--no-header",
    "columns=[...]": "--columns",
    "allow_nan=True": "--metric nan_euclidean",
}


def exit_code(run: Callable[[], Any], arguments: Sequence[str]) -> int:
    """Run something; say what went wrong, if anything did, and which code to end with."""
    as_json, debug = "--json" in arguments, "--debug" in arguments
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _guarded(run, as_json, debug)


def _guarded(run: Callable[[], Any], as_json: bool, debug: bool) -> int:
    try:
        code = run()
        sys.stdout.flush()  # a reader that went away shows here, not while the interpreter ends
    except (click.Abort, KeyboardInterrupt) as error:
        code, message = INTERRUPTED, "Stopped."
        _report(error, message, as_json, debug)
    except click.ClickException as error:
        code = error.exit_code
        if as_json:
            _report(error, error.format_message(), as_json, debug)
        else:
            error.show()
    except (BrokenPipeError, ReaderGoneError):
        _close_quietly()
        code = PIPE
    except (KneighborsError, OSError, MemoryError) as error:
        code = MISTAKE
        _report(error, _message(error), as_json, debug)
    except Exception as error:
        if os.environ.get(INSTRUCTION_SET) and str(error).startswith("instruction set '"):
            _report(error, f"{INSTRUCTION_SET}: {error}.", as_json, debug)
            return MISTAKE
        code = FAULT
        advice = (
            "This is a fault of kneighbors, not of your data; please report it with the output of --debug."
        )
        _report(error, f"{type(error).__name__}: {error}. {advice}", as_json, debug)
    return code if isinstance(code, int) else FINE


def _message(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        return (
            f"The memory does not suffice{detail}. Keep fewer rows with --sample-size, fewer columns with "
            "--reduce, or half the bytes with --dtype float32."
        )
    if isinstance(error, KneighborsError) and not isinstance(error, OSError):
        return in_shell_words(str(error))
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror or error}."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return str(error) or type(error).__name__


def in_shell_words(message: str) -> str:
    """The message with options in place of Python's parameters.

    Examples
    --------
    >>> in_shell_words("Pass header=True or header=False.")
    'Pass --header or --no-header.'
    >>> in_shell_words("reduce_dim=9 was given without reduce='pca'.")
    '--reduce-dim 9 was given without --reduce pca.'
    """
    for words, ours in _FIXED.items():
        message = re.sub(rf"\b{re.escape(words)}", ours, message)
    options = _FILE_OPTIONS | {p.name: p.option for p in PARAMETERS.values() if p.option is not None}
    names = "|".join(options)
    return re.sub(
        rf"(?<![\w.])({names})=(?:'([^']*)'|([\w.+-]*\w))",
        lambda found: f"{options[found[1]]} {found[2] if found[2] is not None else found[3]}",
        message,
    )


def printable(text: str) -> str:
    """The text with control characters escaped: file names and cells reach the terminal as data only."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _report(error: BaseException, message: str, as_json: bool, debug: bool) -> None:
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        print(json.dumps({"error": _fields(error, message)}, ensure_ascii=False), file=sys.stderr, flush=True)
    else:
        print(f"Error: {printable(message)}", file=sys.stderr, flush=True)


def _fields(error: BaseException, message: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": type(error).__name__, "message": message}
    if isinstance(error, DataError):
        fields |= {"row": error.row, "column": error.column}
    if isinstance(error, ModelFileError):
        fields |= {"file": error.file, "section": error.section}
    return fields


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"Warning: {printable(in_shell_words(str(message)))}", file=sys.stderr, flush=True)


def _close_quietly() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, also when the interpreter ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
