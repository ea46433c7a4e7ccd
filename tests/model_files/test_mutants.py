# SPDX-License-Identifier: Apache-2.0
"""A1, A2, A3: damaged files are refused with an error that names the file, or load as what was saved.

Files are put back after each mutant, so the folder holds one damaged file at a time.
"""

from __future__ import annotations

import random
import resource
import time
from collections import Counter

import pytest

from kneighbors.errors import ModelFileError
from kneighbors.model_files import read
from tests.model_files.mutants import Mutant, editable_places, flips, numbers, others
from tests.model_files.small_models import (
    INDEX,
    JSON,
    MODELS,
    differences,
    files_of,
    overwrite,
    reseal,
    saved,
    with_index,
)

EDITABLE = {"k", "predictor_type"}


class Trial:
    """One model folder, damaged again and again."""

    def __init__(self, folder, name):
        self.folder = folder
        self.original = saved(folder, name)
        self.files = files_of(folder)
        self.editable = editable_places(self.files[JSON])
        assert len(self.editable) == 2
        self.outcomes = Counter()
        self.slowest = 0.0

    def check(self, mutant: Mutant) -> None:
        overwrite(self.folder / mutant.file, mutant.of(self.files[mutant.file]))
        start = time.thread_time()
        try:
            loaded = read(self.folder, mmap=(mutant.start % 2 == 0))
        except ModelFileError as error:
            self.refused(mutant, error)
        else:
            self.loaded(mutant, loaded)
        finally:
            self.slowest = max(self.slowest, time.thread_time() - start)
            overwrite(self.folder / mutant.file, self.files[mutant.file])

    def refused(self, mutant: Mutant, error: ModelFileError) -> None:
        self.outcomes["refused"] += 1
        assert error.file in {str(self.folder / name) for name in self.files}, mutant
        assert error.file in str(error)
        if mutant.file == INDEX and mutant.kind == "flip":
            assert (error.file, error.section is not None) == (str(self.folder / INDEX), True), mutant
        if mutant.file not in (JSON, INDEX):
            assert error.file == str(self.folder / mutant.file), mutant

    def loaded(self, mutant: Mutant, loaded) -> None:
        self.outcomes["loaded"] += 1
        changed = set(differences(loaded, self.original))
        touched = mutant.file == JSON and any(
            mutant.start <= stop and mutant.stop >= start for start, stop in self.editable
        )
        assert changed <= (EDITABLE if touched else set()), (mutant, changed)
        if mutant.kind == "flip":
            assert touched and changed, mutant


@pytest.fixture
def trial(request, tmp_path):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trial = Trial(tmp_path / "m", request.param)
    yield trial
    assert trial.slowest < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 64 << 10  # KiB


@pytest.mark.parametrize("trial", ["regressor"], indirect=True)
def test_a2_every_one_bit_flip_of_a_whole_model(trial):
    """Exhaustive: three files, every bit; only a flip inside k or predictor_type may load."""
    for file, data in trial.files.items():
        for mutant in flips(file, data):
            trial.check(mutant)
    assert trial.outcomes.total() == 8 * sum(map(len, trial.files.values())) > 13_000
    assert trial.outcomes["loaded"] <= 8 * sum(stop - start for start, stop in trial.editable)


@pytest.mark.parametrize("trial", MODELS, indirect=True)
def test_a1_a2_a_sample_of_every_kind_of_damage(trial):
    """2,500 mutants a model; with the exhaustive flips more than 20,000 in all."""
    mutants = [
        mutant for file, data in trial.files.items() for mutant in (*flips(file, data), *others(file, data))
    ]
    by_kind = {}
    for mutant in mutants:
        by_kind.setdefault((mutant.file, mutant.kind), []).append(mutant)
    rng = random.Random(20_000)
    chosen = [mutant for group in by_kind.values() for mutant in rng.sample(group, min(100, len(group)))]
    chosen += rng.sample(mutants, 2_500 - len(chosen))
    for mutant in chosen:
        trial.check(mutant)
    assert trial.outcomes.total() == 2_500
    assert {mutant.kind for mutant in chosen} == {
        "flip",
        "value",
        "cut",
        "remove",
        "insert",
        "word",
        "number",
    }


@pytest.mark.long
@pytest.mark.parametrize("trial", MODELS, indirect=True)
def test_a1_a2_all_damage(trial):
    for file, data in trial.files.items():
        for mutant in (*flips(file, data), *others(file, data)):
            trial.check(mutant)


@pytest.mark.parametrize("trial", MODELS, indirect=True)
def test_a3_headers_with_right_checksums(trial):
    """Refused, or every array lies inside the file; an attacker may change answers, not memory."""
    index = trial.files[INDEX]
    length = int.from_bytes(index[16:24], "little")
    header = index[64 : 64 + length]
    rng = random.Random(3)
    mutants = list(numbers(INDEX, header))
    mutants += rng.sample([*flips(INDEX, header), *others(INDEX, header)], 1_000)
    for mutant in mutants:
        with_index(trial.folder, reseal(index, mutant.of(header)))
        start = time.thread_time()
        try:
            loaded = read(trial.folder, mmap=(mutant.start % 2 == 0))
        except ModelFileError as error:
            trial.outcomes["refused"] += 1
            assert error.file in {str(trial.folder / name) for name in trial.files}
        else:
            trial.outcomes["loaded"] += 1
            assert sum(array.nbytes for array in loaded.sections.values()) <= len(index)
            for array in loaded.sections.values():
                array.tobytes()
        finally:
            trial.slowest = max(trial.slowest, time.thread_time() - start)
            overwrite(trial.folder / JSON, trial.files[JSON])
    assert trial.outcomes["refused"] > 1_000
