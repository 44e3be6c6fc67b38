"""The service itself, without HTTP: it holds the parts together and answers actions by name.

The HTTP front, the engine and the tests all come in through `Service.call`, so a step of a pipeline passes the
same checks as a request from a client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.local import request_rules
from pipeline.local.api_errors import UnknownOperationException
from pipeline.local.containers.hosting.hosting import Hosting
from pipeline.local.containers.jobs.job_runner import Jobs
from pipeline.local.engine.execution import Engine
from pipeline.local.kinds import Body
from pipeline.local.request_rules.rule_type import Around
from pipeline.local.request_shapes import check_request
from pipeline.local.service_context import Configuration, ServiceContext
from pipeline.local.state_folder import StateFolder

_log: Final = logging.getLogger(__name__)

Action = Callable[["Service", Body], Body]


class Service(ServiceContext):
    """SageMaker on localhost: jobs, endpoints and executions on a context, and the actions that reach them."""

    def __init__(
        self,
        state: StateFolder,
        configuration: Configuration,
        *,
        address: Callable[[], str],
        actions: Mapping[str, Action],
    ) -> None:
        """`address` answers the URL that jobs reach the service by; `actions` are those of the API, by name."""
        super().__init__(state, configuration, address=address)
        self._actions = actions
        self.jobs = Jobs(self)
        self.hosting = Hosting(self)
        self.engine = Engine(self)

    def call(self, operation: str, request: Mapping[str, Any], *, region: str | None = None) -> Body:
        """Check the request by botocore's model and the rules, then answer it. Raises ApiError.

        `region` is the one that a client signed for; a pipeline's own requests have none, it may be made for any.
        """
        if operation not in self._actions:
            raise UnknownOperationException(f"SageMaker on localhost has no action {operation}.")
        _log.debug("%s", operation)
        self.faults.before(operation)
        checked = check_request(operation, request)
        request_rules.check(operation, checked, Around(region, self.store.get))
        return self._actions[operation](self, checked)

    def recover(self, *, hold: bool = False) -> None:
        """After a restart: make true again, or end with a reason, whatever was running when the service went down.

        With `hold` only jobs are ended; executions and endpoints stay as they are, and no rule or schedule acts.
        """
        if not hold:  # before whatever an execution or an endpoint that goes on has to say
            self.kept.restore()
        self.jobs.recover()
        if not hold:
            self.hosting.recover()
        self.engine.recover(hold=hold)
        if not hold:
            self.due.start()

    def close(self) -> None:
        """Stop executions, jobs and endpoints of this process and close the state; what was acknowledged stays."""
        self.due.close()
        self.starter.close()
        self.engine.close()
        self.jobs.close()
        self.hosting.close()
        self.events.close()
        self.proxy.close()
        self.logs.close()
        self.store.close()
        self.objects.close()
