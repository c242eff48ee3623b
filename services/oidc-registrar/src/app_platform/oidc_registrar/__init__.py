"""Makes OIDC clients of labelled Secrets and registers them with Authelia."""
