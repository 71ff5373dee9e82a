"""Older names of TensorFlow: `import tensorcore.tf.compat.v1 as tf`."""
