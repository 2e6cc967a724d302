"""Whether `make verify` sees that Git is ahead of the cluster: Git is real, behind the laptop's mirror."""

import contextlib
import dataclasses
from dataclasses import dataclass

import pytest

from harness import git_server
from harness.platforms import ROOT
from harness.processes import free_ports
from operations import revisions
from operations.session import Session

OTHERS = "https://github.com/cert-manager/cert-manager"


@dataclass
class Kubectl:
    session: Session
    port: int
    listed: list[dict]

    def applications(self) -> list[dict]:
        return self.listed

    @contextlib.contextmanager
    def forwarded(self, namespace: str, service: str, port: int):
        assert (namespace, service, port) == ("git-mirror", "git", 80)
        yield self.port


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    with git_server.mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        yield mirror


def cluster(mirror: git_server.Mirror, *commits: str, **git: str) -> Kubectl:
    """With an Application at each commit: the first one has one source, and the others have two."""
    laptop = Session.of(ROOT, "laptop", dry_run=False)
    session = dataclasses.replace(laptop, values=laptop.values | {"git": laptop.values["git"] | git})
    ours, others = ({"repoURL": url} for url in (session.values["git"]["repository"], OTHERS))
    listed = []
    for number, commit in enumerate(commits):
        more = {"sources": [others, ours]} if number else {"source": ours}
        sync = {"revisions": ["v1.2.3", commit]} if number else {"revision": commit}
        listed.append({"metadata": {"name": f"app-{number}"}, "spec": more, "status": {"sync": sync}})
    return Kubectl(session, mirror.port, listed)


def found(kubectl: Kubectl) -> list[str]:
    return [wrong for _, wrong in revisions.findings(kubectl)]


def test_what_git_has_is_well_and_what_it_had_is_not(mirror):
    old = mirror.commit()
    assert found(cluster(mirror, old, old)) == [""]
    new = mirror.commit()
    assert found(cluster(mirror, new, old)) == [f"app-1 is at {old}; Git has {new}: Argo CD looks every few minutes"]
    assert found(cluster(mirror, old, new)) == [f"app-0 is at {old}; Git has {new}: Argo CD looks every few minutes"]


def test_a_fork_elsewhere_is_asked_where_it_is(mirror):
    """Of names that end alike, only the branch counts."""
    new = mirror.commit()
    url = f"http://127.0.0.1:{mirror.port}/tollgate.git"
    another = mirror.commit("production/main")
    mirror.git("push", "--quiet", url, "HEAD:refs/copies/refs/heads/main")
    for commit, wrong in ((new, ""), (another, f"app-0 is at {another}; Git has {new}: Argo CD looks every few minutes")):
        kubectl = cluster(mirror, commit, repository=url)
        kubectl.port = 0
        assert found(kubectl) == [wrong]


def test_a_revision_may_be_a_tag_or_a_commit(mirror):
    commit = mirror.commit()
    mirror.git("tag", "--annotate", "v1", "--message", "v1")
    mirror.git("push", "--quiet", f"http://127.0.0.1:{mirror.port}/tollgate.git", "v1")
    mirror.commit()
    for revision in ("v1", commit):
        assert found(cluster(mirror, commit, revision=revision)) == [""]
        assert found(cluster(mirror, "0" * 40, revision=revision)) != [""]


def test_others_repositories_and_what_was_never_synced_are_not_compared(mirror):
    mirror.commit()
    kubectl = cluster(mirror, "", "")
    kubectl.listed.append({"metadata": {"name": "crds"}, "spec": {"source": {"repoURL": OTHERS}}, "status": {"sync": {"revision": "1" * 40}}})
    kubectl.listed.append({"metadata": {"name": "new"}, "spec": kubectl.listed[0]["spec"]})
    assert found(kubectl) == [""]


@pytest.mark.parametrize("revision, said", [("main", "main is in Git was not asked: env GIT_TERMINAL_PROMPT=0 git ls-remote"), ("gone", "tollgate.git has no branch and no tag gone")])
def test_where_git_can_not_be_asked_that_is_said_and_nothing_is_found(mirror, capsys, revision, said):
    kubectl = cluster(mirror, mirror.commit(), revision=revision)
    if revision == "main":
        [kubectl.port] = free_ports(1)
    assert found(kubectl) == [] and said in capsys.readouterr().out
