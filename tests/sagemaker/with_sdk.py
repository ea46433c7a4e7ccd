# SPDX-License-Identifier: Apache-2.0
"""The service's own SDK (version 2) against the box: run by its Python, which does not know kneighbors.

``python with_sdk.py BOX_PYTHON FOLDER``, where FOLDER holds ``rows.npy``, ``labels.npy``, ``queries.npy`` and
``ours.pbr``, as ``test_with_sdk.py`` writes them. It writes ``predicted.json`` there.
"""

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"

import numpy as np
import sagemaker
import scipy.sparse
from sagemaker.amazon.common import (
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from sagemaker.deserializers import JSONDeserializer
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer


def train(box, base, rows, labels, *, sparse=False):
    """Records written by the SDK train the box."""
    for folder in ("input/config", "input/data/train", "output", "model"):
        (base / folder).mkdir(parents=True)
    with open(base / "input/data/train/matrix_0.pbr", "wb") as file:
        if sparse:
            write_spmatrix_to_sparse_tensor(file, scipy.sparse.csr_matrix(rows), labels)
        else:
            write_numpy_to_dense_tensor(file, rows, labels)
    # what the SDK's estimator would send
    given = {"k": 3, "sample_size": 10_000, "predictor_type": "classifier", "feature_dim": rows.shape[1]}
    configuration = {
        "hyperparameters": {name: str(value) for name, value in given.items()},
        "inputdataconfig": {"train": {"S3DistributionType": "ShardedByS3Key", "TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in configuration.items():
        (base / f"input/config/{name}.json").write_text(json.dumps(content))
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    subprocess.run(
        [box, "-m", "kneighbors.sagemaker", "train"], env=environment, check=True, stdout=subprocess.DEVNULL
    )


class Runtime:
    """The runtime client's one call, posted to loopback."""

    def __init__(self, url):
        self.url = url

    def invoke_endpoint(self, **call):
        body = call["Body"]
        body = body.read() if hasattr(body, "read") else body
        request = urllib.request.Request(
            self.url + "/invocations",
            body if isinstance(body, bytes) else body.encode(),
            {"Content-Type": call["ContentType"], "Accept": call["Accept"]},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return {"Body": io.BytesIO(answer.read()), "ContentType": answer.headers["Content-Type"]}


class Session:
    def __init__(self, url):
        self.sagemaker_runtime_client = Runtime(url)


def serve(box, base):
    environment = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(base),
        "KNEIGHBORS_BIND_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": "0",
    }
    process = subprocess.Popen(
        [box, "-m", "kneighbors.sagemaker", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.readline().split()[-1]
    give_up = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url + "/ping", timeout=5):
                return process, url
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > give_up:
                process.kill()
                raise
            time.sleep(0.05)


def ask(url, queries):
    """Predicted labels by each of the SDK's ways to ask."""
    session = Session(url)
    found = {}
    records = sagemaker.KNNPredictor("here", sagemaker_session=session).predict(queries)
    found["records"] = [record.label["predicted_label"].float32_tensor.values[0] for record in records]
    text = Predictor("here", session, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    found["csv"] = [one["predicted_label"] for one in text.predict(queries)["predictions"]]
    verbose = text.predict(queries, initial_args={"Accept": "application/json; verbose=true"})["predictions"]
    found["verbose"] = [one["predicted_label"] for one in verbose]
    found["distances"] = [one["distances"] for one in verbose]
    found["labels"] = [one["labels"] for one in verbose]
    objects = Predictor("here", session, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    body = {"instances": [{"features": query} for query in queries.tolist()]}
    found["json"] = [one["predicted_label"] for one in objects.predict(body)["predictions"]]
    return found


def main():
    box, folder = sys.argv[1], Path(sys.argv[2])
    rows, labels, queries = (np.load(folder / f"{name}.npy") for name in ("rows", "labels", "queries"))
    with open(folder / "ours.pbr", "rb") as file:
        ours = read_records(file)
    read = [list(record.features["values"].float32_tensor.values) for record in ours]
    assert np.array_equal(np.array(read, np.float32), rows.astype(np.float32)), (
        "our records are not read back"
    )
    assert [record.label["values"].float32_tensor.values[0] for record in ours] == labels.tolist()
    variants = {
        "float32": (rows.astype(np.float32), labels.astype(np.float32), False),
        "float64": (rows.astype(np.float64), labels.astype(np.float64), False),
        "int64 labels": (rows.astype(np.float32), labels.astype(np.int64), False),
        "sparse": (rows.astype(np.float32), labels.astype(np.float32), True),
    }
    found = {}
    for place, (name, (features, marks, sparse)) in enumerate(variants.items()):
        base = folder / f"job-{place}"
        train(box, base, features, marks, sparse=sparse)
        if name in ("float32", "int64 labels"):
            process, url = serve(box, base)
            try:
                found[name] = ask(url, queries)
            finally:
                process.terminate()
                process.wait(timeout=30)
    (folder / "predicted.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
