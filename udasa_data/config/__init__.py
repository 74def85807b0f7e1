"""How a build is configured: its sections, presets by model, and strict YAML."""
