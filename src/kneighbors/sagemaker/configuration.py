# SPDX-License-Identifier: Apache-2.0
"""The job as its configuration files describe it: hyperparameters, channels, hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .failures import JobError
from .folders import Folders
from .hyperparameters import Hyperparameters, parse

__all__ = ["Channel", "Hosts", "Job", "read_job"]

_MAX_BYTES = 1 << 20
_RECORDIO = "application/x-recordio-protobuf"


@dataclass(frozen=True)
class Channel:
    """One input.

    Attributes
    ----------
    name : str
        "train" or "test".
    format : {"csv", "recordio"}
    pipe : bool
        Whether it comes through FIFOs instead of files.
    sharded : bool
        Whether each host has its own part.
    """

    name: str
    format: Literal["csv", "recordio"]
    pipe: bool
    sharded: bool


@dataclass(frozen=True)
class Hosts:
    """Who takes part in the job; the first of ``names``, which are sorted, leads."""

    current: str
    names: tuple[str, ...]

    @property
    def place(self) -> int:
        return self.names.index(self.current)

    @property
    def leader(self) -> str:
        return self.names[0]

    @property
    def leads(self) -> bool:
        return self.current == self.leader


@dataclass(frozen=True)
class Job:
    """All that a host is told."""

    hyperparameters: Hyperparameters
    channels: dict[str, Channel]
    hosts: Hosts


def read_job(folders: Folders) -> Job:
    """Read and check the configuration files.

    Raises
    ------
    JobError
        A file is missing or damaged, or asks for what is not allowed.
    """
    hyperparameters = parse(_read(folders.config / "hyperparameters.json"))
    given = _read(folders.config / "inputdataconfig.json")
    unknown = sorted(set(given) - {"train", "test"})
    if unknown:
        raise JobError(f"Channel {unknown[0]!r} was given; expected the channels train and, if wanted, test.")
    if "train" not in given:
        raise JobError("The channel train is missing; expected it, and a channel test if scores are wanted.")
    channels = {name: _channel(name, options) for name, options in given.items()}
    return Job(hyperparameters, channels, _hosts(folders.config / "resourceconfig.json"))


def _channel(name: str, options: Any) -> Channel:
    if not isinstance(options, dict):
        raise JobError(f"Channel {name}: found {options!r} as its configuration; expected an object.")
    wrapper = options.get("RecordWrapperType") or "None"
    if wrapper != "None":
        raise JobError(f"Channel {name}: RecordWrapperType {wrapper!r} was given; expected None.")
    mode = options.get("TrainingInputMode") or "File"
    if mode not in ("File", "FastFile", "Pipe"):
        raise JobError(
            f"Channel {name}: TrainingInputMode {mode!r} was given; expected File, FastFile or Pipe."
        )
    spread = options.get("S3DistributionType") or "FullyReplicated"
    if spread not in ("FullyReplicated", "ShardedByS3Key"):
        raise JobError(
            f"Channel {name}: S3DistributionType {spread!r} was given; expected FullyReplicated or "
            "ShardedByS3Key."
        )
    return Channel(name, _format(name, options), mode == "Pipe", spread == "ShardedByS3Key")


def _format(name: str, options: dict[str, Any]) -> Literal["csv", "recordio"]:
    given = options.get("ContentType") or _RECORDIO
    kind, *rest = (part.strip() for part in str(given).split(";"))
    if kind.lower() == _RECORDIO:
        return "recordio"
    if kind.lower() != "text/csv":
        raise JobError(
            f"Channel {name}: content type {given!r} was given; expected text/csv, with one label in the "
            f"first column, or {_RECORDIO}."
        )
    for part in rest:
        key, _, value = part.partition("=")
        key, value = key.strip().lower(), value.strip().strip('"').lower()
        if key == "label_size" and value != "1":
            raise JobError(
                f"Channel {name}: label_size={value} was given; expected 1, the label in the first column."
            )
        if key in ("charset", "encoding") and value not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise JobError(f"Channel {name}: {key}={value} was given; expected utf-8.")
    return "csv"


def _hosts(path: Path) -> Hosts:
    if not path.exists():
        return Hosts("algo-1", ("algo-1",))
    found = _read(path)
    current, names = found.get("current_host"), found.get("hosts")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise JobError(f"{path.name}: found {names!r} as hosts; expected a list of host names.")
    if len(set(names)) != len(names) or current not in names:
        raise JobError(f"{path.name}: found the current host {current!r} and {names!r}; expected it once.")
    return Hosts(str(current), tuple(sorted(names)))


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()[: _MAX_BYTES + 1]
    except OSError as error:
        raise JobError(f"{path}: cannot be read: {error.strerror or error}.") from error
    try:
        if len(text) > _MAX_BYTES:
            raise ValueError("it is larger than 1 MiB")
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path.name}: is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise JobError(f"{path.name}: found {type(found).__name__}; expected a JSON object.")
    return found
