"""Owns the AGE keys, turns secret intents into SOPS files, and tells on each intent how far it has come."""
