# SPDX-License-Identifier: Apache-2.0
"""JSON request bodies to rows.

simdjson parses the text and copies each list of numbers straight into an array. It accepts more than a
server should: repeated keys, a byte order mark, 1,000 levels, and lists of lists where a flat list is copied.
So the body's brackets and quotes are counted, which tells for certain whether it has the one common shape;
any other shape is walked value by value.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import simdjson
from numpy.typing import NDArray

from .messages import RequestError

__all__ = ["document", "instances", "json_lines", "number_list"]

Rows = NDArray[Any]

MAX_DEPTH = 32
_MAX_VALUES = 1 << 23  # Python objects that a body may become
_MAX_KEYS = 256
_COPIED = 8  # a list this long is worth copying at once
_NESTED = {simdjson.Object, simdjson.Array}


def instances(body: bytes, n_features: int) -> Rows:
    """Rows of ``{"instances": [...]}``, float64, of shape (n, n_features).

    Each instance is ``{"features": [...]}`` or ``{"data": {"features": {"values": [...]}}}``, with ``keys``
    and ``shape`` beside ``values`` where the row is sparse.
    """
    parsed = _parsed(body)
    rows = _plain_instances(body, parsed, n_features)
    if rows is not None:
        return rows
    table = _walked(parsed, body)
    if not isinstance(table, dict) or "instances" not in table:
        raise RequestError(400, 'The body must be {"instances": [...]}.', field="instances")
    given = table["instances"]
    if not isinstance(given, list):
        raise RequestError(400, '"instances" must be a list of objects.', field="instances")
    rows = np.empty((len(given), n_features))
    for row, instance in enumerate(given):
        rows[row] = _instance(instance, n_features, row)
    return rows


def json_lines(body: bytes, n_features: int) -> Rows:
    """Rows of one instance object per line; empty lines are skipped."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    rows = np.empty((len(lines), n_features))
    for row, line in enumerate(lines):
        try:
            rows[row] = _instance(_walked(_parsed(line), line), n_features, row)
        except RequestError as error:
            if error.row is None:
                error.row = row
            raise
    return rows


def document(body: bytes) -> Any:
    """A whole body as plain values, strictly."""
    return _walked(_parsed(body), body)


def _parsed(body: bytes) -> Any:
    if body[:3] == b"\xef\xbb\xbf":
        raise RequestError(400, "The body starts with a byte order mark; send UTF-8 without one.")
    try:
        return simdjson.Parser().parse(body)
    except (ValueError, RuntimeError) as error:
        code = "UTF8_ERROR" if isinstance(error, UnicodeError) else str(error).partition(":")[0]
        reason = _REASONS.get(code, "it is malformed")
        raise RequestError(400, f"The body is not valid JSON: {reason}.") from None


_REASONS = {
    "EMPTY": "it is empty",
    "DEPTH_ERROR": f"it is more than {MAX_DEPTH} levels deep",
    "BIGINT_ERROR": "it holds an integer beyond 64 bits",
    "NUMBER_ERROR": "it holds a number that is malformed or beyond float64; NaN and Infinity are none",
    "UTF8_ERROR": "it is not UTF-8",
    "UNCLOSED_STRING": "a string does not end",
}


def _plain_instances(body: bytes, parsed: Any, n_features: int) -> Rows | None:
    """Rows of a body in which every instance is ``{"features": [numbers]}``; None for any other shape."""
    if not isinstance(parsed, simdjson.Object) or len(parsed) != 1 or "instances" not in parsed:
        return None
    given = parsed["instances"]
    if not isinstance(given, simdjson.Array):
        return None
    n_rows = len(given)
    # n objects of one key each and n lists, none inside another: then a copied list was flat.
    if body.count(b'"') != 2 * n_rows + 2 or body.count(b"[") != n_rows + 1 or body.count(b"{") != n_rows + 1:
        return None
    rows = np.empty((n_rows, n_features))
    instance: Any
    for row, instance in enumerate(given):
        try:
            values = np.frombuffer(instance["features"].as_buffer(of_type="d"))
        except (KeyError, TypeError, AttributeError):
            return None  # told in detail by the walk
        if len(values) != n_features:
            _refuse_width(len(values), n_features, row)
        rows[row] = values
    return rows


def _refuse_width(given: int, n_features: int, row: int) -> NoReturn:
    raise RequestError(
        400, f"Row {row} has {given} features; the model has {n_features}.", field="features", row=row
    )


def _instance(instance: Any, n_features: int, row: int) -> Rows | list[float]:
    if not isinstance(instance, dict):
        raise RequestError(400, f"Instance {row} must be an object.", field="instances", row=row)
    if "features" in instance and "data" in instance:
        raise RequestError(400, f"Instance {row} has features twice.", field="features", row=row)
    if "features" in instance:
        return number_list(instance["features"], n_features, row)
    features: Any = instance.get("data")
    features = features.get("features") if isinstance(features, dict) else None
    if not isinstance(features, dict) or "values" not in features:
        raise RequestError(
            400,
            f'Instance {row} must hold {{"features": [...]}} or '
            '{"data": {"features": {"values": [...]}}}.',
            field="features",
            row=row,
        )
    keys = features.get("keys")
    if keys is None or _is_empty(keys):
        shape = features.get("shape")
        if not (_is_empty(keys) and _is_empty(features["values"]) and shape is not None):
            return number_list(features["values"], n_features, row)
        keys = []
    return _sparse(features, keys, n_features, row)


def _is_empty(value: Any) -> bool:
    return isinstance(value, list) and not value


def _sparse(features: dict[str, Any], keys: Any, n_features: int, row: int) -> Rows:
    shape = features.get("shape")
    if shape not in ([n_features], [1, n_features]):
        raise RequestError(
            400, f"Row {row} is sparse: its shape must be [{n_features}].", field="shape", row=row
        )
    if isinstance(keys, np.ndarray):
        keys = [int(key) if key == int(key) else None for key in keys.tolist()]
    if not isinstance(keys, list) or any(type(key) is not int for key in keys):
        raise RequestError(400, f"Row {row}: keys must be a list of integers.", field="keys", row=row)
    if any(not 0 <= key < n_features for key in keys) or len(set(keys)) != len(keys):
        raise RequestError(
            400, f"Row {row}: keys must differ and be from 0 to {n_features - 1}.", field="keys", row=row
        )
    values = number_list(features["values"], len(keys), row)
    dense = np.zeros(n_features)
    dense[keys] = values
    return dense


def number_list(values: Any, n_expected: int, row: int) -> Rows | list[float]:
    """A flat list of so many numbers, or a refusal that says what stands there instead."""
    if isinstance(values, np.ndarray):
        if len(values) != n_expected:
            _refuse_width(len(values), n_expected, row)
        return values
    if not isinstance(values, list):
        raise RequestError(400, f"Row {row}: the features must be a list.", field="features", row=row)
    if not set(map(type, values)) <= {int, float}:
        column = next(c for c, value in enumerate(values) if type(value) not in (int, float))
        raise RequestError(
            400,
            f"Row {row}, column {column}: {_word(values[column])} was given; a number is expected.",
            field=f"column {column}",
            row=row,
        )
    if len(values) != n_expected:
        _refuse_width(len(values), n_expected, row)
    return values


def _word(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}.get(type(value), "a value")


def _walked(parsed: Any, body: bytes) -> Any:
    """Plain values of a parsed document, with its depth bounded and its keys unique.

    Long lists of numbers become float64 arrays. simdjson would copy a list of lists flat as well; so the
    brackets of the body must be as many as the lists that were met, or else every value is looked at.
    """
    walk = _Walk(fast=True)
    value = walk.value(parsed, 1)
    if walk.has_copied and walk.lists != body.count(b"["):
        value = _Walk(fast=False).value(parsed, 1)
    return value


class _Walk:
    """One way through a document."""

    def __init__(self, fast: bool) -> None:
        self._fast = fast
        self._count = 0
        self.lists = 0
        self.has_copied = False

    def value(self, given: Any, depth: int) -> Any:
        self._count += 1
        if isinstance(given, simdjson.Object):
            self._check(depth)
            keys = list(given.keys())
            if len(set(keys)) != len(keys):
                raise RequestError(400, "The body is not valid JSON: a key stands in an object twice.")
            if len(keys) > _MAX_KEYS:  # each is looked up from the front
                raise RequestError(400, f"An object of the body has more than {_MAX_KEYS} keys.")
            # items() would turn what lies deeper into plain values, unseen by the checks here
            try:
                return {key: self.value(given[key], depth + 1) for key in keys}
            except KeyError:  # simdjson finds no key with a NUL character in it
                raise RequestError(400, "A key of the body holds a NUL character.") from None
        if isinstance(given, simdjson.Array):
            self._check(depth)
            return self._list(given, depth)
        return given

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise RequestError(400, f"The body is not valid JSON: {_REASONS['DEPTH_ERROR']}.")
        if self._count > _MAX_VALUES:
            raise RequestError(400, f"The body holds more than {_MAX_VALUES} values.")

    def _list(self, given: Any, depth: int) -> Any:
        self.lists += 1
        size = len(given)
        if self._fast and size >= _COPIED and type(given[0]) in (float, int):
            try:
                copied = np.frombuffer(given.as_buffer(of_type="d"))
                if len(copied) == size:
                    self.has_copied = True
                    return copied
            except TypeError:
                pass
        items = list(given)
        self._count += len(items)
        if _NESTED.isdisjoint(map(type, items)):
            return items
        return [self.value(item, depth + 1) for item in items]
