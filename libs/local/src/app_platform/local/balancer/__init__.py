"""What spreads browsers over the replicas of the dashboard on this machine, as an ingress does in a cluster."""
