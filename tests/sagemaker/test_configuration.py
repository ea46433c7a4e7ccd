# SPDX-License-Identifier: Apache-2.0
"""Channels, hosts and folders, and what a job says when they are wrong."""

from __future__ import annotations

import json
import os

import pytest

from kneighbors.errors import DataError
from kneighbors.sagemaker import channels
from kneighbors.sagemaker.configuration import read_job
from kneighbors.sagemaker.failures import describe, write_failure
from kneighbors.sagemaker.folders import Folders
from tests.sagemaker.conftest import PLAIN
from tests.sagemaker.test_training import refused


def write(tmp_path, **files):
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    whole = {"hyperparameters": PLAIN, "inputdataconfig": {"train": {}}} | files
    for name, content in whole.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (config / f"{name}.json").write_text(text)
    return read_job(Folders(tmp_path))


def test_a_channel_without_options_is_recordio_in_files(tmp_path):
    channel = write(tmp_path).channels["train"]
    assert (channel.format, channel.pipe, channel.sharded) == ("recordio", False, False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ContentType": "text/csv"}, ("csv", False, False)),
        ({"ContentType": "text/csv;label_size=1"}, ("csv", False, False)),
        ({"ContentType": "Text/CSV; label_size=1; charset=UTF-8"}, ("csv", False, False)),
        ({"ContentType": "application/x-recordio-protobuf"}, ("recordio", False, False)),
        ({"ContentType": None, "TrainingInputMode": "Pipe"}, ("recordio", True, False)),
        (
            {"TrainingInputMode": "FastFile", "S3DistributionType": "ShardedByS3Key"},
            ("recordio", False, True),
        ),
    ],
)
def test_channels_as_documented(tmp_path, options, expected):
    channel = write(tmp_path, inputdataconfig={"train": options, "test": {}}).channels["train"]
    assert (channel.format, channel.pipe, channel.sharded) == expected


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"inputdataconfig": {}}, "The channel train is missing"),
        (
            {"inputdataconfig": {"train": {}, "validation": {}}},
            "Channel 'validation' was given",
        ),
        ({"inputdataconfig": {"train": {"ContentType": "application/json"}}}, "expected text/csv"),
        ({"inputdataconfig": {"train": {"ContentType": "text/csv; label_size=0"}}}, "label_size=0"),
        ({"inputdataconfig": {"train": {"ContentType": "text/csv; label_size=2"}}}, "label_size=2"),
        ({"inputdataconfig": {"train": {"ContentType": "text/csv; charset=latin-1"}}}, "expected utf-8"),
        ({"inputdataconfig": {"train": {"TrainingInputMode": "Stream"}}}, "expected File, FastFile or Pipe"),
        ({"inputdataconfig": {"train": {"S3DistributionType": "x"}}}, "FullyReplicated or ShardedByS3Key"),
        ({"inputdataconfig": {"train": {"RecordWrapperType": "RecordIO"}}}, "expected None"),
        ({"inputdataconfig": {"train": "x"}}, "expected an object"),
        ({"inputdataconfig": "{"}, "inputdataconfig.json: is no JSON"),
        ({"inputdataconfig": "[" * 100_000}, "is no JSON"),
        ({"inputdataconfig": " " * (2 << 20)}, "larger than 1 MiB"),
        ({"hyperparameters": "[]"}, "expected a JSON object"),
        ({"resourceconfig": {"current_host": "a", "hosts": ["b"]}}, "found the current host 'a'"),
        ({"resourceconfig": {"current_host": "a", "hosts": ["a", "a"]}}, "expected it once"),
        ({"resourceconfig": {"current_host": "a", "hosts": []}}, "expected a list of host names"),
    ],
)
def test_configurations_that_are_refused(tmp_path, files, says):
    with pytest.raises(DataError, match=says):
        write(tmp_path, **files)


def test_hosts_are_sorted_and_the_first_leads(tmp_path):
    hosts = write(tmp_path, resourceconfig={"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}).hosts
    assert hosts.names == ("algo-1", "algo-2") and hosts.leader == "algo-1"
    assert not hosts.leads and hosts.place == 1


def test_the_base_folder_can_be_moved():
    assert str(Folders.of({}).base) == "/opt/ml"
    assert str(Folders.of({"SAGEMAKER_BASE_DIR": "/x"}).model) == "/x/model"


def test_missing_configuration_is_named(job):
    os.rmdir(job.base / "input" / "data")
    job._configure = lambda: None
    assert "hyperparameters.json: cannot be read" in refused(job)


def test_a_missing_channel_folder_is_named(job):
    job.channels["train"] = {}
    refused(job, "there is no folder")


def test_a_wrong_hyperparameter_ends_the_job(job):
    job.hyperparameters["k"] = "0"
    job.channel("train", {})
    refused(job, "Hyperparameter k: '0' is not in 1 to 1024")


def test_a_pipe_that_never_comes_or_is_a_file(job, monkeypatch):
    monkeypatch.setattr(channels, "PIPE_PATIENCE", 0.1)
    job.channel("train", {}, mode="Pipe")
    job._pipes.clear()
    refused(job, "there is no pipe")
    (job.base / "input" / "data" / "train_0").write_bytes(b"x")
    refused(job, "is no pipe")
    os.unlink(job.base / "input" / "data" / "train_0")
    os.mkfifo(job.base / "input" / "data" / "train_0")
    refused(job, "nothing came through")


def test_failures_are_short_and_printable(tmp_path):
    path = tmp_path / "output" / "failure"
    write_failure(path, "ClientError: \x1b[31m" + "x" * 5_000)
    text = path.read_text()
    assert len(text) == 1024 and text.startswith("ClientError:  [31m")
    assert os.listdir(path.parent) == ["failure"]
    assert describe(MemoryError())[1].startswith("ClientError: The memory of the instance")
    assert describe(OSError(28, "No space left"))[1].startswith("AlgorithmError: [Errno 28]")
    assert describe(ZeroDivisionError("x")) == (2, "AlgorithmError: ZeroDivisionError: x")
