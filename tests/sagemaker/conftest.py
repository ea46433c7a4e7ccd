# SPDX-License-Identifier: Apache-2.0
"""Jobs to run: folders as the service lays them out, and processes that run the box in them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from kneighbors import data
from kneighbors.sagemaker import train

CSV = "text/csv; label_size=1"
RECORDIO = "application/x-recordio-protobuf"
PLAIN = {"k": "3", "predictor_type": "classifier", "sample_size": "500", "feature_dim": "4"}


def as_csv(rows, labels) -> bytes:
    values = rows.astype(np.float32).astype(float).tolist()
    return "\n".join(
        ",".join([str(label), *map(repr, row)]) for label, row in zip(labels.tolist(), values, strict=True)
    ).encode()


def as_recordio(rows, labels) -> bytes:
    return data.encode_recordio({"values": labels}, rows.astype(np.float32))


def encoded(kind, rows, labels) -> bytes:
    return (as_csv if kind == CSV else as_recordio)(rows, labels)


class Job:
    """The folders of one host."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.hyperparameters = dict(PLAIN)
        self.channels: dict[str, dict[str, str]] = {}
        self.hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        self.environment: dict[str, str] = {}
        self._pipes: list[threading.Thread] = []
        for folder in ("input/config", "input/data", "model", "output"):
            (base / folder).mkdir(parents=True)

    def channel(self, name, files, kind=RECORDIO, *, mode="File", sharded=False):
        """Lay a channel out; in Pipe mode its files come one after the other through a FIFO."""
        self.channels[name] = {
            "TrainingInputMode": mode,
            "S3DistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
            "RecordWrapperType": "None",
        }
        if kind is not None:
            self.channels[name]["ContentType"] = kind
        folder = self.base / "input" / "data"
        if mode == "Pipe":
            self._feed(folder / f"{name}_0", b"".join(files.values()))
            return
        (folder / name).mkdir(exist_ok=True)
        for file, content in files.items():
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _feed(self, path, content):
        def feed():
            os.mkfifo(path)
            try:
                with open(path, "wb") as pipe:
                    pipe.write(content)
            except BrokenPipeError:
                pass  # the job ended early

        self._pipes.append(threading.Thread(target=feed, daemon=True))

    def _configure(self):
        config = self.base / "input" / "config"
        for name, content in (
            ("hyperparameters", self.hyperparameters),
            ("inputdataconfig", self.channels),
            ("resourceconfig", self.hosts),
        ):
            (config / f"{name}.json").write_text(json.dumps(content))

    def start(self):
        """Run the job in a process of its own."""
        self._configure()
        environment = os.environ | {"SAGEMAKER_BASE_DIR": str(self.base)} | self.environment
        process = subprocess.Popen(
            [sys.executable, "-m", "kneighbors.sagemaker", "train"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        for pipe in self._pipes:
            pipe.start()
        return process

    def run(self, *, code=0, process=False):
        """Run the job to its end, here or in a process of its own; returns what it printed."""
        if process:
            return finish(self.start(), code=code)
        self._configure()
        for pipe in self._pipes:
            pipe.start()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            found = train({"SAGEMAKER_BASE_DIR": str(self.base)} | self.environment)
        assert found == code, said.getvalue()
        return said.getvalue()

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()

    @property
    def model(self) -> Path:
        return self.base / "model"


def finish(process, *, code=0, timeout=60) -> str:
    try:
        said, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == code, said
    return said


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "algo-1")


@pytest.fixture
def hosts(tmp_path):
    """Jobs of several hosts that find each other on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def make(n_hosts=2, patience=30.0):
        names = [f"127.0.0.{place + 1}" for place in range(n_hosts)]
        jobs = []
        for name in names:
            made = Job(tmp_path / name)
            made.hosts = {"current_host": name, "hosts": names[::-1]}
            made.environment = {"KNEIGHBORS_HOST_PORT": str(port), "KNEIGHBORS_HOST_PATIENCE": str(patience)}
            jobs.append(made)
        return jobs

    return make


@pytest.fixture(scope="session")
def table():
    """Rows of four classes, well mixed, with some left over for a test."""
    generator = np.random.default_rng(11)
    labels = generator.integers(0, 4, 1_200)
    rows = (generator.normal(size=(1_200, 4)) + labels[:, None]).astype(np.float32)
    return rows[:1_000], labels[:1_000], rows[1_000:], labels[1_000:]
