# SPDX-License-Identifier: Apache-2.0
"""Many callers: threads that come and go, statistics beside searches, BLAS beside us, children by hundreds.

`test_threads.py` has the pool's own tests; these are the rows of trust that need more than one party.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

from kneighbors import KNeighborsClassifier
from kneighbors.index import FlatIndex
from tests.contracts.test_threads import PRELUDE, run

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, forks")
generator = np.random.default_rng(8)
ROWS = generator.standard_normal((2000, 16)).astype(np.float32)


def together(n_threads: int, body: Any) -> list[BaseException]:
    """Run ``body(number)`` on many Python threads; what they raised."""
    raised: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            body(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a caller hangs"
    return raised


def test_r44_statistics_and_traces_beside_searches() -> None:
    """Counters are read and written at once: answers stay, and the counts add up."""
    index = FlatIndex("euclidean").fit(ROWS)
    expected = index.search(ROWS[:40], 5)

    def ask(number: int) -> None:
        for _ in range(15):
            if number % 2:
                index.describe()
                assert index.trace(ROWS[:1], 5)["distances_counted"] > 0
            else:
                distances, ids = index.search(ROWS[:40], 5, n_threads=2)
                np.testing.assert_array_equal(ids, expected[1])
                np.testing.assert_array_equal(distances, expected[0])

    assert together(8, ask) == []


def test_r44_one_estimator_fitted_and_asked_by_many() -> None:
    """A fit replaces the model in one step: who asks meanwhile is answered by the old one or the new one."""
    labels = generator.integers(0, 3, 2000)
    model = KNeighborsClassifier(3).fit(ROWS, labels)
    answers = {labels_of.tobytes() for labels_of in (model.predict(ROWS[:50]),)}
    other = KNeighborsClassifier(3).fit(ROWS[:1000], labels[:1000])
    answers.add(other.predict(ROWS[:50]).tobytes())

    def use(number: int) -> None:
        for turn in range(10):
            if number == 0:
                size = 1000 if turn % 2 else 2000
                model.fit(ROWS[:size], labels[:size])
            else:
                assert model.predict(ROWS[:50]).tobytes() in answers

    assert together(4, use) == []


@linux
def test_r46_memory_does_not_grow_with_calling_threads() -> None:
    """400 threads that each search once and end: what they needed is given back or used again."""
    output = run(
        PRELUDE
        + """
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
def burst(count):
    for _ in range(count):
        thread = threading.Thread(target=lambda: scan.search(rows[:64], 5, 2))
        thread.start()
        thread.join()
burst(40)
before = resident()
burst(400)
print(resident() - before, native_threads(), len(os.sched_getaffinity(0)), right())
"""
    )
    grown, threads, cores, is_right = output.split()
    assert int(grown) < 8 << 20 and int(threads) <= 1 + 2 * int(cores) + 8 and is_right == "True"


@linux
def test_p3_callers_beside_blas() -> None:
    """Eight callers of ours while others multiply matrices: right answers, and no more threads of ours than
    callers and cores.
    """
    output = run(
        PRELUDE
        + """
matrix = np.random.default_rng(1).standard_normal((300, 300))
product = matrix @ matrix
base, most, wrong, stop = native_threads(), 0, 0, False
def multiply():
    while not stop:
        assert np.array_equal(matrix @ matrix, product) or np.allclose(matrix @ matrix, product)
def ask():
    global most, wrong
    for _ in range(15):
        wrong += not right(8)
        most = max(most, native_threads())
others = [threading.Thread(target=multiply) for _ in range(2)]
callers = [threading.Thread(target=ask) for _ in range(8)]
for thread in others + callers: thread.start()
for caller in callers: caller.join()
stop = True
for other in others: other.join()
print(base, most, wrong, len(os.sched_getaffinity(0)))
"""
    )
    base, most, wrong, cores = map(int, output.split())
    assert wrong == 0 and most <= base + 2 + 8 + cores


CHILDREN = """
import multiprocessing
def child(pipe):
    pipe.send(right(2))
    pipe.close()
def main(method, count):
    context = multiprocessing.get_context(method)
    good = 0
    for number in range(count):
        mine, theirs = context.Pipe()
        process = context.Process(target=child, args=(theirs,))
        process.start()
        theirs.close()
        good += mine.poll(60) and mine.recv()
        process.join(60)
        good -= process.exitcode != 0
        assert right()
    print(good)
"""


@linux
@pytest.mark.long
@pytest.mark.parametrize(("method", "count"), [("fork", 100), ("forkserver", 100), ("spawn", 20)])
def test_p4_a_hundred_children(method: str, count: int, tmp_path: Any) -> None:
    """Each child searches with threads of its own and ends; the parent goes on."""
    program = tmp_path / "children.py"
    program.write_text(
        PRELUDE + CHILDREN + f'if __name__ == "__main__":\n    main({method!r}, {count})\n', encoding="utf-8"
    )
    output = run(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')", timeout=400)
    assert int(output.split()[-1]) == count
