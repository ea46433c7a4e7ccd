# SPDX-License-Identifier: Apache-2.0
"""Settings: one table of names and defaults, and the form in which a model's JSON keeps them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from kneighbors.errors import DataError, ParameterError
from kneighbors.parameters import PARAMETERS
from kneighbors.settings import Settings, from_json, to_json


def test_names_and_defaults_are_those_of_the_table() -> None:
    for field in fields(Settings):
        assert PARAMETERS[field.name].default == field.default


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_neighbors": 9, "weights": "distance", "radius": 0.1, "leaf_size": 3},
        {"weights": None, "radius": None, "random_state": None, "p": None},
        {"p": np.inf, "radius": np.inf},
        {"p": np.float32(1.5), "leaf_size": np.int64(4), "random_state": np.int32(7)},
        {"metric": "mahalanobis", "metric_params": {"VI": np.eye(2) / 3}},
        {"metric_params": {"w": [1, 2.5], "p": 3, "q": np.inf, "flag": True, "none": None}},
        {"priors": [0.1, 0.2, 0.7]},
        {"priors": [[1, 2], [3, 4, 5]]},
    ],
    ids=str,
)
def test_settings_come_back_through_json(changes: dict[str, Any]) -> None:
    settings = replace(Settings(), **changes)
    values, sections = to_json(settings)
    again = from_json(json.loads(json.dumps(values, allow_nan=False)), sections, settings.n_neighbors or 5)
    for field in fields(Settings):
        one, other = getattr(again, field.name), getattr(settings, field.name)
        if field.name == "priors" and other is not None and np.ndim(other[0]):
            for part, counterpart in zip(one, other, strict=True):
                np.testing.assert_array_equal(part, counterpart)
        else:
            np.testing.assert_equal(
                one, other if not isinstance(other, list) else np.asarray(other, dtype=float)
            )


def test_what_files_cannot_hold() -> None:
    for changes, message in (
        ({"metric": max}, "metric is a function"),
        ({"weights": max}, "weights is a function"),
        ({"metric_params": {"func": max}}, r"metric_params\['func'\] is a builtin_function_or_method"),
    ):
        with pytest.raises(ParameterError, match=message):
            to_json(replace(Settings(), **changes))  # type: ignore[arg-type]
    assert to_json(replace(Settings(), random_state=np.random.RandomState(0)))[0]["random_state"] is None
    assert to_json(replace(Settings(), algorithm=object()))[0]["algorithm"] == "auto"


def test_contradictions_are_named() -> None:
    with pytest.raises(DataError, match=r"'priors\.0' is missing"):
        from_json({"priors": 0}, {}, 5)
    with pytest.raises(DataError, match="'priors' is 'many'"):
        from_json({"priors": "many"}, {}, 5)
    with pytest.raises(DataError, match=r"'metric_params\.V' is missing"):
        from_json({"metric_params": {"V": "section"}}, {}, 5)
    with pytest.raises(DataError, match="'metric_params' is 3"):
        from_json({"metric_params": 3}, {}, 5)
