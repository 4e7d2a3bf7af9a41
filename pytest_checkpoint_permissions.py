"""The pytest plugin of this package, at an address that no folder ``contracts`` of a project can hide.

It is loaded by its file, so that the name ``contracts`` stays free until somebody imports it: a project that does not
use the suite may well have a package of that name.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location(__name__, Path(__file__).parent / "contracts" / "plugins" / "pytest.py")
if _spec is None or _spec.loader is None:
    raise ImportError(__name__)
# Whoever imports this gets the plugin itself.
sys.modules[__name__] = _plugin = module_from_spec(_spec)
_spec.loader.exec_module(_plugin)
