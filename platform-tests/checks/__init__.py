"""All that a rendered cluster is held to without a real API server. Each part is a module with
`CHECKS`: a check takes the platform, and yields what is wrong, with file and field."""

from types import ModuleType

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
    secrets,
    secrets_table,
    strict_schemas,
    timeouts,
    versions,
    webhooks,
)
from harness.rendering import Platform

# These take it for granted that objects have the fields of their kinds.
PARTS = (
    cross_checks, secrets, delivery, request_path, availability, timeouts, charts, observability, gpu_queues, autoscaling,
    inference_services, front_door, identity, applications, secrets_table, versions, webhooks,
)  # fmt: skip


def findings(platform: Platform) -> list[str]:
    return found(platform, strict_schemas) or found(platform, *PARTS)


def found(platform: Platform, *parts: ModuleType) -> list[str]:
    return [finding for part in parts for check in part.CHECKS for finding in check(platform)]
