"""What a module says when it is asked for a name that it does not have: the nearest names it has.

def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorcore.errors import MissingNameError


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


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` of the known names that look like `name`, the best first.

    >>> nearest("Conv2d", ["Conv1D", "Conv2D", "Dense"])
    ['Conv2D']
    """
    import difflib  # late: needed only when something is wrong

    known = list(known)
    same = [other for other in known if other.lower() == name.lower()]
    return same or difflib.get_close_matches(name, known, count, 0.7)
