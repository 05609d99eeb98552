"""Write the schema of every command into a directory: ``python -m sealgate.schemas.writing DIR``.

A file stands alone: it holds every shape that it points to, and names no other file.
"""

import json
import sys
from pathlib import Path

from sealgate.schemas.commands import COMMANDS, DEFS, Output
from sealgate.schemas.shapes import Schema, pointed, ref

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_name(command: str) -> str:
    """Name the file of a command."""
    return command.replace(" ", "-") + ".json"


def schema(command: str) -> Schema:
    """Return the schema of what a command prints."""
    output = COMMANDS[command]
    return {
        "$schema": DIALECT,
        "$id": f"urn:sealgate:schema:{command.replace(' ', '-')}:1",
        "title": f"sealgate {command} --json",
        "description": _described(output),
        "oneOf": [ref(name) for name in output.shapes],
        "$defs": {name: DEFS[name] for name in sorted(_needed(output))},
    }


def as_text(command: str) -> str:
    """Write the schema of a command as its file has it."""
    return json.dumps(schema(command), indent=2, ensure_ascii=False) + "\n"


def _described(output: Output) -> str:
    if output.is_lines:
        return "Each line of the output is a document of its own."
    return "The output is one document."


def _needed(output: Output) -> set[str]:
    """Return the names of all shapes that an output is made of."""
    found: set[str] = set()
    wanted = set(output.shapes)
    while wanted:
        found |= wanted
        wanted = set[str]().union(*(pointed(DEFS[name]) for name in wanted)) - found
    return found


def main() -> None:
    """Write the files."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for command in COMMANDS:
        (directory / file_name(command)).write_text(as_text(command), "utf-8")


if __name__ == "__main__":
    main()
