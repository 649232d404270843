"""From an assembled article to HTML, Markdown and JSON-LD."""
