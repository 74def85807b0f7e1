"""The arithmetic of uncertainty: pure functions from arrays to arrays, higher is worse.

Every function accepts leading batch dimensions unless it says otherwise.
"""
