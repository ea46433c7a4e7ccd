# SPDX-License-Identifier: Apache-2.0
"""Bytes that nobody meant: every reader reads what its judge reads, and refuses the rest by name (A1)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kneighbors import data
from kneighbors.data import csv_blocks
from kneighbors.errors import DataError
from tests.reference.table import read_numbers

SEED = b'1,2.5,-3\r\n"4",5e2,+6.\n\n7, 8 ,.9\n'


def agrees(content: bytes) -> None:
    """The reader and its judge accept the same bytes and find the same numbers."""
    try:
        expected = read_numbers(content)
    except csv.Error:
        expected = None
    try:
        found = data.open(content, format="csv", header=False, delimiter=",").read().features
    except DataError as error:
        assert expected is None, f"{content!r} was refused: {error}"
        assert str(error).startswith("CSV text")
        return
    assert expected is not None, f"{content!r} was read as {found.tolist()}"
    assert found.tobytes() == np.array(expected).tobytes()


marks = st.sampled_from(
    [b"1", b"-2.5", b" 3", b",", b",", b"\n", b"\r\n", b'"', b'"4"', b'""', b"x", b"nan", b"\xc3\xa9"]
)


@given(st.lists(marks, max_size=14).map(b"".join))
@example(b'"1"2,3\n')
@example(b'1"2",3\n')
@example(b"1,2\r3,4")
@settings(max_examples=1_500, deadline=None)
def test_a_few_marks_in_any_order(content: bytes) -> None:
    agrees(content)


@given(st.lists(marks, max_size=30).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_the_same_in_tiny_blocks(content: bytes) -> None:
    before = csv_blocks.blocks.__kwdefaults__
    csv_blocks.blocks.__kwdefaults__ = {**before, "size": 3}
    try:
        agrees(content)
    finally:
        csv_blocks.blocks.__kwdefaults__ = before


def mutants(seed: bytes) -> list[bytes]:
    """Every bit flipped, every byte replaced by four values, cut, doubled and removed at every offset."""
    found = [seed[:i] for i in range(len(seed))]
    for i in range(len(seed)):
        rest = seed[i + 1 :]
        found += [seed[:i] + bytes([seed[i] ^ (1 << bit)]) + rest for bit in range(8)]
        found += [seed[:i] + bytes([value]) + rest for value in (0, 10, 34, 255)]
        found += [seed[:i] + rest, seed[:i] + seed[i : i + 1] * 2 + rest]
    return found


def test_a1_every_small_damage_to_a_csv() -> None:
    for mutant in mutants(SEED):
        agrees(mutant)


def test_a1_every_small_damage_to_a_csv_with_header_and_labels() -> None:
    """No judge here: whatever is read is finite and whole, whatever is refused is refused as data."""
    seed = b'\xef\xbb\xbfkind,"a b",c\ncat,1,2\n"do,g",3e5,4\nfish,0.5,-6\n'
    read = 0
    for mutant in mutants(seed):
        try:
            batch = data.open(mutant, format="csv", label=0).read()
        except DataError:
            continue
        read += 1
        assert np.isfinite(batch.features).all()
        assert len(batch.labels) == len(batch.features) > 0
    assert read > 100


def test_a1_every_small_damage_to_an_npy_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(6.0).reshape(3, 2))
    seed = path.read_bytes()
    started = time.perf_counter()
    refused = 0
    for mutant in mutants(seed)[:: 1 if len(seed) < 100 else 2]:
        path.write_bytes(mutant)
        try:
            features = data.open(path).read().features
            assert np.isfinite(features).all() and features.nbytes <= len(mutant) * 8
        except DataError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 100 and time.perf_counter() - started < 60


def test_a1_random_damage_to_a_csv_at_length() -> None:
    """20,000 mutants with several faults each."""
    generator = np.random.default_rng(1)
    likely = np.frombuffer(b'0123456789.,-+e"\r\n\t x\x00\xff', np.uint8)
    for _ in range(20_000):
        mutant = bytearray(SEED)
        for _ in range(generator.integers(1, 5)):
            place = int(generator.integers(0, len(mutant)))
            mutant[place : place + int(generator.integers(0, 3))] = generator.choice(
                likely, place % 3
            ).tobytes()
        agrees(bytes(mutant))
