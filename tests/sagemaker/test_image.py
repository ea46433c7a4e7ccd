# SPDX-License-Identifier: Apache-2.0
"""The Dockerfile's steps, outside docker: what it copies is there, what it installs is declared, what it
installs as commands trains and serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request

import pytest

from tests.contracts.tree import ROOT
from tests.sagemaker.conftest import as_recordio

DOCKERFILE = ROOT / "deploy" / "sagemaker" / "Dockerfile"


@pytest.fixture(scope="module")
def steps():
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    return [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_steps_are_known_and_in_order(steps):
    words = [word for word, _ in steps]
    assert words == [
        "FROM",
        "RUN",
        "COPY",
        "RUN",
        "FROM",
        "COPY",
        "RUN",
        "COPY",
        "RUN",
        "ENV",
        "EXPOSE",
        "CMD",
    ]
    assert not any(word == "ENTRYPOINT" for word in words)  # the service gives `train` or `serve` as command


def test_what_is_copied_and_installed_is_there(steps):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "sagemaker" in project["optional-dependencies"]
    versions = {re.match(r"python:(\d+\.\d+)", rest)[1] for word, rest in steps if word == "FROM"}
    least = re.search(r"(\d+)\.(\d+)", project["requires-python"]).groups()
    assert len(versions) == 1 and tuple(map(int, versions.pop().split("."))) >= tuple(map(int, least))
    copied = [rest.split() for word, rest in steps if word == "COPY" and not rest.startswith("--from")]
    for *sources, _ in copied:
        assert all((ROOT / source).exists() for source in sources)
    installs = [rest for word, rest in steps if word == "RUN" and "pip" in rest]
    assert "[sagemaker]" in installs[0] and "kneighbors[sagemaker]" in installs[1]
    assert dict(steps)["EXPOSE"] == "8080" and dict(steps)["CMD"] == '["serve"]'


@pytest.fixture
def installed(steps, tmp_path):
    """The commands copied and made runnable as the Dockerfile says, with `python` being this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (*sources, _) = next(rest for word, rest in steps if word == "COPY" and "/usr/local/bin" in rest).split()
    mode = next(rest for word, rest in steps if word == "RUN" and "chmod" in rest).split()
    for source in sources:
        target = folder / os.path.basename(source)
        shutil.copy(ROOT / source, target)
        assert f"/usr/local/bin/{target.name}" in mode
        target.chmod(int(mode[1], 8))
    # Not a link: a virtual environment is found beside the path that Python was started by.
    (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "python").chmod(0o755)
    return folder


def test_the_installed_commands_train_and_serve(installed, job, table):
    rows, labels, _, _ = table
    job.channel("train", {"x": as_recordio(rows, labels)})
    job._configure()
    environment = os.environ | {
        "PATH": f"{installed}:{os.environ['PATH']}",
        "SAGEMAKER_BASE_DIR": str(job.base),
        "KNEIGHBORS_BIND_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": "0",
        # a virtual environment is known by where its python lies
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run([installed / "train"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    server = subprocess.Popen([installed / "serve"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:")
        deadline = time.monotonic() + 30
        while True:
            try:
                # any Host is served: the service's own names are not known here
                question = urllib.request.Request(url + "/ping", headers={"Host": "algo-1.example"})
                assert urllib.request.urlopen(question, timeout=5).status == 200
                break
            except urllib.error.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        server.terminate()  # the shell has made way for Python, which drains and ends
        assert server.wait(timeout=15) == 0
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "0"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "101"),
    ],
)
def test_variables_out_of_range_are_refused(name, value):
    from kneighbors.errors import DataError
    from kneighbors.sagemaker.serving import serve

    with pytest.raises(DataError, match=f"{name}='{value}' was given"):
        serve({name: value, "KNEIGHBORS_BIND_HOST": "127.0.0.1"})
