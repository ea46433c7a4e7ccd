# SPDX-License-Identifier: Apache-2.0
"""Scaling: equal to scikit-learn's transformers, and to the bit what the documented operations give."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from kneighbors import scale
from kneighbors.errors import DataError, DataTypeError, ParameterError
from kneighbors.parameters import SCALINGS

TRANSFORMERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
    "unit": Normalizer,
}


def mixed_rows(n: int = 400, seed: int = 0) -> np.ndarray:
    """Columns of very different scale, one constant, one of two values, one far from zero."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, 11)) * 10.0 ** np.arange(-5, 6)
    rows[:, 3] = 7.25
    rows[:, 4] = generator.integers(0, 2, n)
    rows[:, 5] += 1e6
    return rows


def slow_unit_row(row: list[float]) -> list[float]:
    """The unit norm of one row by Python floats, in the documented order."""
    present = [0.0 if math.isnan(value) else value for value in row]
    largest = max((abs(value) for value in present), default=0.0)
    exponent = math.frexp(largest)[1]
    lanes = [0.0] * 8
    for j, value in enumerate(present):
        small = math.ldexp(value, -exponent)
        lanes[j % 8] = lanes[j % 8] + small * small
    four = [lanes[i] + lanes[i + 4] for i in range(4)]
    two = [four[i] + four[i + 2] for i in range(2)]
    norm = math.sqrt(two[0] + two[1]) if largest else 1.0
    return [math.ldexp(value, -exponent) / norm for value in row]


@pytest.mark.parametrize("kind", SCALINGS)
def test_equal_to_scikit_learn(kind: str) -> None:
    rows, queries = mixed_rows(), mixed_rows(50, seed=1)
    expected = TRANSFORMERS[kind]().fit(rows).transform(queries)
    scaled = scale.fit(kind, rows).transform(queries)
    assert scaled.dtype == np.float64 and scaled.flags.c_contiguous
    if kind == "unit":
        np.testing.assert_allclose(scaled, expected, rtol=4e-16)
    else:
        assert np.array_equal(scaled, expected)


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
def test_float32_is_computed_in_float64_and_rounded_once(kind: str) -> None:
    rows = mixed_rows().astype(np.float32)
    scaler = scale.fit(kind, rows)
    scaled = scaler.transform(rows)
    assert scaled.dtype == np.float32
    assert np.array_equal(scaled, scaler.transform(rows.astype(np.float64)).astype(np.float32))
    near = TRANSFORMERS[kind]().fit(rows.astype(np.float64)).transform(rows.astype(np.float64))
    np.testing.assert_allclose(scaled, near, rtol=2e-7, atol=2e-7)


def test_float32_far_from_zero_keeps_its_digits() -> None:
    """Rounding the mean to float32 first, as scikit-learn 1.9 does, would cost half the digits here."""
    rows = (np.float32(16_000_000) + np.arange(9, dtype=np.float32)).reshape(-1, 1)
    scaled = scale.fit("standard", rows).transform(rows)
    expected = StandardScaler().fit_transform(rows.astype(np.float64)).astype(np.float32)
    assert np.array_equal(scaled, expected)


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 19)),
        elements=st.floats(allow_nan=True, allow_infinity=False),
    )
)
@settings(max_examples=300, deadline=None)
def test_unit_norm_equals_the_slow_judge(rows: np.ndarray) -> None:
    scaled = scale.fit("unit", rows).transform(rows)
    expected = [slow_unit_row(row) for row in rows.tolist()]
    assert scaled.tobytes() == np.array(expected).reshape(rows.shape).tobytes() or np.array_equal(
        scaled, expected, equal_nan=True
    )


def test_unit_norm_at_the_ends_of_the_range() -> None:
    rows = np.array([[3e300, 4e300], [3e-310, 4e-310], [5e-324, 0.0], [0.0, -0.0], [1.7e308, 1.7e308]])
    scaled = scale.fit("unit", rows).transform(rows)
    np.testing.assert_allclose(scaled[0], [0.6, 0.8], rtol=1e-15)
    np.testing.assert_allclose(scaled[1], [0.6, 0.8], rtol=1e-12)
    assert scaled[2].tolist() == [1.0, 0.0]
    assert scaled[3].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(scaled[4], [math.sqrt(0.5)] * 2, rtol=1e-15)
    narrow = scale.fit("unit", rows[:1]).transform(np.array([[3e38, 1e38]], dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(narrow), 1.0, rtol=1e-7)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_missing_values_go_through(kind: str, dtype: type) -> None:
    rows = mixed_rows(60).astype(dtype)
    holes = np.random.default_rng(3).random(rows.shape) < 0.2
    rows[holes] = np.nan
    scaler = scale.fit(kind, rows)
    scaled = scaler.transform(rows)
    assert np.array_equal(np.isnan(scaled), holes)
    if kind != "unit" and dtype is np.float64:
        assert np.array_equal(scaled, TRANSFORMERS[kind]().fit_transform(rows), equal_nan=True)
    if kind == "unit":
        np.testing.assert_allclose(np.nansum(scaled.astype(np.float64) ** 2, axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("kind", SCALINGS)
def test_constant_columns_stay_finite(kind: str) -> None:
    rows = np.full((5, 3), [0.0, -2.5, 1e300])
    scaled = scale.fit(kind, rows).transform(rows)
    assert np.isfinite(scaled).all()
    if kind != "unit":
        assert (scaled == scaled[0]).all()


@pytest.mark.parametrize("kind", SCALINGS)
def test_layout_and_batch_change_nothing(kind: str) -> None:
    rows = mixed_rows(300)
    scaler = scale.fit(kind, rows)
    expected = scaler.transform(rows).tobytes()
    read_only = rows.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2], rows.astype(">f8"), read_only):
        assert scaler.transform(same).tobytes() == expected
    assert b"".join(scaler.transform(rows[i : i + 1]).tobytes() for i in range(300)) == expected
    assert scaler.transform(rows[:0]).shape == (0, 11)


@pytest.mark.parametrize("kind", SCALINGS)
def test_blocks_of_rows_change_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = mixed_rows(101)
    scaler = scale.fit(kind, rows)
    expected = scaler.transform(rows)
    monkeypatch.setattr(scale, "_BLOCK_BYTES", 8 * 11 * 7)
    assert np.array_equal(scaler.transform(rows), expected)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saved_arrays_scale_to_the_same_bits(kind: str, dtype: type, tmp_path: Path) -> None:
    rows = mixed_rows().astype(dtype)
    scaler = scale.fit(kind, rows)
    loaded = {}
    for name, array in scaler.arrays().items():
        np.save(tmp_path / name, array)
        loaded[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    again = scale.Scaler.from_arrays(kind, loaded)
    assert again.kind == kind
    assert again.transform(rows).tobytes() == scaler.transform(rows).tobytes()


def test_golden_bits_of_loaded_scalers() -> None:
    """A saved model answers identically everywhere: these bits come from the documented operations alone."""
    rows = np.array([[0.1, -7.0, 1e-3], [3.3, 1e5, -0.7]])
    centre, spread = np.array([0.3, 11.0, 0.0]), np.array([1.7, 3.0, 0.1])
    found = {}
    for kind, sections in (
        ("standard", {"mean": centre, "scale": spread}),
        ("minmax", {"scale": spread, "minimum": centre}),
        ("robust", {"centre": centre, "scale": spread}),
        ("unit", {}),
    ):
        scaler = scale.Scaler.from_arrays(kind, sections)
        found[kind] = [value.hex() for value in scaler.transform(rows).ravel().tolist()]
    by_hand = [(x - c) / s for row in rows.tolist() for x, c, s in zip(row, centre, spread, strict=False)]
    assert found["standard"] == found["robust"] == [float(value).hex() for value in by_hand]
    by_hand = [x * s + c for row in rows.tolist() for x, c, s in zip(row, centre, spread, strict=False)]
    assert found["minmax"] == [float(value).hex() for value in by_hand]
    assert found["standard"][0] == "-0x1.e1e1e1e1e1e1ep-4"
    assert found["minmax"][0] == "0x1.e147ae147ae14p-2"
    assert found["unit"][:2] == ["0x1.d411078d537f4p-7", "-0x1.fff2a04293533p-1"]


def test_fit_refuses() -> None:
    rows = mixed_rows(10)
    with pytest.raises(ParameterError, match="'standard'"):
        scale.fit("zscore", rows)
    with pytest.raises(DataTypeError, match="int64"):
        scale.fit("standard", np.ones((3, 2), dtype=np.int64))
    with pytest.raises(DataTypeError, match="list"):
        scale.fit("standard", [[1.0]])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="2 dimensions"):
        scale.fit("standard", np.ones(3))
    for kind in SCALINGS:
        with pytest.raises(DataError, match="0 rows"):
            scale.fit(kind, rows[:0])
        rows[4, 2] = -np.inf
        with pytest.raises(DataError, match="row 4, column 2: found infinity") as caught:
            scale.fit(kind, rows)
        assert (caught.value.row, caught.value.column) == (4, 2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
def test_fit_refuses_columns_without_statistics(kind: str) -> None:
    rows = mixed_rows(10)
    rows[:, 6] = np.nan
    with pytest.raises(DataError, match="column 6: found nothing but missing values"):
        scale.fit(kind, rows)
    rows[:, 6] = 1e308 * np.where(np.arange(10) % 2, 1.7, -1.7)
    with pytest.raises(DataError, match="column 6: found values whose spread is beyond float64's range"):
        scale.fit(kind, rows)


def test_transform_refuses_silent_infinities() -> None:
    scaler = scale.Scaler.from_arrays("standard", {"mean": np.zeros(2), "scale": np.array([1.0, 1e-10])})
    rows = np.array([[1.0, 1.0], [1.0, 1e300]])
    with pytest.raises(DataError, match=r"row 1, column 1: found 1e\+300, which scales") as caught:
        scaler.transform(rows)
    assert (caught.value.row, caught.value.column) == (1, 1)
    with pytest.raises(DataError, match=r"beyond the range of float32"):
        scaler.transform(np.array([[1.0, 1e30]], dtype=np.float32))
    assert np.isfinite(scaler.transform(np.array([[1.0, 1e30]]))).all()
    with pytest.raises(DataError, match="row 0, column 0: found infinity"):
        scaler.transform(np.array([[np.inf, 0.0]]))
    with pytest.raises(DataError, match="found 3 columns; expected 2"):
        scaler.transform(np.ones((1, 3)))
    with pytest.raises(DataTypeError, match="float16"):
        scaler.transform(np.ones((1, 2), dtype=np.float16))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"mean": np.zeros(2)},
        {"mean": np.zeros(2), "scale": np.ones(2), "more": np.ones(2)},
        {"mean": np.zeros(2), "scale": np.ones(3)},
        {"mean": np.zeros(0), "scale": np.ones(0)},
        {"mean": np.zeros(2), "scale": np.ones(2, dtype=np.float32)},
        {"mean": np.zeros((2, 1)), "scale": np.ones((2, 1))},
        {"mean": np.array([0.0, np.nan]), "scale": np.ones(2)},
        {"mean": np.zeros(2), "scale": np.array([1.0, 0.0])},
        {"mean": np.zeros(2), "scale": np.array([1.0, -1.0])},
        {"mean": np.zeros(2), "scale": np.array([1.0, np.inf])},
    ],
)
def test_damaged_arrays_are_refused(sections: dict[str, np.ndarray]) -> None:
    with pytest.raises(DataError, match="damaged"):
        scale.Scaler.from_arrays("standard", sections)
    with pytest.raises(ParameterError):
        scale.Scaler.from_arrays("none", sections)


def test_arrays_handed_out_are_what_was_saved() -> None:
    scaler = scale.fit("minmax", mixed_rows())
    assert sorted(scaler.arrays()) == ["minimum", "scale"]
    scaler.arrays().clear()
    assert sorted(scaler.arrays()) == ["minimum", "scale"]
    file = io.BytesIO()
    np.savez(file, **scaler.arrays())
    assert scale.fit("unit", mixed_rows()).arrays() == {}


@pytest.mark.parametrize("name, skip", [("forest_cover_15k.csv", 0), ("california_housing.csv", 1)])
@pytest.mark.parametrize("kind", SCALINGS)
def test_real_tables(name: str, skip: int, kind: str) -> None:
    folder = os.environ.get("KNEIGHBORS_SHARED_DATA")
    if not folder:
        pytest.skip("KNEIGHBORS_SHARED_DATA names no folder of real tables")
    rows = np.loadtxt(Path(folder) / name, delimiter=",", skiprows=skip)[:, 1:]
    scaled = scale.fit(kind, rows).transform(rows)
    np.testing.assert_allclose(scaled, TRANSFORMERS[kind]().fit_transform(rows), rtol=1e-15)
