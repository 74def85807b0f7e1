"""How the command lines and the functions of all packages speak: errors, bars, tables."""

from udasa_data.terminal.bars import Bars
from udasa_data.terminal.interruption import Interrupted, note_position
from udasa_data.terminal.notebook import NotebookBars, in_notebook
from udasa_data.terminal.program import SETTINGS, print_json, program
from udasa_data.terminal.running import quiet, run_app
from udasa_data.terminal.screen import Screen, echo, visible
from udasa_data.terminal.tables import print_table
from udasa_data.terminal.watching import Shown, teller, watched
from udasa_data.terminal.wording import python_words

__all__ = [
    "SETTINGS",
    "Bars",
    "Interrupted",
    "NotebookBars",
    "Screen",
    "Shown",
    "echo",
    "in_notebook",
    "note_position",
    "print_json",
    "print_table",
    "program",
    "python_words",
    "quiet",
    "run_app",
    "teller",
    "visible",
    "watched",
]
