"""Servers that let in whom they should not, or tell too much at the door (clauses SEC): as in `clauses/access`."""
