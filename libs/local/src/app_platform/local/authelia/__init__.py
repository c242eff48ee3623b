"""A stand-in for everything that runs Authelia in a cluster: deployment controller, kubelet and Service, on one machine.

It follows Deployment `authelia` and Secret `authelia-oidc-clients` in namespace `authelia`, runs the OpenID provider of
`app_platform.local.identity` as the Deployment's pod, and writes the Deployment's status. As in a cluster:

- a changed pod template starts a new process beside the old one; the old one serves until the new one is ready, and goes on
  serving when it never is (a rolling update with `maxUnavailable: 0`);
- a process sees the Secret as it was when it started: changing the Secret alone changes nothing, until the process restarts;
- without the Secret's entry there is nothing to start, and with a file that the provider refuses it is started again and again;
- when `spec.progressDeadlineSeconds` are over, condition `Progressing` is `False`, reason `ProgressDeadlineExceeded`;
- going back to the template of the running process needs no new one;
- the address of the provider refuses connections while no process is ready.

Left out: ReplicaSets and Pods as objects, more than one replica, probes (a process is ready once it listens), `spec.paused`,
`minReadySeconds`, and everything the pod template says beyond being the same or another one.
"""
