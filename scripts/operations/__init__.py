"""What a person does with a cluster of the platform: one module for each thing, behind scripts/operate."""

from operations.bootstrap import bootstrap, repository, root
from operations.bumping import bump
from operations.doctor import doctor
from operations.laptop import laptop_up
from operations.rotating import rotate
from operations.seeding import seed
from operations.teardown import teardown
from operations.verifying import smoke, verify, verify_isolation
from operations.waiting import wait

# Each takes the session, and arguments as text; what it returns is the exit code.
COMMANDS = {
    "doctor": doctor,
    "bootstrap": bootstrap,
    "seed-secrets": seed,
    "argocd-repo": repository,
    "root": root,
    "wait": wait,
    "smoke": smoke,
    "verify": verify,
    "verify-isolation": verify_isolation,
    "rotate-secret": rotate,
    "bump": bump,
    "teardown": teardown,
    "laptop-up": laptop_up,
}
