"""A stand-in for Flux's source-controller, for GitRepositories over http(s).

It keeps of the real one's behaviour what kustomize-controller and users of `flux` rely on: an artifact served over HTTP,
`status.artifact`, the Ready condition, `observedGeneration`, `spec.interval`, `spec.suspend`, `spec.ref.branch`, and a
fetch at once when `reconcile.fluxcd.io/requestedAt` changes. Left out: other references than a branch, SSH,
verification, `spec.ignore` and `.sourceignore`, includes, events. What is left out is said in the Ready condition.
"""
