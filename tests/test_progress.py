"""The progress display: the plain line, the bar on a terminal, and how little is drawn."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

from tensorcore import progress
from tensorcore.progress import Progress, format_metrics, format_seconds, plain_line

SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


class Terminal:
    """A pseudo-terminal: `stream` to write to, `text()` for what was written."""

    def __init__(self):
        pty = pytest.importorskip("pty", reason="pseudo-terminals need a POSIX system")
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._data = b""
        # A thread reads along: a terminal takes only a few kilobytes before the writer must wait.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux reports the closed other end as an error
                data = b""
            if not data:
                return
            self._data += data

    def text(self):
        self.stream.close()
        self._reader.join(timeout=10)
        os.close(self._master)
        return self._data.decode()


class Clock:
    """Takes the place of the time module: time goes on only by `sleep`."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress, "time", types.SimpleNamespace(perf_counter=lambda: self.now))

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def without_codes(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def last_frame(text):
    """What stays on the screen of a bar: what follows the last return to the line's beginning."""
    return without_codes(text).rstrip("\r\n").split("\r")[-1].strip("\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (2.13, "2.1s"), (59.94, "59.9s"), (59.96, "1m00s"), (65.2, "1m05s"),
     (3599, "59m59s"), (3599.6, "1h00m"), (12000, "3h20m")],
)  # fmt: skip
def test_seconds(seconds, text):
    assert format_seconds(seconds) == text


def test_metrics_of_every_kind():
    metrics = {"loss": np.float32(0.49721), "lr": 1e-4, "n": 3, "k": np.int64(4), "name": "x"}
    expected = "loss: 0.4972 - lr: 1.0000e-04 - n: 3 - k: 4 - name: x"
    assert format_metrics(metrics, " - ") == expected


def test_plain_line():
    metrics = {"accuracy": 0.8241, "loss": 0.4972, "val_accuracy": 0.8512, "val_loss": 0.4127}
    assert plain_line("Epoch 1/5", 1875, 1875, 2.1, metrics) == (
        "Epoch 1/5  1875/1875  2.1s  1ms/step  "
        "accuracy: 0.8241  loss: 0.4972  val_accuracy: 0.8512  val_loss: 0.4127"
    )
    assert plain_line("", 1, None, 2, dict, unit="batch") == "1 batch  2.0s  2.0s/batch"
    assert plain_line("Read", 7, None, 2, unit="batch") == "Read  7 batches  2.0s  286ms/batch"
    assert plain_line("x.gz", 5_000_000, 10_000_000, 2, unit="B") == (
        "x.gz  5.0/10.0 MB  2.0s  2.5 MB/s"
    )
    assert plain_line("Nothing", 0, 5, 0.0) == "Nothing  0/5  0.0s"


def test_one_plain_line_off_the_terminal(clock):
    stream = io.StringIO()
    calls = []
    with Progress(10, "Epoch 1/5", stream=stream) as bar:
        clock.sleep(5)  # the first step compiles and does not count for the step time
        for step in range(10):
            clock.sleep(0.002)
            bar.advance(metrics=lambda step=step: calls.append(step) or {"loss": step})
        assert stream.getvalue() == ""
    assert stream.getvalue() == "Epoch 1/5  10/10  5.0s  2ms/step  loss: 9\n"
    assert calls == [9]


def test_finish_shows_its_metrics_and_ends(clock):
    stream = io.StringIO()
    with Progress(2, "Epoch", stream=stream) as bar:
        bar.update(2, {"loss": 0.5})
        bar.finish({"loss": 0.25, "val_loss": 0.75})
        bar.finish({"loss": 1.0})
        bar.advance()
    assert stream.getvalue() == "Epoch  2/2  0.0s  loss: 0.2500  val_loss: 0.7500\n"


def test_an_error_is_named_in_the_plain_line(clock):
    stream = io.StringIO()

    def fails():
        raise RuntimeError("the device is gone")

    with pytest.raises(KeyboardInterrupt), Progress(5, "Epoch", stream=stream) as bar:
        bar.advance(metrics=fails)
        raise KeyboardInterrupt
    assert stream.getvalue() == "Epoch  1/5  0.0s  (stopped)\n"


@pytest.mark.parametrize("stream", [None, "closed"])
def test_no_usable_stream_does_not_end_the_work(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", None)
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    with Progress(1, "Epoch", stream=stream) as bar:
        bar.advance(loss=1.0)


def test_bar_on_a_terminal(terminal, clock):
    with Progress(1875, "Epoch 1/5", stream=terminal.stream) as bar:
        for step in range(1, 1001):
            clock.sleep(0.012)
            bar.advance(accuracy=0.8734, loss=1 / step)
        clock.sleep(0.1)
        bar.advance(0, {"accuracy": 0.8734, "loss": 0.3521})
        shown = bar._render(clock.now).plain
        bar.finish({"accuracy": 0.9, "loss": 0.3, "val_accuracy": 0.8, "val_loss": 0.4})
    text = terminal.text()
    assert re.fullmatch(
        r"Epoch 1/5 ━+─+ 1000/1875 ETA 11s 12ms/step accuracy: 0.8734 - loss: 0.3521", shown
    )
    assert len(shown) <= 79
    lines = [line.rstrip() for line in last_frame(text).replace("\n", "\r").split("\r")]
    assert (
        lines[-1] == "  accuracy: 0.9000 - loss: 0.3000 - val_accuracy: 0.8000 - val_loss: 0.4000"
    )
    assert max(len(line) for line in re.split(r"[\r\n]+", without_codes(text))) <= 79
    assert text.index(HIDE_CURSOR) < text.rindex(SHOW_CURSOR)
    assert "\x1b[36m" in text


def test_a_bar_draws_and_reads_metrics_at_most_ten_times_a_second(terminal, clock):
    calls = []
    with Progress(5000, "Epoch", stream=terminal.stream) as bar:
        for step in range(5000):
            clock.sleep(0.001)
            bar.advance(metrics=lambda step=step: calls.append(step) or {"loss": step})
    terminal.text()
    assert 45 <= len(calls) <= 53
    assert calls[-1] == 4999


def test_no_color(terminal, clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    with Progress(10, "Epoch", stream=terminal.stream) as bar:
        bar.advance(5)
    text = terminal.text()
    styles = re.findall(r"\x1b\[([0-9;]*)m", text)
    assert "━" in text
    assert "─" in text
    assert not any(30 <= int(code) < 50 for style in styles for code in style.split(";") if code)


@pytest.mark.parametrize("columns", ["30", "50", "80"])
def test_unknown_total_and_narrow_terminals(terminal, clock, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    with Progress(None, "Reading", stream=terminal.stream, unit="batch") as bar:
        for _ in range(20):
            clock.sleep(0.2)
            bar.advance(accuracy=0.8734, loss=0.3521)
    with Progress(20, "Reading", stream=terminal.stream) as bar:
        for _ in range(20):
            clock.sleep(0.2)
            bar.advance(accuracy=0.8734, loss=0.3521)
    text = without_codes(terminal.text())
    assert "20 batches" in text
    assert "20/20" in text
    assert max(len(line) for line in re.split(r"[\r\n]+", text)) <= int(columns)


def test_interrupt_gives_the_terminal_back(terminal, clock):
    with (
        pytest.raises(KeyboardInterrupt),
        Progress(10, "Epoch", stream=terminal.stream) as bar,
    ):
        bar.advance(3, lambda: {"loss": 0.5})
        raise KeyboardInterrupt
    assert progress._live_bar is None
    text = terminal.text()
    assert "3/10 stopped" in without_codes(text).split("\r")[-2]
    assert text.rindex(SHOW_CURSOR) > text.rindex("stopped")
    assert text.count(HIDE_CURSOR) == text.count(SHOW_CURSOR) == 1


def test_failing_metrics_give_the_terminal_back(terminal, clock):
    def fails():
        raise RuntimeError("the device is gone")

    with (
        pytest.raises(RuntimeError, match="the device is gone"),
        Progress(10, "Epoch", stream=terminal.stream) as bar,
    ):
        bar.finish(fails)
    assert progress._live_bar is None
    assert SHOW_CURSOR in terminal.text()


def test_a_bar_inside_a_bar_is_a_plain_line(terminal, clock):
    with Progress(2, "Outer", stream=terminal.stream) as outer:
        outer.advance()
        stream = io.StringIO()
        with Progress(1, "Inner", stream=stream, live=True) as inner:
            inner.advance()
        outer.advance()
    assert stream.getvalue() == "Inner  1/1  0.0s\n"
    assert "Outer" in terminal.text()


def test_a_terminal_without_utf8_gets_ascii(monkeypatch, clock):
    monkeypatch.setenv("COLUMNS", "80")
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii")
    with Progress(4, "Epoch", stream=stream, live=True) as bar:
        bar.advance(2)
    text = without_codes(data.getvalue().decode("ascii"))
    assert "############------------" in text


def test_dumb_terminals_get_the_plain_line(terminal, clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with Progress(1, "Epoch", stream=terminal.stream) as bar:
        bar.advance()
    assert terminal.text() == "Epoch  1/1  0.0s\r\n"


def test_rich_is_imported_only_for_a_bar():
    program = (
        "import io, sys\n"
        "from tensorcore.progress import Progress\n"
        "with Progress(1, stream=io.StringIO()) as bar: bar.advance()\n"
        "print('rich' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr
