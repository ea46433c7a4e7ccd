# SPDX-License-Identifier: Apache-2.0
"""The service's own SDK trains the box, reads our records, and asks the server.

The SDK's pinned dependencies clash with ours, so it lives in an environment of its own::

    python -m venv /somewhere && /somewhere/bin/pip install 'sagemaker<3' scipy
    KNEIGHBORS_SDK_PYTHON=/somewhere/bin/python pytest tests/sagemaker/test_with_sdk.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import kneighbors
from kneighbors import data
from tests.contracts.tree import ROOT

SDK = os.environ.get("KNEIGHBORS_SDK_PYTHON")


@pytest.mark.skipif(not SDK, reason="KNEIGHBORS_SDK_PYTHON names no Python with sagemaker<3")
def test_the_sdk_trains_reads_and_asks(tmp_path):
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 5, 600).astype(np.float32)
    rows = (generator.normal(size=(600, 6)) + labels[:, None] / 2).astype(np.float32)
    rows[::7, 2:] = 0.0  # so that sparse records differ in length
    rows[5] = 0.0
    queries = generator.normal(size=(40, 6)).astype(np.float32)
    for name, array in (("rows", rows), ("labels", labels), ("queries", queries)):
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "ours.pbr").write_bytes(data.encode_recordio({"values": labels}, rows))
    script = ROOT / "tests" / "sagemaker" / "with_sdk.py"
    finished = subprocess.run(
        [SDK, script, sys.executable, tmp_path], capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    expected = kneighbors.KNeighborsClassifier(3).fit(rows, labels)
    distances, ids = expected.kneighbors(queries)
    for place in range(4):
        model = kneighbors.load(tmp_path / f"job-{place}" / "model")
        assert model.kneighbors(queries)[1].tolist() == ids.tolist()
    for name, found in json.loads((tmp_path / "predicted.json").read_text()).items():
        for way in ("records", "csv", "verbose", "json"):
            assert found[way] == expected.predict(queries).tolist(), (name, way)
        assert found["labels"] == labels[ids].tolist()
        assert np.allclose(found["distances"], distances**2, rtol=1e-6)
