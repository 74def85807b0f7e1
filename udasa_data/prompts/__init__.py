"""The first step: files and Hub datasets → the prompts table."""
