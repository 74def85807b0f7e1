"""The second step: prompts → samples, and what a server may charge for them."""
