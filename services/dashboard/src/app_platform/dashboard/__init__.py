"""The web pages and the HTTP API by which people use the platform."""
