# SPDX-License-Identifier: Apache-2.0
"""data: rows and labels from wherever they are, as float matrices in batches.

In: an array, a sparse matrix, a data frame, an Arrow table, CSV, Parquet, .npy, RecordIO or JSON lines
files. Out: batches of a C-contiguous float32 or float64 matrix of shape (n, d), with labels if there are
any. Every refusal is a ``DataError`` that names row and column, what was found, what was expected and what
to do.

==================  ====================================================================================
``opening``         ``open``: one door, which looks at what it was given
``source``          ``Source`` and ``Batch``: what every source offers
``columns``         which columns are features and labels, by name or position
``values``          the dtype rule, finite values, and the form of a refusal
``labels``          labels of one kind, kept exact
``arrays``          NumPy, nested lists, scipy sparse, .npy
``tables``          Arrow, polars, pandas; ``arrow_values`` converts their columns
``csv_files``       CSV: ``csv_blocks`` cuts, ``csv_layout`` looks at the head, ``csv_labels`` reads labels,
                    ``csv_diagnosis`` explains a refusal
``recordio_files``  RecordIO-protobuf: ``recordio_frames`` cuts, ``recordio`` reads, by
                    ``recordio_records`` and ``recordio_schema``, ``recordio_encode`` writes
``json_lines``      JSON lines
``streams``         what can be read once only
``parquet``         Parquet, decoded in ``parquet_child``, a process of capped memory
``folders``         many files as one source
``pairs``           rows with labels beside them
==================  ====================================================================================

What a CSV may be
-----------------
Text in UTF-8, with or without a byte order mark; UTF-16, other encodings and NUL bytes are refused. Lines end
with LF, CRLF or CR; empty lines are skipped; a last line needs no line end. Fields are quoted with ``"``,
doubled inside; quoted fields may hold delimiters and line ends, and a quoted number is a number. Every record
has the same number of fields; a record is at most 64 MiB. Spaces and tabs around a number are ignored, as
they are around the names of a header. Names must be there and differ (an unnamed column is usually a row
index; choose the features with ``columns``). Numbers are written with a decimal point; they are correctly
rounded to float64. Hexadecimal, digit groups and decimal commas are text, and text in a feature column is
refused. Empty cells, NA and NaN are refused unless ``allow_nan``; infinity, and a number beyond float64's
range, always.
"""

from .labels import join_labels
from .opening import open
from .recordio import decode_recordio
from .recordio_encode import encode_recordio
from .source import Batch, Source

__all__ = ["Batch", "Source", "decode_recordio", "encode_recordio", "join_labels", "open"]
