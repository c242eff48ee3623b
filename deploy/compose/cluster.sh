#!/bin/sh
# What the cluster must hold before the services start; may be run again. Run by service `cluster` of docker-compose.yml.
set -eu
secrets=/etc/app-platform
export KUBECONFIG=$secrets/cluster/kubeconfig

# k3s makes its own authority; whoever has a kubeconfig gets its certificate beside it.
for kubeconfig in "$secrets"/*/kubeconfig; do
    cat /var/lib/rancher/k3s/server/tls/server-ca.crt > "${kubeconfig%/*}/k3s-ca.crt"
done

apply() { kubectl apply --server-side --force-conflicts "$@"; }

kubectl create namespace app-platform-system --dry-run=client -o yaml | apply -f -
apply -f /deploy/kubernetes/crds -f /deploy/kubernetes/rbac -f /deploy/kubernetes/policies
# The Git server here speaks HTTP.
kubectl -n app-platform-system patch configmap app-platform-policies --type merge \
    -p '{"data": {"gitSchemes": "http,https,ssh", "gitCredentialSchemes": "http,ssh"}}'

apply -k /deploy/compose/flux

kubectl create namespace authelia --dry-run=client -o yaml | apply -f -
kubectl -n authelia create secret generic authelia --dry-run=client -o yaml \
    --from-file="$secrets/cluster/authelia" --from-file=users.yml=/deploy/local/users.yml | apply -f -
apply -k /deploy/compose/authelia
