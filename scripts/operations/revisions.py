"""Whether the cluster is as Git has it now.

An Application that is synced is so with the commit that Argo CD has read last: one that was pushed since, it
has not seen. Where Git can't be asked from here nothing is found, and that is said."""

import re
from collections.abc import Iterator

from operations import laptop
from operations.kube import Kube
from operations.session import Refusal

COMMIT = re.compile(r"[0-9a-f]{40}")


def findings(kube: Kube) -> Iterator[tuple[str, str]]:
    git = kube.session.values["git"]
    try:
        commits = named(kube)
    except Refusal as refusal:
        print(f"     which commit {git['revision']} is in Git was not asked: {refusal}", flush=True)
        return
    late = "; ".join(behind(kube.applications(), git["repository"], commits))
    yield f"Applications are at the commit of {git['revision']}", late and f"{late}; Git has {' or '.join(sorted(commits))}: Argo CD looks every few minutes"


def named(kube: Kube) -> set[str]:
    """The commit that the cluster's revision is now; of an annotated tag also the tag's own name."""
    git = kube.session.values["git"]
    if COMMIT.fullmatch(git["revision"]):
        return {git["revision"]}
    if not laptop.is_laptop(kube.session):
        return asked(kube, git["repository"], git["revision"])
    with kube.forwarded(laptop.NAMESPACE, "git", 80) as port:
        return asked(kube, f"http://127.0.0.1:{port}/tollgate.git", git["revision"])


def asked(kube: Kube, repository: str, revision: str) -> set[str]:
    names = {"HEAD"} & {revision} or {f"refs/heads/{revision}", f"refs/tags/{revision}", f"refs/tags/{revision}^{{}}"}
    # Nobody is asked for a password.
    listed = kube.session.read("env", "GIT_TERMINAL_PROMPT=0", "git", "ls-remote", repository, *sorted(names))
    found = {commit for commit, name in (line.split("\t") for line in listed.splitlines()) if name in names}
    if not found:
        raise Refusal(f"{repository} has no branch and no tag {revision}")
    return found


def behind(applications: list[dict], repository: str, commits: set[str]) -> Iterator[str]:
    """Those that are as another commit of this repository has them. What was never synced is found elsewhere."""
    for application in applications:
        spec, sync = application["spec"], application.get("status", {}).get("sync", {})
        sources = spec.get("sources") or [spec["source"]]
        revisions = sync.get("revisions") or [sync.get("revision")]
        of_ours = {revision for source, revision in zip(sources, revisions, strict=False) if revision and source["repoURL"] == repository}
        if others := of_ours - commits:
            yield f"{application['metadata']['name']} is at {', '.join(sorted(others))}"
