"""The same clauses under load: Locust runs the users, on as many machines as wanted.

Nothing here imports Locust, which patches the process that imports it: `contracts.plugins.locust` does.
"""
