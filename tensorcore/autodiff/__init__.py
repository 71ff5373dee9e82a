"""Automatic differentiation in reverse mode."""

from tensorcore.autodiff.check import gradcheck
from tensorcore.autodiff.custom import checkpoint, custom_gradient, stop_gradient
from tensorcore.autodiff.derivatives import hessian, hvp, jacobian, jvp, vjp
from tensorcore.autodiff.functional import grad, value_and_grad
from tensorcore.autodiff.tape import GradientTape
from tensorcore.autodiff.vmap import vmap

__all__ = [
    "GradientTape",
    "checkpoint",
    "custom_gradient",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
