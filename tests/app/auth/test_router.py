import uuid

import pytest
from fastapi.testclient import TestClient

from app.auth.service import KeyContext
from app.dependencies import SESSION_COOKIE
from tests.conftest import client_with_key

CSRF = {"X-Mispair": "1"}


def _new_key(client: TestClient, name: str = "ci") -> dict[str, str]:
    created: dict[str, str] = client.post("/v1/keys", json={"name": name}).json()
    return created


class TestAuthorization:
    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer x", "Basic eDp5", "mispair_x_y", "Bearer mispair_x_y z"]
    )
    def test_without_a_key_nothing_is_served(self, anonymous_client: TestClient, header: str | None) -> None:
        headers = {} if header is None else {"Authorization": header}
        answer = anonymous_client.get("/v1/corpora", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_key_in_the_query_does_not_count(self, anonymous_client: TestClient, api_key: str) -> None:
        assert anonymous_client.get("/v1/corpora", params={"key": api_key}).status_code == 401

    def test_the_scheme_may_be_written_in_any_case(self, anonymous_client: TestClient, api_key: str) -> None:
        assert anonymous_client.get("/v1/corpora", headers={"Authorization": f"bearer {api_key}"}).status_code == 200


class TestCreateKey:
    def test_the_new_key_works_at_once(self, client: TestClient) -> None:
        key = _new_key(client)["key"]
        assert client_with_key(client, key).get("/v1/corpora").status_code == 200

    def test_it_opens_the_same_workspace(self, client: TestClient) -> None:
        client.post("/v1/corpora", json={"name": "birds"})
        listed = client_with_key(client, _new_key(client)["key"]).get("/v1/corpora").json()
        assert [corpus["name"] for corpus in listed["items"]] == ["birds"]

    def test_its_expiry_is_kept(self, client: TestClient) -> None:
        answer = client.post("/v1/keys", json={"name": "ci", "expires_at": "2999-01-01T00:00:00Z"})
        assert answer.json()["expires_at"] == "2999-01-01T00:00:00Z"

    def test_its_expiry_is_told_in_utc(self, client: TestClient) -> None:
        answer = client.post("/v1/keys", json={"name": "ci", "expires_at": "2999-01-01T02:00:00+02:00"})
        assert answer.json()["expires_at"] == "2999-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        "expires_at",
        [
            "2020-01-01T00:00:00Z",
            "2999-01-01T00:00:00",
            "soon",
            "9999-12-31T23:59:59-23:59",
            "0001-01-01T00:00:00+23:59",
        ],
    )
    def test_an_expiry_that_makes_no_sense_is_refused(self, client: TestClient, expires_at: str) -> None:
        assert client.post("/v1/keys", json={"name": "ci", "expires_at": expires_at}).status_code == 422


class TestListKeys:
    def test_the_newest_comes_first(self, client: TestClient) -> None:
        for name in ("one", "two"):
            _new_key(client, name)
        names = [key["name"] for key in client.get("/v1/keys").json()["items"]]
        assert names == ["two", "one", "test key"]

    def test_no_secret_is_shown(self, client: TestClient) -> None:
        key = _new_key(client)["key"]
        assert key.rsplit("_", 1)[1] not in client.get("/v1/keys").text

    def test_another_workspaces_are_not_listed(self, client: TestClient, other_client: TestClient) -> None:
        created = _new_key(client)
        assert created["id"] not in other_client.get("/v1/keys").text

    def test_pages_join_to_the_whole_list(self, client: TestClient) -> None:
        for name in ("one", "two", "three"):
            _new_key(client, name)
        first = client.get("/v1/keys", params={"limit": 3}).json()
        second = client.get("/v1/keys", params={"limit": 3, "cursor": first["next_cursor"]}).json()
        assert [key["name"] for key in first["items"] + second["items"]] == ["three", "two", "one", "test key"]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize("limit", [0, 501, "x"])
    def test_a_limit_out_of_range_is_refused(self, client: TestClient, limit: object) -> None:
        assert client.get("/v1/keys", params={"limit": str(limit)}).status_code == 422


class TestRevokeKey:
    def test_the_next_request_with_it_is_refused(self, client: TestClient) -> None:
        created = _new_key(client)
        assert client.delete(f"/v1/keys/{created['id']}").status_code == 204
        answer = client_with_key(client, created["key"]).get("/v1/corpora")
        assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")

    def test_another_workspaces_key_does_not_exist(self, client: TestClient, other_client: TestClient) -> None:
        created = _new_key(client)
        assert other_client.delete(f"/v1/keys/{created['id']}").status_code == 404

    def test_an_unknown_key_does_not_exist(self, client: TestClient) -> None:
        assert client.delete(f"/v1/keys/{uuid.uuid4()}").status_code == 404


class TestSession:
    @pytest.fixture
    def browser(self, anonymous_client: TestClient, client: TestClient) -> TestClient:
        """A client that has the cookie and no key."""
        token = client.post("/v1/session").cookies[SESSION_COOKIE]
        anonymous_client.cookies.set(SESSION_COOKIE, token)
        return anonymous_client

    def test_the_cookie_is_for_this_site_and_not_for_scripts(self, client: TestClient) -> None:
        cookie = client.post("/v1/session").headers["Set-Cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
        assert "secure" not in cookie

    def test_over_https_the_cookie_is_secure(self, client: TestClient) -> None:
        client.base_url = "https://testserver"
        assert "secure" in client.post("/v1/session").headers["Set-Cookie"].lower()

    def test_a_get_takes_the_cookie(self, browser: TestClient) -> None:
        assert browser.get("/v1/corpora").status_code == 200

    def test_another_method_with_the_cookie_alone_is_forbidden(self, browser: TestClient) -> None:
        answer = browser.post("/v1/corpora", json={"name": "birds"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    def test_another_method_with_the_cookie_and_the_header_is_served(self, browser: TestClient) -> None:
        assert browser.post("/v1/corpora", json={"name": "birds"}, headers=CSRF).status_code == 201

    def test_a_key_beside_the_cookie_needs_no_header(self, browser: TestClient, api_key: str) -> None:
        answer = browser.post("/v1/corpora", json={"name": "a"}, headers={"Authorization": f"Bearer {api_key}"})
        assert answer.status_code == 201

    def test_a_bad_key_beside_the_cookie_is_refused(self, browser: TestClient) -> None:
        assert browser.get("/v1/corpora", headers={"Authorization": "Bearer x"}).status_code == 401

    def test_a_cookie_cannot_be_traded_for_another(self, browser: TestClient) -> None:
        assert browser.post("/v1/session", headers=CSRF).status_code == 401

    def test_closing_it_ends_it(self, browser: TestClient) -> None:
        token = browser.cookies[SESSION_COOKIE]
        assert browser.delete("/v1/session", headers=CSRF).status_code == 204
        browser.cookies.set(SESSION_COOKIE, token)
        assert browser.get("/v1/corpora").status_code == 401

    def test_closing_it_drops_the_cookie(self, browser: TestClient) -> None:
        assert 'mispair_session=""' in browser.delete("/v1/session", headers=CSRF).headers["Set-Cookie"]

    def test_revoking_its_key_ends_it(self, browser: TestClient, client: TestClient, context: KeyContext) -> None:
        client.delete(f"/v1/keys/{context.key_id}")
        assert browser.get("/v1/corpora").status_code == 401

    def test_an_unknown_cookie_is_refused(self, anonymous_client: TestClient) -> None:
        anonymous_client.cookies.set(SESSION_COOKIE, "x")
        assert anonymous_client.get("/v1/corpora").status_code == 401
