# SPDX-License-Identifier: Apache-2.0
"""The benchmark data: seeded, shaped as said, and what its formulas say."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import data, text


def equal(one: data.Dataset, other: data.Dataset) -> bool:
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.queries, other.queries)


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: data.clustered(500, 16, 50, 10, seed=seed),
        lambda seed: data.normal(500, 16, 50, seed=seed),
        lambda seed: data.table(500, 50, seed=seed),
    ],
    ids=["clustered", "normal", "table"],
)
def test_same_seed_same_data(build):
    first = build(3)
    assert equal(first, build(3))
    assert not equal(first, build(4))
    assert first.rows.dtype == first.queries.dtype == np.float32
    assert first.rows.shape[0] == 500 and first.queries.shape == (50, first.rows.shape[1])
    assert np.isfinite(first.rows).all()


def test_patches_are_pieces_of_the_photographs():
    pytest.importorskip("PIL")
    from sklearn.datasets import load_sample_images

    found = data.patches(300, 40, side=5, seed=1)
    assert found.rows.shape == (300, 25) and found.queries.shape == (40, 25)
    assert found.rows.min() >= 0 and found.rows.max() <= 255
    assert set(np.unique(found.labels)) <= set(range(10))
    assert len(found.labels) == 300 and len(found.query_labels) == 40
    china, flower = (image @ np.array([0.299, 0.587, 0.114]) for image in load_sample_images().images)
    for row, label in zip(found.rows[:20], found.labels[:20], strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(
            (china, flower)[label // 5].astype(np.float32), (5, 5)
        )
        tops = np.nonzero((windows.reshape(*windows.shape[:2], 25) == row).all(-1))[0]
        assert label % 5 in tops * 5 // windows.shape[0]


def test_colours_have_many_ties():
    pytest.importorskip("PIL")
    found = data.pixel_colours()
    assert found.rows.shape == (427 * 640 - 10_000, 3) and found.queries.shape == (10_000, 3)
    assert len(np.unique(found.rows, axis=0)) < len(found.rows) / 2


def test_clustered_follows_its_formula():
    found = data.clustered(20_000, 8, 10, n_clusters=2_000, seed=0)
    scales = 1 / np.sqrt(1 + np.arange(8))
    # Centres have variance 4 s^2, rows around them s^2.
    assert np.allclose(found.rows.var(axis=0), 5 * scales**2, rtol=0.1)


def test_table_columns():
    found = data.table(3_000, 100)
    assert found.rows.shape == (3_000, 54)
    assert np.array_equal(found.rows, np.rint(found.rows))
    assert (found.rows[:, 10:14].sum(axis=1) == 1).all() and (found.rows[:, 14:].sum(axis=1) == 1).all()
    spans = np.ptp(found.rows[:, :10], axis=0)
    assert spans.max() > 50 * spans.min()
    assert set(np.unique(found.labels)) == set(range(7))


def test_load_builds_once_and_maps(tmp_path: Path):
    built = []

    def build() -> data.Dataset:
        built.append(True)
        return data.table(50, 5)

    first = data.load("small", tmp_path, build)
    second = data.load("small", tmp_path, build)
    assert len(built) == 1 and isinstance(second.rows, np.memmap)
    assert equal(first, second) and np.array_equal(first.labels, second.labels)
    assert second.note == first.note != ""
    assert not list(tmp_path.glob("*.tmp*"))


def test_an_interrupted_build_is_built_again(tmp_path: Path):
    data.load("small", tmp_path, lambda: data.normal(50, 3, 5))
    (tmp_path / f"small-v{data.VERSION}.json").unlink()  # the note is written last
    again = data.load("small", tmp_path, lambda: data.normal(60, 3, 5))
    assert len(again.rows) == 60 and again.labels is None


def test_paragraphs_are_split_and_counted_once(tmp_path: Path, monkeypatch):
    long = "one two three four five six seven eight words here"
    (tmp_path / "a.py").write_text(
        f'"""{long}\n\ntoo short\n\n{long} again."""\ndef f():\n    """{long}"""\n'
    )
    (tmp_path / "broken.py").write_text("def (")
    package = tmp_path / "documented_package"
    package.mkdir()
    for name in ("__init__.py", "a.py", "broken.py"):
        source = tmp_path / name
        (package / name).write_text(source.read_text() if source.exists() else "")
    monkeypatch.syspath_prepend(tmp_path)
    assert text.paragraphs(("documented_package", "not_installed_package")) == [long, f"{long} again."]
    shutil.rmtree(package)
    assert list(text.docstrings(tmp_path)) == [f"{long}\n\ntoo short\n\n{long} again.", long]


def test_embeddings_have_unit_length_and_say_how_many():
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(random.choice(words, 12)) for _ in range(200)]
    rows, queries, note = text.embeddings(100, 50, n_columns=8, texts=texts)
    assert rows.shape == (100, 8) and queries.shape == (50, 8) and "200 paragraphs" in note
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    fewer_rows, fewer_queries, _ = text.embeddings(300, 100, n_columns=8, texts=texts)
    assert len(fewer_rows) == 150 and len(fewer_queries) == 50
