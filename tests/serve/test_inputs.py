# SPDX-License-Identifier: Apache-2.0
"""What must be refused, by every transport: 400 with error, field and row, and the server still serves."""

from __future__ import annotations

import io
import json
import struct
import time

import numpy as np
import pytest

import kneighbors
from kneighbors.data import encode_recordio
from tests.serve.asking import as_instances, rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
RECORDIO, NPY, JSON = "application/x-recordio-protobuf", "application/x-npy", "application/json"
GOOD = [0.5, 1.0, 1.5, 2.0]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    with serving(path) as client:
        yield client


@pytest.fixture
def canary(client):
    """After whatever a test does, the server gives the right answer."""
    yield
    answer = client.post("/invocations", as_instances(ROWS[:1]), accept="application/json; verbose=neighbors")
    assert answer.json()["predictions"][0]["ids"][0] == 0
    assert answer.json()["predictions"][0]["distances"][0] == 0.0


def npy(array, **settings):
    stream = io.BytesIO()
    np.save(stream, array, **settings)
    return stream.getvalue()


def npy_with(header: str, content: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def oip(**changes):
    tensor = {"name": "rows", "shape": [1, 4], "datatype": "FP32", "data": GOOD} | changes
    tensor = {key: value for key, value in tensor.items() if value is not ...}
    return json.dumps({"inputs": [tensor]})


def instance(text: str) -> str:
    return f'{{"instances": [{{"features": [0.5, 1, 1.5, 2]}}, {text}]}}'


def sparse(features: str) -> str:
    return instance(f'{{"data": {{"features": {{{features}}}}}}}')


def header(dtype: str = "'<f4'", shape: str = "(1, 4)") -> bytes:
    return npy_with(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}")


def second(value: float) -> np.ndarray:
    return np.array([GOOD, [0.0, value, 0.0, 0.0]])


INVOKE, INFER = "/invocations", "/v2/models/iris/infer"
# name: path, content type, body, status, field, row
TABLE = {
    # NaN and infinity
    "nan, json": (INVOKE, JSON, instance('{"features": [0, NaN, 0, 0]}'), 400, ..., None),
    "infinity, json": (INVOKE, JSON, instance('{"features": [0, -Infinity, 0, 0]}'), 400, ..., None),
    "nan, csv": (INVOKE, "text/csv", "1,2,3,4\n1,nan,3,4", 400, "column 1", 1),
    "infinity, csv": (INVOKE, "text/csv", "1,2,3,4\n1,-inf,3,4", 400, "column 1", 1),
    "nan, npy": (INVOKE, NPY, npy(second(np.nan)), 400, "column 1", 1),
    "infinity, npy": (INVOKE, NPY, npy(second(-np.inf)), 400, "column 1", 1),
    "nan, recordio": (INVOKE, RECORDIO, encode_recordio({}, second(np.nan)), 400, ..., 1),
    "infinity, recordio": (INVOKE, RECORDIO, encode_recordio({}, second(np.inf)), 400, ..., 1),
    "nan, oip": (INFER, JSON, oip(data=GOOD).replace("0.5", "NaN"), 400, ..., None),
    # beyond float32, which the model's rows are
    "1e39, json": (INVOKE, JSON, instance('{"features": [0, 1e39, 0, 0]}'), 400, "column 1", 1),
    "1e39, csv": (INVOKE, "text/csv", "1,2,3,4\n1,1e39,3,4", 400, "column 1", 1),
    "1e39, recordio": (INVOKE, RECORDIO, encode_recordio({}, second(1e39)), 400, ..., 1),
    "1e39, oip": (INFER, JSON, oip(data=[1e39, 1, 1, 1]), 400, "data", None),
    "1e400, json": (INVOKE, JSON, instance('{"features": [0, 1e400, 0, 0]}'), 400, ..., None),
    "1e400, csv": (INVOKE, "text/csv", "1,2,3,4\n1,1e400,3,4", 400, "column 1", 1),
    # width
    "short, json": (INVOKE, JSON, instance('{"features": [0, 0, 0]}'), 400, "features", 1),
    "long, json": (INVOKE, JSON, instance('{"features": [0, 0, 0, 0, 0]}'), 400, "features", 1),
    "empty row, json": (INVOKE, JSON, instance('{"features": []}'), 400, "features", 1),
    "short, json lines": (
        INVOKE,
        "application/jsonlines",
        '{"features": [1, 2, 3, 4]}\n{"features": [1]}',
        400,
        "features",
        1,
    ),
    "short, csv": (INVOKE, "text/csv", "1,2,3,4\n1,2,3", 400, "features", 1),
    "borrowed, csv": (INVOKE, "text/csv", "1,2,3\n1,2,3,4,5", 400, "features", 0),
    "empty line, csv": (INVOKE, "text/csv", "1,2,3\n4\n", 400, "features", 0),
    "short, npy": (INVOKE, NPY, npy(np.ones((2, 3))), 400, "shape", None),
    "short, recordio": (INVOKE, RECORDIO, encode_recordio({}, np.ones((2, 3))), 400, ..., 0),
    "short, oip": (INFER, JSON, oip(shape=[1, 3], data=[1, 2, 3]), 400, "shape", None),
    # not numbers
    "string, json": (INVOKE, JSON, instance('{"features": [0, "1", 0, 0]}'), 400, "column 1", 1),
    "null, json": (INVOKE, JSON, instance('{"features": [0, null, 0, 0]}'), 400, "column 1", 1),
    "boolean, json": (INVOKE, JSON, instance('{"features": [0, true, 0, 0]}'), 400, "column 1", 1),
    "list of lists, json": (INVOKE, JSON, instance('{"features": [[0], [0], [0], [0]]}'), 400, "column 0", 1),
    "hidden list, json": (
        INVOKE,
        JSON,
        '{"instances": [{"features": [[0, 1, 2, 3]], "a": 1}]}',
        400,
        "column 0",
        0,
    ),
    "number for a list": (INVOKE, JSON, instance('{"features": 1}'), 400, "features", 1),
    "text, csv": (INVOKE, "text/csv", "1,2,3,4\n1,two,3,4", 400, "column 1", 1),
    "header, csv": (INVOKE, "text/csv", "a,b,c,d\n1,2,3,4", 400, "column 0", 0),
    "underscore, csv": (INVOKE, "text/csv", "1_0,2,3,4", 400, "column 0", 0),
    "hexadecimal, csv": (INVOKE, "text/csv", "0x1,2,3,4", 400, "column 0", 0),
    "list, csv": (INVOKE, "text/csv", "[1],2,3,4", 400, "column 0", 0),
    "empty cell, csv": (INVOKE, "text/csv", "1,,3,4", 400, "column 1", 0),
    "open quote, csv": (INVOKE, "text/csv", '"1,2,3,4', 400, ..., ...),
    "NUL, csv": (INVOKE, "text/csv", b"1,2,3,4\x00", 400, ..., None),
    "bytes, csv": (INVOKE, "text/csv", b"\xff\xfe,2,3,4", 400, ..., None),
    "BOM, csv": (INVOKE, "text/csv", b"\xef\xbb\xbf1,2,3,4", 400, ..., None),
    # JSON that is none, or says two things
    "BOM, json": (INVOKE, JSON, b"\xef\xbb\xbf" + as_instances(ROWS[:1]).encode(), 400, ..., None),
    "empty, json": (INVOKE, JSON, "", 400, ..., None),
    "cut, json": (INVOKE, JSON, '{"instances": [', 400, ..., None),
    "two values, json": (INVOKE, JSON, '{"instances": []} {}', 400, ..., None),
    "list, json": (INVOKE, JSON, "[]", 400, "instances", None),
    "no instances, json": (INVOKE, JSON, "{}", 400, "instances", None),
    "instances of numbers": (INVOKE, JSON, '{"instances": [1]}', 400, "instances", 0),
    "instances as a table": (INVOKE, JSON, '{"instances": {"features": [1]}}', 400, "instances", None),
    "key twice, json": (INVOKE, JSON, instance('{"features": [0,0,0,0], "features": [1]}'), 400, ..., None),
    "NUL in a key": (INVOKE, JSON, instance('{"a\\u0000b": 1}'), 400, ..., None),
    "instances twice": (INVOKE, JSON, '{"instances": [], "instances": []}', 400, ..., None),
    "features twice": (
        INVOKE,
        JSON,
        instance('{"features": [1], "data": {"features": {"values": [1]}}}'),
        400,
        "features",
        1,
    ),
    "40 levels, json": (INVOKE, JSON, '{"instances": ' + "[" * 40 + "1" + "]" * 40 + "}", 400, ..., None),
    "40 objects, json": (INVOKE, JSON, '{"a": ' * 40 + "1" + "}" * 40, 400, ..., None),
    "100,000 levels, json": (INVOKE, JSON, "[" * 100_000, 400, ..., None),
    "2**64, json": (INVOKE, JSON, instance('{"features": [0, 18446744073709551616, 0, 0]}'), 400, ..., None),
    "10 million digits, json": (INVOKE, JSON, '{"instances": [' + "1" * 10_000_000 + "]}", 400, ..., None),
    "bad text, json": (INVOKE, JSON, b'{"instances\xff": []}', 400, ..., None),
    # sparse rows
    "key beyond, json": (
        INVOKE,
        JSON,
        sparse('"keys": [4], "shape": [4], "values": [1]'),
        400,
        "keys",
        1,
    ),
    "key twice in a row": (
        INVOKE,
        JSON,
        sparse('"keys": [1, 1], "shape": [4], "values": [1, 2]'),
        400,
        "keys",
        1,
    ),
    "negative key": (
        INVOKE,
        JSON,
        sparse('"keys": [-1], "shape": [4], "values": [1]'),
        400,
        "keys",
        1,
    ),
    "half a key": (
        INVOKE,
        JSON,
        sparse('"keys": [0.5], "shape": [4], "values": [1]'),
        400,
        "keys",
        1,
    ),
    "shape beyond": (
        INVOKE,
        JSON,
        sparse('"keys": [1], "shape": [9], "values": [1]'),
        400,
        "shape",
        1,
    ),
    "more keys than values": (
        INVOKE,
        JSON,
        sparse('"keys": [1, 2], "shape": [4], "values": [1]'),
        400,
        ...,
        1,
    ),
    # .npy
    "one row, npy": (INVOKE, NPY, npy(np.ones(4)), 400, "shape", None),
    "complex, npy": (INVOKE, NPY, npy(np.ones((1, 4), complex)), 400, "dtype", None),
    "text, npy": (INVOKE, NPY, npy(np.array([["a"] * 4])), 400, "dtype", None),
    "dates, npy": (INVOKE, NPY, npy(np.zeros((1, 4), "M8[s]")), 400, "dtype", None),
    "records, npy": (INVOKE, NPY, npy(np.zeros((1, 4), [("a", "f4")])), 400, "dtype", None),
    "cut, npy": (INVOKE, NPY, npy(np.ones((1, 4)))[:-1], 400, "shape", None),
    "more, npy": (INVOKE, NPY, npy(np.ones((1, 4))) + b"\0", 400, "shape", None),
    "no npy": (INVOKE, NPY, b"PK\x03\x04", 400, "body", None),
    "negative shape, npy": (INVOKE, NPY, header(shape="(-1, 4)"), 400, "shape", None),
    "huge shape, npy": (INVOKE, NPY, header(shape="(2**62, 4)"), 400, ..., None),
    "large shape, npy": (
        INVOKE,
        NPY,
        header(shape="(4611686018427387904, 4)"),
        400,
        "shape",
        None,
    ),
    "code in a header, npy": (
        INVOKE,
        NPY,
        header("__import__('os').getcwd()"),
        400,
        "body",
        None,
    ),
    # RecordIO
    "cut, recordio": (INVOKE, RECORDIO, encode_recordio({}, np.ones((1, 4)))[:-4], 400, ..., ...),
    "noise, recordio": (INVOKE, RECORDIO, b"\x00" * 64, 400, ..., ...),
    # Open Inference Protocol
    "k = 0": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": 0}}', 400, "k", None),
    "k = -1": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": -1}}', 400, "k", None),
    "k = true": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": true}}', 400, "k", None),
    "k = 2.0": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": 2.0}}', 400, "k", None),
    "k = '2'": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": "2"}}', 400, "k", None),
    "k = 2**31": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": 2147483648}}', 400, "k", None),
    "k > rows": (INFER, JSON, oip()[:-1] + ', "parameters": {"k": 61}}', 400, "k", None),
    "no inputs": (INFER, JSON, "{}", 400, "inputs", None),
    "two inputs": (INFER, JSON, oip()[:-2] + ", {}]}", 400, "inputs", None),
    "no name": (INFER, JSON, oip(name=...), 400, "name", None),
    "no data": (INFER, JSON, oip(data=...), 400, "data", None),
    "text": (INFER, JSON, oip(data=["a"] * 4), 400, "data", None),
    "bytes": (INFER, JSON, oip(datatype="BYTES"), 400, "datatype", None),
    "unknown datatype": (INFER, JSON, oip(datatype="FP65"), 400, "datatype", None),
    "datatype of a list": (INFER, JSON, oip(datatype=[]), 400, "datatype", None),
    "300 as UINT8": (INFER, JSON, oip(datatype="UINT8", data=[300, 0, 0, 0]), 400, "data", None),
    "0.5 as INT8": (INFER, JSON, oip(datatype="INT8"), 400, "data", None),
    "r51 negative shape": (INFER, JSON, oip(shape=[-1, 4]), 400, "shape", None),
    "r51 shape of 0": (INFER, JSON, oip(shape=[0, 4], data=[]), 400, "shape", None),
    "r51 overflowing shape": (INFER, JSON, oip(shape=[1 << 62, 4]), 400, "shape", None),
    "r51 huge shape": (INFER, JSON, oip(shape=[10**30, 4]), 400, ..., None),
    "r51 more data than the shape": (INFER, JSON, oip(data=GOOD * 2), 400, "data", None),
    "r51 less data than the shape": (INFER, JSON, oip(shape=[2, 4]), 400, "data", None),
    "r51 shape of floats": (INFER, JSON, oip(shape=[1.0, 4.0]), 400, "shape", None),
    "r51 one dimension": (INFER, JSON, oip(shape=[4]), 400, "shape", None),
    "r51 three dimensions": (INFER, JSON, oip(shape=[1, 1, 4]), 400, "shape", None),
    "unknown output": (INFER, JSON, oip()[:-1] + ', "outputs": [{"name": "x"}]}', 400, "outputs", None),
    "binary size": (INFER, JSON, oip(data=..., parameters={"binary_data_size": 16}), 400, "data", None),
    # media types, paths, methods
    "no content type": (INVOKE, "", as_instances(ROWS[:1]), 415, "content-type", None),
    "unknown content type": (INVOKE, "application/xml", "<a/>", 415, "content-type", None),
    "form": (INVOKE, "application/x-www-form-urlencoded", "a=1", 415, "content-type", None),
    "plain text": (INFER, "text/plain", oip(), 415, "content-type", None),
    "unknown charset": (INVOKE, "text/csv; charset=rot13", "1,2,3,4", 415, "content-type", None),
    "label size": (INVOKE, "text/csv; label_size=-1", "1,2,3,4", 400, "content-type", None),
    "unknown model": (INFER.replace("iris", "rose"), JSON, oip(), 404, "model_name", None),
    "unknown version": (INFER.replace("iris", "iris/versions/1"), JSON, oip(), 404, "model_version", None),
    "unknown path": ("/nothing", JSON, "{}", 404, "path", None),
    "wrong method": ("/ping", JSON, "{}", 405, "method", None),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.usefixtures("canary")
def test_what_is_refused(client, name):
    path, kind, body, status, field, row = TABLE[name]
    started = time.perf_counter()
    answer = client.post(path, body, kind)
    seconds = time.perf_counter() - started
    told = answer.json()
    assert (answer.status, set(told)) == (status, {"error", "field", "row"}), answer.body
    assert isinstance(told["error"], str) and told["error"].endswith(".")
    if field is not ...:
        assert told["field"] == field, told
    if row is not ...:
        assert told["row"] == row, told
    assert seconds < 0.5  # 50 ms on a machine that does nothing else


@pytest.mark.usefixtures("canary")
def test_r53_an_object_array_never_runs(client):
    """A pickle in an .npy body would execute; it is refused by its dtype, before it is read."""

    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    answer = client.post(INVOKE, npy(np.array([[Evil()] * 4], dtype=object), allow_pickle=True), NPY)
    assert (answer.status, answer.json()["field"]) == (400, "dtype")


@pytest.mark.usefixtures("canary")
def test_r56_csv_of_every_kind_is_read_or_refused(client):
    """Text that broke other readers; what is a number is the float64 that Python reads, exactly."""
    generator = np.random.default_rng(56)
    pieces = [
        "1",
        "-2.5",
        "",
        '"',
        '""',
        ",",
        "\n",
        "\r",
        "\r\n",
        " ",
        "nan",
        "1e309",
        "é",
        "\x00",
        "0x1",
        "+",
        "e",
    ]
    for _ in range(300):
        text = "".join(generator.choice(pieces, generator.integers(1, 30)))
        answer = client.post(INVOKE, text.encode(), "text/csv")
        assert answer.status in (200, 400), (text, answer)


def test_r56_floats_round_trip_through_text(tmp_path):
    generator = np.random.default_rng(56)
    bits = (
        generator.integers(0, 2**63, 2000, dtype=np.uint64)
        | generator.integers(0, 2, 2000, dtype=np.uint64) << 63
    )
    values = bits.view(np.float64)
    values = np.concatenate(
        [values[np.isfinite(values)], [5e-324, 1.7976931348623157e308, -0.0, 0.1, 2**53 + 1]]
    )
    from kneighbors.serve.decode_csv import csv_rows
    from kneighbors.serve.decode_json import instances

    texts = [repr(float(value)) for value in values]
    expected = values.reshape(-1, 1)
    for body in ("\n".join(texts), "\n".join(f'"{text}"' for text in texts)):
        read = csv_rows(body.encode(), 1, {})
        assert (read == expected).all()
        assert (np.signbit(read) == np.signbit(expected)).all()
    body = json.dumps({"instances": [{"features": [float(value)]} for value in values]})
    assert (instances(body.encode(), 1) == expected).all()
    body = json.dumps({"instances": [{"features": [float(v) for v in values]}], "configuration": {}})
    assert (instances(body.encode(), len(values)) == values).all()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_405(client, method):
    answer = client.ask(method, INVOKE)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
