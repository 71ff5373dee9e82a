"""Layers: the parts of models, in Keras's terms."""

from tensorcore.layers.activation import Activation, ReLU, Softmax
from tensorcore.layers.base import InputSpec, Layer
from tensorcore.layers.convolution import Conv2D
from tensorcore.layers.dense import Dense
from tensorcore.layers.dropout import Dropout
from tensorcore.layers.embedding import Embedding
from tensorcore.layers.inputs import Input, InputLayer
from tensorcore.layers.pooling import GlobalAveragePooling1D, MaxPooling2D
from tensorcore.layers.shaping import Flatten

__all__ = [
    "Activation",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "MaxPooling2D",
    "ReLU",
    "Softmax",
]
