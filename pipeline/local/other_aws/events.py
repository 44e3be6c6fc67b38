"""SageMaker's events, given to moto's EventBridge, whose rules deliver them to queues and log groups.

Emitting never waits and never fails: a thread delivers in order. A rule with a pipeline as target starts it here,
since moto knows no such target. As long as no client has spoken to EventBridge there can be no rule, and
nothing is loaded.
"""

from __future__ import annotations

import copy
import json
import logging
import queue
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.kinds import Body
from pipeline.local.other_aws import moto_state

_log: Final = logging.getLogger(__name__)

Starter = Callable[[Body, Body], None]
Call = Callable[[str, Body], Body]

PARITY: Final = (
    Row(
        area="events",
        subject="targets of EventBridge rules",
        here="SQS queues, SNS topics, log groups, event buses, pipelines; others get no event",
        aws="over 20 kinds",
    ),
    Row(
        area="events",
        subject="API destinations",
        here="what would be sent is on the console's page of messages and in the log; nothing leaves this machine",
        aws="called by HTTPS",
    ),
)

DESTINATION: Final = "api-destination/"
SCHEDULED: Final = "aws.events"
"""The source of the events of rules that have become due."""

_MODULE: Final = "moto.events.models"
_TOKEN: Final = re.compile(r"\\[*\\]|.", re.DOTALL)
_starters: dict[tuple[str, str], Starter] = {}
_told: dict[tuple[str, str], deque[Message]] = {}
_MOST_MESSAGES: Final = 200


@dataclass(frozen=True)
class Message:
    """What somebody was told by a rule: when, which topic or webhook, and the text."""

    when: float
    to: str
    text: str


class Events:
    """Emits to the rules of one account and region."""

    def __init__(self, account: str, region: str, call: Call) -> None:
        """`call` answers an action of the SageMaker API by its name."""
        self._account, self._region = account, region
        self._call = call
        self._queue: queue.SimpleQueue[Body | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        _starters[account, region] = self._start_pipeline
        self.told = _told[account, region] = deque(maxlen=_MOST_MESSAGES)
        """The latest messages of rules, the newest last."""

    def emit(self, detail_type: str, resources: list[str], detail: Body) -> None:
        """Give an event of source `aws.sagemaker` to the rules that match it."""
        if _MODULE not in sys.modules:
            return
        self._queue.put(
            {
                "Source": "aws.sagemaker",
                "DetailType": detail_type,
                "Resources": resources,
                "Detail": json.dumps(detail),
            }
        )
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """What was emitted before is still delivered."""
        self._queue.put(None)

    def _deliver(self) -> None:
        moto = moto_state.backend("events", self._account, self._region)
        while True:
            event = self._queue.get()
            if event is None:
                return
            try:
                moto.put_events([event])
            except Exception as error:  # nothing that goes wrong in moto may end the thread
                _log.error("%s was not delivered: %s", event["DetailType"], error)

    def _start_pipeline(self, target: Body, event: Body) -> None:
        given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
        parameters = [{"Name": item["Name"], "Value": _of_event(item["Value"], event)} for item in given]
        self._call(
            "StartPipelineExecution",
            {
                "PipelineName": target["Arn"],
                "PipelineParameters": parameters,
                "ClientRequestToken": f"{event['id']}-{target['Id']}"[:128],
            },
        )


def complete_moto() -> None:
    """Let moto's rules start pipelines, put the account into their events, and be disabled; each target is on its own.

    An event is sent to one target after another: one that moto does not know must not keep it from the others. A
    pattern with wildcards is matched in one pass, since moto's regular expression would hold the whole service up.
    """
    from moto.events.models import EventPattern, Rule
    from moto.events.utils import EventTemplateParser

    with moto_state.IMPORTING:
        if getattr(Rule, "starts_pipelines", False):
            return
        moto_sends = Rule.send_to_targets
        template = EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE
        if "<account>" not in template:
            template = template.replace('"region":', '"account": "<account>", "region":')
            EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE = template

        def send_to_targets(self: Any, original_event: Body, transform_input: bool = True) -> None:
            # A rule with a schedule alone waits for its time: moto would take no pattern for any event.
            due = original_event["source"] == SCHEDULED and self.arn in original_event["resources"]
            pattern = self.event_pattern
            matches = bool(pattern.get_pattern()) and pattern.matches_event(original_event)
            if self.state == "DISABLED" or not (due or matches):
                return
            for target in self.targets:
                single = copy.copy(self)
                single.targets, single.event_pattern = [target], EventPattern.load(None)
                try:
                    if is_pipeline(target):
                        start_pipeline(target, original_event)
                    elif ":sns:" in target["Arn"]:
                        _publish(target, original_event)
                    elif DESTINATION in target["Arn"]:
                        _tell(target["Arn"], _message(target.get("InputTransformer"), original_event))
                    else:
                        moto_sends(single, original_event, transform_input)
                except Exception as error:  # moto raises whatever it likes for what it lacks
                    _log.error("nothing was sent to %s: %s", target["Arn"], error)

        EventPattern._wildcard_match = staticmethod(matches_wildcards)
        Rule.send_to_targets = send_to_targets
        Rule.starts_pipelines = True


def matches_wildcards(text: Any, pattern: Any) -> bool:
    """Whether a text is what the pattern says, in which `*` is any text, `\\*` an asterisk and `\\\\` a backslash."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        return False
    pieces = [""]
    for token in _TOKEN.findall(pattern):
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += token[1:] if token in ("\\*", "\\\\") else token
    first, *middle = pieces
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:  # the earliest place of each leaves most room for the next
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _of_event(value: str, event: Body) -> str:
    """A parameter's value: a JSONPath stands for what it finds in the event. Raises LookupError for nothing."""
    if not value.startswith("$."):
        return value
    if (found := _at(value, event)) is None:
        raise LookupError(f"the event has no {value}")
    return found


def _at(path: str, event: Any) -> str | None:
    """What `$.detail.items[0].name` finds in an event, as text; None for nothing. EventBridge takes no other paths."""
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        if name:
            event = event.get(name) if isinstance(event, dict) else None
        else:
            event = event[int(index)] if isinstance(event, list) and int(index) < len(event) else None
    return None if event is None else event if isinstance(event, str) else json.dumps(event)


def _publish(target: Body, event: Body) -> None:
    """Give a topic the message of the target's template, or the event. Raises moto's errors."""
    message = _message(target.get("InputTransformer"), event)
    _tell(target["Arn"], message)
    _, _, _, region, account, _ = target["Arn"].split(":", 5)
    moto_state.backend("sns", account, region).publish(message, target["Arn"])


def _tell(arn: str, message: str) -> None:
    """Keep a message for the log and the console; a webhook gets no other."""
    _, _, _, region, account, name = arn.split(":", 5)
    to = name.removeprefix(DESTINATION).partition("/")[0]
    _log.info("to %s: %s", to, message)
    if (told := _told.get((account, region))) is not None:
        told.append(Message(time.time(), to, message))


def _message(transformer: Body | None, event: Body) -> str:
    """The text of a template that is a JSON string; what a path does not find is left out, as AWS leaves it."""
    if not transformer:
        return json.dumps(event)
    template = transformer["InputTemplate"]
    message = json.loads(template) if template.startswith('"') else template
    for name, path in transformer.get("InputPathsMap", {}).items():
        found = _at(path, event) or ""
        # Within an object it stands in a string.
        message = message.replace(f"<{name}>", json.dumps(found)[1:-1] if message.startswith("{") else found)
    return str(message)


def is_pipeline(target: Body) -> bool:
    """Whether a target is a pipeline."""
    return ":sagemaker:" in target["Arn"] and ":pipeline/" in target["Arn"]


def start_pipeline(target: Body, event: Body) -> None:
    """Start the pipeline that is the target. Raises LookupError, ApiError."""
    _, _, _, region, account, _ = target["Arn"].split(":", 5)
    starter = _starters.get((account, region))
    if starter is None:
        raise LookupError("no service here has this pipeline")
    starter(target, event)
