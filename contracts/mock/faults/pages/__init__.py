"""Servers that cut, number or continue their pages wrongly (clauses PAG): one module a topic, as in `clauses/pages`."""

from contracts.mock.faults.pages import content, cursors, ends, has_more, repetition, size, walks

__all__ = ["content", "cursors", "ends", "has_more", "repetition", "size", "walks"]
