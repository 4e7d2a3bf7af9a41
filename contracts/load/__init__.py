"""The same clauses while many clients ask at once; Locust asks, and knows how many on how many machines.

Nothing here imports Locust, which patches the process that imports it: `contracts.plugins.locust` does.
"""
