# SPDX-License-Identifier: Apache-2.0
"""The curl lines of docs/serving.md are run as they stand, against a server of four columns."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

import kneighbors
from tests.contracts.tree import ROOT
from tests.serve.asking import rows_and_classes, serving

PAGE = (ROOT / "docs/serving.md").read_text(encoding="utf-8")


def curl_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl")]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    kneighbors.KNeighborsClassifier(5).fit(*rows_and_classes()).save(path)
    with serving(path) as client:
        yield client


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", curl_lines())
def test_the_pages_curl_lines(client, line):
    line = line.replace("http://127.0.0.1:8080", client.url).replace("curl -s ", "curl -sS --fail-with-body ")
    finished = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=20)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    if "invocations" in line:
        predictions = json.loads(finished.stdout)["predictions"]
        assert all("predicted_label" in one for one in predictions)
        assert ("ids" in predictions[0]) == ("verbose=neighbors" in line)


def test_the_page_has_lines_to_run():
    assert len(curl_lines()) >= 9


def test_the_page_tells_every_route_and_type(client):
    for path in client.ask("GET", "/openapi.json").json()["paths"]:
        if "versions" not in path and "live" not in path:
            assert path.replace("{name}", "model").removesuffix("/ready") in PAGE, path
