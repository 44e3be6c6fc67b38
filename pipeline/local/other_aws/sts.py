"""STS GetCallerIdentity for the service's own key, without moto: clients ask it first, and moto takes 0.4 s to load.

Whoever has the key is the role `pipeline`, so that code which looks for its execution role finds one.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from pipeline.limits import Row
from pipeline.local.http.messages import HttpAnswer
from pipeline.local.http.protocols import request_id
from pipeline.local.other_aws.backend import ROLE

SESSION: Final = "localhost"

PARITY: Final = (
    Row(
        area="other services",
        subject="who the caller is",
        here=f"a session of the role `{ROLE}`, for everybody who has the key",
        aws="the user or role whose credentials sign",
    ),
)


def asks_who(service: str, query: bytes) -> bool:
    """Whether a request, for the service of its scope, is GetCallerIdentity, by its form or its presigned address."""
    return service == "sts" and parse_qs(query.decode("latin-1")).get("Action") == ["GetCallerIdentity"]


def answer(account: str) -> HttpAnswer:
    """The response in STS's XML."""
    request = request_id()
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:sts::{account}:assumed-role/{ROLE}/{SESSION}</Arn>"
        f"<UserId>AROALOCALHOSTPIPELINE:{SESSION}</UserId><Account>{account}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return HttpAnswer(200, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request)], text.encode())
