"""AWS's prices of SageMaker's instances, by the Pricing API, kept for a week with their date; none is ever guessed.

A price is what the Price List has for one usage type of one instance in one region, on demand, in USD an hour. Where
the API may not be asked, or does not name exactly one price, there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients

KEPT_FOR: Final = timedelta(days=7)
_FILE: Final = "prices.json"
_SERVICE: Final = "AmazonSageMaker"
_API_REGIONS: Final = {"cn-": "cn-northwest-1"}
"""Where the API is, by what regions begin with; us-east-1 for all others."""


class Use(StrEnum):
    """What an instance is used for, by the word that its usage type has: `USE1-Host:ml.m5.large`."""

    HOSTING = "Host"
    TRAINING = "Train"
    PROCESSING = "Processing"
    TRANSFORM = "Tsform"


@dataclass(frozen=True)
class Price:
    """USD an hour, as the API said it that day."""

    hourly: float
    asked: date


class Prices:
    """The prices of one region. What the API could not say is asked once in a process."""

    def __init__(self, clients: Clients, region: str, *, cache: Path | None, now: datetime) -> None:
        """`cache` is the folder that keeps them, if there is one."""
        self._clients = clients
        self._region = region
        self._file = cache / _FILE if cache else None
        self._now = now
        self._known = self._kept()
        self._closed = False

    def of(self, use: Use, instance: str) -> Price | None:
        """The price, or None where it cannot be asked."""
        key = f"{self._region} {use} {instance}"
        kept = self._known.get(key)
        if kept is None and not self._closed:
            kept = self._asked(use, instance)
            if kept is not None:
                self._known[key] = kept
                self._keep()
        return kept

    def _asked(self, use: Use, instance: str) -> Price | None:
        from botocore.exceptions import BotoCoreError, ClientError

        wanted = {"regionCode": self._region, "instanceName": instance}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
        try:
            pages = self._client().get_paginator("get_products").paginate(ServiceCode=_SERVICE, Filters=filters)
            products = [json.loads(text) for page in pages for text in page["PriceList"]]
        except (BotoCoreError, ClientError):
            self._closed = True
            return None
        found = {price for product in products for price in _on_demand(product, use, instance)}
        return Price(found.pop(), self._now.date()) if len(found) == 1 else None

    def _client(self) -> Any:
        from botocore.config import Config

        region = next((at for prefix, at in _API_REGIONS.items() if self._region.startswith(prefix)), "us-east-1")
        # A plan without prices is better than one that waits for them.
        quick = Config(retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=10)
        return self._clients.session.client("pricing", region_name=region, config=quick)

    def _kept(self) -> dict[str, Price]:
        oldest = (self._now - KEPT_FOR).date()
        try:
            entries = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            read = {
                key: Price(float(item["hourly"]), date.fromisoformat(item["asked"])) for key, item in entries.items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}
        return {key: price for key, price in read.items() if oldest <= price.asked <= self._now.date()}

    def _keep(self) -> None:
        if self._file is None:
            return
        entries = {key: {"hourly": item.hourly, "asked": item.asked.isoformat()} for key, item in self._known.items()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(entries, indent=2), encoding="utf-8")
        except OSError:
            return  # it is asked again


def _on_demand(product: Any, use: Use, instance: str) -> Iterator[float]:
    """The hourly prices of a product of the Price List, if it is that use of that instance."""
    usage = str(product.get("product", {}).get("attributes", {}).get("usagetype", ""))
    if not re.fullmatch(rf"([A-Z0-9]+-)?{use}:{re.escape(instance)}", usage):
        return
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            if dimension.get("unit") in ("Hrs", "Hours") and float(dimension.get("pricePerUnit", {}).get("USD", 0)) > 0:
                yield float(dimension["pricePerUnit"]["USD"])
