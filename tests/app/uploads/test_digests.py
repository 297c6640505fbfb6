import hashlib
import uuid

from app.uploads.digests import Digests

UPLOAD = uuid.UUID(int=1)


class TestDigests:
    def test_an_upload_that_begins_has_one(self) -> None:
        digest = Digests().take(UPLOAD, 0)
        assert digest is not None
        assert digest.digest() == hashlib.sha256().digest()

    def test_what_was_kept_goes_on_at_the_same_byte(self) -> None:
        digests = Digests()
        digests.keep(UPLOAD, 3, hashlib.sha256(b"abc"))
        digest = digests.take(UPLOAD, 3)
        assert digest is not None
        digest.update(b"d")
        assert digest.digest() == hashlib.sha256(b"abcd").digest()

    def test_at_another_byte_it_is_worth_nothing(self) -> None:
        digests = Digests()
        digests.keep(UPLOAD, 3, hashlib.sha256(b"abc"))
        assert digests.take(UPLOAD, 2) is None

    def test_it_has_one_user_at_a_time(self) -> None:
        digests = Digests()
        digests.keep(UPLOAD, 3, hashlib.sha256(b"abc"))
        digests.take(UPLOAD, 3)
        assert digests.take(UPLOAD, 3) is None

    def test_the_oldest_makes_room(self) -> None:
        digests = Digests()
        for number in range(257):
            digests.keep(uuid.UUID(int=number), 3, hashlib.sha256(b"abc"))
        assert digests.take(uuid.UUID(int=0), 3) is None
        assert digests.take(uuid.UUID(int=1), 3) is not None
