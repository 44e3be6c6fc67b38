"""PredictTest: batch predictions for the features of the test set, by the serving container itself.

Its answers are what the evaluation counts and what the endpoint is held to.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.transformer import Transformer
from sagemaker.mlops.workflow.steps import TransformStep

from steps import retry_and_cache, step_names
from steps.step_context import Context
from steps.step_names import NUMERIC, RECORDIO, SPARSE

NAME: Final = step_names.PREDICT_TEST


def predict(
    context: Context, *, model_name: Any, features: Any, rows: str, instance_type: Any, instance_count: Any
) -> TransformStep:
    """The step: one line of JSON for each row of the features, in their order.

    `rows` is the setting `features`: those of a table are raw and treated first, sparse ones are no CSV.
    """
    content_type, split_type = (RECORDIO, "RecordIO") if rows == SPARSE else ("text/csv", "Line")
    transformer = Transformer(
        model_name=model_name,
        instance_type=instance_type,
        instance_count=1,
        strategy="MultiRecord",
        # A raw row becomes several times as large before it comes to linear-learner, which takes 6 MB at a time; so
        # does a sparse one, if the container makes it dense.
        max_payload=None if rows == NUMERIC else 1,
        assemble_with="Line",
        accept="application/jsonlines",
        output_path=context.output(NAME, "predictions"),
        output_kms_key=context.kms_key,
        volume_kms_key=context.kms_key,
        tags=context.tag_list,
        base_transform_job_name=NAME,
        sagemaker_session=context.session,
    )
    return _CountedTransformStep(
        instance_count,
        name=NAME,
        step_args=transformer.transform(data=features, content_type=content_type, split_type=split_type),
        display_name="Predict test set",
        description="Batch predictions for the test set, made by the container that will serve the model.",
        cache_config=retry_and_cache.CACHED,
        retry_policies=retry_and_cache.JOB_RETRIES,
    )


class _CountedTransformStep(TransformStep):  # type: ignore[misc]
    """A transform step whose instance count may be a parameter, which the SDK's own shape refuses."""

    def __init__(self, instance_count: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._instance_count = instance_count

    @property
    def arguments(self) -> dict[str, Any]:
        """The CreateTransformJob request, with the count that was asked for."""
        request: dict[str, Any] = super().arguments
        request["TransformResources"]["InstanceCount"] = self._instance_count
        return request
