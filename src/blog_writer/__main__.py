"""``python -m blog_writer``."""

from blog_writer.cli import main

if __name__ == "__main__":
    main()
