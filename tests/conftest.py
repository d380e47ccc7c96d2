"""Fixtures: real PostgreSQL servers, one per major and test process, and a fresh database for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import support
from tests.support import Database


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "matrix: runs once on every PostgreSQL major that this machine can start")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "postgres_major" in metafunc.fixturenames:
        found = [pytest.param(major, marks=pytest.mark.matrix, id=f"pg{major}") for major in support.majors()]
        metafunc.parametrize("postgres_major", found)


@pytest.fixture(scope="session", autouse=True)
def _servers_end_with_the_tests() -> Iterator[None]:
    yield
    support.stop_servers()


def _fresh(major: int) -> Iterator[Database]:
    made = support.create_database(major)
    yield made
    support.drop_database(made)


@pytest.fixture
def database() -> Iterator[Database]:
    """A fresh database on the newest major of the demo extra (18, all contrib extensions at hand)."""
    yield from _fresh(max(support.WHEEL_MAJORS))


@pytest.fixture
def matrix_database(postgres_major: int) -> Iterator[Database]:
    """A fresh database on each major in turn; use ``postgres_major`` beside it for the version."""
    yield from _fresh(postgres_major)


@pytest.fixture
def pair() -> Iterator[tuple[Database, Database]]:
    """Fresh (local, production) databases on two majors: local is the newer one, as laptops tend to be."""
    local, production = support.create_database(18), support.create_database(16)
    yield local, production
    support.drop_database(local)
    support.drop_database(production)
