"""`keras.mixed_precision`: computing in 16 bits with weights in float32."""

from tensorcore.keras.later import refusal
from tensorcore.layers.policy import DTypePolicy, dtype_policy, set_dtype_policy
from tensorcore.optimizers.loss_scale import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

__getattr__ = refusal(__name__, __all__)
