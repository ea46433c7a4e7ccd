# SPDX-License-Identifier: Apache-2.0
"""A real worker process: it answers, reports its errors, and its death is noticed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process import WorkerFailure, WorkerProcess, python_for
from benchmarks.rivals import OURS, RIVALS, Variant
from benchmarks.rivals.base import majority


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("arrays")
    arrays = {
        "rows": random.normal(size=(400, 5)).astype(np.float32),
        "queries": random.normal(size=(30, 5)).astype(np.float32),
        "labels": random.integers(0, 3, 400),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {name: folder / f"{name}.npy" for name in arrays}


def test_search_classify_errors_and_death(files, tmp_path):
    """One process for all of it: starting one costs a second."""
    with WorkerProcess(RIVALS["scikit-learn"], Variant("installed"), 1) as process:
        assert process.about["versions"]["scikit-learn"]
        process.call("load", n_rows=300, **{name: str(path) for name, path in files.items()})
        process.configure({})
        assert process.call("fit", k=4)["seconds"] > 0
        assert (
            process.call("search", start=28, count=5, calls=3, k=4)["seconds"] > 0
        )  # runs past the last query

        path = tmp_path / "ids.npy"
        process.call("answer", count=7, calls=2, k=4, path=str(path))
        rows, queries = np.load(files["rows"])[:300], np.load(files["queries"])[:14]
        distances = ((rows[None] - queries[:, None]) ** 2).sum(2)
        assert np.array_equal(np.load(path), np.argsort(distances, axis=1)[:, :4])

        reply = process.call("classify", count=6, k=4, path=str(path))
        assert reply["predict_seconds"] > 0 and len(np.load(path)) == 6

        with pytest.raises(WorkerFailure, match="ValueError"):
            process.call("search", start=0, count=1, calls=1, k=301)
        assert process.call("fit", k=2)["seconds"] > 0  # an error does not end the process

        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailure, match="died"):
            process.call("fit", k=2)


def test_a_library_that_is_not_there_has_no_python():
    assert python_for("no_such_library_anywhere") is None
    assert python_for("numpy") is not None


def test_ours_comes_first_and_every_rival_states_its_settings():
    assert next(iter(RIVALS)) == OURS
    for rival in RIVALS.values():
        assert rival.variants(frozenset({"avx2"}))[0].name == "installed"
        for batch in (1, 32, 10_000):
            assert len(rival.settings("exact", batch, 2)) >= 1


def test_who_can_be_held_to_avx2_says_how():
    for rival in RIVALS.values():
        held = rival.on_avx2()
        assert held is None or held.environment, rival.name
    assert RIVALS[OURS].on_avx2().environment == {"KNEIGHBORS_INSTRUCTION_SET": "avx2"}


def test_every_rival_knows_l2():
    assert all("sqeuclidean" in rival.metrics for rival in RIVALS.values())


def test_majority_takes_the_smallest_of_tied_classes():
    labels = np.array([[2, 2, 0], [1, 0, 2], [0, 1, 1]])
    assert majority(labels, 3).tolist() == [2, 0, 1]
