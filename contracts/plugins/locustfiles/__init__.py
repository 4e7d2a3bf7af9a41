"""Locustfiles: in a folder of their own, because Locust imports from the folder of one."""
