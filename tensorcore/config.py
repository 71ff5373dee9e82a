"""`tc.config`: settings of this process."""

from __future__ import annotations

from tensorcore.errors import InvalidArgumentError
from tensorcore.kernels.cpu import threads


class Config:
    """What can be set for the whole process.

    >>> import tensorcore as tc
    >>> tc.config.threads = 1
    >>> tc.config.threads
    1
    >>> tc.config.threads = None
    """

    @property
    def threads(self) -> int:
        """Threads that CPU kernels may use.

        Without a choice TENSORCORE_NUM_THREADS says it, else the CPUs that this process may run on
        and the quota of its control groups.  Assign None to go back to that.
        """
        return threads.usable()

    @threads.setter
    def threads(self, count: int | None) -> None:
        is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 1
        if count is not None and not is_count:
            raise InvalidArgumentError(
                f"config.threads must be a whole number from 1 on, or None, received {count!r}"
            )
        threads.choose(count)

    @property
    def is_deterministic(self) -> bool:
        """Whether results have the same bits whatever the number of threads."""
        return threads.deterministic()

    def deterministic(self, value: bool = True) -> None:
        """Give results the same bits for every number of threads.

        Without it one and several threads agree within rounding.  What it costs: matrix products
        take one thread.  The same program on the same machine with the same number of threads
        gives the same bits anyway.
        """
        if not isinstance(value, bool):
            raise InvalidArgumentError(
                f"config.deterministic takes True or False, received {value!r}"
            )
        threads.set_deterministic(value)

    def __repr__(self) -> str:
        return f"<config threads={self.threads} deterministic={self.is_deterministic}>"


config = Config()
