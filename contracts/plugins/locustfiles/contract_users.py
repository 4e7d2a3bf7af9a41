"""The locustfile of ``contracts load``."""

from contracts.plugins.locust import ContractUser

__all__ = ["ContractUser"]
