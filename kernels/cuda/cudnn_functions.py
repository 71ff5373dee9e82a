"""The functions of cuDNN that are called, with the types of their arguments.

A test compares them with what the headers say.  Each returns a cudnnStatus_t.
"""

from __future__ import annotations

import ctypes
from typing import Any

_pointer = ctypes.c_void_p
_int = ctypes.c_int
_size = ctypes.c_size_t
_long = ctypes.c_ulonglong
_DESCRIPTORS = ("Tensor", "Filter", "Convolution", "Dropout", "RNN", "RNNData")
_OF_ALGORITHMS = [_pointer] * 5 + [_int, _pointer, _pointer]
_OF_WORKSPACE = [_pointer] * 5 + [_int, _pointer]
_OF_CONVOLUTION = [_pointer] * 7 + [_int, _pointer, _size] + [_pointer] * 3
_OF_SPACES = [_size, _pointer] * 3
SIGNATURES: dict[str, list[Any]] = {
    "cudnnCreate": [_pointer],
    "cudnnSetStream": [_pointer, _pointer],
    **{f"cudnnCreate{name}Descriptor": [_pointer] for name in _DESCRIPTORS},
    **{f"cudnnDestroy{name}Descriptor": [_pointer] for name in _DESCRIPTORS},
    "cudnnSetTensorNdDescriptor": [_pointer, _int, _int, _pointer, _pointer],
    "cudnnSetFilterNdDescriptor": [_pointer, _int, _int, _int, _pointer],
    "cudnnSetConvolutionNdDescriptor": [_pointer, _int, *[_pointer] * 3, _int, _int],
    "cudnnSetConvolutionGroupCount": [_pointer, _int],
    "cudnnSetConvolutionMathType": [_pointer, _int],
    "cudnnGetConvolutionNdForwardOutputDim": [*[_pointer] * 3, _int, _pointer],
    "cudnnGetConvolutionForwardAlgorithm_v7": _OF_ALGORITHMS,
    "cudnnGetConvolutionBackwardDataAlgorithm_v7": _OF_ALGORITHMS,
    "cudnnGetConvolutionBackwardFilterAlgorithm_v7": _OF_ALGORITHMS,
    "cudnnGetConvolutionForwardWorkspaceSize": _OF_WORKSPACE,
    "cudnnGetConvolutionBackwardDataWorkspaceSize": _OF_WORKSPACE,
    "cudnnGetConvolutionBackwardFilterWorkspaceSize": _OF_WORKSPACE,
    "cudnnConvolutionForward": _OF_CONVOLUTION,
    "cudnnConvolutionBackwardData": _OF_CONVOLUTION,
    "cudnnConvolutionBackwardFilter": _OF_CONVOLUTION,
    "cudnnSetDropoutDescriptor": [_pointer, _pointer, ctypes.c_float, _pointer, _size, _long],
    "cudnnSetRNNDescriptor_v8": [_pointer, *[_int] * 12, _pointer, _int],
    "cudnnSetRNNDataDescriptor": [_pointer, *[_int] * 5, _pointer, _pointer],
    "cudnnGetRNNTempSpaceSizes": [_pointer, _pointer, _int, *[_pointer] * 3],
    "cudnnGetRNNWeightSpaceSize": [_pointer] * 3,
    "cudnnGetRNNWeightParams": [_pointer, _pointer, _int, _size, _pointer, _int, *[_pointer] * 4],
    "cudnnRNNForward": [_pointer, _pointer, _int, *[_pointer] * 11, *_OF_SPACES],
    "cudnnRNNBackwardData_v8": [*[_pointer] * 16, *_OF_SPACES],
    "cudnnRNNBackwardWeights_v8": [_pointer, _pointer, _int, *[_pointer] * 7, *_OF_SPACES],
}
