"""`tc.config`: settings of this process."""

from __future__ import annotations

from collections.abc import Iterable

from tensorcore.errors import InvalidArgumentError
from tensorcore.kernels import precision as chosen_precision
from tensorcore.kernels.cpu import threads


class Config:
    """What can be set for the whole process.

    >>> import tensorcore as tc
    >>> tc.config.threads = 1
    >>> tc.config.threads
    1
    >>> tc.config.threads = None
    """

    _auto_device = "available"

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
    def passes(self) -> tuple[str, ...]:
        """The passes that change a traced graph before it runs, by name.

        Assign names to run only those, names with a minus ("-fuse") to leave some out, "none", or
        None for what TENSORCORE_PASSES says (all, where it says nothing).  Traces that are there
        already stay as they are.
        """
        from tensorcore.graph import passes

        return passes.enabled()

    @passes.setter
    def passes(self, names: str | Iterable[str] | None) -> None:
        from tensorcore.graph import passes

        passes.choose(names)

    def auto_device(self, how: str = "available") -> None:
        """How the device of a whole model is chosen when `fit` starts.

        Args:
            how: "available" leaves models where they were made: on a GPU if there is one;
                "measured" predicts a training step on each device from its measured rates, says
                what came out, and moves the model to the device that is faster.
        """
        if how not in ("available", "measured"):
            raise InvalidArgumentError(
                f'config.auto_device takes "available" or "measured", received {how!r}'
            )
        self._auto_device = how

    @property
    def chooses_by_rates(self) -> bool:
        """Whether `auto_device("measured")` was said."""
        return self._auto_device == "measured"

    @property
    def is_deterministic(self) -> bool:
        """Whether results have the same bits whatever the number of threads."""
        return threads.deterministic()

    def deterministic(self, value: bool = True) -> None:
        """Give results the same bits for every number of threads, eager and traced.

        Without it they agree within rounding: one and several threads, and results before and after
        kernels are compiled.  What it costs: kernels are compiled where they are first met, and the
        largest matrix products take one thread.  What stays apart by a last digit are functions
        that NumPy has, such as exp, where a traced function computes them in a loop with others.
        """
        if not isinstance(value, bool):
            raise InvalidArgumentError(
                f"config.deterministic takes True or False, received {value!r}"
            )
        threads.set_deterministic(value)

    def __repr__(self) -> str:
        return f"<config threads={self.threads} deterministic={self.is_deterministic}>"


config = Config()


def set_matmul_precision(precision: str) -> None:
    """How exactly float32 matrices are multiplied on a GPU; the CPU always computes in float32.

    Args:
        precision: "float32" (the default) for true float32; "tf32" and "bfloat16" ("bf16" for
            short) let tensor cores round the factors to 10 or 7 bits of mantissa, which is several
            times faster.  What was traced before follows.

    Raises:
        InvalidArgumentError: another name.

    >>> tc.set_matmul_precision("bf16")
    >>> tc.matmul_precision()
    'bfloat16'
    >>> tc.set_matmul_precision("float32")
    """
    precision = "bfloat16" if precision == "bf16" else precision
    if precision not in chosen_precision.PRECISIONS:
        known = ", ".join(f'"{name}"' for name in chosen_precision.PRECISIONS)
        raise InvalidArgumentError(
            f"set_matmul_precision: expected one of {known}, received {precision!r}"
        )
    chosen_precision.set_matmul_precision(precision)


def matmul_precision() -> str:
    """What `set_matmul_precision` chose."""
    return chosen_precision.matmul_precision()
