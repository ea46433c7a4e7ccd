# SPDX-License-Identifier: Apache-2.0
"""Labels to the arrays and settings that files keep, and back under either predictor type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kneighbors.errors import DataError
from kneighbors.labels import Labels, encode_classes, encode_targets
from kneighbors.stored_labels import from_sections, kind_of, to_sections

CASES: dict[str, tuple[Any, str, str]] = {
    "integers": ([3, 1, 2, 3], "values", "number"),
    "large integers": ([2**53 + 1, 1, 2**53 + 1], "values", "number"),
    "beyond int64": (np.array([2**64 - 1, 1], dtype=np.uint64), "codes", "number"),
    "floats": ([3.0, -0.0, 2.0**90], "values", "number"),
    "booleans": ([True, False, True], "values", "boolean"),
    "text": (["b", "", "ünï"], "codes", "string"),
    "text objects": (np.array(["b", "a"], dtype=object), "codes", "string"),
    "outputs of one kind": ([[1, 2], [3, 4]], "values", "number"),
    "outputs of mixed kinds": (np.array([[1, "a"], [2, "b"]], dtype=object), "codes", "mixed"),
    "large beside fractions": (np.array([[2**53 + 1, 1.0], [2, 3.0]], dtype=object), "codes", "number"),
}


@pytest.mark.parametrize("name", CASES)
def test_classes_come_back(name: str) -> None:
    y, stored_as, kind = CASES[name]
    labels = encode_classes(y)
    stored, settings, sections = to_sections(labels)
    assert settings["stored"] == stored_as and kind_of(labels) == kind
    assert stored.dtype in (np.int64, np.float64) and stored.flags.c_contiguous
    assert all(section.dtype in (np.int64, np.float64, np.uint8) for section in sections.values())
    again = from_sections(stored, settings, sections, "classifier")
    np.testing.assert_array_equal(again.values, labels.values)
    assert again.outputs_2d == labels.outputs_2d and again.classes is not None and labels.classes is not None
    for one, other in zip(again.classes, labels.classes, strict=True):
        assert one.dtype == other.dtype and one.tolist() == other.tolist()


@pytest.mark.parametrize(
    "y", [[0.25, -0.0, 1e300], [2**60 + 1, 3, 4], [[1.5, 2.5], [3.5, 4.5]], [[1.0], [2.0]]]
)
def test_targets_come_back(y: Any) -> None:
    labels = encode_targets(y)
    stored, settings, sections = to_sections(labels)
    again = from_sections(stored, settings, sections, "regressor")
    assert not sections and kind_of(labels) == "number" and kind_of(None) == "none"
    assert again.values.dtype == labels.values.dtype and again.values.tobytes() == labels.values.tobytes()
    assert again.outputs_2d == labels.outputs_2d


@pytest.mark.parametrize("name", ["integers", "large integers", "beyond int64", "floats", "booleans"])
def test_classes_that_are_numbers_are_targets_when_asked(name: str) -> None:
    y = CASES[name][0]
    again = from_sections(*to_sections(encode_classes(y)), "regressor")
    assert again.classes is None
    np.testing.assert_array_equal(again.values[:, 0].astype(np.float64), np.asarray(y, dtype=np.float64))


def test_targets_are_classes_when_asked() -> None:
    whole = from_sections(*to_sections(encode_targets([2.0, 7.0, 2.0])), "classifier")
    assert (
        whole.classes is not None
        and whole.classes[0].dtype == np.int64
        and whole.values.tolist() == [[0], [1], [0]]
    )
    broken = from_sections(*to_sections(encode_targets([2.5, 7.0, 2.5])), "classifier")
    assert broken.classes is not None and broken.classes[0].tolist() == [2.5, 7.0]


@pytest.mark.parametrize("name", ["text", "text objects", "outputs of mixed kinds"])
def test_strings_are_no_targets(name: str) -> None:
    with pytest.raises(DataError, match="predictor_type is regressor, but the labels are strings"):
        from_sections(*to_sections(encode_classes(CASES[name][0])), "regressor")


def test_contradictions_are_named() -> None:
    stored, settings, sections = to_sections(encode_classes(["a", "b", "a"]))

    def refused(message: str, labels: Any = stored, **changes: Any) -> None:
        with pytest.raises(DataError, match=message):
            from_sections(
                labels,
                {**settings, **changes.get("settings", {})},
                {**sections, **changes.get("sections", {})},
                "classifier",
            )

    refused("outside 0 to 1", labels=np.array([0, 2, 0]))
    refused("outside 0 to 1", labels=np.array([0, -1, 0]))
    refused("there are no classes to read them with", labels=np.array([0.0, 1.0]))
    refused("settings say one", labels=np.zeros((3, 2), dtype=np.int64))
    refused("classes for 1", labels=np.zeros((3, 2), dtype=np.int64), settings={"outputs_2d": True})
    refused("the labels must be codes", settings={"stored": "values"})
    refused("'classes.1' is missing", settings={"classes": ["<U1", "<U1"]})
    refused("not UTF-8", sections={"classes.0.text": np.array([255, 254], dtype=np.uint8)})
    refused("do not tile", sections={"classes.0.offsets": np.array([0, 1, 9])})
    stored, settings, sections = to_sections(encode_classes([1, 2]))
    refused("label 9 of row 1 is not among", labels=np.array([1, 9]))
    refused("cannot have the type '<U3'", settings={"classes": ["<U3"]})
    assert isinstance(Labels(np.zeros((1, 1)), None, False), Labels)
