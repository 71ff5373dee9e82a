"""`tf.random` of TensorFlow 1."""

from tensorcore.session.random import random_normal as normal
from tensorcore.session.random import random_shuffle as shuffle
from tensorcore.session.random import random_uniform as uniform
from tensorcore.session.random import truncated_normal
from tensorcore.tf.compat.v1.state import set_random_seed
