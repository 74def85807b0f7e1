"""Publishing: the Hub-shaped dataset folder and its card."""
