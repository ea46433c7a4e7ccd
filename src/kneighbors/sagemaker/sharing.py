# SPDX-License-Identifier: Apache-2.0
"""A host's share of the training data: which rows it looks at, and what they are numbered.

==============================  ==========================================================================
one host, or the same on all    rows count over the files in order; of w hosts, host i looks at row % w == i
files in parts                  hosts tell the leader how many rows each file has; it numbers the rows over
                                all files in order, so that the sample is that of one host with all of them
a pipe in parts                 row numbers cannot be known: a row is known by its host and its place there
==============================  ==========================================================================
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Batch, Source
from ..data.source import rows_per_batch
from ..sample import Sample, Sampler
from .channels import files_of, pipe_of
from .configuration import Channel, Job
from .failures import JobError

__all__ = ["Share", "batches_of", "number_rows", "numbered"]

Table = list[tuple[str, int]]


class Share:
    """What this host reads of the channel "train", and the sample it keeps.

    Attributes
    ----------
    table : list of (str, int) or None
        Files and their rows, where the leader must know them; else None.
    n_features : int or None
        Once something was read.
    seconds : float
        Spent reading.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        self._job, self._folder = job, folder
        self._channel = job.channels["train"]
        several = len(job.hosts.names) > 1
        in_parts = several and self._channel.sharded
        self._parts = [] if self._channel.pipe else files_of(folder, self._channel, "auto")
        if not self._parts and not self._channel.pipe and not in_parts:
            raise JobError("Channel train: there are no rows; expected at least one file that is not empty.")
        self.table: Table | None = None
        if in_parts and not self._channel.pipe:
            self.table = [(part.name, part.source.count_rows()) for part in self._parts]
        self.n_features: int | None = None
        self.seconds = 0.0
        values = job.hyperparameters.values
        self.sampler = Sampler(
            job.hyperparameters.sample_size,
            values["_seed"],
            worker=job.hosts.place,
            n_workers=len(job.hosts.names),
            quota=values["_quota"],
            replicated=several and not in_parts,
            shard=job.hosts.current if in_parts and self._channel.pipe else None,
        )

    @property
    def shard(self) -> bool:
        """Whether rows are known by their host."""
        return (
            self._channel.pipe
            and self.table is None
            and len(self._job.hosts.names) > 1
            and self._channel.sharded
        )

    def read(self, first_rows: list[int] | None = None) -> None:
        """Let all rows go past the sampler; ``first_rows`` are the leader's numbers for the files."""
        started, row = time.perf_counter(), 0
        for place, source in enumerate(self._sources()):
            self._check(source)
            if first_rows is not None:
                row = first_rows[place]
            size = min(self._job.hyperparameters.mini_batch_size, rows_per_batch(source.n_features))
            for batch in source.batches(size, first_row=row):
                self.sampler.update(batch.first_row, batch.features, _single(batch, source))
                row = batch.first_row + len(batch)
        self.seconds = time.perf_counter() - started

    def _sources(self) -> Iterator[Source]:
        if self._channel.pipe:
            with closing(pipe_of(self._folder, self._channel, "auto")) as pipe:
                yield from pipe
        else:
            yield from (part.source for part in self._parts)

    def _check(self, source: Source) -> None:
        if self.n_features is None:
            self._job.hyperparameters.check_width(source.n_features)
            self.n_features = source.n_features
        elif source.n_features != self.n_features:
            raise JobError(
                f"{source.name}: found {source.n_features} features beside the label; expected "
                f"{self.n_features}, as in the files before."
            )


def batches_of(
    folder: Path, channel: Channel, label_dtype: str, size: int, n_features: int
) -> Iterator[Batch]:
    """All of this host's rows of a channel, such as "test"."""
    sources: Generator[Source, None, None] = (
        pipe_of(folder, channel, label_dtype)
        if channel.pipe
        else (part.source for part in files_of(folder, channel, label_dtype))
    )
    with closing(sources) as opened:
        for source in opened:
            if source.n_features != n_features:
                raise JobError(
                    f"{source.name}: found {source.n_features} features beside the label; expected "
                    f"{n_features}, as in the channel train."
                )
            for batch in source.batches(min(size, rows_per_batch(n_features))):
                yield replace(batch, labels=_single(batch, source))


def number_rows(tables: Mapping[str, Table]) -> dict[str, list[int]]:
    """The first row of each file of each host, counting over all files by name.

    Examples
    --------
    >>> number_rows({"algo-1": [("b", 10)], "algo-2": [("a", 5), ("c", 1)]})
    {'algo-1': [5], 'algo-2': [0, 15]}
    """
    files = sorted(
        (name, host, place, rows)
        for host, table in tables.items()
        for place, (name, rows) in enumerate(table)
    )
    found: dict[str, list[int]] = {host: [0] * len(table) for host, table in tables.items()}
    row = 0
    for _, host, place, rows in files:
        found[host][place] = row
        row += rows
    return found


def numbered(sample: Sample, seen: Mapping[str, int]) -> Sample:
    """A sample of rows known by their host, numbered as if the hosts' rows came one host after the other."""
    if sample.shards is None:
        return sample
    first, total = {}, 0
    for host in sorted(seen):
        first[host] = total
        total += seen[host]
    offsets = np.array([first[host] for host in sample.shards.tolist()], dtype=np.int64)
    return replace(sample, sample_indices=sample.sample_indices + offsets, shards=None)


def _single(batch: Batch, source: Source) -> NDArray[Any]:
    labels = batch.labels
    if labels is None or labels.ndim != 1:
        raise JobError(f"{source.name}: found several labels in a row; expected one.")
    return labels
