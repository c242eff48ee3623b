"""A stand-in for Flux's source-controller, for GitRepositories over http(s) and SSH.

It keeps of the real one's behaviour what kustomize-controller and users of `flux` rely on: an artifact served over HTTP,
`status.artifact`, the Ready condition, `observedGeneration`, `spec.interval`, `spec.suspend`, `spec.ref.branch`, and a
fetch at once when `reconcile.fluxcd.io/requestedAt` changes, and an Event for each change. Left out: other references than a branch,
verification, `spec.ignore` and `.sourceignore`, includes. What is left out is said in the Ready condition.
"""
