"""The fixture `clever`: an emulator for each test that takes it."""

from __future__ import annotations

from typing import Iterator

import pytest

from . import Emulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clever(*args): options of clever-emulator for the fixture `clever`")


@pytest.fixture
def clever(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A Clever of the test's own; the mark `clever` gives it options."""
    # The nearest mark comes first: options of a test follow those of its file, and the last one of a kind counts.
    marks = reversed(list(request.node.iter_markers("clever")))
    args = [str(one) for mark in marks for one in mark.args]
    with Emulator(*args) as emulator:
        yield emulator
