"""Tools for before and after a deploy."""
