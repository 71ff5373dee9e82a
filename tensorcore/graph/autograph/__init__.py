"""Python's control flow on traced values: rewritten from the source of a function.

`if`, `while`, `for`, `and`, `or`, `not`, ternaries, `break`, `continue` and early `return` become
calls of `operators.py`.  These decide when they run: a condition that is a number or a bool of
Python stays Python; one that is a traced tensor becomes a node of the graph.

    source.py     a function's source as a tree, and a tree as a function again
    jumps.py      first pass: every break, continue and return stands at the end of its block
    analysis.py   which names a block assigns to, and which are read afterwards
    rewriting.py  second pass: statements become calls of operators
    operators.py  what these do when they run
    convert.py    which functions are converted, and the ones that were
"""

from tensorcore.graph.autograph.convert import converted

__all__ = ["converted"]
