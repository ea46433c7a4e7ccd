# SPDX-License-Identifier: Apache-2.0
"""The sampler: one for each worker, merged by the leader."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError, ParameterTypeError
from .keys import row_keys
from .reservoir import Reservoir

__all__ = ["Sample", "Sampler"]

_PART_BYTES = 8 << 20


@dataclass(frozen=True)
class Sample:
    """The chosen rows.

    Attributes
    ----------
    features : ndarray of shape (m, d)
        In ascending row number; the dtype of the batches.
    labels : ndarray of shape (m,) or (m, n_labels), or None
        Their labels.
    sample_indices : ndarray of shape (m,), int64
        Their row numbers; within the shard where ``shards`` is not None.
    shards : ndarray of shape (m,), object, or None
        Name of the shard of each row, where global row numbers are not known. Rows are then in the order of
        (name, row).
    n_seen : int
        Rows that went past.
    """

    features: NDArray[Any]
    labels: NDArray[Any] | None
    sample_indices: NDArray[np.int64]
    shards: NDArray[np.object_] | None
    n_seen: int


class Sampler:
    """Keeps the rows with the smallest keys of all that go past.

    Parameters
    ----------
    sample_size : int or None
        Rows to keep, 1 or more; None, or more than there are, keeps all.
    random_state : int, None, numpy.random.RandomState or Generator, default=0
        The seed of the keys, from 0 to 2**64 - 1, or what to draw it from. All workers need the same int.
    worker, n_workers : int, default=0 and 1
        Which of how many workers this is; matters with ``quota="equal"`` and ``replicated`` only.
    quota : {"merge", "equal"}, default="merge"
        "merge": each worker keeps its ``sample_size`` smallest keys and a merge keeps the smallest of all, so
        the result is the sample of the whole data. "equal": each worker keeps its share, ``sample_size //
        n_workers`` rows and one more for the first ``sample_size % n_workers`` workers, and a merge keeps
        them all. Where a shard has fewer rows than its share, the sample is smaller.
    replicated : bool, default=False
        Every worker sees all rows; worker i then looks only at rows with ``row % n_workers == i``.
    shard : str or None, default=None
        Name of the shard this worker reads, where it cannot know global row numbers.

    Attributes
    ----------
    seed : int
        The seed in use.
    n_seen : int
        Rows that went past and were this worker's to look at.

    Notes
    -----
    Memory: the sample, some 30 bytes of bookkeeping per kept row, room for candidates (as much again, at most
    32 MiB or one row), and while it grows at most 64 MiB; ``result`` puts the rows in order within that.
    Time: one key per row, and a copy of the few that still have a chance.

    Ties of keys, possible only between shards with names, go to the smaller (shard, row).

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.sample import Sampler
    >>> rows = np.arange(20.0).reshape(10, 2)
    >>> whole = Sampler(4)
    >>> whole.update(0, rows)
    >>> halves = Sampler(4), Sampler(4)
    >>> halves[0].update(0, rows[:5])
    >>> halves[1].update(5, rows[5:])
    >>> halves[0].merge(halves[1])
    >>> whole.result().sample_indices.tolist(), halves[0].result().sample_indices.tolist()
    ([2, 5, 7, 8], [2, 5, 7, 8])
    """

    def __init__(
        self,
        sample_size: int | None,
        random_state: Any = 0,
        *,
        worker: int = 0,
        n_workers: int = 1,
        quota: Literal["merge", "equal"] = "merge",
        replicated: bool = False,
        shard: str | None = None,
    ) -> None:
        if sample_size is not None:
            _check_int("sample_size", sample_size, 1)
        _check_int("n_workers", n_workers, 1)
        _check_int("worker", worker, 0)
        if worker >= n_workers:
            raise ParameterError(
                f"worker={worker} was given with n_workers={n_workers}; expected 0 to {n_workers - 1}."
            )
        if quota not in ("merge", "equal"):
            raise ParameterError(f"quota={quota!r} was given; expected 'merge' or 'equal'.")
        if shard is not None and not (isinstance(shard, str) and shard):
            raise ParameterTypeError(f"shard={shard!r} was given; expected a name (text), or None.")
        if replicated and shard is not None:
            raise ParameterError(
                "replicated=True was given with a shard name; expected one of them: rows that every worker "
                "sees have global row numbers."
            )
        self.sample_size = None if sample_size is None else int(sample_size)
        self.seed = seed_of(random_state)
        self.n_seen = 0
        self.quota, self.replicated = quota, replicated
        self.n_workers = int(n_workers)
        self._worker, self._shard = int(worker), shard
        self._workers = {int(worker)}
        self._reservoir = Reservoir(self._share(), [shard or ""])
        self._text_is_fixed = True  # all text labels came as <U arrays
        self._result: Sample | None = None

    def _share(self) -> int | None:
        """Rows that this worker keeps."""
        if self.quota == "merge" or self.sample_size is None:
            return self.sample_size
        return self.sample_size // self.n_workers + (self._worker < self.sample_size % self.n_workers)

    def update(self, first_row: int, features: NDArray[Any], labels: NDArray[Any] | None = None) -> None:
        """Look at some consecutive rows.

        Parameters
        ----------
        first_row : int
            Row number of the first of them, counted over the whole data (within the shard where it has a
            name).
        features : ndarray of shape (n, d), float32 or float64
            Rows that win are copied.
        labels : ndarray of shape (n,) or (n, n_labels), or None, default=None
            Their labels.

        Raises
        ------
        DataError
            Another width, dtype or kind of labels than before.
        """
        self._check_open()
        if self.quota == "equal" and len(self._workers) > 1:
            raise ParameterError(
                "rows were given to a sampler that holds several workers' shares; expected them before the "
                "merge."
            )
        _check_int("first_row", first_row, 0)
        n_rows = len(features)
        if labels is not None and len(labels) != n_rows:
            raise DataError(
                f"Sample: found {len(labels)} labels for {n_rows} rows; expected one label per row."
            )
        rows = np.arange(first_row, first_row + n_rows, dtype=np.int64)
        mine: Any = slice(None)
        if self.replicated and self.n_workers > 1:
            mine = np.flatnonzero(rows % self.n_workers == self._worker)
            rows = rows[mine]
        keys = row_keys(self.seed, rows, self._shard)
        self.n_seen += len(rows)
        chosen = self._reservoir.chances(keys)
        if chosen is not None:
            keys, rows = keys[chosen], rows[chosen]
            mine = chosen if isinstance(mine, slice) else mine[chosen]
        shards = np.zeros(len(keys), dtype=np.int32)
        arrays = {"keys": keys, "rows": rows, "shards": shards, "features": features[mine]}
        if labels is not None:
            if labels.dtype == np.dtype(object):
                self._text_is_fixed = False
            arrays["labels"] = labels[mine].astype(object) if labels.dtype.kind == "U" else labels[mine]
        self._reservoir.append(arrays)

    def merge(self, other: Sampler) -> None:
        """Take in another worker's rows; the other is left as it is.

        Raises
        ------
        ParameterError
            The two were made with different settings, or hold the same worker's share.
        """
        self._check_open()
        other._check_open()
        for name in ("sample_size", "seed", "quota", "n_workers", "replicated"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ParameterError(
                    f"samplers with {name}={mine!r} and {name}={theirs!r} were to be merged; expected the "
                    "same settings."
                )
        if (self._shard is None) != (other._shard is None):
            raise ParameterError(
                "a sampler of a named shard and one of global row numbers were to be merged; expected one "
                "or the other."
            )
        if (self.quota == "equal" or self.replicated) and self._workers & other._workers:
            raise ParameterError(
                f"the samplers both hold the rows of worker {min(self._workers & other._workers)}; expected "
                "each worker once. Give each its own worker=..."
            )
        kept, added = self._reservoir, other._reservoir
        kept.compact()
        added.compact()
        self._workers |= other._workers
        self.n_seen += other.n_seen
        self._text_is_fixed &= other._text_is_fixed
        if self.quota == "equal":
            kept.widen(added.capacity)
        if not added.columns:
            return
        kept.shards += [shard for shard in added.shards if shard not in kept.shards]
        arrays = {name: column[: added.n] for name, column in added.columns.items()}
        places = np.array([kept.shards.index(shard) for shard in added.shards], dtype=np.int32)
        arrays["shards"] = places[arrays["shards"]]
        chosen = kept.chances(arrays["keys"])
        if chosen is not None:
            arrays = {name: array[chosen] for name, array in arrays.items()}
        kept.append(arrays)

    def kept(self) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], NDArray[Any] | None]]:
        """Row numbers, features and labels of the rows kept so far, in parts of some 8 MiB, in no order.

        With ``merge_rows`` a sample goes to another process as plain arrays.
        """
        self._check_open()
        self._reservoir.compact()
        columns, n_rows = self._reservoir.columns, self._reservoir.n
        if not columns:
            return
        step = max(1, _PART_BYTES // max(1, columns["features"][:1].nbytes))
        for start in range(0, n_rows, step):
            part = slice(start, min(n_rows, start + step))
            labels = columns.get("labels")
            yield (
                columns["rows"][part],
                columns["features"][part],
                None if labels is None else labels[part],
            )

    def merge_rows(
        self,
        rows: NDArray[np.int64],
        features: NDArray[Any],
        labels: NDArray[Any] | None = None,
        *,
        worker: int,
        shard: str | None = None,
    ) -> None:
        """Take in rows that another worker kept, which came as plain arrays; as ``merge`` does.

        ``n_seen`` is left as it is: what went past the other worker is added by who knows.

        Parameters
        ----------
        rows : ndarray of shape (n,), int64
            Their row numbers.
        features : ndarray of shape (n, d)
        labels : ndarray of shape (n,) or (n, n_labels), or None, default=None
        worker : int
            Whose rows they are.
        shard : str or None, default=None
            Name of that worker's shard, where this sampler has one.

        Raises
        ------
        ParameterError
            A worker that is not another one, or a shard name where there is none here or the reverse.
        DataError
            Arrays that do not fit, or rows that are not that worker's.
        """
        self._check_open()
        _check_int("worker", worker, 0)
        if worker >= self.n_workers or worker == self._worker or (shard is None) != (self._shard is None):
            raise ParameterError(
                f"rows of worker={worker}, shard={shard!r} were to be merged into worker={self._worker} of "
                f"{self.n_workers}, shard={self._shard!r}; expected another worker, and both with a shard "
                "name or neither."
            )
        if len(rows) != len(features) or (labels is not None and len(labels) != len(rows)):
            raise DataError(
                f"Sample: found {len(rows)} row numbers, {len(features)} rows and "
                f"{'no' if labels is None else len(labels)} labels; expected as many of each."
            )
        if len(rows) and int(rows.min()) < 0:
            raise DataError(f"Sample: found row {int(rows.min())}; expected 0 or more.")
        if self.replicated and (rows % self.n_workers != worker).any():
            raise DataError(f"Sample: found rows of worker {worker} that are another's to look at.")
        if worker not in self._workers:
            self._workers.add(worker)
            if self.quota == "equal" and self.sample_size is not None:
                share = self.sample_size // self.n_workers + (worker < self.sample_size % self.n_workers)
                self._reservoir.widen(share)
        if shard is not None and shard not in self._reservoir.shards:
            self._reservoir.shards.append(shard)
        place = 0 if shard is None else self._reservoir.shards.index(shard)
        keys = row_keys(self.seed, rows, shard)
        chosen: Any = self._reservoir.chances(keys)
        if chosen is None:
            chosen = slice(None)
        arrays = {"keys": keys[chosen], "rows": rows[chosen], "features": features[chosen]}
        arrays["shards"] = np.full(len(arrays["keys"]), place, dtype=np.int32)
        if labels is not None:
            if labels.dtype == np.dtype(object):
                self._text_is_fixed = False
            arrays["labels"] = labels[chosen].astype(object) if labels.dtype.kind == "U" else labels[chosen]
        self._reservoir.append(arrays)

    def result(self) -> Sample:
        """The sample so far. The sampler hands its memory over, and takes no more rows.

        Raises
        ------
        DataError
            No rows went past, or some row did twice (shards that overlap, or a wrong ``first_row``).
        """
        if self._result is None:
            self._result = self._finish()
        return self._result

    def _finish(self) -> Sample:
        if not self._reservoir.columns:
            raise DataError("Sample: no rows went past; expected at least one batch.")
        names = np.array(self._reservoir.shards, dtype=object)
        columns = self._reservoir.finish()
        rows, shards = columns["rows"], columns["shards"]
        twice = np.flatnonzero((rows[1:] == rows[:-1]) & (shards[1:] == shards[:-1]))
        if twice.size:
            raise DataError(
                f"Sample: row {rows[twice[0]]} came twice ({twice.size} such rows in the sample); expected "
                "each row once. Check that shards do not overlap and that each is told its first row.",
                row=int(rows[twice[0]]),
            )
        labels = columns.get("labels")
        if labels is not None and labels.dtype == np.dtype(object) and self._text_is_fixed and len(labels):
            labels = labels.astype(np.str_)
        named = None if self._shard is None else names[shards]
        return Sample(columns["features"], labels, rows, named, self.n_seen)

    def _check_open(self) -> None:
        if self._result is not None:
            raise ParameterError(
                "this sampler has given its result and takes no more rows; start another Sampler."
            )


def _check_int(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ParameterTypeError(f"{name}={value!r} was given; expected a whole number, {least} or more.")
    if not least <= value < 2**63:
        raise ParameterError(f"{name}={value!r} was given; expected a whole number, {least} or more.")


def seed_of(random_state: Any) -> int:
    """The seed that a ``random_state`` stands for; drawn where it is a generator or None."""
    if random_state is None:
        return secrets.randbits(64)
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        drawn: bytes = random_state.bytes(8)
        return int.from_bytes(drawn, "little")
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)):
        raise ParameterTypeError(
            f"random_state={random_state!r} was given; expected a whole number from 0 to 2**64 - 1, None, or "
            "a numpy random generator."
        )
    if not 0 <= random_state < 2**64:
        raise ParameterError(f"random_state={random_state} was given; expected 0 to 2**64 - 1.")
    return int(random_state)
