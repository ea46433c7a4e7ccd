# SPDX-License-Identifier: Apache-2.0
"""One door for every source of rows."""

from __future__ import annotations

import io
import os
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DataError, DataTypeError, ParameterError
from .arrays import ArraySource, as_matrix, open_npy
from .columns import Columns
from .csv_layout import Header
from .folders import FilesSource, find_format, list_files
from .pairs import PairSource
from .source import Source
from .streams import OneWay
from .values import requested_dtype

__all__ = ["open"]

Format = Literal["csv", "parquet", "npy", "recordio", "jsonl"]
LabelDtype = Literal["auto", "bool", "int64", "float64", "string"]


_STREAMED = ("csv", "recordio", "jsonl")


def open(
    source: Any,
    *,
    label: Columns = None,
    header: Header = "auto",
    columns: Columns = None,
    format: Format | None = None,
    dtype: DTypeLike | None = None,
    delimiter: str | None = None,
    label_dtype: LabelDtype = "auto",
    allow_nan: bool = False,
    allow_empty: bool = False,
    memory_limit: int = 1 << 30,
) -> Source:
    """Open rows, and labels if there are any, wherever they are.

    Parameters
    ----------
    source : array-like, sparse matrix, data frame, Arrow table, path, list of paths, bytes, file, or pair
        A NumPy array, nested list or scipy sparse matrix of shape (n, d); a pandas or polars data frame; an
        Arrow table or record batch; a path of a CSV, Parquet, .npy, RecordIO-protobuf or JSON
        lines file; a directory, a pattern such as ``"day-*.csv"`` or a list of paths, read in sorted order as
        one (a list in its own order); bytes, or a file or pipe open for bytes, which is read once, with
        ``format`` "csv", "recordio" or "jsonl"; or a pair ``(rows, labels)`` of any of these and an array of
        n labels.
    label : str, int, list of these, or None, default=None
        The column, or columns, of labels: a name, or a position that counts from 0 (from the end when
        negative). None: no labels. RecordIO and JSON lines have one label, beside the
        features: 0, "values" or "label".
    header : {"auto", True, False}, default="auto"
        Whether a CSV begins with names. "auto" looks at the feature columns of the first record: all numbers
        mean no header, all text means a header, a mixture is refused. Asking for a column by name means a
        header.
    columns : list of str or int, or None, default=None
        The feature columns, in this order. None: all but the labels.
    format : {"csv", "parquet", "npy", "recordio", "jsonl"} or None, default=None
        None goes by the file's name, then by its first bytes.
    dtype : {"float32", "float64"} or None, default=None
        None follows the rule: float16 and float32 are taken as float32; float64, integers and booleans as
        float64; CSV numbers as float64. A finite number beyond float32's range is refused when float32 is
        asked for.
    delimiter : str or None, default=None
        Of a CSV. None: the comma if the first line has one outside quotes, else a tab, a semicolon or a bar.
    label_dtype : {"auto", "bool", "int64", "float64", "string"}, default="auto"
        What the labels of a CSV are. "auto" goes by the first rows; "string" keeps their text as it is.
    allow_nan : bool, default=False
        Take missing values as NaN: NaN itself, nulls, and in a CSV empty cells and NA, N/A, null or None.
        Infinity is always refused, and so is a missing label.
    allow_empty : bool, default=False
        Take a source of no rows whose columns are known (queries may be none; a training set may not).
    memory_limit : int, default=1 GiB
        Bytes that decoding a Parquet file may take, in a process of its own.

    Returns
    -------
    Source
        Names, dtypes, row count where known, and ``batches``. Files are read while batches are taken, in
        memory that does not grow with them.

    Raises
    ------
    DataError
        Something cannot be used. The message names file, row (line number in a CSV), column, what was found,
        what was expected and what to do; ``row`` and ``column`` hold the place, counted from 0, within the
        file.
    DataTypeError
        A column or array of values that are no numbers, or labels of mixed types.
    ParameterError
        A setting of this function is out of its range.

    Examples
    --------
    >>> from kneighbors import data
    >>> text = b"height,width,kind\\n1.5,2,cat\\n2.5,3,dog\\n"
    >>> source = data.open(text, format="csv", label="kind")
    >>> source.feature_names, source.label_name
    (('height', 'width'), 'kind')
    >>> for batch in source.batches(100):
    ...     print(batch.first_row, batch.features.tolist(), batch.labels.tolist())
    0 [[1.5, 2.0], [2.5, 3.0]] ['cat', 'dog']
    """
    if format not in (None, "csv", "parquet", "npy", "recordio", "jsonl"):
        raise ParameterError(
            f"format={format!r} was given; expected 'csv', 'parquet', 'npy', 'recordio', 'jsonl' or None."
        )
    if isinstance(memory_limit, bool) or not isinstance(memory_limit, int) or memory_limit < 1 << 24:
        raise ParameterError(
            f"memory_limit={memory_limit!r} was given; expected a number of bytes, 16 MiB or more."
        )
    settings = {"label": label, "chosen": columns, "dtype": requested_dtype(dtype), "allow_nan": allow_nan}
    csv = {"header": header, "delimiter": delimiter, "label_dtype": label_dtype}
    opened: Source
    if isinstance(source, tuple) and len(source) == 2:
        if label is not None:
            raise ParameterError(
                f"label={label!r} was given with a pair (rows, labels); expected one or the other. Leave out "
                "label, or give the rows alone."
            )
        rows = _open_one(source[0], format, settings, csv, memory_limit)
        opened = PairSource(rows, source[1])
    else:
        opened = _open_one(source, format, settings, csv, memory_limit)
    if opened.n_rows == 0 and not allow_empty:
        raise DataError(
            f"{opened.name}: found 0 rows of {opened.n_features} features; expected at least one row. Pass "
            "allow_empty=True where none is fine."
        )
    return opened


def _open_one(
    source: Any, format: Format | None, settings: dict[str, Any], csv: dict[str, Any], memory_limit: int
) -> Source:
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        files = list_files(path, any_name=format is not None)
        return _open_files(path, [path] if files is None else files, format, settings, csv, memory_limit)
    if (
        isinstance(source, (list, tuple))
        and source
        and all(isinstance(one, (str, os.PathLike)) for one in source)
    ):
        paths = [os.fspath(one) for one in source]
        return _open_files(
            f"{paths[0]} and {len(paths) - 1} more", paths, format, settings, csv, memory_limit
        )
    if isinstance(source, (bytes, bytearray, memoryview)):
        if format not in _STREAMED:
            raise DataTypeError(
                "bytes were given; expected format='csv', 'recordio' or 'jsonl' with them, or the path of a "
                "file."
            )
        return _open_bytes(bytes(source), format, settings, csv)
    if isinstance(source, io.IOBase):
        if format not in _STREAMED:
            raise DataTypeError(
                "an open file was given; expected format='csv', 'recordio' or 'jsonl' with it, or the "
                "path of a file."
            )
        if isinstance(source, io.TextIOBase):
            raise DataTypeError("a file open for text was given; expected one open for bytes (mode 'rb').")
        name = getattr(source, "name", None)
        stream = OneWay(source, name if isinstance(name, str) else "stream")
        return _open_bytes(stream, format, settings, csv)
    return _open_table(source, settings)


def _open_bytes(
    source: str | bytes | OneWay, format: str, settings: dict[str, Any], csv: dict[str, Any]
) -> Source:
    if format == "recordio":
        from .recordio_files import RecordSource

        return RecordSource(source, **settings)
    if format == "jsonl":
        from .json_lines import JsonLinesSource

        return JsonLinesSource(source, **settings)
    from .csv_files import CsvSource

    return CsvSource(source, **settings, **csv)


def _open_table(source: Any, settings: dict[str, Any]) -> Source:
    root = type(source).__module__.partition(".")[0]
    if root == "pandas" and hasattr(source, "iloc") and hasattr(source, "columns"):
        from .tables import PandasSource

        return PandasSource(source, **settings)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        if not hasattr(source, "schema") and not hasattr(source, "columns"):
            raise DataTypeError(
                f"a {type(source).__name__} was given; expected a table of rows and columns, not one column."
            )
        from .tables import ArrowSource

        return ArrowSource(source, **settings)
    if root == "polars" and hasattr(source, "collect"):
        raise DataTypeError(
            "a polars LazyFrame was given; expected a DataFrame. Collect it first: frame.collect()."
        )
    if not isinstance(source, (np.ndarray, list, tuple)) and not hasattr(source, "tocsr"):
        if not hasattr(source, "__array__"):
            raise DataTypeError(
                f"a {type(source).__name__} was given; expected an array, a data frame, an Arrow table, a "
                "sparse matrix, a path, or a pair (rows, labels)."
            )
        source = np.asarray(source)
    return ArraySource(as_matrix(source), **settings)


def _open_files(
    name: str,
    paths: list[str],
    format: Format | None,
    settings: dict[str, Any],
    csv: dict[str, Any],
    memory_limit: int,
) -> Source:
    formats = {path: find_format(path, format) for path in paths}
    if len(set(formats.values())) > 1:
        a, b = sorted(set(formats.values()))[:2]
        raise DataError(
            f"{name}: found files of several formats ({a} and {b}); expected one. Choose some with a pattern "
            f"such as '*.{a}'."
        )
    for path in paths:
        if not os.path.exists(path):
            raise DataError(f"{path}: there is no such file; expected a file, a directory or a pattern.")
        if not os.path.isfile(path):
            raise DataError(f"{path}: is no regular file; expected a file that can be read more than once.")
    # parts of length 0, as some writers leave, have no columns to compare
    filled = [path for path in paths if os.path.getsize(path)] or paths[:1]
    sources: list[Source]
    if formats[paths[0]] == "parquet":
        from .parquet import Decoder, ParquetSource

        with Decoder(memory_limit) as decoder:
            sources = [ParquetSource(path, decoder, **settings) for path in filled]
    elif formats[paths[0]] == "npy":
        sources = [open_npy(path, **settings) for path in filled]
    else:
        sources = [
            _open_bytes(
                path, formats[path], settings, {**csv, "delimiter": csv["delimiter"] or _by_name(path)}
            )
            for path in filled
        ]
    return sources[0] if len(paths) == 1 else FilesSource(name, sources)


def _by_name(path: str) -> str | None:
    return "\t" if path.lower().endswith(".tsv") else None
