"""What a module says when it is asked for a name that it does not have: the nearest names it has.

def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from tensorcore.errors import ArgumentTypeError, MissingNameError


def attribute(
    module: str,
    name: str,
    known: Iterable[str],
    *,
    not_there_yet: Iterable[str] | Mapping[str, str] = (),
    instead: Mapping[str, str] | None = None,
) -> MissingNameError:
    """The error to raise from a module's `__getattr__`.

    Args:
        module: the module's `__name__`.
        name: what was asked for.
        known: the module's public names.
        not_there_yet: names that users may rightly expect and that are still missing; a mapping
            says for each what to do meanwhile.
        instead: names of other libraries -> what the same is called here.

    >>> str(attribute("tensorcore.nn", "sofmax", ["relu", "softmax"]))
    "module 'tensorcore.nn' has no attribute 'sofmax'; did you mean 'softmax'?"
    """
    missing = f"module {module!r} has no attribute {name!r}"
    if name.startswith("__"):  # Python's own questions, asked often: no search
        return MissingNameError(missing, name=name)
    if instead and name in instead:
        return MissingNameError(f"{missing}; here it is {instead[name]}", name=name)
    if name in not_there_yet:
        remedy = not_there_yet[name] if isinstance(not_there_yet, Mapping) else ""
        words = f"{module}.{name} is not there yet" + (f": {remedy}" if remedy else "")
        return MissingNameError(words, name=name)
    near = nearest(name, known)
    if not near:
        return MissingNameError(f"{missing}; dir({module}) lists what there is", name=name)
    return MissingNameError(f"{missing}; did you mean {' or '.join(map(repr, near))}?", name=name)


def known_arguments(function: Any) -> Any:
    """A decorator: an argument that the function does not have is answered with the nearest one.

    >>> @known_arguments
    ... def fit(x, epochs=1):
    ...     return epochs
    >>> fit([], epoch=3)
    Traceback (most recent call last):
        ...
    tensorcore.errors.ArgumentTypeError: fit: unknown argument 'epoch'. Did you mean 'epochs'?
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            step = error.__traceback__
            if step is None or step.tb_next is not None:  # it comes from inside the function
                raise
            is_class = function.__name__ == "__init__"
            name = type(args[0]).__name__ if is_class else function.__name__
            words = unknown_arguments(name, function, kwargs)
            if words is None:
                raise
            raise ArgumentTypeError(words) from None

    return guarded


def unknown_arguments(name: str, function: Any, given: Iterable[str]) -> str | None:
    """The message about arguments that a function does not have; None if it has them all."""
    import inspect  # late: needed only when something is wrong

    known = list(inspect.signature(function).parameters)
    unknown = [argument for argument in given if argument not in known]
    if not unknown:
        return None
    listed = ", ".join(map(repr, unknown))
    words = f"{name}: unknown argument{'s' * (len(unknown) > 1)} {listed}."
    for argument in unknown:
        for near in nearest(argument, known, 1):
            of = f" instead of {argument!r}" if len(unknown) > 1 else ""
            words += f" Did you mean {near!r}{of}?"
    if not words.endswith("?"):
        names = [argument for argument in known if argument != "self"]
        words += f" It takes {', '.join(names)}."
    return words


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` of the known names that look like `name`, the best first.

    >>> nearest("Conv2d", ["Conv1D", "Conv2D", "Dense"])
    ['Conv2D']
    """
    import difflib  # late: needed only when something is wrong

    known = list(known)
    same = [other for other in known if other.lower() == name.lower()]
    return same or difflib.get_close_matches(name, known, count, 0.7)
