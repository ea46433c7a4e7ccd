# SPDX-License-Identifier: Apache-2.0
"""sample: at most ``sample_size`` rows of a stream, drawn in one pass and fixed memory.

In: batches of rows that know their row numbers. Out: the chosen rows in ascending row number.

Each row has a key, a fixed function of the seed and its row number, and the rows with the smallest keys win.
So the sample depends on nothing else: not on batch sizes, not on the order of batches, and not on how rows
are split among workers, whose samples merge into exactly the sample of the whole (bottom-k sampling; Cohen
and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).

``keys`` defines the key, ``reservoir`` keeps the smallest in fixed memory, ``sampler`` is the step's
interface, ``choosing`` its short form for rows in memory.
"""

from .choosing import sampled_rows
from .keys import row_keys
from .sampler import Sample, Sampler

__all__ = ["Sample", "Sampler", "row_keys", "sampled_rows"]
