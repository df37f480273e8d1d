"""Prints the commands that update the calling shell's environ, and what is new about overlays."""

from __future__ import annotations

import os
import sys

from conda_overlay.activation import (
    engine,
    locate,
    notice,
    shells,
    switch,
    trust,
)

LAYERS = ".layers"
"""Stands for a shell where an overlay's interpreter asks for the layers around it."""


def main(arguments: list[str]) -> int:
    """Print the commands for a shell to stdout, and refusals and notices to stderr.

    Args:
        arguments: the name of the shell, then options, each with a percent-encoded value; or
            `LAYERS` and the words of an overlay's interpreter.
    """
    if arguments[0] == LAYERS:
        return _put_in_front(*map(shells.percent_decode, arguments[1:]))
    shell = shells.SHELLS[arguments[0]]
    options: dict[str, list[str]] = {"--dir": [], "--owner": [], "--no-user-site": []}
    for option, value in zip(arguments[1::2], arguments[2::2], strict=True):
        options[option].append(shells.percent_decode(value))
    hide_user_site = bool(options["--no-user-site"])
    outcome = engine.reconcile(os.environ, options["--dir"], options["--owner"], hide_user_site)
    for overlay, reason in outcome.news.items():
        _say(f"{overlay} is not used: {reason}.")
    seen = os.isatty(2)  # not in a batch job
    if outcome.diff and not outcome.news:
        import time

        today = time.strftime("%Y-%m-%d")
        for layer in outcome.layers:
            if news := notice.news(layer.overlay, layer.prefix, today, seen=seen):
                _say(f"{layer.overlay}: {'; '.join(news)}; see: conda overlay status")
        if outcome.layers and options["--dir"]:  # else there are no layers of others
            from conda_overlay.activation import layer_news

            labels = locate.labels(options["--dir"], os.environ)
            first = locate.expand(options["--dir"], os.environ)[0]
            names = {path: label for label, path in labels.items()}
            for text in layer_news.news(outcome.layers, first, names, seen=seen):
                _say(text)
    prefix = "" if switch.is_off(os.environ) else os.environ.get("CONDA_PREFIX", "")
    if prefix and (news := notice.news_of_fork(prefix, seen=seen)):
        _say(f"{prefix}: {'; '.join(news)}; see: conda overlay status")
    if prefix and not outcome.refused and prefix not in {one.prefix for one in outcome.layers}:
        _say_what_moved(prefix, options, seen=seen)
    sys.stdout.buffer.write(os.fsencode(shell.render(outcome.diff)))
    return 0


def _put_in_front(prefix: str, owners: str, *overlays: str) -> int:
    """Print the commands for sh that put layers in front: see `engine.put_in_front`."""
    outcome = engine.put_in_front(os.environ, prefix, overlays, owners.split(","))
    for overlay, reason in outcome.news.items():
        _say(f"{overlay} is not used: {reason}.")
    sys.stdout.buffer.write(os.fsencode(shells.SHELLS["posix"].render(outcome.diff)))
    return 0


def _say_what_moved(prefix: str, options: dict[str, list[str]], *, seen: bool) -> None:
    """Name overlays that may be meant for an environment that has none."""
    directories = locate.expand(options["--dir"], os.environ)
    directories = [directory for directory in directories if os.path.isdir(directory)]
    if not directories:
        return
    from conda_overlay.activation import moved

    for one in moved.relatives(prefix, directories, trust.trusted_owners(options["--owner"])):
        for text in notice.news_of_relative(one.overlay, prefix, one.sentence(prefix), seen=seen):
            _say(f"{text}; to use it here: conda overlay rebase")


def _say(text: str) -> None:
    """Print a line to stderr."""
    text = shells.visible(text, keep="")
    sys.stderr.buffer.write(os.fsencode(f"conda-overlay: {text}\n"))
