"""`make wait`: until every Application is synced and healthy, saying what it waits for."""

import time

from operations.kube import Kube
from operations.session import Refusal, Session

SECONDS = 3600
PAUSE = 5


def wait(session: Session, seconds: str = "") -> None:
    if seconds and not seconds.isdecimal():
        raise Refusal(f"SECONDS=N says for how long at most; it is '{seconds}'")
    limit = int(seconds or SECONDS)
    kube = Kube(session)
    if session.dry_run:
        print(f"+ kubectl get applications, until all are synced and healthy, {limit} s at most")
        return
    deadline = time.monotonic() + limit
    before = None
    while now := unfinished(kube):
        if now != before:
            print("\n".join(now), end="\n\n", flush=True)
        before = now
        if time.monotonic() >= deadline:
            raise Refusal(f"not ready after {limit} s")
        time.sleep(min(PAUSE, limit))
    print("every Application is synced and healthy")


def unfinished(kube: Kube) -> list[str]:
    """One line for each Application that is not synced and healthy, with its own reason."""
    applications = kube.applications()
    if not applications:
        raise Refusal(f"there is no Application: make root CLUSTER={kube.session.cluster}")
    return [line for application in applications if (line := state(application))]


def state(application: dict) -> str:
    status = application.get("status", {})
    sync = status.get("sync", {}).get("status", "Unknown")
    health = status.get("health", {}).get("status", "Unknown")
    if (sync, health) == ("Synced", "Healthy"):
        return ""
    reasons = [condition["message"] for condition in status.get("conditions", [])]
    reasons += [status.get("operationState", {}).get("message", ""), status.get("health", {}).get("message", "")]
    reason = next((reason for reason in reasons if reason), "")
    return f"{application['metadata']['name']:24} {sync:10} {health:12} {reason}".rstrip()
