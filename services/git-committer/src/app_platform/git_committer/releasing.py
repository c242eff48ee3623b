"""Letting go of namespaces that the app gave up: their files leave Git, and what is live there stays.

Flux prunes what is in Git no more, unless the live object says not to. So, while an app has files in a namespace that its registration
does not name any more:

1. the managed Kustomization gets a patch that puts ``kustomize.toolkit.fluxcd.io/prune: disabled`` on every Secret there;
2. when Flux has applied that, the files leave Git;
3. when Flux holds nothing there any more, the patch goes.

Guarantees: each step follows from what is there, so any of them may be repeated, late, or done by another replica. A namespace that is
gone, or another app's by now, is not waited for, since Flux cannot apply anything there: its files go at once, so that all else is
delivered. A namespace that the app takes back is applied without the mark, which takes it off.
Leaves out: the namespaces' bindings, which namespace-rbac keeps until Flux holds nothing there.
"""

from app_platform.contracts import Registration
from app_platform.git_committer import core, flux, messages
from app_platform.git_committer.ports import Head, HeadMoved, Ports
from app_platform.runtime.tracing import trace_id


async def let_go(ports: Ports, registration: Registration, head: Head) -> Head:
    """Apply the managed Kustomization and do the step that is next; returns the head then.

    Raises:
        ForgeError: The forge refused or does not answer.
    """
    app, allowed = registration.name, registration.spec.namespaces
    _, before = await ports.cluster.flux(app)
    with_files = core.secrets_by_namespace(head.tree).keys()
    given_up = sorted((with_files | flux.delivered_to(before)) - set(allowed))
    await ports.cluster.apply_flux([flux.kustomization(registration, given_up)])
    marked = set(flux.kept(before)) if flux.is_applied(before) else set()
    unmarked = [name for name in given_up if name in with_files and name not in marked]
    waiting = await ports.cluster.belonging(app, unmarked)
    changes = core.leaving(head.tree, given_up, waiting)
    if not changes:
        return head
    try:
        sha = await ports.forge.commit(app, head, changes, messages.withdrawal_message(changes, trace_id()))
    except HeadMoved:
        return head  # Flux applies what moved it, and that is told: then it is looked at again
    after = core.after(head, sha, changes)
    await ports.sync.fetch_now(app, len(after.tree))
    return after
