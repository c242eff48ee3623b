"""Makes the namespaces of each app, who may do what in them, and the secret-reader grant."""
