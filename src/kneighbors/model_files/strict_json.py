# SPDX-License-Identifier: Apache-2.0
"""JSON read without mercy and written for people: ``model_algo-1.json`` and the header of ``model_algo-1``.

Read: UTF-8 without a byte order mark, at most 1 MiB, at most 32 levels deep and 131,072 values, no duplicate
keys, no NaN or Infinity, no number beyond float64. A number that is not a plain integer keeps its spelling
(`Number`), so that a fingerprint covers what was written and not only the float it rounds to: 0.3 and
0.30000000000000001 are one float64 and two texts.

Written: two spaces of indent, no exponents (one flipped bit turns ``e`` into an equally valid ``E``), no
escapes but ``\\"`` and ``\\\\``.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np

__all__ = ["MAX_BYTES", "MAX_DEPTH", "JsonError", "Number", "canonical", "parse", "plain", "pretty"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 1 << 17  # a MiB of "0.1," would take a hundred MiB of memory
_MAX_NUMBER = 400  # characters; the longest float64 written without an exponent needs fewer than 350

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<word>[A-Za-z]+)
      | (?P<mark>[][{}:,])""",
    re.VERBOSE,
)
_JSON_WORDS = {"true": True, "false": False, "null": None}
_PYTHON_WORDS = {"True": True, "False": False, "None": None}
_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class JsonError(ValueError):
    """The text is not acceptable JSON; the message says what and where."""


class Number(float):
    """A number with a fraction or an exponent, and the text it was spelled with."""

    __slots__ = ("token",)
    token: str

    def __new__(cls, token: str) -> Number:
        number = super().__new__(cls, token)
        number.token = token
        return number


def parse(data: bytes, *, python_words: bool = False) -> Any:
    """The value in ``data``.

    Parameters
    ----------
    data : bytes
        The whole text.
    python_words : bool, default=False
        Accept ``True``, ``False`` and ``None`` in place of JSON's words, but never both kinds in one text:
        then no single flipped bit (``true`` to ``True``) passes unseen in a text with two such words.

    Raises
    ------
    JsonError
        Anything else than one strict JSON value.
    """
    if len(data) > MAX_BYTES:
        raise JsonError(f"{len(data)} bytes of JSON; at most {MAX_BYTES} are read")
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise JsonError(
                f"the text starts with a {encoding} byte order mark (BOM); save it as UTF-8 without one"
            )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(f"byte {error.start} is not UTF-8") from None
    return _Parser(text, python_words).document()


class _Parser:
    """Recursive descent over the tokens; recursion is bounded by MAX_DEPTH."""

    def __init__(self, text: str, python_words: bool) -> None:
        self.text = text
        self.place = 0
        self.words = _JSON_WORDS | _PYTHON_WORDS if python_words else _JSON_WORDS
        self.styles: set[bool] = set()
        self.count = 0

    def document(self) -> Any:
        value = self.value(self.token(), 0)
        kind, text, start = self.token()
        if kind != "end":
            self.refuse(f"{text!r} after the end of the value", start)
        return value

    def refuse(self, message: str, start: int) -> NoReturn:
        line = self.text.count("\n", 0, start) + 1
        column = start - self.text.rfind("\n", 0, start)
        raise JsonError(f"{message} (line {line}, column {column})")

    def token(self) -> tuple[str, str, int]:
        """The next token that is not white space: its kind, its text and where it starts."""
        while self.place < len(self.text):
            start = self.place
            match = _TOKEN.match(self.text, start)
            if match is None:
                self.refuse(f"{self.text[start : start + 12]!r} is not JSON", start)
            self.place = match.end()
            if match.lastgroup != "space":
                return str(match.lastgroup), match.group(), start
        return "end", "", len(self.text)

    def value(self, token: tuple[str, str, int], depth: int) -> Any:
        kind, text, start = token
        self.count += 1
        if self.count > MAX_VALUES:
            self.refuse(f"more than {MAX_VALUES} values", start)
        if kind == "string":
            return self.string(text, start)
        if kind == "number":
            return self.number(text, start)
        if kind == "word":
            return self.word(text, start)
        if depth == MAX_DEPTH and text in ("[", "{"):
            self.refuse(f"more than {MAX_DEPTH} levels deep", start)
        if text == "[":
            return self.array(depth + 1)
        if text == "{":
            return self.table(depth + 1)
        return self.refuse("the text ends too early" if kind == "end" else f"unexpected {text!r}", start)

    def string(self, text: str, start: int) -> str:
        value: str = json.loads(text) if "\\" in text else text[1:-1]
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            self.refuse("half of a surrogate pair in a string", start)
        return value

    def number(self, text: str, start: int) -> int | Number:
        if len(text) > _MAX_NUMBER:
            self.refuse(f"a number of {len(text)} characters; at most {_MAX_NUMBER} are read", start)
        if text.lstrip("-").isdigit() and text != "-0":
            return int(text)
        number = Number(text)
        if math.isinf(number):
            self.refuse(f"{text} is beyond float64", start)
        return number

    def word(self, text: str, start: int) -> bool | None:
        if text not in self.words:
            hint = "; numbers must be finite" if text in ("NaN", "Infinity") else ""
            self.refuse(f"{text!r} is not a JSON word; true, false and null are{hint}", start)
        self.styles.add(text in _PYTHON_WORDS)
        if len(self.styles) == 2:
            self.refuse(
                f"{text!r} mixes JSON's words (true, false, null) with Python's (True, False, None)", start
            )
        return self.words[text]

    def array(self, depth: int) -> list[Any]:
        values: list[Any] = []
        token = self.token()
        if token[1] == "]":
            return values
        while True:
            values.append(self.value(token, depth))
            _, text, start = self.token()
            if text == "]":
                return values
            if text != ",":
                self.refuse("',' or ']' expected", start)
            token = self.token()

    def table(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        kind, text, start = self.token()
        if text == "}":
            return values
        while True:
            if kind != "string":
                self.refuse("a key in double quotes expected", start)
            key = self.string(text, start)
            if key in values:
                self.refuse(f"key {key!r} stands there twice", start)
            _, text, start = self.token()
            if text != ":":
                self.refuse("':' expected", start)
            values[key] = self.value(self.token(), depth)
            _, text, start = self.token()
            if text == "}":
                return values
            if text != ",":
                self.refuse("',' or '}' expected", start)
            kind, text, start = self.token()


def plain(value: Any) -> Any:
    """The value with ordinary floats in place of `Number`."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, Number) else value


def canonical(value: Any) -> str:
    """One text for one content, whatever tool wrote it: what fingerprints are taken of.

    Keys in code-point order, no white space, numbers as ``<digits>e<power>`` without zeros at either end.
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return _quoted(value)
    token = value.token if isinstance(value, Number) else str(value)
    mantissa, _, exponent = token.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits)
    digits = digits.rstrip("0")
    return f"{sign}{digits}e{power - len(digits)}" if digits else f"{sign}0"


def pretty(value: Any, indent: int = 0) -> str:
    """The value as JSON for people; lists without tables in them stay on one line.

    Raises
    ------
    JsonError
        A value that JSON cannot hold: NaN, an object, a control character in a string.
    """
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        if not value:
            return "{}"
        rows = [f"{inner}{_text(key)}: {pretty(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, dict) for item in value):
            return (
                "[\n"
                + ",\n".join(inner + pretty(item, indent + 2) for item in value)
                + "\n"
                + " " * indent
                + "]"
            )
        return "[" + ", ".join(pretty(item, indent) for item in value) + "]"
    if isinstance(value, np.generic):  # a NumPy scalar: settings often come from a parameter grid
        value = value.item()
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise JsonError(f"{value} does not fit 64 bits")
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise JsonError(f"{value} is not a JSON number; only finite numbers are")
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else text + ".0"
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise JsonError(f"{value!r} of type {type(value).__name__} cannot be written as JSON")
    if re.search("[\x00-\x1f\x7f\ud800-\udfff]", value):
        raise JsonError(
            f"{value!r} holds a control character or half of a surrogate pair; keep such text in a section"
        )
    return _quoted(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
