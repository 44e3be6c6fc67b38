"""The training pipeline from settings and parameters: which steps it has, and how they join.

Importing this module imports the SageMaker SDK, which takes seconds and needs a region set; go through
`pipeline.compose.definition_text`, which sees to both.
"""

from __future__ import annotations

from collections.abc import Mapping

from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline

from pipeline.compose.deployment_steps import deployed_as_wished
from pipeline.compose.pipeline_context import context_of, variable
from pipeline.config.algorithm_parameters import hyperparameters
from pipeline.config.settings import Settings
from steps.check_deploy import check_deploy
from steps.check_metrics import GATES, NEVER_WORSE, bounds, check_metrics
from steps.compare_approved import compare_approved
from steps.convert import FEATURIZER, convert, output_uri
from steps.create_model import containers, create_model
from steps.evaluate import evaluate
from steps.inspect_data import BASELINE, inspect_data
from steps.predict import predict
from steps.register import register
from steps.reject import reject
from steps.train import CHANNELS, train
from steps.validate_endpoint import validate_endpoint


def build_training(settings: Settings, session: PipelineSession, *, code: Mapping[str, str]) -> Pipeline:
    """The pipeline; `code` are S3 prefixes of uploaded code, by script."""
    context = context_of(settings, session, code)
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
        "features": settings.features,
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
        rows=settings.features,
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
