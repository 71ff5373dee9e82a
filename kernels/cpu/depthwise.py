"""Convolutions with one input channel a group: vectors run over the channels.

x (N, H, W, C) is padded, w is (KH, KW, 1, C), y and g are (N, OH, OW, C).
"""

from __future__ import annotations

import numpy as np
from tensorcore.kernels.cpu.jit import kernel


@kernel
def depthwise(start, stop, x, w, y, stride_y, stride_x, dilation_y, dilation_x):
    """The images of y from start to stop."""
    for n in range(np.uintp(start), np.uintp(stop)):
        for oy in range(y.shape[1]):
            for ox in range(y.shape[2]):
                result = y[n, oy, ox]
                for c in range(result.size):
                    result[c] = 0
                for kh in range(w.shape[0]):
                    for kw in range(w.shape[1]):
                        cell = x[
                            n,
                            np.uintp(oy * stride_y + kh * dilation_y),
                            np.uintp(ox * stride_x + kw * dilation_x),
                        ]
                        factor = w[kh, kw, 0]
                        for c in range(result.size):
                            result[c] += cell[c] * factor[c]


@kernel
def input_gradient(start, stop, g, w, dx, stride_y, stride_x, dilation_y, dilation_x):
    """The images of the padded dx from start to stop."""
    for n in range(np.uintp(start), np.uintp(stop)):
        dx[n] = 0
        for oy in range(g.shape[1]):
            for ox in range(g.shape[2]):
                arriving = g[n, oy, ox]
                for kh in range(w.shape[0]):
                    for kw in range(w.shape[1]):
                        cell = dx[
                            n,
                            np.uintp(oy * stride_y + kh * dilation_y),
                            np.uintp(ox * stride_x + kw * dilation_x),
                        ]
                        factor = w[kh, kw, 0]
                        for c in range(arriving.size):
                            cell[c] += arriving[c] * factor[c]


@kernel
def filter_gradient(start, stop, x, g, dw, stride_y, stride_x, dilation_y, dilation_x):
    """The cells of the window from start to stop."""
    for place in range(start, stop):
        kh, kw = divmod(place, dw.shape[1])
        result = dw[kh, kw, 0]
        for c in range(result.size):
            result[c] = 0
        for n in range(g.shape[0]):
            for oy in range(g.shape[1]):
                for ox in range(g.shape[2]):
                    arriving = g[n, oy, ox]
                    cell = x[
                        n,
                        np.uintp(oy * stride_y + kh * dilation_y),
                        np.uintp(ox * stride_x + kw * dilation_x),
                    ]
                    for c in range(result.size):
                        result[c] += arriving[c] * cell[c]
