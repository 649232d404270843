"""One file for each thing outside: it maps the outside's types and errors to ours."""
