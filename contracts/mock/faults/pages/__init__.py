"""Servers that cut, number or continue their pages wrongly (clauses PAG): one module a topic, as in `clauses/pages`."""
