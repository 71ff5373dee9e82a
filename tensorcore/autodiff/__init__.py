"""Automatic differentiation in reverse mode."""

from tensorcore.autodiff.check import gradcheck
from tensorcore.autodiff.functional import grad, value_and_grad
from tensorcore.autodiff.tape import GradientTape

__all__ = ["GradientTape", "grad", "gradcheck", "value_and_grad"]
