"""A service with the foreign image, and an endpoint of AWS's golden model, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.service import LocalService, local_service
from tests.support.serving import (
    Deployer,
    register_foreign,
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("hosting")
    register_foreign(folder)
    with local_service(folder) as running:
        yield running


@pytest.fixture(scope="module")
def deployer(local: LocalService) -> Deployer:
    return Deployer(local)


@pytest.fixture(scope="module")
def golden(deployer: Deployer) -> str:
    deployer.configuration("golden", deployer.model("golden"))
    assert deployer.endpoint("golden", "golden")["EndpointStatus"] == "InService"
    return "golden"
