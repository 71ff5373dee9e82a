"""Models as files: descriptions of objects, weights, and loaders that trust nothing."""
