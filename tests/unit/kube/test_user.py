"""For whom a request may be made: RBAC cannot narrow names of users by prefix, so this is where it holds."""

import pytest

from app_platform.kube import ImpersonationError, User


def test_a_person_is_named_with_the_groups() -> None:
    assert User("oidc:ada", ("team", "other")).headers == [
        ("Impersonate-User", "oidc:ada"),
        ("Impersonate-Group", "team"),
        ("Impersonate-Group", "other"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "oidc:",
        "ada",
        "system:admin",
        "system:kube-controller-manager",
        "system:serviceaccount:app-platform-system:secrets-encryptor",
        " oidc:ada",
        "OIDC:ada",
        "oidc:ada\r\nImpersonate-Group: system:masters",
        "oidc:ada\n",
        "oidc:ada ",
        "oidc:\u202eada",
    ],
)
def test_nobody_but_people_is_spoken_for(name: str) -> None:
    with pytest.raises(ImpersonationError) as refusal:
        _ = User(name).headers
    assert "ada" not in str(refusal.value)


@pytest.mark.parametrize("group", ["system:masters", "system:", "team\r\nX: y", "team\x00"])
def test_no_group_of_kubernetes_is_spoken_for(group: str) -> None:
    with pytest.raises(ImpersonationError):
        _ = User("oidc:ada", ("team", group)).headers
