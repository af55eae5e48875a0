"""Fills the page of commands from the command line itself, so that the page cannot disagree with it."""

from typing import Any

from typer.main import get_command

from retina_xai.app.cli.main import app

MARKER = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for every page before it is rendered."""
    if MARKER not in markdown:
        return markdown
    return markdown.replace(MARKER, "\n".join(_sections("retina-xai", get_command(app))))


def _sections(name: str, command: Any) -> list[str]:
    if hasattr(command, "commands"):
        return [line for key in command.commands for line in _sections(f"{name} {key}", command.commands[key])]
    lines = [f"## `{name}`", "", _text(command.help), "", "| option | default | meaning |", "|---|---|---|"]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown = f"`{(parameter.metavar or parameter.name).upper()}`"
        else:
            shown = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        lines.append(f"| {shown} | {_default(parameter)} | {_text(parameter.help)} |")
    return [*lines, ""]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
