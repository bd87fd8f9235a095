"""The assembled application knows every table of the core, whatever else was imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.fixtures.schema import core_schema

PROGRAM = """
import json
from bharat.app import load_plugins, schema_of
from bharat.config import load
print(json.dumps(sorted(schema_of(load_plugins(load(None, {}))).metadata.tables)))
"""


def test_a_new_process_knows_every_table_of_the_core(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert json.loads(run.stdout) == sorted(core_schema().metadata.tables)
