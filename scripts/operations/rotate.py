"""`make rotate-secret`: one secret anew, without a moment in which its readers are refused.

A virtual key takes two runs. The first makes the next one: it waits in the store beside the present
one, and its hash goes to the policies. Once these are live, the second switches the store over; the one
before is taken for two more days, in which every reader is given the new one."""

import datetime

from operations import secret_values
from operations.kube import Kube
from operations.policies import Keys, hash_of, is_live
from operations.secret_table import Secret, table
from operations.session import Refusal, Session
from operations.stores import Store, store_of

NEXT = "next"
OVERLAP = datetime.timedelta(days=2)


def rotate(session: Session, name: str = "") -> None:
    secret = table(session).get(name)
    if not secret:
        raise Refusal(f"SECRET=NAME says which ({', '.join(table(session))}); it is '{name}'")
    if secret.rotate.startswith("never"):
        raise Refusal(f"{name} is rotated {secret.rotate}")
    kube = Kube(session)
    store = store_of(session, kube)
    if not session.dry_run and store.read(name) is None:
        raise Refusal(f"{name} is not in the store: make seed-secrets CLUSTER={session.cluster}")
    if secret.virtual_key:
        rotate_key(session, kube, store, secret)
    else:
        print(f"{name}: {secret.rotate}")
        session.confirm(f"make {name} anew")
        store.write(name, secret_values.make(session, secret))
        reload(session, kube, secret)


def rotate_key(session: Session, kube: Kube, store: Store, secret: Secret) -> None:
    held = store.read(secret.name) or {}
    if NEXT not in held:
        prepare(session, store, secret, held)
    elif not is_live(kube, hash_of(held[NEXT])):
        raise Refusal("the edge does not know the next key yet: make render, commit, push, and wait for the edge")
    else:
        switch(session, kube, store, secret, held)


def prepare(session: Session, store: Store, secret: Secret, held: dict[str, str]) -> None:
    session.confirm(f"make the next key of {secret.virtual_key}")
    following = secret_values.make(session, secret)[secret.key_property]
    keys = Keys(session)
    keys.put(f"{secret.virtual_key}-next", hash_of(following))
    # What the policies can't take is not in the store either.
    store.write(secret.name, held | {NEXT: following})
    keys.write()
    print("  Once the edge has it, the same command switches over.")


def switch(session: Session, kube: Kube, store: Store, secret: Secret, held: dict[str, str]) -> None:
    session.confirm(f"switch {secret.virtual_key} to its next key")
    before, following = held[secret.key_property], held[NEXT]
    keys, name = Keys(session), secret.virtual_key
    keys.put(name, hash_of(following))
    keys.remove(f"{name}-next")
    keys.remove(f"{name}-previous")
    keys.put(f"{name}-previous", hash_of(before))
    keys.end(f"{name}-previous", datetime.date.today() + OVERLAP)
    store.write(secret.name, {key: value for key, value in held.items() if key != NEXT} | {secret.key_property: following})
    keys.write()
    reload(session, kube, secret)


def reload(session: Session, kube: Kube, secret: Secret) -> None:
    """Has External Secrets read it now, and restarts what reads it only when it starts."""
    for external in kube.external_secrets_of(secret.name):
        place = external["metadata"]
        kube.change("annotate", "externalsecrets.external-secrets.io", place["name"], "--namespace", place["namespace"],
                    f"force-sync={session.now()}", "--overwrite")  # fmt: skip
    for reader in secret.reload:
        kube.change("rollout", "restart", "deployment", "--namespace", reader["namespace"], "--selector", reader["selector"])
