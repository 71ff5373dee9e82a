"""Base of what has operators: `tensorcore/ops/methods.py` attaches them, the .pyi lists them."""


class Operators:
    """Nothing by itself; the operations, which need tensors first, add the methods later."""

    __slots__ = ()
