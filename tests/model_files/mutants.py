# SPDX-License-Identifier: Apache-2.0
"""Damage, systematically: every way a small file is bent, for the tests that the reader is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.model_files.small_models import JSON

BOUNDARIES = [0, 1, 2, 63, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]


@dataclass(frozen=True)
class Mutant:
    """One damaged file: ``replacement`` in place of the bytes from ``start`` to ``stop``."""

    file: str
    kind: str
    start: int
    stop: int
    replacement: bytes

    def of(self, data: bytes) -> bytes:
        return data[: self.start] + self.replacement + data[self.stop :]


def flips(file: str, data: bytes) -> Iterator[Mutant]:
    """Each bit of each byte, turned over."""
    for place, byte in enumerate(data):
        for bit in range(8):
            yield Mutant(file, "flip", place, place + 1, bytes([byte ^ (1 << bit)]))


def others(file: str, data: bytes) -> Iterator[Mutant]:
    """Bytes replaced, inserted and removed, cuts at every place, and boundary integers in every word."""
    for place, byte in enumerate(data):
        for value in {0, 0xFF, 0x7F, ord("9"), byte + 1 & 0xFF} - {byte}:
            yield Mutant(file, "value", place, place + 1, bytes([value]))
        yield Mutant(file, "cut", place, len(data), b"")
        yield Mutant(file, "remove", place, place + 1, b"")
    for place in range(len(data) + 1):
        for value in (0, 0x20, 0x31, 0xFF):
            yield Mutant(file, "insert", place, place, bytes([value]))
    for size in (4, 8):
        for place in range(0, len(data) - size + 1, size):
            for number in BOUNDARIES:
                word = (number % 2 ** (8 * size)).to_bytes(size, "little")
                if word != data[place : place + size]:
                    yield Mutant(file, "word", place, place + size, word)
    if file == JSON:
        yield from numbers(file, data)


def numbers(file: str, data: bytes) -> Iterator[Mutant]:
    """Boundary integers in place of each number in a text."""
    for match in re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", data):
        for number in (*BOUNDARIES, -1, 2**70):
            text = str(number).encode()
            if text != match.group():
                yield Mutant(file, "number", match.start(), match.end(), text)


def editable_places(json: bytes) -> list[tuple[int, int]]:
    """Where the values of ``k`` and ``predictor_type`` stand, the two that a person may edit."""
    return [
        match.span(1) for match in re.finditer(rb'^  "(?:k|predictor_type)": ([^,\n]+)', json, re.MULTILINE)
    ]
