# SPDX-License-Identifier: Apache-2.0
"""Rows that stay in their file: read once when they are encoded, then only where a search measures."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kneighbors
from kneighbors import NearestNeighbors
from kneighbors.errors import DataError
from kneighbors.index import FlatIndex
from kneighbors.index.held import mapping_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the resident set from /proc")

CHILD = """
import json, os, sys
import numpy as np
from kneighbors.index import FlatIndex

def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

path, n_queries = sys.argv[1], int(sys.argv[2])
FlatIndex().fit(np.zeros((5000, 8))).search(np.zeros((1, 8)), 3)  # everything is loaded
before = resident()
rows = np.load(path, mmap_mode="r")
index = FlatIndex().fit(rows)
built = resident() - before
random = np.random.default_rng(5)
right = True
for _ in range(n_queries):
    place = int(random.integers(len(rows)))
    query = rows[place : place + 1] + 1e-3
    distances, ids = index.search(query, 10, n_threads=2)
    right &= ids[0, 0] == place
index.search_radius(query, float(distances[0, -1]))
grown = index.add(np.asarray(rows[:3]))
index.remove(grown[:1])
index.search(query, 10)
print(json.dumps({
    "bytes": rows.nbytes, "built": built, "searched": resident() - before,
    "codes": index.memory_bytes, "right": bool(right),
    "mapped": index.describe()["is_mapped"],
}))
"""


@linux
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_resident_set_stays_well_below_the_rows(tmp_path, dtype):
    """A file of 200 MB: codes are in memory, rows are not, neither after fit nor after searches.

    In between, pages of the file come and go; the kernel may take them back at any time.
    """
    path = tmp_path / "rows.npy"
    n_rows, n_columns = (200 << 20) // (1024 * np.dtype(dtype).itemsize), 1024
    file = np.lib.format.open_memmap(path, "w+", dtype, (n_rows, n_columns))
    random = np.random.default_rng(1)
    spread = random.standard_normal((12, n_columns), dtype=np.float32)  # twelve directions and some noise
    for start in range(0, n_rows, 5000):
        part = file[start : start + 5000]
        part[:] = random.standard_normal((len(part), 12), dtype=np.float32) @ spread
        part += 0.1 * random.standard_normal(part.shape, dtype=np.float32)
    file.flush()
    del file
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), os.fspath(path), "120"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert output.returncode == 0, output.stderr
    seen = json.loads(output.stdout)
    assert seen["right"] and seen["mapped"]
    budget = seen["codes"] + (48 << 20)  # what searches may leave resident, and room for scratch
    assert seen["built"] < seen["codes"] + (16 << 20)
    assert seen["searched"] < budget < 0.6 * seen["bytes"]


def mapped(tmp_path, rows, mode="r"):
    np.save(tmp_path / "rows.npy", rows)
    return np.load(tmp_path / "rows.npy", mmap_mode=mode)


def test_what_counts_as_mapped(tmp_path):
    rows = np.ones((10, 3))
    for mode, expected in (("r", True), ("r+", False), ("c", False)):
        found = mapped(tmp_path, rows, mode)
        # Pages that may be written must not be let go: a private mapping would lose what was written.
        assert (mapping_of(found) is not None) is expected
        assert (mapping_of(np.asarray(found)[2:]) is not None) is expected
    assert mapping_of(rows) is None and mapping_of(np.frombuffer(bytes(80))) is None


def test_written_private_mappings_keep_what_was_written(tmp_path):
    rows = mapped(tmp_path, np.zeros((9000, 64)), "c")
    rows[:] = np.random.default_rng(2).normal(size=rows.shape)
    expected = np.array(rows)
    index = FlatIndex().fit(rows)
    index.search(expected[:500], 5)
    assert_array_equal(rows, expected)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_at_fit(tmp_path, wrong):
    rows = np.random.default_rng(3).normal(size=(3000, 8))
    index = FlatIndex().fit(rows)
    rows = rows.copy()
    rows[2999, 7] = wrong
    with pytest.raises(DataError, match="at row 2999, column 7"):
        index.fit(mapped(tmp_path, rows))
    assert index.n_rows == 3000 and not index.describe()["is_mapped"]


def test_mapped_rows_grow_and_shrink_and_stay_mapped(tmp_path):
    rows = np.random.default_rng(4).normal(size=(3000, 8))
    index, plain = FlatIndex().fit(mapped(tmp_path, rows)), FlatIndex().fit(rows)
    for one in (index, plain):
        one.add(rows[:100] + 0.5)
        one.remove(np.arange(0, 2900))  # of mapped rows none are moved together
        one.add(rows[:5])
    for mine, theirs in zip(index.search(rows, 20), plain.search(rows, 20), strict=True):
        assert_array_equal(mine, theirs)
    described = index.describe()
    assert described["is_mapped"] and described["n_removed"] == 2900
    stored, sections = index.save()
    assert sections["rows"].shape == (205, 8) and sections["ids"].tolist() == index.ids.tolist()
    assert FlatIndex.load(stored, sections).next_id == 3105


def test_a_loaded_model_leaves_its_rows_in_the_file_and_grows_beside_it(tmp_path):
    rows = np.random.default_rng(6).normal(size=(3000, 16))
    NearestNeighbors(n_neighbors=3).fit(rows).save(tmp_path / "model")
    model = kneighbors.load(tmp_path / "model")
    assert model._model.index.describe()["is_mapped"]
    expected = NearestNeighbors(n_neighbors=3).fit(rows).kneighbors(rows[:50])
    for one, other in zip(model.kneighbors(rows[:50]), expected, strict=True):
        assert_array_equal(one, other)
    model.add_rows(rows[:10] + 100.0)
    model.remove_rows([0])
    assert model._model.index.describe()["is_mapped"]
    assert model.kneighbors(rows[:1] + 100.0, 1, return_distance=False).tolist() == [[3000]]
