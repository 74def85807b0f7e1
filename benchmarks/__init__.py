"""What this project costs and how well it does: one subject a module, or a room if it has parts.

``python -m benchmarks`` lists the subjects, ``python -m benchmarks NAME [options]`` measures one,
prints its table and records it in ``results/NAME.json``.
"""
