"""A cluster as the tests see it: rendered by the Helm of scripts/platform-tools, with what KServe makes."""

import dataclasses
from pathlib import Path

from harness import kserve
from platform_manifests import cluster_config, rendering
from platform_manifests.rendering import Chart, Platform, Rendered, RenderError
from programs import built as program

__all__ = ["Platform", "RenderError", "Rendered", "by_hand", "clusters", "helm", "program", "render"]

clusters = cluster_config.clusters


def render(root: Path, cluster: str) -> Platform:
    """Raises RenderError with what Helm says, a schema's refusal among it."""
    platform = rendering.render(root, cluster, program("helm"))
    return dataclasses.replace(platform, made=kserve.deployments(platform.objects))


def helm(
    root: Path, release: str, chart: str, values: list[str], application: str, wave: int, namespace: str = "default"
) -> list[Rendered]:
    """The objects of a chart."""
    return rendering.of_chart(root, Chart(chart, release, values, namespace), program("helm"), application, wave)


def by_hand(root: Path, chart: str, cluster: str) -> list[dict]:
    """What a person applies of one of our charts: `bootstrap` or `git-mirror`."""
    made = rendering.of_chart(root, rendering.ours(f"manifests/{chart}", cluster), program("helm"), chart, 0)
    return [one.object for one in made]
