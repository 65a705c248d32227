"""What tests of counting share lies beside them, and is imported by processes of theirs too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
