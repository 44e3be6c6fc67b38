"""The names of the steps that others look for: rules match them, policies, reports and the follow view read them.

Nothing of the SDK is imported here, so that who only wants a name need not wait for it.
"""

from __future__ import annotations

from typing import Final

CONVERT_DATA: Final = "ConvertData"
PREDICT_TEST: Final = "PredictTest"
COMPARE_APPROVED: Final = "CompareApproved"
REJECT_MODEL: Final = "RejectModel"
VALIDATE_ENDPOINT: Final = "ValidateEndpoint"
REPORT_DRIFT: Final = "ReportDrift"
