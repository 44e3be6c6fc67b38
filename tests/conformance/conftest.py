"""One service a module, with a bucket, and jobs that are killed a moment after they were asked to end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.3
        yield running
