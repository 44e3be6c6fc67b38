"""ClientRequestToken, ClientToken: the same request with the same token is done once and answered twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.limits import Row
from pipeline.local.api_errors import ConflictException
from pipeline.local.kinds import Body
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="requests",
        subject="a ClientRequestToken or ClientToken used again with another request",
        here="ConflictException",
        aws="refused; code and text not established",
    ),
)


def once(
    service: Service,
    operation: str,
    request: Body,
    work: Callable[[], Body],
    *,
    member: str = "ClientRequestToken",
    made: str = "",
) -> tuple[Body, bool]:
    """The answer of `work`, done in one transaction, or the answer to the same request before; and whether it is new.

    A token ends with what it `made`, the member of the answer that holds its ARN: asked again, it is made again.
    Raises ConflictException if the token was used for another request.
    """
    token = request.get(member)
    asked = {key: value for key, value in request.items() if key != member}
    with service.store.transaction():
        found = service.store.answered(operation, token) if token is not None else None
        if found is not None and not (made and service.store.by_arn(found[1][made]) is None):
            if found[0] != asked:
                raise ConflictException(f"The {member} {token} was used for another {operation} request.")
            return found[1], False
        answer = work()
        if token is not None:
            service.store.answer(operation, token, asked, answer)
        return answer, True
