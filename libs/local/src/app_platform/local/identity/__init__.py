"""An OpenID provider for one machine, in the place of Authelia: `python -m app_platform.local.identity`.

It loads the very file that oidc-registrar renders for Authelia, and a users file of Authelia's format, and behaves as Authelia is
documented to: an invalid file stops it, redirect URIs match exactly, secrets are checked against their digests, PKCE is
demanded where the client says so, and the ID token is minimal unless a claims policy adds to it. Clients that work here work
there. What is not here (a second factor, dynamic redirects, request objects, other algorithms than RS256 …) is refused
when the file is loaded, or said on the page. libs/local/README.md has the whole list.

    clients.py             a client's options and what they mean
    registry.py, users.py  the two files: validated on load, clear errors
    digests.py             pbkdf2 and argon2 digests as Authelia writes them
    claims.py              which claims go where; pure
    store.py               codes, tokens and consents in SQLite, so that a restart loses none
    grants.py, id_token.py the flows, on Authlib
    pages.py               sign-in and sign-out
    authorization.py       the authorization endpoint, with consent
    endpoints.py           what OpenID clients call
"""
