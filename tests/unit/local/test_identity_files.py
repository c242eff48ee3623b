"""Digests of Authelia's formats, users that change, and codes and tokens that are used once."""

from pathlib import Path

import pytest
import yaml

from app_platform.local.identity import digests, keys
from app_platform.local.identity.errors import ConfigurationError
from app_platform.local.identity.store import Grant, Store
from app_platform.local.identity.users import Users, load_users
from app_platform.local.paths import workspace_root
from support.identity import PASSWORD, PASSWORD_DIGEST, SECRET, SECRET_DIGEST, users_file

# The example of Authelia's documentation (configuration of OpenID Connect clients), "the digest of 'insecure_secret'".
DOCUMENTED = "$pbkdf2-sha512$310000$c8p78n7pUMln0jzvd4aK4Q$JNRBzwAo0ek5qKn50cFzzvE9RXV88h1wJn5KGiHrD0YKtZaR/nCb2CJPOsKaPK0hjf.9yHxzQGZziziccp6Yng"


@pytest.mark.parametrize(
    ("digest", "secret"),
    [(DOCUMENTED, "insecure_secret"), (SECRET_DIGEST, SECRET), (PASSWORD_DIGEST, PASSWORD)],
)
def test_a_digest_is_of_one_secret(digest: str, secret: str) -> None:
    assert digests.is_known(digest)
    assert digests.verify(digest, secret)
    assert not digests.verify(digest, secret + " ")
    assert not digests.verify(digest, "")


@pytest.mark.parametrize(
    "digest",
    ["", "password", "$plaintext$password", "$2b$12$abc", "$pbkdf2-sha512$0$a$b", SECRET_DIGEST + "\n"],
)
def test_other_digests_are_not_known_and_fit_nothing(digest: str) -> None:
    assert not digests.is_known(digest)
    assert not digests.verify(digest, "password")


def test_the_sample_users_have_the_documented_password() -> None:
    users = Users(workspace_root() / "deploy" / "local" / "users.yml")
    assert [
        bool(users.authenticate(name, "password")) for name in ("paula", "ada", "dev", "rita", "sam", "olga")
    ] == [True] * 6
    ada = users.find("ada")
    assert ada is not None
    assert ada.details.groups == ["my-app-admins"]


def test_users_are_known_by_their_password_unless_disabled(tmp_path: Path) -> None:
    file = tmp_path / "users.yml"
    file.write_text(users_file())
    users = Users(file)
    found = users.authenticate("ada", PASSWORD)
    assert found is not None
    assert found.details.groups == ["my-app-admins", "everybody"]
    assert users.authenticate("ada", "wrong") is None
    assert users.authenticate("gone", PASSWORD) is None
    assert users.authenticate("nobody", PASSWORD) is None
    assert PASSWORD_DIGEST not in repr(found)


def test_a_changed_file_is_followed_and_a_broken_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "users.yml"
    file.write_text(users_file())
    users = Users(file)
    file.write_text(users_file(new={"displayname": "New", "password": PASSWORD_DIGEST}))
    assert users.authenticate("new", PASSWORD)
    file.write_text(f"users: {{new: {{password: {SECRET}}}}}")
    assert users.authenticate("new", PASSWORD)
    said = capsys.readouterr().err
    assert "the users stay as they were" in said
    assert "users.new.displayname: Field required" in said
    assert SECRET not in said
    file.unlink()
    assert users.find("new")


@pytest.mark.parametrize(
    "text", ["", "users: [", "users: {a: {displayname: A, password: plain}}", "people: {}"]
)
def test_what_is_no_users_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "users.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"users\.yml"):
        load_users(file)


def test_users_of_authelia_may_have_more_details(tmp_path: Path) -> None:
    file = tmp_path / "users.yml"
    content = yaml.safe_load(users_file())
    content["users"]["ada"] |= {"given_name": "Ada", "locale": "en-GB", "address": {"country": "UK"}}
    file.write_text(yaml.safe_dump(content))
    assert load_users(file)["ada"].details.given_name == "Ada"


GRANT = Grant("family", "my-app", "ada", "openid", 1, 2)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(tmp_path / "tokens.sqlite", clock)


def test_a_code_is_good_once_and_a_second_use_revokes_what_came_of_it(store: Store) -> None:
    store.put("code", "c", GRANT, 60)
    assert store.redeem("code", "c") == GRANT
    store.put("access", "a", GRANT, 3600)
    assert store.find("access", "a") == GRANT
    assert store.redeem("code", "c") is None
    assert store.find("access", "a") is None


def test_grants_expire_and_kinds_are_kept_apart(store: Store, clock: Clock) -> None:
    store.put("code", "c", GRANT, 60)
    assert store.find("access", "c") is None
    assert store.redeem("access", "c") is None
    clock.now += 61
    assert store.redeem("code", "c") is None
    store.put("access", "a", GRANT, 10)
    assert store.find("access", "a") == GRANT


def test_a_family_is_revoked_together(store: Store) -> None:
    store.put("access", "a", GRANT, 60)
    store.put("refresh", "r", GRANT, 60)
    store.revoke("family")
    assert store.find("access", "a") is None
    assert store.redeem("refresh", "r") is None


def test_the_file_holds_no_secret_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite"
    Store(path).put("code", "canary-code", GRANT, 60)
    assert b"canary-code" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert Store(path).redeem("code", "canary-code") == GRANT


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    key, cookie = keys.signing_key(tmp_path), keys.cookie_key(tmp_path)
    assert keys.signing_key(tmp_path).as_dict(private=True) == key.as_dict(private=True)
    assert keys.cookie_key(tmp_path) == cookie
    assert [file.stat().st_mode & 0o077 for file in tmp_path.iterdir()] == [0, 0]
    published = keys.public_keys(key)["keys"][0]
    assert published.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert published["kid"] == key.thumbprint()
