"""What a promotion needs: to read a version and its files in one account, to register and to write in the other.

IAM is asked beforehand where it may be asked, so that nothing is half-written for want of a permission.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.config.settings import Settings, partition
from pipeline.operate.clean import PROMOTED
from pipeline.service_errors import error_code

Document = dict[str, Any]

_ASSUMED: Final = ":assumed-role/"


def policies(source: Settings, target: Settings) -> Mapping[str, Document]:
    """The two policies by environment."""
    reads = [
        _allow("Version", ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"], _registry(source)),
        _allow("Files", ["s3:GetObject"], [f"{_bucket(source)}/{source.prefix}/*"]),
        _allow("List", ["s3:ListBucket"], [_bucket(source)]),
    ]
    actions = ("CreateModelPackage", "CreateModelPackageGroup", "DescribeModelPackage", "DescribeModelPackageGroup")
    registers = [f"sagemaker:{action}" for action in (*actions, "ListModelPackages", "AddTags")]
    writes = [
        _allow("Register", registers, _registry(target)),
        _allow("Copy", ["s3:PutObject", "s3:AbortMultipartUpload"], [f"{_bucket(target)}/{target.prefix}/{PROMOTED}*"]),
    ]
    for settings, statements, verbs in ((source, reads, ["Decrypt"]), (target, writes, ["Decrypt", "GenerateDataKey"])):
        if settings.kms_key and settings.kms_key.startswith("arn:"):
            statements.append(_allow("Key", [f"kms:{verb}" for verb in verbs], [settings.kms_key]))
    documents = {source.environment: reads, target.environment: writes}
    return {name: {"Version": "2012-10-17", "Statement": found} for name, found in documents.items()}


def refused(clients: Clients, document: Document) -> tuple[str, ...] | None:
    """The actions of the policy that the caller may not do; None where IAM does not say."""
    from botocore.exceptions import ClientError

    caller = clients.sts.get_caller_identity()["Arn"]
    try:
        return tuple(sorted(set(_denied(clients, _principal(caller), document))))
    except ClientError as error:
        # Who may not ask, and root and federated users, whom IAM does not simulate.
        if error_code(error) in ("AccessDenied", "AccessDeniedException", "InvalidInput", "NoSuchEntity"):
            return None
        raise


def _denied(clients: Clients, principal: str, document: Document) -> Iterator[str]:
    iam = clients.other("iam")
    for statement in document["Statement"]:
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=principal, ActionNames=statement["Action"], ResourceArns=statement["Resource"]
        )
        for page in pages:
            for result in page["EvaluationResults"]:
                if result["EvalDecision"] != "allowed":
                    yield str(result["EvalActionName"])


def _principal(caller: str) -> str:
    """The role behind a session's ARN; paths of roles are not in it, so those are not found and not judged."""
    if _ASSUMED not in caller:
        return caller
    account, _, session = caller.partition(_ASSUMED)
    return f"{account.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}"


def _registry(settings: Settings) -> list[str]:
    where = f"arn:{partition(settings.region)}:sagemaker:{settings.region}:{settings.account}"
    group = settings.model_group
    # SageMaker has long shown names in ARNs in lower case; IAM tells the two apart.
    return sorted(
        {
            f"{where}:{kind}"
            for name in (group, group.lower())
            for kind in (f"model-package-group/{name}", f"model-package/{name}/*")
        }
    )


def _bucket(settings: Settings) -> str:
    return f"arn:{partition(settings.region)}:s3:::{settings.bucket}"


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}
