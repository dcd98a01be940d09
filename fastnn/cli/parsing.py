"""The command line's own parser: a name that there is not is answered with the one that is most like it."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from fastnn._base.arguments import nearest

CALLED = {  # elsewhere
    "lr": "--learning-rate",
    "wd": "--weight-decay",
    "label": "--target",
    "delimiter": "--sep",
    "output": "--out",
    "layers": "--hidden",
    "type": "--task",
    "proba": "--probabilities",
}
COMMANDS = {  # elsewhere
    "explain": "evaluate MODEL DATA --report PAGE.html",
    "score": "evaluate",
    "test": "evaluate",
    "fit": "train",
    "infer": "predict",
    "convert": "export",
    "search": "tune",
    "benchmark": "bench",
    "show": "info",
    "help": "--help",
}
USAGE_LINES = 4  # of more a line tells only what has to be there
CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """``argparse``'s, with guesses in its errors."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ``argparse``'s, where an option that a command has not is that command's error."""
        found, rest = super().parse_known_args(args, namespace)
        for came in rest:
            name = came.partition("=")[0]
            if name.startswith("--") and len(name) > 2:
                known = [option for action in self._actions for option in action.option_strings]
                meant = CALLED.get(name.strip("-"), "")
                hint = f" (did you mean {meant!r}?)" if meant in known else nearest(name, known)
                self.error(f"there is no option {name}{hint}; {self.prog} --help lists all")
        if rest and getattr(found, "data", None) is not None:
            self.error(
                f"there is one DATA, and got {rest[0]!r}, too; several files of a table are a folder of them or a "
                f"pattern in quotes, such as 'data/*.csv'"
            )
        return found, rest

    def error(self, message: str) -> NoReturn:
        """End with the usage and this message; of a choice that there is not, with the one that is most like it."""
        choice = CHOICE.search(message)
        if choice:
            known = [name.strip(" '") for name in choice[2].split(",")]
            meant = COMMANDS.get(choice[1]) if "argument COMMAND" in message else None
            hint = f" (did you mean '{self.prog} {meant}'?)" if meant else nearest(choice[1], known)
            message = message.replace(" (choose from", f"{hint} (choose from", 1)
        super().error(message)

    def format_usage(self) -> str:
        """The usage, without its options where these would take a screen and hide what an error says below it."""
        whole = super().format_usage()
        if whole.count("\n") <= USAGE_LINES:
            return whole
        places = [action.metavar or action.dest for action in self._actions if not action.option_strings]
        return f"usage: {self.prog} [options] {' '.join(map(str, places))}\n"
