"""PyTorch's models of the large workloads: W8, a residual network, and W9, an encoder of texts.

They run under autocast in bfloat16; the last layer, as everywhere, in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Last(nn.Linear):
    """Logits in float32."""

    def forward(self, x: Any) -> Any:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def convolved(inputs: int, filters: int, window: int, stride: int) -> nn.Sequential:
    """A convolution without bias, and its batch normalization with Keras' constants."""
    return nn.Sequential(
        nn.Conv2d(inputs, filters, window, stride, padding=window // 2, bias=False),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    )


class Block(nn.Module):
    """relu(x + two convolutions of x)."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first = convolved(inputs, filters, 3, stride)
        self.second = convolved(filters, filters, 3, 1)
        self.shortcut = convolved(inputs, filters, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Any) -> Any:
        y = self.second(F.relu(self.first(x)))
        return F.relu(self.shortcut(x) + y)


class ResidualNetwork(nn.Module):
    """W8: a ResNet-18 on images of bytes, (N, H, W, C)."""

    def __init__(self, size: int, classes: int, width: int) -> None:
        super().__init__()
        self.stem = convolved(3, width, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        blocks = []
        filters = width
        for stage in range(4):
            inputs, filters = filters, width << stage
            blocks += [Block(inputs, filters, 2 if stage else 1), Block(filters, filters, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = Last(filters, classes)

    def forward(self, x: Any) -> Any:
        x = x.permute(0, 3, 1, 2).to(torch.bfloat16) * (1 / 255)
        x = self.blocks(self.pool(F.relu(self.stem(x))))
        return self.last(x.mean((2, 3)))


class TextClassifier(nn.Module):
    """W9: embedded words, encoder blocks, the mean over places, and classes."""

    def __init__(
        self, length: int, words: int, size: int, heads: int, wide: int, blocks: int, classes: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    size, heads, wide, dropout=0.0, batch_first=True, layer_norm_eps=1e-3
                )
                for _ in range(blocks)
            )
        )
        self.last = Last(size, classes)

    def forward(self, x: Any) -> Any:
        x = self.embedding(x).to(torch.bfloat16)
        return self.last(self.blocks(x).mean(1))


MODELS: dict[str, Any] = {"W8": ResidualNetwork, "W9": TextClassifier}
