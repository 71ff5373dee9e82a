"""The one progress display of the project: a bar on a terminal, one plain line anywhere else.

Nothing long runs silently: training, downloads and benchmarks all show their progress through
`Progress`. On a terminal it is a bar drawn by rich on stderr, at most ten times a second.  In a
log file, a pipe or on a dumb terminal it is one line per finished bar, without control codes.  A
step that draws nothing costs a comparison of times, so that the display can stay in the innermost
training loop.

    with Progress(1875, "Epoch 1/5") as bar:
        for batch in batches:
            loss = train(batch)
            bar.advance(metrics=lambda: {"loss": float(loss)})
"""

from __future__ import annotations

import numbers
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Metrics = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None

DRAW_EVERY_S = 0.1
NEVER = float("inf")
MIN_BAR = 6
MAX_BAR = 24

# Two live bars on one terminal would overwrite each other, so the second one writes plain lines.
_live_bar: Progress | None = None


def format_seconds(seconds: float) -> str:
    """A duration for people: `2.1s`, `1m05s`, `3h20m`.

    Args:
        seconds: the duration in seconds.

    Returns:
        Text of two to six characters or so.

    Example:
        >>> format_seconds(65.2)
        '1m05s'
    """
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes = round(seconds / 60) if seconds >= 3599.5 else int((seconds + 0.5) // 60)
    if minutes < 60:
        return f"{minutes}m{int(seconds + 0.5) % 60:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def format_metrics(metrics: Mapping[str, Any], separator: str = "  ") -> str:
    """Metrics as text, four decimals each: `accuracy: 0.8241  loss: 0.4972`.

    Args:
        metrics: names and values; a value that is not a number is shown as it is.
        separator: what stands between two metrics.

    Returns:
        One line of text, empty if there are no metrics.

    Example:
        >>> format_metrics({"loss": 0.49721, "lr": 1e-4}, " - ")
        'loss: 0.4972 - lr: 1.0000e-04'
    """
    return separator.join(f"{name}: {_value_text(value)}" for name, value in metrics.items())


def plain_line(
    description: str,
    done: int,
    total: int | None,
    elapsed_s: float,
    metrics: Metrics = None,
    unit: str = "step",
    step_s: float | None = None,
) -> str:
    """The line that stands for a finished bar where no bar can be drawn.

    Args:
        description: what was done, such as `Epoch 1/5`; may be empty.
        done: how many units are done.
        total: how many units there were to do, or None if that was not known.
        elapsed_s: seconds since the start.
        metrics: names and values, or a callable that returns them.
        unit: what is counted; `"B"` counts bytes and shows MB and MB/s.
        step_s: seconds a unit; computed from `elapsed_s` and `done` if it is not given.

    Returns:
        One line without a line end and without control codes.

    Example:
        >>> plain_line("Epoch 1/5", 1875, 1875, 2.1, {"loss": 0.4972})
        'Epoch 1/5  1875/1875  2.1s  1ms/step  loss: 0.4972'
    """
    if step_s is None:
        step_s = elapsed_s / done if done else None
    values = metrics() if callable(metrics) else metrics
    parts = [
        description,
        _count_text(done, total, unit).strip(),
        format_seconds(elapsed_s),
        _rate_text(step_s, unit),
        format_metrics(values or {}),
    ]
    return "  ".join(part for part in parts if part)


def is_live_terminal(stream: Any) -> bool:
    """Whether a bar can be redrawn in place on this stream.

    Args:
        stream: a text stream such as `sys.stderr`, or None.

    Returns:
        True for a terminal that understands cursor movements; False for files, pipes and
        `TERM=dumb`.
    """
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # no stream at all (pythonw), or a closed one
        return False


class Progress:
    """A progress display for a known or unknown number of steps.

    Use it as a context manager, so that an error or Ctrl-C leaves the terminal clean:

        with Progress(len(batches), "Epoch 1/5") as bar:
            for batch in batches:
                bar.advance(loss=0.35)
            bar.finish({"loss": 0.34, "val_loss": 0.41})

    Metrics may be a mapping or a callable that returns one.  The callable is called only when
    something is drawn, which keeps a training step free of device synchronisation.
    """

    def __init__(
        self,
        total: int | None,
        description: str = "",
        stream: Any = None,
        unit: str = "step",
        live: bool | None = None,
    ):
        """Prepares the display; nothing is drawn before `with` or the first `advance`.

        Args:
            total: how many units there are to do, or None if that is not known.
            description: what is being done, such as `Epoch 1/5`.
            stream: where to write; `sys.stderr` if not given.
            unit: what is counted; `"B"` counts bytes and shows MB and MB/s.
            live: True draws a bar, False writes the plain line, None looks at the stream.
        """
        self.total = total
        self.description = description
        self.unit = unit
        self.done = 0
        self._stream = sys.stderr if stream is None else stream
        self._live = is_live_terminal(self._stream) if live is None else live
        self._metrics: Metrics = None
        self._shown: Mapping[str, Any] | None = None
        self._display: Any = None
        self._finished = False
        self._start = time.perf_counter()
        self._first: tuple[int, float] | None = None
        self._next_draw = 0.0

    def __enter__(self) -> Progress:
        """Starts the clock and shows the empty bar."""
        self._start = time.perf_counter()
        try:
            self._draw(self._start)
        except BaseException:
            # After an error here, such as an early Ctrl-C, `with` does not call __exit__.
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        """Finishes the display; after an error it says where it stopped."""
        self.stop("" if kind is None else "stopped")

    def advance(self, n: int = 1, metrics: Metrics = None, **named: Any) -> None:
        """Counts `n` more units as done.

        Args:
            n: how many units were done since the last call.
            metrics: names and values to show, or a callable that returns them, called only when
                drawn.
            **named: metrics given by name, such as `loss=0.35`; used if `metrics` is not given.
        """
        self.done += n
        if metrics is not None:
            self._metrics = metrics
        elif named:
            self._metrics = named
        if time.perf_counter() >= self._next_draw:
            self._draw(time.perf_counter())

    def update(self, done: int, metrics: Metrics = None) -> None:
        """Sets how many units are done.

        Args:
            done: units done since the start.
            metrics: names and values to show, or a callable that returns them, called only when
                drawn.
        """
        self.advance(done - self.done, metrics)

    def finish(self, metrics: Metrics = None) -> None:
        """Shows the final state once and ends the display; later calls do nothing.

        Args:
            metrics: the final metrics, or a callable that returns them; the last ones if not given.
        """
        if metrics is not None:
            self._metrics = metrics
        self.stop("")

    def stop(self, note: str = "stopped") -> None:
        """Ends the display where it is and gives the terminal back; later calls do nothing.

        Args:
            note: a word that says why, shown with the last state.
        """
        global _live_bar
        if self._finished:
            return
        self._finished = True
        self._next_draw = NEVER
        now = time.perf_counter()
        try:
            # After an error a callable may fail for the same reason: what was drawn last is kept.
            stale = note and callable(self._metrics)
            self._metrics = self._shown if stale else _read(self._metrics)
            if self._display is not None:
                self._display.update(self._render(now, note))
        finally:
            if _live_bar is self:
                _live_bar = None
            if self._display is not None:
                self._display.stop()
        if self._display is None:
            self._write_plain(now, note)

    def _step_s(self, now: float) -> float | None:
        """Seconds a unit, without the first call's units, which often include compilation."""
        if self._first is not None and self.done > self._first[0]:
            return (now - self._first[1]) / (self.done - self._first[0])
        return (now - self._start) / self.done if self.done else None

    def _draw(self, now: float) -> None:
        """Draws the bar if this is a terminal, and decides when to draw again."""
        if self._first is None and self.done:
            self._first = (self.done, now)
        if self._live and self._display is None:
            self._start_live()
        if self._live:
            self._display.update(self._render(now), refresh=True)
        if self._first is None:
            # The end of the first step must be seen: step times count from it.
            self._next_draw = 0.0
        elif self._live:
            # Counted from the end of drawing, so that a slow terminal does not eat the time.
            self._next_draw = time.perf_counter() + DRAW_EVERY_S
        else:
            self._next_draw = NEVER

    def _start_live(self) -> None:
        global _live_bar
        self._live = _live_bar is None
        if self._live:
            _live_bar = self
            self._display = _start_display(self._stream)

    def _write_plain(self, now: float, note: str) -> None:
        line = plain_line(
            self.description,
            self.done,
            self.total,
            now - self._start,
            self._metrics,
            self.unit,
            self._step_s(now),
        )
        try:
            self._stream.write(f"{line}  ({note})\n" if note else f"{line}\n")
            self._stream.flush()
        except (AttributeError, ValueError):
            # There is no stream or it is closed; a display must not end the work it shows.
            pass

    def _render(self, now: float, note: str = "") -> Any:
        """The bar as rich text, fitted to the width of the terminal."""
        from rich.cells import cell_len
        from rich.text import Text

        console = self._display.console
        step_s = self._step_s(now)
        self._shown = _read(self._metrics)
        count = _count_text(self.done, self.total, self.unit)
        if self._finished or self.total is None:
            clock = note or format_seconds(now - self._start)
        elif step_s is None:
            clock = ""
        else:
            left_s = max(self.total - self.done, 0) * step_s
            # Tenths of a guess would only flicker.
            clock = f"ETA {left_s:.0f}s" if left_s < 59.5 else f"ETA {format_seconds(left_s)}"
        rate = _rate_text(step_s, self.unit)
        metrics = format_metrics(self._shown or {}, " - ")

        # From the best form to the narrowest: without the rate, then with the metrics below.
        room = console.width - 1
        least = 0 if self.total is None else MIN_BAR
        forms = (
            ([count, clock, rate, metrics], ""),
            ([count, clock, metrics], ""),
            ([count, clock, rate], metrics),
        )
        for pieces, below in forms:  # noqa: B007
            parts = [piece for piece in pieces if piece]
            bar_width = room - cell_len(" ".join([self.description, "", *parts]).strip())
            if bar_width >= least:
                break
        text = Text(no_wrap=not below, overflow="ellipsis")
        if self.description:
            text.append(self.description + " ", "bold")
        if self.total is not None and bar_width > 0:
            full, rest = _bar_texts(self, min(bar_width, MAX_BAR), console.encoding)
            text.append(full, "red" if note else "green" if self._finished else "cyan")
            text.append(rest + " ", "dim")
        text.append(" ".join(parts[:1]), "bold")
        text.append(" " + " ".join(parts[1:]))
        if below:
            text.append("\n  " + below)
        return text


def _start_display(stream: Any) -> Any:
    """A rich live display that is redrawn only when we say so, hence without a thread."""
    from rich.console import Console
    from rich.live import Live

    # The stream was found to be a terminal, and rich must not guess again.  NO_COLOR is rich's to
    # obey.
    console = Console(file=stream, force_terminal=True, force_jupyter=False, highlight=False)
    display = Live(
        console=console,
        auto_refresh=False,
        # What the program prints meanwhile goes above the bar, unless it goes to a file.
        redirect_stdout=is_live_terminal(sys.stdout),
        redirect_stderr=is_live_terminal(sys.stderr),
    )
    display.start()
    return display


def _read(metrics: Metrics) -> Mapping[str, Any] | None:
    return metrics() if callable(metrics) else metrics


def _value_text(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if isinstance(value, numbers.Integral):
        return str(value)
    if number != 0 and abs(number) < 1e-3:
        return f"{number:.4e}"
    return f"{number:.4f}"


def _count_text(done: int, total: int | None, unit: str) -> str:
    if unit == "B":
        if total is None:
            return f"{done / 1e6:.1f} MB"
        return f"{done / 1e6:.1f}/{total / 1e6:.1f} MB"
    if total is None:
        plural = "" if done == 1 else "es" if unit.endswith(("ch", "s", "x")) else "s"
        return f"{done} {unit}{plural}"
    return f"{done:>{len(str(total))}}/{total}"


def _rate_text(step_s: float | None, unit: str) -> str:
    if not step_s:
        return ""
    if unit == "B":
        return f"{1e-6 / step_s:.1f} MB/s"
    if step_s >= 1:
        return f"{step_s:.1f}s/{unit}"
    if step_s >= 0.9995e-3:
        return f"{step_s * 1e3:.0f}ms/{unit}"
    return f"{step_s * 1e6:.0f}us/{unit}"


def _bar_texts(bar: Progress, width: int, encoding: str) -> tuple[str, str]:
    """The filled and the empty part, told apart by shape as well as by colour."""
    share = min(bar.done / bar.total, 1.0) if bar.total else 1.0
    filled = int(share * width)
    full, rest = ("━", "─") if encoding.startswith("utf") else ("#", "-")
    return full * filled, rest * (width - filled)
