# SPDX-License-Identifier: Apache-2.0
"""The screen stays sharp on rows that spoil a common scale: under 5 % of the rows are measured exactly."""

import numpy as np
import pytest

from kneighbors._native import FlatScan

N_ROWS, N_COLUMNS = 20_000, 64


def one_row_far_away(random):
    rows = random.normal(size=(N_ROWS, N_COLUMNS))
    rows[7] *= 1e4
    return rows


def one_wide_column(random):
    rows = random.normal(size=(N_ROWS, N_COLUMNS))
    rows[:, 3] *= 100
    return rows


MAKERS = {
    "one row x 1e4": one_row_far_away,
    "Student-t(3) tails": lambda random: random.standard_t(3, size=(N_ROWS, N_COLUMNS)),
    "one column x 100": one_wide_column,
    "sparse counts": lambda random: random.poisson(0.1, size=(N_ROWS, N_COLUMNS)).astype(float),
    "one-hot": lambda random: np.eye(8)[random.integers(0, 8, (N_ROWS, 8))].reshape(N_ROWS, -1),
}


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product"])
@pytest.mark.parametrize("name", MAKERS)
def test_few_rows_survive(name, metric):
    random = np.random.default_rng(0)
    rows = MAKERS[name](random).astype(np.float32)
    queries = rows[:100] + 0.05 * random.normal(size=(100, N_COLUMNS)).astype(np.float32)
    scan = FlatScan(rows, metric)
    scan.search(queries, 10)
    seen = scan.scan_statistics()
    assert max(seen["candidates_per_query"], seen["exact_per_query"]) < 0.05 * N_ROWS
