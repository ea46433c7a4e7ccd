# SPDX-License-Identifier: Apache-2.0
"""Files: formats by name, directories, patterns and lists as one source, Parquet in its own process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from kneighbors import data
from kneighbors.data.parquet import Decoder
from kneighbors.errors import DataError, DataTypeError, ParameterError

TABLE = pa.table({"a": [1.0, 2.0, 3.5], "b": [4, 5, 6], "y": ["u", "v", "w"]})
FEATURES = [[1.0, 4.0], [2.0, 5.0], [3.5, 6.0]]


def write(path: Path, table: pa.Table = TABLE, **settings) -> Path:
    parquet.write_table(table, path, **settings)
    return path


# --- Parquet


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_parquet(tmp_path: Path, compression: str) -> None:
    source = data.open(write(tmp_path / "t.parquet", compression=compression), label="y")
    assert (source.feature_names, source.label_name, source.n_rows) == (("a", "b"), "y", 3)
    assert (source.feature_dtype, source.label_dtype) == (np.float64, object)
    assert [batch.features.tolist() for batch in source.batches(2)] == [FEATURES[:2], FEATURES[2:]]
    assert source.read().labels.tolist() == ["u", "v", "w"]
    chosen = data.open(tmp_path / "t.parquet", columns=["b", "a"]).read()
    assert chosen.features.tolist() == [row[::-1] for row in FEATURES]


def test_r40_parquet_labels_are_exact(tmp_path: Path) -> None:
    """R40, X8: labels of each kind through Parquet, bit for bit."""
    generator = np.random.default_rng(40)
    bits = generator.integers(0, 2**64, 20_000, dtype=np.uint64)
    doubles = bits.view(np.float64)
    doubles = np.where(np.isfinite(doubles), doubles, 1.5)
    table = pa.table(
        {
            "x": np.ones(20_000),
            "int64": bits.view(np.int64),
            "float64": doubles,
            "float32": doubles[::-1].astype(np.float64).clip(-1e38, 1e38).astype(np.float32),
            "bool": bits % 2 == 0,
        }
    )
    path = write(tmp_path / "t.parquet", table)
    for name in ("int64", "float64", "float32", "bool"):
        labels = data.open(path, label=name, columns=["x"]).read().labels
        expected = table.column(name).to_numpy()
        assert labels.dtype == expected.dtype and labels.tobytes() == expected.tobytes()


def test_parquet_refusals_name_row_and_column(tmp_path: Path, refused) -> None:
    values = np.ones(150_000)
    values[140_000] = np.nan
    path = write(tmp_path / "t.parquet", pa.table({"a": values, "b": values[::-1]}))
    error = refused(path, columns=["a"])
    assert f"{path}, row 140000, column 'a': found NaN" in str(error)
    assert (error.row, error.column) == (140_000, 0)
    with pytest.raises(DataTypeError, match="column 'y'"):
        data.open(write(path))
    assert "0 rows" in str(refused(write(path, TABLE.slice(0, 0)), label="y"))
    assert data.open(path, label="y", allow_empty=True).read().features.shape == (0, 2)


def test_parquet_progress(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"a": np.arange(200_000.0)}), row_group_size=50_000)
    seen = []
    total = 0
    for batch in data.open(path).batches(30_000, progress=lambda *report: seen.append(report)):
        assert batch.features[0, 0] == batch.first_row
        total += len(batch)
    assert total == 200_000 and seen[-1] == (200_000, 200_000, path.stat().st_size)
    assert [count for _, _, count in seen] == sorted(count for _, _, count in seen)


def test_the_child_ends_with_the_reading(tmp_path: Path) -> None:
    """No process is left behind: after opening, after reading, and after giving up half way."""
    path = write(tmp_path / "t.parquet", pa.table({"a": np.arange(400_000.0)}))
    source = data.open(path)
    decoder = source._decoder
    assert decoder._process is None
    batches = source.batches(1_000)
    next(batches)
    child = decoder._process
    assert child is not None and child.poll() is None
    batches.close()
    assert decoder._process is None and child.returncode is not None
    assert len(source.read()) == 400_000 and decoder._process is None


def test_two_readings_of_one_source_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"a": np.arange(300_000.0)}))
    source = data.open(path)
    pairs = zip(source.batches(50_000), source.batches(50_000), strict=True)
    for i, (first, second) in enumerate(pairs):
        assert np.array_equal(first.features, second.features)
        if i == 2:
            assert len(data.open(path).read()) == len(source.read()) == 300_000
    again = pickle.loads(pickle.dumps(source))
    assert len(again.read()) == 300_000


def test_r55_damaged_parquet_is_refused_in_every_way(tmp_path: Path) -> None:
    """R55, A1: cut anywhere, one byte changed anywhere: refused with the file's name, or read; never a crash.

    One child answers for all the mutants, so this is a test of its surviving, too.
    """
    whole = write(tmp_path / "t.parquet", TABLE).read_bytes()
    path = tmp_path / "mutant.parquet"
    generator = np.random.default_rng(55)
    mutants = [whole[:cut] for cut in generator.integers(0, len(whole), 40)]
    for place in generator.integers(0, len(whole), 160):
        mutant = bytearray(whole)
        mutant[place] = (
            (mutant[place] ^ (1 << generator.integers(0, 8)))
            if place % 2
            else generator.choice([0, 127, 255])
        )
        mutants.append(bytes(mutant))
    for place in generator.integers(0, len(whole) - 8, 60):
        size = int(generator.choice([4, 8]))
        value = int(generator.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1])) % 2 ** (8 * size)
        mutants.append(whole[:place] + value.to_bytes(size, "little") + whole[place + size :])
    refused = 0
    with Decoder(256 << 20) as decoder:
        for mutant in mutants:
            path.write_bytes(mutant)
            try:
                schema, _ = decoder.schema(str(path))
                for batch in decoder.batches(str(path), list(range(len(schema.names)))):
                    assert batch.num_columns == len(schema.names)
            except DataError as error:
                assert str(path) in str(error)
                refused += 1
    assert refused > len(mutants) // 3


_PEAK = """
import sys
from kneighbors import data
from kneighbors.errors import DataError
try:
    data.open(sys.argv[1], label="a", memory_limit=100 << 20).read()
except DataError as error:
    print(error)
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS sets no limit on address space")
def test_r55_a_small_file_that_asks_for_much(tmp_path: Path) -> None:
    """R55: some kilobytes that decode to 200 MB are refused at the limit, and the caller stays small."""
    table = pa.table({"x": [1.0], "a": ["0" * 200_000_000]})
    path = tmp_path / "bomb.parquet"
    write(path, table, compression="zstd", use_dictionary=False, write_statistics=False)
    del table
    assert path.stat().st_size < 1 << 20
    run = subprocess.run([sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True)
    message, peak = run.stdout.strip().splitlines()
    assert "takes more than 100 MiB" in message and "memory_limit" in message and str(path) in message
    assert int(peak) * 1024 < 200 << 20
    with pytest.raises(DataError, match="takes more than 100 MiB"):
        data.open(path, label="a", memory_limit=100 << 20).read()
    assert len(data.open(path, label="a", memory_limit=2 << 30).read().labels[0]) == 200_000_000
    with pytest.raises(ParameterError, match="memory_limit"):
        data.open(path, memory_limit=1)


def test_r55_a_child_that_dies_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused) -> None:
    """What a crash of the decoder, or its being stopped for taking too long, looks like from outside."""
    child = tmp_path / "child.py"
    monkeypatch.setattr("kneighbors.data.parquet._CHILD", child)
    path = write(tmp_path / "t.parquet")
    for code, words in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with code -11"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "taking too long"),
        ("import os; os.abort()", "takes more than"),
        ("import sys; sys.stdout.buffer.write(b'Q' + bytes(8))", "nonsense"),
        ("import sys; sys.stdout.buffer.write(b'S' + b'\\xff' * 8)", "nonsense"),
        (
            "import sys; sys.stdout.buffer.write(b'S' + (99).to_bytes(8, 'little') + b'short')",
            "ended with code 0",
        ),
        ("raise SystemExit(3)", "ended with code 3"),
        ("import sys; sys.stdout.buffer.write(b'E' + bytes(8))", "no schema"),
    ):
        child.write_text(code)
        error = refused(path, label="y")
        assert str(path) in str(error) and words in str(error)


def test_parquet_that_is_none(tmp_path: Path, refused) -> None:
    path = tmp_path / "t.parquet"
    for content in (b"a,b\n1,2\n", b"PAR1" + bytes(100) + b"PAR1", b"PAR1"):
        path.write_bytes(content)
        assert "is damaged or no Parquet file" in str(refused(path))
    path.write_bytes(b"")
    assert "is empty" in str(refused(path))


# --- names and formats


def test_formats_by_name_and_by_content(tmp_path: Path) -> None:
    parquet_bytes = write(tmp_path / "x.parquet", TABLE.select(["a", "b"])).read_bytes()
    np.save(tmp_path / "x.npy", np.array(FEATURES))
    csv = "a,b\n1,4\n2,5\n3.5,6\n"
    for name, content in (
        ("t.parquet", parquet_bytes),
        ("t.PQ", parquet_bytes),
        ("noname", parquet_bytes),
        ("t.npy", (tmp_path / "x.npy").read_bytes()),
        ("array", (tmp_path / "x.npy").read_bytes()),
        ("t.csv", csv.encode()),
        ("t.CSV", csv.encode()),
        ("t.txt", csv.encode()),
        ("t.tsv", csv.replace(",", "\t").encode()),
    ):
        (tmp_path / name).write_bytes(content)
        assert data.open(tmp_path / name).read().features.tolist() == FEATURES, name
        assert data.open(str(tmp_path / name)).n_features == 2
    (tmp_path / "part-0001").write_text(csv)
    assert data.open(tmp_path / "part-0001", format="csv").read().features.tolist() == FEATURES


def test_formats_that_cannot_be_told(tmp_path: Path, refused) -> None:
    (tmp_path / "part").write_text("1,2\n")
    assert "Pass format='csv'" in str(refused(tmp_path / "part"))
    (tmp_path / "t.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    assert "Decompress it first" in str(refused(tmp_path / "t.csv.gz"))
    assert "there is no such file" in str(refused(tmp_path / "none.csv"))
    assert "cannot be read" in str(refused(tmp_path / "none"))
    with pytest.raises(ParameterError, match="format='xls'"):
        data.open(tmp_path / "part", format="xls")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "no regular file" in str(refused(tmp_path / "pipe.csv"))


# --- many files


def folder(tmp_path: Path) -> Path:
    """Ten files in subdirectories whose sorted order is the order of their rows."""
    top = tmp_path / "data"
    for i in range(10):
        (top / f"day={i // 5}").mkdir(parents=True, exist_ok=True)
        (top / f"day={i // 5}" / f"part-{i}.csv").write_text(f"a,y\n{i}.5,{i}\n{i}.75,{i}\n")
    (top / "_SUCCESS").write_text("")
    (top / ".hidden.csv").write_text("not,to,be,read\n")
    (top / "day=0" / "README.md").write_text("nor this\n")
    return top


def test_a_directory_is_one_source(tmp_path: Path) -> None:
    source = data.open(folder(tmp_path), label="y")
    assert source.n_rows is None and source.count_rows() == 20
    batches = list(source.batches(3))
    assert [len(batch) for batch in batches] == [3] * 6 + [2]
    assert [batch.first_row for batch in batches] == list(range(0, 20, 3))
    values = np.concatenate([batch.features[:, 0] for batch in batches])
    assert values.tolist() == [i + part for i in range(10) for part in (0.5, 0.75)]
    assert source.read().labels.tolist() == [i for i in range(10) for _ in range(2)]
    assert source.n_bytes == sum(path.stat().st_size for path in (tmp_path / "data").rglob("part-*.csv"))


def test_patterns_and_lists(tmp_path: Path) -> None:
    top = folder(tmp_path)
    assert len(data.open(str(top / "day=1" / "part-*.csv")).read()) == 10
    assert len(data.open(str(top / "**" / "part-*.csv")).read()) == 20
    paths = [top / "day=1" / "part-7.csv", str(top / "day=0" / "part-2.csv")]
    assert data.open(paths).read().features[:, 0].tolist() == [7.5, 7.75, 2.5, 2.75]  # a list keeps its order
    (tmp_path / "odd[1].csv").write_text("a\n1\n")
    assert data.open(tmp_path / "odd[1].csv").read().features.tolist() == [[1.0]]


def test_a_told_format_takes_files_of_any_name(tmp_path: Path) -> None:
    top = tmp_path / "channel"
    top.mkdir()
    for name in ("b", "a.data-00000", "c.csv"):
        (top / name).write_text(f"{ord(name[0])},1\n")
    found = data.open(top, format="csv").read().features[:, 0].tolist()
    assert found == [97.0, 98.0, 99.0]


def test_folders_that_are_refused(tmp_path: Path, refused) -> None:
    top = tmp_path / "data"
    top.mkdir()
    assert "no data file" in str(refused(top))
    assert "the pattern has no data file" in str(refused(str(top / "*.csv")))
    (top / "a.csv").write_text("x,y\n1,2\n")
    (top / "b.csv").write_text("y,x\n1,2\n")
    error = str(refused(top))
    assert "b.csv: found 'y', 'x' as feature columns; expected 'x', 'y', as in" in error and "a.csv" in error
    (top / "b.csv").write_text("1,2\n")
    assert "found no names as feature columns" in str(refused(top))
    (top / "b.csv").write_text("x,y,z\n1,2,3\n")
    assert "found 3 feature columns; expected 2" in str(refused(top))
    (top / "b.csv").write_text("x,y\n1,2\n1\n")
    error = refused(top)
    assert "b.csv, line 3: found 1 fields" in str(error) and error.row == 1
    np.save(top / "c.npy", np.ones((1, 2)))
    assert "several formats (csv and npy)" in str(refused(top))


def test_parts_without_rows(tmp_path: Path, refused) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (top / "a.csv").write_text("x,y\n")
    (top / "b.csv").write_text("x,y\n1,2\n")
    (top / "c.csv").write_text("")
    assert data.open(top).read().features.tolist() == [[1.0, 2.0]]
    (top / "b.csv").write_text("x,y\n")
    assert "0 rows of 2 features" in str(refused(top))
    (top / "a.csv").write_text("")
    (top / "b.csv").write_text("")
    assert "a.csv: is empty" in str(refused(top))


def test_kinds_differ_between_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 2), dtype=np.float32))
    np.save(tmp_path / "b.npy", np.full((1, 2), 1e300))
    source = data.open([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert source.feature_dtype == np.float64 and source.n_rows == 3
    assert source.read().features.tolist() == [[1.0, 1.0], [1.0, 1.0], [1e300, 1e300]]
    (tmp_path / "a.csv").write_text("x,y\n1,1\n")
    (tmp_path / "b.csv").write_text("x,y\n1,cat\n")
    with pytest.raises(DataTypeError, match="numbers and text"):
        data.open([tmp_path / "a.csv", tmp_path / "b.csv"], label="y")
    both = data.open([tmp_path / "a.csv", tmp_path / "b.csv"], label="y", label_dtype="string")
    assert both.read().labels.tolist() == ["1", "cat"]


def test_many_parquet_files_share_one_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    original = Decoder._start
    monkeypatch.setattr(Decoder, "_start", lambda self: (started.append(1), original(self))[1])
    for i in range(5):
        write(tmp_path / f"part-{i}.parquet", pa.table({"a": np.full(1_000, float(i))}))
    source = data.open(tmp_path)
    assert len(started) == 1, "opening starts one child for all files"
    assert source.n_rows == 5_000
    assert source.read().features[::1_000, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(started) == 2, "and so does reading"


def test_first_row_of_a_shard(tmp_path: Path) -> None:
    source = data.open(folder(tmp_path))
    assert [batch.first_row for batch in source.batches(15, first_row=100)] == [100, 115]
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="size"):
            source.batches(wrong)
