"""The first pass: what the policy says, and whose answers it is compared with."""
