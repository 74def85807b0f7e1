"""The second pass: judges, rules, and what their numbers come to."""
