# SPDX-License-Identifier: Apache-2.0
"""A second judge that shares no arithmetic with the first: exact integers, no rounding at all.

Every float is an integer times a power of two, so over a common power each distance is an exact integer (for
cosine: a quotient with 300 correct bits). An answer may differ from the exact order only where two distances
are closer than the rounding of the documented sum can tell apart:

- A sum of d terms passes at most g = ceil(d / 8) + 2 roundings per term in the lanes and the tree.
- sqeuclidean: a term is rounded twice more, once before squaring, so the value is within a factor
  (1 + u)^(g + 3) of the exact one, u = 2^-53, plus d * 2^-1074 where products underflow.
- inner_product: within ((1 + u)^(g + 1) - 1) * sum |q_j x_j|, plus d * 2^-1074.
- cosine: the same relative to |q| |x|, three times over (dot and both norms), plus 8 u at the end.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np

UNIT = Fraction(1, 2**53)
TINY = Fraction(1, 2**1074)
_BITS = 300


def violations(queries, rows, distances, ids, metric):
    """What is wrong with the answer (distances, ids), as sentences; an empty list when nothing is."""
    order_metric = "sqeuclidean" if metric == "euclidean" else metric
    found = []
    for line, query in enumerate(np.asarray(queries, dtype=np.float64)):
        exact, slack = exact_distances(query, rows, order_metric)
        answer = [int(place) for place in ids[line]]
        if len(set(answer)) != len(answer):
            found.append(f"query {line}: an id comes twice")
        for place, distance in zip(answer, distances[line], strict=True):
            given = Fraction(float(distance))
            given, allowed = (given**2, 4 * UNIT * exact[place]) if metric == "euclidean" else (given, 0)
            if abs(given - exact[place]) > slack[place] + allowed:
                found.append(f"query {line}, row {place}: {float(distance)!r} is not {float(exact[place])!r}")
        for nearer, farther in itertools.pairwise(answer):
            if exact[nearer] - slack[nearer] > exact[farther] + slack[farther]:
                found.append(f"query {line}: row {nearer} comes before the nearer row {farther}")
        worst = max(exact[place] - slack[place] for place in answer)
        missed = [j for j in set(range(len(exact))) - set(answer) if exact[j] + slack[j] < worst]
        found.extend(f"query {line}: row {j} is missing" for j in missed)
    return found


def exact_distances(query, rows, metric):
    """Exact distances of one query to every row, and how far a right answer may be from each: two lists."""
    rows = np.asarray(rows, dtype=np.float64)
    n_columns = rows.shape[1]
    roundings = -(-n_columns // 8) + 2
    shift, (query_integers, *row_integers) = _integers([query, *rows])
    unit = Fraction(1, 4**shift) if shift >= 0 else Fraction(4**-shift)  # of a product of two values
    if metric == "sqeuclidean":
        sums = [sum((q - x) ** 2 for q, x in zip(query_integers, row, strict=True)) for row in row_integers]
        exact = [unit * total for total in sums]
        factor = (1 + UNIT) ** (roundings + 3) - 1
        return exact, [factor * value + n_columns * TINY for value in exact]
    dots = [sum(q * x for q, x in zip(query_integers, row, strict=True)) for row in row_integers]
    factor = (1 + UNIT) ** (roundings + 1) - 1
    if metric == "inner_product":
        sizes = [sum(abs(q * x) for q, x in zip(query_integers, row, strict=True)) for row in row_integers]
        return [-unit * dot for dot in dots], [factor * unit * size + n_columns * TINY for size in sizes]
    assert metric == "cosine"
    own = sum(q * q for q in query_integers)
    squares = [own * sum(x * x for x in row) for row in row_integers]
    exact = [1 - _over_root(dot, square) for dot, square in zip(dots, squares, strict=True)]
    return exact, [3 * factor + 8 * UNIT] * len(exact)


def _integers(vectors):
    """A shift and, for each vector, integers equal to its values times 2 ** shift."""
    ratios = [[float(value).as_integer_ratio() for value in vector] for vector in vectors]
    shift = max(denominator.bit_length() - 1 for vector in ratios for _, denominator in vector)
    scaled = [[top * (2**shift // bottom) for top, bottom in vector] for vector in ratios]
    return shift, scaled


def _over_root(dot, square):
    """dot / sqrt(square), to 300 bits; 0 where a vector is all zeros (its distance is 1)."""
    if square == 0:
        return Fraction(0)
    root = math.isqrt(square << (2 * _BITS))
    return Fraction(dot << _BITS, root)
