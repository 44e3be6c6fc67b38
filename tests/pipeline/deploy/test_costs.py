"""Costs by a Price List that answers on loopback in the documented form, and the ceiling that an upsert keeps."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import execute
from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.deploy import costs
from pipeline.deploy.prices import Prices, Use
from pipeline.errors import SettingsError
from tests.support.clients import aws_alone, clients_of
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import run
from tests.support.service import local_service

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SETTINGS = Settings(parameters={"EndpointInstanceCount": 2})


def product(usage: str, usd: str, unit: str = "Hrs") -> str:
    """One entry of the Price List, as GetProducts answers it."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}, "appliesTo": []}
    terms = {
        "OnDemand": {"SKU.JRTCKXETXF": {"sku": "SKU", "priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}}}
    }
    attributes = {"servicecode": "AmazonSageMaker", "regionCode": "us-east-1", "usagetype": usage}
    return json.dumps(
        {"product": {"productFamily": "ML Instance", "attributes": attributes, "sku": "SKU"}, "terms": terms}
    )


class PriceList:
    """What is asked, and what is answered by the instance's name; two pages each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, str]] = []
        self.products: dict[str, list[str]] = {}
        self.refuses = False


@contextmanager
def price_list() -> Iterator[PriceList]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
            assert request["ServiceCode"] == "AmazonSageMaker"
            wanted = {item["Field"]: item["Value"] for item in request["Filters"]}
            prices.asked.append(wanted)
            found = prices.products.get(wanted["instanceName"], [])
            first = "NextToken" not in request
            answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": found[:1] if first else found[1:]}
            if first and len(found) > 1:
                answer["NextToken"] = "more"
            if prices.refuses:
                answer = {"__type": "AccessDeniedException", "Message": "no pricing:GetProducts"}
            body = json.dumps(answer).encode()
            self.send_response(400 if prices.refuses else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    prices = PriceList(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield prices
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PriceList, Clients]]:
    with price_list() as prices, aws_alone() as clients:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", prices.url)
        prices.products["ml.m5.large"] = [
            product("USE1-Processing:ml.m5.large", "0.2"),
            product("USE1-Host:ml.m5.large", "0.1150000000"),
            product("USE1-Host:ml.m5.large", "0.0000000000"),
            product("USE1-AsyncHost:ml.m5.large", "0.9"),
            product("USE1-Host:ml.m5.large-Storage", "0.5", "GB-Mo"),
        ]
        yield prices, clients


def test_a_month_of_the_endpoint_is_all_its_instances_all_day(there: tuple[PriceList, Clients], tmp_path: Path) -> None:
    prices, clients = there
    found = costs.costs(clients, SETTINGS, cache=tmp_path, now=NOW)
    assert found.lines == (
        "cost: the endpoint 167.90 USD a month, 2 x ml.m5.large all day (AWS's prices of 2026-11-29)",
    )
    assert prices.asked[0] == {"regionCode": "us-east-1", "instanceName": "ml.m5.large"}


def test_a_price_is_kept_a_week_with_its_date_and_then_asked_again(
    there: tuple[PriceList, Clients], tmp_path: Path
) -> None:
    prices, clients = there

    def asked(later: timedelta) -> str:
        price = Prices(clients, "us-east-1", cache=tmp_path, now=NOW + later).of(Use.HOSTING, "ml.m5.large")
        return f"{price.hourly} of {price.asked}" if price else ""

    assert asked(timedelta()) == asked(timedelta(days=7)) == "0.115 of 2026-11-29"
    assert len(prices.asked) == 2  # the pages of one question
    assert asked(timedelta(days=8)) == "0.115 of 2026-12-07"
    (tmp_path / "prices.json").write_text("[damaged")
    assert asked(timedelta()) == "0.115 of 2026-11-29"


def test_what_has_no_single_price_has_none(there: tuple[PriceList, Clients]) -> None:
    prices, clients = there
    prices.products["ml.c5.large"] = [product("USE1-Host:ml.c5.large", price) for price in ("0.1", "0.2")]
    known = Prices(clients, "us-east-1", cache=None, now=NOW)
    assert [known.of(use, "ml.c5.large") for use in (Use.HOSTING, Use.TRAINING)] == [None, None]


def test_where_prices_may_not_be_asked_nothing_is_said_and_a_ceiling_is_not_passed(
    there: tuple[PriceList, Clients],
) -> None:
    prices, clients = there
    prices.refuses = True
    found = costs.costs(clients, SETTINGS, cache=None, now=NOW)
    assert found.lines == ()
    costs.within_ceiling(found, SETTINGS, local=False)
    with pytest.raises(SettingsError, match="prices could not be asked, so nothing is deployed"):
        costs.within_ceiling(found, SETTINGS.model_copy(update={"monthly_ceiling": 100.0}), local=False)


def test_a_dearer_endpoint_than_the_ceiling_is_refused_with_both_figures(there: tuple[PriceList, Clients]) -> None:
    _, clients = there
    found = costs.costs(clients, SETTINGS, cache=None, now=NOW)
    costs.within_ceiling(found, SETTINGS.model_copy(update={"monthly_ceiling": 167.9}), local=False)
    with pytest.raises(SettingsError, match=r"would cost 167.90 USD a month .* monthly_ceiling is 100.00"):
        costs.within_ceiling(found, SETTINGS.model_copy(update={"monthly_ceiling": 100.0}), local=False)


def test_of_a_serverless_endpoint_a_ceiling_says_that_nobody_knows_its_month() -> None:
    settings = Settings(serverless={"memory_mb": 2048}, monthly_ceiling=100)
    with pytest.raises(SettingsError, match="a serverless endpoint is paid by request"):
        costs.within_ceiling(costs.Costs(), settings, local=False)


def test_an_endpoint_that_scales_is_priced_by_the_most_that_it_may_come_to(there: tuple[PriceList, Clients]) -> None:
    rollout = {"min_instances": 1, "max_instances": 3, "invocations_per_instance": 700}
    found = costs.costs(there[1], Settings(rollout=rollout), cache=None, now=NOW)
    assert "251.85 USD a month, 3 x ml.m5.large all day, the most it scales to" in found.lines[0]


def test_an_execution_is_priced_by_what_the_jobs_of_the_last_one_used(
    there: tuple[PriceList, Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, clients = there
    monkeypatch.setattr(costs, "_last", lambda *_: ("abc", [(Use.PROCESSING, "ml.m5.large", 0.5)]))
    found = costs.costs(clients, SETTINGS, cache=None, now=NOW)
    assert found.lines[0] == "cost: an execution about 0.10 USD, as abc took (AWS's prices of 2026-11-29)"
    monkeypatch.setattr(costs, "_last", lambda *_: ("abc", [(Use.TRAINING, "ml.p9.large", 0.5)]))
    assert costs.costs(clients, SETTINGS, cache=None, now=NOW).execution is None


def test_the_last_execution_tells_what_its_jobs_used(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        local.s3.create_bucket(Bucket=BUCKET)
        ran = run(local, evaluated(local, "demo"))
        like, used = costs._last(clients_of(local), "demo")
        assert costs._last(clients_of(local), "nowhere") == ("", [])
    assert ran["PipelineExecutionArn"].endswith(like)
    ((use, instance, hours),) = used
    assert (use, instance) == (Use.PROCESSING, "ml.m5.large") and 0 < hours < 1


def test_an_upsert_above_the_ceiling_writes_nothing(
    there: tuple[PriceList, Clients],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    _, clients = there
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    clients.s3.create_bucket(Bucket=BUCKET)
    settings = ["--set", f"bucket={BUCKET}", "--set", "monthly_ceiling=80"]
    assert execute(["upsert", *settings]) == 1
    said = capsys.readouterr()
    assert "cost: the endpoint 83.95 USD a month, 1 x ml.m5.large all day" in said.out
    assert "would cost 83.95 USD a month" in said.err and "monthly_ceiling is 80.00" in said.err
    assert clients.sagemaker.list_pipelines()["PipelineSummaries"] == []


def test_on_localhost_nothing_is_asked_and_nothing_said(there: tuple[PriceList, Clients], tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        assert costs.costs(clients_of(local), SETTINGS, cache=None, now=NOW) == costs.Costs()
    assert there[0].asked == []
