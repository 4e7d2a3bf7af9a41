"""A walk through a list that is too long for memory."""
