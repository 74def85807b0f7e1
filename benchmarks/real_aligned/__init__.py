"""The README's whole way with an aligned policy: built, trained with adapters, judged by a server.

`make real-aligned POLICY=FOLDER JUDGE=FOLDER` (Qwen2.5-Instruct of 0.5B and 1.5B, say). On two
cores it takes more than an hour; killed, it resumes. What comes of it is written to docs/real.md:
time and memory of each step, pairs of each stage as they are, and the comparison of before and
after.
"""
