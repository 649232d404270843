"""What a review may do to a finished article: its passages, what a revision must keep, and how the change is shown."""
