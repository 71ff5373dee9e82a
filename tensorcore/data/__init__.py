"""Data sets as pipelines: `Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(32)`."""
