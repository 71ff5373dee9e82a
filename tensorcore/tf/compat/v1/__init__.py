"""TensorFlow 1: graphs and sessions.  `import tensorcore.tf.compat.v1 as tf`.

a = tf.Variable(1, name="a")
c = tf.assign(a, a + 1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run([c, a]))
"""

from __future__ import annotations

from tensorcore.dtypes import (
    as_dtype,
    bfloat16,
    bool,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from tensorcore.session.bodies import case, cond, foldl, map_fn, scan, while_loop
from tensorcore.session.gradients import gradients
from tensorcore.session.graph import Graph, reset_default_graph
from tensorcore.session.graph import default_graph as get_default_graph
from tensorcore.session.groups import (
    global_variables,
    global_variables_initializer,
    group,
    identity,
    local_variables_initializer,
    no_op,
    variables_initializer,
)
from tensorcore.session.groups import tuple_of as tuple
from tensorcore.session.initializers import (
    constant_value as constant_initializer,
)
from tensorcore.session.initializers import (
    glorot_normal as glorot_normal_initializer,
)
from tensorcore.session.initializers import (
    glorot_uniform as glorot_uniform_initializer,
)
from tensorcore.session.initializers import (
    ones as ones_initializer,
)
from tensorcore.session.initializers import (
    random_normal as random_normal_initializer,
)
from tensorcore.session.initializers import (
    random_uniform as random_uniform_initializer,
)
from tensorcore.session.initializers import (
    truncated_normal as truncated_normal_initializer,
)
from tensorcore.session.initializers import (
    variance_scaling as variance_scaling_initializer,
)
from tensorcore.session.initializers import (
    zeros as zeros_initializer,
)
from tensorcore.session.random import (
    random_normal,
    random_shuffle,
    random_uniform,
    truncated_normal,
)
from tensorcore.session.scopes import (
    AUTO_REUSE,
    VariableScope,
    get_variable,
    get_variable_scope,
    variable_scope,
)
from tensorcore.session.session import InteractiveSession, Session
from tensorcore.session.session import default_session as get_default_session
from tensorcore.session.shapes import Dimension, TensorShape
from tensorcore.session.tensors import GraphTensor as Tensor
from tensorcore.session.tensors import Operation
from tensorcore.session.variables import GraphVariable
from tensorcore.tf.compat.v1 import (
    app,
    contrib,
    flags,
    gfile,
    initializers,
    layers,
    logging,
    losses,
    math,
    nn,
    random,
    summary,
    train,
)
from tensorcore.tf.compat.v1.arrays import (
    boolean_mask,
    broadcast_to,
    cast,
    concat,
    constant,
    convert_to_tensor,
    expand_dims,
    eye,
    fill,
    gather,
    gather_nd,
    lin_space,
    linspace,
    matrix_transpose,
    one_hot,
    ones,
    ones_like,
    pack,
    pad,
    placeholder,
    placeholder_with_default,
    range,
    rank,
    reshape,
    reverse,
    shape,
    size,
    slice,
    split,
    squeeze,
    stack,
    stop_gradient,
    string,
    tile,
    to_double,
    to_float,
    to_int32,
    to_int64,
    transpose,
    unpack,
    unstack,
    where,
    zeros,
    zeros_like,
)
from tensorcore.tf.compat.v1.config import (
    ConfigProto,
    GPUOptions,
    GraphKeys,
    GraphOptions,
    OptimizerOptions,
    RunMetadata,
    RunOptions,
)
from tensorcore.tf.compat.v1.control import Print, py_func
from tensorcore.tf.compat.v1.math import (
    abs,
    acos,
    add,
    add_n,
    argmax,
    argmin,
    asin,
    atan,
    atan2,
    ceil,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    cos,
    cosh,
    cumsum,
    div,
    div_no_nan,
    divide,
    einsum,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floordiv,
    floormod,
    global_norm,
    greater,
    greater_equal,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    matmul,
    maximum,
    minimum,
    mod,
    multiply,
    negative,
    norm,
    not_equal,
    pow,
    realdiv,
    reciprocal,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    squared_difference,
    subtract,
    tan,
    tanh,
    tensordot,
    truediv,
)
from tensorcore.tf.compat.v1.missing import find as __getattr__
from tensorcore.tf.compat.v1.state import (
    Variable,
    add_to_collection,
    all_variables,
    assign,
    assign_add,
    assign_sub,
    control_dependencies,
    device,
    disable_eager_execution,
    disable_resource_variables,
    disable_v2_behavior,
    enable_resource_variables,
    executing_eagerly,
    get_collection,
    get_collection_ref,
    initialize_all_variables,
    initialize_variables,
    is_variable_initialized,
    local_variables,
    model_variables,
    name_scope,
    op_scope,
    report_uninitialized_variables,
    set_random_seed,
    trainable_variables,
)

newaxis = None
__version__ = "1.15.0"
VERSION = __version__
