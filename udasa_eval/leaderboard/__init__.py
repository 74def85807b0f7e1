"""The leaderboard: results folders as one table, a page, and a Hub dataset."""
