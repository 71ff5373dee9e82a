"""The cost model: how fast each device of this machine is, and how long a training step will take.

rates = costs.rates_of(tc.device("cpu"))          # measured once, kept on disk
costs.predict(model, x, y, batch_size=32)         # a Prediction for each device
"""

from tensorcore.costs.choice import Choice, choose, crossover
from tensorcore.costs.prediction import Prediction, predict
from tensorcore.costs.rates import Rates, kept_rates, measure_rates, rates_of

__all__ = [
    "Choice",
    "Prediction",
    "Rates",
    "choose",
    "crossover",
    "kept_rates",
    "measure_rates",
    "predict",
    "rates_of",
]
