"""Settings and parameters to the SageMaker pipeline: the one place that knows every step, and how they join.

Importing this module imports the SageMaker SDK, which takes seconds and needs a region set; go through
`pipeline.compose.compose`, which sees to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.core import image_uris
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import Step

from pipeline.config.algorithm import IMAGE, hyperparameters
from pipeline.config.parameters import Parameter, Type
from pipeline.config.rollout import SCALING
from pipeline.config.settings import Settings
from pipeline.errors import SettingsError
from steps.check_deploy import check_deploy
from steps.check_metrics import GATES, NEVER_WORSE, bounds, check_metrics
from steps.compare_approved import compare_approved
from steps.configure_endpoint import configure_endpoint
from steps.context import Context
from steps.convert import FEATURIZER, convert, output_uri
from steps.create_model import containers, create_model
from steps.deploy_endpoint import deploy_endpoint
from steps.evaluate import evaluate
from steps.inspect_data import BASELINE, inspect_data
from steps.predict import predict
from steps.register import register
from steps.reject import reject
from steps.rollout_endpoint import rollout_endpoint
from steps.train import CHANNELS, train
from steps.validate_endpoint import validate_endpoint

# The version of AWS's scikit-learn image that serves the treatment of tables.
_SCRIPT_IMAGE: Final = "sklearn:1.9-0"


def build(settings: Settings, session: PipelineSession, *, code_uri: str) -> Pipeline:
    """The pipeline; `code_uri` is the S3 prefix of the uploaded scripts."""
    context = context_of(settings, session, code_uri)
    task = settings.task.predictor_type
    table = settings.features == "table"
    p = {parameter.name: variable(parameter) for parameter in settings.declared}

    raw = {
        "data": p["InputDataUrl"],
        "task": task,
        "positive_class": p.get("PositiveClass"),
        "label_column": p["LabelColumn"],
        "header": p["CsvHeader"],
        "columns": p["Features"],
        "seed": p["SplitSeed"].to_string(),
        "table": table,
        "cache_generation": p["CacheGeneration"].to_string(),
    }
    script = {"instance_type": p["ProcessingInstanceType"]}
    inspected = inspect_data(context, **raw, **script)
    converted = convert(
        context,
        **raw,
        **script,
        instance_count=p["ProcessingInstanceCount"],
        baseline=output_uri(inspected, BASELINE),
        parts=p["TrainingInstanceCount"].to_string(),
    )
    trained = train(
        context,
        channels={name: output_uri(converted, name) for name in CHANNELS},
        hyperparameters=hyperparameters(settings.task, p),
        input_mode=settings.training_input_mode,
        instance_type=p["TrainingInstanceType"],
        instance_count=p["TrainingInstanceCount"],
    )
    artifact = trained.properties.ModelArtifacts.S3ModelArtifacts
    featurizer = Join(on="/", values=[output_uri(converted, FEATURIZER), "model.tar.gz"]) if table else None
    serving = containers(context, artifact=artifact, featurizer=featurizer)
    model = create_model(context, serving=serving)
    predicted = predict(
        context,
        model_name=model.properties.ModelName,
        features=output_uri(converted, "features"),
        raw=table,
        instance_type=p["TransformInstanceType"],
        instance_count=p["TransformInstanceCount"],
    )
    test_set = {
        "features": output_uri(converted, "features"),
        "predictions": predicted.properties.TransformOutput.S3OutputPath,
        "labels": output_uri(converted, "labels"),
    }
    compared = {**test_set, "task": task}
    gates = [(gate, p[gate.threshold]) for gate in GATES[task]]
    explained = {"model": artifact, "featurizer": featurizer, "inspection": output_uri(converted, "inspection")}
    explained["slice_column"] = settings.slice_column
    evaluated = evaluate(context, **compared, **explained, gates=bounds(gates), **script)
    against = []
    if never_worse := p.get(NEVER_WORSE.threshold):
        against = [
            compare_approved(
                context,
                **compared,
                group=p["ModelPackageGroupName"],
                gates=bounds(gates),
                max_regression=never_worse.to_string(),
                instance_type=p["ProcessingInstanceType"],
            )
        ]
        gates = [*gates, (NEVER_WORSE, never_worse)]

    registered = register(
        context,
        serving=serving,
        evaluation=output_uri(evaluated, "evaluation"),
        training_job=trained.properties.TrainingJobName,
        task=task,
        group=p["ModelPackageGroupName"],
        approval_status=p["ModelApprovalStatus"],
        comparison=output_uri(against[0], "comparison") if against else None,
        test_set=test_set,
        baseline=output_uri(inspected, BASELINE),
    )
    checked = check_metrics(gates=gates, passed=[registered], failed=[reject(compared=bool(against))])

    deployed, named = deployed_as_wished(context, settings, p, model.properties.ModelName)
    validated = validate_endpoint(
        context,
        instance_type=p["ProcessingInstanceType"],
        task=task,
        test_set=test_set,
        serves=registered.properties.ModelPackageArn,
        **named,
    )
    deployment = check_deploy(deploy=p["Deploy"], steps=[*deployed, validated], after=registered)

    return Pipeline(
        name=settings.name,
        parameters=list(p.values()),
        steps=[inspected, converted, trained, model, predicted, evaluated, *against, checked, deployment],
        sagemaker_session=session,
    )


def deployed_as_wished(
    context: Context, settings: Settings, p: Mapping[str, Any], model_name: Any
) -> tuple[list[Step], dict[str, Any]]:
    """The steps that put the model into service, and how their endpoint is named to what comes after them."""
    if settings.rollout is None:
        configured = configure_endpoint(context, model_name=model_name, hosting=_hosting(settings, p))
        config_name = configured.properties.EndpointConfigName
        deployed = deploy_endpoint(context, endpoint_name=p["EndpointName"], config_name=config_name)
        return [configured, deployed], {"endpoint_name": deployed.properties.EndpointName}
    rolled = rollout_endpoint(
        context,
        endpoint_name=p["EndpointName"],
        model_name=model_name,
        instance_type=p["ProcessingInstanceType"],
        seconds=settings.rollout.seconds,
        endpoint_instance_type=p["EndpointInstanceType"],
        endpoint_instance_count=p["EndpointInstanceCount"],
        scaling=settings.rollout.scaling,
        **settings.rollout.model_dump(exclude=set(SCALING)),
    )
    return [rolled], {"endpoint_name": p["EndpointName"], "after": rolled, "scaling": settings.rollout.scaling}


def _hosting(settings: Settings, p: Mapping[str, Any]) -> Mapping[str, Any]:
    """On what the endpoint's only variant runs."""
    if (wished := settings.serverless) is not None:
        return {"ServerlessConfig": {"MemorySizeInMB": wished.memory_mb, "MaxConcurrency": wished.concurrency}}
    return {"InstanceType": p["EndpointInstanceType"], "InitialInstanceCount": p["EndpointInstanceCount"]}


def variable(parameter: Parameter) -> Any:
    """The parameter as the SDK has it."""
    common = {"name": parameter.name, "default_value": parameter.default}
    match parameter.type:
        case Type.STRING:
            return ParameterString(**common, enum_values=list(parameter.choices) or None)
        case Type.INTEGER:
            return ParameterInteger(**common)
        case Type.FLOAT:
            return ParameterFloat(**common)


def context_of(settings: Settings, session: PipelineSession, code_uri: str) -> Context:
    return Context(
        session=session,
        region=settings.region,
        role=settings.role,
        root=settings.root,
        code=code_uri,
        image=_image(settings.processing_image, settings.region),
        algorithm=_image(IMAGE, settings.region),
        script_image=_image(_SCRIPT_IMAGE, settings.region) if settings.features == "table" else "",
        kms_key=settings.kms_key,
        subnets=settings.subnets,
        security_groups=settings.security_groups,
        tags=tuple(sorted(settings.tags.items())),
    )


def _image(name: str, region: str) -> str:
    """FRAMEWORK:VERSION is AWS's image of that name in the region; what has a slash is an image's own URI.

    Raises `SettingsError` with the SDK's reason, which names what there is.
    """
    if "/" in name:
        return name
    framework, _, version = name.partition(":")
    try:
        uri: str = image_uris.retrieve(framework, region=region, version=version or None, image_scope="training")
    except FileNotFoundError:
        raise SettingsError(
            f"AWS has no image of {framework}", hint="such as xgboost:3.2-0, or an image's URI"
        ) from None
    except ValueError as error:
        raise SettingsError(f"there is no image of {name} in {region}", hint=str(error)) from None
    return uri
