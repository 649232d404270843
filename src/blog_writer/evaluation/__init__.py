"""``make eval``: ten articles in three languages from a made-up web, by the extractive writer, and how good they are."""
