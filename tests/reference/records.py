# SPDX-License-Identifier: Apache-2.0
"""RecordIO-protobuf read the slow way: one frame after the other, each parsed by protobuf."""

from __future__ import annotations

import struct

from kneighbors.data.recordio_schema import record_class

MAGIC = 0xCED7230A


def records_of(body):
    """The messages; of frames that the format allows only."""
    messages, place, held = [], 0, None
    while place < len(body):
        magic, word = struct.unpack_from("<II", body, place)
        assert magic == MAGIC
        flag, length = word >> 29, word & 0x1FFFFFFF
        part = body[place + 8 : place + 8 + length]
        held = part if flag in (0, 1) else held + struct.pack("<I", MAGIC) + part
        if flag in (0, 3):
            messages.append(record_class().FromString(held))
        place += 8 + (length + 3) // 4 * 4
    return messages


def numbers(value):
    tensor = getattr(value, value.WhichOneof("value"))
    if not tensor.shape or (len(tensor.values) and not tensor.keys):
        return list(tensor.values)
    size = 1
    for length in tensor.shape:
        size *= length
    row = [0] * size
    for key, number in zip(tensor.keys, tensor.values, strict=True):
        row[key] = number
    return row


def numbers_of(body):
    """Feature rows and label rows."""
    messages = records_of(body)
    return (
        [numbers(message.features["values"]) for message in messages],
        [numbers(message.label["values"]) for message in messages if "values" in message.label],
    )
