# SPDX-License-Identifier: Apache-2.0
"""``sign`` and ``fjlt``: random projections, made again from type, seed, input_dim and target_dim."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _native
from .base import FloatRows, Reducer

__all__ = ["FjltReducer", "RandomReducer", "SignReducer"]


class RandomReducer(Reducer):
    """A projection whose numbers the core generates when rows first come."""

    _core: ClassVar[type[_native.SignProjection] | type[_native.HadamardProjection]]

    def __init__(self, seed: int, input_dim: int, target_dim: int) -> None:
        super().__init__(seed, input_dim, target_dim)
        self._made: _native.SignProjection | _native.HadamardProjection | None = None

    def _projection(self) -> _native.SignProjection | _native.HadamardProjection:
        # Not before: a description read from a file may name any size; rows that have it are proof.
        if self._made is None:
            self._made = self._core(self.seed, self.input_dim, self.target_dim)
        return self._made

    def _apply(self, rows: FloatRows, n_threads: int) -> FloatRows:
        return self._projection().transform(rows, n_threads)

    @property
    def memory_bytes(self) -> int:
        """Bytes held; 0 before the first rows."""
        return 0 if self._made is None else self._made.memory_bytes

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": None}


class SignReducer(RandomReducer):
    """Random signs (Achlioptas 2003)."""

    kind = "sign"
    _core = _native.SignProjection


class FjltReducer(RandomReducer):
    """The fast Johnson-Lindenstrauss transform (Ailon and Chazelle 2009; sampling as in Tropp 2011)."""

    kind = "fjlt"
    _core = _native.HadamardProjection
