# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol: metadata, inference in JSON and in bytes, and a client that others wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import kneighbors
from tests.serve.asking import rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
QUERIES = rows_and_classes(5, seed=1)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return path


@pytest.fixture(scope="module")
def client(folder):
    with serving(folder) as client:
        yield client


def infer(client, queries=QUERIES, place="/v2/models/iris/infer", datatype="FP32", nested=False, **more):
    data = queries.tolist() if nested else queries.ravel().tolist()
    tensor = {"name": "rows", "shape": list(queries.shape), "datatype": datatype, "data": data}
    return client.post(place, json.dumps({"inputs": [tensor], **more}))


def outputs(answer) -> dict:
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in answer.json()["outputs"]}


@pytest.mark.parametrize("nested", [False, True])
def test_the_estimators_answers(client, folder, nested):
    estimator = kneighbors.load(folder)
    distances, ids = estimator.kneighbors(QUERIES)
    answer = infer(client, nested=nested, id="seven")
    told = outputs(answer)
    assert (told["predicted_label"] == estimator.predict(QUERIES)).all()
    assert (told["ids"] == ids).all()
    assert (told["distances"] == distances).all()
    assert set(told) == {"predicted_label", "ids", "distances"}
    about = answer.json()
    assert (about["id"], about["model_name"]) == ("seven", "iris")
    assert about["model_version"] == answer.headers["x-kneighbors-model-version"]


def test_metadata_tells_what_inference_gives(client):
    about = client.ask("GET", "/v2/models/iris").json()
    version = about["versions"][0]
    assert about["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]
    answer = infer(client, outputs=[{"name": one["name"]} for one in about["outputs"]])
    for described, given in zip(about["outputs"], answer.json()["outputs"], strict=True):
        assert (described["name"], described["datatype"]) == (given["name"], given["datatype"])
        assert [5 if length == -1 else length for length in described["shape"]] == given["shape"]
    place = f"/v2/models/iris/versions/{version}"
    assert client.ask("GET", place).json() == about
    assert client.ask("GET", f"{place}/ready").status == 200
    assert infer(client, place=f"{place}/infer").status == 200


def test_probabilities_and_k_on_request(client, folder):
    answer = infer(client, parameters={"k": 9}, outputs=[{"name": "probabilities"}, {"name": "ids"}])
    estimator = kneighbors.load(folder).set_params(n_neighbors=9)
    told = outputs(answer)
    assert (told["probabilities"] == estimator.predict_proba(QUERIES)).all()
    assert told["ids"].shape == (5, 9)


@pytest.mark.parametrize("datatype", ["FP64", "FP16", "INT32", "INT64", "UINT8", "BOOL"])
def test_datatypes(client, folder, datatype):
    queries = np.eye(4)
    answer = infer(client, queries, datatype=datatype)
    assert (outputs(answer)["ids"] == kneighbors.load(folder).kneighbors(queries)[1]).all()


def test_binary_tensors(client, folder):
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "rows",
                    "shape": [5, 4],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": QUERIES.nbytes},
                }
            ],
            "outputs": [{"name": "ids", "parameters": {"binary_data": True}}, {"name": "predicted_label"}],
        }
    ).encode()
    length = {"inference_header_content_length": str(len(head))}
    kind = "application/octet-stream"
    answer = client.post("/v2/models/iris/infer", head + QUERIES.tobytes(), kind, **length)
    size = int(answer.headers["inference-header-content-length"])
    ids, label = json.loads(answer.body[:size])["outputs"]
    expected = kneighbors.load(folder).kneighbors(QUERIES)[1]
    assert ids["parameters"] == {"binary_data_size": len(answer.body) - size}
    assert (np.frombuffer(answer.body[size:], "<i8").reshape(ids["shape"]) == expected).all()
    assert label["data"] == kneighbors.load(folder).predict(QUERIES).tolist()
    for wrong in (str(len(head) - 1), "-1", "x", str(len(head) + 1000)):
        refused = client.post(
            "/v2/models/iris/infer",
            head + QUERIES.tobytes(),
            kind,
            inference_header_content_length=wrong,
        )
        assert refused.status == 400


def test_string_labels_are_bytes(tmp_path):
    names = np.array(["ant", "bée", "cat"])[CLASSES]
    kneighbors.KNeighborsClassifier(3).fit(ROWS, names).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = infer(client, place="/v2/models/m/infer").json()
        label = answer["outputs"][0]
        assert (label["name"], label["datatype"]) == ("predicted_label", "BYTES")
        assert label["data"] == kneighbors.load(tmp_path / "m").predict(QUERIES).tolist()


CLIENT = """
import sys, json, numpy as np, tritonclient.http as http
client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("iris")
about = client.get_model_metadata("iris")
queries = np.load(sys.argv[2])
told, names = {}, ("ids", "distances", "predicted_label")
for binary in (False, True):
    rows = http.InferInput(about["inputs"][0]["name"], list(queries.shape), "FP32")
    rows.set_data_from_numpy(queries, binary_data=binary)
    asked = [http.InferRequestedOutput(name, binary_data=binary) for name in names]
    answer = client.infer("iris", [rows], outputs=asked)
    told[binary] = {name: answer.as_numpy(name).tolist() for name in names}
assert told[False] == told[True]
print(json.dumps(told[True]))
"""


def python_with_tritonclient() -> str | None:
    """This Python, or the one that KNEIGHBORS_OIP_PYTHON names: the client's pins may not fit in here."""
    given = os.environ.get("KNEIGHBORS_OIP_PYTHON", sys.executable)
    found = shutil.which(given)
    if found is None:
        return None
    asked = subprocess.run([found, "-c", "import tritonclient.http"], capture_output=True)
    return found if asked.returncode == 0 else None


def test_a_client_library_of_the_protocol(client, folder, tmp_path):
    python = python_with_tritonclient()
    if python is None:
        pytest.skip("tritonclient[http] is not installed, and KNEIGHBORS_OIP_PYTHON names no Python with it")
    np.save(tmp_path / "queries.npy", QUERIES)
    finished = subprocess.run(
        [python, "-c", CLIENT, client.url.removeprefix("http://"), str(tmp_path / "queries.npy")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    estimator = kneighbors.load(folder)
    distances, ids = estimator.kneighbors(QUERIES)
    assert told == {
        "ids": ids.tolist(),
        "distances": distances.tolist(),
        "predicted_label": estimator.predict(QUERIES).tolist(),
    }
