import os
import pwd
import shutil

import pytest

from app.core.embedded.account import own_account, postgres_account
from app.core.embedded.errors import BinaryMissingError, EmbeddedError


def _raise_key_error(_name: str) -> None:
    raise KeyError


class TestPostgresAccount:
    def test_an_ordinary_user_runs_it_directly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
        assert postgres_account().is_own
        assert postgres_account().uid == 1234

    def test_root_lends_it_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        account = postgres_account()
        assert account.uid == pwd.getpwnam("nobody").pw_uid
        assert account.prefix[0].endswith("setpriv")

    def test_root_without_setpriv_is_told_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(shutil, "which", lambda _name: None)
        with pytest.raises(BinaryMissingError, match="util-linux"):
            postgres_account()

    def test_root_without_nobody_is_told_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(pwd, "getpwnam", _raise_key_error)
        with pytest.raises(EmbeddedError, match="no user named nobody"):
            postgres_account()


class TestOwnAccount:
    def test_it_needs_no_prefix(self) -> None:
        assert own_account().is_own
