"""A chart's webhooks, called where a test runs the program that answers them."""

import base64
import copy


def called_at(configuration: dict, port: int, authority: str) -> dict:
    """A Mutating- or ValidatingWebhookConfiguration for a program on this machine's `port`, whose certificate
    is signed by `authority`."""
    moved = copy.deepcopy(configuration)
    # Under the chart's own name, some programs would write their own authority into it.
    moved["metadata"] = {"name": f"{configuration['metadata']['name']}-of-this-test"}
    for webhook in moved["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        bundle = base64.b64encode(authority.encode()).decode()
        webhook["clientConfig"] = {"url": f"https://localhost:{port}{path}", "caBundle": bundle}
    return moved
