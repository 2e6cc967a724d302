"""`make rotate-secret`: one secret anew, without a moment in which its readers are refused.

A virtual key takes two runs. The first makes the next one: it waits in the store beside the present
one, and its hash goes to the policies. Once these are live, the second switches the store over; the one
before is taken for two more days, in which every reader is given the new one. Next and previous keys have
the models, addresses and limits of the key, since they may be used like it."""

import datetime

from operations import secret_values
from operations.kube import Kube
from operations.policies import Keys, hash_of, is_live, next_of, previous_of
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
    held = store.read(name) or {}
    if not session.dry_run and not all(held.get(one, "").strip() for one in secret.properties):
        raise Refusal(f"{name} is not in the store: make seed-secrets CLUSTER={session.cluster}")
    if secret.virtual_key:
        rotate_key(session, kube, store, secret)
    else:
        print(f"{name}: {secret.rotate}")
        session.confirm(f"make {name} anew")
        store.write(name, secret_values.make(session, secret))
        reload(session, kube, secret)


def rotate_key(session: Session, kube: Kube, store: Store, secret: Secret) -> None:
    """One step on from where the store and the policies are, be it in the middle of a run that was ended."""
    held, keys, name = store.read(secret.name) or {}, Keys(session), secret.virtual_key
    if is_half_switched(keys, secret, held):
        finish(session, kube, keys, secret, held)
    elif NEXT not in held:
        prepare(session, store, secret, held)
    elif hash_of(held[NEXT]) not in (keys.hash_of(next_of(name)), keys.hash_of(name)):
        session.confirm(f"write the hash of the next key of {name} to the policies, which lack it")
        record(keys, secret, held)
        keys.write()
    elif not is_live(kube, hash_of(held[NEXT])):
        raise Refusal("the edge does not know the next key yet: make render, commit, push, and wait for the edge")
    else:
        switch(session, kube, store, secret, held)


def prepare(session: Session, store: Store, secret: Secret, held: dict[str, str]) -> None:
    """A run that ends after the policies are written has lost a key that nobody has; the next one makes another."""
    session.confirm(f"make the next key of {secret.virtual_key}")
    following = secret_values.make(session, secret)[secret.key_property]
    keys = Keys(session)
    if not session.dry_run:
        record(keys, secret, held | {NEXT: following})
        keys.write()
    store.write(secret.name, held | {NEXT: following})
    print("  Once the edge has it, the same command switches over.")


def switch(session: Session, kube: Kube, store: Store, secret: Secret, held: dict[str, str]) -> None:
    """A run that ends after the store is written leaves both keys valid, and neither ends; the next one goes on."""
    session.confirm(f"switch {secret.virtual_key} to its next key")
    keys = Keys(session)
    record(keys, secret, held)
    switched = {key: value for key, value in held.items() if key != NEXT} | {secret.key_property: held[NEXT]}
    record(keys, secret, switched)
    # What the policies can't take is not in the store either.
    keys.check()
    store.write(secret.name, switched)
    keys.write()
    reload(session, kube, secret)


def finish(session: Session, kube: Kube, keys: Keys, secret: Secret, held: dict[str, str]) -> None:
    session.confirm(f"end the switch of {secret.virtual_key}: the store has its next key already")
    record(keys, secret, held)
    keys.write()
    reload(session, kube, secret)


def is_half_switched(keys: Keys, secret: Secret, held: dict[str, str]) -> bool:
    """Whether the store has the key that the policies still call the next one."""
    now = held.get(secret.key_property)
    return bool(now) and hash_of(now) == keys.hash_of(next_of(secret.virtual_key)) != keys.hash_of(secret.virtual_key)


def record(keys: Keys, secret: Secret, held: dict[str, str]) -> None:
    """Has the policies know the keys that the store holds, by the right names."""
    name, now = secret.virtual_key, hash_of(held[secret.key_property])
    if is_half_switched(keys, secret, held) and keys.hash_of(name):
        keys.switch(name, now, datetime.date.today() + OVERLAP)
    else:
        keys.put(name, now, secret.properties[secret.key_property].get("limits", []))
        for other in (next_of(name), previous_of(name)):
            # As after a file of before the last rotation came back: a hash is one key's.
            if keys.hash_of(other) == now:
                keys.remove(other)
    if NEXT in held:
        keys.put_next(name, hash_of(held[NEXT]))


def reload(session: Session, kube: Kube, secret: Secret) -> None:
    """Has External Secrets read it now, and restarts what reads it only when it starts."""
    for external in kube.external_secrets_of(secret.name):
        place = external["metadata"]
        kube.change("annotate", "externalsecrets.external-secrets.io", place["name"], "--namespace", place["namespace"],
                    f"force-sync={session.now()}", "--overwrite")  # fmt: skip
    for reader in secret.reload:
        kube.change("rollout", "restart", "deployment", "--namespace", reader["namespace"], "--selector", reader["selector"])
