# SPDX-License-Identifier: Apache-2.0
"""Requests that wait are answered together, each with its own rows' answers, and none waits for a timer."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

import kneighbors
from kneighbors.serve import Limits, RequestError
from kneighbors.serve.batching import Batcher
from kneighbors.serve.served import load_served
from tests.serve.asking import rows_and_classes

ROWS, CLASSES = rows_and_classes(500)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "m"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return load_served(str(path), n_jobs=1)


def test_requests_of_one_moment_share_a_search(served):
    batches = []

    async def main():
        batcher = Batcher(Limits(), lambda rows, requests: batches.append((rows, requests)))
        asked = [batcher.ask(served, ROWS[start : start + 3], 5) for start in range(0, 60, 3)]
        answers = await asyncio.gather(*asked)
        await batcher.close()
        return answers

    answers = asyncio.run(main())
    assert batches == [(60, 20)]
    whole = served.ask(ROWS[:60], 5)
    assert (np.concatenate([one.ids for one in answers]) == whole.ids).all()
    assert (np.concatenate([one.predicted for one in answers]) == whole.predicted).all()


@pytest.mark.parametrize("inline", [True, False])
def test_large_and_small_requests_each_get_their_own_rows(served, inline, monkeypatch):
    monkeypatch.setattr("kneighbors.serve.batching._MOST_ROWS", 64)
    monkeypatch.setattr("kneighbors.serve.batching._INLINE_SECONDS", 10.0 if inline else -1.0)

    async def main():
        batcher = Batcher(Limits())
        sizes = [1, 300, 2, 150, 64, 3]
        asked = [(size, k, batcher.ask(served, ROWS[:size], k)) for size in sizes for k in (1, 5)]
        for size, k, answer in asked:
            told = await answer
            expected = served.ask(ROWS[:size], k)
            assert (told.ids == expected.ids).all()
            assert (told.distances == expected.distances).all()
            assert (told.predicted == expected.predicted).all()
            assert (told.labels[0] == expected.labels[0]).all()
        await batcher.close()

    asyncio.run(main())


def test_a_small_request_does_not_wait_for_a_large_one(served, monkeypatch):
    monkeypatch.setattr("kneighbors.serve.batching._INLINE_SECONDS", -1.0)
    monkeypatch.setattr("kneighbors.serve.batching._MOST_ROWS", 16)

    async def main():
        batcher, ended = Batcher(Limits()), {}

        async def ask(name, rows):
            await batcher.ask(served, rows, 5)
            ended[name] = time.perf_counter()

        large = asyncio.create_task(ask("large", np.repeat(ROWS, 20, axis=0)))
        await asyncio.sleep(0.005)
        await ask("small", ROWS[:2])
        await large
        await batcher.close()
        return ended

    ended = asyncio.run(main())
    assert ended["small"] < ended["large"]


def test_a_full_queue_is_told_so(served, monkeypatch):
    async def main():
        batcher = Batcher(Limits(queued=3))
        asked = [batcher.ask(served, ROWS[:1], 5) for _ in range(3)]
        with pytest.raises(RequestError) as found:
            batcher.ask(served, ROWS[:1], 5)
        await asyncio.gather(*asked)
        await batcher.ask(served, ROWS[:1], 5)
        await batcher.close()
        return found.value

    error = asyncio.run(main())
    assert (error.status, error.headers) == (503, {"retry-after": "1"})


def test_a_search_that_fails_fails_its_requests_only(served):
    async def main():
        batcher = Batcher(Limits())
        bad = batcher.ask(served, ROWS[:1], 10_000)
        good = batcher.ask(served, ROWS[:1], 5)
        with pytest.raises(ValueError, match="n_neighbors"):
            await bad
        assert (await good).ids.shape == (1, 5)
        await batcher.close()

    asyncio.run(main())
