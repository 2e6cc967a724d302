"""All that a rendered cluster is held to without a real API server. Each part is a module with
`findings(platform)`: what is wrong, with file and field."""

from checks import (
    applications,
    autoscaling,
    availability,
    charts,
    cross_checks,
    delivery,
    front_door,
    gpu_queues,
    identity,
    inference_services,
    observability,
    request_path,
    secrets_table,
    strict_schemas,
    timeouts,
    versions,
)
from harness.rendering import Platform

# These take it for granted that objects have the fields of their kinds.
PARTS = (
    cross_checks, delivery, request_path, availability, timeouts, charts, observability, gpu_queues, autoscaling,
    inference_services, front_door, identity, applications, secrets_table, versions,
)  # fmt: skip


def findings(platform: Platform) -> list[str]:
    schemas = strict_schemas.findings(platform)
    return schemas or [finding for part in PARTS for finding in part.findings(platform)]
