# SPDX-License-Identifier: Apache-2.0
"""A8: a model of each released format, kept for ever, loads with the content it was saved with.

``samples/v<format>/`` holds one folder per kind of model. Never write them again: a format that changes gets
a new number, a new folder beside these, and keeps this reader. ``write`` made them of what
``small_models.py`` returned that day; ``EXPECTED`` spells that out, so that a change there is seen.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kneighbors.errors import ModelFileError
from kneighbors.model_files import ModelContents, read, write
from kneighbors.model_files.layout import FORMAT_VERSION
from tests.model_files.small_models import INDEX, JSON, differences, files_of

FOLDER = Path(__file__).parent / "samples"
EXPECTED = {
    "v1": {
        "classifier": ModelContents(
            k=3,
            predictor_type="classifier",
            dimension_reduction=None,
            normalize=False,
            settings={
                "algorithm": "auto",
                "metric": "minkowski",
                "p": 2,
                "radius": 1e-7,
                "priors": [0.25, 0.30000000000000004, 0.45],
                "n_rows": 5,
                "label_kind": "string",
                "note": {"größe": 'a "b" \\ c', "missing": None, "yes": True, "deep": [[-5, 0.1], [-0.0]]},
            },
            sections={
                "rows": np.array(
                    [[0.5, -1.0], [2.0, 1e-30], [3.25, -0.0], [4.0, 7.0], [1.5, 1e30]], dtype=np.float32
                ),
                "classes.0.text": np.frombuffer("catdoglöwe".encode(), dtype=np.uint8),
                "classes.0.offsets": np.array([0, 3, 6, 11]),
                "scale.mean": np.array([0.1, 0.2]),
                "removed": np.empty(0, dtype=np.int64),
            },
            labels=np.array([2, 0, 1, 1, 0]),
        ),
        "regressor": ModelContents(
            k=2,
            predictor_type="regressor",
            dimension_reduction={"type": "sign", "seed": 3, "target_dim": 2, "input_dim": 4},
            normalize=True,
            settings={"metric": "cosine", "label_kind": "number"},
            sections={"rows": np.arange(6, dtype=np.float64).reshape(3, 2) / 3.0},
            labels=np.array([[0.1, 2.0**53 + 2], [-0.0, 1e-300], [1.0, 0.3]]),
        ),
        "unlabelled": ModelContents(
            k=1,
            predictor_type=None,
            dimension_reduction=None,
            normalize=False,
            settings={"metric": "euclidean"},
            sections={"rows": np.arange(8, dtype=np.float32).reshape(4, 2)},
        ),
    }
}
CASES = [(version, name) for version, models in EXPECTED.items() for name in models]


@pytest.fixture
def copy(tmp_path):
    """A checkout may link files; the copies are files of their own."""

    def copy(version, name):
        shutil.copytree(FOLDER / version / name, tmp_path / name)
        return tmp_path / name

    return copy


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a8_every_format_loads_for_ever(copy, version, name):
    folder = copy(version, name)
    for mmap in (True, False):
        assert differences(read(folder, mmap=mmap), EXPECTED[version][name]) == []


def test_a8_every_format_has_its_samples():
    assert sorted(EXPECTED) == sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
    assert sorted(EXPECTED) == [f"v{version}" for version in range(1, FORMAT_VERSION + 1)]
    for version in EXPECTED:
        assert sorted(EXPECTED[version]) == sorted(path.name for path in (FOLDER / version).iterdir())


@pytest.mark.parametrize("name", EXPECTED[f"v{FORMAT_VERSION}"])
def test_a8_todays_writer_still_writes_the_newest_format(tmp_path, name):
    """The same bytes: a change of the format without a new number shows here."""
    write(tmp_path / "m", EXPECTED[f"v{FORMAT_VERSION}"][name])
    assert files_of(tmp_path / "m") == files_of(FOLDER / f"v{FORMAT_VERSION}" / name)


def test_a8_a_newer_format_is_refused_with_both_versions(copy):
    folder = copy("v1", "regressor")
    tree = json.loads((folder / JSON).read_text("utf-8"))
    tree["kneighbors"] = {"format_version": FORMAT_VERSION + 1, "files": "elsewhere"}
    (folder / JSON).write_text(json.dumps(tree), "utf-8")
    with pytest.raises(ModelFileError) as caught:
        read(folder)
    assert (
        f"has format {FORMAT_VERSION + 1}; this version of kneighbors reads format {FORMAT_VERSION}"
        in str(caught.value)
    )
    assert caught.value.file == str(folder / JSON)


def test_a8_a_newer_index_is_refused_with_both_versions(copy):
    from tests.model_files.test_container import with_prefix

    folder = copy("v1", "regressor")
    with_prefix(folder, 8, (FORMAT_VERSION + 1).to_bytes(4, "little"))
    with pytest.raises(ModelFileError) as caught:
        read(folder)
    assert (
        f"has format {FORMAT_VERSION + 1}; this version of kneighbors reads format {FORMAT_VERSION}"
        in str(caught.value)
    )
    assert (caught.value.file, caught.value.section) == (str(folder / INDEX), "prefix")
