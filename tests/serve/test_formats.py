# SPDX-License-Identifier: Apache-2.0
"""Every request type and every answer type, against the Python estimators."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import kneighbors
from kneighbors.data import encode_recordio
from tests.serve.asking import as_instances, rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
QUERIES = rows_and_classes(7, seed=1)[0]
RECORDIO = "application/x-recordio-protobuf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return path


@pytest.fixture(scope="module")
def client(folder):
    with serving(folder) as client:
        yield client


def nested(rows):
    return [{"data": {"features": {"values": [float(v) for v in row]}}} for row in rows]


def sparse(row):
    keys = np.flatnonzero(row)
    values = [float(v) for v in row[keys]]
    return {"data": {"features": {"keys": keys.tolist(), "shape": [len(row)], "values": values}}}


def npy(rows):
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def csv(rows, end="\n"):
    return end.join(",".join(repr(float(v)) for v in row) for row in rows)


BODIES = {
    "json": ("application/json", as_instances(QUERIES)),
    "json, charset": ("application/json; charset=utf-8", as_instances(QUERIES)),
    "json, nested": ("application/json", json.dumps({"instances": nested(QUERIES), "configuration": {}})),
    "json, mixed": (
        "application/json",
        json.dumps(
            {
                "instances": [
                    *nested(QUERIES[:2]),
                    *({"features": [float(v) for v in row]} for row in QUERIES[2:4]),
                    *(sparse(row) for row in QUERIES[4:]),
                ]
            },
            indent=2,
        ),
    ),
    "json lines": ("application/jsonlines", "\n".join(map(json.dumps, nested(QUERIES)))),
    "json lines, mixed": (
        "application/jsonlines",
        "\n".join(
            map(json.dumps, [*nested(QUERIES[:3]), *json.loads(as_instances(QUERIES[3:]))["instances"]])
        )
        + "\n",
    ),
    "csv": ("text/csv", csv(QUERIES)),
    "csv, line end": ("text/csv", csv(QUERIES) + "\n"),
    "csv, CRLF": ("text/csv", csv(QUERIES, "\r\n") + "\r\n"),
    "csv, labels": (
        "text/csv; label_size=1",
        "\n".join(f"7,{line}" for line in csv(QUERIES).split("\n")),
    ),
    "csv, labels of text": (
        "text/csv; label_size=1",
        "\n".join(f"yes,{line}" for line in csv(QUERIES).split("\n")),
    ),
    "csv, quoted": (
        "text/csv",
        "\n".join(",".join(f'"{v}"' for v in line.split(",")) for line in csv(QUERIES).split("\n")),
    ),
    "csv, spaces and signs": (
        "text/csv; charset=utf-8",
        csv(QUERIES).replace(",", " , ").replace(" 0.", " +.").replace(" -0.", " -00."),
    ),
    "csv, utf-16": ("text/csv; charset=UTF-16", csv(QUERIES).encode("utf-16")),
    "recordio, float32": (RECORDIO, encode_recordio({}, QUERIES)),
    "recordio, float64": (RECORDIO, encode_recordio({}, QUERIES.astype("float64"))),
    "recordio, labels": (RECORDIO, encode_recordio({"values": np.zeros(7, "float32")}, QUERIES)),
    "npy": ("application/x-npy", npy(QUERIES)),
    "npy, float64, Fortran": ("application/x-npy", npy(np.asfortranarray(QUERIES, dtype="float64"))),
    "npy, big-endian": ("application/x-npy", npy(QUERIES.astype(">f4"))),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_request_type_gives_the_estimators_answers(client, folder, name):
    estimator = kneighbors.load(folder)
    kind, body = BODIES[name]
    answer = client.post("/invocations", body, kind, accept="application/json; verbose=neighbors")
    assert answer.status == 200, answer.body
    predictions = answer.json()["predictions"]
    distances, ids = estimator.kneighbors(QUERIES)
    assert [p["predicted_label"] for p in predictions] == estimator.predict(QUERIES).tolist()
    assert [p["ids"] for p in predictions] == ids.tolist()
    assert [p["distances"] for p in predictions] == distances.tolist()
    assert [p["labels"] for p in predictions] == CLASSES[ids].tolist()


def test_int32_records_are_numbers_too(client, folder):
    body = encode_recordio({}, np.eye(4)) + encode_recordio({}, np.ones((1, 4), "float32"))
    answer = client.post("/invocations", body, RECORDIO).json()["predictions"]
    expected = kneighbors.load(folder).predict(np.vstack([np.eye(4), np.ones((1, 4))]))
    assert [p["predicted_label"] for p in answer] == expected.tolist()


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, application/json;q=0.9"])
def test_the_plain_answer(client, folder, accept):
    headers = {} if accept is None else {"accept": accept}
    answer = client.post("/invocations", as_instances(QUERIES), **headers)
    labels = [float(label) for label in kneighbors.load(folder).predict(QUERIES)]
    assert answer.json() == {"predictions": [{"predicted_label": label} for label in labels]}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "accept", ["application/jsonlines; verbose=true", "application/jsonlines;Verbose=True"]
)
def test_json_lines_tell_neighbours_at_the_top(client, folder, accept):
    answer = client.post("/invocations", as_instances(QUERIES), accept=accept)
    distances, ids = kneighbors.load(folder).kneighbors(QUERIES)
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [set(line) for line in lines] == [{"predicted_label", "distances", "labels"}] * 7
    assert [line["labels"] for line in lines] == CLASSES[ids].astype(float).tolist()
    squared = (distances * distances).astype(np.float32).astype(float)
    assert [line["distances"] for line in lines] == squared.tolist()


def test_records_as_the_managed_service_answers(client, folder):
    pytest.importorskip("google.protobuf")
    from kneighbors.data.recordio_frames import Frames
    from kneighbors.data.recordio_schema import record_class

    answer = client.post("/invocations", as_instances(QUERIES), accept=f"{RECORDIO}; verbose=true")
    frames, found = Frames(io.BytesIO(answer.body).read, "answer"), []
    while (message := frames.next()) is not None:
        found.append(record_class().FromString(bytes(message)))
    distances, ids = kneighbors.load(folder).kneighbors(QUERIES)
    assert len(found) == 7
    for row, record in enumerate(found):
        assert not record.features
        assert set(record.label) == {"predicted_label", "distances", "labels"}
        assert list(record.label["labels"].float32_tensor.values) == CLASSES[ids[row]].tolist()
        shown = np.array(record.label["distances"].float32_tensor.values, "float32")
        assert shown.tolist() == (distances[row] ** 2).astype("float32").tolist()


def test_the_contracts_golden_answer(tmp_path):
    kneighbors.KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1]).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        body = bytes.fromhex(
            "0a23d7ce1d000000121b0a0f7072656469637465645f6c6162656c120812060a0400000000000000"
        )
        assert client.post("/invocations", "0.1", "text/csv", accept=RECORDIO).body == body


@pytest.mark.parametrize("metric", ["cosine", "inner_product"])
def test_similarities_are_raw_and_ascend_so_that_the_best_is_last(tmp_path, metric):
    kneighbors.KNeighborsClassifier(4, metric=metric).fit(ROWS, CLASSES).save(tmp_path / "m")
    estimator = kneighbors.load(tmp_path / "m")
    _, ids = estimator.kneighbors(QUERIES)
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(QUERIES), accept="application/json; verbose=true")
        own = client.post("/invocations", as_instances(QUERIES), accept="application/json;verbose=neighbors")
    for row, prediction in enumerate(answer.json()["predictions"]):
        similarities = ROWS[ids[row]].astype(float) @ QUERIES[row].astype(float)
        if metric == "cosine":
            similarities /= np.linalg.norm(ROWS[ids[row]], axis=1) * np.linalg.norm(QUERIES[row])
        assert prediction["distances"] == sorted(prediction["distances"])
        np.testing.assert_allclose(prediction["distances"], similarities[::-1], rtol=1e-5)
        assert prediction["labels"] == CLASSES[ids[row]][::-1].astype(float).tolist()
    assert [p["ids"] for p in own.json()["predictions"]] == ids.tolist()


def test_string_labels_are_strings_and_codes_in_records(tmp_path):
    names = np.array(["ant", "bee", "cat"])[CLASSES]
    kneighbors.KNeighborsClassifier(3).fit(ROWS, names).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        plain = client.post("/invocations", as_instances(QUERIES)).json()["predictions"]
        records = client.post("/invocations", as_instances(QUERIES), accept=RECORDIO).body
    expected = kneighbors.load(tmp_path / "m").predict(QUERIES)
    assert [p["predicted_label"] for p in plain] == expected.tolist()
    codes = np.searchsorted(["ant", "bee", "cat"], expected).astype("float32")
    assert records == encode_recordio({"predicted_label": codes})


def test_a_regressor_answers_means(tmp_path):
    targets = ROWS[:, 0].astype(float) * 3
    kneighbors.KNeighborsRegressor(3).fit(ROWS, targets).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(QUERIES)).json()["predictions"]
    assert [p["predicted_label"] for p in answer] == kneighbors.load(tmp_path / "m").predict(QUERIES).tolist()


def test_a_model_without_labels_answers_neighbours(tmp_path):
    kneighbors.NearestNeighbors(n_neighbors=3).fit(ROWS).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(QUERIES)).json()["predictions"]
    _, ids = kneighbors.load(tmp_path / "m").kneighbors(QUERIES)
    assert [p["ids"] for p in answer] == ids.tolist()
    assert set(answer[0]) == {"ids", "distances"}


def test_several_outputs_are_lists(tmp_path):
    both = np.stack([CLASSES, CLASSES % 2], axis=1)
    kneighbors.KNeighborsClassifier(3).fit(ROWS, both).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(QUERIES), accept="application/json; verbose=true")
    first = answer.json()["predictions"][0]
    expected = kneighbors.load(tmp_path / "m").predict(QUERIES)[0]
    assert first["predicted_label"] == expected.astype(float).tolist()
    assert [len(labels) for labels in first["labels"]] == [3, 3]


def test_r40_labels_keep_every_digit(tmp_path):
    """25130987 is no float32: JSON and records both tell it exactly; 2**53 + 1 is no float64."""
    large = [25130987, 2**53 + 1]
    kneighbors.KNeighborsClassifier(1).fit([[0.0], [9.0]], large).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", "0\n9", "text/csv")
        own = client.post("/invocations", "0\n9", "text/csv", accept="application/json; verbose=neighbors")
        record = client.post("/invocations", "0", "text/csv", accept=RECORDIO).body
    assert [p["predicted_label"] for p in answer.json()["predictions"]] == large
    assert [p["predicted_label"] for p in own.json()["predictions"]] == large
    assert record == encode_recordio({"predicted_label": np.array([25130987.0])})


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", '{"instances": []}'),
        ("application/jsonlines", ""),
        ("text/csv", ""),
        (RECORDIO, b""),
        ("application/x-npy", npy(np.empty((0, 4)))),
    ],
)
def test_no_rows_are_no_predictions(client, kind, body):
    assert client.post("/invocations", body, kind).json() == {"predictions": []}


def test_large_bodies_go_through_the_thread(client, folder):
    rows = np.repeat(QUERIES, 700, axis=0)
    answer = client.post("/invocations", as_instances(rows), accept="application/json; verbose=neighbors")
    _, ids = kneighbors.load(folder).kneighbors(rows)
    assert [p["ids"] for p in answer.json()["predictions"]] == ids.tolist()


def test_a_float64_model_reads_text_in_full(tmp_path):
    rows = np.array([[0.1, 1e-12], [0.1, 2e-12]])
    kneighbors.KNeighborsClassifier(1).fit(rows, [0, 1]).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(rows), accept="application/json; verbose=neighbors")
    assert [p["distances"] for p in answer.json()["predictions"]] == [[0.0], [0.0]]


def test_a_scaled_and_reduced_model_takes_raw_rows(tmp_path):
    estimator = kneighbors.KNeighborsClassifier(3, scale="standard", reduce="pca", reduce_dim=2)
    estimator.fit(ROWS, CLASSES).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        answer = client.post("/invocations", as_instances(QUERIES)).json()["predictions"]
    assert [p["predicted_label"] for p in answer] == estimator.predict(QUERIES).tolist()
