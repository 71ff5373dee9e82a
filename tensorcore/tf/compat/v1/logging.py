"""`tf.logging`."""

from tensorcore.session.log import (
    DEBUG,
    ERROR,
    FATAL,
    INFO,
    WARN,
    debug,
    error,
    fatal,
    flush,
    get_verbosity,
    info,
    log,
    set_verbosity,
    warn,
    warning,
)
