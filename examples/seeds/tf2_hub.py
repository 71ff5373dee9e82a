"""TensorFlow 2, film reviews as texts: 15,000, 10,000 and 25,000 of them.

The program of the document with its import lines changed; ../text_embedding.py goes on from here."""

import os
import numpy as np

from tensorcore import tf
from tensorcore import hub
from tensorcore import tfds

print("Version: ", tf.__version__)
print("Eager mode: ", tf.executing_eagerly())
print("Hub version: ", hub.__version__)
print("GPU is", "available" if tf.config.list_physical_devices("GPU") else "NOT AVAILABLE")

# IMDB 데이터셋 다운로드, 60% 40% => 15,000, 10,000 데이터로 나눈다.
train_data, validation_data, test_data = tfds.load(
    name="imdb_reviews",
    split=('train[:60%]', 'train[60%:]', 'test'),
    as_supervised=True)
print("훈련 샘플: {}, 레이블: {}, test: {}".format(len(train_data), len(validation_data), len(test_data)))

# Version:  2.9.2
# Eager mode:  True
# Hub version:  0.12.0
# GPU is available
# /Downloading.../
# 훈련 샘플: 15000, 레이블: 10000, test: 25000
