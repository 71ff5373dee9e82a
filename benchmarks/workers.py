"""Processes in which competitors run, see `peers/worker.py`."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# JAX would take most of a GPU's memory at its start, and leave too little for the others.
SHARED_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
DROP_LIMIT_S = 30


class Competitor(NamedTuple):
    """One row of the table: what is asked of which process."""

    name: str
    python: str
    module: str
    asked: str
    backend: str = ""


class Worker:
    """A process with competitors in it.  Between requests it is stopped, where that can be."""

    def __init__(self, competitor: Competitor, log: Path) -> None:
        env = {**SHARED_GPU, **os.environ, "PYTHONUNBUFFERED": "1"}
        if competitor.backend:
            env["KERAS_BACKEND"] = competitor.backend
        command = [competitor.python, str(HERE / "peers" / "worker.py"), competitor.module]
        self.is_alive = True
        self._log = log.open("a")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=env,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def ask(self, within_s: float | None = None, **request: Any) -> dict[str, Any]:
        """The answer to one request; a process that does not give it in time is ended."""
        self.send(**request)
        return self.receive(within_s)

    def send(self, **request: Any) -> None:
        """Ask, and do not wait."""
        process: Any = self._process
        self._signal("SIGCONT")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except OSError:
            self._lines.put("")

    def receive(self, within_s: float | None = None) -> dict[str, Any]:
        """The answer to what was sent."""
        try:
            line = self._lines.get(timeout=within_s)
        except queue.Empty:
            self.kill()
            return {"error": f"no answer within {within_s:.0f} s"}
        self._signal("SIGSTOP")
        if line:
            return json.loads(line)
        self.close()
        return {"error": "the process ended; see the log"}

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """End the process."""
        self.is_alive = False
        process: Any = self._process
        self._signal("SIGCONT")
        with suppress(OSError):  # it ended before it read what was sent
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        process.stdout.close()
        self._log.close()

    def _signal(self, name: str) -> None:
        if hasattr(signal, name):  # not on Windows
            self._process.send_signal(getattr(signal, name))


class Workers:
    """The processes of all competitors.

    Args:
        log: what they print goes there.
        device: on a GPU processes live on from one workload to the next, since it takes them some
            seconds to get ready for it, and they get ready at the same time; CPUs are not shared.
    """

    def __init__(self, log: Path, device: str) -> None:
        self.log = log
        self.is_shared = device == "gpu"
        self._all: dict[Competitor, Worker] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._all.values():
            if worker.is_alive:
                worker.close()

    def ask(
        self, competitors: list[Competitor], request: Any, within_s: float | None = None
    ) -> list[dict[str, Any]]:
        """The answers to `request(competitor)`, in order."""
        until = None if within_s is None else time.monotonic() + within_s
        if self.is_shared:
            for competitor in competitors:
                self._of(competitor).send(**request(competitor))
        answers = []
        for competitor in competitors:
            left = None if until is None else max(until - time.monotonic(), 1.0)
            if not self.is_shared:
                self._of(competitor).send(**request(competitor))
            answers.append(self._of(competitor).receive(left))
        return answers

    def leave(self, *competitors: Competitor, has_failed: bool = False) -> None:
        """They are not needed for now; after a failure a process is not trusted any more."""
        kept = []
        for competitor in competitors:
            worker = self._all.pop(competitor, None)
            if worker is None or not worker.is_alive:
                continue
            if self.is_shared and not has_failed:
                self._all[competitor] = worker
                worker.send(do="drop")
                kept.append(worker)
            else:
                worker.close()
        for worker in kept:
            worker.receive(DROP_LIMIT_S)

    def _of(self, competitor: Competitor) -> Worker:
        worker = self._all.get(competitor)
        if worker is None:
            worker = self._all[competitor] = Worker(competitor, self.log)
        return worker
