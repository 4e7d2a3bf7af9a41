"""For the suite's own tests: how Hypothesis draws, and the plugin where it is not installed."""

from importlib.metadata import entry_points

import jsonpath_rfc9535  # noqa: F401 - a part of it in Rust is loaded once a process, also where pytester unloads modules
from hypothesis import settings

pytest_plugins = ["pytester"]
if not any(entry.value == "pytest_checkpoint_permissions" for entry in entry_points(group="pytest11")):
    pytest_plugins += ["pytest_checkpoint_permissions"]

settings.register_profile("contracts", derandomize=True, deadline=None, database=None, print_blob=False)
settings.load_profile("contracts")
