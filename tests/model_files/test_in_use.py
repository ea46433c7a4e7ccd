# SPDX-License-Identifier: Apache-2.0
"""D6: a model that is mapped and in use while its folder is replaced, and what truncation in place does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from kneighbors.model_files import ModelContents, read, write
from tests.model_files.small_models import INDEX, LABELS

ROWS = 20_000


def model(number):
    rows = np.full((ROWS, 16), float(number), dtype=np.float32)
    labels = np.full(ROWS, number / 3.0)
    return ModelContents(1, "regressor", None, False, {"number": number}, {"rows": rows}, labels)


@pytest.mark.parametrize("way", ["pages in memory", "pages from disk"])
def test_d6_r17_replaced_under_a_mapped_model(tmp_path, way):
    """50 saves over a model that another thread reads all the time: not one wrong value, no SIGBUS."""
    write(tmp_path / "m", model(0))
    loaded = read(tmp_path / "m", verify="full" if way == "pages in memory" else "header")
    wrong = []
    passes = 0
    stop = threading.Event()

    def use():
        nonlocal passes
        while not stop.is_set():
            if not (loaded.sections["rows"] == 0.0).all() or not (loaded.labels == 0.0).all():
                wrong.append(passes)
            passes += 1

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for number in range(1, 51):
            write(tmp_path / "m", model(number))
    finally:
        stop.set()
        thread.join()
    assert wrong == []
    assert passes > 10
    assert (loaded.sections["rows"] == 0.0).all()
    assert (read(tmp_path / "m").sections["rows"] == 50.0).all()
    assert os.listdir(tmp_path) == ["m"]


def test_r17_saving_a_mapped_model_over_itself(tmp_path):
    write(tmp_path / "m", model(7))
    for _ in range(3):
        loaded = read(tmp_path / "m")
        write(tmp_path / "m", loaded)
        assert (loaded.sections["rows"] == 7.0).all()
    assert (read(tmp_path / "m").labels == 7 / 3.0).all()


def test_a_save_never_opens_an_old_file_for_writing(tmp_path):
    """Versioned by inode: the old files keep theirs, the new ones get others."""
    write(tmp_path / "m", model(1))
    with open(tmp_path / "m" / INDEX, "rb") as old:
        before = old.read()
        number = os.fstat(old.fileno()).st_ino
        write(tmp_path / "m", model(2))
        assert (tmp_path / "m" / INDEX).stat().st_ino != number
        old.seek(0)
        assert old.read() == before


USE = """
import os, sys
from kneighbors.model_files import read
loaded = read(sys.argv[1], mmap=sys.argv[2] == "mapped", verify="header")
for name in ("model_algo-1", "model_algo-1.labels"):
    os.truncate(os.path.join(sys.argv[1], name), 0)
print((loaded.sections["rows"] == 7.0).all(), (loaded.labels == 7 / 3.0).all())
"""


@pytest.mark.parametrize("how", ["mapped", "in memory"])
def test_d6_cut_short_in_place_by_someone_else(tmp_path, how):
    """Documented: fatal for a mapped model, harmless with mmap=False."""
    write(tmp_path / "m", model(7))
    told = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "m"), how], capture_output=True, text=True, check=False
    )
    if how == "mapped":
        assert told.returncode == -signal.SIGBUS
    else:
        assert (told.returncode, told.stdout) == (0, "True True\n"), told.stderr
    assert (tmp_path / "m" / LABELS).stat().st_size == 0
