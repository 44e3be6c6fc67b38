"""IAM's SimulatePrincipalPolicy, which the SageMaker SDK asks before it uses a role and which moto lacks.

Nothing is refused on localhost, so every action is allowed; the parity table says so.
"""

from __future__ import annotations

from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from pipeline.local.http.messages import HttpAnswer
from pipeline.local.http.protocols import request_id

ACTION = "SimulatePrincipalPolicy"


def is_simulation(body: bytes) -> bool:
    """Whether the body of a request to IAM is a simulation."""
    return f"Action={ACTION}".encode() in body.split(b"&")


def allowed(body: bytes) -> HttpAnswer:
    """The answer that allows each action that the request names."""
    given = parse_qsl(body.decode("utf-8", "replace"))
    actions = [value for name, value in given if name.startswith("ActionNames.member.")]
    results = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalDecision>allowed</EvalDecision>"
        "<EvalResourceName>*</EvalResourceName></member>"
        for action in actions
    )
    text = (
        f'<{ACTION}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{ACTION}Result>'
        f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults></{ACTION}Result>"
        f"<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata></{ACTION}Response>"
    )
    return HttpAnswer(200, [("Content-Type", "text/xml")], text.encode())
