# SPDX-License-Identifier: Apache-2.0
"""Comparing our neighbours with scikit-learn's on the same data, ties aside."""

from __future__ import annotations

from typing import Any

import numpy as np


def assert_same_neighbours(ours: Any, theirs: Any, *, rtol: float = 1e-6) -> None:
    """Equal distances everywhere; equal ids wherever a distance differs from those beside it.

    Their last place may be tied with a row that is not shown, so it is compared by distance alone where the
    distances do not tell.
    """
    (our_distances, our_ids), (their_distances, their_ids) = ours, theirs
    assert our_distances.shape == their_distances.shape and our_ids.shape == their_ids.shape
    np.testing.assert_allclose(our_distances, their_distances, rtol=rtol, atol=1e-9)
    scale = np.maximum(np.abs(our_distances), 1.0) * 1e-6
    alone = np.ones(our_distances.shape, dtype=bool)
    if our_distances.shape[1] > 1:
        apart = np.diff(our_distances, axis=1) > scale[:, 1:]
        alone[:, :-1] &= apart
        alone[:, 1:] &= apart
        alone[:, -1] = False
    np.testing.assert_array_equal(our_ids[alone], np.asarray(their_ids)[alone])


def assert_lower_ids_first(distances: Any, ids: Any) -> None:
    """Nearest first; among equal distances the lower id first; no id twice (R29)."""
    steps = np.diff(distances, axis=1)
    assert (steps >= 0).all()
    assert (np.diff(ids, axis=1)[steps == 0] > 0).all()
    ordered = np.sort(ids, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()
