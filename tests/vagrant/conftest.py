"""The acceptance run is tried on the lab."""

from tests.lab.conftest import able, in_own_namespaces

__all__ = ["able", "in_own_namespaces"]
