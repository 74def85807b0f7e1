"""Where files are: local folders, object stores, the Hub, and models on any of them."""
