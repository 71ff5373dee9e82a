"""`tc.profile` and `tensorcore profile`: where the time goes, by layer and operation."""

from tensorcore.profiler.events import Event
from tensorcore.profiler.profile import Profile, profile

__all__ = ["Event", "Profile", "profile"]
