"""What plugin authors import to test what they wrote: conformance suites, a small real platform, a pytest plugin.

Needs `pip install bharat[testing]`; the product itself never imports pytest. A suite is a class: subclass it in a test file and
override the fixture that builds the backend. Put `pytest_plugins = ["bharat.testing.plugin"]` into the conftest.
"""

import pytest

# Before any of them is imported: only then does a failing `assert` in a suite show its values in the author's own run.
pytest.register_assert_rewrite(
    "bharat.testing.suite",
    "bharat.testing.presigned",
    "bharat.testing.storage",
    "bharat.testing.sessions",
    "bharat.testing.locks",
    "bharat.testing.cache",
    "bharat.testing.limits",
    "bharat.testing.mail",
    "bharat.testing.jobs",
    "bharat.testing.vectors",
    "bharat.testing.embeddings",
)
