# SPDX-License-Identifier: Apache-2.0
"""Reading a CSV of numbers, slow and obvious: one cell at a time. The judge of ``data``."""

from __future__ import annotations

import csv
import io
import math
import re

NUMBER = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*")


def read_numbers(content: bytes) -> list[list[float]] | None:
    """The rows of a comma-separated file without header and labels; None if it is to be refused."""
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    records = [record for record in csv.reader(io.StringIO(text, newline="")) if record]
    rows = []
    for record in records:
        if len(record) != len(records[0]) or not all(NUMBER.fullmatch(cell) for cell in record):
            return None
        rows.append([float(cell) for cell in record])
    if not rows or not all(math.isfinite(value) for row in rows for value in row):
        return None
    return rows
