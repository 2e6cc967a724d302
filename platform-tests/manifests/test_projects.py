"""How far Argo CD's projects let their Applications go: as far as these go, and no further."""

import copy
import dataclasses

from checks import charts, delivery
from harness import rendering
from harness.platforms import ROOT, cluster, everything
from harness.rendering import Platform, Rendered
from upstream import definitions


def platforms() -> list[Platform]:
    return [everything(), *map(cluster, rendering.clusters(ROOT))]


def brought() -> list[Rendered]:
    """By others' charts that can be rendered, and by their repositories of CustomResourceDefinitions."""
    crds = [(app, one) for app, owned in definitions.by_application().items() if app != "argocd" for one in owned]
    rendered = [one for platform in platforms() for one in charts.rendered(platform).objects]
    return [*rendered, *(Rendered(app, app, -1, one) for app, one in crds)]


def test_others_charts_stay_within_their_fence(platform):
    """Those that can be rendered."""
    applications = platform.of("Application", "AppProject")
    theirs = dataclasses.replace(platform, objects=[*applications, *charts.rendered(platform).objects], made=[])
    assert list(delivery.projects_fence(theirs)) == []


def test_no_project_allows_what_none_of_its_applications_brings():
    assert delivery.unused(platforms(), brought()) == set()


def test_one_that_does_is_found():
    wide = copy.deepcopy(everything())
    for name, field, entry in (
        ("identity", "namespaceResourceWhitelist", {"group": "rbac.authorization.k8s.io", "kind": "RoleBinding"}),
        ("keda", "clusterResourceWhitelist", {"group": "", "kind": "Namespace"}),
        ("kueue", "clusterResourceWhitelist", {"group": "", "kind": "Namespace"}),
    ):
        wide.find("AppProject", "argocd", name).object["spec"][field].append(entry)
    # Of KEDA's chart it is not known.
    assert delivery.unused([wide, *platforms()], brought()) == {"identity: rbac.authorization.k8s.io/RoleBinding", "kueue: core/Namespace"}
