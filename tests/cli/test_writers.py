# SPDX-License-Identifier: Apache-2.0
"""Answers in four formats: every number and name reads back the same, and no half file is left behind."""

from __future__ import annotations

import csv
import json
import stat

import numpy as np
import pytest
from pyarrow import parquet

from kneighbors.cli.answers import Answer
from kneighbors.cli.writers import ENDINGS, writing

GENERATOR = np.random.default_rng(3)
NAMES = np.array(['a "b"', "c,d", "e\nf", "é"], dtype=object)


def batch(n: int, names: np.ndarray = NAMES) -> list[Answer]:
    keys = [str(name) for name in names.tolist()]
    shares = GENERATOR.random((n, len(names)))
    return [
        Answer("predicted_label", names[GENERATOR.integers(0, len(names), n)]),
        Answer("probabilities", shares, [f"probability_{key}" for key in keys], keys),
        Answer("ids", GENERATOR.integers(0, 2**62, (n, 2)), ["id_1", "id_2"]),
        Answer("distances", np.exp(GENERATOR.normal(0, 200, (n, 2))), ["distance_1", "distance_2"]),
        Answer("labels", names[GENERATOR.integers(0, len(names), (n, 2))], ["label_1", "label_2"]),
    ]


def written(path, batches, **settings):
    with writing(str(path), as_json=False, **settings) as writer:
        for one in batches:
            writer.write(one)
    return writer.n_rows


BATCHES = [batch(3), batch(0), batch(5)]
JOINED = {one.name: np.concatenate([part[i].values for part in BATCHES]) for i, one in enumerate(BATCHES[0])}


def test_csv(tmp_path):
    assert written(tmp_path / "a.csv", BATCHES) == 8
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for place, row in enumerate(rows):
        assert row["predicted_label"] == JOINED["predicted_label"][place]
        for i, name in enumerate(NAMES):
            assert float(row[f"probability_{name}"]) == JOINED["probabilities"][place, i]
        for i in (0, 1):
            assert int(row[f"id_{i + 1}"]) == JOINED["ids"][place, i]
            assert float(row[f"distance_{i + 1}"]) == JOINED["distances"][place, i]
            assert row[f"label_{i + 1}"] == JOINED["labels"][place, i]


def test_json_lines(tmp_path):
    written(tmp_path / "a.jsonl", BATCHES)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 8
    for place, row in enumerate(rows):
        shares = dict(zip(NAMES.tolist(), JOINED["probabilities"][place].tolist(), strict=True))
        assert row.pop("probabilities") == shares
        assert row == {
            name: JOINED[name][place].tolist() if JOINED[name].ndim > 1 else JOINED[name][place]
            for name in row
        }
        assert list(row) == ["predicted_label", "ids", "distances", "labels"]


def test_parquet(tmp_path):
    written(tmp_path / "a.parquet", BATCHES)
    table = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert table["predicted_label"] == JOINED["predicted_label"].tolist()
    for name in ("ids", "distances", "labels"):
        assert table[name] == JOINED[name].tolist()
    for i, name in enumerate(NAMES):
        assert table[f"probability_{name}"] == JOINED["probabilities"][:, i].tolist()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([["é", "long name"], [], ["x"]], np.dtype("<U9")),
        ([[1, 2], [], [2**62]], None),
        ([[0.1, 2.5], [], [1e300]], None),
        ([[True, False], [], [True]], None),
    ],
    ids=["text", "ints", "floats", "bools"],
)
def test_npy_holds_the_labels(tmp_path, labels, text):
    kind = object if text is not None else type(labels[0][0])
    written(
        tmp_path / "a.npy",
        [[Answer("predicted_label", np.array(part, dtype=kind))] for part in labels],
        text=text,
    )
    array = np.load(tmp_path / "a.npy", allow_pickle=False)
    expected = [label for part in labels for label in part]
    assert array.tolist() == expected and array.dtype == np.array(expected).dtype


def test_npy_holds_the_probabilities_where_they_were_asked_for(tmp_path):
    written(tmp_path / "a.npy", [part[:2] for part in BATCHES])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), JOINED["probabilities"])


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_rows_still_tell_the_columns(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    written(path, [batch(0)], text=np.dtype("<U5"), classes=NAMES)
    if ending in (".pbr", ".recordio"):
        assert path.read_bytes() == b""  # a record is all there is
    elif ending == ".parquet":
        assert parquet.read_table(path).num_rows == 0
        assert str(parquet.read_schema(path).field("predicted_label").type) == "string"
    elif ending == ".npy":
        assert np.load(path).shape == (0, 4)
    else:
        assert len(path.read_text().splitlines()) == {".csv": 1, ".jsonl": 0}[ending] + (ending == ".csv")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_text("old")
    settings = {"as_json": False, "text": np.dtype("<U5"), "classes": np.sort(NAMES)}
    with pytest.raises(RuntimeError), writing(str(path), **settings) as writer:
        writer.write([one for one in BATCHES[0] if one.name != "ids"])  # some formats hold no such numbers
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_finished_file_takes_the_place_of_the_old_one_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with open(path, encoding="utf-8") as reader:
        written(path, BATCHES)
        assert reader.read() == "old"  # who had it open keeps what was there
    assert path.read_text().startswith("predicted_label,") and list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_as_it_is(tmp_path):
    link = tmp_path / "null.csv"
    link.symlink_to("/dev/null")
    written(link, BATCHES)
    assert link.is_symlink() and stat.S_ISCHR(link.stat().st_mode)


def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    written(tmp_path / "link.csv", BATCHES)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("predicted_label,")


def test_a_folder_that_is_not_there_is_named_as_it_was_given(tmp_path):
    path = str(tmp_path / "missing" / "a.csv")
    with pytest.raises(FileNotFoundError) as caught, writing(path, as_json=False):
        pass
    assert caught.value.filename == path
