"""Judges a server of “List checkpoint permissions” by its published contract."""
