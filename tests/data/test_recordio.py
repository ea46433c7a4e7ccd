# SPDX-License-Identifier: Apache-2.0
"""RecordIO-protobuf: the known bytes, what protobuf itself reads, and every kind of damage."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors import data
from kneighbors.data.recordio import runs
from kneighbors.data.recordio_frames import MAGIC, MAX_RECORD, Frames, frame_bytes
from kneighbors.data.recordio_schema import record_class
from kneighbors.errors import DataError, DataTypeError, MissingExtraError, ParameterError
from tests.reference.records import numbers_of, records_of

# Written by the managed service's own client library.
DENSE = bytes.fromhex(
    "0a23d7ce340000000a1e0a0676616c756573121412120a109a99993f6666a63f9a9919416666a24112120a0676616c7565731208"
    "12060a0400008040"
)
SPARSE = bytes.fromhex(
    "0a23d7ce240000000a220a0676616c756573121812160a0c0000803f000080400000803f12030001031a0104"
)
ANSWER = bytes.fromhex("0a23d7ce1d000000121b0a0f7072656469637465645f6c6162656c120812060a0400000000000000")


def record(features, label=None, **fields):
    """A framed record; features and label are (tensor, values, keys, shape)."""
    message = record_class()(**fields)
    for target, given_tensor in ((message.features, features), (message.label, label)):
        if given_tensor is None:
            continue
        kind, values, keys, shape = given_tensor
        tensor = getattr(target["values"], f"{kind}_tensor")
        tensor.SetInParent()
        tensor.values.extend(values)
        tensor.keys.extend(keys)
        tensor.shape.extend(shape)
    return frame_bytes(message.SerializeToString())


def dense(*values, kind="float32"):
    return (kind, values, (), ())


# --- the known bytes


def test_golden_dense_record():
    batch = data.decode_recordio(DENSE, labels=True)
    assert batch.features.dtype == np.float32 and batch.labels.dtype == np.float32
    assert batch.features.tolist() == np.array([[1.2, 1.3, 9.6, 20.3]], np.float32).tolist()
    assert batch.labels.tolist() == [4.0]
    rows = np.array([[1.2, 1.3, 9.6, 20.3]], np.float32)
    assert data.encode_recordio({"values": np.array([4], np.float32)}, rows) == DENSE


def test_golden_sparse_record():
    assert data.decode_recordio(SPARSE).features.tolist() == [[1.0, 4.0, 0.0, 1.0]]


def test_golden_answer():
    assert data.encode_recordio({"predicted_label": np.zeros(1, np.float32)}) == ANSWER


def test_golden_size_of_a_published_data_set():
    """54 float64 features and a float64 label are 484 bytes: what the service's logs count."""
    body = data.encode_recordio({"values": np.zeros(3)}, np.zeros((3, 54)))
    assert len(body) == 3 * 484


def test_golden_bytes_come_from_protobuf_too():
    for framed in (DENSE, SPARSE, ANSWER):
        (length,) = struct.unpack("<I", framed[4:8])
        message = framed[8 : 8 + length]
        assert record_class().FromString(message).SerializeToString(deterministic=True) == message


# --- round trips and the judge

FLOATS = st.sampled_from([np.float32, np.float64])
LABELS = st.sampled_from([np.float32, np.float64, np.int64])


@given(st.integers(0, 40), st.integers(1, 40), FLOATS, LABELS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_rows_come_back_bit_for_bit(n_rows, n_features, dtype, label_dtype, seed):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_rows, n_features)).astype(dtype)
    scale = 10 ** int(generator.integers(0, 9))
    labels = generator.integers(-scale, scale + 1, n_rows).astype(label_dtype)
    body = data.encode_recordio({"values": labels}, rows)
    assert numbers_of(body) == (rows.tolist(), labels[:, None].tolist())
    batch = data.decode_recordio(body, labels=True, n_features=n_features)
    assert batch.features.tobytes() == rows.tobytes()
    if n_rows:
        assert batch.labels.dtype == label_dtype and batch.labels.tobytes() == labels.tobytes()


TENSORS = st.sampled_from(["float32", "float64", "int32"])


@given(st.lists(st.tuples(TENSORS, TENSORS, st.integers(-300, 300), st.booleans()), max_size=60))
@settings(max_examples=150, deadline=None)
def test_records_of_all_kinds_in_any_order(parts):
    """What is taken many at a time is what protobuf reads one by one."""
    framed, rows, labels = [], [], []
    for kind, label_kind, value, sparse in parts:
        tensor = (kind, [value], [1], [3]) if sparse else (kind, [value, 1, -value], [], [])
        framed.append(record(tensor, (label_kind, [value], [], []), uid="x" if value == 7 else None))
        rows.append([0, value, 0] if sparse else [value, 1, -value])
        labels.append(value)
    body = b"".join(framed)
    batch = data.decode_recordio(body, dtype="float64", n_features=3, labels=True)
    assert batch.features.tolist() == rows
    assert (batch.labels is None and not rows) or batch.labels.tolist() == labels


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=50))
@settings(max_examples=150, deadline=None)
def test_whole_numbers_of_every_length(numbers):
    labels = np.array(numbers)
    body = data.encode_recordio({"values": labels}, np.zeros((len(numbers), 1)))
    assert data.decode_recordio(body, labels=True).labels.tolist() == numbers
    features = b"".join(record(("int32", [number, -number // 2], [], [])) for number in numbers)
    expected = [[number, -number // 2] for number in numbers]
    assert data.decode_recordio(features).features.tolist() == expected


def test_r40_labels_are_never_rounded_to_float32():
    """R40: 25130987 became 25130988 on its way through float32."""
    labels = np.array([25130987, 16777217, 2**31 - 1, -(2**31)])
    body = data.encode_recordio({"values": labels}, np.zeros((4, 2), np.float32))
    assert data.decode_recordio(body, labels=True).labels.tolist() == labels.tolist()
    precise = np.array([25130987.0, 2.0**53 - 1, -0.0, 5e-324])
    body = data.encode_recordio({"values": precise}, np.zeros((4, 2), np.float32))
    assert data.decode_recordio(body, labels=True).labels.tobytes() == precise.tobytes()


def test_x8_labels_keep_every_bit():
    """X8: random float64 bit patterns, float32 and int32 labels go through RecordIO unchanged."""
    generator = np.random.default_rng(8)
    bits = generator.integers(0, 2**64, 100_000, dtype=np.uint64).view(np.float64)
    doubles = bits[np.isfinite(bits)]
    floats = generator.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    for labels in (doubles, floats[np.isfinite(floats)]):
        body = data.encode_recordio({"values": labels}, np.zeros((len(labels), 1), np.float32))
        back = data.decode_recordio(body, labels=True, memory_limit=1 << 30).labels
        assert back.dtype == labels.dtype and back.tobytes() == labels.tobytes()


def test_x8_what_the_format_cannot_hold_is_refused():
    with pytest.raises(DataError, match="holds 9007199254740993 in row 1"):
        data.encode_recordio({"values": np.array([1, 2**53 + 1])})
    with pytest.raises(DataTypeError, match="no text"):
        data.encode_recordio({"predicted_label": np.array(["cat"])})


def test_several_answers_in_a_record():
    answers = {
        "predicted_label": np.array([1, 2], np.float32),
        "distances": np.arange(6, dtype=np.float32).reshape(2, 3),
        "labels": np.ones((2, 3), np.float32),
    }
    parsed = records_of(data.encode_recordio(answers))
    assert len(parsed) == 2
    for row, message in enumerate(parsed):
        for name, values in answers.items():
            assert list(message.label[name].float32_tensor.values) == np.atleast_1d(values[row]).tolist()
        assert not message.features


# --- framing


def split(message, *, flag_of_last=3):
    """The record as dmlc writes it where it holds the magic word at a multiple of four."""
    parts = [b""]
    for start in range(0, len(message), 4):
        word = message[start : start + 4]
        if word == MAGIC:
            parts.append(b"")
        else:
            parts[-1] += word
    assert len(parts) > 1
    flags = [1] + [2] * (len(parts) - 2) + [flag_of_last]
    framed = b""
    for flag, part in zip(flags, parts, strict=True):
        framed += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
    return framed


def message_with_magic():
    """A message in whose numbers the magic word stands at a multiple of four, twice."""
    value = np.frombuffer(MAGIC, "<f4")[0]
    for padding in range(4):
        framed = record(dense(1.0, value, 2.0, value), uid="u" * padding)
        message = framed[8 : 8 + struct.unpack("<I", framed[4:8])[0]]
        places = [i for i in range(0, len(message), 4) if message[i : i + 4] == MAGIC]
        if len(places) == 2:
            return message, [1.0, float(value), 2.0, float(value)]
    raise AssertionError("no such message")


def test_parts_are_joined_by_the_magic_word():
    message, numbers = message_with_magic()
    assert data.decode_recordio(split(message)).features.tolist() == [numbers]
    assert data.decode_recordio(frame_bytes(message) * 3).features.tolist() == [numbers] * 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\0" * 8, "magic word"),
        (DENSE + b"\n", "the end within it"),
        (DENSE[:-1], "the end within it"),
        (DENSE[:6], "the end within it"),
        (MAGIC + struct.pack("<I", 7 << 29 | 4) + b"abcd", "the flag 7"),
        (MAGIC + struct.pack("<I", 2 << 29 | 4) + b"abcd", "continues no record"),
        (MAGIC + struct.pack("<I", 1 << 29 | 4) + b"abcd", "within a record of several parts"),
        (MAGIC + struct.pack("<I", 1 << 29 | 4) + b"abcd" + DENSE, "flag 0 within a record"),
        (MAGIC + struct.pack("<I", MAX_RECORD + 1) + b"abcd", "a length of"),
        (MAGIC + struct.pack("<I", MAX_RECORD) + b"abcd", "the end within it"),
        (frame_bytes(b"\xff\xff\xff"), "protobuf cannot read"),
        (frame_bytes(b""), "no feature 'values'"),
    ],
)
def test_damaged_frames_are_refused(body, says):
    with pytest.raises(DataError, match=says):
        data.decode_recordio(body)


def test_padding_may_be_missing_at_the_very_end():
    assert data.decode_recordio(record(dense(1.0), uid="ab").rstrip(b"\0")).features.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (("float32", [1], [4], [4]), "the key 4"),
        (("float32", [1], [2**64 - 1], [4]), "the key 18446744073709551615"),
        (("float32", [1, 2], [1], [4]), "1 keys for 2 numbers"),
        (("float32", [1, 2], [1, 1], [4]), "a key twice"),
        (("float32", [1], [1], []), "keys without a shape"),
        (("float32", [1], [1], [2**63, 2**63]), "the shape"),
        (("float32", [], [], [0]), "the shape"),
        (("float32", [], [], []), "no numbers"),
        (("float32", [1, 2], [], [3]), "2 numbers of shape"),
        (("float32", [1], [1], [1] * 1000), "1000 dimensions"),
        (("float64", [float("nan")], [], []), "NaN"),
        (("float64", [1, float("-inf")], [], []), "-infinity"),
    ],
)
def test_hostile_tensors_are_refused(tensor, says):
    with pytest.raises(DataError, match=says) as caught:
        data.decode_recordio(record(tensor))
    assert caught.value.row == 0


def test_an_all_zero_sparse_row_has_no_values():
    body = SPARSE + record(("float32", [], [], [4]))
    assert data.decode_recordio(body).features.tolist() == [[1, 4, 0, 1], [0, 0, 0, 0]]


def test_a_matrix_is_read_row_by_row():
    assert data.decode_recordio(record(("float32", [5], [3], [2, 2]))).features.tolist() == [[0, 0, 0, 5]]


def test_another_width_is_refused_by_its_record():
    with pytest.raises(DataError, match="record 2: found 2 numbers; expected 4") as caught:
        data.decode_recordio(DENSE + DENSE + record(dense(1, 2)))
    assert caught.value.row == 2
    with pytest.raises(DataError, match="found 4 numbers; expected 5"):
        data.decode_recordio(DENSE, n_features=5)


def test_labels_must_be_there_when_wanted():
    with pytest.raises(DataError, match="record 0: found no label"):
        data.decode_recordio(SPARSE, labels=True)
    with pytest.raises(DataError, match="record 1: found 0 labels; expected 1"):
        data.decode_recordio(DENSE + SPARSE, labels=True)
    with pytest.raises(DataError, match="record 1: found the label NaN"):
        data.decode_recordio(DENSE + record(dense(1, 2, 3, 4), dense(float("nan"))), labels=True)


def test_several_labels_in_a_record():
    batch = data.decode_recordio(record(dense(1), dense(3, 4)) * 40, labels=True)
    assert batch.labels.tolist() == [[3, 4]] * 40


def test_bytes_instead_of_a_tensor_are_refused():
    message = record_class()()
    message.features["values"].bytes.value.append(b"x")
    with pytest.raises(DataError, match="found bytes as the feature 'values'"):
        data.decode_recordio(frame_bytes(message.SerializeToString()))


def test_numbers_beyond_float32_are_refused_where_it_was_asked_for():
    body = record(dense(1e39, kind="float64"))
    assert data.decode_recordio(body).features.tolist() == [[1e39]]
    with pytest.raises(DataError, match="float32's range"):
        data.decode_recordio(body, dtype="float32")


def test_many_narrow_records_cannot_ask_for_a_wide_matrix():
    body = record(("float32", [1], [1], [1 << 20])) * 100
    started = time.perf_counter()
    with pytest.raises(DataError, match="more than 64 MiB as a matrix"):
        data.decode_recordio(body, memory_limit=64 << 20)
    assert time.perf_counter() - started < 5
    with pytest.raises(DataError, match="the shape"):
        data.decode_recordio(record(("float32", [1], [1], [1 << 40])))


def test_no_records_are_no_rows():
    batch = data.decode_recordio(b"", n_features=3)
    assert batch.features.shape == (0, 3) and batch.labels is None


def test_a_missing_extra_is_named(monkeypatch):
    record_class.cache_clear()
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    try:
        with pytest.raises(MissingExtraError, match=r"kneighbors\[sagemaker\]"):
            data.decode_recordio(DENSE)
    finally:
        record_class.cache_clear()


# --- damage at random


def test_a1_every_small_damage_to_recordio():
    """A1: each mutant is read or refused, in time, and never into numbers that are not finite."""
    seed = DENSE + SPARSE + record(dense(1, 2, 3, 4), ("int32", [300], (), ())) + record(dense(1, 2, 3, 4))
    mutants = [seed[:i] for i in range(len(seed))]
    for i in range(len(seed)):
        rest = seed[i + 1 :]
        mutants += [seed[:i] + bytes([seed[i] ^ 1 << bit]) + rest for bit in range(8)]
        mutants += [seed[:i] + bytes([value]) + rest for value in (0, 1, 127, 128, 255)]
        mutants += [seed[:i] + rest, seed[:i] + seed[i : i + 1] * 2 + rest]
    for i in range(0, len(seed) - 4, 4):
        for word in (0, 1, 2**16, 2**29 - 1, 2**29, 2**31 - 1, 2**31, 2**32 - 1):
            mutants.append(seed[:i] + struct.pack("<I", word) + seed[i + 4 :])
    generator = np.random.default_rng(3)
    for _ in range(20_000):
        mutant = bytearray(seed)
        for place in generator.integers(0, len(seed), generator.integers(1, 4)):
            mutant[place] = generator.integers(0, 256)
        mutants.append(bytes(mutant))
    assert len(mutants) > 20_000
    read = 0
    for mutant in mutants:
        try:
            batch = data.decode_recordio(mutant, memory_limit=1 << 24)
        except DataError:
            continue
        read += 1
        assert np.isfinite(batch.features).all()
        assert batch.features.tolist() == numbers_of(mutant)[0]
    assert 1_000 < read < len(mutants)


# --- files and streams


def rows_and_labels(n_rows=5_000, n_features=7):
    generator = np.random.default_rng(5)
    return generator.normal(size=(n_rows, n_features)), generator.integers(0, 300, n_rows)


def test_a_file_is_read_in_batches(tmp_path):
    rows, labels = rows_and_labels()
    path = tmp_path / "train.pbr"
    path.write_bytes(data.encode_recordio({"values": labels}, rows))
    source = data.open(path, label=0)
    assert (source.n_features, source.feature_dtype, source.label_dtype) == (7, np.float64, np.int64)
    assert source.n_bytes == path.stat().st_size
    assert source.count_rows() == 5_000
    seen = []
    batches = list(source.batches(999, progress=lambda n, total, done: seen.append((n, done))))
    assert [len(batch) for batch in batches] == [999] * 5 + [5]
    assert seen[-1] == (5_000, path.stat().st_size)
    assert np.concatenate([batch.features for batch in batches]).tobytes() == rows.tobytes()
    assert np.concatenate([batch.labels for batch in batches]).tolist() == labels.tolist()
    assert data.open(path).read().labels is None


def test_files_without_a_name_are_known_by_their_first_bytes(tmp_path):
    (tmp_path / "recordio-pb-data").write_bytes(DENSE)
    assert data.open(tmp_path / "recordio-pb-data", label="values").read().labels.tolist() == [4.0]
    (tmp_path / "empty.pbr").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        data.open(tmp_path / "empty.pbr")
    with pytest.raises(ParameterError, match="the label that each record carries"):
        data.open(tmp_path / "recordio-pb-data", label=-1)


def test_columns_and_dtype_of_a_file(tmp_path):
    path = tmp_path / "x.recordio"
    path.write_bytes(DENSE * 3)
    batch = data.open(path, columns=[3, 0], dtype="float64").read()
    assert batch.features.dtype == np.float64
    assert batch.features.tolist() == np.array([[20.3, 1.2]], np.float32).tolist() * 3
    path.write_bytes(DENSE + record(dense(1, 2, 3, 4, kind="float64")))
    with pytest.raises(DataError, match="record 1: found float64 numbers"):
        data.open(path).read()
    assert len(data.open(path, dtype="float32").read()) == 2


def through_a_pipe(tmp_path, body, **settings):
    path = str(tmp_path / "train_0")
    os.mkfifo(path)

    def write():
        with open(path, "wb") as pipe:
            pipe.write(body)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with open(path, "rb") as pipe:
            return list(data.open(pipe, **settings).batches(1_000))
    finally:
        writer.join()


@pytest.mark.parametrize("format", ["csv", "recordio"])
def test_a_pipe_is_read_once_and_whole(tmp_path, format):
    rows, labels = rows_and_labels(n_rows=20_000)
    if format == "csv":
        lines = (",".join(map(repr, [int(y), *x])) for x, y in zip(rows.tolist(), labels, strict=True))
        body = "\n".join(lines).encode()
    else:
        body = data.encode_recordio({"values": labels}, rows)
    batches = through_a_pipe(tmp_path, body, format=format, label=0)
    assert np.concatenate([batch.features for batch in batches]).tobytes() == rows.tobytes()
    assert np.concatenate([batch.labels for batch in batches]).tolist() == labels.tolist()


def test_a_stream_is_read_once_only():
    source = data.open(io.BytesIO(DENSE), format="recordio")
    assert len(source.read()) == 1
    with pytest.raises(DataError, match="has been read"):
        source.read()
    with pytest.raises(DataError, match="is a stream"):
        data.open(io.BytesIO(DENSE), format="recordio").count_rows()
    with pytest.raises(DataTypeError, match="format='csv', 'recordio' or 'jsonl'"):
        data.open(io.BytesIO(DENSE))
    with pytest.raises(DataTypeError, match="mode 'rb'"):
        data.open(io.StringIO("1,2"), format="csv")


def test_memory_does_not_grow_with_the_file():
    """Frames hold a window of the stream, whatever its length."""

    class Endless:
        left = 100 << 20

        def read(self, size):
            size = min(size, self.left) // len(DENSE) * len(DENSE)
            self.left -= size
            return DENSE * (size // len(DENSE))

    tracemalloc.start()
    n_rows = sum(len(run.features) for run in runs(Frames(Endless().read, "x"), "x", 4, labels=True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_rows > 1_500_000 and peak < 32 << 20


def test_a1_hostile_records_take_little_memory(tmp_path):
    """A1: beyond the file's own size, a reader takes at most 64 MiB, whatever records ask for."""
    wide = record(("float64", [1], [1], [1 << 20]))
    bodies = {
        "one wide row": wide,
        "many wide rows": wide * 30,
        "wider than allowed": record(("float32", [1], [1], [(1 << 20) + 1])),
        "a shape beyond all bounds": record(("float32", [1], [1], [2**63, 2**63, 2**63])),
        "a length beyond the end": MAGIC + struct.pack("<I", MAX_RECORD) + b"x",
        "parts without end": (MAGIC + struct.pack("<I", 1 << 29 | 4) + b"abcd")
        + (MAGIC + struct.pack("<I", 2 << 29 | 4) + b"abcd") * 1_000,
        "records of changing width": wide + record(dense(1, 2)),
    }
    path = tmp_path / "x.pbr"
    for what, body in bodies.items():
        path.write_bytes(body)
        tracemalloc.start()
        try:
            for _ in data.open(path).batches():
                pass
        except DataError:
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < len(body) + (64 << 20), f"{what}: {peak >> 20} MiB"
