"""A small Git server: bare repositories over smart HTTP, one credential per repository, a JSON API to administer them.

Real `git clone`, `fetch` and `push` work against it, through git's own `http-backend`. It refuses force pushes and the
deletion of branches. It is for one machine: no TLS, no users beyond the administrator and per-repository credentials.
"""
