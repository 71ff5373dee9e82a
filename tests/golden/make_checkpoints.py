"""Exchanges checkpoints with real TensorFlow, and keeps its files for the tests.

Run with a Python that has both TensorFlow and tensorcore, from the top of the repository:

    python tests/golden/make_checkpoints.py

It writes `tests/golden/checkpoints/` anew with TensorFlow, reads it with tensorcore, writes the
same values with tensorcore, and lets TensorFlow's `Saver` and `load_checkpoint` read those.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import ml_dtypes
import numpy as np
import tensorflow as tf

from tensorcore.checkpoints import CheckpointReader, write_checkpoint

HERE = os.path.join(os.path.dirname(__file__), "checkpoints")
v1 = tf.compat.v1

DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
]


def values_of(name: str, shape=(3, 5)) -> np.ndarray:
    """What every tensor of these files holds, so that the tests need no second copy."""
    dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 7).astype(dtype)


def tensors() -> dict[str, np.ndarray]:
    found = {f"of_{name}": values_of(name) for name in DTYPES}
    found["scalar"] = np.float32(2.5)
    found["empty"] = np.zeros((0, 4), np.float32)
    found["deep/er/name"] = values_of("float32", (2, 3, 4, 5))
    found["한글"] = values_of("int32", (2,))
    return found


def write_with_saver(folder: str) -> None:
    with v1.Graph().as_default(), v1.Session() as session:
        named = {}
        for name, value in tensors().items():
            named[name] = v1.Variable(value, dtype=value.dtype)
        saver = v1.train.Saver(named)
        session.run(v1.global_variables_initializer())
        saver.save(session, os.path.join(folder, "saver.ckpt"), 7, write_meta_graph=False)
    with v1.Graph().as_default(), v1.Session() as session:
        for name, shape, parts in [("wide", (200, 3), (4, 1)), ("tall", (3, 200), (1, 3))]:
            v1.get_variable(
                name,
                shape=shape,
                use_resource=False,
                initializer=lambda shape, dtype=None, partition_info=None: tf.zeros(shape),
                partitioner=lambda shape, dtype, parts=parts: list(parts),
            )
        session.run(v1.global_variables_initializer())
        for variable in v1.global_variables():
            info = variable._get_save_slice_info()
            whole = values_of("float32", tuple(info.full_shape))
            part = tuple(
                slice(start, start + size)
                for start, size in zip(info.var_offset, info.var_shape, strict=True)
            )
            session.run(v1.assign(variable, whole[part]))
        v1.train.Saver().save(
            session, os.path.join(folder, "sliced.ckpt"), write_meta_graph=False, write_state=False
        )


def write_with_checkpoint(folder: str) -> None:
    variable = tf.Variable(values_of("float32"), name="w")
    optimizer = tf.keras.optimizers.Adam(0.5)
    optimizer.build([variable])
    checkpoint = tf.train.Checkpoint(weight=variable, step=tf.Variable(7), optimizer=optimizer)
    checkpoint.save(os.path.join(folder, "objects"))


def check_ours(folder: str) -> None:
    """TensorFlow reads what tensorcore wrote, also after a checkpoint took the place of another."""
    prefix = os.path.join(folder, "ours.ckpt")
    many = {f"layer_{i:04d}/kernel": values_of("float32", (i % 5, 3)) for i in range(2000)}
    for content in (many, {"x": values_of("int8")}, tensors()):
        write_checkpoint(prefix, content)
        reader = tf.train.load_checkpoint(prefix)
        assert set(reader.get_variable_to_shape_map()) == set(content)
        for name, value in content.items():
            read = reader.get_tensor(name)
            assert read.shape == value.shape, name
            np.testing.assert_array_equal(np.asarray(read, value.dtype), value, name)
    with v1.Graph().as_default(), v1.Session() as session:
        named = {
            name: v1.Variable(np.zeros_like(value), dtype=value.dtype)
            for name, value in tensors().items()
        }
        v1.train.Saver(named).restore(session, prefix)
        for name, value in tensors().items():
            np.testing.assert_array_equal(session.run(named[name]), value, name)


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    os.chdir(HERE)  # so that the state file holds no path of this machine
    write_with_saver(".")
    os.rename("checkpoint", "checkpoint_of_saver")
    write_with_checkpoint(".")
    for prefix in ("saver.ckpt-7", "sliced.ckpt", "objects-1"):
        read = CheckpointReader(prefix)
        theirs = tf.train.load_checkpoint(prefix)
        shapes = theirs.get_variable_to_shape_map()
        assert read.shapes() == shapes, (read.shapes(), shapes)
        for name, dtype in read.dtypes().items():
            if dtype is not None:
                np.testing.assert_array_equal(read.read(name), theirs.get_tensor(name), name)
    with tempfile.TemporaryDirectory() as folder:
        check_ours(folder)
    print(f"TensorFlow {tf.__version__}: all files read both ways", file=sys.stderr)


if __name__ == "__main__":
    main()
