"""`tensorflow.examples.tutorials.mnist`, from which the programs of the era took their data."""
