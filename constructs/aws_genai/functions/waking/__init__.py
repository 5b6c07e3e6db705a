"""Calls that a sleeping database keeps waiting."""
