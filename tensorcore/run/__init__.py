"""`tensorcore run program.py`: a program that says `import tensorflow` runs without TensorFlow.

`aliases.py` gives the names of its imports ours, `program.py` tells TensorFlow 1 from 2 by what the
program says, `check.py` lists what is missing, `command.py` runs it as Python would.
"""
