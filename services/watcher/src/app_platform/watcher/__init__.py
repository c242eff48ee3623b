"""Turns changes of Kubernetes objects into events, and starts everything anew when the event history was lost."""
