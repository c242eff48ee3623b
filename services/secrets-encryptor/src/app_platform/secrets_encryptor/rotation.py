"""Replacing an app's AGE key, or the recipients that its files are encrypted for. Pure.

    a request ─► a new key beside the old ─► every file encrypted anew ─► Flux has applied that ─► the old key goes
                 Encrypting                                              Applying                  Done

Guarantees: where a rotation stands is in the objects: the key Secret says which request its first key was made for and which
keys are to go, each intent says whether the repository may still hold files of it for other recipients. So it goes on
after a crash at any step, in any replica. A key goes only when Flux has applied a commit in which every file was seen to
be what it is under the present recipients.
Leaves out: old commits, which stay readable with the old key alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app_platform import sops
from app_platform.contracts import ConditionType, Registration, RotationStatus, Verdict, names
from app_platform.secrets_encryptor import core, sealing
from app_platform.secrets_encryptor.ports import Intent, IntentMetadata, KeyFile
from app_platform.secrets_encryptor.sealing import Keyring

ENCRYPTING: Final = "Encrypting"
APPLYING: Final = "Applying"
DONE: Final = "Done"
REASON: Final = "Rotating"


@dataclass(frozen=True)
class Count:
    """How far the files are.

    Attributes:
        total: Files of all intents that have any.
        left: Those that may still be for other recipients.
        stuck: Intents that cannot be encrypted anew before their author changes something.
    """

    total: int
    left: int
    stuck: tuple[str, ...]


def is_requested(registration: Registration) -> bool:
    """Whether a new key is asked for that the status does not speak of yet."""
    return registration.rotate_key not in {"", registration.status.rotation.request}


def is_running(registration: Registration) -> bool:
    """Whether the status says that a rotation is under way."""
    return registration.status.rotation.phase in {ENCRYPTING, APPLYING}


def begun(key: KeyFile, request: str, fresh: sops.Identity) -> KeyFile:
    """The key file with a new identity in use, and the one before it kept until no file needs it.

    Args:
        key: As it is; an AGE key file.
        request: Why.
        fresh: The new identity.
    """
    used = sops.parse_identities(key.content)[0].recipient
    retiring = tuple(dict.fromkeys((*key.retiring, used)))
    return replace(key, content=f"{fresh.secret}\n{key.content}", request=request, retiring=retiring)


def finished(key: KeyFile) -> KeyFile:
    """The key file without the identities that were to go; others that were put there by hand stay."""
    used, *others = sops.parse_identities(key.content)
    kept = [used, *(identity for identity in others if identity.recipient not in key.retiring)]
    return replace(key, content="".join(f"{identity.secret}\n" for identity in kept), retiring=())


def is_left(intent: Intent | IntentMetadata, ring: Keyring) -> bool:
    """Whether the repository may hold files of this intent for other recipients than the present ones."""
    stored = intent.annotations.get(names.SECRET_ENVELOPE)
    if names.SECRET_OLD_RECIPIENTS in intent.annotations:
        return True
    if stored is None:
        # Never encrypted; or the annotation was lost after a commit, and nobody knows.
        return names.SECRET_COMMIT in intent.annotations
    return not sealing.is_for(ring, intent.uid, stored)


def count(intents: Sequence[Intent | IntentMetadata], ring: Keyring) -> Count:
    """How many files there are, and how many are left.

    Args:
        intents: All of the app's.
        ring: The app's keys.
    """
    files = {i.name: max(1, len(core.targets_of(i))) for i in intents if _has_files(i)}
    left = [i for i in intents if i.name in files and is_left(i, ring)]
    stuck = [i.name for i in left if i.annotations.get(names.SECRET_STATUS) == core.Status.FAILED]
    return Count(sum(files.values()), sum(files[i.name] for i in left), tuple(sorted(stuck)))


def _has_files(intent: Intent | IntentMetadata) -> bool:
    return names.SECRET_ENVELOPE in intent.annotations or names.SECRET_COMMIT in intent.annotations


def status(
    registration: Registration, key: KeyFile, counted: Count, commit: str | None, now: datetime
) -> RotationStatus:
    """Where the rotation stands.

    Args:
        registration: With the status before.
        key: As it is now.
        counted: The files.
        commit: In which every file was seen to be for the present recipients; ``None`` for what is known of it already.
        now: The present time.
    """
    before = registration.status.rotation
    same = before.request == key.request and (is_running(registration) or not counted.left)
    started = before.started_at if same and before.started_at else now.replace(microsecond=0).isoformat()
    verified = (before.commit if same else "") if commit is None else commit
    if counted.left:
        phase, verified = ENCRYPTING, ""
    elif not key.retiring and before.phase in {"", DONE}:
        phase = DONE
    else:
        phase = APPLYING if verified else ENCRYPTING
    return RotationStatus(
        request=key.request,
        phase=phase,
        files_total=counted.total,
        files_left=counted.left,
        started_at=started,
        commit=verified,
    )


def ended(before: RotationStatus) -> RotationStatus:
    """The status when the old keys have gone."""
    return before.model_copy(update={"phase": DONE, "files_left": 0})


def verdict(running: RotationStatus, counted: Count, recipients: Sequence[str]) -> Verdict:
    """The condition: the key is there all the time; it says how far the rotation is."""
    ready = core.key_ready(recipients)
    if running.phase not in {ENCRYPTING, APPLYING}:
        return ready
    message = f"{ready.message}; {_progress(running, counted)}"
    return Verdict(ConditionType.ENCRYPTION_KEY, REASON, message, ok=True)


def _progress(running: RotationStatus, counted: Count) -> str:
    if running.phase == APPLYING:
        return (
            f"all {counted.total} files are, as of commit {running.commit[:12]}; "
            "what could read them before goes when Flux has applied it"
        )
    if not counted.left:
        return f"all {counted.total} files were encrypted anew; the repository is being compared"
    message = f"{counted.left} of {counted.total} files are still to be encrypted anew"
    if counted.stuck:
        message += f"; change or delete the secrets that are Failed: {core.listing(counted.stuck)}"
    return message
