"""Writes ``docs/settings.md`` from the declarations of the settings: ``python tests/self/settings_list.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from contracts.settings.groups import DOCUMENT, GROUPS, TARGET
from contracts.settings.settings import OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

Each setting is an option of the command line, a variable of the environment, a key of `contracts.toml` (or of
`[tool.contracts]` in a `pyproject.toml`) and an option of pytest: `--max-time`, `CONTRACTS_MAX_TIME`, `max-time` and
`--contract-max-time` are one. The command line counts for more than the environment, and that for more than the file;
`--verbose` shows where each value is from.

- A variable that is empty counts as not set, but `CONTRACTS_BASE_URL` is then refused. One that looks like a slip of
  one of these ends the run.
- What may be given several times is a list in the file, and in a variable one a line.
- A path in the file is seen from the folder of the file. The keys themselves
  stand in none of these places: see [staging](staging.md).
- Settings with a ° may differ between the [targets](deviations.md#several-targets-or-checkpoints) of one file.
"""


def page() -> str:
    """The page that the declarations make."""
    return "\n".join((INTRODUCTION, *_groups()))


def _groups() -> Iterator[str]:
    for heading, names in GROUPS.items():
        yield from (f"## {heading}", "", "| option | |", "|---|---|")
        for name in names:
            if name in OPTIONS:
                option = OPTIONS[name]
                word = f"{option.flagged} {option.metavar or ''}".strip()
                mark = " °" if name in (*TARGET, *DOCUMENT) else ""
                yield f"| `{word}`{mark} | {(option.help or '').replace('|', chr(92) + '|')} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
