"""The documentation's examples are plugins: they are installed for the length of a test."""

from tests.fixtures.distributions import distributions

__all__ = ["distributions"]
