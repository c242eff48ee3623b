"""What to do about a secret that got no further: the guide's Troubleshooting, and where to look. Pure."""

from typing import Final

from app_platform.contracts import Stage

PENDING_ADVICE: Final = (
    "Verify the AppPlatformRegistration is Ready (the operator needs GitHub access to commit). "
    "Check that the platform namespace exists. Check operator logs for encryption or commit errors."
)
DECRYPTION_ADVICE: Final = (
    "The operator encrypts secrets automatically — do not manually modify files in the platform repo. "
    "Check that the AGE key secret exists in the platform namespace. "
    "If corruption occurs, delete and recreate the secret via the dashboard."
)
STAGE_ADVICE: Final = {
    Stage.FETCH: "See the GitRepository of the platform namespace, and RepositoryReady of the registration.",
    Stage.BUILD: "A file in the platform repository is not a manifest: do not modify files there; the next round puts it back.",
    Stage.DECRYPTION: DECRYPTION_ADVICE,
    Stage.APPLY: "Change the secret so that Kubernetes takes it; the message says what it refuses.",
    Stage.REFUSED: "The binding is put back at the next round (10 minutes); if it stays, look at NamespacesReady.",
    Stage.PRUNE: "The secret is live; what is to go cannot be removed: see the Kustomization of the platform namespace.",
    Stage.HEALTH: "The secret is live; see the Kustomization of the platform namespace for what is not healthy.",
    Stage.SUSPENDED: "Take spec.suspend off it: the app gets no changes meanwhile.",
    Stage.BLOCKED: "Mend the object that the message names: Flux applies all of the app's secrets or none.",
}
