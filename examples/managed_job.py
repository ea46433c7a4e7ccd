# SPDX-License-Identifier: Apache-2.0
"""A managed k-NN training job, moved here: the same folders, hyperparameters, files and questions.

1. lay the folders out as the service does, with RecordIO files in two parts and a CSV for the scores
2. ``python -m kneighbors.sagemaker train``: the log lines, the three files
3. ask the model over HTTP as the service's endpoint is asked
4. the same job by ``KNN``, in five lines

Run it: ``python examples/managed_job.py``. It writes to a temporary folder and listens on loopback only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from kneighbors import data
from kneighbors.sagemaker import KNN

HYPERPARAMETERS = {"feature_dim": "64", "k": "5", "predictor_type": "classifier", "sample_size": "1000"}


def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    return rows.astype(np.float32), labels.astype(np.float32)


def lay_out(base: Path, rows: np.ndarray, labels: np.ndarray) -> None:
    """What the service puts into a container before it starts ``train``."""
    for folder in ("input/config", "input/data/train", "input/data/test", "model", "output"):
        (base / folder).mkdir(parents=True)
    for part, (start, stop) in enumerate([(0, 700), (700, 1400)]):
        body = data.encode_recordio({"values": labels[start:stop]}, rows[start:stop])
        (base / f"input/data/train/matrix_{part}.pbr").write_bytes(body)
    lines = np.column_stack([labels[1400:], rows[1400:]])
    np.savetxt(base / "input/data/test/test", lines, fmt="%g", delimiter=",")
    config = {
        "hyperparameters": HYPERPARAMETERS,
        "inputdataconfig": {
            "train": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"},
            "test": {"TrainingInputMode": "File", "ContentType": "text/csv; label_size=1"},
        },
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in config.items():
        (base / f"input/config/{name}.json").write_text(json.dumps(content))


def ask(url: str, rows: np.ndarray) -> list[float]:
    """One question to the endpoint; 503 until the model is verified."""
    body = json.dumps({"instances": [{"features": row} for row in rows.tolist()]}).encode()
    question = urllib.request.Request(url + "/invocations", body, {"Content-Type": "application/json"})
    for _ in range(200):
        try:
            with urllib.request.urlopen(question, timeout=10) as answer:
                return [one["predicted_label"] for one in json.loads(answer.read())["predictions"]]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.05)
    raise TimeoutError("the server did not get ready")


def main() -> int:
    rows, labels = digits()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "ml"
        lay_out(base, rows, labels)
        environment = {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(base),
            "KNEIGHBORS_BIND_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": "0",
        }
        box = [sys.executable, "-m", "kneighbors.sagemaker"]
        said = subprocess.run([*box, "train"], env=environment, check=True, capture_output=True, text=True)
        print("\n".join(line for line in said.stdout.splitlines() if "_metric" in line or "score" in line))
        (accuracy,) = re.findall(r"test accuracy <score>=(\S+)", said.stdout)
        print("model:", *sorted(os.listdir(base / "model")))

        server = subprocess.Popen([*box, "serve"], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            answers = ask(url, rows[1400:])
        finally:
            server.terminate()
            server.wait(timeout=30)
        right = float(np.mean(answers == labels[1400:]))
        print(
            f"over HTTP: {len(answers)} answers, {right:.4f} of them right; the job's own score: {accuracy}"
        )

        knn = KNN(
            k=5, sample_size=1000, predictor_type="classifier", feature_dim=64, output_path=f"{folder}/knn"
        )
        knn.fit((rows[:1400], labels[:1400]), test=(rows[1400:], labels[1400:]))
        print(f"the same by KNN: {knn.scores['test:accuracy']:.4f}")
        return int(not right == float(accuracy) == knn.scores["test:accuracy"])


if __name__ == "__main__":
    sys.exit(main())
