"""Writing without a model: ranks the sentences of pages and composes articles from them, inventing nothing.

All modules here are pure functions of a task's fields: same task, same result.
"""
