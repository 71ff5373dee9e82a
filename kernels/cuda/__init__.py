"""CUDA kernels, through CuPy.  Imported when a tensor on a GPU is first computed with."""

from __future__ import annotations

from tensorcore.kernels.program import Kernel

_FLOATS = ("float32", "float64", "float16", "bfloat16")
_COMPLEX = ("complex64", "complex128")


def _kernel(path: str, dtypes: tuple[str, ...] = _FLOATS) -> Kernel:
    return Kernel(path, dtypes=dtypes, package=__name__)


KERNELS: dict[str, Kernel] = {
    "matmul": _kernel("blas:matmul", _FLOATS + _COMPLEX),
    "matmul_add": _kernel("product_endings:matmul_add"),
    "matmul_add_relu": _kernel("product_endings:matmul_add_relu"),
    "matmul_add_relu_bits": _kernel("product_endings:matmul_add_relu_bits"),
    "matmul_add_gelu": _kernel("product_endings:matmul_add_gelu"),
    "matmul_add_gelu_keeping": _kernel("product_endings:matmul_add_gelu_keeping"),
    "matmul_relu_slope": _kernel("product_gradients:matmul_relu_slope"),
    "matmul_gelu_slope": _kernel("product_gradients:matmul_gelu_slope"),
    "matmul_and_sums": _kernel("product_gradients:matmul_and_sums"),
    "random_bits": _kernel("random:random_bits"),
    "random_uniform": _kernel("random:random_uniform"),
    "random_normal": _kernel("random:random_normal"),
    "dropout_mask": _kernel("random:dropout_mask"),
    "conv2d": _kernel("convolution:conv2d"),
    "conv2d_input_gradient": _kernel("convolution:conv2d_input_gradient"),
    "conv2d_filter_gradient": _kernel("convolution:conv2d_filter_gradient"),
    "max_pool2d": _kernel("pooling:max_pool2d"),
    "max_pool2d_gradient": _kernel("pooling:max_pool2d_gradient"),
    "max_pool2d_gather": _kernel("pooling:max_pool2d_gather"),
    "avg_pool2d": _kernel("pooling:avg_pool2d"),
    "avg_pool2d_gradient": _kernel("pooling:avg_pool2d_gradient"),
    "take": _kernel("indexing:take", _FLOATS + _COMPLEX),
    "scatter_add": _kernel("indexing:scatter_add"),
    "add_along_axis": _kernel("indexing:add_along_axis"),
    "layer_norm": _kernel("normalization:layer_norm"),
    "layer_norm_gradient": _kernel("normalization:layer_norm_gradient"),
    "layer_norm_scale_gradient": _kernel("normalization:layer_norm_scale_gradient"),
    "lstm_sequence": _kernel("recurrent:lstm_sequence"),
    "lstm_sequence_gradient": _kernel("recurrent:lstm_sequence_gradient"),
    "gru_sequence": _kernel("recurrent:gru_sequence"),
    "gru_sequence_gradient": _kernel("recurrent:gru_sequence_gradient"),
    "lstm_layer": _kernel("cudnn_recurrent:lstm_layer"),
    "lstm_layer_gradient": _kernel("cudnn_recurrent:lstm_layer_gradient"),
    "gru_layer": _kernel("cudnn_recurrent:gru_layer"),
    "gru_layer_gradient": _kernel("cudnn_recurrent:gru_layer_gradient"),
    "attention": _kernel("attention:attention"),
    "masked_attention": _kernel("attention:attention"),
    "attention_gradient": _kernel("attention:attention_gradient"),
    "masked_attention_gradient": _kernel("attention:attention_gradient"),
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
}
