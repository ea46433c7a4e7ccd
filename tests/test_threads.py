# SPDX-License-Identifier: Apache-2.0
"""``n_jobs`` and the limits of the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from kneighbors import NearestNeighbors, _native, threads
from kneighbors.errors import ParameterError, ParameterTypeError


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine of eight cores without a quota, a variable or a limit, until a test sets one."""
    monkeypatch.setattr(threads, "_affinity", lambda: 8)
    monkeypatch.setattr(threads, "_quota", lambda: threads._UNLIMITED)
    monkeypatch.setattr(threads, "_native_limit", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return monkeypatch


def test_none_and_minus_one_are_every_allowed_core(eight_cores: Any) -> None:
    assert [threads.resolve_threads(n_jobs) for n_jobs in (None, -1, -2, -7, -8, -100)] == [8, 8, 7, 2, 1, 1]
    assert [threads.resolve_threads(n_jobs) for n_jobs in (1, 3, 8, np.int64(5))] == [1, 3, 8, 5]


def test_each_limit_counts(eight_cores: Any) -> None:
    eight_cores.setenv("OMP_NUM_THREADS", "6,2")
    assert threads.resolve_threads(None) == 6
    eight_cores.setattr(threads, "_quota", lambda: 5)
    assert threads.resolve_threads(None) == 5
    eight_cores.setattr(threads, "_affinity", lambda: 4)
    assert threads.resolve_threads(None) == 4
    eight_cores.setattr(threads, "_native_limit", lambda: 3)
    assert threads.resolve_threads(None) == 3 and threads.resolve_threads(-2) == 2
    assert threads.resolve_threads(64) == 3, "threadpoolctl's limit binds a number as well"
    for unreadable in ("", "many", "-3", "0"):
        eight_cores.setenv("OMP_NUM_THREADS", unreadable)
        assert threads.resolve_threads(None) in (1, 3)


@pytest.mark.parametrize(
    ("n_jobs", "kind"),
    [(0, ParameterError), (1.0, ParameterTypeError), ("2", ParameterTypeError), (True, ParameterTypeError)],
)
def test_what_n_jobs_may_be(n_jobs: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="n_jobs"):
        threads.resolve_threads(n_jobs)


def test_the_affinity_mask_counts() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity masks")
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert threads.resolve_threads(None) == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_threadpoolctl_sees_and_limits_the_core() -> None:
    NearestNeighbors(n_neighbors=1).fit(np.eye(3)).kneighbors()
    mine = [entry for entry in threadpoolctl.threadpool_info() if entry["user_api"] == "kneighbors"]
    assert len(mine) == 1 and mine[0]["num_threads"] == _native.get_num_threads()
    before = threads.resolve_threads(None)
    with threadpoolctl.threadpool_limits(1):
        assert _native.get_num_threads() == 1
        assert threads.resolve_threads(None) == threads.resolve_threads(16) == 1
    assert threads.resolve_threads(None) == before
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert threads.resolve_threads(None) == before, "a limit on others is not one on us"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", threads._UNLIMITED),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("nonsense", threads._UNLIMITED),
    ],
)
def test_a_quota_of_version_2_is_rounded_up(tmp_path: Path, quota: str, cores: int) -> None:
    membership = write(tmp_path, cgroup="0::/app/worker\n") / "cgroup"
    root = write(tmp_path / "fs")
    write(root / "app" / "worker", cpu__max=quota)
    assert threads.quota_of(membership, root) == cores


def test_the_tightest_quota_on_the_way_up_counts(tmp_path: Path) -> None:
    membership = write(tmp_path, cgroup="0::/app/worker\n") / "cgroup"
    root = write(tmp_path / "fs", cpu__max="800000 100000")
    write(root / "app", cpu__max="300000 100000")
    write(root / "app" / "worker", cpu__max="max 100000")
    assert threads.quota_of(membership, root) == 3
    elsewhere = write(tmp_path / "other", cgroup="0::/path/of/the/host\n") / "cgroup"
    assert threads.quota_of(elsewhere, root) == 8, "the mount's own root counts where the path is not found"


def test_a_quota_of_version_1(tmp_path: Path) -> None:
    membership = write(tmp_path, cgroup="4:cpu,cpuacct:/app\n3:memory:/app\n") / "cgroup"
    write(tmp_path / "fs" / "cpu" / "app", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000")
    assert threads.quota_of(membership, tmp_path / "fs") == 3
    write(tmp_path / "fs" / "cpu" / "app", cpu__cfs_quota_us="-1")
    assert threads.quota_of(membership, tmp_path / "fs") == threads._UNLIMITED
    assert threads.quota_of(tmp_path / "absent", tmp_path) == threads._UNLIMITED
