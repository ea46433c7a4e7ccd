# SPDX-License-Identifier: Apache-2.0
"""Speed of kneighbors against other libraries; see ``benchmarks/README.md``.

Nothing is imported here: worker processes of other environments load this package too.
"""
