# SPDX-License-Identifier: Apache-2.0
"""What do adding, removing and filtering cost, beside an index that is built for the rows at hand?

``python -m benchmarks.growing`` takes clustered float32 rows (1,000,000 x 128; ``--quick``: 200,000) and

- adds 100 rows, 1,000 times: seconds in all, and what concatenating the matrix each time would cost
  (measured on twenty additions);
- asks the grown index, one with a fifth of its rows removed, and fresh ones over the same rows, in turns: the
  ratio of their times in the same round, for one query and for 256;
- lets a share of the rows answer, from one in 10,000 to all: the ratio to a search among all.

There are no rivals here: this compares the library with itself. Nothing is written.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .data import clustered
from .machine import n_cores

__all__ = ["main"]

N_ADDITIONS, N_EACH, K = 1000, 100, 10
SHARES = (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.9, 1.0)


def seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def ratios(first: Callable[[], Any], second: Callable[[], Any], n_rounds: int) -> list[float]:
    """Times of the first over times of the second, taken in turns."""
    first(), second()
    found = []
    for number in range(n_rounds):
        pair = (first, second) if number % 2 else (second, first)
        times = {call: seconds(call) for call in pair}
        found.append(times[first] / times[second])
    return found


def shown(found: Sequence[float]) -> str:
    return f"{statistics.median(found):5.2f}  ({min(found):.2f} to {max(found):.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """All three questions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growing", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="200,000 rows, fewer rounds")
    parser.add_argument("--rows", type=int, help="other than 1,000,000 or 200,000")
    parser.add_argument("--threads", type=int, default=min(2, n_cores()))
    given = parser.parse_args(arguments)
    n_first = given.rows or (200_000 if given.quick else 1_000_000)
    n_rounds = 7 if given.quick else 15
    data = clustered(n_first + N_ADDITIONS * N_EACH, 128, 256)
    adding(data.rows, n_first, data.queries, given.threads, n_rounds)
    filtering(data.rows[:n_first], data.queries, given.threads, n_rounds)


def adding(rows: Any, n_first: int, queries: Any, n_threads: int, n_rounds: int) -> None:
    from kneighbors.index import FlatIndex

    index = FlatIndex().fit(rows[:n_first])
    built = seconds(lambda: index.search(queries[:1], K, n_threads=n_threads))
    started = time.perf_counter()
    for start in range(n_first, len(rows), N_EACH):
        index.add(rows[start : start + N_EACH])
    added = time.perf_counter() - started
    encoded = seconds(lambda: index.search(queries[:1], K, n_threads=n_threads))

    def concatenated() -> None:
        joined = rows[:n_first]
        for start in range(n_first, n_first + 20 * N_EACH, N_EACH):
            joined = np.concatenate([joined, rows[start : start + N_EACH]])

    copying = seconds(concatenated) / 20 * N_ADDITIONS
    print(f"{n_first:,} rows; first search, which encodes them: {built:.2f} s")
    print(
        f"{N_ADDITIONS:,} additions of {N_EACH}: {added:.3f} s, then encoded by the next search: "
        f"{encoded:.3f} s"
    )
    print(f"  concatenating the matrix each time instead: {copying:.1f} s")

    fresh = FlatIndex().fit(rows)
    removed = np.random.default_rng(1).choice(len(rows), len(rows) // 5, replace=False)
    smaller = FlatIndex().fit(np.delete(rows, removed, axis=0))
    print("search time over that of a fresh index on the same rows, medians of rounds (least to most)")
    for n_queries in (1, 256):
        some = queries[:n_queries]
        found = ratios(
            lambda some=some: index.search(some, K, n_threads=n_threads),  # type: ignore[misc]
            lambda some=some: fresh.search(some, K, n_threads=n_threads),  # type: ignore[misc]
            n_rounds,
        )
        print(f"  grown by {len(rows) - n_first:,}, {n_queries:4} queries: {shown(found)}")
    print(f"removing a fifth: {seconds(lambda: index.remove(removed)):.3f} s")
    for n_queries in (1, 256):
        some = queries[:n_queries]
        found = ratios(
            lambda some=some: index.search(some, K, n_threads=n_threads),  # type: ignore[misc]
            lambda some=some: smaller.search(some, K, n_threads=n_threads),  # type: ignore[misc]
            n_rounds,
        )
        print(f"  a fifth removed,   {n_queries:4} queries: {shown(found)}")


def filtering(rows: Any, queries: Any, n_threads: int, n_rounds: int) -> None:
    from kneighbors.index import FlatIndex

    index = FlatIndex().fit(rows)
    print("search time among a share of the rows over that among all, medians of rounds (least to most)")
    for share in SHARES:
        mask = np.random.default_rng(2).random(len(rows)) < share
        for n_queries in (1, 256):
            some = queries[:n_queries]
            found = ratios(
                lambda some=some, mask=mask: index.search(  # type: ignore[misc]
                    some, K, n_threads=n_threads, among=mask
                ),
                lambda some=some: index.search(some, K, n_threads=n_threads),  # type: ignore[misc]
                n_rounds,
            )
            print(f"  share {share:7.2%}, {n_queries:4} queries: {shown(found)}")


if __name__ == "__main__":
    main()
