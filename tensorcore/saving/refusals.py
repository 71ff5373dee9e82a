"""Errors about files, which end with what to do."""

from __future__ import annotations

from tensorcore.errors import FileFormatError


def damaged(problem: str) -> FileFormatError:
    """The error for a file that may have been sound once."""
    return FileFormatError(
        f"{problem}. The file is damaged, or not what its name says: copy it again from where it "
        "was made, or save the model anew"
    )


def hostile(problem: str) -> FileFormatError:
    """The error for a file that only an attacker would make."""
    return FileFormatError(
        f"{problem}. Neither tensorcore nor Keras writes such a file: do not trust it, and save "
        "the model anew where it was made"
    )


def of_another_model(problem: str) -> FileFormatError:
    """The error for a sound file that does not fit the model."""
    return FileFormatError(
        f"{problem}. Build the model for the same input as the one that was saved, with the same "
        "layers"
    )
