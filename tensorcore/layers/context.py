"""What layers tell the layers inside them: whether this is training, and the path of names."""

from __future__ import annotations

import threading


class CallContext(threading.local):
    """The state of the layer calls of one thread.

    Attributes:
        training: what the outermost explicit `training=` said; None if nobody said anything.
        path: names of the layers being built or called for the first time, the outermost first.
        added_loss: whether any layer ever called `add_loss`, or has weights with a penalty.
        masked: whether any tensor ever got a mask.
        budget: bytes that weights may still take, None without a limit: a model file cannot
            describe a model that is larger than the weights in it.
    """

    training: bool | None = None
    path: tuple[str, ...] = ()
    added_loss: bool = False
    masked: bool = False
    budget: int | None = None


class Changes:
    """How often the configuration of any layer changed: what was traced before may be stale."""

    count = 0


changes = Changes()
context = CallContext()
