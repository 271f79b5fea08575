"""A route that tests of the byte layer share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.part10.building import a_route

if TYPE_CHECKING:
    from dicomanon.pipeline import Route


@pytest.fixture(scope="session")
def route() -> Route:
    return a_route()
