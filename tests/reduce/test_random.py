# SPDX-License-Identifier: Apache-2.0
"""Random projections equal their slow judge bit for bit, whatever computes them, and for ever."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from kneighbors import _native, reduce
from kneighbors.errors import DataError
from kneighbors.reduce.random import FjltReducer, SignReducer
from tests.reduce import golden
from tests.reference import projections

KINDS = {"sign": SignReducer, "fjlt": FjltReducer}
GOLDEN_WORDS = ["0x844515e1", "0xf08d6eaa", "0xf19c053"]
GOLDEN_SAMPLE = [8, 10, 13, 14, 26, 29]
both_kinds = pytest.mark.parametrize("kind", KINDS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def wild_rows(n_rows: int, n_columns: int, dtype, seed: int = 1):
    """Values of many magnitudes with zeros of both signs: any other order of additions shows."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n_rows, n_columns)) * np.exp(
        3 * random.standard_normal((n_rows, n_columns))
    )
    rows[random.random((n_rows, n_columns)) < 0.2] = 0.0
    rows[random.random((n_rows, n_columns)) < 0.1] = -0.0
    return rows.astype(dtype)


def same_bits(one, other) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


# --- the generator


def test_philox_gives_the_known_answers():
    """The vectors that Random123 publishes with its Philox-4x32-10."""
    answers = {
        (0, 0, 0, 0, 0, 0): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        (*[0xFFFFFFFF] * 6,): (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0): (
            0xD16CFE09,
            0x94FDCCEB,
            0x5001E420,
            0x24126EA1,
        ),
    }
    for given, expected in answers.items():
        block = projections.philox(np.array(given[:4], dtype=np.uint32), (given[4], given[5]))
        assert tuple(block.tolist()) == expected


def test_the_cores_words_are_those_of_the_judge():
    assert _native.random_words(0, 0, 0, 0, 4).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    for seed in (0, 1, 2**32 - 1, 2**63 + 5):
        for stream, row, first, count in (
            (1, 0, 0, 9),
            (2, 5, 3, 1),
            (3, 2**31, 2, 30),
            (1, 7, 2**20 + 1, 6),
        ):
            expected = projections.random_words(seed, stream, row, first, count)
            np.testing.assert_array_equal(_native.random_words(seed, stream, row, first, count), expected)


def test_any_word_is_made_without_those_before_it():
    whole = _native.random_words(9, 2, 4, 0, 1000)
    for first in (0, 1, 2, 3, 4, 517):
        np.testing.assert_array_equal(_native.random_words(9, 2, 4, first, 50), whole[first : first + 50])


# --- bit for bit


@both_kinds
@both_dtypes
@pytest.mark.parametrize("n_columns", [1, 2, 3, 4, 5, 8, 15, 16, 31, 33, 64, 100, 129, 300, 520, 784, 1024])
def test_equals_the_judge_on_every_instruction_set(kind, dtype, n_columns, instruction_set):
    """Every width of register, ragged ends, padding, and all the ways to cut a transform into passes."""
    rows = wild_rows(35, n_columns, dtype, n_columns)
    for target_dim in {1, (n_columns + 1) // 2, min(n_columns, 70)}:
        expected = getattr(projections, kind)(rows, 3, target_dim)
        assert same_bits(KINDS[kind](3, n_columns, target_dim).transform(rows), expected)


@both_kinds
@pytest.mark.parametrize("n_columns", [2048, 4100, 9000])
def test_equals_the_judge_on_wide_rows(kind, n_columns, instruction_set):
    rows = wild_rows(3, n_columns, np.float32)
    expected = getattr(projections, kind)(rows, 0, 9)
    assert same_bits(KINDS[kind](0, n_columns, 9).transform(rows), expected)


@both_kinds
@both_dtypes
def test_x5_threads_and_batches_never_show(kind, dtype, instruction_set):
    rows = wild_rows(1000, 70, dtype)
    reducer = KINDS[kind](1, 70, 20)
    whole = reducer.transform(rows, 1)
    for n_threads in (2, 8):
        assert same_bits(reducer.transform(rows, n_threads), whole)
    for size in (1, 7, 16, 33, 257):
        parts = [reducer.transform(rows[start : start + size], 2) for start in range(0, len(rows), size)]
        assert same_bits(np.concatenate(parts), whole)


@both_kinds
def test_r49_layout_and_ownership_of_the_rows_never_show(kind, tmp_path):
    rows = wild_rows(60, 37, np.float32)
    reducer = KINDS[kind](1, 37, 11)
    whole = reducer.transform(rows)
    frozen = rows.copy()
    frozen.flags.writeable = False
    np.save(tmp_path / "rows.npy", rows)
    wide = np.zeros((60, 74), dtype=np.float32)
    wide[:, ::2] = rows
    others = [
        frozen,
        np.asfortranarray(rows),
        wide[:, ::2],
        rows.astype(">f4"),
        np.load(tmp_path / "rows.npy", mmap_mode="r"),
    ]
    for other in others:
        assert same_bits(reducer.transform(other), whole)


# --- for ever


@pytest.mark.parametrize(
    "entry", json.loads(golden.FILE.read_text()), ids=lambda entry: f"{entry['kind']}-{entry['seed']}"
)
def test_golden_values_stand_for_ever(entry):
    """What a model of an old version projected, one of today projects to the same bits."""
    rows = golden.golden_rows(entry["input_dim"], entry["dtype"])
    reducer = reduce.load(
        {"type": entry["kind"], **{name: entry[name] for name in ("seed", "input_dim", "target_dim")}}, {}
    )
    expected = [[float.fromhex(value) for value in row] for row in entry["values"]]
    assert same_bits(reducer.transform(rows), np.array(expected, dtype=entry["dtype"]))


def test_golden_words_and_samples_stand_for_ever():
    assert [hex(word) for word in _native.random_words(0, 1, 0, 0, 3)] == GOLDEN_WORDS
    assert _native.HadamardProjection(0, 20, 6).sampled.tolist() == GOLDEN_SAMPLE


@both_kinds
def test_made_again_from_four_numbers(kind):
    rows = wild_rows(20, 50, np.float32)
    reducer = reduce.fit(kind, rows, 12, random_state=5)
    description = json.loads(json.dumps(reducer.description()))
    assert description == {"type": kind, "seed": 5, "input_dim": 50, "target_dim": 12}
    assert reducer.arrays() == {}
    again = reduce.load(description, {})
    assert same_bits(again.transform(rows), reducer.transform(rows))
    unpickled = pickle.loads(pickle.dumps(reducer))
    assert same_bits(unpickled.transform(rows), reducer.transform(rows))


@both_kinds
def test_another_seed_is_another_projection(kind):
    rows = wild_rows(5, 50, np.float64)
    one, other = (KINDS[kind](seed, 50, 12).transform(rows) for seed in (0, 1))
    assert not np.isclose(one, other).any(axis=1).all()


# --- what is sampled and signed


def test_positions_are_sampled_without_replacement_and_evenly():
    counts = np.zeros(64)
    for seed in range(400):
        sampled = _native.HadamardProjection(seed, 40, 16).sampled
        assert len(set(sampled.tolist())) == 16 and (np.diff(sampled) > 0).all()
        counts[sampled] += 1
    # 400 draws of probability 1/4 each: 100 +- 8.7
    assert abs(counts - 100).max() < 5 * 8.7


def test_signs_are_fair_and_unrelated():
    signs = projections.sign_matrix(0, 512, 256)
    assert abs(signs.mean()) < 5 / np.sqrt(signs.size)
    for matrix in (signs.T @ signs / 512, signs @ signs.T / 256):
        off_diagonal = matrix[~np.eye(len(matrix), dtype=bool)]
        assert abs(off_diagonal).max() < 6 / np.sqrt(256)


def test_the_padded_transform_is_orthogonal():
    """With every position kept, a power of two loses nothing: lengths and angles are exact."""
    rows = np.random.default_rng(0).standard_normal((30, 64))
    turned = FjltReducer(0, 64, 64).transform(rows)
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T, atol=1e-12 * 64)


# --- refusals


@both_kinds
def test_a_result_beyond_the_range_names_its_row(kind):
    rows = np.ones((300, 40), dtype=np.float32)
    rows[201] = 3e38
    with pytest.raises(DataError, match=r"Row 201 leaves the range of float32") as caught:
        KINDS[kind](0, 40, 10).transform(rows, 2)
    assert caught.value.row == 201
    assert np.isfinite(KINDS[kind](0, 40, 10).transform(rows.astype(np.float64))).all()


@both_kinds
def test_a_value_that_is_not_finite_is_named(kind):
    rows = np.ones((5, 40))
    rows[3, 7] = np.nan
    with pytest.raises(DataError, match="nan at row 3, column 7"):
        KINDS[kind](0, 40, 10).transform(rows)


def test_the_core_refuses_shapes_it_cannot_serve():
    for make in (_native.SignProjection, _native.HadamardProjection):
        for input_dim, target_dim in ((0, 1), (5, 0), (-3, 2)):
            with pytest.raises(ValueError, match="projection needs"):
                make(0, input_dim, target_dim)
        with pytest.raises(ValueError, match="rows have 4 columns, the projection takes 5"):
            make(0, 5, 2).transform(np.zeros((2, 4)))
        with pytest.raises(ValueError, match="n_threads"):
            make(0, 5, 2).transform(np.zeros((2, 5)), 0)
        with pytest.raises(TypeError):
            make(0, 5, 2).transform(np.zeros((2, 5), dtype=np.int64))
    with pytest.raises(ValueError, match="target_dim <= input_dim"):
        _native.HadamardProjection(0, 4, 5)
