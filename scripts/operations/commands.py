"""The commands by the names that `make` has for them."""

from operations.bootstrap import bootstrap, repository, root
from operations.bump import bump
from operations.doctor import doctor
from operations.laptop import laptop_up
from operations.rotate import rotate
from operations.seed import seed
from operations.teardown import teardown
from operations.verify import smoke, verify, verify_isolation
from operations.wait import wait

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
