# SPDX-License-Identifier: Apache-2.0
"""The JSON: the documented keys, Python's words, edits that are allowed and edits that are not."""

from __future__ import annotations

import hashlib
import json

import pytest

from kneighbors.errors import ModelFileError
from kneighbors.model_files import read
from kneighbors.model_files.metadata import fingerprints, read_metadata
from tests.model_files.small_models import INDEX, JSON, differences, edit_json, header_of, saved

# As the managed service's documentation prints it: Python's False in what is otherwise JSON.
EXAMPLE = (
    b'{"k":5,"predictor_type":"classifier","dimension_reduction":{"type":"sign","seed":3,"target_dim":10,'
    b'"input_dim":20},"normalize":False,"version":"1.0"}'
)


def test_the_documented_example_is_read():
    metadata = read_metadata(EXAMPLE, "x")
    assert (metadata.k, metadata.predictor_type, metadata.normalize, metadata.version) == (
        5,
        "classifier",
        False,
        "1.0",
    )
    assert metadata.dimension_reduction == {"type": "sign", "seed": 3, "target_dim": 10, "input_dim": 20}
    assert metadata.files is None
    assert metadata.settings == metadata.fingerprints == {}


def test_what_a_foreign_json_may_leave_out():
    metadata = read_metadata(b'{"k":5,"predictor_type":"regressor"}', "x")
    assert (metadata.dimension_reduction, metadata.normalize, metadata.version) == (None, False, None)
    for missing in (b'{"k":5}', b'{"predictor_type":null}'):
        with pytest.raises(ModelFileError, match=r"section '(k|predictor_type)': is missing"):
            read_metadata(missing, "x")


def test_the_documented_keys_come_first_and_as_json(tmp_path):
    saved(tmp_path / "m")
    tree = json.loads((tmp_path / "m" / JSON).read_text("utf-8"))
    assert list(tree) == ["k", "predictor_type", "dimension_reduction", "normalize", "version", "kneighbors"]
    assert list(tree["kneighbors"])[:2] == ["format_version", "little_endian"]
    assert tree["version"] == "1.0"


def test_our_json_in_python_words_throughout_is_read(tmp_path):
    original = saved(tmp_path / "m")
    path = tmp_path / "m" / JSON
    text = path.read_text("utf-8")
    for word, other in (("true", "True"), ("false", "False"), ("null", "None")):
        text = text.replace(word, other)
    path.write_text(text, "utf-8")
    assert differences(read(tmp_path / "m"), original) == []


@pytest.mark.parametrize("name", ["classifier", "regressor", "unlabelled"])
def test_one_python_word_among_jsons_is_refused(tmp_path, name):
    """One flipped bit turns true into True and false into False; every file we write has two such words."""
    saved(tmp_path / "m", name)
    path = tmp_path / "m" / JSON
    text = path.read_text("utf-8")
    assert text.count("true") + text.count("false") >= 2
    for word, other in (("true", "True"), ("false", "False"), ("null", "None")):
        if word in text:
            path.write_text(text.replace(word, other, 1), "utf-8")
            with pytest.raises(ModelFileError, match="mixes JSON's words"):
                read(tmp_path / "m")


STYLES = [
    {},
    {"indent": 4},
    {"indent": "\t"},
    {"sort_keys": True},
    {"separators": (",", ":")},
    {"ensure_ascii": False},
    {"indent": 1, "sort_keys": True, "ensure_ascii": False},
]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_k_edited_and_the_file_rewritten_by_another_program(tmp_path, style):
    original = saved(tmp_path / "m")
    edit_json(tmp_path / "m", lambda tree: tree.update(k=4), **style)
    loaded = read(tmp_path / "m")
    assert loaded.k == 4
    assert differences(loaded, original) == ["k"]


def test_keys_in_reverse_order_and_whole_numbers_without_a_point(tmp_path):
    """JavaScript writes 1.0 as 1 and sorts nothing; the numbers are the same."""
    original = saved(tmp_path / "m")

    def reverse(value):
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}
        if isinstance(value, list):
            return [reverse(item) for item in value]
        # JavaScript keeps no sign of a zero; that number alone does not survive it.
        return int(value) if isinstance(value, float) and value.is_integer() and value else value

    path = tmp_path / "m" / JSON
    path.write_text(json.dumps(reverse(json.loads(path.read_text("utf-8")))), "utf-8")
    assert differences(read(tmp_path / "m"), original) in ([], ["settings"])
    assert read(tmp_path / "m").settings == original.settings


@pytest.mark.parametrize("spelling", ["1", "4", " 5 "])
def test_k_edited_by_hand(tmp_path, spelling):
    saved(tmp_path / "m")
    path = tmp_path / "m" / JSON
    path.write_text(path.read_text("utf-8").replace('"k": 3', f'"k": {spelling}'), "utf-8")
    assert read(tmp_path / "m").k == int(spelling)


@pytest.mark.parametrize(
    ("k", "message"),
    [
        ("0", "k is 0; it must be from 1 to 5, the number of rows"),
        ("-1", "k is -1; it must be from 1 to 5, the number of rows"),
        ("6", "k is 6; it must be from 1 to 5, the number of rows"),
        ("5.0", "k is 5.0; it must be an integer from 1 to 5, the number of rows"),
        ("5e0", "k is 5.0; it must be an integer from 1 to 5, the number of rows"),
        ("true", "k is True; it must be an integer from 1 to 5, the number of rows"),
        ("null", "k is None; it must be an integer from 1 to 5, the number of rows"),
        ('"5"', "k is '5'; it must be an integer from 1 to 5, the number of rows"),
        ("[5]", "k is [5]; it must be an integer from 1 to 5, the number of rows"),
        (str(2**64 + 1), f"k is {2**64 + 1}; it must be from 1 to 5, the number of rows"),
    ],
)
def test_k_that_cannot_be(tmp_path, k, message):
    saved(tmp_path / "m")
    path = tmp_path / "m" / JSON
    path.write_text(path.read_text("utf-8").replace('"k": 3', f'"k": {k}'), "utf-8")
    with pytest.raises(ModelFileError) as caught:
        read(tmp_path / "m")
    assert str(caught.value) == f"{path}, section 'k': {message}"
    assert (caught.value.file, caught.value.section) == (str(path), "k")


def test_predictor_type_may_change_between_the_two_tasks(tmp_path):
    original = saved(tmp_path / "m", "regressor")
    edit_json(tmp_path / "m", lambda tree: tree.update(predictor_type="classifier"))
    assert differences(read(tmp_path / "m"), original) == ["predictor_type"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "classifier",
            "regressor",
            "predictor_type is 'regressor' but the labels are strings; set 'classifier'",
        ),
        ("classifier", None, "predictor_type is null but there are labels; set 'classifier' or 'regressor'"),
        (
            "unlabelled",
            "classifier",
            "predictor_type is 'classifier' but the model has no labels; set it to null",
        ),
        (
            "regressor",
            "Regressor",
            "predictor_type is 'Regressor'; it must be 'classifier', 'regressor' or null",
        ),
        ("regressor", 1, "predictor_type is 1; it must be 'classifier', 'regressor' or null"),
        ("regressor", ["regressor"], "predictor_type is ['regressor']; it must be"),
    ],
)
def test_predictor_type_that_cannot_be(tmp_path, name, value, message):
    saved(tmp_path / "m", name)
    edit_json(tmp_path / "m", lambda tree: tree.update(predictor_type=value))
    with pytest.raises(ModelFileError) as caught:
        read(tmp_path / "m")
    assert message in str(caught.value)
    assert caught.value.section == "predictor_type"


def set_in(*path):
    """A change that puts the last of ``path`` at the place the others name."""

    def change(tree):
        for key in path[:-2]:
            tree = tree[key]
        tree[path[-2]] = path[-1]

    return change


def drop(*path):
    def change(tree):
        for key in path[:-1]:
            tree = tree[key]
        del tree[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "section", "message"),
    [
        (set_in("normalize", True), "normalize", "was changed since the model was saved; only k and"),
        (set_in("version", "1.1"), "version", "was changed"),
        (set_in("dimension_reduction", {}), "dimension_reduction", "was changed"),
        (set_in("kneighbors", "metric", "cosine"), "kneighbors.metric", "was changed"),
        (set_in("kneighbors", "n_rows", 6), "kneighbors.n_rows", "was changed"),
        (set_in("kneighbors", "p", "2"), "kneighbors.p", "was changed"),
        (set_in("kneighbors", "p", True), "kneighbors.p", "was changed"),
        (set_in("kneighbors", "note", "deep", 0, 0, 5), "kneighbors.note", "was changed"),
        (set_in("kneighbors", "note", "deep", 1, 0, 0), "kneighbors.note", "was changed"),
        (set_in("kneighbors", "mine", 1), "kneighbors.mine", "was added"),
        (drop("kneighbors", "label_kind"), "kneighbors.label_kind", "was removed"),
        (set_in("kneighbors", "files", "labels", "sha256", "0" * 64), "kneighbors.files", "was changed"),
        (set_in("kneighbors", "files", "labels", "dtype", "float64"), "kneighbors.files", "was changed"),
        (set_in("mine", 1), "mine", "is a key that is not known; k, predictor_type"),
        (set_in("k" * 300, 1), "k" * 80, "is a key that is not known"),
        (drop("k"), "k", "is missing"),
        (drop("predictor_type"), "predictor_type", "is missing"),
        (drop("dimension_reduction"), "dimension_reduction", "is missing"),
        (drop("normalize"), "normalize", "is missing"),
        (drop("version"), "version", "is missing"),
        (drop("kneighbors"), "kneighbors", "is missing, though model_algo-1 was written by kneighbors"),
        (set_in("kneighbors", []), "kneighbors", "must be an object"),
        (drop("kneighbors", "format_version"), "kneighbors.format_version", "is None; it must be an integer"),
        (set_in("kneighbors", "format_version", 0), "kneighbors.format_version", "is 0; it must be"),
        (set_in("kneighbors", "format_version", True), "kneighbors.format_version", "is True; it must be"),
        (set_in("kneighbors", "format_version", 1.0), "kneighbors.format_version", "is 1.0; it must be"),
        (set_in("kneighbors", "little_endian", False), "kneighbors.little_endian", "must be true"),
        (drop("kneighbors", "little_endian"), "kneighbors.little_endian", "must be true"),
        (
            set_in("kneighbors", "files", "index", "bytes", "2112"),
            "kneighbors.files",
            "Expected `int`, got `str`",
        ),
        (drop("kneighbors", "files"), "kneighbors.files", "Expected `object`, got `null`"),
        (drop("kneighbors", "files", "index"), "kneighbors.files", "missing required field `index`"),
        (set_in("kneighbors", "files", "more", 1), "kneighbors.files", "unknown field `more`"),
        (set_in("kneighbors", "files", "index", "more", 1), "kneighbors.files", "unknown field `more`"),
        (set_in("kneighbors", "files", "index", "bytes", -1), "kneighbors.files", "Expected `int` >= 0"),
        (
            set_in("kneighbors", "files", "index", "sha256", None),
            "kneighbors.files",
            "Expected `str`, got `null`",
        ),
        (
            set_in("kneighbors", "files", "labels", "bytes", 19),
            "kneighbors.files.labels",
            "shape [5] of float32 takes 20 bytes, not 19",
        ),
    ],
)
def test_no_other_value_may_change(tmp_path, change, section, message):
    saved(tmp_path / "m")
    edit_json(tmp_path / "m", change)
    with pytest.raises(ModelFileError) as caught:
        read(tmp_path / "m", verify="header")
    assert caught.value.section == section
    assert message in str(caught.value)
    assert caught.value.file == str(tmp_path / "m" / JSON)


def test_the_sha256_of_the_index_is_held_by_the_index_itself(tmp_path):
    saved(tmp_path / "m")
    edit_json(tmp_path / "m", set_in("kneighbors", "files", "index", "sha256", "0" * 64))
    read(tmp_path / "m", verify="header")  # the one value that only the full check compares
    with pytest.raises(ModelFileError, match="is not the file that the JSON names") as caught:
        read(tmp_path / "m")
    assert caught.value.file == str(tmp_path / "m" / INDEX)


def test_a_newer_format_is_refused_before_anything_else_looks_wrong(tmp_path):
    saved(tmp_path / "m")
    edit_json(
        tmp_path / "m", lambda tree: tree.update(kneighbors={"format_version": 2, "little_endian": "new"})
    )
    with pytest.raises(
        ModelFileError, match=r"has format 2; this version of kneighbors reads format 1. Upgrade"
    ):
        read(tmp_path / "m")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "is not a JSON object: it must start with '{'"),
        (b"", "cannot be read: the text ends too early"),
        (b"\xef\xbb\xbf{}", "byte order mark (BOM); save it as UTF-8 without one"),
        (b'{"k":1,"k":2}', "key 'k' stands there twice"),
        (b'{"k":NaN}', "numbers must be finite"),
        (b'{"k":' + b"[" * 40, "more than 32 levels deep"),
    ],
)
def test_text_that_is_no_metadata(data, message):
    with pytest.raises(ModelFileError) as caught:
        read_metadata(data, "folder/model_algo-1.json")
    assert message in str(caught.value)
    assert caught.value.file == "folder/model_algo-1.json"


def test_fingerprints_are_what_the_documentation_says(tmp_path):
    """Computed here from the description in docs/model-files.md, not by the package's functions."""
    saved(tmp_path / "m", "unlabelled")
    tree = json.loads((tmp_path / "m" / JSON).read_text("utf-8"))
    kept = header_of((tmp_path / "m" / INDEX).read_bytes())["metadata_sha256"]
    size = tree["kneighbors"]["files"]["index"]["bytes"]
    power = len(str(size)) - len(str(size).rstrip("0"))
    empty = hashlib.sha256(b"").hexdigest()
    texts = {
        "dimension_reduction": "null",
        "normalize": "false",
        "version": '"1.0"',
        "kneighbors.format_version": "1e0",
        "kneighbors.little_endian": "true",
        "kneighbors.metric": '"euclidean"',
        "kneighbors.files": f'{{"index":{{"bytes":{str(size).rstrip("0")}e{power}}},"labels":{{"bytes":0,'
        f'"dtype":null,"sha256":"{empty}","shape":null,"stored_dtype":null}}}}',
    }
    assert kept == {key: hashlib.sha256(text.encode()).hexdigest() for key, text in texts.items()}


def test_fingerprints_leave_out_what_may_be_edited():
    tree = {"k": 1, "predictor_type": None, "version": "1.0", "kneighbors": {"p": 2}}
    assert sorted(fingerprints(tree)) == ["kneighbors.p", "version"]
