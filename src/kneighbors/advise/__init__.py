# SPDX-License-Identifier: Apache-2.0
"""Questions about data and models, answered by measuring.

===============  ==============================================================================
``scorecard``    which index, scaling and reduction serves these rows best, and at what price?
===============  ==============================================================================
"""

from __future__ import annotations

from .scorecard import Scorecard, scorecard

__all__ = ["Scorecard", "scorecard"]
