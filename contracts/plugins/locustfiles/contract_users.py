"""The locustfile of ``contracts load``, at an address that no folder ``contracts`` of a project can hide."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
try:
    from contracts.plugins.locust import ContractUser
finally:
    del sys.path[0]

__all__ = ["ContractUser"]
