"""GKE's firewall opens exactly the ports on which pods answer the control plane."""

import json

from checks import charts, webhooks
from harness import rendering
from harness.platforms import ROOT, cluster, everything
from harness.rendering import Platform, Rendered
from upstream import definitions


def test_the_firewall_opens_what_is_called():
    """In any cluster: by a webhook, a conversion or an aggregated API that is rendered, or by a chart that
    can't be rendered here and is named in checks/webhooks.py."""
    called = set()
    for platform in [*map(cluster, rendering.clusters(ROOT)), everything()]:
        called |= webhooks.called(webhooks.with_charts(platform))
    opened = json.loads((ROOT / "substrate/webhook-ports.json").read_text())
    assert sorted((entry["namespace"], entry["service"], entry["port"]) for entry in opened) == sorted(called)


def test_no_chart_is_named_that_is_rendered():
    named = {source["chart"] for _, source in charts.sources(everything())}
    assert set(webhooks.NOT_RENDERED) <= named - set(charts.archives())


def test_kedas_ports_are_those_of_its_own_manifests():
    """Of the same release, by kustomize; its chart, which is not here, names one of the Services otherwise."""
    (source,) = [one for one in definitions.sources()["modules"] if one["application"] == "keda-crds"]
    folder = definitions.module(source) / "config"
    documents = definitions.read(folder, "webhooks/*.yaml") + definitions.read(folder, "metrics-server/*.yaml")
    objects = [Rendered("keda", "keda", 1, document) for document in documents if "metadata" in document]
    theirs = {(namespace, port) for namespace, _, port in webhooks.called(Platform("", {}, objects))}
    assert theirs == {(namespace, port) for namespace, _, port in webhooks.NOT_RENDERED["keda"]}
