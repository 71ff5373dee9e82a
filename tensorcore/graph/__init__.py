"""Tracing: operations kept as one graph, planned once, and run without Python's overhead.

One graph of operation records serves `tc.function` and the training step of `fit`.
"""

from tensorcore.graph.branching import cond, switch_case
from tensorcore.graph.function import function
from tensorcore.graph.loops import fori_loop, map_fn, scan, while_loop

__all__ = ["cond", "fori_loop", "function", "map_fn", "scan", "switch_case", "while_loop"]
