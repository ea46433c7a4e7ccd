# SPDX-License-Identifier: Apache-2.0
"""The input table of the trust targets, row by row: what the library answers to each kind of bad input.

Every refusal is one of ours (``kneighbors.errors``) and the ValueError or TypeError that scikit-learn's users
expect; each names the place where there is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from kneighbors import KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer, NearestNeighbors
from kneighbors.errors import DataError, DataTypeError, KneighborsError, ParameterError, ParameterTypeError

generator = np.random.default_rng(0)
ROWS = generator.normal(size=(30, 4))
LABELS = generator.integers(0, 3, 30)
QUERIES = generator.normal(size=(6, 4))

KINDS = [KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors, KNeighborsTransformer]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def questions(model: Any) -> list[Any]:
    """Every method that takes queries."""
    names = ("predict", "predict_proba", "transform", "kneighbors", "kneighbors_graph", "radius_neighbors")
    return [getattr(model, name) for name in names if hasattr(model, name)]


# --- NaN or +-Inf in X, y or query: ValueError with row, column, count
# -----------------------------------------


@each_kind
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_value_that_is_not_finite_is_named_by_row_column_and_count(
    kind: Any, value: float, dtype: Any
) -> None:
    wrong = ROWS.astype(dtype)
    wrong[7, 2] = wrong[9, 0] = value
    what = "NaN" if np.isnan(value) else "infinity"
    message = rf"Input X contains {what}: first at row 7, column 2; 2 of 120 values are NaN or infinite"
    with pytest.raises(DataError, match=message) as caught:
        kind().fit(wrong, LABELS)
    assert (caught.value.row, caught.value.column) == (7, 2)
    for question in questions(kind().fit(ROWS, LABELS)):
        with pytest.raises(DataError, match=message):
            question(wrong)


@each_kind
def test_in_sparse_rows_too(kind: Any) -> None:
    wrong = scipy.sparse.random(30, 8, 0.3, format="csr", random_state=0)
    place = int(wrong.indptr[11])
    wrong.data[place] = np.nan
    with pytest.raises(DataError, match=rf"NaN: first at row 11, column {wrong.indices[place]}; 1 of"):
        kind().fit(wrong, LABELS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_in_labels_too(value: float) -> None:
    labels = LABELS.astype(float)
    labels[5] = value
    for kind in (KNeighborsClassifier, KNeighborsRegressor):
        with pytest.raises(DataError, match=r"Input y contains (NaN|infinity) at row 5, column 0; 1 of 30"):
            kind().fit(ROWS, labels)


def test_a_missing_value_is_allowed_only_by_nan_euclidean() -> None:
    holes = ROWS.copy()
    holes[3, 1] = np.nan
    for kind in KINDS:
        model = kind(metric="nan_euclidean").fit(holes, LABELS)
        for question in questions(model):
            question(holes)
        with pytest.raises(DataError, match="infinity: first at row 0, column 0"):
            model.kneighbors(np.full((1, 4), np.inf))
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(ROWS)
    distances[4, 4] = np.nan
    with pytest.raises(DataError, match="NaN: first at row 4, column 4"):
        NearestNeighbors(metric="precomputed").fit(distances)


def test_masked_values_are_missing_values() -> None:
    rows = np.ma.masked_array(ROWS, mask=np.zeros(ROWS.shape, dtype=bool))
    expected = NearestNeighbors().fit(ROWS).kneighbors(QUERIES)[1]
    np.testing.assert_array_equal(NearestNeighbors().fit(rows).kneighbors(QUERIES)[1], expected)
    rows[3, 1] = np.ma.masked
    with pytest.raises(DataError, match="masked array with 1 masked values"):
        NearestNeighbors().fit(rows)


def test_sums_that_overflow_are_not_taken_for_infinities() -> None:
    rows = np.full((5, 3), 3e38, dtype=np.float32)
    assert NearestNeighbors().fit(rows).kneighbors(rows, 2)[1].tolist() == [[0, 1]] * 5
    huge = np.array([[1.7e308], [1.7e308], [-1.7e308]])
    assert NearestNeighbors(metric="manhattan").fit(huge).kneighbors(huge[:1], 2)[1].tolist() == [[0, 1]]


# --- counts of neighbours
# --------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize(
    ("k", "kind_of_error"),
    [
        (0, ParameterError),
        (-1, ParameterError),
        (True, ParameterTypeError),
        (2.0, ParameterTypeError),
        ("2", ParameterTypeError),
    ],
)
def test_k_that_is_no_positive_int_names_k(kind: Any, k: Any, kind_of_error: Any) -> None:
    with pytest.raises(kind_of_error, match="n_neighbors"):
        kind(n_neighbors=k).fit(ROWS, LABELS)
    model = kind().fit(ROWS, LABELS)
    for name in ("kneighbors", "kneighbors_graph"):
        with pytest.raises(kind_of_error, match="n_neighbors"):
            getattr(model, name)(QUERIES, n_neighbors=k)
    model.set_params(n_neighbors=k)  # and where it was changed after fit
    for question in questions(model)[:1]:
        with pytest.raises(kind_of_error, match="n_neighbors"):
            question(QUERIES)


@each_kind
def test_k_above_n_is_refused_by_the_query_never_by_fit(kind: Any) -> None:
    model = kind(n_neighbors=31).fit(ROWS, LABELS)
    for question in questions(model):
        if question.__name__ == "radius_neighbors":
            continue
        with pytest.raises(ParameterError, match=r"n_neighbors = 3[12], n_samples_fit = 30, n_samples = 6"):
            question(QUERIES)
    with pytest.raises(ParameterError, match="Expected n_neighbors < n_samples_fit, but n_neighbors = 30"):
        model.kneighbors(None, 30)
    assert model.kneighbors(QUERIES, 30)[1].shape == (6, 30)


def test_k_above_n_with_padding_asked_for() -> None:
    distances, ids = NearestNeighbors().fit(ROWS[:3]).kneighbors(QUERIES, 5, pad=True)
    assert (ids[:, 3:] == 3).all() and np.isinf(distances[:, 3:]).all() and (ids >= 0).all()


# --- no rows, no columns, other columns, other shapes
# ----------------------------------------------------------


@each_kind
def test_no_rows_to_fit(kind: Any) -> None:
    for empty in (np.empty((0, 4)), scipy.sparse.csr_matrix((0, 4)), pandas.DataFrame({"a": []})):
        with pytest.raises(DataError, match=r"Found array with 0 sample\(s\)"):
            kind().fit(empty, [])
    with pytest.raises(DataError, match="Expected 2D array, got 1D array instead"):
        kind().fit([], [])


@each_kind
def test_no_query_rows_give_empty_answers(kind: Any) -> None:
    model = kind(n_neighbors=3).fit(ROWS, LABELS)
    for none in (np.empty((0, 4)), np.empty((0, 4), dtype=np.float32), scipy.sparse.csr_matrix((0, 4))):
        distances, ids = model.kneighbors(none)
        assert distances.shape == ids.shape == (0, 3)
        assert distances.dtype == np.float64 and ids.dtype == np.int64
        assert model.kneighbors_graph(none).shape == (0, 30)
    none = np.empty((0, 4))
    if kind is KNeighborsClassifier:
        assert model.predict(none).shape == (0,) and model.predict(none).dtype == LABELS.dtype
        assert model.predict_proba(none).shape == (0, 3)
        both = kind().fit(ROWS, np.stack([LABELS, LABELS], axis=1))
        assert (
            both.predict(none).shape == (0, 2) and [p.shape for p in both.predict_proba(none)] == [(0, 3)] * 2
        )
    if kind is KNeighborsRegressor:
        assert model.predict(none).shape == (0,)
        weighted = kind(weights="distance").fit(ROWS, LABELS, sample_weight=LABELS + 0.5)
        assert weighted.predict(none).shape == (0,)
        assert kind(metric="manhattan").fit(ROWS, LABELS).predict(none).shape == (0,)
    if kind is NearestNeighbors:
        assert [part.shape for part in model.radius_neighbors(none)] == [(0,), (0,)]
        assert model.radius_neighbors_graph(none).shape == (0, 30)
    if kind is KNeighborsTransformer:
        assert model.transform(none).shape == (0, 30)


@each_kind
def test_no_columns_and_other_columns(kind: Any) -> None:
    with pytest.raises(
        DataError, match=r"0 feature\(s\) \(shape=\(30, 0\)\) while a minimum of 1 is required"
    ):
        kind().fit(np.empty((30, 0)), LABELS)
    for question in questions(kind().fit(ROWS, LABELS)):
        with pytest.raises(DataError, match=f"X has 3 features, but {kind.__name__} is expecting 4 features"):
            question(QUERIES[:, :3])
        with pytest.raises(DataError, match=r"0 feature\(s\)"):
            question(np.empty((6, 0)))


@each_kind
def test_a_one_dimensional_query_gets_scikit_learns_own_message(kind: Any) -> None:
    for question in questions(kind().fit(ROWS, LABELS)):
        with pytest.raises(
            DataError, match=r"(?s)Expected 2D array, got 1D array instead.*Reshape your data"
        ):
            question(QUERIES[0])
        with pytest.raises(DataError, match="Expected 2D array, got scalar array instead"):
            question(3.0)
        with pytest.raises(DataError, match="Found array with dim 3"):
            question(QUERIES[None])
    with pytest.raises(DataError, match="Expected 2D array, got 1D array instead"):
        kind().fit(ROWS[0], LABELS[:4])


@each_kind
def test_ragged_rows_are_named(kind: Any) -> None:
    with pytest.raises(DataError, match=r"Row 2 has 3 values, row 0 has 2") as caught:
        kind().fit([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0, 7.0]], [0, 1, 0])
    assert caught.value.row == 2


@each_kind
def test_asking_before_fit(kind: Any) -> None:
    for question in questions(kind()):
        with pytest.raises(NotFittedError):
            question(QUERIES)


# --- memory layouts and number types: the same answer as the plain copy
# ----------------------------------------


def unaligned(array: Any) -> Any:
    behind_one_byte = np.frombuffer(b"\0" + array.tobytes(), dtype=np.uint8)[1:]
    view = behind_one_byte.view(array.dtype).reshape(array.shape)
    assert not view.flags.aligned
    return view


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Any] = {
    "every other row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "every other column": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
    "reversed": lambda array: array[::-1].copy()[::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda array: array.T.copy().T,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": read_only,
    "unaligned": unaligned,
    "list of lists": lambda array: array.tolist(),
    "tuple of arrays": tuple,
    "objects": lambda array: array.astype(object),
    "pandas": pandas.DataFrame,
    "polars": lambda array: polars.DataFrame(array, schema=list("abcd")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
def test_any_layout_gives_the_answers_of_the_plain_copy(layout: str, dtype: Any) -> None:
    rows, queries = ROWS.astype(dtype), QUERIES.astype(dtype)
    expected = NearestNeighbors(n_neighbors=5).fit(rows).kneighbors(queries)
    for fitted, asked in (
        (LAYOUTS[layout](rows), queries),
        (rows, LAYOUTS[layout](queries)),
        (LAYOUTS[layout](rows), LAYOUTS[layout](queries)),
    ):
        answer = NearestNeighbors(n_neighbors=5).fit(fitted).kneighbors(asked)
        for one, other in zip(answer, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_mapped_files(tmp_path: Any) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = NearestNeighbors(n_neighbors=5).fit(ROWS).kneighbors(QUERIES)
    for one, other in zip(
        NearestNeighbors(n_neighbors=5).fit(mapped).kneighbors(QUERIES), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("dtype", "kept_as"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (">f4", np.float32),
        (">f2", np.float32),
        (np.float64, np.float64),
        (np.longdouble, np.float64),
        (np.int8, np.float64),
        (np.uint16, np.float64),
        (np.int64, np.float64),
        (np.uint64, np.float64),
        (bool, np.float64),
    ],
)
def test_number_types_become_float32_or_float64(dtype: Any, kept_as: Any) -> None:
    rows = (np.abs(ROWS) * 40).astype(dtype)
    model = NearestNeighbors(n_neighbors=3).fit(rows)
    assert model._fit_X.dtype == kept_as
    expected = (
        NearestNeighbors(n_neighbors=3).fit(rows.astype(np.float64)).kneighbors(rows.astype(np.float64))
    )
    distances, ids = model.kneighbors(rows)
    assert distances.dtype == np.float64
    np.testing.assert_array_equal(ids, expected[1])
    np.testing.assert_array_equal(distances, expected[0])


def test_r27_nothing_overflows_by_being_narrowed() -> None:
    """R27: float16 is widened and float64 beyond the range of float32 stays float64, so no answer is lost."""
    halves = np.array([[60000.0], [-60000.0], [59000.0]], dtype=np.float16)
    distances, ids = NearestNeighbors(n_neighbors=3).fit(halves).kneighbors(halves)
    assert ids.tolist() == [[0, 2, 1], [1, 2, 0], [2, 0, 1]] and distances[0, 2] == 120000.0
    large = np.array([[1e39], [1.5e39], [-1e39], [1e100]])
    distances, ids = NearestNeighbors(n_neighbors=4).fit(large).kneighbors(large[:1])
    assert ids.tolist() == [[0, 1, 2, 3]] and np.isfinite(distances).all()
    mixed = NearestNeighbors(n_neighbors=1).fit(np.zeros((2, 1), dtype=np.float32)).kneighbors(large)
    np.testing.assert_array_equal(mixed[0], np.abs(large))


@each_kind
def test_text_objects_and_complex_numbers_are_no_rows(kind: Any) -> None:
    wrong: dict[str, Any] = {
        "strings": ROWS.astype(str),
        "list of strings": ROWS.astype(str).tolist(),
        "bytes": ROWS.astype("S9"),
        "one string among objects": [[*row[:3], "4"] for row in ROWS.tolist()],
        "objects": np.array([[{}] * 4] * 30, dtype=object),
        "complex": ROWS.astype(complex),
        "dates": np.zeros((30, 4), dtype="datetime64[s]"),
        "sparse complex": scipy.sparse.csr_matrix(ROWS.astype(complex)),
        "pandas strings": pandas.DataFrame(ROWS).assign(extra="1"),
        "pandas dates": pandas.DataFrame(ROWS).assign(extra=pandas.Timestamp("2020-01-01")),
        "polars strings": polars.DataFrame(ROWS).with_columns(extra=polars.lit("1")),
    }
    model = kind().fit(ROWS, LABELS)
    for name, rows in wrong.items():
        with pytest.raises(DataTypeError):
            kind().fit(rows, LABELS)
            pytest.fail(name)
        with pytest.raises(DataTypeError):
            model.kneighbors(rows)
            pytest.fail(name)
    with pytest.raises(DataTypeError, match=r"X holds text: '4' at row 0, column 3"):
        kind().fit(np.array(wrong["one string among objects"], dtype=object), LABELS)
    with pytest.raises(DataTypeError, match="X holds text: '1' at row 0, column 4"):
        kind().fit(wrong["pandas strings"], LABELS)


# --- metric, equal rows, labels
# --------------------------------------------------------------------------------


def test_a_zero_vector_has_cosine_distance_one() -> None:
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]])
    distances, ids = (
        NearestNeighbors(n_neighbors=4, metric="cosine").fit(rows).kneighbors([[0.0, 0.0], [3.0, 0.0]])
    )
    assert distances.tolist() == [[1, 1, 1, 1], [0, 1, 1, 2]]
    assert ids.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_equal_rows_answer_with_the_first_ids(metric: str) -> None:
    model = NearestNeighbors(n_neighbors=6, metric=metric).fit(np.full((100, 3), 0.1))
    assert model.kneighbors(np.full((2, 3), 0.7))[1].tolist() == [[0, 1, 2, 3, 4, 5]] * 2


def test_labels_of_another_length_one_class_and_unseen_labels() -> None:
    for kind in (KNeighborsClassifier, KNeighborsRegressor):
        for labels in (LABELS[:-1], np.append(LABELS, 1)):
            with pytest.raises(DataError, match=f"X has 30 rows, y has {len(labels)} labels"):
                kind().fit(ROWS, labels)
        with pytest.raises(DataError, match="requires y to be passed, but the target y is None"):
            kind().fit(ROWS, None)
        with pytest.raises(DataTypeError, match="y must hold one label per row"):
            kind().fit(ROWS, 3)
    assert KNeighborsClassifier().fit(ROWS, np.ones(30, dtype=int)).predict(QUERIES).tolist() == [1] * 6
    model = KNeighborsClassifier().fit(ROWS, LABELS)
    assert model.score(QUERIES, np.full(6, 77)) == 0.0


def test_every_refusal_is_one_of_ours() -> None:
    """Whoever sits on top (command line, server) catches one class."""
    model = KNeighborsClassifier().fit(ROWS, LABELS)
    for question in (
        lambda: KNeighborsClassifier(0).fit(ROWS, LABELS),
        lambda: KNeighborsClassifier(metric="nonsense").fit(ROWS, LABELS),
        lambda: KNeighborsClassifier().fit(ROWS, LABELS[:3]),
        lambda: KNeighborsClassifier().fit(ROWS[0], LABELS),
        lambda: model.predict(QUERIES[:, :2]),
        lambda: model.predict([["a"] * 4]),
        lambda: model.predict(np.full((1, 4), np.nan)),
        lambda: model.kneighbors(QUERIES, 99),
        lambda: model.kneighbors_graph(QUERIES, mode="neither"),
    ):
        with pytest.raises(KneighborsError) as caught:
            question()
        assert len(str(caught.value)) > 20
