"""The world of graphs and sessions, which `tensorcore.tf.compat.v1` gives TensorFlow 1's names.

A program names operations in a `Graph` (`graph.py`, `tensors.py`, `variables.py`, `scopes.py`); the
shapes of results are found by tracing (`inference.py`); a `Session` (`session.py`) sends what it is
asked for through the ordinary door, and as a plan from the second time on.
"""
