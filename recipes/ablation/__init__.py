"""Is it the staging? Controls of a staged run, trained at equal numbers of steps, and compared."""
