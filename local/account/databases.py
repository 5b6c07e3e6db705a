"""Aurora clusters with a managed password that accept statements that define tables; nothing runs the statements.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import rds_data
from ministack.services.cloudformation import provisioners

#: Accepted statements, by the ARN of the cluster.
taken: dict[str, list[str]] = {}
_DEFINING = re.compile(r"^(CREATE (EXTENSION|SCHEMA|TABLE|INDEX)|DROP TABLE) ", re.IGNORECASE)


def install() -> None:
    """Give clusters the ARN of their password's secret, and accept statements that define tables."""
    attributes, run = provisioners._rds_db_cluster_attrs, rds_data._execute_statement

    def with_secret(cluster: dict[str, Any]) -> dict[str, str]:
        place = f"arn:aws:secretsmanager:{get_region()}:{get_account_id()}:secret"
        secret = f"{place}:rds!cluster-{cluster['DbClusterResourceId'].lower()}"
        return {**attributes(cluster), "MasterUserSecret.SecretArn": secret}

    def statement(data: dict[str, Any]) -> Any:
        if not _DEFINING.match(str(data.get("sql", ""))):
            return run(data)
        _, _, cluster = rds_data._resolve_target(data["resourceArn"])
        if not cluster:
            return rds_data._error("DatabaseNotFoundException", f"{data['resourceArn']} is not there", 404)
        refused = rds_data._validate_http_endpoint_enabled(cluster, data["resourceArn"])
        if refused:
            return refused
        taken.setdefault(data["resourceArn"], []).append(data["sql"])
        return 200, {"Content-Type": "application/json"}, json.dumps({"numberOfRecordsUpdated": 0}).encode()

    provisioners._rds_db_cluster_attrs, rds_data._execute_statement = with_secret, statement
