# SPDX-License-Identifier: Apache-2.0
"""How many requests a second does one server process answer, and how fast is each?

``python -m benchmarks.serving [--quick]``: the same 100,000 x 128 rows behind kneighbors, behind a plain
FastAPI + faiss service and behind MLServer's scikit-learn runtime, where these are installed. One load
generator (wrk, a process of its own) asks all of them, in turns, over keep-alive connections on the loopback;
it shares the machine's cores with the server, as it does for every contestant. Rivals live in an environment
of their own: name its Python in ``KNEIGHBORS_RIVAL_PYTHON``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kneighbors

from .report import write

__all__ = ["main"]

N_ROWS, N_COLUMNS, K = 100_000, 128, 10
FASTAPI = """
import sys, faiss, numpy as np, uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
faiss.omp_set_num_threads(int(sys.argv[3]))
data = np.load(sys.argv[1])
index, labels = faiss.IndexFlatL2(data["rows"].shape[1]), data["labels"]
index.add(data["rows"])
app = FastAPI()
class Instance(BaseModel):
    features: list[float]
class Body(BaseModel):
    instances: list[Instance]
def predictions(rows):
    found = labels[index.search(rows, 10)[1]]
    counts = np.apply_along_axis(np.bincount, 1, found, minlength=10)
    return {"predictions": [{"predicted_label": float(label)} for label in counts.argmax(axis=1)]}
@app.post("/invocations")
def invocations(body: Body):
    return predictions(np.array([one.features for one in body.instances], dtype="float32"))
@app.post("/csv")
async def csv(request: Request):
    lines = (await request.body()).decode().splitlines()
    return predictions(np.loadtxt(lines, delimiter=",", dtype="float32", ndmin=2))
@app.get("/ping")
def ping():
    return {}
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""
MLSERVER = """
import sys, json, pathlib, numpy as np, joblib
from sklearn.neighbors import KNeighborsClassifier
data, folder = np.load(sys.argv[1]), pathlib.Path(sys.argv[2])
model = KNeighborsClassifier(10, algorithm="brute").fit(data["rows"], data["labels"])
joblib.dump(model, folder / "model.joblib")
(folder / "model-settings.json").write_text(json.dumps(
    {"name": "m", "implementation": "mlserver_sklearn.SKLearnModel",
     "parameters": {"uri": "./model.joblib"}}))
(folder / "settings.json").write_text(json.dumps(
    {"http_port": int(sys.argv[3]), "grpc_port": int(sys.argv[3]) + 1, "metrics_port": int(sys.argv[3]) + 2,
     "parallel_workers": 0, "host": "127.0.0.1", "debug": False}))
"""


def bodies(rows: np.ndarray, n_rows: int) -> dict[str, tuple[str, str]]:
    """Each format's content type and body."""
    asked = [[round(float(v), 6) for v in row] for row in rows[:n_rows]]
    flat = [v for row in asked for v in row]
    tensor = {"name": "rows", "shape": [n_rows, N_COLUMNS], "datatype": "FP32", "data": flat}
    return {
        "JSON": ("application/json", json.dumps({"instances": [{"features": row} for row in asked]})),
        "CSV": ("text/csv", "\n".join(",".join(map(str, row)) for row in asked)),
        "OIP": ("application/json", json.dumps({"inputs": [tensor]})),
    }


@contextlib.contextmanager
def process(command: list[str], url: str, threads: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it answers."""
    # faiss searches in threads of FastAPI's pool, each of which has this limit of its own
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    environment = os.environ | limits | {"OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            give_up = time.monotonic() + 120
            while True:
                with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                if server.poll() is not None or time.monotonic() > give_up:
                    log.seek(0)
                    raise RuntimeError(log.read()[-2000:].decode(errors="replace"))
                time.sleep(0.2)
            yield server
        finally:
            server.terminate()
            server.wait(30)


def cpu_seconds(pid: int) -> float:
    """Of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(url: str, kind: str, body: str, connections: int, seconds: float, pid: int) -> dict[str, float]:
    """One run of wrk."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as script:
        script.write(
            f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{kind}"\n'
            f"wrk.body = [==[{body}]==]\n"
            "done = function(summary, latency, requests)\n"
            '  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,\n'
            "    summary.errors.status + summary.errors.read + summary.errors.timeout, "
            "latency:percentile(50), latency:percentile(99)))\nend\n"
        )
    try:
        before = cpu_seconds(pid)
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--timeout",
            "30s",
            "-s",
            script.name,
            url,
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = cpu_seconds(pid) - before
    finally:
        os.unlink(script.name)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", told)
    assert found is not None, told
    n_requests, duration, errors, median, slow = map(int, found.groups())
    if errors:
        raise RuntimeError(f"{url}: {errors} of {n_requests} requests failed")
    return {
        "requests_per_second": n_requests / (duration / 1e6),
        "p50_ms": median / 1000,
        "p99_ms": slow / 1000,
        "server_cpu_us_per_request": used / max(1, n_requests) * 1e6,
    }


@contextlib.contextmanager
def contestants(threads: int) -> Iterator[dict[str, tuple[int, dict[str, str]]]]:
    """Each server that could be started: its process and the URL of each format."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((N_ROWS, N_COLUMNS)).astype("float32")
    labels = generator.integers(0, 10, N_ROWS)
    python = os.environ.get("KNEIGHBORS_RIVAL_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        np.savez(f"{folder}/data.npz", rows=rows, labels=labels)
        kneighbors.KNeighborsClassifier(K).fit(rows, labels).save(f"{folder}/m")
        found: dict[str, tuple[int, dict[str, str]]] = {}
        base = "http://127.0.0.1"
        command = [sys.executable, "-m", "kneighbors.cli", "serve", f"{folder}/m", "--port", "18080"]
        ours = stack.enter_context(
            process([*command, "--n-jobs", str(threads)], f"{base}:18080/ping", threads)
        )
        urls = dict.fromkeys(("JSON", "CSV"), f"{base}:18080/invocations")
        found["kneighbors"] = ours.pid, urls | {"OIP": f"{base}:18080/v2/models/m/infer"}
        rivals = {
            "FastAPI + faiss": (
                [python, "-c", FASTAPI, f"{folder}/data.npz", "18081", str(threads)],
                f"{base}:18081/ping",
                {"JSON": f"{base}:18081/invocations", "CSV": f"{base}:18081/csv"},
            ),
        }
        os.mkdir(f"{folder}/mlserver")
        made = subprocess.run(
            [python, "-c", MLSERVER, f"{folder}/data.npz", f"{folder}/mlserver", "18090"], capture_output=True
        )
        mlserver = Path(python).parent / "mlserver"
        if made.returncode == 0 and mlserver.exists():
            rivals["MLServer + scikit-learn"] = (
                [str(mlserver), "start", f"{folder}/mlserver"],
                f"{base}:18090/v2/models/m/ready",
                {"OIP": f"{base}:18090/v2/models/m/infer"},
            )
        else:
            print("MLServer is left out: it is not installed.", file=sys.stderr)
        for name, (command, ready, urls) in rivals.items():
            try:
                server = stack.enter_context(process(command, ready, threads))
            except (RuntimeError, OSError) as error:
                print(f"{name} is left out: {str(error)[-300:]}", file=sys.stderr)
                continue
            found[name] = server.pid, urls
        yield found


def search_seconds(n_rows: int, threads: int) -> float:
    """What the search alone takes in this process, for one request of ours; the least of many."""
    from kneighbors.serve.served import load_served

    generator = np.random.default_rng(0)
    rows = generator.standard_normal((N_ROWS, N_COLUMNS)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        kneighbors.KNeighborsClassifier(K).fit(rows, generator.integers(0, 10, N_ROWS)).save(f"{folder}/m")
        served = load_served(f"{folder}/m", threads)
        queries = generator.standard_normal((n_rows, N_COLUMNS)).astype("float32")
        times = []
        for _ in range(100):
            started = time.process_time()
            served.ask(queries, K)
            times.append(time.process_time() - started)
    return statistics.median(times)


def main(arguments: list[str] | None = None) -> None:
    """Ask every contestant for every cell, in turns; print the table and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("--quick", action="store_true", help="four seconds a run, two rounds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    given = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; Debian has it: apt-get install wrk")
    rounds, seconds = (2, 4.0) if given.quick else (5, 5.0)
    queries = np.random.default_rng(1).standard_normal((100, N_COLUMNS))
    cells: list[dict[str, Any]] = []
    with contestants(given.threads) as servers:
        for n_rows in (1, 100):
            for connections in given.connections:
                for format, (kind, body) in bodies(queries, n_rows).items():
                    those = {name: one for name, one in servers.items() if format in one[1]}
                    runs: dict[str, list[dict[str, float]]] = {name: [] for name in those}
                    for _ in range(rounds):
                        for name, (pid, urls) in those.items():
                            runs[name].append(load(urls[format], kind, body, connections, seconds, pid))
                    cell: dict[str, Any] = {"rows": n_rows, "connections": connections, "format": format}
                    cell["contestants"] = [
                        {"name": name}
                        | {key: statistics.median(run[key] for run in found) for key in found[0]}
                        | {"spread": [run["requests_per_second"] for run in found]}
                        for name, found in runs.items()
                    ]
                    cells.append(cell)
                    show(cell)
    search = {str(n_rows): search_seconds(n_rows, given.threads) * 1e6 for n_rows in (1, 100)}
    content = {
        "load_average_at_end": os.getloadavg(),
        "data": f"{N_ROWS} x {N_COLUMNS} normal float32, k={K}, {given.threads} threads",
        "search_cpu_us_per_request": search,
        "cells": cells,
    }
    path = write("serving" + ("-quick" if given.quick else "") + f"-{given.threads}t", content)
    print(f"written: {path}")


def show(cell: dict[str, Any]) -> None:
    """One line per contestant."""
    for one in cell["contestants"]:
        print(
            f"{cell['rows']:4} rows  {cell['connections']} connections  {cell['format']:5} {one['name']:24} "
            f"{one['requests_per_second']:9.0f} /s  p50 {one['p50_ms']:7.2f} ms  "
            f"p99 {one['p99_ms']:7.2f} ms  cpu {one['server_cpu_us_per_request']:7.0f} us",
            flush=True,
        )


if __name__ == "__main__":
    main()
