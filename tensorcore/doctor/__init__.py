"""`tensorcore doctor`: what this machine has, what works, and the command that mends what does not.

Each check looks at one thing and says what it found: good, degraded (tensorcore works, but slower
or without something that was asked for) or broken.
"""

from tensorcore.doctor.finding import Finding, verdict
from tensorcore.doctor.report import diagnose

__all__ = ["Finding", "diagnose", "verdict"]
