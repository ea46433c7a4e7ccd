# SPDX-License-Identifier: Apache-2.0
"""The record of RecordIO-protobuf files, described to protobuf when it is first used.

The messages, in proto2, package ``aialgs.data``; every repeated number is packed::

    Float32Tensor  values=1 float    keys=2 uint64    shape=3 uint64
    Float64Tensor  values=1 double   keys=2 uint64    shape=3 uint64
    Int32Tensor    values=1 int32    keys=2 uint64    shape=3 uint64
    Bytes          value=1 repeated bytes             content_type=2 string
    Value          one of float32_tensor=2 float64_tensor=3 int32_tensor=7 bytes=9
    Record         features=1 map<string, Value>      label=2 map<string, Value>
                   uid=3 metadata=4 configuration=5 string

They live in a pool of their own: another library may have registered the same names.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import MissingExtraError

__all__ = ["record_class"]

_TENSORS = {"Float32Tensor": "FLOAT", "Float64Tensor": "DOUBLE", "Int32Tensor": "INT32"}
_VALUES = {"float32_tensor": 2, "float64_tensor": 3, "int32_tensor": 7, "bytes": 9}


@cache
def record_class() -> Any:
    """The message class ``Record``.

    Raises
    ------
    MissingExtraError
        protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingExtraError(
            "RecordIO-protobuf needs protobuf, which is not installed. Add it: pip install "
            "'kneighbors[sagemaker]'."
        ) from error
    file = descriptor_pb2.FileDescriptorProto(name="kneighbors/record.proto", package="aialgs.data")
    for name, kind in _TENSORS.items():
        _message(file.message_type.add(name=name), [("values", 1, kind), ("keys", 2, "UINT64")])
        _field(file.message_type[-1], "shape", 3, "UINT64", repeated=True)
    _message(file.message_type.add(name="Bytes"), [("value", 1, "BYTES")])
    _field(file.message_type[-1], "content_type", 2, "STRING")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for name, number in _VALUES.items():
        type_name = "Bytes" if name == "bytes" else name.title().replace("_", "")
        _field(value, name, number, type_name).oneof_index = 0
    record = file.message_type.add(name="Record")
    for number, name in enumerate(("features", "label"), start=1):
        entry = record.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _field(entry, "key", 1, "STRING")
        _field(entry, "value", 2, "Value")
        _field(record, name, number, f"Record.{entry.name}", repeated=True)
    for number, name in enumerate(("uid", "metadata", "configuration"), start=3):
        _field(record, name, number, "STRING")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


def _message(message: Any, repeated: list[tuple[str, int, str]]) -> None:
    for name, number, kind in repeated:
        _field(message, name, number, kind, repeated=True)


def _field(message: Any, name: str, number: int, kind: str, *, repeated: bool = False) -> Any:
    """Add a field; ``kind`` is one of protobuf's own types in capitals, or the name of a message."""
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind.isupper() or kind in ("INT32", "UINT64"):
        field.type = getattr(field, f"TYPE_{kind}")
        if repeated and kind in ("FLOAT", "DOUBLE", "INT32", "UINT64"):
            field.options.packed = True
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".aialgs.data.{kind}"
    return field
