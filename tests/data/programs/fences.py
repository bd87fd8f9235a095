"""Issues fencing tokens for one name, as many as said, and prints them."""

import sys

from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences

fences = DatabaseFences(BharatDatabase(EngineOptions(sys.argv[1])))
sys.stdout.write(" ".join(str(fences.issue("nightly")) for _ in range(int(sys.argv[2]))))
