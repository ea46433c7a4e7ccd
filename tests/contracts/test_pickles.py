# SPDX-License-Identifier: Apache-2.0
"""P5: every public object goes through pickle, deepcopy, joblib and cloudpickle and answers bit for bit.

Unpickling is for a user's own processes, yet a state that is damaged ends in an error, never in a crash.
"""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest

import kneighbors
from kneighbors import index as indexes
from kneighbors import reduce as reductions
from kneighbors.sample import Sampler

generator = np.random.default_rng(31)
ROWS = generator.normal(size=(90, 12)).astype(np.float32)
QUERIES = generator.normal(size=(9, 12)).astype(np.float32)
KINDS = np.array(["ant", "bee", "cat"])[generator.integers(0, 3, 90)]
TARGETS = generator.normal(size=90)


def closest(scale: float) -> Callable[[Any], Any]:
    """A function that plain pickle refuses: it is local."""
    return lambda distances: 1.0 / (scale + distances)


def answers(thing: Any) -> list[Any]:
    """What an object says, whatever it is."""
    if isinstance(thing, Sampler):
        return [thing.result().features, thing.result().sample_indices]
    if hasattr(thing, "search"):
        return [*thing.search(QUERIES, 4), *thing.search_radius(QUERIES, 4.0)]
    found = []
    if hasattr(thing, "kneighbors"):
        found += thing.kneighbors(QUERIES, 4)
    if hasattr(thing, "predict"):
        found.append(thing.predict(QUERIES))
    if hasattr(thing, "predict_proba"):
        found.append(thing.predict_proba(QUERIES))
    if hasattr(thing, "transform"):
        graph = thing.transform(QUERIES)
        found.append(graph.toarray() if hasattr(graph, "toarray") else graph)
    assert found
    return found


def make_things() -> dict[str, Any]:
    things: dict[str, Any] = {}
    for name in kneighbors.__all__:
        kind = getattr(kneighbors, name)
        if not isinstance(kind, type):
            continue
        things[name] = kind(**({"radius": 6.0} if name.startswith("Radius") else {}))
    for module, skipped in ((indexes, {"PrecomputedIndex", "PlacesIndex"}), (reductions, set())):
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and not getattr(kind, "_is_protocol", False) and name not in skipped:
                things[name] = kind
    fitted: dict[str, Any] = {}
    for name, thing in things.items():
        if not isinstance(thing, type):
            fitted[name] = thing.fit(ROWS, TARGETS if "Regressor" in name else KINDS)
        elif hasattr(thing, "search"):
            try:
                fitted[name] = thing().fit(ROWS)
            except TypeError:
                fitted[name] = thing("euclidean").fit(ROWS)
        elif hasattr(thing, "fit") and hasattr(thing, "transform"):
            try:
                fitted[name] = thing(4).fit(ROWS)
            except Exception:
                continue
    fitted["with steps"] = kneighbors.KNeighborsClassifier(
        sample_size=70, scale="standard", reduce="pca", reduce_dim=5
    ).fit(ROWS, KINDS, np.ones(90) + (np.arange(90) % 2))
    sampler = Sampler(20, 5)
    sampler.update(0, ROWS, None)
    fitted["Sampler"] = sampler
    return fitted


THINGS = make_things()
each_thing = pytest.mark.parametrize("name", THINGS)


def same(thing: Any, expected: list[Any]) -> None:
    for one, other in zip(answers(thing), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_everything_public_is_here():
    estimators = {name for name in kneighbors.__all__ if isinstance(getattr(kneighbors, name), type)}
    assert estimators <= set(THINGS)
    assert {"FlatIndex", "BlockIndex"} <= set(THINGS) and len(THINGS) >= len(estimators) + 5, sorted(THINGS)


@each_thing
def test_p5_pickle_and_deepcopy(name: str) -> None:
    thing = THINGS[name]
    expected = answers(thing)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        same(pickle.loads(pickle.dumps(thing, protocol)), expected)
    buffers: list[Any] = []
    apart = pickle.dumps(thing, 5, buffer_callback=buffers.append)
    same(pickle.loads(apart, buffers=buffers), expected)
    same(copy.deepcopy(thing), expected)
    same(copy.copy(thing), expected)
    same(thing, expected)


@each_thing
def test_p5_joblib_maps_rows_that_nobody_may_write(name: str, tmp_path: Path) -> None:
    thing = THINGS[name]
    expected = answers(thing)
    joblib.dump(thing, tmp_path / "thing")
    same(joblib.load(tmp_path / "thing", mmap_mode="r"), expected)
    same(joblib.load(tmp_path / "thing"), expected)


@each_thing
def test_p5_cloudpickle(name: str) -> None:
    same(cloudpickle.loads(cloudpickle.dumps(THINGS[name])), answers(THINGS[name]))


def test_p5_functions_travel_with_cloudpickle_and_into_another_process(tmp_path: Path) -> None:
    model = kneighbors.KNeighborsClassifier(weights=closest(0.5)).fit(ROWS, KINDS)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(model)
    same(cloudpickle.loads(cloudpickle.dumps(model)), answers(model))
    (tmp_path / "model").write_bytes(cloudpickle.dumps((model, QUERIES)))
    program = """
        import pickle, sys
        model, queries = pickle.load(open(sys.argv[1], "rb"))
        print(*model.predict(queries))
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert told.stdout.split() == model.predict(QUERIES).tolist()


DAMAGE = {
    "text": lambda value: "text",
    "nothing": lambda value: None,
    "no rows": lambda value: value[:0],
    "half the rows": lambda value: value[: len(value) // 2],
    "other type": lambda value: value.astype(np.int16),
    "complex": lambda value: value.astype(np.complex128),
    "flat": lambda value: value.ravel(),
    "strided": lambda value: np.repeat(value, 2, axis=0)[::2],
    "beyond": lambda value: value + np.asarray(2**40).astype(value.dtype),
}


def arrays_in(state: Any, depth: int = 0) -> list[tuple[dict[str, Any], str]]:
    """Every array that an object's state holds, as the dictionary it is in and its name."""
    found: list[tuple[dict[str, Any], str]] = []
    if depth > 8 or not isinstance(state, dict):
        return found
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            found.append((state, name))
        elif isinstance(value, tuple):
            found += arrays_in(dict(enumerate(value)), depth + 1)
        elif type(value).__module__.startswith("kneighbors.") and hasattr(value, "__dict__"):
            found += arrays_in(vars(value), depth + 1)
    return found


HOSTILE = """
    import sys
    sys.path[:0] = sys.argv[1:]
    import pickle, numpy as np, warnings
    warnings.simplefilter("ignore")
    from tests.contracts.test_pickles import DAMAGE, THINGS, answers, arrays_in
    refused = answered = 0
    for name, thing in THINGS.items():
        stored = pickle.dumps(thing)
        for place in range(len(arrays_in(vars(pickle.loads(stored))))):
            for damage in DAMAGE.values():
                broken = pickle.loads(stored)
                holder, key = arrays_in(vars(broken))[place]
                try:
                    holder[key] = damage(holder[key])
                    if "_scan" in holder:
                        holder["_scan"] = None
                    answers(pickle.loads(pickle.dumps(broken)))
                    answered += 1
                except Exception as error:
                    refused += 1
    print(refused, answered)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_p5_a_damaged_state_is_an_error_and_no_crash() -> None:
    """In a process of its own, of limited memory: a crash there would be seen here as its exit code."""
    root = str(Path(__file__).resolve().parents[2])
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))\n"
    told = subprocess.run(
        [sys.executable, "-c", limited + textwrap.dedent(HOSTILE), root],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    refused, answered = map(int, told.stdout.split())
    assert refused > 100 and answered < refused
