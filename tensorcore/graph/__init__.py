"""Tracing: operations kept as one graph, planned once, and run without Python's overhead.

One graph of operation records serves `tc.function` and the training step of `fit`.
"""

from tensorcore.graph.function import function

__all__ = ["function"]
