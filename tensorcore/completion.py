"""Scripts by which a shell completes the commands and options of `tensorcore`."""

from __future__ import annotations

import argparse
from typing import Any


def words_of(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Command -> its options and choices; "" for those of `tensorcore` itself."""
    found = {"": [o for action in parser._actions for o in action.option_strings]}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found[""] += list(action.choices)
            for name, command in action.choices.items():
                found[name] = _words(command)
    return found


def _words(command: Any) -> list[str]:
    words = []
    for action in command._actions:
        words += action.option_strings
        if action.choices:
            words += map(str, action.choices)
    return words


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell: "bash", "zsh" or "fish"."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words_of(parser))


def _bash(words: dict[str, list[str]]) -> str:
    cases = [
        f'    {name}) words="{" ".join(options)}" ;;' for name, options in words.items() if name
    ]
    return "\n".join(
        [
            "_tensorcore() {",
            '  local words="" current="${COMP_WORDS[COMP_CWORD]}"',
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            f'    *) words="{" ".join(words[""])}" ;;',
            "  esac",
            f'  [ "$COMP_CWORD" -eq 1 ] && words="{" ".join(words[""])}"',
            '  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))',
            "}",
            "complete -o filenames -F _tensorcore tensorcore",
        ]
    )


def _zsh(words: dict[str, list[str]]) -> str:
    return "\n".join(["autoload -U +X bashcompinit && bashcompinit", _bash(words)])


def _fish(words: dict[str, list[str]]) -> str:
    first = "__fish_use_subcommand"
    lines = [f'complete -c tensorcore -n {first} -a "{" ".join(words[""])}"']
    for name, options in words.items():
        if name and options:
            condition = f'"__fish_seen_subcommand_from {name}"'
            lines.append(f'complete -c tensorcore -n {condition} -a "{" ".join(options)}"')
    return "\n".join(lines)
