# SPDX-License-Identifier: Apache-2.0
"""Tables, units, and progress on a terminal only."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from kneighbors.cli.output import as_bytes, as_count, as_seconds, print_json, print_pairs, print_table
from tests.cli.conftest import LABELS, ROWS, write_csv


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 30, "3.0 GiB"),
        (9 << 50, "9216.0 TiB"),
    ],
)
def test_bytes(number, text):
    assert as_bytes(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0 ms"), (0.0123456, "12.3 ms"), (1.0, "1 s"), (12.34, "12.3 s"), (4321.4, "4321 s")],
)
def test_seconds(number, text):
    assert as_seconds(number) == text


def test_counts():
    assert as_count(20640) == "20,640"


def test_json_has_no_numbers_that_json_does_not_have(capsys):
    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": "é\x1b"})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": "é\x1b"}


def test_tables_and_pairs_show_text_as_it_is(capsys):
    print_table("A [bold]title[/]", ("name", "value"), [("[red]x[/] :smile:", 1), ("y\x1b", 22)])
    print_pairs([("a", "[red]"), ("long name", 3)])
    shown = capsys.readouterr()
    assert shown.err == "" and "\x1b" not in shown.out
    lines = shown.out.splitlines()
    assert (
        lines[:2] == ["", "A [bold]title[/]"] and "[red]x[/] :smile:" in shown.out and "y\\x1b" in shown.out
    )
    assert lines[-2:] == ["a           [red]", "long name   3"]
    ends = [len(line.rstrip()) for line in lines[2:5]]
    assert len(set(ends)) == 1  # numbers end in the same column


def on_a_terminal(tmp_path, *arguments):
    """Standard output, and what a terminal at standard error was shown."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "kneighbors.cli", *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, cwd=tmp_path, env=environment)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the terminal closes with the program
            break
        shown += piece
        if not piece:
            break
    out = process.communicate(timeout=60)[0]
    os.close(master)
    assert process.returncode == 0, shown
    return out, shown.decode()


def test_progress_is_shown_on_a_terminal_and_standard_output_stays_data(tmp_path):
    write_csv(tmp_path / "t.csv", ROWS, LABELS)
    write_csv(tmp_path / "q.csv", ROWS)
    out, shown = on_a_terminal(tmp_path, "fit", "t.csv", "--model-dir", "m", "--json")
    assert "Reading t.csv" in shown and "60 rows" in shown
    assert json.loads(out)["rows_seen"] == 60
    out, shown = on_a_terminal(tmp_path, "predict", "m", "q.csv")
    assert "Answering q.csv" in shown
    assert len(out.splitlines()) == 61 and b"\x1b" not in out


def test_no_progress_where_nobody_watches(run, tmp_path):
    write_csv(tmp_path / "t.csv", ROWS, LABELS)
    assert "Reading" not in run("fit", "t.csv", "--model-dir", "m").stderr
