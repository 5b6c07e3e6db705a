"""Screens what knowledge bases read from elsewhere, chunk by chunk, before it is indexed."""
