"""How the command lines of all packages speak: errors, bars, tables."""

from udasa_data.terminal.bars import Bars
from udasa_data.terminal.interruption import Interrupted, note_position
from udasa_data.terminal.notebook import NotebookBars, in_notebook
from udasa_data.terminal.program import SETTINGS, print_json, program
from udasa_data.terminal.running import quiet, run_app
from udasa_data.terminal.screen import Screen, echo, visible
from udasa_data.terminal.tables import print_table

__all__ = [
    "SETTINGS",
    "Bars",
    "Interrupted",
    "NotebookBars",
    "Screen",
    "echo",
    "in_notebook",
    "note_position",
    "print_json",
    "print_table",
    "program",
    "quiet",
    "run_app",
    "visible",
]
