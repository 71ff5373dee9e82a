"""What both tests/test_records.py and make_records.py, with real TensorFlow, write and read."""

from __future__ import annotations

import numpy as np

CSV = 'a,b,c,d\n1,2.5,"x, y",9999999999\n-3,,z,\n4,1e40,"say ""hi""",7\n'


def specs(tf):
    """What the features of the examples hold."""
    return {
        "label": tf.io.FixedLenFeature([], tf.int64),
        "weights": tf.io.FixedLenFeature([2, 2], tf.float32),
        "name": tf.io.FixedLenFeature([], tf.string),
        "absent": tf.io.FixedLenFeature([2], tf.int64, default_value=[5, 6]),
        "words": tf.io.VarLenFeature(tf.string),
        "steps": tf.io.FixedLenSequenceFeature([2], tf.int64, allow_missing=True),
    }


def example_values(tf):
    """Four examples."""
    train = tf.train
    for number in range(4):
        label = train.Int64List(value=[(-2) ** (15 * number)])
        weights = train.FloatList(value=np.arange(4) / 3 + number)
        name = train.BytesList(value=["한글".encode() * number])
        words = train.BytesList(value=[b"w%d" % i for i in range(number)])
        feature = {
            "label": train.Feature(int64_list=label),
            "weights": train.Feature(float_list=weights),
            "name": train.Feature(bytes_list=name),
            "words": train.Feature(bytes_list=words),
            "steps": train.Feature(int64_list=train.Int64List(value=range(2 * number))),
        }
        yield train.Example(features=train.Features(feature=feature))
