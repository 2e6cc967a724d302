"""All that a rendered cluster is held to without a real API server."""

import applications
import autoscaling
import charts
import cross_checks
import delivery
import front_door
import gpu_queues
import identity
import inference_services
import observability
import request_path
import secrets_table
import strict_schemas
import waits
from rendering import Platform


def findings(platform: Platform) -> list[str]:
    schemas = strict_schemas.findings(platform)
    # The checks take it for granted that objects have the fields of their kinds.
    parts = (
        cross_checks, delivery, request_path, waits, charts, observability, gpu_queues, autoscaling,
        inference_services, front_door, identity, applications, secrets_table,
    )  # fmt: skip
    return schemas or [finding for part in parts for finding in part.findings(platform)]
