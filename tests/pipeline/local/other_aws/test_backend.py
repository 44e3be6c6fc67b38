"""What is not left to moto."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.service import local_service


def test_a_regular_expression_of_a_client_is_not_followed(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        glue = local.client("glue")
        glue.create_database(DatabaseInput={"Name": "d"})
        glue.create_table(DatabaseName="d", TableInput={"Name": "a" * 40})
        assert len(glue.get_tables(DatabaseName="d")["TableList"]) == 1
        with pytest.raises(ClientError, match="cannot answer glue GetTables with an Expression"):
            glue.get_tables(DatabaseName="d", Expression="(a+)+$b")
