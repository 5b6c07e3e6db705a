"""Prepares stacks for their deletion, deletes them, and deletes what remains after them."""
