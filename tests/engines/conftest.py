"""Plain assertions in the shipped contract are told as well as those in tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("stream_guard.testing.engine_contract", "stream_guard.testing.cutting_contract")
