"""Names that other code looks for, of steps, a tag and kinds of rows: event rules, policies, reports, the follow view.

Nothing of the SDK is imported here, so a module that only needs a name does not wait seconds for it.
"""

from __future__ import annotations

from typing import Final

CONVERT_DATA: Final = "ConvertData"
PREDICT_TEST: Final = "PredictTest"
EVALUATE_MODEL: Final = "EvaluateModel"
COMPARE_APPROVED: Final = "CompareApproved"
REJECT_MODEL: Final = "RejectModel"
VALIDATE_ENDPOINT: Final = "ValidateEndpoint"
REPORT_DRIFT: Final = "ReportDrift"

SCRIPT_TAG: Final = "pipeline-execution"
"""The tag by which `clean` knows what a script made: SageMaker marks only what a step of its own makes."""

NUMERIC: Final = "numeric"
TABLE: Final = "table"
SPARSE: Final = "sparse"
"""What rows are, by the setting `features`."""
RECORDIO: Final = "application/x-recordio-protobuf"
