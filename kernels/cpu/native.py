"""Pieces of work run one after the other without Python in between, by several threads at once.

Each `Piece` gets an entry (`entries.py`): a C function (words, start, stop) that takes its
arguments out of a row of 64-bit words.  A list of them is a table of numbers that one compiled
function walks through.

Threads help at a piece by claiming some of its steps at a time.  Each has a share of the steps from
which it claims first, so that it meets the same parts of arrays again, which its cache may still
hold; then it helps with the shares of others.  The claim of a share is one word, changed
atomically, that also holds the number of the job: who comes late finds nothing to claim, and
nobody is waited for who has claimed nothing.  Helpers look for work for a while (`LOOKS`), then now
and then as long as a list runs, and sleep until the next one.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from tensorcore.kernels.cpu import jit, threads
from tensorcore.kernels.cpu.busy import Busyness
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types
from tensorcore.kernels.cpu.entries import Kind, entry
from tensorcore.kernels.cpu.piece import Check, Number, Piece
from tensorcore.kernels.program import NotReady

# Places in the control block, each in a cache line of its own; after CLAIM come the shares' words.
DONE, JOB, STOP, WAITED, REFUSED, THREADS, RUNNING, CLAIM = 0, 8, 16, 24, 32, 40, 48, 56
LINE = 8  # words
MOST_SHARES = 64
CONTROL_WORDS = CLAIM + MOST_SHARES * LINE
STEP_BITS = 32  # of a claim: the next step; the bits above are the number of the job
MASK = (1 << STEP_BITS) - 1  # as a step: the job is not there yet
MOST_JOBS = 1 << 30  # numbers of jobs begin anew from here on

LOOKS = 20_000  # of a helper without work before it leaves its CPU to others: some 0.5 ms
NAP_US = 50  # between two looks from then on, while a list runs
CAN_NAP = os.name == "posix"
LOOK_S = 25e-9
TOO_LONG = 60_000  # looks of the caller at a helper that does not finish, 1.5 ms: it lost its CPU
TOO_MANY = 400_000  # looks lost like that, after which no more are risked in one call
FINE = 4  # a helper that looks for work already is worth a part of a piece's grain
JOB_WORDS = 4  # of a row of the table: entry, words, steps, steps that are claimed at once
FOUND = 4  # the column after them: where a check says what it found, 0 for what is no check

WORD = ir.IntType(64)


# Machine operations -------------------------------------------------------------------------------


@intrinsic
def _call(typing: Any, entry: Any, words: Any, start: Any, stop: Any) -> Any:
    """Call the C function at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [WORD, WORD, WORD])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


def _place(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def _load(typing: Any, array: Any, index: Any) -> Any:
    """A word that other threads write."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, args), "acquire", 8)

    return types.int64(array, types.int64), generate


@intrinsic
def _store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a word that other threads read, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


@intrinsic
def _add(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to a word that other threads add to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        builder.atomic_rmw("add", place, args[2], "acq_rel")
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


@intrinsic
def _exchange(typing: Any, array: Any, index: Any, old: Any, new: Any) -> Any:
    """Replace a word if it is still `old`; whether it was."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        pair = builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(pair, 1)

    return types.boolean(array, types.int64, types.int64, types.int64), generate


@intrinsic
def _pause(typing: Any) -> Any:
    """Tell the CPU that this is a loop that waits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        import platform

        if platform.machine().lower() in ("x86_64", "amd64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _nap(typing: Any) -> Any:
    """Leave the CPU to others for a while."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        kind = ir.FunctionType(i32, [i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "usleep")
        builder.call(function, [i32(NAP_US)])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def array_at(typing: Any, address: Any, shape: Any, like: Any) -> Any:
    """The C-contiguous array of this shape at an address; `like` is a value of its dtype."""
    dtype = like.dtype if isinstance(like, types.Array) else like
    result = types.Array(dtype, len(shape), "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(result)(context, builder)
        element = context.get_data_type(dtype)
        size = context.get_constant(types.intp, context.get_abi_sizeof(element))
        lengths = cgutils.unpack_tuple(builder, args[1], len(shape))
        strides = []
        step = size
        for length in reversed(lengths):
            strides.insert(0, step)
            step = builder.mul(step, length)
        context.populate_array(
            array,
            data=builder.inttoptr(args[0], element.as_pointer()),
            shape=cgutils.pack_array(builder, lengths),
            strides=cgutils.pack_array(builder, strides),
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return result(types.int64, shape, like), generate


# Running ------------------------------------------------------------------------------------------


@jit.inline
def _claim(control, share, job, end, chunk):
    """The first of the steps that this thread works on next; -1 if the share has none left."""
    place = CLAIM + share * LINE
    while True:
        word = _load(control, place)
        first = word & MASK
        if word >> STEP_BITS != job or first >= end:
            return -1
        if _exchange(control, place, word, word + min(chunk, end - first)):
            return first


@jit.inline
def _help(control, job, number):
    """Work on a job until nothing is left to claim; whether there was anything.

    The thread with this number begins with its own share.
    """
    # Read before the claims: the fields of this job stay until all that is claimed is done.
    entry = _load(control, JOB)
    words = _load(control, JOB + 1)
    steps = _load(control, JOB + 2)
    chunk = _load(control, JOB + 3)
    shares = _load(control, JOB + JOB_WORDS)
    found = False
    for turn in range(shares):
        share = (number + turn) % shares
        end = steps * (share + 1) // shares
        while True:
            first = _claim(control, share, job, end, chunk)
            if first < 0:
                break
            stop = min(first + chunk, end)
            _call(entry, words, first, stop)
            _add(control, DONE, stop - first)
            found = True
    return found


@jit.inline
def _publish(control, job, table, row):
    """Let others see a row of the table as the job of this number."""
    shares = min(control[THREADS], MOST_SHARES)
    # Nothing can be claimed while the fields change, by whoever still thinks of the job before.
    for share in range(shares):
        _store(control, CLAIM + share * LINE, (job << STEP_BITS) | MASK)
    for field in range(JOB_WORDS):
        _store(control, JOB + field, table[row, field])
    _store(control, JOB + JOB_WORDS, shares)
    _store(control, DONE, 0)
    for share in range(shares - 1, -1, -1):
        first = table[row, 2] * share // shares
        _store(control, CLAIM + share * LINE, (job << STEP_BITS) | first)


@jit.kernel
def run_table(table, control, job, alone):
    """Run the rows of a table in their order; returns the number of the last job.

    Where a check has found something the rows after it are left out; `control` says which it is.
    """
    for row in range(table.shape[0]):
        steps, chunk = table[row, 2], table[row, 3]
        if alone or steps <= chunk:
            _call(table[row, 0], table[row, 1], 0, steps)
            if table[row, FOUND] and array_at(table[row, FOUND], (1,), np.int64(0))[0]:
                control[REFUSED] = row + 1
                break
            continue
        job += 1
        _publish(control, job, table, row)
        _help(control, job, 0)
        looks = 0
        while _load(control, DONE) < steps:
            looks += 1
            _pause()
        if looks > TOO_LONG:
            control[WAITED] += looks
    return job


@jit.kernel
def serve(control, number):
    """Help at every job, until there was none for a while; helpers count from 1.

    As long as a list runs a helper comes back, however long a piece is that it cannot help with.
    """
    looks = 0
    last = 0  # the job that has nothing left
    while _load(control, STOP) == 0:
        shares = _load(control, JOB + JOB_WORDS)
        word = _load(control, CLAIM + number % shares * LINE)
        job = word >> STEP_BITS
        if job != last and word & MASK != MASK:
            last = job
            if _help(control, job, number):
                looks = 0
                continue
        looks += 1
        if looks < LOOKS:
            _pause()
        elif CAN_NAP and _load(control, RUNNING):
            _nap()
        else:
            break


class Team:
    """The helpers of this process.  One list runs at a time; another caller works alone."""

    def __init__(self) -> None:
        raw = np.zeros(CONTROL_WORDS + 8, np.int64)
        start = -(raw.ctypes.data // 8) % 8
        self._control = raw[start : start + CONTROL_WORDS]
        self._control[JOB + JOB_WORDS] = 1
        self._lock = threading.Lock()
        self._wake: list[threading.Event] = []
        self._awake: list[bool] = []
        self._job = 1
        self._busyness = Busyness()
        self._pid = os.getpid()

    def run(self, work: Callable[[np.ndarray, int, bool], int]) -> int | None:
        """Run tables, with as many threads as may be used now.

        Args:
            work: (control block, number of the last job, whether to work alone) -> the number of
                the last job.

        Returns:
            The row of the check that refused its values, after which nothing was run; None if
            there was none.
        """
        helpers = threads.usable() - 1
        if helpers < 1 or not self._lock.acquire(blocking=False):
            control = np.zeros(CONTROL_WORDS, np.int64)
            work(control, 0, True)
            return _refused(control)
        try:
            if self._busyness.is_alone():
                work(self._control, 0, True)
            else:
                self._share(work, helpers)
            return _refused(self._control)
        finally:
            self._lock.release()

    def _share(self, work: Callable[[np.ndarray, int, bool], int], helpers: int) -> None:
        began = self._busyness.begin()
        self._control[THREADS] = helpers + 1
        self._call_helpers(helpers)
        self._job = self._job if self._job < MOST_JOBS else 1
        self._control[RUNNING] = 1
        try:
            self._job = work(self._control, self._job, False)
        finally:
            self._control[RUNNING] = 0
        waited_s = float(self._control[WAITED]) * LOOK_S
        self._control[WAITED] = 0
        self._busyness.end(began, waited_s)

    def _call_helpers(self, count: int) -> None:
        while len(self._wake) < count:
            event = threading.Event()
            self._wake.append(event)
            self._awake.append(False)
            number = len(self._wake) - 1
            name = f"tensorcore helper {number}"
            threading.Thread(target=self._stand_by, args=(number,), daemon=True, name=name).start()
        for number in range(count):
            if not self._awake[number]:
                self._awake[number] = True
                self._wake[number].set()

    def _stand_by(self, number: int) -> None:
        while True:
            self._wake[number].wait()
            self._wake[number].clear()
            serve(self._control, number + 1)
            self._awake[number] = False


def _refused(control: np.ndarray) -> int | None:
    row, control[REFUSED] = int(control[REFUSED]) - 1, 0
    return row if row >= 0 else None


_team: Team | None = None


def team() -> Team:
    """The helpers of this process; threads do not survive a fork."""
    global _team
    if _team is None or _team._pid != os.getpid():
        _team = Team()
    return _team


# Entries ------------------------------------------------------------------------------------------


def sequence(pieces: Sequence[Piece]) -> Callable[[], None]:
    """One call that runs all pieces, which must have an entry."""
    rows = []
    kept = []
    for piece in pieces:
        entry, words, constants = _packed(piece)  # type: ignore[misc]
        kept += [words, *constants]
        found = piece.found.ctypes.data if isinstance(piece, Check) else 0
        rows.append((entry, words.ctypes.data, piece.count, _chunk(piece), found))
    return Run(np.array(rows, np.int64), kept, list(pieces))


def joined(steps: Sequence[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """The steps of a plan with neighbouring pieces joined into sequences."""
    if not is_ready():
        for piece in steps:
            if isinstance(piece, Piece):
                is_packable(piece)  # notes what else is missing
        return list(steps)
    result: list[Callable[[], Any]] = []
    pieces: list[Piece] = []

    def close() -> None:
        if pieces:
            result.append(sequence(pieces))
            pieces.clear()

    for step in steps:
        if isinstance(step, Piece) and is_packable(step):
            pieces.append(step)
        else:
            close()
            result.append(step)
    close()
    return result


def is_packable(piece: Piece) -> bool:
    """Whether a piece has an entry, and that is ready."""
    try:
        return _packed(piece) is not None
    except NotReady:
        return False


def is_ready() -> bool:
    """Whether lists can be run; it makes so what may be made ready now."""
    table, control = types.Array(types.int64, 2, "C"), types.Array(types.int64, 1, "C")
    wanted = (
        (run_table, (table, control, types.int64, types.boolean)),
        (serve, (control, types.int64)),
    )
    ready = [_is_compiled(function, arguments) for function, arguments in wanted]
    return all(ready)


def _is_compiled(function: Any, arguments: tuple[Any, ...]) -> bool:
    try:
        jit.compiled(function, arguments)
    except NotReady:
        return False
    return True


def _chunk(piece: Piece) -> int:
    """Steps that are claimed at once: a part that leaves something to divide at the end, or all."""
    grain = piece.grain / FINE
    if isinstance(piece, Check) or piece.count < 2 * grain:  # a check says one thing about all
        return piece.count
    return max(math.ceil(grain), -(-piece.count // (8 * threads.usable())))


class Run:
    """Several pieces as one call."""

    def __init__(self, table: np.ndarray, words: list[np.ndarray], pieces: list[Piece]) -> None:
        self.table = table
        self.pieces = pieces  # keeps the arrays alive
        self._words = words

    def __call__(self) -> None:
        row = team().run(functools.partial(run_table, self.table))
        if row is not None:
            self.pieces[row].refuse()  # type: ignore[attr-defined]


def _packed(piece: Piece) -> tuple[int, np.ndarray, list[np.ndarray]] | None:
    """The entry of a piece's loop, its arguments as words, and the numbers that some point to."""
    if piece.packed is None:
        piece.packed = _packed_now(piece)
    return piece.packed


def _packed_now(piece: Piece) -> tuple[int, np.ndarray, list[np.ndarray]] | None:
    kinds: list[Kind] = []
    words: list[int] = []
    constants: list[np.ndarray] = []
    for value in piece.args:
        if type(value) is int:
            kinds.append(Kind("word"))
            words.append(value)
        elif isinstance(value, np.ndarray):
            if not value.flags.c_contiguous or value.ndim == 0:
                return None
            kinds.append(Kind("array", value.dtype, value.ndim))
            words += [value.ctypes.data, value.itemsize, *value.shape]
        elif isinstance(value, (Number, np.generic)):
            array = value.array if isinstance(value, Number) else np.array([value])
            constants.append(array)
            kinds.append(Kind("number", array.dtype))
            words.append(array.ctypes.data)
        else:
            return None
    address, machine_code = entry(piece.loop, tuple(kinds))
    return address, np.array([machine_code, *words], np.int64), constants
