# SPDX-License-Identifier: Apache-2.0
"""What goes wrong: one message, the right exit code, no traceback, and nothing on standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from kneighbors.cli import failures
from kneighbors.cli.failures import in_shell_words, printable
from kneighbors.errors import DataError, ModelFileError, ParameterError


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("Pass header=True or header=False.", "Pass --header or --no-header."),
        ("leave it out with columns=[...].", "leave it out with --columns."),
        ("Pass label_dtype='string' to keep it", "Pass --label-dtype string to keep it"),
        ("Pass format='csv', 'parquet' or 'npy'.", "Pass --format csv, 'parquet' or 'npy'."),
        ("reduce_dim=60 was given for rows", "--reduce-dim 60 was given for rows"),
        ("n_neighbors=7 was given", "--k 7 was given"),
        ("p=0.5 was given", "--p 0.5 was given"),
        ("metric='euclid' is not known", "--metric euclid is not known"),
        ("allow_nan=True reads it", "--metric nan_euclidean reads it"),
        ("shape=(3, 4) and map=x stay", "shape=(3, 4) and map=x stay"),
    ],
)
def test_messages_speak_of_options(python, shell):
    assert in_shell_words(python) == shell


def test_control_characters_do_not_reach_the_terminal():
    assert printable("a\x1b[2Jb\x07\rc\nd\u202ee é") == "a\\x1b[2Jb\\x07\\rc\nd\\u202ee é"


def test_names_in_messages_are_printable(run):
    result = run("fit", "a\x1bc.csv", "--model-dir", "m", code=1)
    assert result.stderr.startswith("Error: a\\x1bc.csv: there is no such file")


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("found x; expected y.", row=3, column=1), 1, "Error: found x; expected y.\n"),
        (ParameterError("scale='x' was given."), 1, "Error: --scale x was given.\n"),
        (ModelFileError("is cut", file="m/model_algo-1"), 1, "Error: m/model_algo-1: is cut\n"),
        (OSError(28, "No space left on device", "out.csv"), 1, "Error: out.csv: No space left on device.\n"),
        (MemoryError(), 1, "Error: The memory does not suffice. Keep fewer rows with --sample-size"),
        (KeyboardInterrupt(), 130, "Error: Stopped.\n"),
        (BrokenPipeError(), 141, ""),
        (
            ZeroDivisionError("division"),
            70,
            "Error: ZeroDivisionError: division. This is a fault of kneighbors",
        ),
    ],
)
def test_each_kind_of_error_has_its_exit_code(capsys, monkeypatch, error, code, message):
    monkeypatch.setattr(failures, "_close_quietly", lambda: None)
    assert failures.exit_code(raising(error), []) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(message) and bool(shown.err) == bool(message)


def test_json_errors_are_one_object_on_standard_error(capsys):
    error = DataError("found x.", row=3, column=1)
    assert failures.exit_code(raising(error), ["fit", "--json"]) == 1
    shown = capsys.readouterr()
    expected = {"type": "DataError", "message": "found x.", "row": 3, "column": 1}
    assert shown.out == "" and json.loads(shown.err) == {"error": expected}
    failures.exit_code(raising(ModelFileError("is cut", file="m", section="rows")), ["--json"])
    told = json.loads(capsys.readouterr().err)["error"]
    assert (told["file"], told["section"]) == ("m", "rows")


def test_wrong_usage_is_json_too(run):
    told = json.loads(run("fit", "--json", code=2).stderr)
    assert told["error"]["type"] == "MissingParameter"


def test_debug_shows_the_traceback(run, tmp_path, start):
    process = start("fit", "missing.csv", "--model-dir", "m", "--debug")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert b"Traceback" in err and b"Error: missing.csv: there is no such file" in err


def test_warnings_are_one_line(capsys):
    import warnings

    def warn():
        warnings.warn("a column\x1b is constant", UserWarning, stacklevel=1)

    assert failures.exit_code(warn, []) == 0
    assert capsys.readouterr().err == "Warning: a column\\x1b is constant\n"


# --- in a process of its own


def test_a_mistake_in_a_real_process(start, train):
    process = start("fit", train, "--model-dir", "m", "--label", "colour")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert err.decode() == (
        f"Error: {train}: label names column 'colour', which is not there. "
        "The columns are 'kind', 'height', 'width', 'depth', 'mass'.\n"
    )


def test_wrong_usage_in_a_real_process(start):
    process = start("fit")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert b"Usage: kneighbors fit" in err


def test_ctrl_c_while_reading_leaves_no_model(start, tmp_path):
    process = start("fit", "-", "--model-dir", "m")
    process.stdin.write(b"1,2,3\n")  # and never an end: the program waits for more
    process.stdin.flush()
    _wait_until_it_reads(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err.strip() == b"Error: Stopped."
    assert not (tmp_path / "m").exists()


def _wait_until_it_reads(process: subprocess.Popen[bytes]) -> None:
    """Until the process sleeps in a read of its standard input, which follows all imports."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with open(f"/proc/{process.pid}/syscall", encoding="ascii") as file:
            if file.read().startswith("0 0x0 "):
                return
        time.sleep(0.05)
    raise AssertionError("the program never read its standard input")


def test_a_reader_that_goes_away_is_no_error(start, model, queries):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("predict", model, queries, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


def test_a_full_disk_is_told(start, model):
    with open("/dev/full", "wb") as full:
        process = start("inspect", model, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err == b"Error: No space left on device.\n"


def test_lines_come_out_batch_by_batch(start, model, queries, tmp_path):
    """The first answers are there before the last query is read: here, before the bad one is met."""
    text = queries.read_text()
    body = text.split("\n", 1)[1]
    queries.write_text(text + body * 3000 + "1,2,x,4\n")
    process = start("predict", model, queries)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and b"column 'depth': found 'x'" in err
    n_lines = out.count(b"\n") - 1
    assert n_lines >= 60_000 and out.endswith(b"\n")
