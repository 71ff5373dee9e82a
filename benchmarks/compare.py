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
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import gpu_page
import starts
import targets
import workloads
from measure import RESULTS, machine, save
from workers import Competitor, Workers

HERE = Path(__file__).parent
TOO_LONG_S = 15  # whose warm round takes longer is not asked for more
GPU_ROUND_S = 0.2  # a round is repeated for so long: the host's clock and the last wait are small
ROUND_LIMIT_S = 120
START_LIMIT_S = 120
LEAST_S = 5  # with less time left a workload is not begun
LOG_CHARACTERS = 6000
# What a part needs of the time of a GPU's run, in seconds of an H200: mostly compilers' time.
SHARES = {
    "kernels": 75.0,
    "W1 b32": 60.0,
    "W1 b128": 25.0,
    "W1 b512": 25.0,
    "W3": 30.0,
    "W2": 30.0,
    "W5": 35.0,
    "W4": 40.0,
    "W9": 50.0,
    "W8": 70.0,
}
RATES = {"gbytes": "GB/s", "tflops": "TFLOP/s"}
REHEARSE = "tiny sizes, and an emulated GPU will do: shows that all runs, the figures mean nothing"


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
    if "W7" not in arguments.only:  # what only calls models has nothing to do
        found = [one for one in found if "model(x)" not in one.name]
    return found


def measured(
    workload: str,
    folder: Path,
    rivals: list[Competitor],
    rounds: int,
    device: str,
    workers: Workers,
    within_s: float | None = None,
) -> Iterator[dict[str, Any]]:
    """A row for each competitor that has a program for the workload; or why it has no figure."""
    round_s = GPU_ROUND_S if device == "gpu" else 0.0
    until = math.inf if within_s is None else time.monotonic() + within_s
    given = {"workload": workload, "data": str(folder), "device": device}
    answers = workers.ask(
        rivals,
        lambda rival: {"do": "setup", "competitor": rival.asked, **given},
        within_s and max(within_s - 2 * rounds * round_s * len(rivals), within_s / 2),
    )
    times: dict[Competitor, list[float]] = {}
    ready = []
    numbers = None  # that are trained
    for rival, answer in zip(rivals, answers, strict=True):
        numbers = numbers or answer.get("parameters")
        if answer.get("parameters", numbers) != numbers:
            why = f"trains {answer['parameters']} numbers, and {rivals[0].name} {numbers}"
            answer = {"error": why}
        if "ready" not in answer:
            workers.leave(rival, has_failed="error" in answer)
            if "error" in answer:
                yield {"workload": workload, "competitor": rival.name, "error": answer["error"]}
        elif answer["seconds"] < TOO_LONG_S:
            times[rival] = []
            ready.append(rival)
        else:
            times[rival] = [answer["seconds"] / answer["steps"] * 1e6]
            workers.leave(rival)
    load = []
    for done in range(rounds):
        if done and time.monotonic() > until:
            break
        load.append(round(os.getloadavg()[0], 2))
        for rival in ready:
            request = {"do": "round", "at_least_s": round_s}
            (answer,) = workers.ask([rival], lambda _, asked=request: asked, ROUND_LIMIT_S)
            if "seconds" in answer:
                times[rival].append(answer["seconds"] / answer["steps"] * 1e6)
    workers.leave(*ready)
    for rival, found in times.items():
        if found:
            yield {
                "workload": workload,
                "competitor": rival.name,
                "median_us": statistics.median(found),
                "min_us": min(found),
                "max_us": max(found),
                "rounds_us": found,
                "load": load,
            }


def versions(rivals: list[Competitor], workers: Workers) -> tuple[list[Competitor], dict[str, str]]:
    """The competitors that can be imported, and what was imported."""
    key = attrgetter("python", "module", "backend")
    asked = rivals
    if not workers.is_shared:  # one of several in the same environment speaks for all
        asked = list({key(rival): rival for rival in reversed(rivals)}.values())
    answers = workers.ask(asked, lambda _: {"do": "versions"}, START_LIMIT_S)
    found: dict[str, str] = {}
    there = set()
    for rival, answer in zip(asked, answers, strict=True):
        if "versions" in answer:
            there.add(key(rival))
            found.update(answer["versions"])
    workers.leave(*asked)
    for rival in rivals:
        if key(rival) not in there:
            print(f"left out: {rival.name}: {rival.python} cannot run it", flush=True)
    return [rival for rival in rivals if key(rival) in there], found


def kernels(rehearse: bool, within_s: float | None, log: Path) -> Iterator[dict[str, Any]]:
    """The rows of `gpu_kernels.py`, in a process of its own, as they come."""
    command = [sys.executable, str(HERE / "gpu_kernels.py"), "--lines"]
    command += ["--rehearse"] if rehearse else []
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        timer = threading.Timer(within_s or 600, process.kill)
        timer.start()
        with process:
            for line in process.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
        timer.cancel()
    if process.returncode:
        why = f"ended with status {process.returncode}; see the log"
        yield {"workload": "kernels", "competitor": "tensorcore", "error": why}


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
    parser.add_argument("--seconds", type=float, help="leave out what does not fit into them")
    parser.add_argument("--rehearse", action="store_true", help=REHEARSE)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result file")
    parser.add_argument("--no-json", action="store_true", help="write no result file")
    arguments = parser.parse_args(words)
    usual = workloads.USUAL[arguments.device]
    arguments.only = (arguments.only or ",".join(usual)).split(",")
    unknown = set(arguments.only) - {*workloads.GROUPS, *workloads.BATCH}
    if unknown:
        parser.error(f"unknown workload {sorted(unknown)}; there are {', '.join(workloads.GROUPS)}")
    if "kernels" in arguments.only and arguments.device != "gpu":
        parser.error("kernels are measured on a GPU: --device gpu")
    if arguments.rehearse and arguments.out == RESULTS:
        arguments.no_json = True
    for peer in ("jax", "torch", "tensorflow"):
        python = getattr(arguments, peer)
        if python is not None and not Path(python).exists():
            parser.error(f"--{peer}: there is no {python}")
    return arguments


def main(words: list[str] | None = None) -> int:
    """Measure, print the table, write the file.

    Returns:
        0; 1 if a line of a GPU's table could not be measured; 2 if there is no GPU.
    """
    arguments = parsed(words)
    if arguments.device == "gpu":
        problem = workloads.gpu_problem(emulated_too=arguments.rehearse)
        if problem is not None:
            print(targets.as_text(targets.table([], "gpu")))
            print(f"compare: {problem}", file=sys.stderr)
            return 2
    run = Run(arguments)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with Workers(log, arguments.device) as workers:
            run.all(Path(folder), workers)
        if any("error" in row for row in run.rows):
            print(log.read_text(errors="replace")[-LOG_CHARACTERS:], file=sys.stderr)
    table = run.table(run.rows)
    print("\n" + targets.as_text(table))
    missing = [line for line in table if line["verdict"] == "not measured"]
    return 1 if missing and not arguments.rehearse else 0


class Run:
    """All that is measured in one call; written down as soon as a workload is done."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.rows: list[dict[str, Any]] = []
        self.versions: dict[str, str] = {}
        self._start = time.monotonic()

    def all(self, folder: Path, workers: Workers) -> None:
        """Measure what was asked for, one after the other."""
        arguments = self.arguments
        rounds = arguments.rounds or (3 if arguments.quick or arguments.rehearse else 7)
        parts = self._parts()
        if "kernels" in parts:  # before other processes take memory of the GPU
            self._note(kernels(arguments.rehearse, self._left("kernels", parts), workers.log))
            self._keep()
        rivals: list[Competitor] = []
        if any(part not in ("kernels", "start") for part in parts):
            rivals, self.versions = versions(competitors(arguments), workers)
        for workload in parts:
            left = self._left(workload, parts)
            if workload in ("kernels", "start"):
                continue
            if left is not None and left < LEAST_S:
                self._note([{"workload": workload, "competitor": "", "error": "no time was left"}])
                continue
            data = workloads.prepare(
                workload, folder, arguments.quick, arguments.device, arguments.rehearse
            )
            left = self._left(workload, parts)
            self._note(measured(workload, data, rivals, rounds, arguments.device, workers, left))
            for file in data.glob("*.npy"):
                file.unlink()
            self._keep()
        if "start" in parts:
            data = workloads.prepare("W1 b32", folder / "again", quick=False)
            self.rows += starts.measured(arguments, data, 3 if arguments.quick else 5)
            self._keep()
        if not arguments.no_json:
            print("written:", self._keep())

    def table(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The table of these rows."""
        table = targets.table(rows, self.arguments.device)
        return targets.rehearsed(table) if self.arguments.rehearse else table

    def _parts(self) -> list[str]:
        """The workloads, kernels and starts, in the order in which they are measured."""
        parts = []
        for group in self.arguments.only:
            parts += workloads.GROUPS.get(group) or (group,)
        return parts

    def _left(self, part: str, parts: list[str]) -> float | None:
        """Seconds until this part has to be done: what others have not used is left to it."""
        if self.arguments.seconds is None:
            return None
        weights = [SHARES.get(one, 1.0) for one in parts]
        share = sum(weights[: parts.index(part) + 1]) / sum(weights)
        return self._start + share * self.arguments.seconds - time.monotonic()

    def _note(self, rows: Iterable[dict[str, Any]]) -> None:
        found = []
        for row in rows:
            found.append(row)
            self.rows.append(row)
            if row["workload"] != found[0]["workload"]:
                _print_rows(found[:-1])
                found = [row]
        _print_rows(found)

    def _keep(self) -> Path | None:
        """Write the result file; what was not measured now keeps what is known of it."""
        arguments = self.arguments
        if arguments.no_json:
            return None
        name = f"compare-{arguments.device}"
        noted = machine(arguments.device)
        stamp = {key: noted[key] for key in ("date", "commit")}
        stamp["quick"] = arguments.quick
        kept: list[dict[str, Any]] = []
        known: dict[str, str] = {}
        path = arguments.out / f"{name}.json"
        if path.exists():
            before = json.loads(path.read_text())
            measured_now = {row["workload"] for row in self.rows}
            if before["machine"]["devices"] == noted["devices"]:
                kept = [row for row in before["rows"] if row["workload"] not in measured_now]
                known = before["versions"]
        rows = kept + [{**row, **stamp} for row in self.rows]
        more = {
            "device": arguments.device,
            "rehearsed": arguments.rehearse,
            "versions": {**known, **self.versions},
            "table": self.table(rows),
        }
        path = save(name, rows, folder=arguments.out, described=noted, **more)
        if arguments.device == "gpu":
            (arguments.out / "gpu.md").write_text(gpu_page.page(json.loads(path.read_text())))
        return path


def _print_rows(rows: list[dict[str, Any]]) -> None:
    for row in sorted(rows, key=lambda row: row.get("median_us", float("inf"))):
        text = f"{row['workload']:30} {row['competitor']:22} "
        if "error" in row:
            print(text + row["error"])
            continue
        notes = [f"{row['min_us']:.1f} to {row['max_us']:.1f}"]
        notes += [f"load {max(row['load'])}"] if row.get("load") else []
        notes += [f"{row[key]:.1f} {unit}" for key, unit in RATES.items() if key in row]
        print(f"{text}{row['median_us']:12.1f} us   ({'; '.join(notes)})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
