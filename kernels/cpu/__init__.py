"""CPU kernels: NumPy and numba.  numba is imported when the first of its kernels runs."""

from __future__ import annotations

from typing import Any

from tensorcore.kernels.cpu import tiers
from tensorcore.kernels.program import Kernel

SINGLE_AND_DOUBLE = ("float32", "float64")
SUMS_FROM_SIZE = 8192
FLOATS = ("float16", "bfloat16", "float32", "float64")


def _kernel(
    path: str,
    dtypes: Any = SINGLE_AND_DOUBLE,
    from_size: int = 0,
    small: int = 1 << 18,
    is_exact: bool = False,
) -> Kernel:
    """`is_exact`: the kernel has the bits of the reference, which may stand in for it."""
    return Kernel(
        path,
        dtypes=dtypes,
        from_size=from_size,
        package=__name__,
        small=small,
        may_wait=tiers.waits if is_exact else tiers.approximates,
    )


KERNELS: dict[str, Kernel] = {
    "random_bits": _kernel("philox:random_bits", FLOATS, is_exact=True),
    "random_uniform": _kernel("philox:random_uniform", FLOATS, is_exact=True),
    "random_normal": _kernel("philox:random_normal", FLOATS),
    "dropout_mask": _kernel("philox:dropout_mask", FLOATS, is_exact=True),
    "layer_norm": _kernel("normalization:layer_norm"),
    "layer_norm_gradient": _kernel("normalization:layer_norm_gradient"),
    "layer_norm_scale_gradient": _kernel("normalization:layer_norm_scale_gradient"),
    "attention": _kernel("attention:attention", FLOATS),
    "masked_attention": _kernel("attention:attention", FLOATS),
    "attention_gradient": _kernel("attention:attention_gradient", FLOATS),
    "masked_attention_gradient": _kernel("attention:attention_gradient", FLOATS),
    "softmax": _kernel("softmax:softmax"),
    "log_softmax": _kernel("softmax:log_softmax"),
    "softmax_gradient": _kernel("softmax:softmax_gradient"),
    "log_softmax_gradient": _kernel("softmax:log_softmax_gradient"),
    "softmax_cross_entropy": _kernel("cross_entropy:softmax_cross_entropy"),
    "softmax_cross_entropy_gradient": _kernel("cross_entropy:softmax_cross_entropy_gradient"),
    "sparse_softmax_cross_entropy": _kernel("cross_entropy:sparse_softmax_cross_entropy"),
    "sparse_softmax_cross_entropy_gradient": _kernel(
        "cross_entropy:sparse_softmax_cross_entropy_gradient"
    ),
    "lstm_sequence": _kernel("recurrent:lstm_sequence", small=1 << 15),
    "lstm_sequence_gradient": _kernel("recurrent:lstm_sequence_gradient", small=1 << 15),
    "gru_sequence": _kernel("recurrent:gru_sequence", small=1 << 15),
    "gru_sequence_gradient": _kernel("recurrent:gru_sequence_gradient", small=1 << 15),
    "scatter_add": _kernel("indexing:scatter_add", small=1 << 17),
    "take_mean": _kernel("indexing:take_mean"),
    "take_sum": _kernel("indexing:take_sum"),
    "conv2d": _kernel("convolution:conv2d", FLOATS, small=1 << 15),
    "conv2d_add": _kernel("convolution:conv2d_add", small=1 << 15),
    "conv2d_add_relu": _kernel("convolution:conv2d_add_relu", small=1 << 15),
    "conv2d_input_gradient": _kernel("convolution:conv2d_input_gradient", FLOATS, small=1 << 15),
    "conv2d_input_gradient_mask": _kernel("convolution:conv2d_input_gradient_mask", small=1 << 15),
    "conv2d_filter_gradient": _kernel("convolution:conv2d_filter_gradient", FLOATS, small=1 << 15),
    "max_pool2d": _kernel("pooling:max_pool2d", FLOATS, is_exact=True),
    "max_pool2d_gradient": _kernel("pooling:max_pool2d_gradient", FLOATS, is_exact=True),
    "max_pool2d_gather": _kernel("pooling:max_pool2d_gather", FLOATS, is_exact=True),
    "avg_pool2d": _kernel("pooling:avg_pool2d", FLOATS),
    "avg_pool2d_gradient": _kernel("pooling:avg_pool2d_gradient", FLOATS),
    "matmul": _kernel("matmul:matmul", FLOATS, small=0),
    "matmul_add": _kernel("matmul:matmul_add", small=0),
    "matmul_add_relu": _kernel("matmul:matmul_add_relu", small=0),
    "matmul_mask": _kernel("matmul:matmul_mask", small=0),
    "sum": _kernel("reductions:sum", from_size=SUMS_FROM_SIZE),
    "sum_to": _kernel("reductions:sum_to", from_size=SUMS_FROM_SIZE),
    "mean": _kernel("reductions:mean", from_size=SUMS_FROM_SIZE),
}
