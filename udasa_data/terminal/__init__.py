"""How the command lines of all packages speak: errors, bars, tables."""
