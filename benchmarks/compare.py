"""tensorcore beside its peers, measured side by side in one run.

    python benchmarks/compare.py
    python benchmarks/compare.py --jax PYTHON --torch PYTHON --tensorflow PYTHON
    python benchmarks/compare.py --only W1,W3 --quick

Every competitor lives in a process of its own; they are asked for one round after the other, so
that what else happens on the machine meets all alike.  Who is not asked is stopped, since threads
of some look for work for a while, and would take CPUs from the next.  The figures are medians of
rounds; the ratio is that of ours (`model.fit`, its epoch time for each step) to the best peer.
Peers run in the Python that is named for them; those that are not named or cannot be imported are
left out.  On a GPU a round ends when the device is done: it is long enough for the host's clock,
which all peers have.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import targets
import workloads
from measure import RESULTS, machine, save

HERE = Path(__file__).parent
TOO_LONG_S = 15  # whose warm round takes longer is not asked for more


class Competitor(NamedTuple):
    """One row of the table: what is asked of which process."""

    name: str
    python: str
    module: str
    asked: str
    backend: str = ""


class Worker:
    """A process with competitors in it, see `peers/worker.py`."""

    def __init__(self, competitor: Competitor, log: Path) -> None:
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if competitor.backend:
            env["KERAS_BACKEND"] = competitor.backend
        command = [competitor.python, str(HERE / "peers" / "worker.py"), competitor.module]
        self._log = log.open("a")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=env,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request; between requests the process is stopped, where that can be."""
        process: Any = self._process
        self._send("SIGCONT")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        self._send("SIGSTOP")
        return json.loads(line) if line else {"error": "the process ended; see the log"}

    def close(self) -> None:
        """End the process."""
        process: Any = self._process
        self._send("SIGCONT")
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._log.close()

    def _send(self, name: str) -> None:
        if hasattr(signal, name):  # not on Windows
            self._process.send_signal(getattr(signal, name))


def competitors(arguments: argparse.Namespace) -> list[Competitor]:
    """All that were asked for, ours first."""
    mine = sys.executable
    found = [
        Competitor("tensorcore fit", mine, "ours", "tensorcore fit"),
        Competitor("tensorcore tape loop", mine, "ours", "tensorcore tape loop"),
        Competitor("tensorcore model(x)", mine, "ours", "tensorcore model(x)"),
    ]
    if arguments.jax:
        found += [
            Competitor("JAX jit loop", arguments.jax, "jax_loop", "jit loop"),
            Competitor("JAX scan", arguments.jax, "jax_loop", "scan"),
            Competitor("Keras on JAX fit", arguments.jax, "keras_fit", "fit", "jax"),
            Competitor("Keras on JAX model(x)", arguments.jax, "keras_fit", "model(x)", "jax"),
        ]
    if arguments.torch:
        found += [
            Competitor("torch eager", arguments.torch, "torch_loop", "eager"),
            Competitor("torch compile", arguments.torch, "torch_loop", "compile"),
        ]
        if arguments.device == "gpu":
            found.append(
                Competitor("torch CUDA graph", arguments.torch, "torch_loop", "CUDA graph")
            )
    if arguments.tensorflow:
        found += [
            Competitor("Keras on TF fit", arguments.tensorflow, "keras_fit", "fit", "tensorflow"),
            Competitor(
                "Keras on TF model(x)", arguments.tensorflow, "keras_fit", "model(x)", "tensorflow"
            ),
            Competitor("TF function", arguments.tensorflow, "tensorflow_loop", "tf.function"),
        ]
    return found


def measured(
    workload: str, folder: Path, rivals: list[Competitor], rounds: int, device: str, log: Path
) -> Iterator[dict[str, Any]]:
    """A row for each competitor that has a program for the workload."""
    workers: dict[str, Worker] = {}
    times: dict[str, list[float]] = {}
    try:
        for rival in rivals:
            worker = Worker(rival, log)
            request = {"competitor": rival.asked, "workload": workload, "device": device}
            answer = worker.ask(do="setup", data=str(folder), **request)
            if "ready" in answer:
                times[rival.name] = [answer["seconds"] / answer["steps"] * 1e6]
                if answer["seconds"] < TOO_LONG_S:
                    workers[rival.name] = worker
                    times[rival.name].clear()
                    continue
            worker.close()
            if "error" in answer:
                yield {"workload": workload, "competitor": rival.name, "error": answer["error"]}
        load = []
        for _ in range(rounds):
            load.append(round(os.getloadavg()[0], 2))
            for name, worker in workers.items():
                answer = worker.ask(do="round")
                if "seconds" in answer:
                    times[name].append(answer["seconds"] / answer["steps"] * 1e6)
        for name, found in times.items():
            if found:
                yield {
                    "workload": workload,
                    "competitor": name,
                    "median_us": statistics.median(found),
                    "min_us": min(found),
                    "max_us": max(found),
                    "rounds_us": found,
                    "load": load,
                }
    finally:
        for worker in workers.values():
            worker.close()


def versions(rivals: list[Competitor], log: Path) -> tuple[list[Competitor], dict[str, str]]:
    """The competitors that can be imported, and what was imported."""
    found: dict[str, str] = {}
    there: dict[tuple[str, str, str], bool] = {}
    for rival in rivals:
        key = (rival.python, rival.module, rival.backend)
        if key not in there:
            worker = Worker(rival, log)
            answer = worker.ask(do="versions")
            worker.close()
            there[key] = "versions" in answer
            found.update(answer.get("versions", {}))
    for rival in rivals:
        if not there[rival.python, rival.module, rival.backend]:
            print(f"left out: {rival.name}: {rival.python} cannot run it", flush=True)
    return [r for r in rivals if there[r.python, r.module, r.backend]], found


# Starting ----------------------------------------------------------------------------------------


STARTS = {
    "import": "import",
    "first": "first step, warm cache",
    "memory": "memory",
    "private": "memory, private",
}


def _start(python: str, *arguments: str, **more_env: str) -> float:
    command = [python, str(HERE / "peers" / "start.py"), *arguments]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    result = subprocess.run(command, capture_output=True, text=True, env={**env, **more_env})
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr}")
    return float(json.loads(result.stdout.splitlines()[-1]))


def starts(arguments: argparse.Namespace, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Import time, first step of `fit`, memory: of ours, and of peers that have Keras' names."""
    files = (str(folder / "x.npy"), str(folder / "y.npy"))
    ours = [("tensorcore", sys.executable, "tensorcore.keras", {"TENSORCORE_DEVICE": "cpu"})]
    peers = [
        ("Keras on JAX", arguments.jax, "keras", {"KERAS_BACKEND": "jax"}),
        ("Keras on TF", arguments.tensorflow, "keras", {"KERAS_BACKEND": "tensorflow"}),
    ]
    rows = []

    def note(workload: str, name: str, values: list[float], unit: str) -> None:
        row = {
            "workload": workload,
            "competitor": name,
            f"median_{unit}": statistics.median(values),
        }
        rows.append({**row, f"min_{unit}": min(values), f"max_{unit}": max(values)})

    for name, python, module, env in [*ours, *[peer for peer in peers if peer[1]]]:
        for what, label in STARTS.items():
            given = () if what == "import" else files
            _start(python, what, module, *given, **env)  # files are read and compiled
            values = [_start(python, what, module, *given, **env) for _ in range(rounds)]
            note(label, name, values, "s" if what in ("import", "first") else "bytes")
    values = []
    for _ in range(min(rounds, 3)):
        with tempfile.TemporaryDirectory() as cache:
            env = {**ours[0][3], "TENSORCORE_CACHE_DIR": cache}
            values.append(_start(sys.executable, "first", "tensorcore.keras", *files, **env))
    note("first step, empty cache", "tensorcore", values, "s")
    return rows


# The program -------------------------------------------------------------------------------------


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for peer in ("jax", "torch", "tensorflow"):
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"the Python that has {peer}")
    parser.add_argument("--only", metavar="W1,W3", help=f"of {', '.join(workloads.GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and steps")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--rounds", type=int, help="rounds of each competitor")
    parser.add_argument("--no-json", action="store_true", help="write no result file")
    arguments = parser.parse_args(words)
    arguments.only = (arguments.only or ",".join(workloads.GROUPS)).split(",")
    unknown = set(arguments.only) - set(workloads.GROUPS)
    if unknown:
        parser.error(f"unknown workload {sorted(unknown)}; there are {', '.join(workloads.GROUPS)}")
    for peer in ("jax", "torch", "tensorflow"):
        python = getattr(arguments, peer)
        if python is not None and not Path(python).exists():
            parser.error(f"--{peer}: there is no {python}")
    return arguments


def main(words: list[str] | None = None) -> int:
    """Measure, print the table, write the file."""
    arguments = parsed(words)
    if arguments.device == "gpu":
        problem = workloads.gpu_problem()
        if problem is not None:
            print(f"compare: {problem}", file=sys.stderr)
            return 2
    rounds = arguments.rounds or (3 if arguments.quick else 7)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        rivals, found = versions(competitors(arguments), log)
        for workload in workloads.named(arguments.only):
            data = workloads.prepare(workload, Path(folder), arguments.quick)
            rows += measured(workload, data, rivals, rounds, arguments.device, log)
            _print_rows([row for row in rows if row["workload"] == workload])
        if "start" in arguments.only:
            data = workloads.prepare("W1 b32", Path(folder), quick=False)
            found_at_start = starts(arguments, data, 3 if arguments.quick else 5)
            rows += found_at_start
            print("\n".join(map(_start_line, found_at_start)))
        problems = [row for row in rows if "error" in row]
        if problems:
            print(log.read_text()[-4000:], file=sys.stderr)
    table = targets.table(rows)
    print("\n" + targets.as_text(table))
    if not arguments.no_json:
        print("written:", _keep(rows, arguments, found))
    return 0


def _keep(rows: list[dict[str, Any]], arguments: argparse.Namespace, found: dict[str, str]) -> Path:
    """Write the result file; workloads that were not measured now keep what is known of them."""
    name = f"compare-{arguments.device}"
    stamp = {key: value for key, value in machine().items() if key in ("date", "commit")}
    stamp["quick"] = arguments.quick
    kept: list[dict[str, Any]] = []
    known: dict[str, str] = {}
    path = RESULTS / f"{name}.json"
    if path.exists():
        before = json.loads(path.read_text())
        measured_now = {row["workload"] for row in rows}
        kept = [row for row in before["rows"] if row["workload"] not in measured_now]
        known = before["versions"]
    rows = kept + [{**row, **stamp} for row in rows]
    table = targets.table(rows)
    return save(name, rows, device=arguments.device, versions={**known, **found}, table=table)


def _start_line(row: dict[str, Any]) -> str:
    figure, low, high = (value for value in row.values() if isinstance(value, (int, float)))
    is_bytes = "median_bytes" in row
    values = [v / 2**20 if is_bytes else v for v in (figure, low, high)]
    unit = "MiB" if is_bytes else "s"
    return f"{row['workload']:24} {row['competitor']:14} " + "{:8.2f} {} ({:.2f} to {:.2f})".format(
        values[0], unit, *values[1:]
    )


def _print_rows(rows: list[dict[str, Any]]) -> None:
    for row in sorted(rows, key=lambda row: row.get("median_us", float("inf"))):
        if "error" in row:
            print(f"{row['workload']:10} {row['competitor']:22} {row['error']}")
            continue
        print(
            f"{row['workload']:10} {row['competitor']:22} {row['median_us']:12.1f} us   "
            f"({row['min_us']:.1f} to {row['max_us']:.1f}; load {max(row['load'])})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
