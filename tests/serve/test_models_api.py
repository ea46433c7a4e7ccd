# SPDX-License-Identifier: Apache-2.0
"""Many models in one server: loaded by name below a root, listed, invoked, unloaded."""

from __future__ import annotations

import json
import os

import pytest

import kneighbors
from tests.serve.asking import as_instances, rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
QUERY = as_instances(ROWS[:2])


@pytest.fixture
def root(tmp_path):
    for name, label in (("one", 1), ("two", 2)):
        place = tmp_path / "root" / name
        place.mkdir(parents=True)
        kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES * 0 + label).save(place / "model")
    kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES * 0 + 3).save(tmp_path / "root" / "flat")
    kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES * 0 + 4).save(tmp_path / "outside")
    os.symlink(tmp_path / "outside", tmp_path / "root" / "link")
    (tmp_path / "root" / "empty").mkdir()
    return tmp_path / "root"


@pytest.fixture
def client(root):
    with serving(root, many=True) as client:
        yield client


def load(client, name, url=None):
    return client.post("/models", json.dumps({"model_name": name} | ({} if url is None else {"url": url})))


def label(client, name):
    answer = client.post(f"/models/{name}/invoke", QUERY, x_amzn_sagemaker_target_model=f"{name}.tar.gz")
    return answer.json()["predictions"][0]["predicted_label"]


def test_load_list_ask_and_unload(client, root):
    assert client.ask("GET", "/ping").status == 200
    assert client.ask("GET", "/models").json() == {"models": []}
    assert load(client, "one", f"{root}/one/model").json() == {
        "modelName": "one",
        "modelUrl": f"{root}/one/model",
    }
    assert load(client, "two").status == 200
    assert load(client, "flat", f"{root}/flat/").status == 200
    listed = client.ask("GET", "/models").json()["models"]
    assert [one["modelName"] for one in listed] == ["flat", "one", "two"]
    assert [label(client, name) for name in ("one", "two", "flat")] == [1.0, 2.0, 3.0]
    assert client.ask("GET", "/models/one").json()["modelUrl"] == f"{root}/one/model"
    assert load(client, "one").status == 409
    assert client.ask("GET", "/v2/models/two/ready").status == 200
    assert client.ask("DELETE", "/models/one").status == 200
    assert client.ask("DELETE", "/models/one").status == 404
    assert client.ask("GET", "/models/one").status == 404
    assert client.post("/models/one/invoke", QUERY).status == 404
    assert load(client, "one").status == 200
    assert label(client, "one") == 1.0


@pytest.mark.parametrize(
    ("name", "url", "status"),
    [
        ("nothing", None, 404),
        ("empty", None, 400),
        ("link", None, 404),
        ("..", None, 400),
        ("../outside", None, 400),
        ("one/model", None, 400),
        ("one\0", None, 400),
        ("", None, 400),
        ("a" * 200, None, 400),
        ("one", "/etc", 400),
        ("one", "{root}/two/model", 400),
        ("one", "{root}/one/../two", 400),
        ("one", "{root}/../outside", 400),
        ("one", "http://169.254.169.254/", 400),
        ("one", "file:///etc/passwd", 400),
        ("one", "s3://bucket/model.tar.gz", 400),
        ("one", "", 400),
        (1, None, 400),
        ("one", 1, 400),
    ],
)
def test_s10_nothing_outside_the_root_is_loaded(client, root, name, url, status):
    body = {"model_name": name} | ({} if url is None else {"url": url})
    if isinstance(url, str):
        body["url"] = url.format(root=root)
    answer = client.post("/models", json.dumps(body))
    assert (answer.status, set(answer.json())) == (status, {"error", "field", "row"})
    assert str(root.parent) not in answer.json()["error"]
    assert client.ask("GET", "/models").json() == {"models": []}


def test_lists_come_in_pages(client, root, monkeypatch):
    monkeypatch.setattr("kneighbors.serve.models_api._PAGE", 2)
    for name in ("one", "two", "flat"):
        load(client, name)
    first = client.ask("GET", "/models").json()
    second = client.ask("GET", f"/models?next_page_token={first['nextPageToken']}").json()
    assert [one["modelName"] for one in first["models"] + second["models"]] == ["flat", "one", "two"]
    assert "nextPageToken" not in second


def test_a_server_of_one_model_loads_no_other(root):
    with serving(root / "flat") as client:
        for method, path in (("POST", "/models"), ("GET", "/models"), ("DELETE", "/models/flat")):
            assert client.ask(method, path).status == 404
