"""`make seed-secrets`: every secret that a cluster's manifests ask for, made once."""

from operations import rotate, secret_values
from operations.kube import Kube
from operations.policies import Keys
from operations.secret_table import Secret, needed
from operations.session import Session
from operations.stores import Kubernetes, Store, store_of


def seed(session: Session) -> int:
    """The exit code says whether all are there now."""
    kube = Kube(session)
    store = store_of(session, kube)
    wanted = needed(session)
    missing = [secret for secret in wanted if lacks(store, secret)]
    print(f"{len(wanted)} secrets are asked for, {len(missing)} are missing")
    left = [secret for secret in missing if secret_values.is_left_to_others(secret)]
    mine = [secret for secret in missing if secret not in left]
    if mine:
        session.confirm(f"make {', '.join(secret.name for secret in mine)}")
        prepare(session, kube)
    for secret in mine:
        # What is there stays: a value that others use is never overwritten.
        store.write(secret.name, secret_values.make(session, secret) | held(store, secret))
    record(session, store, [secret for secret in wanted if secret not in left])
    for secret in left:
        print(f"{secret.name} is left out: {secret_values.variable(secret.name)}=FILE names the file with it")
    return 1 if left and not session.dry_run else 0


def lacks(store: Store, secret: Secret) -> bool:
    return bool(set(secret.properties) - set(held(store, secret)))


def held(store: Store, secret: Secret) -> dict[str, str]:
    """What the store has of it; a value that is empty is none."""
    return {name: value for name, value in (store.read(secret.name) or {}).items() if value.strip()}


def prepare(session: Session, kube: Kube) -> None:
    """The store's namespace: Argo CD makes it in its first wave, which may not have come yet."""
    if session.values["secrets"]["provider"] == "kubernetes":
        kube.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {Kubernetes.NAMESPACE}}}\n")


def record(session: Session, store: Store, secrets: list[Secret]) -> None:
    """The hash of each virtual key goes to the policies; also one that they have lost."""
    virtual = [secret for secret in secrets if secret.virtual_key]
    if session.dry_run:
        for secret in virtual:
            print(f"+ write the hash of the key {secret.virtual_key} to the cluster's policies")
        return
    keys = Keys(session)
    for secret in virtual:
        rotate.record(keys, secret, store.read(secret.name))
    if virtual:
        keys.write()
