"""`tf.summary`: values for TensorBoard, written with tensorboardX where that is installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.record import Spec
from tensorcore.session.calls import as_graph_tensor
from tensorcore.session.graph import default_graph
from tensorcore.session.tensors import STRING

SUMMARIES = "summaries"


class Summary:
    """What a session gives for a summary: (kind, tag, values) of each part."""

    def __init__(self, parts: list[tuple[str, str, Any]]) -> None:
        self.parts = parts


def _summary(kind: str, name: str, tensor: Any, collections: Any) -> Any:
    value = as_graph_tensor(tensor)
    graph = value.graph
    tag = graph.unique_name(name, mark_as_used=False)

    def gather(values: Any) -> Summary:
        return Summary([(kind, tag, values.numpy())])

    result = graph.add(
        gather, (value,), name=name, kind=f"{kind.title()}Summary", results=Spec((), STRING)
    )
    graph.add_to_collections([SUMMARIES] if collections is None else collections, result)
    return result


def scalar(name: str, tensor: Any, collections: Any = None, family: Any = None) -> Any:
    """A number to be drawn as a curve."""
    return _summary("scalar", name, tensor, collections)


def histogram(name: str, values: Any, collections: Any = None, family: Any = None) -> Any:
    """Values whose distribution is to be drawn."""
    return _summary("histogram", name, values, collections)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: Any = None
) -> Any:
    """Images (N, H, W, C), of which the first are shown."""
    return _summary("image", name, as_graph_tensor(tensor)[:max_outputs], collections)


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Any:
    """Several summaries as one."""

    def join(*summaries: Summary) -> Summary:
        return Summary([part for summary in summaries for part in summary.parts])

    inputs = list(inputs)
    graph = inputs[0].graph if inputs else default_graph()
    return graph.add(join, inputs, name=name or "Merge/MergeSummary", results=Spec((), STRING))


def merge_all(key: str = SUMMARIES, scope: Any = None, name: str | None = None) -> Any:
    """All summaries of the graph as one; None if there is none."""
    found = default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None


class FileWriter:
    """Writes summaries to a folder that TensorBoard shows."""

    def __init__(self, logdir: str, graph: Any = None, *args: Any, **kwargs: Any) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise InvalidArgumentError(
                "tf.summary.FileWriter needs the package tensorboardX: pip install tensorboardX"
            ) from None
        self._logdir = os.fspath(logdir)
        self._writer = SummaryWriter(self._logdir)

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write what `sess.run(merged)` gave."""
        if not isinstance(summary, Summary):
            raise InvalidArgumentError(
                f"add_summary: expected the result of sess.run(summary), received {summary!r}"
            )
        step = None if global_step is None else int(global_step)
        for kind, tag, values in summary.parts:
            if kind == "scalar":
                self._writer.add_scalar(tag, float(values), step)
            elif kind == "histogram":
                self._writer.add_histogram(tag, np.asarray(values), step)
            else:
                for number, picture in enumerate(values):
                    self._writer.add_image(f"{tag}/{number}", picture, step, dataformats="HWC")

    def add_graph(self, graph: Any, global_step: Any = None) -> None:
        """Accepted for the sake of the program: graphs are not drawn."""

    def add_run_metadata(self, *args: Any, **kwargs: Any) -> None:
        """Accepted for the sake of the program."""

    def flush(self) -> None:
        """Write what is held back."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is held back, and close the file."""
        self._writer.close()

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
