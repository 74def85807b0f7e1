"""The page of a run: what is in it (``rows``, ``figures``), and the HTML, CSS and JavaScript."""
