# SPDX-License-Identifier: Apache-2.0
"""Random projections keep lengths, distances and inner products within their published bounds.

The chance is in the seed, never in the rows: each kind of row meets many seeds. Rows that are spiky, flat
or built like the transform itself are where a projection with a step left out fails.
"""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors.reduce.random import FjltReducer, SignReducer

KINDS = {"sign": SignReducer, "fjlt": FjltReducer}
both_kinds = pytest.mark.parametrize("kind", KINDS)
N_SEEDS = 300
INPUT_DIM, TARGET_DIM = 600, 64  # not a power of two: the transform pads to 1,024


def walsh(n_columns: int, number: int):
    """A row of the Walsh-Hadamard matrix, cut off."""
    return np.array([(-1.0) ** (j & number).bit_count() for j in range(n_columns)])


def hard_rows() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    unit, last, pair, block = (np.zeros(INPUT_DIM) for _ in range(4))
    unit[0] = last[-1] = 1.0
    pair[[3, 400]] = 1.0, -1.0
    block[:32] = 1.0
    return {
        "unit": unit,
        "last": last,
        "pair": pair,
        "block": block,
        "constant": np.ones(INPUT_DIM),
        "alternating": walsh(INPUT_DIM, 1),
        "walsh": walsh(INPUT_DIM, 309),
        "normal": random.standard_normal(INPUT_DIM),
        "heavy": random.standard_cauchy(INPUT_DIM),
        "counts": random.poisson(0.05, INPUT_DIM).astype(float),
    }


@pytest.fixture(scope="module")
def ratios():
    """Squared length after over before, for each kind and row, over the seeds."""
    rows = hard_rows()
    matrix = np.stack(list(rows.values()))
    squares = (matrix**2).sum(axis=1)
    found = {}
    for kind, reducer in KINDS.items():
        projected = np.stack(
            [reducer(seed, INPUT_DIM, TARGET_DIM).transform(matrix) for seed in range(N_SEEDS)]
        )
        for name, values in zip(rows, ((projected**2).sum(axis=2) / squares).T, strict=True):
            found[kind, name] = values
    return found


@both_kinds
@pytest.mark.parametrize("name", hard_rows())
def test_squared_lengths_are_right_on_average_with_the_published_variance(kind, name, ratios):
    """E|y|^2 = |x|^2 and Var |y|^2 <= 2 |x|^4 / t; padding must not change the first.

    Five standard errors either way; the variance of 300 samples of such a sum is within 60 % of its own.
    """
    values = ratios[kind, name]
    deviation = np.sqrt(2 / TARGET_DIM)
    assert abs(values.mean() - 1) < 5 * deviation / np.sqrt(N_SEEDS)
    assert values.var() < 1.6 * 2 / TARGET_DIM


def test_unit_vectors_keep_their_length_exactly(ratios):
    """A sign matrix and a flat transform both leave one column's length as it is."""
    for kind in KINDS:
        for name in ("unit", "last"):
            np.testing.assert_allclose(ratios[kind, name], 1, rtol=1e-12)


@both_kinds
@pytest.mark.parametrize("epsilon", [0.3, 0.5, 0.7])
def test_large_errors_are_as_rare_as_the_bound_says(kind, epsilon, ratios):
    """Achlioptas, theorem 1.1: P(|y|^2 off by more than a factor 1 +- eps) <= 2 exp(-t (eps^2/2 - eps^3/3)
    / 2).

    The transform's own bound has constants too large to fail; that of random signs is what it reaches in
    practice.
    """
    bound = 2 * np.exp(-TARGET_DIM * (epsilon**2 / 2 - epsilon**3 / 3) / 2)
    for (other, name), values in ratios.items():
        if other == kind:
            share = np.mean(abs(values - 1) > epsilon)
            assert share <= bound + 5 * np.sqrt(bound / N_SEEDS), f"{kind} of {name}: {share} > {bound}"


@both_kinds
def test_inner_products_are_right_on_average_with_the_published_variance(kind):
    """E <y, y'> = <x, x'> and Var <= (|x|^2 |x'|^2 + <x, x'>^2) / t, for every pair of hard rows."""
    matrix = np.stack(list(hard_rows().values()))
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix = np.concatenate([matrix, (matrix[:-1] + matrix[1:]) / 2])  # pairs that are neither far nor near
    exact = matrix @ matrix.T
    squares = np.diag(exact)
    products = []
    for seed in range(N_SEEDS):
        projected = KINDS[kind](seed, INPUT_DIM, TARGET_DIM).transform(matrix)
        products.append(projected @ projected.T)
    variance = (squares[:, None] * squares[None, :] + exact**2) / TARGET_DIM
    error = np.mean(products, axis=0) - exact
    assert (abs(error) <= 5 * np.sqrt(variance / N_SEEDS) + 1e-12).all()
    assert (np.var(products, axis=0) <= 1.6 * variance + 1e-12).all()


@both_kinds
@pytest.mark.parametrize("data", ["normal", "spiky", "clustered", "shifted"])
def test_all_pairs_of_a_data_set_keep_their_distance(kind, data):
    """Johnson and Lindenstrauss: t = 4 ln n / (eps^2/2 - eps^3/3) columns keep all n^2 / 2 distances to 1
    +- eps.

    Inner products follow by polarisation, to eps times the mean of the squared lengths (over sums and
    differences).
    """
    n_rows, n_columns, epsilon = 150, 1500, 0.5
    random = np.random.default_rng(4)
    rows = random.standard_normal((n_rows, n_columns))
    if data == "spiky":
        rows = np.zeros((n_rows, n_columns))
        rows[np.arange(n_rows), random.permutation(n_columns)[:n_rows]] = random.uniform(1, 100, n_rows)
    elif data == "clustered":
        rows = 10 * random.standard_normal((5, n_columns))[random.integers(5, size=n_rows)] + 0.01 * rows
    elif data == "shifted":
        rows += 30.0
    target_dim = int(np.ceil(4 * np.log(n_rows) / (epsilon**2 / 2 - epsilon**3 / 3)))
    reduced = KINDS[kind](0, n_columns, target_dim).transform(rows)

    def squared_distances(matrix):
        difference = matrix[:, None] - matrix[None, :]
        return (difference**2).sum(axis=2)[~np.eye(n_rows, dtype=bool)]

    ratio = squared_distances(reduced) / np.concatenate(
        [np.delete(((rows - row) ** 2).sum(axis=1), place) for place, row in enumerate(rows)]
    )
    assert (1 - epsilon < ratio.min()) and (ratio.max() < 1 + epsilon)
    squares = (rows**2).sum(axis=1)
    error = abs(reduced @ reduced.T - rows @ rows.T) / ((squares[:, None] + squares[None, :]) / 2)
    assert error.max() < epsilon


@both_kinds
@pytest.mark.parametrize("n_columns", [512, 513, 768, 1000, 1024])
def test_padding_to_a_power_of_two_keeps_the_mean(kind, n_columns):
    """The same row with zeros behind it, at and beside powers of two: E|y|^2 = |x|^2 at each."""
    rows = np.zeros((1, n_columns))
    rows[0, :500] = np.random.default_rng(0).standard_normal(500) + 1.0
    square = (rows**2).sum()
    values = [
        (KINDS[kind](seed, n_columns, 32).transform(rows) ** 2).sum() / square for seed in range(N_SEEDS)
    ]
    assert abs(np.mean(values) - 1) < 5 * np.sqrt(2 / 32 / N_SEEDS)


def test_the_transforms_sampling_beats_independent_signs_when_much_is_kept():
    """Without replacement, keeping most positions keeps most of the length: no variance is left at t = D."""
    rows = np.random.default_rng(0).standard_normal((1, 1024))
    square = (rows**2).sum()
    spread = {
        kind: np.std([(reducer(seed, 1024, 960).transform(rows) ** 2).sum() / square for seed in range(100)])
        for kind, reducer in KINDS.items()
    }
    assert spread["fjlt"] < 0.4 * spread["sign"]
