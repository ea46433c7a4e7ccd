# SPDX-License-Identifier: Apache-2.0
"""R36: NaN never ranks, and an empty vector is no crash, whichever way the rows come in.

`tests/cli/test_input_table.py` asks the same of the command line, `tests/serve/` of the server.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from scipy.sparse import csr_matrix

import kneighbors
from kneighbors import data
from kneighbors.errors import DataError
from kneighbors.index import BlockIndex, FlatIndex

ROWS = np.random.default_rng(3).normal(size=(30, 3))
LABELS = np.arange(30) % 3
BROKEN = ROWS.copy()
BROKEN[[4, 20], [1, 2]] = np.nan


def csv_of(rows: Any) -> bytes:
    text = io.StringIO()
    np.savetxt(text, rows, delimiter=",")
    return text.getvalue().encode()


FORMS = {
    "array": lambda rows: rows,
    "float32": lambda rows: rows.astype(np.float32),
    "float16": lambda rows: rows.astype(np.float16),
    "list": lambda rows: rows.tolist(),
    "pandas": lambda rows: pandas.DataFrame(rows),
    "sparse": csr_matrix,
    "fortran": np.asfortranarray,
    "big endian": lambda rows: rows.astype(">f8"),
}
each_form = pytest.mark.parametrize("form", FORMS)
ESTIMATORS = [name for name in kneighbors.__all__ if isinstance(getattr(kneighbors, name), type)]
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)


@each_form
@each_estimator
def test_r36_nan_in_rows_or_queries(name: str, form: str) -> None:
    kind, shaped = getattr(kneighbors, name), FORMS[form]
    with pytest.raises(DataError, match=r"contains NaN: first at row 4, column 1; 2 of \d+ values"):
        kind().fit(shaped(BROKEN), LABELS)
    model = kind(**({"radius": 9.0} if name.startswith("Radius") else {})).fit(shaped(ROWS), LABELS)
    asks = [
        getattr(model, ask) for ask in ("kneighbors", "radius_neighbors", "predict") if hasattr(model, ask)
    ]
    before = [ask(shaped(ROWS)) for ask in asks]
    for ask, answer in zip(asks, before, strict=True):
        with pytest.raises(DataError, match="row 4, column 1"):
            ask(shaped(BROKEN))
        for one, other in zip(np.ravel(ask(shaped(ROWS))), np.ravel(answer), strict=True):
            np.testing.assert_array_equal(one, other)


@each_estimator
@pytest.mark.parametrize("shape", [(30, 0), (0, 3), (0, 0), (0,), (1, 0)])
def test_r36_empty_vectors_to_fit(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        getattr(kneighbors, name)().fit(np.empty(shape), np.zeros(shape[0]))


@each_estimator
def test_r36_empty_vectors_to_ask(name: str) -> None:
    model = getattr(kneighbors, name)(**({"radius": 9.0} if name.startswith("Radius") else {}))
    model.fit(ROWS, LABELS)
    for ask in ("kneighbors", "radius_neighbors", "predict", "transform"):
        if not hasattr(model, ask):
            continue
        with pytest.raises(DataError):
            getattr(model, ask)(np.empty((2, 0)))
        answer = getattr(model, ask)(np.empty((0, 3)))
        for part in answer if isinstance(answer, tuple) else (answer,):
            assert part.shape[0] == 0


@pytest.mark.parametrize("kind", [FlatIndex, BlockIndex])
def test_r36_indexes(kind: Any) -> None:
    index = kind("euclidean").fit(ROWS)
    for wrong in (BROKEN, np.empty((2, 0)), np.empty((2, 4))):
        for use in (index.add, lambda rows: index.search(rows, 2)):
            with pytest.raises(DataError):
                use(wrong)
    for wrong in (BROKEN, np.empty((2, 0)), np.empty((0, 3))):
        with pytest.raises(DataError):
            kind("euclidean").fit(wrong)
    assert index.n_rows == 30 and index.search(np.empty((0, 3)), 2)[0].shape == (0, 2)


@pytest.mark.parametrize("form", ["csv", "npy", "pandas", "polars", "arrow", "array"])
def test_r36_sources(form: str, tmp_path: Any) -> None:
    names = ["a", "b", "c"]
    if form == "csv":
        (tmp_path / "rows.csv").write_bytes(csv_of(BROKEN))
        source: Any = str(tmp_path / "rows.csv")
    elif form == "npy":
        np.save(tmp_path / "rows.npy", BROKEN)
        source = str(tmp_path / "rows.npy")
    else:
        columns = dict(zip(names, BROKEN.T, strict=True))
        source = {
            "pandas": pandas.DataFrame,
            "polars": polars.DataFrame,
            "arrow": pyarrow.table,
            "array": lambda columns: np.stack(list(columns.values()), axis=1),
        }[form](columns)
    with pytest.raises(DataError) as caught:
        for _ in data.open(source).batches(7):
            pass
    assert (caught.value.row, caught.value.column) == (4, 1)
