"""`tensorcore benchmark`: how fast each device runs operations, layers and training steps.

Every figure stands beside what the same machine reached in the same run with a large copy and a
large matrix product, which no operation can beat by much.
"""

from tensorcore.benchmark.runner import Row, run

__all__ = ["Row", "run"]
