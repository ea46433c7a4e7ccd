# SPDX-License-Identifier: Apache-2.0
"""A training job: read the share, sample, and, as the leader, gather, fit, save and score."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

import numpy as np

from .. import pipeline
from ..model import Model
from ..threads import resolve_threads
from .configuration import Job, read_job
from .failures import FINE, STOPPED, HostError, JobError, Stopped, describe, write_failure
from .folders import Folders
from .hosts import Meeting, call_leader, meet
from .log import Journal, start_logging
from .messages import Connection, Rows
from .scoring import Scores
from .sharing import Share, batches_of, number_rows, numbered

__all__ = ["train"]


def train(environment: Mapping[str, str] | None = None, *, stream: TextIO | None = None) -> int:
    """Run the job that the folders describe; what ``train`` in the container does.

    Parameters
    ----------
    environment : mapping or None, default=None
        ``SAGEMAKER_BASE_DIR`` says where the folders are (/opt/ml), ``KNEIGHBORS_HOST_PORT`` (8999) and
        ``KNEIGHBORS_HOST_PATIENCE`` (300 seconds) how hosts meet. None is the process's own.
    stream : text file or None, default=None
        Where log lines go; None is standard output.

    Returns
    -------
    int
        The exit code: 0 when the model is written, 1 for what the user can mend, 2 for a fault of ours or of
        the machine, 143 when stopped. But for 0 and 143 one line is in ``output/failure``.
    """
    environment = os.environ if environment is None else environment
    start_logging(stream)
    folders = Folders.of(environment)
    journal = Journal("algo-1")
    try:
        with _stoppable():
            job = read_job(folders)
            journal = Journal(job.hosts.current)
            _run(job, folders, Meeting(environment), journal)
    except Stopped:
        journal.say("Stopped by SIGTERM; no model was written.")
        return STOPPED
    except BaseException as error:
        code, line = describe(error)
        journal.fail(line)
        write_failure(folders.failure, line, error)
        return code
    return FINE


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends what is done here; only the main thread can be told so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; nothing interrupts the clearing up
    raise Stopped


def _run(job: Job, folders: Folders, meeting: Meeting, journal: Journal) -> None:
    started = time.perf_counter()
    n_hosts = len(job.hosts.names)
    journal.say(f"Final configuration: {job.hyperparameters.values}")
    journal.say(
        f"Using per-worker sample size = {job.hyperparameters.sample_size} (Available virtual memory = "
        f"{_free_memory()} bytes, GPU free memory = 0 bytes, number of workers = {n_hosts}). If an "
        "out-of-memory error occurs, choose a larger instance type, use dimension reduction, decrease "
        "sample_size, and/or decrease mini_batch_size."
    )
    if job.hosts.leads:
        workers = meet(job.hosts, meeting, journal) if n_hosts > 1 else {}
        try:
            _lead(job, folders, journal, workers)
        except BaseException as error:
            for worker in workers.values():
                with suppress(HostError):
                    worker.send({"failed": describe(error)[1][:1024]})
            raise
        finally:
            for worker in workers.values():
                worker.close()
    else:
        leader = call_leader(job.hosts, meeting)
        try:
            _work(job, folders, journal, leader)
        except HostError:
            raise  # the leader's own failure, or it is gone
        except BaseException as error:
            with suppress(HostError):
                leader.send({"failed": describe(error)[1][:1024]})
            raise
        finally:
            leader.close()
    journal.metrics({"totaltime": (time.perf_counter() - started) * 1000})


def _lead(job: Job, folders: Folders, journal: Journal, workers: dict[str, Connection]) -> None:
    share = Share(job, folders.data)
    first_rows = _first_rows(job, share, workers)
    share.read(first_rows.get(job.hosts.current))
    _report(share, journal)
    seen = {job.hosts.current: share.sampler.n_seen}
    for name, worker in workers.items():
        journal.say(f"Getting reservoir sample from {name}...")
        seen[name] = _gather(job, share, worker)
    if not sum(seen.values()):
        raise JobError("Channel train: there are no rows on any host; expected at least one.")
    sample = numbered(share.sampler.result(), seen)
    sample_size = len(sample.sample_indices)
    if job.hyperparameters.k > sample_size:
        raise JobError(
            f"Hyperparameter k: {job.hyperparameters.k} was given, but the sample has {sample_size} rows; "
            f"expected 1 to {sample_size}. Give a smaller k, a larger sample_size, or more rows."
        )
    job.hyperparameters.check_width(sample.features.shape[1])
    n_threads = resolve_threads(None)
    fit_started = time.perf_counter()
    model = pipeline.fit_sample(
        sample, job.hyperparameters.settings(), job.hyperparameters.task, n_threads=n_threads
    )
    fitted = time.perf_counter()
    _save(model, folders)
    journal.say(f"Model of {model.n_kept} rows and {model.n_columns} columns written to {folders.model}.")
    journal.metrics(
        {
            "finalize.time": (fitted - fit_started) * 1000,
            "model.serialize.time": (time.perf_counter() - fitted) * 1000,
        }
    )
    if "test" in job.channels:
        _score(job, folders, journal, model, workers)
    for worker in workers.values():
        worker.send({"done": True})


def _first_rows(job: Job, share: Share, workers: dict[str, Connection]) -> dict[str, list[int]]:
    """Numbers for the files of every host, where each has its own."""
    if share.table is None or not workers:
        return {}
    tables = {job.hosts.current: share.table}
    for name, worker in workers.items():
        table = worker.receive("files")["files"]
        if not isinstance(table, list) or not all(_is_entry(entry) for entry in table):
            raise HostError(f"Host {name} sent a list of files that cannot be read.")
        tables[name] = [(entry[0], entry[1]) for entry in table]
    found = number_rows(tables)
    for name, worker in workers.items():
        worker.send({"first_rows": found[name]})
    return found


def _is_entry(entry: object) -> bool:
    match entry:
        case [str(), int(rows)] if type(rows) is int and 0 <= rows < 2**48:
            return True
    return False


def _gather(job: Job, share: Share, worker: Connection) -> int:
    """Take in a worker's sample; returns how many rows went past it."""
    place, kept = job.hosts.names.index(worker.host), 0
    while True:
        message = worker.receive_any("seen")
        if not isinstance(message, Rows):
            seen = message["seen"]
            if type(seen) is not int or seen < kept:
                raise HostError(f"Host {worker.host} sent {kept} rows of {seen!r}.")
            share.sampler.n_seen += seen
            return seen
        kept += len(message.numbers)
        if kept > job.hyperparameters.sample_size:
            raise HostError(f"Host {worker.host} sent more rows than the sample holds.")
        shard = worker.host if share.shard else None
        share.sampler.merge_rows(*message, worker=place, shard=shard)


def _work(job: Job, folders: Folders, journal: Journal, leader: Connection) -> None:
    share = Share(job, folders.data)
    first_rows = None
    if share.table is not None:
        leader.send({"files": share.table})
        first_rows = leader.receive("first_rows")["first_rows"]
    share.read(first_rows)
    _report(share, journal)
    for numbers, features, labels in share.sampler.kept():
        assert labels is not None
        leader.send_rows(Rows(numbers, features, labels))
    leader.send({"seen": share.sampler.n_seen})
    answer = leader.receive("done", "score")
    if "score" in answer:
        n_rows = 0
        size = max(1, min(job.hyperparameters.mini_batch_size, (8 << 20) // (4 * answer["n_features"])))
        for batch in batches_of(
            folders.data, job.channels["test"], answer["score"], size, answer["n_features"]
        ):
            assert batch.labels is not None
            numbers = np.arange(n_rows, n_rows + len(batch))
            leader.send_rows(Rows(numbers, batch.features.astype("float32", copy=False), batch.labels))
            n_rows += len(batch)
        leader.send({"seen": n_rows})
        leader.receive("done")
    journal.say(f"The model was written by {leader.host}.")


def _score(
    job: Job, folders: Folders, journal: Journal, model: Model, workers: dict[str, Connection]
) -> None:
    started = time.perf_counter()
    channel = job.channels["test"]
    assert model.labels is not None
    classes = None if model.labels.classes is None else model.labels.classes[0]
    label_dtype = "string" if classes is not None and classes.dtype.kind in "OU" else "auto"
    scores = Scores(model, job.hyperparameters.k, resolve_threads(None))
    size = job.hyperparameters.mini_batch_size
    for batch in batches_of(folders.data, channel, label_dtype, size, model.n_features):
        assert batch.labels is not None
        scores.add(batch.features, batch.labels)
    if channel.sharded:
        for worker in workers.values():
            worker.send({"score": label_dtype, "n_features": model.n_features})
            while isinstance(message := worker.receive_any("seen"), Rows):
                scores.add(message.features, message.labels)
    if not scores.n_rows:
        raise JobError("Channel test: there are no rows; expected at least one, or no such channel.")
    if job.hyperparameters.task == "classifier":
        journal.score("accuracy", scores.accuracy())
        journal.score("macro_f_1.000", scores.macro_f())
    else:
        journal.score("mse", scores.mean_squared_error(), "loss")
    seconds = time.perf_counter() - started
    journal.metrics({"Total Records Seen": scores.n_rows, "update.time": seconds * 1000}, "test_data_iter")


def _save(model: Model, folders: Folders) -> None:
    from ..estimators.loading import from_model

    folders.model.mkdir(parents=True, exist_ok=True)
    from_model(model).save(folders.model)


def _report(share: Share, journal: Journal) -> None:
    rows = share.sampler.n_seen
    journal.progress(100.0)
    journal.throughput(rows, share.seconds)
    journal.metrics(
        {"Total Records Seen": rows, "update.time": share.seconds * 1000, "NaNs": 0}, "training_data_iter"
    )


def _free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
