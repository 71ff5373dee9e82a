"""Reviews made of invented word numbers: a stand-in for IMDB that needs no file and no network.

Word numbers are drawn as in real text: number r about as often as 1 / r.  Some words lean towards
one of the two labels, so that a small model can learn them; no review is told by a single word.
"""

from __future__ import annotations

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
LEANING = 0.5  # how much more often a leaning word occurs on its side


def load_data(
    num_words: int = 2000, n_train: int = 2000, n_test: int = 500, seed: int = 0
) -> tuple[Pair, Pair]:
    """Draws reviews in the form of `imdb.load_data`; the same arguments give the same ones.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of int (1 is the start, words
        from 4 to num_words - 1), int64 labels 0 and 1.

    Example:
        (x_train, y_train), (x_test, y_test) = generated_reviews.load_data()
    """
    rng = np.random.default_rng([seed, 7])
    ranks = np.arange(1, num_words - 3)
    frequency = 1.0 / (ranks + 10)
    leaning = rng.choice([-LEANING, 0.0, LEANING], size=len(ranks), p=[0.15, 0.7, 0.15])
    chances = [frequency * (1 - leaning), frequency * (1 + leaning)]
    totals = [np.cumsum(chance) / chance.sum() for chance in chances]
    return _draw(n_train, totals, rng), _draw(n_test, totals, rng)


def _draw(count: int, totals: list[np.ndarray], rng: np.random.Generator) -> Pair:
    labels = rng.permutation(np.arange(count) % 2)
    reviews = np.empty(count, object)
    for place, label in enumerate(labels):
        length = int(np.clip(rng.lognormal(4.6, 0.5), 10, 600))
        words = np.searchsorted(totals[label], rng.random(length)) + 4
        reviews[place] = [1, *words.tolist()]
    return reviews, labels.astype(np.int64)
