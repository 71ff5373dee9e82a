"""How exact results are: every operation against float64, and the table that was published.

Element-wise operations of float32 are compared in units in the last place (ULP): 0.5 is perfect.
Their inputs fill the record's domain, the whole range of float32, and its edges; one-input
operations of float16 and bfloat16 get all 65536 inputs.  Everything else gives a relative error,
|y - exact| / |exact| in the greatest norm.  Operations are found in the records.
"""

from tensorcore.accuracy.measure import is_fine, less_exact, line, measure, published

__all__ = ["is_fine", "less_exact", "line", "measure", "published"]
