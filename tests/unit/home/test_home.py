"""Homes: they appear whole or not at all, and enrolment needs as many administrators as the charter says."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import BOTH, check_log

from hashpact.config import HomeConfig
from hashpact.errors import ConfigError, ConflictError, MalformedError
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.member.profile import Profile

CONFIG = HomeConfig("test.example/log")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two administrators who must both sign."""
    create_home(tmp_path / "home", CONFIG, admins=2, threshold=2, passphrase=None)
    return tmp_path / "home"


def test_a_home_has_what_its_options_say(home: Path) -> None:
    with open_home(home) as opened:
        charter = opened.charter()
        assert (charter.origin, charter.threshold, len(charter.admins)) == ("test.example/log", 2, 2)
        assert {"csam", "ncii", "other-illegal"} <= set(charter.labels)
        assert check_log(opened.ledger).size == 2
    private = [path for path in home.rglob("*") if path.suffix == ".key"] + [home / "hashpact.db"]
    assert len(private) == 7
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


@pytest.mark.parametrize(
    ("origin", "admins", "threshold"),
    [
        ("Not An Origin", 2, 2),
        ('t"', 2, 2),
        (CONFIG.origin, 2, 3),
        (CONFIG.origin, 16, 2),
        (CONFIG.origin, 2, 0),
    ],
)
def test_a_home_that_breaks_a_rule_leaves_nothing(
    tmp_path: Path, origin: str, admins: int, threshold: int
) -> None:
    with pytest.raises(Exception, match=r"origin|threshold|admin"):
        create_home(
            tmp_path / "home", HomeConfig(origin), admins=admins, threshold=threshold, passphrase=None
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("easy_to_guess")
def test_the_keys_of_a_home_and_a_profile_open_with_their_passphrases(tmp_path: Path) -> None:
    secret, other = b"correct horse battery", b"another horse battery"
    create_home(tmp_path / "home", CONFIG, admins=1, threshold=1, passphrase=secret)
    private = [*(tmp_path / "home" / "pki").glob("*.key")]
    assert len(private) == 5
    assert all(path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY") for path in private)
    with (
        open_home(tmp_path / "home") as opened,
        pytest.raises(ConfigError, match=r"admin-1\.key is encrypted"),
    ):
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", other)
    with open_home(tmp_path / "home", lambda _: [secret]) as opened:
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", other)
    for name in ("member-1.key", "tls.pem"):
        assert (tmp_path / "acme" / name).read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY")
    with pytest.raises(ConfigError, match=r"member-1\.key is encrypted"):
        Profile.load(tmp_path / "acme")
    with pytest.raises(ConfigError, match=r"cannot open .*member-1\.key"):
        Profile.load(tmp_path / "acme", lambda _: [secret])
    assert Profile.load(tmp_path / "acme", lambda _: [other]).member == "acme-video"


def test_a_home_never_overwrites(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not an empty directory"):
        create_home(home, CONFIG, admins=2, threshold=2, passphrase=None)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in ("file", "link"):
        with pytest.raises(ConfigError, match="not an empty directory"):
            create_home(tmp_path / taken, CONFIG, admins=2, threshold=2, passphrase=None)
    (tmp_path / "empty").mkdir()
    create_home(tmp_path / "empty", CONFIG, admins=1, threshold=1, passphrase=None)


def test_what_is_no_home_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hashpact init"), open_home(tmp_path):
        pass


def test_a_home_is_of_its_log(home: Path) -> None:
    config = HomePaths(home).config
    config.write_text(config.read_text().replace("test.example", "other.example"))
    with pytest.raises(ConfigError, match=r"the log was founded as 'test.example/log'"), open_home(home):
        pass


def test_enrolment_needs_the_keys_of_as_many_administrators_as_must_sign(home: Path, tmp_path: Path) -> None:
    key = HomePaths(home).admin_key("2")
    key.rename(tmp_path / "elsewhere")
    with open_home(home) as opened:
        with pytest.raises(ConfigError, match=r"2 administrators must sign; .* has the keys of 1"):
            enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", None)
        (tmp_path / "elsewhere").rename(key)
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", None)
        check_log(opened.ledger)


def test_an_enrolment_that_is_refused_leaves_no_profile(home: Path, tmp_path: Path) -> None:
    with open_home(home) as opened:
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", None)
        with pytest.raises(ConflictError, match="enrolled already"):
            enrol_member(opened, "acme-video", BOTH, tmp_path / "again", None)
        with pytest.raises(MalformedError, match="member id"):
            enrol_member(opened, "Acme Video", BOTH, tmp_path / "again", None)
        with pytest.raises(ConfigError, match="not an empty directory"):
            enrol_member(opened, "lotus-forum", BOTH, tmp_path / "acme", None)
        assert check_log(opened.ledger).size == 4
    assert {path.name for path in tmp_path.iterdir()} == {"home", "acme"}


@pytest.mark.parametrize(
    ("configured", "bound", "address"),
    [
        (None, None, "127.0.0.1:8443"),
        (None, "localhost:9000\n", "localhost:9000"),
        ("hp.example:1", "localhost:9000\n", "hp.example:1"),
    ],
)
def test_profiles_carry_the_address_that_members_can_reach(
    tmp_path: Path, configured: str | None, bound: str | None, address: str
) -> None:
    create_home(
        tmp_path / "home", HomeConfig("t", address=configured), admins=1, threshold=1, passphrase=None
    )
    if bound is not None:
        HomePaths(tmp_path / "home").bound.write_text(bound)
    with open_home(tmp_path / "home") as opened:
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme", None)
    assert Profile.load(tmp_path / "acme").endpoint.address == address
